"""Scores of a glass's weight: known grams come back, disturbances add nothing, oddities are named."""

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.recording import Recording, Stream
from dexkit.recording.foreign import read_csv
from dexkit.score.coaster import score_coaster
from dexkit.score.scoring import score


def weight(t_s, weight_g, rate_hz=None):
    """Return a scale's recording."""
    values = np.asarray(weight_g, np.float32)[:, np.newaxis]
    return Recording(
        "weight", {}, {"weight": Stream("weight", ("weight_g",), np.asarray(t_s), values, rate_hz)}
    )


def pours(*grams, rate_hz=40.0, noise_g=0.05, seed=3):
    """Return times and weights of these pours at 20 g/s, the first at 4 s, 4 s of rest after each."""
    corners, level = [(0.0, 0.0), (4.0, 0.0)], 0.0
    for size in grams:
        level += size
        corners += [(corners[-1][0] + size / 20.0, level), (corners[-1][0] + size / 20.0 + 4.0, level)]
    t_s = np.arange(int(corners[-1][0] * rate_hz)) / rate_hz
    at, of = np.array(corners).T
    return t_s, np.interp(t_s, at, of) + np.random.default_rng(seed).normal(0.0, noise_g, len(t_s))


def numbers(scored):
    """Return the values by id."""
    return {value.id: value.value for value in scored.values}


def test_every_pour_is_weighed():
    found = numbers(score_coaster(weight(*pours(60.0, 90.0))))
    assert found["coaster.pours"] == 2
    assert found["coaster.pour_g.1"] == pytest.approx(60.0, abs=0.5)
    assert found["coaster.pour_g.2"] == pytest.approx(90.0, abs=0.5)
    assert found["coaster.received_g"] == pytest.approx(150.0, abs=0.7)
    assert found["coaster.final_g"] == pytest.approx(150.0, abs=0.2)
    assert found["coaster.flow_mean_g_s.2"] == pytest.approx(20.0, rel=0.1)
    assert found["coaster.pour_s.2"] == pytest.approx(4.5, abs=0.2)
    assert found["coaster.flow_cv"] < 0.15


@pytest.mark.parametrize("push_g", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("seed", range(6))
def test_what_a_jet_pushes_on_the_glass_is_no_liquid_when_it_ends(push_g, seed):
    t_s, weight_g = pours(60.0, rate_hz=320.0, noise_g=0.6, seed=seed)
    running = np.clip(np.minimum((t_s - 4.0) / 0.2, (7.0 - t_s) / 0.2), 0.0, 1.0)
    found = numbers(score_coaster(weight(t_s, weight_g + push_g * running, 320.0)))
    assert found["coaster.received_g"] == pytest.approx(60.0, abs=0.7)


def test_a_fuller_glass_put_in_is_not_received():
    t_s, weight_g = pours(60.0, 40.0)
    away = (t_s > 8.5) & (t_s < 9.7)
    weight_g[away] = -200.0
    weight_g[t_s >= 9.7] += 150.0
    scored = score_coaster(weight(t_s, weight_g))
    found = numbers(scored)
    assert found["coaster.received_g"] == pytest.approx(100.0, abs=1.0)
    assert found["coaster.final_g"] == pytest.approx(250.0, abs=0.5)
    assert found["coaster.disturbed"] == 1
    assert any("-200" in note for note in scored.notes)


def test_a_knock_during_a_pour_adds_nothing():
    t_s, weight_g = pours(80.0)
    weight_g[(t_s > 6.0) & (t_s < 6.15)] += 80.0
    scored = score_coaster(weight(t_s, weight_g))
    (grams,) = [value for value in scored.values if value.id == "coaster.pour_g.1"]
    assert 55.0 < grams.value <= 80.5  # what came during the knock is left out
    assert grams.quality < 0.95
    cv = next(value for value in scored.values if value.id == "coaster.flow_cv")
    assert cv.value is None and "disturbed" in cv.reason


def test_gaps_spikes_missing_and_negative_weights_are_counted_and_named():
    t_s, weight_g = pours(60.0)
    weight_g[40] += 70.0
    weight_g[60:63] = np.nan
    weight_g -= 1.0
    keep = (t_s < 8.0) | (t_s > 9.46)
    scored = score_coaster(weight(t_s[keep], weight_g[keep]))
    found = numbers(scored)
    assert found["coaster.spikes"] == 1
    assert found["coaster.missing"] == 3
    assert found["coaster.negative"] == np.count_nonzero(weight_g[keep] < 0.0)
    assert found["coaster.lost_s"] == pytest.approx(1.6, abs=0.1)
    told = " ".join(scored.notes)
    assert "+70" in told and "1.00 s" in told and "Nothing was measured for 1.5 s" in told


def test_liquid_that_still_runs_has_no_final_weight():
    t_s, weight_g = pours(100.0)
    scored = score_coaster(weight(t_s[t_s < 7.0], weight_g[t_s < 7.0]))
    final = scored.values[0]
    assert final.value is None and "ended" in final.reason
    assert numbers(scored)["coaster.received_g"] == pytest.approx(60.0, abs=3.0)


def test_a_coaster_s_newtons_are_the_same_grams():
    t_s, weight_g = pours(60.0)
    values = (weight_g * 9.80665e-3).astype(np.float32)[:, np.newaxis]
    stream = Stream("coaster/load", ("load_n",), t_s, values, 40.0)
    of_coaster = numbers(score(Recording("coaster", {}, {"coaster/load": stream})).scored)
    of_scale = numbers(score(weight(t_s, weight_g, 40.0)).scored)
    assert of_coaster["coaster.received_g"] == pytest.approx(of_scale["coaster.received_g"], abs=0.01)


@pytest.mark.parametrize("weights", [[], [1.0], [np.nan] * 100, [5.0] * 100])
def test_what_cannot_be_scored_is_refused_in_one_line(weights):
    with pytest.raises(InputError) as error:
        score_coaster(weight(np.arange(len(weights)) * 0.1, weights))
    assert "\n" not in str(error.value)


def test_a_weight_that_only_drifts_holds_no_pour():
    scored = score_coaster(weight(np.arange(100) / 80.0, np.arange(100.0), 80.0))
    assert numbers(scored)["coaster.pours"] == 0


def test_the_brew_on_a_kitchen_scale(shared_data):
    path = shared_data / "pour-over-scale" / "beanconqueror_beverage_weight.csv"
    scored = score_coaster(read_csv("weight", path, "t_s,weight_g"))
    found = numbers(scored)
    assert found["coaster.final_g"] == pytest.approx(151.1, abs=0.5)  # the quantity written down by its owner
    assert found["coaster.pours"] == 3
    # By eye: 0 to 33.1 g, 32.9 to 103.5 g, 103.4 to 151.8 g; the glass was handled twice between.
    assert found["coaster.received_g"] == pytest.approx(33.1 + 70.6 + 48.4, abs=1.5)
    told = " ".join(scored.notes)
    assert "-53.0 g" in told and "161.8 g" in told and "8.8 s" in told


@pytest.mark.parametrize(
    ("name", "negative"), [("beanconqueror.csv", 61), ("beanconqueror_temperature.csv", 0)]
)
def test_handled_cups_are_told(shared_data, name, negative):
    scored = score_coaster(read_csv("weight", shared_data / "pour-over-scale" / name, "t_s,weight_g"))
    found = numbers(scored)
    assert found["coaster.negative"] == negative
    assert found["coaster.final_g"] == pytest.approx(47.7 if negative else 0.0, abs=0.1)


def dribbles(rate_hz, late=0.0):
    """Return a scale's recording of one pour: eight dribbles of 0.4 s, one a second, 25 g each."""
    t_s = np.arange(late / rate_hz, 26.0, 1.0 / rate_hz)
    since_s = np.clip(t_s - 10.0, 0.0, 8.0)
    whole = np.floor(since_s)
    return weight(t_s, 200.0 + 25.0 * (whole + np.clip((since_s - whole) / 0.4, 0.0, 1.0)))


FLOW = ("flow_cv", "flow_peak_g_s.1", "flow_reversals.1", "drip_s.1")


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 4.0, 6.0])
def test_a_slow_scale_tells_grams_and_no_flow(rate_hz):
    found = {value.id: value for value in score_coaster(dribbles(rate_hz, 0.5)).values}
    for name in (*FLOW, "stops.1"):
        value = found[f"coaster.{name}"]
        assert value.value is None
        assert value.reason.startswith(f"The scale gives {rate_hz:g} weights a second; this needs ")
    assert found["coaster.pours"].value == 1
    assert found["coaster.received_g"].value == pytest.approx(200.0, abs=0.1)
    assert found["coaster.final_g"].value == pytest.approx(400.0)
    # Its ends may each be off by the time between two weights.
    length = found["coaster.pour_s.1"]
    assert abs(length.value - 7.4) < 2.0 / rate_hz + 0.1
    assert length.quality < 1.0 - 1.0 / rate_hz / length.value


@pytest.mark.parametrize("late", [0.25, 0.5, 0.75])
def test_a_scale_of_10_hz_tells_the_flow_and_no_interruptions(late):
    found = {value.id: value for value in score_coaster(dribbles(10.0, late)).values}
    assert found["coaster.flow_peak_g_s.1"].value == pytest.approx(62.5, rel=0.15)
    assert found["coaster.flow_cv"].value == pytest.approx(1.04, rel=0.25)
    assert found["coaster.flow_reversals.1"].value in (6, 7)
    assert found["coaster.drip_s.1"].value == pytest.approx(0.0, abs=0.2)
    assert found["coaster.stops.1"].reason == "The scale gives 10 weights a second; this needs 12."


@pytest.mark.parametrize("rate_hz", [20.0, 100.0])
def test_a_fast_scale_tells_interruptions(rate_hz):
    found = {value.id: value for value in score_coaster(dribbles(rate_hz)).values}
    assert found["coaster.stops.1"].value == found["coaster.flow_reversals.1"].value == 7
    assert found["coaster.pour_s.1"].value == pytest.approx(7.4, abs=0.1)


def test_a_real_scale_of_10_hz_keeps_what_it_can_carry(shared_data):
    path = shared_data / "pour-over-scale" / "beanconqueror_beverage_weight.csv"
    found = numbers(score_coaster(read_csv("weight", path, "t_s,weight_g")))
    for pour in (1, 2, 3):
        for name in ("pour_g", "pour_s", "flow_mean_g_s", "flow_peak_g_s", "flow_reversals", "drip_s"):
            assert found[f"coaster.{name}.{pour}"] is not None
        assert found[f"coaster.stops.{pour}"] is None
    assert found["coaster.flow_cv"] is not None


def test_every_recording_of_a_kitchen_scale_is_scored(shared_data):
    files = sorted((shared_data / "pour-over-scale").glob("*.csv"))
    assert len(files) == 5
    for path in files:
        scored = score_coaster(read_csv("weight", path, "t_s,weight_g"))
        assert len(scored.values) > 10
        for value in scored.values:
            assert bool(value.reason) if value.value is None else np.isfinite(value.value), value.id
