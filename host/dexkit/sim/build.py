"""Builds a virtual board's surroundings from its hardware file and a scene."""

import hashlib
import random
from collections.abc import Mapping
from typing import Any

from dexkit.errors import InputError
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.sim.chips import LSM6DSOX, MCP23017, MPR121, NAU7802, Chip
from dexkit.sim.desk import Bus, Desk
from dexkit.sim.feed import Contacts, Feed, Stage
from dexkit.sim.scene import Scene

#: How far a chip's own oscillator is off, at most (PROPOSED).
OSCILLATOR_PPM = 2000.0


def make_desk(
    scene: Scene,
    hardware: Mapping[str, Any],
    stage: Stage,
    *,
    seed: int = 0,
    object_kind: str = "",
    **settings: Any,
) -> tuple[Desk, dict[str, Chip]]:
    """Return the desk of one object, and its chips by the names they have in the hardware file.

    Parameters
    ----------
    scene
        Who does what with the object.
    hardware
        The hardware file, read.
    stage
        When the scene plays.
    seed
        Makes the board's unique id, its chance, and how far its oscillators are off.
    object_kind
        Which object of the scene [the scene's own].
    settings
        What Desk takes.

    Raises
    ------
    InputError
        When the file names a chip for which there is no model.
    """
    kind = object_kind or scene.object_kind
    chance = random.Random(f"{kind} {seed}")
    buses = {int(n): Bus(scl=bus["scl_pin"], sda=bus["sda_pin"]) for n, bus in hardware["bus"].items()}
    chips: dict[str, Chip] = {}
    ready_pins: dict[int, Chip] = {}
    for name, sensor in hardware["sensor"].items():
        columns = [TABLE[kind].index(column) for column in sensor["channels"]]
        rate_ppm = chance.uniform(-OSCILLATOR_PPM, OSCILLATOR_PPM)
        chips[name] = chip = _chip(sensor, scene, kind, columns, stage, rate_ppm)
        buses[sensor["bus"]].chips.append(chip)
        if "ready_pin" in sensor:
            ready_pins[sensor["ready_pin"]] = chip
    unique_id = hashlib.sha256(f"{kind} {seed}".encode()).digest()[:8]
    desk = Desk(buses, ready_pins, unique_id=unique_id, seed=seed, **settings)
    return desk, chips


def _chip(
    sensor: Mapping[str, Any], scene: Scene, kind: str, columns: list[int], stage: Stage, rate_ppm: float
) -> Chip:
    world, address = scene.worlds[kind], sensor["address"]
    if sensor["chip"] == "nau7802":
        newton_per_count = float(STREAMS[sensor["stream"]].scales[0])
        return NAU7802(address, Feed(world, columns, stage), newton_per_count, rate_ppm=rate_ppm)
    if sensor["chip"] == "lsm6dsox":
        return LSM6DSOX(address, Feed(world, columns, stage), rate_ppm=rate_ppm)
    pins = dict(enumerate(sensor.get("chip_pins", range(len(columns)))))
    contacts = Contacts(world, columns, stage)
    if sensor["chip"] == "mcp23017":
        return MCP23017(address, contacts, pins, low_when_closed=sensor.get("active", "low") == "low")
    if sensor["chip"] == "mpr121":
        return MPR121(address, contacts, pins)
    raise InputError(
        f"There is no model of the chip {sensor['chip']!r}. Probably the hardware file is newer than this "
        f"program. Use one of: nau7802, lsm6dsox, mcp23017, mpr121."
    )
