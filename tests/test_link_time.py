"""From ticks on the boards to times in a recording: samples that say the time must stand at it."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from dexkit.link.track import Track, plans
from dexkit.recording import Writer, read
from dexkit.recording.table import gaps
from tests.soak import Desk

#: Counts in a second: raw counts of 24 bits last for seven minutes.
PER_S = 20_000.0
START_S = 8.0


class Taken(list):
    """News that a track takes as they come."""

    def __init__(self, track):
        self.track = track

    def __iadd__(self, news):
        for one in news:
            self.track.take(one)
        return self


def recorded(path, kinds, play, program=None, ticks_start_us=0):
    """Record these objects while `play` plays with their desks; return when each one's time began."""
    desks = [Desk(kind, seed=3, per_s=PER_S, program=program) for kind in kinds]
    began_s = {}
    with contextlib.ExitStack() as open_:
        for desk in desks:
            desk.board.desk.ticks_start_us = ticks_start_us
            open_.enter_context(desk)
            desk.plug()
            desk.until_samples()
            desk.run(START_S - desk.board.world_s)
        streams = [plan for desk in desks for plan in plans(desk.session.hello)]
        writer = open_.enter_context(Writer(path, kinds[0], {}, streams))
        for desk in desks:
            connection = SimpleNamespace(session=desk.session)
            desk.news = Taken(Track(connection, writer, round(1e9 * START_S)))
            play(desk)
            began_s[desk.kind] = desk.board.stage.begin_us * desk.board.stage.world_s_per_us
    return began_s


def off_s(stream, began_s):
    """Return how far the times of a load cell's samples are off from what they say."""
    counts = np.rint(stream.values[:, 0].astype(np.float64) / 4.57e-6)
    told = counts > 1
    return (stream.t_s - ((counts + 0.5) / PER_S + began_s - START_S))[told]


def test_what_two_boards_sampled_at_one_moment_stands_at_one_time(tmp_path):
    path = tmp_path / "pour.mcap"
    began_s = recorded(path, ("cup", "coaster"), lambda desk: desk.run(25.0))
    stored, fitted = read(path, as_stored=True), read(path)
    for kind, ppm in (("cup", 120.0), ("coaster", -80.0)):
        off = off_s(fitted.streams[f"{kind}/load"], began_s[kind])
        assert len(off) > 24 * 320
        assert np.sqrt(np.mean(off**2)) < 0.1e-3
        assert np.abs(off).max() < 0.2e-3
        assert fitted.clocks[kind].ppm == pytest.approx(ppm, abs=5.0)
        drifted = off_s(stored.streams[f"{kind}/load"], began_s[kind])
        assert abs(drifted[-100:].mean() - drifted[:100].mean()) > 1e-3


def test_a_board_whose_power_was_away_goes_on_at_the_right_time(tmp_path):
    def play(desk):
        desk.run(10.0)
        desk.unplug(power=True)
        desk.run(1.0)
        desk.plug()
        desk.until_samples()
        desk.run(10.0)

    path = tmp_path / "again.mcap"
    began_s = recorded(path, ("coaster",), play)
    fitted = read(path)
    load = fitted.streams["coaster/load"]
    off = off_s(load, began_s["coaster"])
    assert np.sqrt(np.mean(off**2)) < 0.1e-3
    assert np.abs(off).max() < 0.5e-3
    assert len(gaps(load)) == 1
    assert fitted.clocks["coaster"].boots == 2
