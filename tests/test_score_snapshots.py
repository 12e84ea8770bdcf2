"""Scores of some recordings as they stand: a changed score is a clinical matter.

When one of these fails on purpose: raise the measure's ``version``, say why under Scores in CHANGELOG.md, and
write the snapshots anew with ``python -m tests.test_score_snapshots``.
"""

import json
from pathlib import Path

import pytest

from dexkit.score.scoring import score
from dexkit.sim import make_scene

FOLDER = Path(__file__).parent / "snapshots"
SCENES = {
    "pour": ("cup", "moderate", 4, "ftm14"),
    "drink": ("cup", "mild", 3, "drink"),
    "buttons": ("button_board", "moderate", 2, ""),
    "pegs": ("pegboard", "mild", 1, ""),
}


def scored(name):
    kind, severity, seed, test = SCENES[name]
    result = score(make_scene(kind, severity=severity, seed=seed, test=test).recording())
    return {
        value.id: {"value": value.value, "version": value.measure.version, "reason": value.reason}
        for value in result.scored.values
    }


@pytest.mark.parametrize("name", SCENES)
def test_scores_have_not_changed(name):
    expected = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found = scored(name)
    assert list(found) == list(expected)
    changed = {
        identity: (expected[identity], value)
        for identity, value in found.items()
        if value["version"] != expected[identity]["version"]
        or value["reason"] != expected[identity]["reason"]
        or value["value"] != pytest.approx(expected[identity]["value"], rel=1e-6, abs=1e-9)
    }
    assert not changed, f"{__doc__}"


if __name__ == "__main__":
    for scene in SCENES:
        text = json.dumps(scored(scene), indent=1, ensure_ascii=False)
        (FOLDER / f"{scene}.json").write_text(text + "\n", encoding="utf-8")
