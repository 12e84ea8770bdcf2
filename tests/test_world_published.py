"""The simulated people against published figures, with tolerances from the published spread."""

from collections import Counter

import numpy as np
import pytest

from dexkit.sim import SEVERITIES, make_scene
from dexkit.sim.severity import CHEONG_CLASS, PUBLISHED

PEOPLE = range(1, 25)


def total_s(measure, severity, seed):
    kind, test = {"pegs.total_s": ("pegboard", "nhpt"), "drink.total_s": ("cup", "drink")}[measure]
    return make_scene(kind, severity, seed, rate_hz=20.0, test=test).facts["total_s"]


@pytest.mark.parametrize("figure", PUBLISHED, ids=lambda f: f"{f.measure}-{f.severity}")
def test_totals_match_published_means(figure):
    totals = np.array([total_s(figure.measure, figure.severity, seed) for seed in PEOPLE])
    assert abs(totals.mean() - figure.mean) < 0.5 * figure.sd
    assert np.abs(totals - figure.mean).max() < 3.5 * figure.sd
    assert totals.std() < 1.5 * figure.sd


@pytest.mark.parametrize("severity", SEVERITIES)
def test_buttoning_falls_into_the_classes_of_cheong(severity):
    people = [make_scene("button_board", severity, seed, rate_hz=20.0) for seed in PEOPLE]
    classes = Counter(scene.facts["cheong_class"] for scene in people)
    assert classes.most_common(1)[0][0] == CHEONG_CLASS[severity]
    assert classes[CHEONG_CLASS[severity]] > 0.6 * len(people)
    for scene in people:
        assert (scene.facts["cheong_class"] == "A") == (scene.facts["completed"] < 5)


def test_item_14_spills_as_its_grades_say():
    """Fahn-Tolosa-Marin item 14: 0 and 1 spill nothing, 2 up to 10 %, 3 a considerable amount."""
    limits = {"healthy": (0.0, 0.002), "mild": (0.0, 0.10), "moderate": (0.005, 0.12), "severe": (0.10, 0.60)}
    for severity, (low, high) in limits.items():
        for seed in range(1, 9):
            facts = make_scene("cup", severity, seed, rate_hz=20.0, test="ftm14").facts
            assert facts["poured_g"] > 0.9 * facts["full_g"]
            assert low <= facts["spilled_g"] / facts["full_g"] <= high, (severity, seed)


def test_healthy_people_place_slower_than_they_remove():
    """Koyama 2011: placing and removing differ; placing is the longer part."""
    people = [make_scene("pegboard", "healthy", seed, rate_hz=20.0).facts for seed in PEOPLE]
    assert np.mean([f["placing_s"] for f in people]) > 1.1 * np.mean([f["removing_s"] for f in people])
