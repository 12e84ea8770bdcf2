"""Virtual boards: the clock, handlers, chips and imports of a board that CPython runs."""

import threading

import numpy as np
import pytest

from dexkit.sim import make_scene, virtual
from dexkit.sim.line import Line
from dexkit.sim.virtual import VirtualBoard
from tests.programs import run


@pytest.fixture(scope="module")
def cup_scene():
    return make_scene("cup", "healthy", 1, length=1)


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
    chips, firmware = run(tmp_path, cup_scene, LOAD)
    assert firmware.calibrated
    period_us = np.diff(firmware.ticks)
    assert abs(period_us.mean() - chips["foot"].period_us) < 0.1
    assert period_us.max() - period_us.min() <= 1, "an edge's time does not depend on what the board does"
    force_n = np.array(firmware.raws) * chips["foot"].newton_per_count
    error_n = force_n - cup_scene.worlds["cup"].read((np.array(firmware.ticks) - 10) * 1e-6)[:, 0]
    assert abs(error_n.mean()) < 0.005
    assert 0 < error_n.std() < 0.1, "noise is another one at a time that was rounded"


def test_the_clock_wraps_and_the_same_board_does_the_same_again(tmp_path, cup_scene):
    wrapped = run(tmp_path, cup_scene, LOAD, ticks_start_us=(1 << 30) - 3_000_000)[1]
    plain = run(tmp_path, cup_scene, LOAD)[1]
    again = run(tmp_path, cup_scene, LOAD)[1]
    assert wrapped.raws == plain.raws == again.raws
    assert plain.ticks == again.ticks
    assert [(t + (1 << 30) - 3_000_000) % (1 << 30) for t in plain.ticks] == wrapped.ticks
    assert min(np.diff(wrapped.ticks)) < 0


def test_power_off_ends_a_program_that_catches_everything_it_can(cup_scene):
    program = (
        "import machine\nwhile True:\n    try:\n        machine.idle()\n    except Exception:\n        pass\n"
    )
    with VirtualBoard("cup", scene=cup_scene, program=program) as board:
        board.run(0.1)
        board.power_off()
        before_us = board.desk.now_us
        assert board.run(0.1) == b""
        assert board.desk.now_us == before_us


def test_a_program_that_hangs_is_bitten_by_its_watchdog(cup_scene, monkeypatch):
    monkeypatch.setattr(virtual, "HANGS_S", 0.3)
    program = (
        "import machine, time\nprint('cause', machine.reset_cause())\n"
        "machine.WDT(timeout=2000)\nhangs = machine.reset_cause() != 3\nwhile hangs: pass\n"
        "while True: machine.idle()\n"
    )
    with VirtualBoard("cup", scene=cup_scene, program=program) as board:
        board.attach()
        sent = board.run(3.5)
    assert sent.count(b"cause 1") == 1
    assert sent.count(b"cause 3") == 1
    assert board.boots == 2


def test_an_echo_crosses_a_line_in_pieces_and_a_program_that_fails_says_so(cup_scene):
    program = """
import sys, select, machine, micropython
micropython.kbd_intr(-1)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
sys.stdout.buffer.write(b"ready")
while True:
    while poll.poll(0):
        byte = sys.stdin.buffer.read(1)
        if byte == b"!":
            raise ValueError("the end")
        sys.stdout.buffer.write(byte)
    machine.idle()
"""
    with VirtualBoard("cup", scene=cup_scene, program=program, line=Line(chunks=True)) as board:
        board.attach()
        assert board.run(0.01) == b"ready"
        everything = bytes(range(33)) + bytes(range(34, 256))
        board.send(everything)
        assert board.run(0.1) == everything
        board.detach()
        board.send(b"lost")
        board.attach()
        board.send(b"!")
        said = board.run(0.1)
        assert said.startswith(b"Traceback")
        assert b"ValueError: the end" in said
        board.send(b"\x04")
        assert board.run(0.1).endswith(b"soft reboot\r\nready")


def test_a_board_that_stands_still_when_it_is_paced_goes_on(monkeypatch):
    """Whoever paces it does so at any moment, also while it waits to be let on."""
    board = VirtualBoard("coaster", paced=True, program="pass\n")
    pace, answered = board.desk.pace, threading.Event()

    def pace_when_it_stands():
        board.desk.run_until(board.desk.now_us)
        pace()

    monkeypatch.setattr(board.desk, "pace", pace_when_it_stands)
    board.attach(lambda data: answered.set() if b"raw REPL" in data else None)
    with board:
        board.send(b"\r\x01")
        assert answered.wait(30.0) and board.failure is None
