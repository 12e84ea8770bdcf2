"""The coaster segmenter against flows whose truth is known exactly, and against real pours marked by eye."""

import numpy as np
import pytest

from dexkit import segment
from dexkit.recording.foreign import read_csv
from dexkit.recording.table import N_PER_G, table
from dexkit.segment import reference
from dexkit.sim.noise import COASTER_CELL

FINE_HZ = 1000


def glass(flows, forces=(), seconds=20.0, rate_hz=80.0, noise_n=0.002, offset_n=2.0, seed=1):
    """Return the load of a glass and the times at which the sum of the flows crosses 1 g/s.

    A flow is (start, up, hold, down in s, g/s): straight up, even, straight down. A force is (start, end, N):
    a half sine.
    """
    t_s = np.arange(int(seconds * FINE_HZ)) / FINE_HZ
    flow_g_s = np.zeros(len(t_s))
    for start, up, hold, down, size in flows:
        corners = np.cumsum([start, up, hold, down])
        flow_g_s += np.interp(t_s, corners, [0.0, size, size, 0.0])
    load_n = offset_n + np.cumsum(flow_g_s) / FINE_HZ * N_PER_G
    for start, end, size in forces:
        inside = (t_s >= start) & (t_s < end)
        load_n[inside] += size * np.sin(np.pi * (t_s[inside] - start) / (end - start))
    at = np.minimum((np.arange(int(seconds * rate_hz)) / rate_hz * FINE_HZ).astype(int), len(t_s) - 1)
    rng = np.random.default_rng(seed)
    crossings = (np.flatnonzero(np.diff((flow_g_s > 1.0).astype(int))) + 1) / FINE_HZ
    return (load_n[at] + rng.normal(0.0, noise_n, len(at))).astype(np.float32), crossings


def times(events, kind):
    """Return the times of one kind."""
    return events["t_s"][events["kind"] == kind]


@pytest.mark.parametrize("rate_hz", [40.0, 80.0, 320.0])
@pytest.mark.parametrize("ramp_s", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("size_g_s", [8.0, 25.0, 70.0])
def test_a_pour_is_timed_where_its_flow_crosses_the_limit(rate_hz, ramp_s, size_g_s):
    load_n, (on_s, off_s) = glass([(5.0, ramp_s, 1.5, ramp_s, size_g_s)], rate_hz=rate_hz)
    events = segment.segment_coaster(load_n, rate_hz)
    assert list(events["kind"]) == ["receive_on", "receive_off"]
    assert times(events, "receive_on")[0] == pytest.approx(on_s, abs=0.15)
    assert times(events, "receive_off")[0] == pytest.approx(off_s, abs=0.15)
    assert events["t_known_s"][0] < on_s + 1.5
    assert events["t_known_s"][1] < off_s + 2.0


def test_a_short_pause_is_one_pour_and_a_long_one_is_two():
    first, short, long = (5.0, 0.2, 1.5, 0.2, 20.0), (7.3, 0.2, 1.5, 0.2, 20.0), (8.9, 0.2, 1.5, 0.2, 20.0)
    assert len(times(segment.segment_coaster(glass([first, short])[0], 80.0), "receive_on")) == 1
    assert len(times(segment.segment_coaster(glass([first, long])[0], 80.0), "receive_on")) == 2


@pytest.mark.parametrize("drift_g_s", [-0.4, 0.0, 0.4])
def test_neither_drift_nor_dripping_is_a_pour(drift_g_s):
    load_n, (on_s, off_s) = glass([(5.0, 0.3, 2.0, 0.3, 20.0), (7.5, 0.1, 4.0, 0.1, 0.7)])[0], (5.015, 7.585)
    load_n = load_n + np.arange(len(load_n)) / 80.0 * drift_g_s * N_PER_G
    events = segment.segment_coaster(load_n, 80.0)
    assert list(events["kind"]) == ["receive_on", "receive_off"]
    assert events["t_s"] == pytest.approx([on_s, off_s], abs=0.15)


def test_a_knock_disturbs_and_is_no_liquid():
    load_n, crossings = glass([(8.0, 0.3, 3.0, 0.3, 20.0)], [(4.0, 4.12, 0.6), (9.5, 9.6, 0.8)])
    events = segment.segment_coaster(load_n, 80.0)
    assert times(events, "disturbed") == pytest.approx([4.0, 9.5], abs=0.05)
    assert times(events, "receive_on") == pytest.approx(crossings[:1], abs=0.1)
    assert times(events, "receive_off") == pytest.approx(crossings[1:], abs=0.1)


@pytest.mark.parametrize("other_n", [2.0, 0.7, 3.5])
def test_a_glass_taken_and_put_back_is_one_disturbance(other_n):
    load_n = glass([])[0] - 2.0
    t_s = np.arange(len(load_n)) / 80.0
    load_n += np.interp(t_s, [5.0, 5.25, 9.0, 9.1], [2.0, 0.0, 0.0, other_n])
    events = segment.segment_coaster(load_n, 80.0)
    assert list(events["kind"]) == ["disturbed"]
    assert events["t_s"][0] == pytest.approx(5.0, abs=0.1)


def test_a_leaning_hand_is_one_disturbance():
    load_n = glass([])[0]
    t_s = np.arange(len(load_n)) / 80.0
    load_n = load_n + np.interp(t_s, [5.0, 5.15, 7.5, 7.6], [0.0, 0.8, 0.8, 0.0])
    events = segment.segment_coaster(load_n, 80.0)
    assert list(events["kind"]) == ["disturbed"]
    assert events["t_s"][0] == pytest.approx(5.0, abs=0.05)


def test_single_wrong_conversions_are_nothing():
    load_n, crossings = glass([(5.0, 0.3, 2.0, 0.3, 20.0)])
    for at in (100, 450, 900):
        load_n[at] += 3.0
    events = segment.segment_coaster(load_n, 80.0)
    assert list(events["kind"]) == ["receive_on", "receive_off"]
    assert events["t_s"] == pytest.approx(crossings, abs=0.1)


@pytest.mark.parametrize("rate_hz", [80.0, 320.0])
def test_a_glass_that_stands_receives_nothing_when_a_recording_begins(rate_hz):
    t_s = np.arange(int(1.5 * rate_hz)) / rate_hz
    for seed, start_s in enumerate(np.random.default_rng(1).uniform(0.0, 1000.0, 4000)):
        load_n = (2.0 + COASTER_CELL.errors(seed, 60, start_s + t_s)).astype(np.float32)
        assert not len(times(segment.segment_coaster(load_n, rate_hz), "receive_on")), (seed, start_s)


def test_the_end_of_the_stream_ends_a_pause():
    load_n, (_, off_s) = glass([(5.0, 0.2, 2.0, 0.2, 20.0)], seconds=8.0)
    segmenter = segment.CoasterSegmenter(80.0)
    assert "receive_off" not in segmenter.push(load_n)["kind"]
    (event,) = segmenter.finish()
    assert event["kind"] == "receive_off"
    assert event["t_s"] == pytest.approx(off_s, abs=0.1)
    assert event["t_known_s"] <= len(load_n) / 80.0


def test_quality_falls_with_noise():
    quiet = segment.segment_coaster(glass([(5.0, 0.3, 3.0, 0.3, 20.0)], noise_n=0.001)[0], 80.0)
    noisy = segment.segment_coaster(glass([(5.0, 0.3, 3.0, 0.3, 20.0)], noise_n=0.03)[0], 80.0)
    assert times(quiet, "receive_on").size == times(noisy, "receive_on").size == 1
    assert 0.0 < noisy["quality"][0] < quiet["quality"][0] <= 1.0


def test_the_twin_says_the_same_of_a_session():
    flows = [(5.0, 0.3, 2.0, 0.4, 25.0), (14.0, 0.8, 1.0, 0.2, 60.0)]
    load_n, _ = glass(flows, [(10.0, 10.1, 0.7), (14.9, 15.0, 0.9)], rate_hz=200.0, noise_n=0.01)
    fast, slow = segment.segment_coaster(load_n, 200.0), reference.segment_coaster(load_n, 200.0)
    assert len(fast) >= 6
    assert fast.tobytes() == slow.tobytes()


#: Marked by eye on plots of the weight before the segmenter had seen them: pours (on, off; None where the
#: recording ends first) and the first force of a hand. The dripper's brew has no labels, so an eye is off by
#: about 0.3 s where the flow begins slowly.
BY_EYE = {
    "beanconqueror_beverage_weight.csv": ([(2.8, 7.9), (48.6, 61.3), (71.2, 80.05)], [9.7, 85.35]),
    "espresso_20210921T085910.csv": ([(7.0, 7.5), (15.6, None)], []),
}


@pytest.mark.parametrize("name", BY_EYE)
def test_real_pours_are_where_an_eye_sees_them(shared_data, name):
    pours, hands = BY_EYE[name]
    recording = read_csv("weight", shared_data / "pour-over-scale" / name, "t_s,weight_g")
    load_n, rate_hz, _ = table(recording, "coaster", 10.0)
    events = segment.segment_coaster(load_n, rate_hz)
    tolerance_s = 1.0 if name.startswith("espresso") else 0.4  # an espresso crosses 1 g/s over seconds
    assert times(events, "receive_on") == pytest.approx([on for on, _ in pours], abs=tolerance_s)
    assert times(events, "receive_off") == pytest.approx([off for _, off in pours if off], abs=tolerance_s)
    assert times(events, "disturbed") == pytest.approx(hands, abs=0.3)
