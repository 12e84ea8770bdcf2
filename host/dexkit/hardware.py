"""The kit as data: pins, buses, chips, geometry and masses of each object, its boards; from hardware/*.toml.

Run as ``python -m dexkit.hardware`` it writes firmware/objects/, the wiring that each board has; with
``--check`` it compares instead.
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dexkit.errors import InputError
from dexkit.kit_files import folder
from dexkit.protocol.tables import OBJECT_ID, STREAMS

GENERATED = "generated from hardware/{}.toml by `make generate`; do not edit"


@dataclass(frozen=True)
class Chip:
    """What is known of a kind of chip: where a reading begins, how many bytes it has."""

    register: int
    reading_bytes: int
    has_ready_pin: bool


CHIPS = {
    "nau7802": Chip(0x12, 3, True),
    "lsm6dsox": Chip(0x22, 12, True),
    "mcp23017": Chip(0x12, 2, False),
    "mpr121": Chip(0x00, 2, False),
}


@dataclass(frozen=True)
class Bus:
    """An I2C bus of the board."""

    id: int
    sda_pin: int
    scl_pin: int
    hz: int


@dataclass(frozen=True)
class Sensor:
    """One chip on a bus, and the channels of a stream that it gives.

    Parameters
    ----------
    name
        As hello names it.
    chip
        Kind of chip, a key of CHIPS.
    bus, address
        Where it answers.
    ready_pin
        Pin of the board that rises when a reading is ready; None where the board's timer asks.
    stream, channels
        What it gives, as in the schema.
    rate_hz
        Readings a second.
    chip_pins
        Of a chip with contacts: the pin or electrode of each channel.
    active_low
        Of a chip with contacts: whether a pin is low where the channel is 1.
    range
        Lowest and highest value that makes sense, in the channel's unit; None for contacts.
    noise
        Largest noise at rest, rms in the channel's unit; None for contacts.
    """

    name: str
    chip: str
    bus: int
    address: int
    ready_pin: int | None
    stream: str
    channels: tuple[str, ...]
    rate_hz: int
    chip_pins: tuple[int, ...] = ()
    active_low: bool = False
    range: tuple[float, float] | None = None
    noise: float | None = None

    @property
    def reading_bits(self) -> int:
        """Bits on the bus for one reading: address, register, address, bytes, nine each; start, stop."""
        return (3 + CHIPS[self.chip].reading_bytes) * 9 + 3


@dataclass(frozen=True)
class Hardware:
    """One object's board and all that hangs on it.

    Parameters
    ----------
    object
        Kind of object.
    boards
        Boards that it is made for: ``pico``, ``pico_w``.
    safe_pin
        Held to ground at power-up: no application is started.
    light_pin, lights
        Pin and number of the WS2812.
    rest_s
        A battery object at rest this long stops sending; 0: never.
    buses, sensors
        In the order of the file; by number and by name.
    geometry_mm
        Lengths without their suffix, in mm.
    mass_g
        Masses without their suffix, in g.
    """

    object: str
    boards: tuple[str, ...]
    safe_pin: int
    light_pin: int
    lights: int
    rest_s: int
    buses: Mapping[int, Bus]
    sensors: Mapping[str, Sensor]
    geometry_mm: Mapping[str, float | tuple[float, ...]]
    mass_g: Mapping[str, float | tuple[float, ...]]

    @property
    def streams(self) -> tuple[str, ...]:
        """Streams of the object, in the order of the schema."""
        return tuple(name for name in STREAMS if name.startswith(f"{self.object}/"))

    def of_stream(self, stream: str) -> tuple[Sensor, ...]:
        """Return the sensors of a stream; the first sets its pace."""
        return tuple(sensor for sensor in self.sensors.values() if sensor.stream == stream)


@dataclass(frozen=True)
class Microcontroller:
    """A microcontroller board, and the official MicroPython for it.

    Parameters
    ----------
    kind
        ``pico`` or ``pico_w``.
    machine
        What MicroPython calls it.
    version
        Of MicroPython.
    image, sha256, url
        The image's file name, its SHA-256 in hexadecimal, and where it can be fetched.
    files_at
        Where in the flash the file system begins.
    flash_bytes
        Size of the flash.
    """

    kind: str
    machine: str
    version: tuple[int, ...]
    image: str
    sha256: str
    url: str
    files_at: int
    flash_bytes: int


@cache
def microcontrollers() -> Mapping[str, Microcontroller]:
    """Return the boards of the kit by their kind."""
    data = tomllib.loads((folder("hardware") / "boards.toml").read_text(encoding="utf-8"))
    return {
        kind: Microcontroller(kind, **{**facts, "version": tuple(facts["version"])})
        for kind, facts in data.items()
    }


@cache
def load(kind: str) -> Hardware:
    """Return the hardware of an object.

    Parameters
    ----------
    kind
        ``cup``, ``coaster``, ``button_board`` or ``pegboard``.

    Raises
    ------
    InputError
        When there is no such object.
    """
    if kind not in OBJECT_ID:
        raise InputError(
            f"There is no object {kind!r}; probably it is misspelt. Known: {', '.join(OBJECT_ID)}."
        )
    data = tomllib.loads((folder("hardware") / f"{kind}.toml").read_text(encoding="utf-8"))
    board = data["board"]
    return Hardware(
        object=data["object"],
        boards=tuple(board["boards"]),
        safe_pin=board["safe_pin"],
        light_pin=board["light_pin"],
        lights=board["lights"],
        rest_s=board.get("rest_s", 0),
        buses={int(number): Bus(int(number), **facts) for number, facts in data["bus"].items()},
        sensors={name: _sensor(name, facts) for name, facts in data["sensor"].items()},
        geometry_mm=_without_suffix(data["geometry"], "_mm"),
        mass_g=_without_suffix(data["mass"], "_g"),
    )


def _sensor(name: str, facts: dict[str, Any]) -> Sensor:
    """Return one sensor as the file describes it."""
    contacts = "chip_pins" in facts
    return Sensor(
        name=name,
        chip=facts["chip"],
        bus=facts["bus"],
        address=facts["address"],
        ready_pin=facts.get("ready_pin"),
        stream=facts["stream"],
        channels=tuple(facts["channels"]),
        rate_hz=facts["rate_hz"],
        chip_pins=tuple(facts.get("chip_pins", ())),
        active_low=facts.get("active") == "low",
        range=None if contacts else (facts["range"][0], facts["range"][1]),
        noise=None if contacts else facts["noise"],
    )


def _without_suffix(facts: dict[str, Any], suffix: str) -> dict[str, float | tuple[float, ...]]:
    """Return facts by their names without the unit; lists as tuples."""
    return {
        name.removesuffix(suffix): tuple(value) if isinstance(value, list) else value
        for name, value in facts.items()
    }


# ---- The wiring on the board -----------------------------------------------------------------------------


def wiring(hardware: Hardware) -> str:
    """Return firmware/objects/<object>.py: the wiring as a list a person can follow."""
    lines = [
        f"# The {hardware.object.replace('_', ' ')}'s wiring: {GENERATED.format(hardware.object)}.",
        "",
        f"SAFE_PIN = {hardware.safe_pin}",
        f"LIGHT_PIN, LIGHTS = {hardware.light_pin}, {hardware.lights}",
        f"REST_S = {hardware.rest_s}  # at rest this long it stops sending; 0: never",
        "",
        "# number, SDA pin, SCL pin, Hz",
        "BUSES = (",
        *(f"    ({bus.id}, {bus.sda_pin}, {bus.scl_pin}, {bus.hz})," for bus in hardware.buses.values()),
        ")",
        "",
        "# stream, then its sensors, the first of which sets the pace:",
        "#   name, chip, bus, address, Hz, ready pin, first channel, chip's pins of the channels,",
        "#   active low, what is set in the last byte of a row of bits where nothing was measured",
        "STREAMS = (",
    ]
    for stream in hardware.streams:
        lines.append(f'    ("{stream}", (')
        for sensor in hardware.of_stream(stream):
            facts = STREAMS[stream]
            first = facts.columns.index(sensor.channels[0])
            marks = set(facts.not_measured[first : first + len(sensor.channels)])
            last_byte = 8 * (facts.row_dtype.itemsize - 1)
            mark = sum(marks) >> last_byte if facts.wire.startswith("bits") else 0
            lines.append(
                f'        ("{sensor.name}", "{sensor.chip}", {sensor.bus}, 0x{sensor.address:02X}, '
                f"{sensor.rate_hz}, {sensor.ready_pin}, {first}, {sensor.chip_pins}, "
                f"{sensor.active_low}, {mark}),"
            )
        lines.append("    )),")
    return "\n".join([*lines, ")", ""])


def main() -> int:
    """Write or check the wiring of every object; return 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    stale = []
    for kind in OBJECT_ID:
        path, text = folder("firmware") / "objects" / f"{kind}.py", wiring(load(kind))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{'differs from hardware/: ' if check else 'wrote '}firmware/objects/{path.name}")
    if stale and check:
        print("Run `make generate` and commit the result.")
    return int(bool(stale and check))


if __name__ == "__main__":
    sys.exit(main())
