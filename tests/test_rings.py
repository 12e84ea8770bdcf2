"""The outer rings: MicroPython itself sends what CPython sends, byte for byte; the Pico is a whole board."""

from itertools import pairwise

import pytest

from dexkit.sim.engines import image, node, pico
from dexkit.sim.virtual import VirtualBoard
from tests import rings

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
def needs_pico():
    if pico.missing():
        pytest.skip(pico.missing())


def run(engine, flash, program, seconds=1.0):
    """Run a program on a coaster; return what it sent."""
    flash.mkdir(exist_ok=True)
    with VirtualBoard("coaster", "healthy", engine=engine, flash=flash, program=program) as board:
        board.attach()
        return board.run(seconds)


def test_a_program_sends_the_same_bytes_on_both_engines(tmp_path, needs_node):
    inner = run("cpython", tmp_path / "cpython", PROGRAM)
    outer = run("micropython", tmp_path / "micropython", PROGRAM)
    assert b"ended" in inner
    assert outer == inner
    assert (tmp_path / "micropython" / "note").read_text() == "kept"


def test_a_locked_heap_tells_who_allocates(tmp_path, needs_node):
    assert b"MemoryError" not in run("micropython", tmp_path, ALLOCATES.replace("KEEP", "keep[0] + keep[1]"))
    assert b"MemoryError" in run("micropython", tmp_path, ALLOCATES.replace("KEEP", "bytes(keep)"))


def test_an_exception_is_told_on_the_console_and_a_soft_reset_starts_again(tmp_path, needs_node):
    program = "print('hello')\nraise ValueError('broken')\n"
    with VirtualBoard("coaster", engine="micropython", flash=tmp_path, program=program) as board:
        board.attach()
        first = board.run(0.1)
        assert first.startswith(b"hello\r\nTraceback") and b"ValueError: broken" in first
        board.send(b"\x04")
        assert b"soft reboot\r\nhello\r\n" in board.run(0.1)


@pytest.mark.parametrize(
    "program", ["import machine\nwhile True:\n    machine.idle()\n", "while True:\n    pass\n"]
)
def test_power_off_ends_a_program_whatever_it_does(tmp_path, needs_node, program):
    board = VirtualBoard("coaster", engine="micropython", flash=tmp_path, program=program).power_on()
    board.close()
    assert board.failure is None


PICO_PROGRAM = """
import array, machine, os, sys, time
bus = machine.I2C(0, scl=machine.Pin(5), sda=machine.Pin(4), freq=400000)
for register, value in ((0, 1), (0, 6), (0, 0x16), (1, 0x27), (2, 0x70)):
    bus.writeto_mem(0x2A, register, bytes([value]))
print("found", bus.scan(), machine.I2C(1, scl=machine.Pin(7), sda=machine.Pin(6)).scan())
ticks = array.array("i", [0] * 40)
def ready(pin):
    ticks[ticks[0] + 1] = time.ticks_us()
    ticks[0] += 1
machine.Pin(10, machine.Pin.IN).irq(ready, machine.Pin.IRQ_RISING, hard=True)
buffer = bytearray(3)
began = time.ticks_us()
bus.readfrom_mem_into(0x2A, 0x12, buffer)
print("transfer", time.ticks_diff(time.ticks_us(), began))
seen = 0
while ticks[0] < 30:
    machine.idle()
    if ticks[0] > seen:
        seen = ticks[0]
        bus.readfrom_mem_into(0x2A, 0x12, buffer)
print("rows", list(ticks[1:31]))
with open("/count", "a") as file:
    file.write("x")
with open("/count") as file:
    print("count", file.read())
print("who", machine.unique_id().hex(), sys.stdin.read(4))
time.sleep_ms(20)
machine.reset()
"""


def test_a_pico_has_chips_edges_flash_and_a_line_and_survives_a_reset(tmp_path, needs_pico):
    (tmp_path / "main.py").write_text(PICO_PROGRAM)
    with VirtualBoard("coaster", "healthy", engine="pico", flash=tmp_path) as board:
        board.attach()
        words = board.run(0.6).decode()
        board.send(b"host")
        words += board.run(0.6).decode()
        lines = [line.split(maxsplit=1) for line in reversed(words.splitlines())]
        said = {line[0]: line[1] for line in lines if len(line) == 2}
        assert board.boots == 2
        unique_id = board.desk.unique_id.hex()
    assert said["found"] == "[42] []"
    assert 100 < int(said["transfer"]) < 300, "six bytes at 400 kHz and what the processor adds"
    ticks = [int(tick) for tick in said["rows"].strip("[]").split(", ")]
    periods = [b - a for a, b in pairwise(ticks)]
    assert max(periods) - min(periods) < 100
    assert abs(sum(periods) / len(periods) - board.chips["plate"].period_us) < 5
    assert words.count("count x\r") == words.count("count xx\r") == 1, "the flash outlives the reset"
    assert said["who"] == f"{unique_id} host"
    files = image.get_files((tmp_path / "flash.bin").read_bytes(), image.files_at(image.find()))
    assert files == {"main.py": PICO_PROGRAM.encode(), "count": b"xx"}


@pytest.mark.parametrize("kind", rings.KINDS)
def test_the_firmware_sends_the_same_bytes_on_both_engines_and_allocates_nothing(kind, needs_node):
    inner, _ = rings.script(kind, "cpython", 1.0)
    outer, _ = rings.script(kind, "micropython", 1.0)
    assert len(inner) > 2500
    assert outer == inner


@pytest.mark.parametrize("kind", ["coaster", "button_board"])
def test_a_pico_loses_no_sample_because_it_is_spoken_to(kind, needs_pico):
    with rings.Ring(kind, "pico", locked=False) as ring:
        ring.wake()
        told = rings.talk(ring, kind, seed=3)
    assert told.lost == 0
    assert 0.5 < told.longest_ms < 3.0  # a conversion is lost when the next one ends


def test_the_firmware_on_a_pico_sends_what_its_chip_converted_and_allocates_nothing(needs_pico):
    with rings.Ring("coaster", "pico") as ring:
        ring.wake()
        ring.ask("start", seconds=0.2)
        ring.play(0.8)
        assert ring.ask("stop", seconds=0.2)["ok"], "a turn that allocates has ended the program"
        compared, wrong = rings.wrong_samples(ring, "coaster")
    assert compared > 200
    assert wrong == 0
