"""The firmware on CPython before simulated chips: what a board says and does, seen from its serial line."""

import numpy as np
import pytest

from dexkit import hardware
from dexkit.protocol.tables import OBJECT_ID, SCHEMA_HASH, STREAMS
from dexkit.sim.engines import node
from tests.board import Host

objects = pytest.mark.parametrize("kind", list(OBJECT_ID))


@objects
def test_a_board_says_who_it_is_and_streams_at_its_rates(kind):
    kit = hardware.load(kind)
    with Host(kind) as host:
        hello = host.wake()
        assert host.messages[0].sequence == 0
        assert hello["object"] == kind
        assert hello["schema"] == SCHEMA_HASH
        assert hello["streams"] == {stream: STREAMS[stream].rate_hz for stream in kit.streams}
        assert hello["sensors"] == dict.fromkeys(kit.sensors, "ok")
        assert (hello["calibration"], hello["state"]) == (None, "stopped")
        assert host.ask("start")["value"] == hello["streams"]
        for _ in range(4):
            host.ask("ping")
            host.wait(0.45)
        assert host.ask("hello")["state"] == "streaming"
        assert host.counts.bad_crc == host.counts.malformed == host.counts.missing == 0
        for stream in kit.streams:
            blocks = host.of("samples", stream)
            rows, seconds = sum(b.rows for b in blocks[:-1]), (blocks[-1].tick_us - blocks[0].tick_us) / 1e6
            assert rows / seconds == pytest.approx(STREAMS[stream].rate_hz, rel=0.003)  # chips' oscillators
            assert blocks[-1].lost == 0
            assert seconds > 1.8
            steps = np.diff([b.tick_us for b in blocks])
            assert steps.max() < 52_000  # at most 50 ms, and what the oscillator is off


#: Runs the firmware turn by turn with the heap locked, and says so where a turn allocates.
LOCKED = """
import machine, micropython, sys
from app.main import make_loop
loop = make_loop("{}")
loop.kit.configure()
loop.answers.say_hello(loop)
for stream in loop.streams:
    stream.start()
while True:
    micropython.heap_lock()
    try:
        if not loop.turn():
            machine.idle()
    except MemoryError:
        micropython.heap_unlock()
        print("ALLOCATES")
        break
    micropython.heap_unlock()
"""


@pytest.mark.skipif(bool(node.missing()), reason=node.missing() or "")
@pytest.mark.parametrize("kind", ["cup", "button_board"])
def test_no_turn_of_the_loop_allocates(kind):
    with Host(kind, engine="micropython", program=LOCKED.format(kind)) as host:
        first, *_, last = host.wake()["streams"]
        for k in range(5):
            host.send("ping")
            host.wait(0.4)
            host.send("ack", first, 8 * k, "80000005")  # holes: blocks are sent again
            host.send("ack", last, 8 * k + 2)
        assert len(host.of("pong")) == 5
        assert len(host.of("heartbeat")) >= 1
        assert host.of("heartbeat")[-1].said["resent_blocks"] > 0
        assert (
            host.counts.malformed == host.counts.too_short == host.counts.bad_crc == 0
        )  # nothing was printed
