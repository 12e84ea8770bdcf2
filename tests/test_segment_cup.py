"""The cup segmenter against forces drawn by hand and against simulated people, through the public face."""

import numpy as np
import pytest

from dexkit import segment
from dexkit.recording.table import table
from dexkit.sim.scene import make_scene

RATE_HZ = 200.0
WEIGHT_N, GRAVITY_MS2 = 3.0, 9.81


def cup(seconds, seed=0):
    """Return the samples of a cup that stands for this long, with noise, and their times."""
    rng = np.random.default_rng(seed)
    t_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    samples = np.zeros((len(t_s), 8), np.float32)
    samples[:, 0] = WEIGHT_N
    samples[:, 1] = 0.2 * GRAVITY_MS2
    samples[:, 4] = GRAVITY_MS2
    return t_s, samples, rng


def bear(samples, t_s, points):
    """Let the table bear the part of the weight that these (time, part) points join by straight lines."""
    times, parts = zip(*points, strict=True)
    samples[:, 0] = WEIGHT_N * np.interp(t_s, times, parts)


def noisy(samples, rng, foot_n=0.02, inner_n=0.01):
    samples[:, 0] += rng.normal(0, foot_n, len(samples))
    samples[:, 1] += rng.normal(0, inner_n, len(samples))
    return samples


def told(events):
    return [str(kind) for kind in events["kind"]]


def one(events, kind):
    (event,) = events[events["kind"] == kind]
    return event


@pytest.mark.parametrize("offset_n", [-0.5, 0.0, 0.5])
def test_lift_is_where_the_force_reaches_zero_and_put_the_first_contact(offset_n):
    t_s, samples, rng = cup(8.0)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.2, 0), (5.0, 0), (5.15, 1), (8, 1)])
    samples[:, 0] += offset_n
    events = segment.segment_cup(noisy(samples, rng), RATE_HZ)
    assert told(events) == ["lift", "put"]
    assert one(events, "lift")["t_s"] == pytest.approx(2.2, abs=0.015)
    assert one(events, "put")["t_s"] == pytest.approx(5.0, abs=0.015)
    # An untared zero makes the first lift wait: it might still be a failed one.
    assert (events["t_known_s"] - events["t_s"] < (1.2 if offset_n > 0 else 0.6)).all()
    assert (events["quality"] > 0.4).all()


@pytest.mark.parametrize("rate_hz", [80.0, 400.0])
def test_other_rates(rate_hz):
    t_s = np.arange(int(8 * rate_hz)) / rate_hz
    samples = np.zeros((len(t_s), 8), np.float32)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.2, 0), (5.0, 0), (5.15, 1), (8, 1)])
    samples[:, 4] = GRAVITY_MS2
    events = segment.segment_cup(noisy(samples, np.random.default_rng(1)), rate_hz)
    assert told(events) == ["lift", "put"]
    assert events["t_s"] == pytest.approx([2.2, 5.0], abs=0.02)


def test_a_bounce_belongs_to_the_put():
    t_s, samples, rng = cup(8.0)
    points = [(0, 1), (2.0, 1), (2.2, 0), (5.0, 0), (5.02, 0.5), (5.04, 0), (5.1, 0), (5.2, 1), (8, 1)]
    bear(samples, t_s, points)
    events = segment.segment_cup(noisy(samples, rng), RATE_HZ)
    assert told(events) == ["lift", "put"]
    assert one(events, "put")["t_s"] == pytest.approx(5.0, abs=0.015)


@pytest.mark.parametrize(("severity", "seed"), [("healthy", 4), ("healthy", 117), ("mild", 115)])
def test_a_long_bounce_before_a_soft_landing_belongs_to_the_put(severity, seed):
    """The longest bounces of the world: between fading and growing softly, the force is away for longer."""
    scene = make_scene("cup", severity, seed, test="pours", length=1)
    truth = scene.truth["cup"]
    samples, rate_hz, t0_s = table(scene.recording(), "cup")
    put = one(segment.segment_cup(samples, rate_hz), "put")
    assert put["t_s"] + t0_s == pytest.approx(truth["t_s"][truth["kind"] == "put"][0], abs=0.02)


@pytest.mark.parametrize("part", [0.4, -0.4, -0.9])
def test_a_short_change_is_a_bump_whatever_its_size(part):
    t_s, samples, rng = cup(5.0)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.05, 1 + part), (2.15, 1 + part), (2.2, 1), (5, 1)])
    events = segment.segment_cup(noisy(samples, rng), RATE_HZ)
    assert told(events) == ["bump"]
    assert one(events, "bump")["t_s"] == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize("left", [0.12, 0.25, 0.4])
def test_a_failed_lift_is_never_a_lift(left):
    t_s, samples, rng = cup(12.0)
    whole = [(0, 1), (1.0, 1), (1.2, 0), (3.0, 0), (3.2, 1), (6.0, 1)]
    bear(samples, t_s, [*whole, (6.2, left), (6.5, left), (6.7, 1), (12, 1)])
    events = segment.segment_cup(noisy(samples, rng), RATE_HZ)
    assert told(events) == ["lift", "put", "failed_lift"]


@pytest.mark.parametrize("offset_n", [-0.25, 0.0, 0.1])
def test_a_failed_lift_before_the_zero_was_ever_felt_is_no_lift(offset_n):
    t_s, samples, rng = cup(8.0)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.25, 0.1), (2.7, 0.1), (2.85, 1), (5.0, 1), (5.2, 0), (8, 0)])
    samples[:, 0] += offset_n
    events = segment.segment_cup(noisy(samples, rng), RATE_HZ)
    assert told(events) == ["failed_lift", "lift"]


def test_spikes_drift_and_a_refill_make_no_event():
    t_s, samples, rng = cup(30.0)
    samples[:, 0] += 0.25 * np.sin(2 * np.pi * t_s / 30)
    samples[:, 0] += np.interp(t_s, [10, 14], [0, 2.0])
    samples[:, 1] += np.interp(t_s, [10, 14], [0, 2.0])
    samples = noisy(samples, rng)
    for i in range(300, len(samples), 700):
        samples[i : i + 1 + i % 2, 0] += 4.0
    assert len(segment.segment_cup(samples, RATE_HZ)) == 0


def pouring(flow_kg_s, seed=3):
    """Return a cup that is lifted, tilted to 60 degrees, pours from 5.0 to 6.0 s and is put down."""
    t_s, samples, rng = cup(11.0, seed)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.2, 0), (9.0, 0), (9.2, 1), (11, 1)])
    tilt = np.radians(np.interp(t_s, [4.0, 5.0, 5.9, 6.6], [0, 60, 60, 0]))
    shake = 0.3 * np.sin(2 * np.pi * 6 * t_s) * ((t_s > 2.3) & (t_s < 8.8))
    samples[:, 2] = GRAVITY_MS2 * np.sin(tilt)
    samples[:, 4] = GRAVITY_MS2 * np.cos(tilt) + shake
    samples[:, 1] = (0.25 - np.interp(t_s, [5.0, 6.0], [0, flow_kg_s])) * samples[:, 4]
    return noisy(samples, rng)


def test_pour_begins_and_ends_where_the_liquid_leaves():
    events = segment.segment_cup(pouring(0.1), RATE_HZ)
    assert told(events) == ["lift", "pour_on", "pour_off", "put"]
    assert one(events, "pour_on")["t_s"] == pytest.approx(5.0, abs=0.05)
    assert one(events, "pour_off")["t_s"] == pytest.approx(6.0, abs=0.05)


def test_a_tilt_without_flow_is_no_pour():
    for seed in range(10):
        assert told(segment.segment_cup(pouring(0.0, seed), RATE_HZ)) == ["lift", "put"]


def test_the_end_of_the_stream_tells_a_lift_that_is_clear():
    t_s, samples, rng = cup(2.5)
    bear(samples, t_s, [(0, 1), (2.0, 1), (2.2, 0), (2.5, 0)])
    segmenter = segment.CupSegmenter(RATE_HZ)
    events = np.concatenate([segmenter.push(noisy(samples, rng)), segmenter.finish()])
    assert told(events) == ["lift"]


def matched(true_s, found_s, within_s):
    """Return how many pair up one to one, the nearest first."""
    pairs = sorted(
        (abs(a - b), i, j)
        for i, a in enumerate(true_s)
        for j, b in enumerate(found_s)
        if abs(a - b) <= within_s
    )
    used_true, used_found = set(), set()
    for _, i, j in pairs:
        if i not in used_true and j not in used_found:
            used_true.add(i)
            used_found.add(j)
    return len(used_true)


def f1(cases, kinds, within_s):
    hits = total = 0
    for truth, found in cases:
        for kind in kinds:
            true_s = truth["t_s"][truth["kind"] == kind]
            found_s = found["t_s"][found["kind"] == kind]
            hits += matched(true_s, found_s, within_s)
            total += len(true_s) + len(found_s)
    return 2 * hits / total


def test_simulated_people_of_moderate_severity():
    cases = []
    for seed in (101, 102):
        scene = make_scene("cup", "moderate", seed)
        cases.append((scene.truth["cup"], segment.segment_cup(scene.tables["cup"], scene.rate_hz)))
    assert f1(cases, ("lift", "put"), 0.05) >= 0.95
    assert f1(cases, ("lift", "put"), 0.02) >= 0.9
    for truth, found in cases:  # no bump and no failed lift is taken for a lift
        lifts = found["t_s"][found["kind"] == "lift"]
        assert matched(truth["t_s"][truth["kind"] == "lift"], lifts, 0.3) == len(lifts)


@pytest.mark.parametrize("kind", [segment.CupSegmenter, segment.reference.CupSegmenter])
def test_without_an_inner_load_the_contacts_are_the_same(kind):
    table = make_scene("cup", "moderate", 1).tables["cup"][:6000].copy()
    with_load = kind(RATE_HZ).push(table)
    table[:, 1] = np.nan
    without = kind(RATE_HZ).push(table)
    assert "pour_on" in told(with_load) and "lift" in told(without)
    pours = np.isin(with_load["kind"], ("pour_on", "pour_off"))
    assert without.tolist() == with_load[~pours].tolist()
