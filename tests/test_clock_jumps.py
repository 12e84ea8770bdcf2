"""Clocks that wrap, leap or stand still: the firmware goes on or starts anew, and the recording says so."""

from itertools import pairwise

import numpy as np
import pytest

from dexkit.protocol.tables import STREAMS
from dexkit.recording import read
from dexkit.recording.table import gaps
from dexkit.recording.words import in_words
from tests.board import Host
from tests.installed import changed, install
from tests.test_link_time import off_s, recorded

#: A board that has been on for three quarters of a wrap of the wire's tick, less what its start takes.
LATE = """
from app import main, ticks

begin = ticks.Ticks.__init__


def late(self):
    begin(self)
    self.wraps = 3


ticks.Ticks.__init__ = late
main.run("coaster")
"""


def set_clock(board, by_s):
    """Let a virtual board's tick clock leap."""
    board.desk.ticks_start_us += round(1e6 * by_s)


# ---- The board -------------------------------------------------------------------------------------------


def watched(kind):
    """Return an object with its boot code, so that its watchdog is on."""
    host = Host(kind)
    install(host.board.flash, kind, {"a": changed("app/main.py", "# Where", "# Here")})
    return host


@pytest.mark.parametrize("by_s", [0.01, 5.0, 400.0])
def test_ticks_that_leap_ahead_stop_no_board_and_make_no_flood(by_s):
    with watched("coaster") as host:
        boot = host.wake()["boot"]
        host.ask("start")
        for _ in range(4):
            host.ask("ping", seconds=0.5)
        for _ in range(2):
            set_clock(host.board, by_s)
            before = len(host.messages)
            for _ in range(4):
                assert host.ask("ping", seconds=0.5)["boot"] == boot
            new = host.messages[before:]
            assert {m.kind for m in new} == {"samples", "pong", "heartbeat"}
            assert sum(m.kind == "heartbeat" for m in new) <= 4
            fresh = {(m.stream, m.sequence) for m in new if m.kind == "samples"}
            assert 35 < len(fresh) < 50  # twenty blocks in each second
        assert host.board.boots == 1


def test_what_is_counted_as_lost_at_a_leap_is_never_more_than_the_hole_in_time():
    with watched("cup") as host:
        host.wake()
        host.ask("start")
        for _ in range(25):
            host.send("ping")
            host.wait(0.0371)
            set_clock(host.board, 1.0)
        host.ask("ping", seconds=1.0)
        for stream in ("cup/load", "cup/motion"):
            period_us = 1e6 / STREAMS[stream].rate_hz
            blocks = {m.sequence: m for m in host.of("samples", stream)}
            assert sorted(blocks) == list(range(len(blocks)))
            for one, two in pairwise(blocks[k] for k in sorted(blocks)):
                hole = (two.tick_us - one.tick_us) / period_us - one.rows
                assert two.lost - one.lost <= hole + 2
                assert two.lost >= one.lost


@pytest.mark.parametrize("by_s", [-0.05, -5.0, -400.0, 600.0])
def test_a_board_whose_ticks_are_set_starts_anew_at_once(by_s):
    """Ticks that do not fit to those before are those of another boot: so the host is told."""
    host = watched("coaster")
    host.board.desk.ticks_start_us = 300_000_000
    with host:
        boot = host.wake()["boot"]
        host.ask("start")
        for _ in range(4):
            host.ask("ping", seconds=0.5)
        host.messages.clear()
        set_clock(host.board, by_s)
        assert host.wake(8.0)["boot"] != boot
        assert (host.board.boots, host.board.desk.reset_cause) == (2, 1)  # it did not wait for its watchdog
        assert host.ask("start")["ok"]
        host.ask("ping", seconds=0.5)
        assert host.of("samples", "coaster/load")


# ---- The recording ---------------------------------------------------------------------------------------


def test_the_wire_s_tick_wraps_and_nothing_is_seen_of_it(tmp_path):
    ticks_us = []

    def play(desk):
        desk.run(3.0)
        ticks_us.append(desk.session.heartbeat.tick_us)
        desk.run(6.0)
        ticks_us.append(desk.session.heartbeat.tick_us)
        assert (desk.board.boots, desk.session.clock.leaps) == (1, 0)

    path = tmp_path / "wrap.mcap"
    began_s = recorded(path, ("coaster",), play, program=LATE, ticks_start_us=(1 << 30) - 14_000_000)
    assert ticks_us[0] > (1 << 32) - 10_000_000 and ticks_us[1] < 10_000_000
    load = read(path).streams["coaster/load"]
    assert len(gaps(load)) == 0 and len(load.t_s) > 8.8 * 320
    assert np.abs(off_s(load, began_s["coaster"])).max() < 0.5e-3


def test_ticks_that_leap_ahead_leave_a_gap_of_that_length(tmp_path):
    desks = []

    def play(desk):
        desks.append(desk)
        desk.run(6.0)
        set_clock(desk.board, 5.0)
        desk.run(6.0)

    recorded(tmp_path / "leap.mcap", ("pegboard",), play)
    recording = read(tmp_path / "leap.mcap")
    for name in ("pegboard/contacts", "pegboard/tray"):
        stream = recording.streams[name]
        [(before_s, after_s)] = gaps(stream)
        assert after_s - before_s == pytest.approx(5.0, abs=0.05)
        assert len(stream.t_s) == pytest.approx(11.9 * stream.rate_hz, rel=0.03)
    assert desks[0].session.clock.leaps == 1
    assert any("1 gap, the longest" in line for line in in_words(recording))


def test_ticks_that_are_set_back_begin_another_boot_behind_a_gap_at_the_right_time(tmp_path):
    def play(desk):
        desk.run(6.0)
        set_clock(desk.board, -5.0)
        desk.run(8.0)

    began_s = recorded(tmp_path / "back.mcap", ("coaster",), play)
    recording = read(tmp_path / "back.mcap")
    load = recording.streams["coaster/load"]
    assert len(gaps(load)) == 1
    assert np.abs(off_s(load, began_s["coaster"])).max() < 0.2e-3
    assert recording.clocks["coaster"].boots == 2
    assert recording.losses.samples_lost_by_board > 100
    assert any("started anew 1 time" in line for line in in_words(recording))


def test_a_board_that_stood_still_for_a_while_goes_on_where_it_was(tmp_path):
    """As an emulator does that was stopped: for the board no time has passed."""
    desks = []

    def play(desk):
        desks.append(desk)
        desk.run(6.0)
        desk.stood_s += 7.0
        desk.run(6.0)

    began_s = recorded(tmp_path / "still.mcap", ("coaster",), play)
    recording = read(tmp_path / "still.mcap")
    load = recording.streams["coaster/load"]
    assert len(gaps(load)) == 0
    assert np.abs(off_s(load, began_s["coaster"])).max() < 0.5e-3
    clock = desks[0].session.clock
    assert (clock.leaps, desks[0].board.boots) == (1, 1)
    assert recording.clocks["coaster"].wall_step_s == pytest.approx(7.0, abs=0.01)
