"""The hardware files: pins, addresses and functions that fit the RP2040, buses that are not too busy."""

import numpy as np
import pytest

from dexkit import InputError, decode, hardware
from dexkit.kit_files import folder
from dexkit.protocol.frames import encode_frame
from dexkit.protocol.tables import OBJECT_ID, STREAMS

objects = pytest.mark.parametrize(
    "kit", [hardware.load(kind) for kind in OBJECT_ID], ids=lambda kit: kit.object
)

#: Pins of a Pico and a Pico W that are free: 23, 24, 25 and 29 serve the board itself.
FREE_PINS = {*range(23), 26, 27, 28}


def i2c_function(pin):
    """Return (bus, line) that the RP2040 offers on this pin: data sheet, table of GPIO functions (F3)."""
    return (pin // 2) % 2, "scl" if pin % 2 else "sda"


@objects
def test_no_pin_is_used_twice_and_each_is_there(kit):
    pins = [kit.safe_pin, kit.light_pin]
    pins += [pin for bus in kit.buses.values() for pin in (bus.sda_pin, bus.scl_pin)]
    pins += [sensor.ready_pin for sensor in kit.sensors.values() if sensor.ready_pin is not None]
    assert len(set(pins)) == len(pins)
    assert set(pins) <= FREE_PINS


@objects
def test_the_rp2040_offers_each_bus_on_its_pins(kit):
    for bus in kit.buses.values():
        assert i2c_function(bus.sda_pin) == (bus.id, "sda")
        assert i2c_function(bus.scl_pin) == (bus.id, "scl")


@objects
def test_addresses_are_unique_on_each_bus(kit):
    places = [(sensor.bus, sensor.address) for sensor in kit.sensors.values()]
    assert len(set(places)) == len(places)
    assert {bus for bus, _ in places} == set(kit.buses)
    assert all(0x08 <= address <= 0x77 for _, address in places)  # the rest is reserved by the standard


@objects
def test_addresses_are_those_the_chips_can_have(kit):
    possible = {
        "nau7802": {0x2A},
        "lsm6dsox": {0x6A, 0x6B},
        "mcp23017": set(range(0x20, 0x28)),
        "mpr121": set(range(0x5A, 0x5E)),
    }
    for sensor in kit.sensors.values():
        assert sensor.address in possible[sensor.chip]


@objects
def test_all_readings_fit_the_bus(kit):
    for bus in kit.buses.values():
        bits = sum(s.rate_hz * s.reading_bits for s in kit.sensors.values() if s.bus == bus.id)
        assert bits / bus.hz < 0.6


@objects
def test_sensors_give_every_channel_once_at_the_streams_rate(kit):
    for stream in kit.streams:
        sensors = kit.of_stream(stream)
        given = tuple(channel for sensor in sensors for channel in sensor.channels)
        assert given == STREAMS[stream].columns
        assert {sensor.rate_hz for sensor in sensors} == {STREAMS[stream].rate_hz}
    assert {sensor.stream for sensor in kit.sensors.values()} == set(kit.streams)


@objects
def test_contacts_have_pins_and_the_others_a_ready_pin(kit):
    for sensor in kit.sensors.values():
        if STREAMS[sensor.stream].wire.startswith("bits"):
            assert len(set(sensor.chip_pins)) == len(sensor.channels)
            on_a = sum(pin < 8 for pin in sensor.chip_pins)  # the firmware takes each side as one run from 0
            on_b = len(sensor.chip_pins) - on_a
            assert sensor.chip_pins == (*range(on_a), *range(8, 8 + on_b))
            assert on_a <= 7 and on_b <= 7  # A7 and B7 are outputs only, in newer chips
        else:
            assert sensor.ready_pin is not None
            assert sensor.range[0] < sensor.range[1]
            nominal = max(STREAMS[sensor.stream].scales)
            full_scale = nominal * (2**23 if sensor.chip == "nau7802" else 2**15)
            assert max(map(abs, sensor.range)) <= full_scale * 1.01
            assert sensor.noise > 0


def test_the_pegboard_has_the_published_geometry():
    """Only this geometry has norms: clinical sources quote Mathiowetz 1985 and SRALab."""
    kit = hardware.load("pegboard")
    assert kit.geometry_mm["hole_pitch"] == 32.0
    assert kit.geometry_mm["peg_length"] == 32.0
    assert kit.geometry_mm["peg"] == (6.4, 7.0)
    assert kit.lights == 9


def test_an_unknown_object_is_named():
    with pytest.raises(InputError, match="spoon"):
        hardware.load("spoon")


@objects
def test_the_boards_wiring_is_what_the_file_says(kit):
    board = {}
    path = folder("firmware") / "objects" / f"{kit.object}.py"
    text = path.read_text(encoding="utf-8")
    assert text == hardware.wiring(kit)
    exec(text, board)
    assert {bus[0]: bus[1:] for bus in board["BUSES"]} == {
        bus.id: (bus.sda_pin, bus.scl_pin, bus.hz) for bus in kit.buses.values()
    }
    said = {facts[0]: (stream, facts) for stream, sensors in board["STREAMS"] for facts in sensors}
    assert list(said) == [s.name for stream in kit.streams for s in kit.of_stream(stream)]
    for name, (stream, (_, chip, bus, address, rate_hz, ready_pin, first, pins, low, mark)) in said.items():
        sensor = kit.sensors[name]
        assert (stream, chip, bus, address) == (sensor.stream, sensor.chip, sensor.bus, sensor.address)
        assert (rate_hz, ready_pin, pins, low) == (
            sensor.rate_hz,
            sensor.ready_pin,
            sensor.chip_pins,
            sensor.active_low,
        )
        columns = STREAMS[stream].columns
        assert columns[first] == sensor.channels[0]
        if mark:  # the board's mark makes the channels of this sensor, and no other, not measured
            row = bytearray(STREAMS[stream].row_dtype.itemsize)
            row[-1] |= mark
            wire = encode_frame("samples", bytes(row), stream=stream, rows=1, sequence=0, tick_us=0)
            absent = np.isnan(decode(wire).samples(stream).values[0])
            assert {c for c, gone in zip(columns, absent, strict=True) if gone} == set(sensor.channels)
