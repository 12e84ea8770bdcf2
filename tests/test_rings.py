"""The outer rings: the same program on MicroPython itself sends what it sends on CPython, byte for byte."""

import pytest

from dexkit.errors import DexkitError
from dexkit.hardware import load
from dexkit.sim import make_scene
from dexkit.sim.build import make_desk
from dexkit.sim.desk import PowerOff
from dexkit.sim.engines import node
from dexkit.sim.engines.micropython import MicroPython
from dexkit.sim.feed import Stage
from dexkit.sim.loader import Loader

#: Pins, edges, a timer, a bus, the clock, the console, chance, flash: everything that leaves the interpreter.
PROGRAM = """
import machine, os, sys, time
bus = machine.I2C(0, scl=machine.Pin(5), sda=machine.Pin(4), freq=400000)
for register, value in ((0, 1), (0, 6), (0, 0x16), (1, 0x27), (2, 0x70)):
    bus.writeto_mem(0x2A, register, bytes([value]))
ticks = []
ready = machine.Pin(10, machine.Pin.IN)
ready.irq(lambda pin: ticks.append(time.ticks_us()), machine.Pin.IRQ_RISING, hard=True)
beats = []
machine.Timer(mode=machine.Timer.PERIODIC, freq=200, callback=lambda timer: beats.append(time.ticks_us()))
buffer = bytearray(3)
out = sys.stdout.buffer
while len(beats) < 60:
    machine.idle()
    while ticks:
        bus.readfrom_mem_into(0x2A, 0x12, buffer)
        out.write(b"%d:" % ticks.pop(0))
        out.write(buffer)
out.write(bytes(str(beats), "ascii") + os.urandom(4) + machine.unique_id())
with open("/note", "w") as file:
    file.write("kept")
print("ended", bus.scan(), time.ticks_us())
"""
ALLOCATES = """
import micropython
def turn(keep):
    x = KEEP
keep = bytearray(8)
micropython.heap_lock()
turn(keep)
micropython.heap_unlock()
"""


@pytest.fixture(scope="module")
def needs_node():
    if node.missing():
        pytest.skip(node.missing())


@pytest.fixture(scope="module")
def coaster():
    return make_scene("cup", "healthy", 1, length=1)


def run(engine, scene, flash, program):
    """Run a program on a fresh coaster; return what it sent."""
    flash.mkdir(exist_ok=True)
    (flash / "main.py").write_text(program)
    desk, _ = make_desk(load("coaster"), scene.worlds["coaster"], Stage(scene.duration_s))
    sent = bytearray()
    desk.on_sent = sent.extend
    engine(desk, flash).run("main")
    return bytes(sent)


def test_a_program_sends_the_same_bytes_on_both_engines(tmp_path, coaster, needs_node):
    inner = run(Loader, coaster, tmp_path / "cpython", PROGRAM)
    outer = run(MicroPython, coaster, tmp_path / "micropython", PROGRAM)
    assert b"ended" in inner
    assert outer == inner
    assert (tmp_path / "micropython" / "note").read_text() == "kept"


def test_a_locked_heap_tells_who_allocates(tmp_path, coaster, needs_node):
    run(MicroPython, coaster, tmp_path, ALLOCATES.replace("KEEP", "keep[0] + keep[1]"))
    with pytest.raises(DexkitError, match="MemoryError"):
        run(MicroPython, coaster, tmp_path, ALLOCATES.replace("KEEP", "bytes(keep)"))


def test_power_off_ends_the_child(tmp_path, coaster, needs_node):
    (tmp_path / "main.py").write_text("import machine\nwhile True:\n    machine.idle()\n")
    desk, _ = make_desk(load("coaster"), coaster.worlds["coaster"], Stage(1.0))
    desk.power_off()
    with pytest.raises(PowerOff):
        MicroPython(desk, tmp_path).run("main")
