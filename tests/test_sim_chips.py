"""The chip models: published drivers configure them, their data are the world's, and they can be broken."""

import numpy as np
import pytest

from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.sim import make_scene
from dexkit.sim.chips.chip import FAULTS
from tests.programs import run

MOTION = """
import time, struct
from machine import I2C, Pin
import machine, busio
from adafruit_lsm6ds.lsm6dsox import LSM6DSOX
from adafruit_lsm6ds import Rate, AccelRange, GyroRange

bus = I2C(1, scl=Pin(7), sda=Pin(6), freq=400000)
chip = LSM6DSOX(busio.I2C(bus))
chip.accelerometer_range = AccelRange.RANGE_8G
chip.gyro_range = GyroRange.RANGE_1000_DPS
chip.accelerometer_data_rate = chip.gyro_data_rate = Rate.RATE_208_HZ
by_driver = chip.acceleration + chip.gyro
bus.writeto_mem(0x6A, 0x0D, b"\\x02")
ticks, rows, waiting = [], [], []
pin = Pin(12, Pin.IN)
pin.irq(lambda pin: waiting.append(time.ticks_us()), Pin.IRQ_RISING, hard=True)
buffer = bytearray(12)
bus.readfrom_mem_into(0x6A, 0x22, buffer)
for _ in range(1500):
    machine.idle()
    while waiting:
        ticks.append(waiting.pop(0))
        bus.readfrom_mem_into(0x6A, 0x22, buffer)
        rows.append(struct.unpack("<6h", buffer))
"""

CONTACTS = """
import time
from machine import I2C, Pin, Timer
import machine, busio
from adafruit_mcp230xx.mcp23017 import MCP23017

bus = I2C(0, scl=Pin(5), sda=Pin(4), freq=400000)
words, ticks, waiting = [], [], []
chips = [MCP23017(busio.I2C(bus), address) for address in ADDRESSES]
for chip in chips:
    chip.gppu = 0xFFFF if PULL_UPS else 0
timer = Timer(-1)
timer.init(freq=200, mode=Timer.PERIODIC, callback=lambda timer: waiting.append(time.ticks_us()), hard=True)
while len(words) < ROWS:
    machine.idle()
    while waiting:
        ticks.append(waiting.pop(0))
        words.append([chip.gpio for chip in chips])
"""

TOUCH = """
import time
from machine import I2C, Pin
import busio
from adafruit_mpr121 import MPR121

bus = I2C(0, scl=Pin(5), sda=Pin(4), freq=400000)
chip = MPR121(busio.I2C(bus))
masks, ticks, filtered = [], [], []
for _ in range(ROWS):
    masks.append(chip.touched())
    ticks.append(time.ticks_us())
    filtered.append(chip.filtered_data(0))
    time.sleep_ms(4)
"""

LOAD = """
import time
from machine import I2C, Pin
import busio
from cedargrove_nau7802 import NAU7802

bus = I2C(0, scl=Pin(5), sda=Pin(4), freq=400000)
chip = NAU7802(busio.I2C(bus))
means, rates = {}, {}
chip.poll_rate = 320
for gain in (1, 2, 4, 8, 16, 32, 64, 128):
    chip.gain = gain
    values = []
    while len(values) < 40:
        while not chip.available():
            pass
        values.append(chip.read())
    means[gain] = sum(values) / len(values), time.ticks_us()
for rate in (10, 20, 40, 80, 320):
    chip.poll_rate = rate
    marks = []
    while len(marks) < 6:
        while not chip.available():
            pass
        marks.append(time.ticks_us())
        chip.read()
    rates[rate] = 5e6 / (marks[-1] - marks[0])
"""


@pytest.fixture(scope="module")
def scenes():
    lengths = {"cup": 1, "button_board": 5, "pegboard": 2}
    return {kind: make_scene(kind, "moderate", 3, length=length) for kind, length in lengths.items()}


def test_motion_is_the_world_s_at_the_edge_of_each_sample(tmp_path, scenes):
    chips, firmware = run(tmp_path, scenes["cup"], MOTION)
    assert firmware.by_driver[2] == pytest.approx(9.81, abs=0.1)
    period_us = np.diff(firmware.ticks)
    assert period_us.mean() == pytest.approx(chips["motion"].period_us, abs=0.1)
    assert np.ptp(period_us) <= 1
    scales = np.array(STREAMS["cup/motion"].scales)
    measured = np.roll(np.array(firmware.rows), 3, axis=1) * scales
    latency_us = 10  # of the handler and of the look at the clock
    times_s = (np.array(firmware.ticks) - latency_us) * 1e-6
    true = scenes["cup"].worlds["cup"].read(times_s)[:, 2:8]
    # Noise is a hash of the microsecond, so it differs where a tick was rounded: compare what is left of it.
    error = measured - true
    assert np.all(np.abs(error.mean(axis=0)) < 0.01)
    assert np.all(error.std(axis=0) < 0.05)


@pytest.mark.parametrize(
    ("kind", "addresses", "flip"), [("pegboard", [0x20, 0x21], False), ("button_board", [0x20], True)]
)
def test_contacts_are_the_world_s(tmp_path, scenes, kind, addresses, flip):
    scene = scenes[kind]
    rows = min(4000, int(scene.duration_s * 200) - 20)
    program = f"ADDRESSES, PULL_UPS, ROWS = {addresses}, True, {rows}\n{CONTACTS}"
    chips, firmware = run(tmp_path, scene, program)
    true = scene.worlds[kind].read(np.array(firmware.ticks) * 1e-6)
    words = np.array(firmware.words)
    assert true[:, :10].max() == 1
    for chip, column_of in zip(
        [chip for chip in chips.values() if chip.address in addresses], words.T, strict=True
    ):
        for column, pin in zip(chip.contacts.columns, chip.contacts.pins, strict=True):
            measured = (column_of >> pin & 1) ^ flip
            expected = true[:, column]
            assert np.mean(measured != expected) < 0.005, "a bounce may fall between the tick and the reading"


def test_without_pull_ups_an_open_switch_looks_closed(tmp_path, scenes):
    program = f"ADDRESSES, PULL_UPS, ROWS = [0x20], False, 5\n{CONTACTS}"
    _, firmware = run(tmp_path, scenes["button_board"], program)
    assert firmware.words == [[0]] * 5


def test_fingers_are_the_world_s(tmp_path, scenes):
    scene = scenes["button_board"]
    _, firmware = run(tmp_path, scene, f"ROWS = 4000\n{TOUCH}")
    true = scene.worlds["button_board"].read(np.array(firmware.ticks) * 1e-6)
    fingers = true[:, [TABLE["button_board"].index(f"touch_{n}") for n in range(5)]] @ (1 << np.arange(5))
    assert fingers.max() > 0
    assert np.mean(fingers != np.array(firmware.masks)) < 0.02
    touched = np.array(firmware.masks) & 1 == 1
    assert (
        np.median(np.array(firmware.filtered)[touched])
        < np.median(np.array(firmware.filtered)[~touched]) - 12
    )


def test_gain_and_rate_are_as_configured(tmp_path, scenes):
    chips, firmware = run(tmp_path, scenes["cup"], LOAD)
    for gain, (counts, us) in firmware.means.items():
        force_n = scenes["cup"].worlds["cup"].read(us * 1e-6 - np.arange(40) / 320)[:, 0].mean()
        scale = chips["foot"].newton_per_count * 128 / gain
        half = 0.5  # this release of the driver gives twice the count
        assert half * counts * scale == pytest.approx(force_n, abs=0.02), gain
    for rate_hz, measured_hz in firmware.rates.items():
        assert measured_hz == pytest.approx(rate_hz * (1 + 1e-6 * chips["foot"].rate_ppm), rel=0.01)


FAULTY = """
import time
from machine import I2C, Pin
import machine

bus = I2C(0, scl=Pin(5), sda=Pin(4), freq=400000)
found = bus.scan()
address = 0x2B if 0x2B in found else 0x2A
values, edges, buffer = [], [], bytearray(3)
pin = Pin(10, Pin.IN)
pin.irq(lambda pin: edges.append(time.ticks_us()), Pin.IRQ_RISING, hard=True)
try:
    for register, value in ((0, 1), (0, 2), (0, 6), (1, 0x2F), (2, 0x70)):
        bus.writeto_mem(address, register, bytes([value]))
        time.sleep_ms(10)
    error = 0
    end = time.ticks_add(time.ticks_us(), 1000000)
    while time.ticks_diff(end, time.ticks_us()) > 0:
        machine.idle()
        if pin.value():
            bus.readfrom_mem_into(address, 0x12, buffer)
            values.append(int.from_bytes(buffer, "big"))
except OSError as failure:
    error = failure.errno
"""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_load_cell_s_chip_can_be_broken_in_every_way(tmp_path, scenes, fault):
    _, firmware = run(tmp_path, scenes["cup"], FAULTY, faults={"foot": fault})
    assert firmware.found == {"missing": [], "moved": [0x2B]}.get(fault, [0x2A])
    assert firmware.error == (5 if fault == "missing" else 0)
    count, kinds = len(firmware.values), len(set(firmware.values))
    expected = {"missing": 0, "never_ready": 0, "slow": 158}.get(fault, 317)
    assert count == pytest.approx(expected, abs=3)
    assert kinds > 100 if fault in ("", "moved", "slow", "weak") else kinds <= 1
    assert set(firmware.values) == {(1 << 23) - 1} or fault != "saturated"
    assert len(firmware.edges) == count


def test_a_bus_on_the_wrong_pins_reaches_no_chip_and_a_bus_that_hangs_times_out(tmp_path, scenes):
    wrong = "from machine import I2C, Pin\nfound = I2C(0, scl=Pin(9), sda=Pin(8)).scan()\n"
    assert run(tmp_path, scenes["cup"], wrong)[1].found == []
    impossible = (
        "from machine import I2C, Pin\nerror = ''\ntry:\n    I2C(0, scl=Pin(4), sda=Pin(5))\n"
        "except ValueError as failure:\n    error = str(failure)\n"
    )
    assert run(tmp_path, scenes["cup"], impossible)[1].error == "bad pin for this bus"
