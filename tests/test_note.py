"""The text for the record: what it says, and what it must not say."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from dexkit.assess import Mark, Seat, judge, load_profile
from dexkit.assess.keeping import Earlier, Patient
from dexkit.assess.note import note
from dexkit.assess.series import Hands
from dexkit.assess.words import languages, load_words
from dexkit.sim import make_scene

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
META = {
    "uid": "e660",
    "firmware": "1.2.3",
    "calibration": "c7",
    "pegboard_hole_pitch_mm": "32",
    "pegboard_peg_mm": "6.4 7",
    "pegboard_peg_length_mm": "32",
}
WOMAN = Patient("P7", Hands("right", "left"), "stroke", "female", 1968)


@dataclass
class Done:
    """A finished trial."""

    trial: object
    meta: dict
    started_at: datetime = NOW


class Before:
    """A place where earlier trials are kept: values of so many days before."""

    def __init__(self, *values):
        self.values = values

    def earlier(self, profile_id, hand, mode):
        days = len(self.values)
        return tuple(
            Earlier(NOW - timedelta(days=days - day), value, "s") for day, value in enumerate(self.values)
        )


def trial_of(profile, hand="right", seed=3, marks=(), script=None, practice=False):
    recording = make_scene("pegboard", "healthy", seed, script=script).recording()
    seat = Seat(hand, Hands("right", "left").role(hand), practice=practice)
    return judge(recording, profile, (Mark("go", 0.5), *marks), seat)


PROFILE = load_profile("nhpt_mathiowetz")
TRIAL = trial_of(PROFILE)


def text(*trials, patient=WOMAN, meta=META, before=(), language="en", profile=PROFILE):
    done = [Done(trial, meta) for trial in trials]
    return note(profile, patient, done, Before(*before), load_words(language))


def test_what_was_done_and_with_what_stands_there():
    told = text(TRIAL)
    for part in (
        "[nhpt_mathiowetz, version 1]",
        "Person: P7",
        "Date: 2026-11-20",
        "Condition: stroke",
        f"right hand, Trial 1: {TRIAL.time_s:.2f} s (all in after",
        f"{TRIAL.splits['placed_s'] - TRIAL.start_s:.2f} s). Counts.",
        "Clock started by: the first touch.",
        "pegboard e660, firmware 1.2.3, calibration c7.",
        "hole_pitch 32 mm, peg 6.4 7 mm",
        "Mathiowetz 1985: 17.80 s (SD 2.60) for women of 55 to 59 years, right hand.",
        "read in other software, not in the paper",
        "Change: none yet, this is the first.",
        "time_limit_s",
        "no medical device",
    ):
        assert part in told, part
    assert "simulated" not in told


@pytest.mark.parametrize(
    ("facts", "meta", "why"),
    [
        ({"birth_year": None}, META, "The age is not known."),
        ({"sex": ""}, META, "neither is noted"),
        ({"birth_year": 2010}, META, "The norms begin at"),
        ({}, {"uid": "e660"}, "The size of the board was not recorded."),
        ({}, {**META, "pegboard_peg_mm": "6.4 9"}, "not as large as the one of the norms"),
        ({}, {**META, "pegboard_peg_mm": "5 7"}, "not as large as the one of the norms"),
    ],
)
def test_no_norm_without_its_reason(facts, meta, why):
    told = text(TRIAL, patient=replace(WOMAN, **facts), meta=meta)
    assert why in told
    assert "percentile" not in told


def test_ordered_pegs_have_no_norm():
    ordered = load_profile("nhpt_ordered")
    assert "percentile" not in text(trial_of(ordered), profile=ordered)


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ((15.0, 15.4), "within measuring error"),
        ((60.0, 58.0), "Change: better."),
        ((7.0, 7.1), "Change: worse."),
    ],
)
def test_change_is_one_of_three_words(before, word):
    told = text(TRIAL, before=before)
    assert word in told
    assert sum(f"Change: {each}" in told for each in ("better", "worse", "within measuring error")) == 1


def test_a_trial_that_does_not_count_has_no_result():
    annulled = trial_of(PROFILE, marks=(Mark("pause", 6.0),))
    told = text(annulled, before=(60.0,))
    assert "No trial counts." in told and "Change" not in told and "percentile" not in told
    assert "Disturbed from outside: Does not count" in told


def test_both_rulings_and_the_reason_stand_there():
    marks = (Mark("override", 30.0, "two_at_once", verdict="valid", reason="for a moment only"),)
    told = text(trial_of(PROFILE, seed=7, marks=marks))
    assert "Two pegs at once: Does not count" in told
    assert "Two pegs at once (for a moment only): Counts, by the therapist" in told


def test_an_open_question_is_said():
    told = text(trial_of(PROFILE, script={"returned_on_table": 3}))
    assert "Needs the therapist's word before it counts." in told
    assert "No trial counts." in told


@pytest.mark.parametrize("language", languages())
def test_every_language_says_the_same_facts(language):
    told = text(TRIAL, trial_of(PROFILE, "left", 2, practice=True), language=language, before=(15.0,))
    for part in (f"{TRIAL.time_s:.2f} s", "nhpt_mathiowetz", "e660", "1.2.3", "Mathiowetz 1985"):
        assert part in told
    assert "{" not in told


def test_a_test_whose_score_is_no_time_has_neither_norm_nor_change():
    profile = load_profile("cup_ftm14")
    done = []
    for hand, severity in (("right", "healthy"), ("left", "mild")):
        recording = make_scene("cup", severity, 2, test="ftm14").recording()
        trial = judge(recording, profile, (Mark("go", 0.5),), Seat(hand))
        done.append(Done(trial, {"uid": "c1"}))
    told = note(profile, WOMAN, done, Before(5.0, 5.0), load_words("en"))
    classes = [line for line in told.splitlines() if line.startswith("Result, ")]
    assert len(classes) == 2 and all("other hand" in line for line in classes)
    assert "Change" not in told and "norm" not in told.lower().replace("normal", "")
