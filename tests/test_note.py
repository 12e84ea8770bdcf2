"""The text for the record: what it says, and what it must not say."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from dexkit.assess import Mark, Score, Seat, Trial, Verdict, judge, load_profile
from dexkit.assess.keeping import Earlier, InFolder, Patient
from dexkit.assess.note import note
from dexkit.assess.profile import profile_ids
from dexkit.assess.series import Hands
from dexkit.assess.words import languages, load_words
from dexkit.score.measure import REGISTRY
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


class Kept(Before):
    """The same with (days before, value) each, in the order in which they were kept."""

    def earlier(self, profile_id, hand, mode):
        return tuple(Earlier(NOW - timedelta(days=days), value, "s") for days, value in self.values)


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
        "distance of the holes 32 mm, peg 6.4 7 mm",
        "Mathiowetz 1985: 17.80 s (SD 2.60) for women of 55 to 59 years, right hand.",
        "read in other software, not in the paper",
        "Change: none yet, this is the first.",
        "time limit",
        "Placing: 8.1",
        "Pegs placed: 9 of 9; ",
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


def test_what_was_kept_late_is_compared_by_its_day():
    done, words = [Done(TRIAL, META)], load_words("en")
    in_order = note(PROFILE, WOMAN, done, Kept((9, 60.0), (2, 58.0), (1, 30.0)), words)
    assert "Change: better." in in_order
    assert note(PROFILE, WOMAN, done, Kept((2, 58.0), (1, 30.0), (9, 60.0)), words) == in_order


@pytest.mark.parametrize("language", languages())
def test_an_earlier_trial_whose_day_is_still_to_come_is_left_out_and_that_is_said(language):
    done, words = [Done(TRIAL, META)], load_words(language)
    sentence = words["note.still_to_come"]
    without = note(PROFILE, WOMAN, done, Kept((3, 58.0)), words)
    told = note(PROFILE, WOMAN, done, Kept((-400, 7.0), (3, 58.0)), words)
    assert sentence not in without and told.count(sentence) == 1
    assert told.replace(sentence + "\n", "") == without


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Change: not said. Without records earlier trials are not known."),
        ("de", "Veränderung: keine Aussage. Ohne Akten sind frühere Durchgänge nicht bekannt."),
    ],
)
def test_without_records_nobody_knows_whether_a_trial_is_the_first(tmp_path, language, sentence):
    told = note(PROFILE, WOMAN, [Done(TRIAL, META)], InFolder(tmp_path, WOMAN), load_words(language))
    assert sentence in told.splitlines()
    assert "first." not in told and "erste Mal" not in told


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
def test_of_a_practice_is_said_what_was_seen_and_neither_verdict_nor_open_word(language):
    words = load_words(language)
    disturbed = trial_of(PROFILE, marks=(Mark("pause", 6.0),), practice=True)
    missed = trial_of(PROFILE, script={"returned_on_table": 3}, practice=True)
    assert [str(trial.verdict) for trial in (disturbed, missed)] == ["annulled", "ask"]
    told = text(trial_of(PROFILE, practice=True), disturbed, missed, language=language).split("\n\n")[1]
    assert told.count(words["steps.practice"]) == 3
    for said in (words["note.open"], *(words[f"verdicts.{verdict}"] for verdict in Verdict)):
        assert said not in told
    for seen in ("interrupted", "return_missed"):
        assert words[f"rules.{seen}.name"] in told


def test_a_practice_has_no_grade():
    profile, seat = load_profile("buttons_sollerman"), Seat("right", practice=True)
    grade = Score("trial.grade", None, "grade", 1, "Not answered yet: difficulty, grip, other_hand.")
    slips = Score("buttons.slips", 2.0, "slips", 1)
    trial = Trial(profile.id, 1, "button_board", profile.mode, seat, "go", 0.5, 1.0, scores=(grade, slips))
    assert "Grade" in text(replace(trial, seat=Seat("right")), profile=profile)
    told = text(trial, profile=profile)
    assert "Grade" not in told and "Slips: 2" in told


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


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("profile_id", profile_ids())
def test_scores_and_facts_are_called_by_words_and_never_by_their_ids(profile_id, language):
    """Of each test: a trial whose every score has a number, and one whose scores have none."""
    profile = load_profile(profile_id)
    trials = []
    for number, value in ((1, 1.0), (2, None)):
        scores = []
        for name in profile.scores:
            measure = REGISTRY.get(name) or REGISTRY.get(name.rpartition(".")[0])
            reason = "It was not seen." if value is None else "verified" if name == "trial.grade" else ""
            scores.append(Score(name, value, measure.unit if measure else "s", 1, reason))
        seat, start = Seat("right", number=number), profile.fact("start_rule")
        trial = Trial(
            profile_id, 1, profile.object, profile.mode, seat, start, 0.5, 1.0, scores=tuple(scores)
        )
        trials.append(replace(trial, stop_s=2.0, completed=value is not None))
    told = text(*trials, profile=profile, language=language, meta={}).replace(profile_id, "")
    assert "_" not in told
    assert not re.search(r"\b(trial|pegs|buttons|pour|hold)\.", told)
    unexplained = re.sub(r"\([^)]*\)", "", told)  # reasons are in English
    assert language == "en" or not re.search(r"\d (of \d|times|slips|entries|yes or no)", unexplained)
    assert told.count("(It was not seen.)") >= len(set(profile.scores) - {"trial.time_s"})


def test_a_grade_and_a_class_say_what_they_mean():
    sollerman, seat = load_profile("buttons_sollerman"), Seat("right")
    grade = Score("trial.grade", 3.0, "grade", 1, "RECALLED")
    trial = Trial(
        "buttons_sollerman", 1, "button_board", sollerman.mode, seat, "go", 0.5, 1.0, scores=(grade,)
    )
    told = text(trial, profile=sollerman)
    assert "Grade: 3, Within 40 s, or a little hard (from memory, not confirmed)" in told
    one = load_profile("buttons_18s")
    scores = (
        Score("buttons.cheong_group.2", 2.0, "group", 1),
        Score("buttons.attempts.2", 3.0, "entries", 1),
    )
    trial = Trial(one.id, 1, "button_board", one.mode, seat, "touch", 0.5, 1.0, scores=scores)
    told = text(trial, profile=one, language="de")
    assert (
        "Gruppengrenze nach Cheong 2018 (Knopf 2): C: höchstens 18 s; Versuche an einem Knopf (Knopf 2): 3"
        in told
    )
