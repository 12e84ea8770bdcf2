"""Builds a virtual board's surroundings from its hardware and a scene."""

import hashlib
import random

from dexkit.hardware import Hardware, Sensor
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.sim.chips import LSM6DSOX, MCP23017, MPR121, NAU7802, Chip
from dexkit.sim.desk import Bus, Desk
from dexkit.sim.feed import Contacts, Feed, Stage, World

#: How far a chip's own oscillator is off, at most (PROPOSED).
OSCILLATOR_PPM = 2000.0


def make_desk(
    hardware: Hardware,
    world: World,
    stage: Stage,
    *,
    seed: int = 0,
    ticks_start_us: int = 0,
) -> tuple[Desk, dict[str, Chip]]:
    """Return the desk of one object, and its chips by the names they have in the hardware file.

    Parameters
    ----------
    hardware
        The object's board and what hangs on it.
    world
        The object as a function of time.
    stage
        When the scene plays.
    seed
        Makes the board's unique id, its chance, and how far its oscillators are off.
    ticks_start_us
        What the tick clock says at power-up.
    """
    name = f"{hardware.object} {seed}"
    chance = random.Random(name)
    buses = {bus.id: Bus(scl=bus.scl_pin, sda=bus.sda_pin) for bus in hardware.buses.values()}
    chips: dict[str, Chip] = {}
    ready_pins: dict[int, Chip] = {}
    for sensor in hardware.sensors.values():
        chip = _chip(sensor, world, stage, chance.uniform(-OSCILLATOR_PPM, OSCILLATOR_PPM))
        chips[sensor.name] = chip
        buses[sensor.bus].chips.append(chip)
        if sensor.ready_pin is not None:
            ready_pins[sensor.ready_pin] = chip
    desk = Desk(
        buses,
        ready_pins,
        unique_id=hashlib.sha256(name.encode()).digest()[:8],
        seed=seed,
        ticks_start_us=ticks_start_us,
        us_per_wall_s=1.0 / stage.world_s_per_us,
    )
    return desk, chips


def _chip(sensor: Sensor, world: World, stage: Stage, rate_ppm: float) -> Chip:
    """Return the model of a chip with the world's columns on its inputs."""
    table = TABLE[sensor.stream.split("/")[0]]
    columns = [table.index(column) for column in sensor.channels]
    if sensor.chip == "nau7802":
        newton_per_count = float(STREAMS[sensor.stream].scales[0])
        return NAU7802(sensor.address, Feed(world, columns, stage), newton_per_count, rate_ppm=rate_ppm)
    if sensor.chip == "lsm6dsox":
        return LSM6DSOX(sensor.address, Feed(world, columns, stage), rate_ppm=rate_ppm)
    contacts = Contacts(world, columns, sensor.chip_pins, stage)
    if sensor.chip == "mpr121":
        return MPR121(sensor.address, contacts)
    return MCP23017(sensor.address, contacts, low_when_closed=sensor.active_low)
