"""Each sentence about the pegboard in docs/events.md, as a trace and the events that it must give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.protocol.tables import TABLE
from dexkit.segment import PegsSegmenter, segment_pegs
from dexkit.sim import make_scene
from dexkit.sim.matching import agree

RATE_HZ = 200.0
COLUMNS = TABLE["pegboard"]
PEG_N = 0.017
NOISE_N = 0.002


class Board:
    """A board of some seconds: barriers interrupted for spans of time, and a tray on which things happen."""

    def __init__(self, length_s, seed=1, peg_n=PEG_N, noise_n=NOISE_N, pegs=9, rate_hz=RATE_HZ):
        rng = np.random.default_rng(seed)
        self.rate_hz, self.peg_n, self.rng = rate_hz, peg_n, rng
        self.t_s = np.arange(round(length_s * rate_hz)) / rate_hz
        self.table = np.zeros((len(self.t_s), len(COLUMNS)), np.float64)
        self.table[:, -1] = 1.3 + pegs * peg_n + noise_n * rng.standard_normal(len(self.t_s))
        self.table[:, -1] += 0.3 * noise_n * np.sin(2 * np.pi * 50.0 * self.t_s)

    def during(self, start_s, end_s):
        return (self.t_s >= start_s - 1e-9) & (self.t_s < end_s - 1e-9)

    def interrupt(self, name, start_s, end_s):
        self.table[self.during(start_s, end_s), COLUMNS.index(name)] = 1.0
        return self

    def weigh(self, start_s, pegs):
        self.table[self.t_s >= start_s - 1e-9, -1] += pegs * self.peg_n
        return self

    def hand(self, start_s, end_s, force_n, shake=0.2):
        here = self.during(start_s, end_s)
        self.table[here, -1] += force_n * (1.0 + shake * self.rng.standard_normal(here.sum()))
        return self

    def fall(self, start_s, size=8.0):
        since_s = np.maximum(self.t_s - start_s, 0.0)
        ring = size * self.peg_n * np.exp(-since_s / 0.01) * np.cos(2 * np.pi * 35.0 * since_s)
        self.table[:, -1] += np.where((self.t_s >= start_s - 1e-9) & (since_s < 0.08), ring, 0.0)
        return self

    def take(self, end_s, pegs=1, force_n=0.6):
        return self.hand(end_s - 0.5, end_s, force_n).weigh(end_s - 0.05, -pegs)

    def land(self, start_s):
        return self.fall(start_s).weigh(start_s, 1)

    def told(self, *kinds):
        """Return (kind, channel, time in s) in order of time, of these kinds or all but missing."""
        events = segment_pegs(self.table, self.rate_hz)
        listed = ((str(e["kind"]), int(e["channel"]), float(e["t_s"])) for e in events)
        wanted = (e for e in listed if (e[0] in kinds if kinds else e[0] != "missing"))
        return sorted(wanted, key=lambda event: event[2])


def check(told, *expected):
    """Compare kinds exactly and times within 20 ms."""
    assert [(kind, channel) for kind, channel, _ in told] == [(k, c) for k, c, _ in expected]
    assert np.allclose([t for *_, t in told], [t for *_, t in expected], rtol=0.0, atol=0.0201)


def test_a_peg_goes_in_and_comes_out():
    board = Board(6).interrupt("entry_3", 1.0, 4.1).interrupt("seated_3", 1.5, 4.0)
    check(board.told(), ("enter", 3, 1.0), ("seat", 3, 1.5), ("unseat", 3, 4.0))


@pytest.mark.parametrize(("length_s", "kinds"), [(0.08, []), (0.15, ["enter", "bounce"])])
def test_a_passing_finger_is_nothing(length_s, kinds):
    board = Board(4).interrupt("entry_0", 1.0, 1.0 + length_s)
    assert [kind for kind, *_ in board.told()] == kinds


def test_entered_and_left_without_seating_is_a_bounce():
    board = (
        Board(5).interrupt("entry_8", 1.0, 1.6).interrupt("entry_8", 2.2, 5.0).interrupt("seated_8", 2.6, 5)
    )
    check(board.told(), ("enter", 8, 1.0), ("bounce", 8, 1.6), ("enter", 8, 2.2), ("seat", 8, 2.6))


def test_a_peg_that_sinks_back_is_unseat_and_seat_without_enter():
    board = (
        Board(6).interrupt("entry_1", 1.0, 6.0).interrupt("seated_1", 1.5, 3.0).interrupt("seated_1", 3.4, 6)
    )
    check(board.told(), ("enter", 1, 1.0), ("seat", 1, 1.5), ("unseat", 1, 3.0), ("seat", 1, 3.4))


def test_neighbouring_holes_may_change_at_the_same_moment():
    board = Board(4)
    for hole in range(9):
        board.interrupt(f"entry_{hole}", 1.0, 4.0).interrupt(f"seated_{hole}", 2.0, 4.0)
    expected = [("enter", h, 1.0) for h in range(9)] + [("seat", h, 2.0) for h in range(9)]
    check(sorted(board.told()), *expected)


def test_a_recording_may_begin_with_seated_pegs():
    board = Board(4, pegs=7).interrupt("entry_5", 0.0, 2.1).interrupt("seated_5", 0.0, 2.0)
    board.interrupt("entry_6", 0.0, 4.0).interrupt("seated_6", 0.0, 4.0)
    check(board.told(), ("unseat", 5, 2.0))


def test_a_pick_is_when_the_hand_leaves_a_lighter_tray():
    board = Board(8).take(2.5).hand(4.0, 4.6, 1.2).take(6.5, force_n=0.1)
    check(board.told(), ("pick", -1, 2.5), ("pick", -1, 6.5))


def test_two_pegs_taken_are_two_picks_at_one_time():
    board = Board(8).take(2.0).take(4.0, pegs=2)
    check(board.told(), ("pick", -1, 2.0), ("pick", -1, 4.0), ("pick", -1, 4.0))


def test_two_pegs_taken_first_are_told_once_the_next_shows_their_weight():
    board = Board(8, peg_n=0.011).take(2.0, pegs=2).take(4.0).take(6.0)
    check(board.told(), *[("pick", -1, t) for t in (2.0, 2.0, 4.0, 6.0)])


def test_pegs_may_come_back_at_once():
    board = Board(7, pegs=5).take(2.0).take(3.5).take(5.0).fall(6.0).weigh(6.0, 2)
    check(board.told("return"), ("return", -1, 6.0), ("return", -1, 6.0))


def test_a_peg_may_fall_under_a_light_hand():
    board = Board(8).take(2.0).hand(4.0, 5.0, 0.15, shake=0.03).land(4.5)
    check(board.told(), ("pick", -1, 2.0), ("return", -1, 4.5))


def test_a_hand_may_lift_the_edge():
    board = Board(6).take(2.0).take(4.0, force_n=-0.3)
    check(board.told(), ("pick", -1, 2.0), ("pick", -1, 4.0))


def test_a_peg_taken_from_the_table_is_no_pick():
    board = Board(5).interrupt("entry_0", 1.0, 5.0).interrupt("seated_0", 1.5, 5.0)
    check(board.told(), ("enter", 0, 1.0), ("seat", 0, 1.5))


def test_a_return_is_the_first_contact_of_a_peg_that_stays():
    board = Board(9, pegs=5).land(2.0)
    board.fall(4.0).land(4.09)  # comes down twice
    board.weigh(6.0, 1)  # is laid down gently
    check(board.told(), ("return", -1, 2.0), ("return", -1, 4.0), ("return", -1, 6.0))


def test_a_peg_that_bounces_out_is_no_return():
    board = Board(7).take(2.0).fall(4.0).weigh(4.0, 1).weigh(4.1, -1)
    check(board.told(), ("pick", -1, 2.0))


def test_pegs_may_come_back_one_after_another():
    board = Board(7, pegs=5).land(2.0).land(4.0).land(4.4).land(5.0)
    check(board.told(), *[("return", -1, t) for t in (2.0, 4.0, 4.4, 5.0)])


def test_a_spike_moves_no_boundary():
    board = Board(7, pegs=5).take(2.0).land(4.0)
    for t_s in (1.0, 2.15, 3.7, 4.3):
        board.table[round(t_s * RATE_HZ), -1] += 0.2
    check(board.told(), ("pick", -1, 2.0), ("return", -1, 4.0))


def test_a_tray_that_drifts_moves_no_peg():
    board = Board(60)
    board.table[:, -1] += 0.0004 * board.t_s + 0.003 * np.sin(board.t_s / 6.0)
    board.take(30.0).land(40.0)
    check(board.told(), ("pick", -1, 30.0), ("return", -1, 40.0))


@pytest.mark.parametrize("lost_s", [0.03, 0.4, 3.0])
def test_what_was_not_measured_of_the_tray_teaches_nothing_of_its_noise(lost_s):
    board = Board(14, pegs=5).take(6.0).land(8.0).take(10.0)
    board.table[board.during(2.0, 2.0 + lost_s), -1] = np.nan
    check(board.told(), ("pick", -1, 6.0), ("return", -1, 8.0), ("pick", -1, 10.0))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    peg_n=st.floats(0.006, 0.05),
    share=st.floats(0.02, 0.15),
    force_n=st.floats(0.4, 3.0),
    rate_hz=st.sampled_from([100.0, 200.0, 400.0]),
)
def test_weight_noise_hand_and_rate_are_found_out_by_listening(seed, peg_n, share, force_n, rate_hz):
    noise_n = max(0.0003, share * peg_n)
    board = Board(12, seed, peg_n, noise_n, rate_hz=rate_hz)
    board.take(2.0, force_n=force_n).take(4.0, force_n=force_n).land(6.0).take(8.0, force_n=force_n).land(
        10.0
    )
    expected = ("pick", 2.0), ("pick", 4.0), ("return", 6.0), ("pick", 8.0), ("return", 10.0)
    check(board.told(), *[(kind, -1, t_s) for kind, t_s in expected])


def transfers(board, times_s):
    """Let pegs go from the tray into holes 0, 1, ... , each within 0.8 s."""
    for hole, t_s in enumerate(times_s):
        board.take(t_s).interrupt(f"entry_{hole}", t_s + 0.5, 99).interrupt(f"seated_{hole}", t_s + 0.8, 99)
    return board


def test_a_peg_out_for_longer_than_usual_is_missing():
    board = transfers(Board(24), (2.0, 4.0, 6.0, 8.0)).take(10.0)
    [(kind, channel, t_s)] = board.told("missing")
    assert (kind, channel) == ("missing", -1)
    assert 11.0 <= t_s <= 16.0


def test_pegs_that_arrive_are_not_missing():
    board = transfers(Board(24), (2.0, 4.0, 6.0, 8.0)).take(10.0).land(10.8)
    assert board.told("missing") == []


def test_a_stream_that_ends_says_what_is_decided():
    assert [kind for kind, *_ in Board(4.15, pegs=5).land(2.0).take(4.0).told()] == ["return", "pick"]


def test_damaged_rows_give_events_in_their_bounds():
    rng = np.random.default_rng(5)
    scene = make_scene("pegboard", "severe", 31)
    table = scene.tables["pegboard"].copy()
    table[rng.random(table.shape) < 0.02] = np.nan
    table[rng.random(len(table)) < 0.01, -1] = 1e30
    segmenter = PegsSegmenter(scene.rate_hz)
    for row in range(0, len(table), 37):
        for event in segmenter.push(table[row : row + 37]):
            assert 0.0 <= event["t_s"] <= event["t_known_s"] < (row + 37) / scene.rate_hz
            assert 0.0 <= event["quality"] <= 1.0


@pytest.mark.parametrize("severity", ["healthy", "moderate", "severe"])
def test_the_simulated_people_are_understood(severity):
    holes, tray = [], []
    for seed in (21, 22, 23):
        scene = make_scene("pegboard", severity, seed)
        found, truth = segment_pegs(scene.tables["pegboard"], scene.rate_hz), scene.truth["pegboard"]
        holes.append(agree(found, truth, 0.02, ("enter", "seat", "bounce", "unseat")))
        tray.append(agree(found, truth, 0.05, ("pick", "return")))
    assert (holes[0] + holes[1] + holes[2]).f1 >= 0.99
    assert (tray[0] + tray[1] + tray[2]).f1 >= 0.95
