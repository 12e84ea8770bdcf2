"""A board's calibration: its text, what it does to samples, and that scores follow it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.recording import Recording, read, write
from dexkit.recording.calibration import (
    FACT,
    UNCALIBRATED,
    Axes,
    Calibration,
    calibrated,
    chosen,
    keep,
    known,
)
from dexkit.score.scoring import score, score_file, with_budget
from dexkit.sim import make_scene

GAIN, OFFSET_N = 1.25, -0.4


def of_tray(uid="0011223344556677", gain=GAIN, offset_n=OFFSET_N):
    axes = Axes(((gain,),), (offset_n,), (0.002,))
    return Calibration(uid, "pegboard", "2026-11-30T12:00:00Z", {"pegboard/tray": axes})


def test_its_text_comes_back_and_has_one_id():
    made = of_tray()
    assert Calibration.read(made.text) == made
    assert json.loads(made.text)["id"] == made.id
    assert of_tray(gain=1.250001).id != made.id


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text[:-9], "cannot be read"),
        (lambda text: text.replace("1.25", "1.26"), "changed"),
        (lambda text: text.replace("pegboard/tray", "cup/load"), "no stream"),
        (lambda text: text.replace("[[1.25]]", "[[1.25, 0]]"), "1 columns"),
        (lambda text: text.replace("[[1.25]]", "[[0]]"), "nothing"),
        (lambda text: text.replace("1.25", "NaN"), "none"),
        (lambda text: "[]", "cannot be read"),
    ],
)
def test_a_text_that_is_not_as_it_was_made_is_refused(change, word):
    with pytest.raises(InputError, match=word):
        Calibration.read(change(of_tray().text))


def test_every_single_digit_that_is_changed_is_found():
    text = of_tray().text
    for at, letter in enumerate(text):
        if letter.isdigit():
            with pytest.raises(InputError):
                Calibration.read(text[:at] + str((int(letter) + 1) % 10) + text[at + 1 :])


def nominal(made):
    """Return a recording as a board with hidden errors would have made it, and the true one."""
    scene = make_scene("pegboard", "mild", 4).recording()
    true = Recording("pegboard", {**scene.meta, "uid": made.uid}, scene.streams)
    tray = true.streams["pegboard/tray"]
    wrong = replace(tray, values=((tray.values - OFFSET_N) / GAIN).astype(np.float32))
    meta = {**true.meta, FACT: made.text}
    return Recording("pegboard", meta, {**true.streams, tray.name: wrong}), true


def test_a_recording_is_scored_by_the_calibration_it_carries_or_by_another(tmp_path):
    made = of_tray()
    wrong, true = nominal(made)
    path = tmp_path / "pegs.mcap"
    write(path, wrong)
    assert FACT in read(path).meta
    values = [value.value for value in score(true).scored.values]
    assert [value.value for value in score_file(path).scored.values] == pytest.approx(
        values, nan_ok=True, abs=1e-3
    )
    uncorrected, other = score_file(path, {}), score_file(path, {"pegboard": of_tray(gain=0.4, offset_n=0.0)})
    traces = [result.scored.traces[0].y for result in (uncorrected, other)]
    assert np.allclose(0.4 * traces[0], traces[1], atol=1e-4)


def test_the_calibration_of_another_board_is_refused():
    wrong, _ = nominal(of_tray())
    with pytest.raises(InputError, match="exchanged"):
        calibrated(wrong, {"pegboard": of_tray(uid="ffffffffffffffff")})


CUP_UID, COASTER_UID = "1" * 16, "2" * 16


def of_load(kind, uid, gain):
    """Return the calibration of a load cell, all columns alike."""
    matrix = {"cup": ((gain, 0.0), (0.0, gain)), "coaster": ((gain,),)}[kind]
    axes = Axes(matrix, (0.0,) * len(matrix), (0.005,) * len(matrix))
    return Calibration(uid, kind, "2026-11-30T12:00:00Z", {f"{kind}/load": axes})


CUP, COASTER = of_load("cup", CUP_UID, 1.0), of_load("coaster", COASTER_UID, 0.9)


def pour(cup=CUP, coaster=COASTER):
    """Return a recorded pour; a calibration that is only named is a text."""
    scene = make_scene("cup", "mild", 5, test="ftm14").recording()
    facts = {"uid": CUP_UID, "coaster_uid": COASTER_UID}
    for prefix, made in (("", cup), ("coaster_", coaster)):
        facts[f"{prefix}calibration"] = made.id if isinstance(made, Calibration) else made
        if isinstance(made, Calibration):
            facts[prefix + FACT] = made.text
    return Recording("cup", {**scene.meta, **facts}, scene.streams)


def received_g(result):
    return next(value.value for value in result.scored.values if value.id == "pour.received_g")


def test_one_that_is_chosen_leaves_that_of_the_other_object_in_force():
    carried = received_g(score(pour()))
    assert received_g(score(pour(), {"cup": CUP})) == carried
    other = {"coaster": of_load("coaster", COASTER_UID, 0.6)}
    assert received_g(score(pour(), other)) == pytest.approx(carried * 2 / 3, rel=0.02)
    damaged = pour()
    damaged.meta[FACT] = CUP.text[:-9]
    assert received_g(score(damaged, {"cup": CUP})) == carried


def test_of_an_object_that_was_not_recorded_it_is_refused():
    with pytest.raises(InputError, match=r"of a pegboard.*cup and coaster") as refused:
        score(pour(), {"cup": CUP, "pegboard": of_tray()})
    assert "\n" not in str(refused.value)


def notes(recording, calibrations=None):
    return [note for note in score(recording, calibrations).notes if "calibrat" in note.lower()]


def test_each_object_whose_values_stay_nominal_is_named():
    assert notes(pour()) == []
    (note,) = notes(pour(coaster=UNCALIBRATED))
    assert "coaster was not calibrated" in note
    assert "dexkit calibrate coaster" in note
    (note,) = notes(pour(cup="abcdef012345"))
    assert "abcdef012345 of the cup is not in this recording" in note
    assert "--calibration abcdef012345" in note
    assert "dexkit calibrate --fetch" in note
    assert notes(pour(cup="abcdef012345"), {"cup": CUP}) == []
    cup, coaster = notes(pour(), {})
    assert f"{CUP.id} of the cup" in cup
    assert f"{COASTER.id} of the coaster" in coaster


@pytest.mark.parametrize("lacking", [{"cup": UNCALIBRATED}, {"coaster": "abcdef012345"}])
def test_no_uncertainty_is_claimed_where_one_of_two_objects_is_not_calibrated(lacking):
    assert with_budget(score(pour())).budget
    assert not with_budget(score(pour(**lacking))).budget


def test_what_was_not_measured_stays_so():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 3.0]], np.float32)
    axes = Axes(((2.0, 0.0), (0.0, 1.0)), (0.5, 0.0))
    assert np.array_equal(np.isnan(axes.correct(values)), np.isnan(values))


def test_this_computer_keeps_what_it_met(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = of_tray()
    assert known(made.id) is None
    path = keep(made)
    assert known(made.id) == made
    assert chosen(made.id) == chosen(str(path)) == {"pegboard": made}
    assert chosen("nominal") == {}
    cup = keep(CUP)
    assert chosen(made.id, str(cup)) == {"pegboard": made, "cup": CUP}
    with pytest.raises(InputError, match="two calibrations of the cup"):
        chosen(CUP.id, str(cup))
    with pytest.raises(InputError, match="alone"):
        chosen("nominal", made.id)
    with pytest.raises(InputError, match=made.id):
        chosen("0123456789ab")
    path.write_text(path.read_text().replace("1.25", "1.35"))
    with pytest.raises(InputError, match="changed"):
        known(made.id)
