"""The clock of a board against a simulated line whose truth is known: live, in a recording, read again."""

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.link.clock import PROBE_PERIOD_S, WRAP_US, Clock, SampleTimes, Timeline
from dexkit.recording import Recording, Stream, StreamPlan, Writer, probes_plan, read, recover, write
from dexkit.recording.clock_fit import evened
from dexkit.recording.table import gaps, table
from dexkit.recording.words import in_words
from dexkit.score.scoring import score
from tests.clock_world import half_hour_errors, world

START_NS = 7_000_000_000_000


@pytest.mark.parametrize("seed", range(6))
def test_a_half_hour_with_all_that_goes_wrong(seed):
    found = half_hour_errors(seed)
    for errors_s, rms_s in ((found.live_s, 0.2e-3), (found.read_s, 0.1e-3)):
        assert np.sqrt(np.mean(errors_s**2)) < rms_s
        assert np.quantile(np.abs(errors_s), 0.999) < 1e-3
    assert found.clock.leaps == found.world.slept
    assert found.clock.state().wall_step_s == pytest.approx(3600.0, abs=0.1)


def test_the_state_tells_offset_rate_round_trip_and_residual():
    clock = Clock()
    assert clock.state() is None
    for i in range(60):
        tick_us = 1_000_000 * i + 50 * i  # runs 50 ppm fast
        sent_ns = START_NS + 1_000_000_000 * i
        clock.probe(sent_ns - 400_000, tick_us, sent_ns + 400_000, 0)
    state = clock.state()
    assert state.ppm == pytest.approx(50.0, abs=0.01)
    assert state.min_round_trip_s == pytest.approx(0.8e-3)
    assert state.residual_s < 1e-8
    assert state.probes == 60
    assert state.offset_s == pytest.approx(1e-9 * START_NS - 59 * 50e-6, abs=1e-6)
    assert clock.host_time(60_003_000) == pytest.approx(START_NS + 60_000_000_000, abs=2000)


def test_slow_probes_are_not_believed():
    clock = Clock()
    for i in range(90):
        tick_us, sent_ns = 1_000_000 * i, START_NS + 1_000_000_000 * i
        late_ns = 0 if i % 3 == 0 else 3_000_000  # on the way back: the middle is 1.5 ms off
        clock.probe(sent_ns - 500_000, tick_us, sent_ns + 500_000 + late_ns, 0)
    assert abs(clock.host_time(90_000_000) - START_NS - 90_000_000_000) < 1000
    sent_ns = START_NS + 300_000_000_000  # after a silence the first is a very slow one
    clock.probe(sent_ns, 300_000_000, sent_ns + 400_000_000, 0)
    assert abs(clock.host_time(301_000_000) - START_NS - 301_000_000_000) < 1000


def test_a_long_gap_of_uncertain_length_bends_no_time():
    # 320 Hz nominal, 317 true: a gap of 10 s is 30 samples shorter than the nominal rate says.
    t_s = np.concatenate((np.arange(3000), 3000 + 3170 + np.arange(3000))) / 317.0
    count = np.concatenate((np.arange(3000), 3000 + 3200 + np.arange(3000)))
    assert np.abs(evened(t_s, count, 1 / 320.0, 100.0) - t_s).max() < 1e-9


@pytest.mark.parametrize("silent_s", [0.5, 1000.0, 2100.0, 4000.0, 100_000.0])
def test_ticks_go_on_over_wraps_and_silence(silent_s):
    clock = Clock()
    first = WRAP_US - 200_000
    assert clock.heard(first, START_NS) == first
    later = first + round(silent_s * 1e6 * (1 + 150e-6))
    assert clock.heard(later % WRAP_US, START_NS + round(silent_s * 1e9)) == later
    assert clock.unwrap((later - 15_000_000) % WRAP_US) == later - 15_000_000  # a block sent again
    assert clock.unwrap((later + 2_000_000_000) % WRAP_US) == later + 2_000_000_000


class Board:
    """A board whose truth is known, probed and recorded as the link would do it."""

    def __init__(self, seed, ppm, starts_s=0.0):
        self.rng = np.random.default_rng(seed)
        self.rate = 1 + 1e-6 * ppm
        self.starts_s = starts_s
        self.clock = Clock()

    def tick_us(self, true_s):
        return int((true_s - self.starts_s) * self.rate * 1e6) % WRAP_US

    def probe(self, true_s, wall_ns=0):
        there_s, back_s = self.rng.uniform(0, 1e-3, 2) + self.rng.exponential(3e-4, 2)
        sent_ns = START_NS + round(true_s * 1e9)
        received_ns = sent_ns + round((there_s + back_s) * 1e9)
        return self.clock.probe(sent_ns, self.tick_us(true_s + there_s), received_ns, received_ns + wall_ns)

    def again(self, true_s):
        """Begin anew, as after a pressed reset."""
        self.starts_s = true_s
        self.clock.restart()


def record(writer, board, stream, rate_hz, nominal_hz, begin_s, end_s, timeline, skip=()):
    """Write what a sensor of this true rate gives; its values are its true times; return those."""
    times = SampleTimes(timeline, nominal_hz)
    true_s = np.arange(begin_s + 0.003, end_s, 1 / rate_hz)
    lost, kept = 0, []
    for number, first in enumerate(range(0, len(true_s) - 16, 16)):
        rows = true_s[first : first + 16]
        if number in skip:
            lost += len(rows)
            continue
        stamped_s = rows[0] + board.rng.exponential(1e-4)
        board_us = board.clock.unwrap(board.tick_us(stamped_s))
        writer.append(stream, times.of(board_us, len(rows), lost), rows.astype(np.float32), lost_before=lost)
        lost = 0
        kept.append(rows)
    return np.concatenate(kept)


def off_s(recording, stream, true_s):
    """Return how far the times of a stream are off."""
    assert len(recording.streams[stream].t_s) == len(true_s)
    return recording.streams[stream].t_s - true_s


def test_cup_and_coaster_come_to_stand_on_one_timeline(tmp_path):
    path = tmp_path / "pour.mcap"
    boards = {"cup": Board(1, 180.0, -30.0), "coaster": Board(2, -150.0, -4000.0)}
    plans = [StreamPlan("cup/load", ("foot_n",), 320.0), StreamPlan("cup/motion", ("ax_ms2",), 208.0)]
    plans += [StreamPlan("coaster/load", ("load_n",), 320.0), probes_plan("cup"), probes_plan("coaster")]
    true_s = {}
    with Writer(path, "cup", {}, plans) as writer:
        for kind, board in boards.items():
            for i in range(20):
                board.probe(-1.0 + 0.04 * i)
            timeline = Timeline(board.clock, START_NS)
            for i in range(100):
                timeline.probe(board.probe(0.2 + PROBE_PERIOD_S * i))
            for name, rate_hz, nominal_hz in (
                (f"{kind}/load", 319.7 if kind == "cup" else 321.3, 320.0),
                (f"{kind}/motion", 203.1, 208.0),
            ):
                if any(plan.name == name for plan in plans):
                    skip = {40, 41, 300}
                    true_s[name] = record(writer, board, name, rate_hz, nominal_hz, 0.1, 98.0, timeline, skip)
            rows = timeline.rows()
            writer.append(f"clock/{kind}", rows[:, 0], rows[:, 1:])
    stored, fitted = read(path, as_stored=True), read(path)
    for name, times_s in true_s.items():
        assert np.abs(off_s(stored, name, times_s)).max() > 5e-3  # 150 ppm and more are seen
        # The stamps are late by 0.1 ms on average, which nobody can know.
        assert np.sqrt(np.mean((off_s(fitted, name, times_s) - 1e-4) ** 2)) < 0.1e-3
        assert np.abs(off_s(fitted, name, times_s)).max() < 0.5e-3
    assert fitted.clocks["cup"].ppm == pytest.approx(180.0, abs=5.0)
    assert fitted.clocks["coaster"].ppm == pytest.approx(-150.0, abs=5.0)
    assert any("Clock of the cup: 100 probes, +1" in line for line in in_words(fitted))
    assert "No clock probes" not in " ".join(in_words(fitted))
    # The table is even at the true rate, in the host's seconds: its values are the times of its rows.
    samples, rate_hz, t0_s = table(fitted, "coaster")
    assert rate_hz == pytest.approx(321.3, abs=0.01)
    rows_s = t0_s + np.arange(len(samples)) / rate_hz
    assert np.nanmax(np.abs(samples[:, 0] - rows_s)) < 0.6e-3
    assert len(gaps(fitted.streams["coaster/load"])) == 2


def test_a_board_that_starts_anew_goes_on_behind_a_gap(tmp_path):
    path, board = tmp_path / "pegs.mcap", Board(3, 190.0, -2000.0)
    plans = [StreamPlan("pegboard/tray", ("tray_n",), 320.0), probes_plan("pegboard")]
    with Writer(path, "pegboard", {}, plans) as writer:
        board.probe(-0.5)
        timeline = Timeline(board.clock, START_NS)
        for i in range(60):
            timeline.probe(board.probe(0.2 + PROBE_PERIOD_S * i))
        true_s = record(writer, board, "pegboard/tray", 320.4, 320.0, 0.1, 59.0, timeline)
        board.again(61.0)
        timeline.restart()
        for i in range(60):
            timeline.probe(board.probe(62.0 + PROBE_PERIOD_S * i))
        later_s = record(writer, board, "pegboard/tray", 320.4, 320.0, 62.0, 120.0, timeline)
        rows = timeline.rows()
        writer.append("clock/pegboard", rows[:, 0], rows[:, 1:])
    recording = read(path)
    off = off_s(recording, "pegboard/tray", np.concatenate((true_s, later_s)))
    assert np.sqrt(np.mean((off - 1e-4) ** 2)) < 0.1e-3
    assert len(gaps(recording.streams["pegboard/tray"])) == 1
    assert recording.clocks["pegboard"].boots == 2
    assert any("started anew 1 time" in line for line in in_words(recording))


def one_stream(tmp_path, rows):
    """Return the path of a recording of some seconds with these rows of probes."""
    path = tmp_path / "r.mcap"
    plans = [StreamPlan("coaster/load", ("load_n",), 320.0), probes_plan("coaster")]
    with Writer(path, "coaster", {}, plans) as writer:
        writer.append("coaster/load", np.arange(3200) / 320, np.sin(np.arange(3200) / 99))
        if len(rows):
            writer.append("clock/coaster", rows[:, 0], rows[:, 1:])
    return path


def test_without_probes_times_stand_and_it_is_said_everywhere(tmp_path):
    recording = read(one_stream(tmp_path, np.empty((0, 4))))
    assert np.array_equal(recording.streams["coaster/load"].t_s, np.arange(3200) / 320)
    for told in (in_words(recording), score(recording).notes):
        assert any("No clock probes of coaster" in line for line in told)


def test_a_set_date_is_told_and_touches_no_time(tmp_path):
    rows = np.array([[i, 0.0, 1e-3, 3600.0 * (i > 4)] for i in range(10)])
    recording = read(one_stream(tmp_path, rows))
    assert np.allclose(recording.streams["coaster/load"].t_s, np.arange(3200) / 320, atol=1e-9)
    assert any("date was set by +3600.0 s" in line for line in score(recording).notes)


def test_times_are_never_fitted_twice(tmp_path):
    rows = np.array([[i, 1e-4 * i, 1e-3, 0.0] for i in range(10)])
    path = one_stream(tmp_path, rows)
    fitted = read(path)
    recover(path, tmp_path / "copy.mcap")
    copied = read(tmp_path / "copy.mcap")
    assert np.array_equal(copied.streams["coaster/load"].t_s, fitted.streams["coaster/load"].t_s)
    with pytest.raises(InputError, match="fitted twice"):
        write(tmp_path / "again.mcap", fitted)


def test_probes_that_are_damaged_or_odd_make_no_error(tmp_path):
    odd = np.array([[0.0, np.nan, np.nan, 0.0], [1.0, 5.0, 0.0, 0.0], [1.0, -5.0, 300.0, np.nan]])
    recording = read(one_stream(tmp_path, odd))
    assert np.all(np.diff(recording.streams["coaster/load"].t_s) >= 0)
    list(in_words(recording))
    stream = Stream("cup/load", ("foot_n",), np.empty(0), np.empty((0, 1), np.float32), 320.0)
    assert any("No clock probes" in line for line in in_words(Recording("cup", {}, {stream.name: stream})))


def test_the_world_has_both_signs_sleep_and_a_wrap():
    worlds = [world(seed) for seed in range(8)]
    assert {half_hour.slept for half_hour in worlds} == {True, False}
    ran = [np.ptp(w.tick_true_us) / (1e6 * np.ptp(w.host_s)) for w in worlds if not w.slept]
    assert min(ran) < 1 < max(ran)
    assert all(np.any(np.diff(half_hour.tick_us.astype(np.int64)) < 0) for half_hour in worlds)
