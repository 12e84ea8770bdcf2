"""The error budget of a score: it says what kits scatter by, and says nothing where it knows nothing."""

import math
from dataclasses import replace

import pytest
from rich.console import Console

from dexkit.recording.calibration import UNCALIBRATED
from dexkit.report.page import page
from dexkit.report.terminal import print_table
from dexkit.score.budget import standard
from dexkit.score.scoring import as_dict, score, with_budget
from dexkit.sim import make_scene
from tests.budget_trials import calibration, felt, streams_of, trials

#: The budget may name so much of what scores scatter by; 24 kits tell a scatter to within some 15 %.
AT_LEAST, AT_MOST = 0.65, 2.6


@pytest.mark.parametrize(("kind", "numbers"), [("cup", 14), ("button_board", 15), ("pegboard", 30)])
def test_kits_scatter_by_what_the_budget_says(kind, numbers):
    lines = [line for line in trials(kind, 24) if line.scatter]
    assert len(lines) >= numbers
    assert [line for line in lines if line.ratio < AT_LEAST] == []
    if kind != "pegboard":  # its tray tells moments better than the samples about them
        assert [line for line in lines if line.ratio > AT_MOST] == []


def cup_result(**changes):
    scene = make_scene("cup", severity="mild", seed=5, test="ftm14")
    recording = felt(scene, "cup", dict.fromkeys(streams_of("cup"), 0.5))
    stated = {board: calibration(board) for board in ("cup", "coaster")}
    return score(replace(recording, meta={**recording.meta, **changes}), stated), stated


def test_it_stands_beside_each_number():
    result = with_budget(*cup_result())
    moved = next(value for value in result.scored.values if value.id == "pour.moved_g")
    console = Console(record=True, width=100)
    print_table(result, "x", console)
    poured = next(line for line in console.export_text().splitlines() if "Poured" in line)
    expanded = 2.0 * standard(result.budget[moved.id])
    assert f"{moved.value:.0f} g  ± {math.ceil(expanded)}" in poured
    assert f"some 95 %: {result.budget[moved.id][0].source}" in page(result, "x.mcap")
    said = {measure["id"]: measure for measure in as_dict(result)["measures"]}
    assert said[moved.id]["standard_uncertainty"] == standard(result.budget[moved.id])
    assert "standard_uncertainty" not in said["pour.count"]


def test_without_a_calibration_nothing_is_claimed_but_that():
    result, _ = cup_result(calibration=UNCALIBRATED)
    told = with_budget(score(result.recording, {}), {})
    assert not told.budget
    assert any("not calibrated" in note and "dexkit calibrate cup" in note for note in told.notes)
