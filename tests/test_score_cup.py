"""The cup's measures against the truth of simulated pours, given the true events."""

import dataclasses

import numpy as np
import pytest

from dexkit.score import take
from dexkit.score.pour import ftm_class
from dexkit.score.scoring import score
from dexkit.score.spill import spill_angle_deg
from dexkit.segment import EVENT_DTYPE
from dexkit.sim import make_scene

CUP = {"cup_radius_mm": "35", "cup_height_mm": "80"}


def scored(monkeypatch, severity, seed, test="ftm14", facts=CUP, without=()):
    """Return a scene and its values by id; the segmenters say exactly what happened."""
    scene = make_scene("cup", severity=severity, seed=seed, test=test)

    def truth_of(kind):
        def segment(samples, rate_hz):
            truth = scene.truth[kind]
            events = np.zeros(len(truth), EVENT_DTYPE)
            for name in ("kind", "channel", "t_s"):
                events[name] = truth[name]
            events["quality"] = 1.0
            return events

        return segment

    monkeypatch.setattr(take, "SEGMENT", {kind: truth_of(kind) for kind in scene.truth})
    recording = scene.recording()
    streams = {name: stream for name, stream in recording.streams.items() if name not in without}
    recording = dataclasses.replace(recording, meta={**recording.meta, **facts}, streams=streams)
    return scene, {value.id: value for value in score(recording).scored.values}


@pytest.mark.parametrize("severity", ["healthy", "moderate", "severe"])
@pytest.mark.parametrize("seed", [11, 12])
def test_grams_and_times_are_true(monkeypatch, severity, seed):
    scene, found = scored(monkeypatch, severity, seed)
    facts = scene.facts
    # Two cells that drift by some grams in the ten seconds between the readings.
    assert found["pour.moved_g"].value == pytest.approx(facts["poured_g"], abs=4.0)
    assert found["pour.received_g"].value == pytest.approx(facts["received_g"], abs=6.0)
    true_pct = 100.0 * facts["spilled_g"] / facts["full_g"]
    assert found["pour.spilled_pct"].value == pytest.approx(true_pct, abs=2.5)
    assert found["pour.total_s"].value == pytest.approx(facts["total_s"], abs=0.01)
    phases = [found[f"pour.{part}_s"].value for part in ("transport", "tilt", "pour", "return")]
    assert sum(phases) == pytest.approx(found["pour.total_s"].value, abs=1e-6)


def test_the_tilt_at_first_flow_is_the_spill_angle_and_a_little(monkeypatch):
    for seed in range(4):
        scene, found = scored(monkeypatch, "moderate", seed)
        angle_deg = spill_angle_deg(scene.facts["full_g"], 35, 80)
        # Water bulges over the lip for about 2 degrees before it runs.
        assert found["pour.tilt_at_flow_deg"].value == pytest.approx(angle_deg + 2.0, abs=3.0)


def test_tremor_before_the_flow_is_the_persons(monkeypatch):
    seen = 0
    for seed in range(1, 9):
        scene, found = scored(monkeypatch, "severe", seed)
        if found["pour.tremor_hz"].value is not None:
            assert found["pour.tremor_hz"].value == pytest.approx(scene.facts["tremor_hz"], abs=0.5)
            seen += 1
    assert seen >= 4


def test_flow_steadiness_is_that_of_the_true_stream(monkeypatch):
    for seed in (1, 2):
        scene, found = scored(monkeypatch, "moderate", seed)
        glass = scene.worlds["coaster"]
        t_s = np.arange(0.0, scene.duration_s, 0.01)
        mass_g = 1000.0 * glass.received_kg(t_s)
        middle = (mass_g >= mass_g[0] + 0.1 * np.ptp(mass_g)) & (mass_g <= mass_g[0] + 0.9 * np.ptp(mass_g))
        flow = np.gradient(mass_g, 0.01)[middle]
        assert found["pour.flow_cv"].value == pytest.approx(flow.std() / flow.mean(), rel=0.2)


def test_several_pours_have_a_number_each_and_their_sum(monkeypatch):
    scene, found = scored(monkeypatch, "mild", 5, test="pours")
    true_g = scene.facts["poured_g_each"]
    assert found["pour.count"].value == len(true_g)
    each = [found[f"pour.moved_g.{n}"].value for n in range(1, len(true_g) + 1)]
    assert each == pytest.approx(true_g, abs=8.0)
    assert found["pour.moved_g"].value == pytest.approx(sum(each))


def test_without_the_coaster_the_spill_is_not_measurable(monkeypatch):
    _, found = scored(monkeypatch, "moderate", 3, without=("coaster/load",))
    assert found["pour.moved_g"].value is not None
    for name in ("received_g", "spilled_pct", "ftm14_class", "flow_cv", "drip_s"):
        assert found[f"pour.{name}"].value is None
        assert "coaster was not recorded" in found[f"pour.{name}"].reason


def test_a_dead_coaster_does_not_cost_the_cup_its_score():
    recording = make_scene("cup", severity="healthy", seed=1, test="ftm14").recording()
    dead = dataclasses.replace(
        recording.streams["coaster/load"],
        values=np.full_like(recording.streams["coaster/load"].values, np.nan),
    )
    result = score(dataclasses.replace(recording, streams={**recording.streams, "coaster/load": dead}))
    assert any("The coaster is left out" in note for note in result.notes)
    found = {value.id: value.value for value in result.scored.values}
    assert found["pour.moved_g"] is not None
    assert found["pour.spilled_pct"] is None


def test_facts_that_the_recording_does_not_say_are_named(monkeypatch):
    _, found = scored(monkeypatch, "moderate", 3, facts={"target_g": "much"})
    assert found["pour.margin_deg"].value is not None
    assert found["pour.overshoot_g"].reason == "The recording's target_g is 'much', which is no number."
    assert "go_s" in found["pour.reach_s"].reason


def test_without_the_cups_size_the_margin_is_not_measurable():
    recording = make_scene("cup", severity="healthy", seed=1, test="ftm14").recording()
    meta = {key: text for key, text in recording.meta.items() if not key.startswith("cup_")}
    found = {v.id: v for v in score(dataclasses.replace(recording, meta=meta)).scored.values}
    assert found["pour.margin_deg"].reason == (
        "The recording does not say how wide the cup is inside (cup_radius_mm)."
    )


def test_overshoot_is_against_the_target(monkeypatch):
    _, found = scored(monkeypatch, "moderate", 3, facts={"target_g": "200"})
    assert found["pour.overshoot_g"].value == pytest.approx(found["pour.moved_g"].value - 200.0)


def test_reach_and_whole_movement_are_measures_of_their_own(monkeypatch):
    _, found = scored(monkeypatch, "healthy", 3)
    assert found["pour.sparc_out"].measure is not found["pour.sparc_whole"].measure
    assert found["pour.sparc_whole"].value < found["pour.sparc_back"].value < 0


def test_a_drink_is_held_not_poured_or_says_why(monkeypatch):
    _, found = scored(monkeypatch, "healthy", 3, test="drink")
    assert found["pour.count"].value is not None
    assert all(value.reason for value in found.values() if value.value is None)


@pytest.mark.parametrize(
    ("spilled_pct", "expected"), [(0.0, 0), (1.9, 0), (2.0, 2), (10.0, 2), (10.1, 3), (50.0, 3), (50.1, 4)]
)
def test_classes_of_the_scale(spilled_pct, expected):
    assert ftm_class(spilled_pct) == expected


@pytest.mark.parametrize(
    ("liquid_g", "angle_deg"),
    [
        (0.0, 90.0),
        (np.pi * 35**2 * 80 / 1000, 0.0),  # brimful
        (np.pi * 35**2 * 40 / 1000, 48.8141),  # half full: atan(40 / 35)
        (2 / 3 * 35**2 * 80 / 1000, 66.3706),  # the surface meets the bottom's middle: atan(80 / 35)
    ],
)
def test_spill_angle_of_known_fills(liquid_g, angle_deg):
    assert spill_angle_deg(liquid_g, 35, 80) == pytest.approx(angle_deg, abs=1e-3)
