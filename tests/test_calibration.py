"""A board's calibration: its text, what it does to samples, and that scores follow it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.recording import Recording, read, write
from dexkit.recording.calibration import FACT, Axes, Calibration, calibrated, chosen, keep, known
from dexkit.score.scoring import score, score_file
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
    with pytest.raises(InputError, match=made.id):
        chosen("0123456789ab")
    path.write_text(path.read_text().replace("1.25", "1.35"))
    with pytest.raises(InputError, match="changed"):
        known(made.id)
