"""Virtual boards: the clock, handlers, chips and imports of a board that CPython runs."""

import tomllib

import numpy as np
import pytest

from dexkit.sim import make_scene
from dexkit.sim.build import make_desk
from dexkit.sim.desk import PowerOff
from dexkit.sim.feed import Stage
from dexkit.sim.loader import Loader

CUP = """
[bus.0]
sda_pin = 4
scl_pin = 5
[bus.1]
sda_pin = 6
scl_pin = 7
[sensor.foot]
chip = "nau7802"
bus = 0
address = 0x2A
ready_pin = 10
stream = "cup/load"
channels = ["foot_n"]
[sensor.inner]
chip = "nau7802"
bus = 1
address = 0x2A
ready_pin = 11
stream = "cup/load"
channels = ["inner_n"]
[sensor.motion]
chip = "lsm6dsox"
bus = 1
address = 0x6A
ready_pin = 12
stream = "cup/motion"
channels = ["ax_ms2", "ay_ms2", "az_ms2", "gx_rads", "gy_rads", "gz_rads"]
"""
BUSIO = """
class I2C:
    def __init__(self, bus): self.bus = bus
    def try_lock(self): return True
    def unlock(self): pass
    def writeto(self, address, buffer, start=0, end=None):
        self.bus.writeto(address, bytes(buffer)[start:end])
    def readfrom_into(self, address, buffer, start=0, end=None):
        buffer[start:end] = self.bus.readfrom(address, len(buffer[start:end]))
    def writeto_then_readfrom(self, address, out, into, out_start=0, out_end=None, in_start=0, in_end=None):
        self.bus.writeto(address, bytes(out)[out_start:out_end], False)
        into[in_start:in_end] = self.bus.readfrom(address, len(into[in_start:in_end]))
"""


@pytest.fixture(scope="module")
def cup_scene():
    return make_scene("cup", "healthy", 1, length=1)


def run(tmp_path, scene, program, hardware=CUP, seconds=60.0, **settings):
    """Run a program on a virtual board until it ends; return desk, chips, its names and what it sent."""
    stage = Stage(scene.duration_s)
    desk, chips = make_desk(scene, tomllib.loads(hardware), stage, **settings)
    sent = bytearray()
    desk.on_sent = sent.extend
    (tmp_path / "busio.py").write_text(BUSIO)
    (tmp_path / "digitalio.py").write_text("class Direction: INPUT = 0\nclass Pull: UP = 1\n")
    (tmp_path / "main.py").write_text(program)
    module = Loader(desk, tmp_path).run("main")
    return desk, chips, module, bytes(sent)


LOAD = """
import time
import machine
from machine import I2C, Pin
import busio
from cedargrove_nau7802 import NAU7802

bus = I2C(0, scl=Pin(5), sda=Pin(4), freq=400000)
nau = NAU7802(busio.I2C(bus), active_channels=1)
nau.gain = 128
nau.poll_rate = 320
calibrated = nau.calibrate("INTERNAL")
ticks = []
raws = []
pin = Pin(10, Pin.IN)
waiting = []
def ready(pin):
    waiting.append(time.ticks_us())
pin.irq(ready, Pin.IRQ_RISING, hard=True)
buffer = bytearray(3)
bus.readfrom_mem_into(0x2A, 0x12, buffer)
while len(raws) < 640:
    machine.idle()
    while waiting:
        ticks.append(waiting.pop(0))
        bus.readfrom_mem_into(0x2A, 0x12, buffer)
        raw = buffer[0] << 16 | buffer[1] << 8 | buffer[2]
        raws.append(raw - (1 << 24) if raw >> 23 else raw)
"""


def test_the_published_driver_configures_a_load_cell_and_every_edge_is_seen_at_its_time(tmp_path, cup_scene):
    _, chips, firmware, _ = run(tmp_path, cup_scene, LOAD)
    assert firmware.calibrated
    period_us = np.diff(firmware.ticks)
    assert abs(period_us.mean() - chips["foot"].period_us) < 0.1
    assert period_us.max() - period_us.min() <= 1, "an edge's time does not depend on what the board does"
    force_n = np.array(firmware.raws) * chips["foot"].newton_per_count
    scene_n = cup_scene.tables["cup"][:200, 0]
    assert abs(force_n.mean() - scene_n.mean()) < 0.1
    assert 0 < force_n.std() < 0.1


def test_the_clock_wraps_and_the_same_board_does_the_same_again(tmp_path, cup_scene):
    wrapped = run(tmp_path, cup_scene, LOAD, ticks_start_us=(1 << 30) - 3_000_000)[2]
    plain = run(tmp_path, cup_scene, LOAD)[2]
    again = run(tmp_path, cup_scene, LOAD)[2]
    assert wrapped.raws == plain.raws == again.raws
    assert plain.ticks == again.ticks
    assert [(t + (1 << 30) - 3_000_000) % (1 << 30) for t in plain.ticks] == wrapped.ticks
    assert min(np.diff(wrapped.ticks)) < 0


def test_power_off_ends_a_program_that_catches_everything_it_can(tmp_path, cup_scene):
    program = (
        "import machine\nwhile True:\n    try:\n        machine.idle()\n    except Exception:\n        pass\n"
    )
    stage = Stage(cup_scene.duration_s)
    desk, _ = make_desk(cup_scene, tomllib.loads(CUP), stage)
    desk.power_off()
    (tmp_path / "main.py").write_text(program)
    with pytest.raises(PowerOff):
        Loader(desk, tmp_path).run("main")
