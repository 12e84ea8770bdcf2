"""The runner: from the first screen to the last trial, with a therapist who presses keys."""

import json
from dataclasses import replace
from functools import cache

import pytest

from dexkit.assess import Mark, Seat, Trial, Verdict, load_profile
from dexkit.assess.again import differences, judged, with_differences
from dexkit.assess.keeping import InFolder, Patient
from dexkit.assess.runner import Runner
from dexkit.assess.series import Hands
from dexkit.assess.therapist import Therapist
from dexkit.assess.words import load_words
from dexkit.errors import LinkError
from dexkit.link.ports import Plug
from dexkit.recording import read, write
from dexkit.sim import make_scene

WORDS = load_words("en")
#: The promised error of any time.
SAME_S = 0.02


class Script(Therapist):
    """A therapist who presses what a list says: (stage, key), the next as soon as that stage is shown.

    A key may have a clock's time before which it is not pressed: (stage, key, clock_s). When the list is
    empty, all goes by itself.
    """

    def __init__(self, *keys):
        super().__init__()
        self.keys = list(keys)
        self.shown = []

    def key(self, screen, now_s):
        self.shown.append(screen)
        if self.keys:
            stage, key, *after = self.keys[0]
            if screen.stage == stage and (not after or (screen.clock_s or 0.0) >= after[0]):
                self.keys.pop(0)
                return key
            if screen.stage == stage or stage in ("running", "over"):
                return super().key(screen, now_s) if screen.stage != stage else ""
        return super().key(screen, now_s)


class Slips(Script):
    """A therapist who presses a small two at each question, and answers it only at the result."""

    def __init__(self, *keys):
        super().__init__(*keys)
        self.slips = []

    def key(self, screen, now_s):
        self.answers = screen.stage == "result"
        if screen.question and screen.stage not in self.slips:
            self.slips.append(screen.stage)
            return "²"
        return super().key(screen, now_s)


@cache
def scene(kind, severity, seed, test="", mistake=""):
    return make_scene(kind, severity, seed, test=test, script={mistake: 3} if mistake else None)


def placing_s(world):
    """Return the true time from the first touch until the last of nine pegs sat."""
    truth = world.truth["pegboard"]
    times = {kind: truth["t_s"][truth["kind"] == kind] for kind in ("seat", "return")}
    assert len(times["seat"]) == 9
    return times["seat"][-1] - (times["return"][-1] - world.facts["total_s"])


@pytest.fixture
def sitting(tmp_path):
    """Return what lets a person do a test: profile, keys, and scenes, one for each trial (the last stays)."""

    def run(profile_id, scenes, *keys, order=("right",), kinds=None, therapist=Script):
        profile = load_profile(profile_id)
        kinds = kinds or [profile.object]
        files = []
        for place, each in enumerate(scenes):
            files.append(tmp_path / f"scene{place}.mcap")
            write(files[-1], each.recording(), overwrite=True)
        trials = iter([*files, *[files[-1]] * 20])

        def boards(seat):
            file = next(trials)
            more = [f"&object={kind}" if len(kinds) > 1 else "" for kind in kinds]
            return [Plug(f"replay:{file}?speed=fast{each}") for each in more]

        patient = Patient("P7", Hands("right"))
        keeping = InFolder(tmp_path / "kept", patient)
        run.therapist = script = therapist(*keys)
        runner = Runner(profile, patient, order, boards, keeping, WORDS, lambda screen: None, script)
        runner.run()
        assert not script.keys, "not all keys were pressed"
        return runner

    run.folder = tmp_path / "kept"
    return run


def kept(folder):
    """Return all trials that lie in a folder, by their names."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def test_a_test_runs_by_itself_and_every_trial_is_kept(sitting):
    world = scene("pegboard", "healthy", 3)
    runner = sitting("nhpt_mathiowetz", [world], order=("right", "left"))
    seats = [(t.seat.hand, t.seat.practice, t.seat.number) for t in runner.trials]
    assert seats == [("right", True, 1), ("right", False, 1), ("left", True, 1), ("left", False, 1)]
    for trial in runner.trials:
        assert trial.verdict is Verdict.VALID
        assert trial.time_s == pytest.approx(world.facts["total_s"], abs=SAME_S)
        assert trial.splits["placed_s"] - trial.start_s == pytest.approx(placing_s(world), abs=SAME_S)
    files = kept(sitting.folder)
    assert [Trial.from_json(json.dumps(each["trial"])) for each in files.values()] == sorted(
        runner.trials, key=lambda trial: (trial.seat.hand, not trial.seat.practice)
    )
    assert all(each["person"] == "P7" and not each["corrects"] for each in files.values())


def test_the_recording_alone_gives_the_same_trial(sitting):
    runner = sitting("nhpt_mathiowetz", [scene("pegboard", "mild", 3)], ("running", "h", 4.0))
    for recording in sorted(sitting.folder.glob("*.mcap")):
        again = judged(read(recording))
        live = Trial.from_json(json.dumps(kept(sitting.folder)[f"{recording.stem}.trial.json"]["trial"]))
        marks = len(again.marks)
        assert again.marks == live.marks[:marks]
        assert (again.start_s, again.stop_s, again.seat) == (live.start_s, live.stop_s, live.seat)
    assert "other_hand" in {ruling.rule for ruling in runner.trials[0].rulings}


@pytest.mark.parametrize(
    ("profile_id", "kind", "severity", "seed", "test"),
    [
        ("nhpt_mathiowetz", "pegboard", "moderate", 3, ""),
        ("buttons_five", "button_board", "mild", 4, ""),
        ("cup_ftm14", "cup", "severe", 2, "ftm14"),
    ],
)
def test_live_and_recording_say_the_same(sitting, profile_id, kind, severity, seed, test):
    kinds = ["cup", "coaster"] if kind == "cup" else None
    skip_practice = [("ready", "s")] if load_profile(profile_id).fact("practice") else []
    runner = sitting(profile_id, [scene(kind, severity, seed, test)], *skip_practice, kinds=kinds)
    assert runner.done
    assert all(done.differs == () for done in runner.done)


def test_an_annulled_trial_is_repeated_at_most_twice(sitting):
    runner = sitting("nhpt_mathiowetz", [scene("pegboard", "healthy", 7)], ("ready", "s"))
    assert [(t.seat.attempt, str(t.verdict)) for t in runner.trials] == [
        (attempt, "annulled") for attempt in (1, 2, 3)
    ]


def test_a_repeat_ends_with_the_first_that_counts(sitting):
    scenes = [scene("pegboard", "healthy", 7), scene("pegboard", "healthy", 3)]
    runner = sitting("nhpt_mathiowetz", scenes, ("ready", "s"))
    assert [str(t.verdict) for t in runner.trials] == ["annulled", "valid"]


def test_a_pause_annuls_and_the_undo_of_a_slip_does_not(sitting):
    world = scene("pegboard", "healthy", 3)
    runner = sitting("nhpt_mathiowetz", [world], ("ready", "s"), ("running", "p", 3.0))
    assert [str(t.verdict) for t in runner.trials] == ["annulled", "valid"]
    assert runner.trials[0].rulings[0].rule == "interrupted"
    again = sitting("nhpt_mathiowetz", [world], ("ready", "s"), ("running", "space", 3.0), ("over", "u"))
    assert [m.kind for m in again.trials[-1].marks][:3] == ["go", "stop", "undo"]
    assert again.trials[-1].time_s == pytest.approx(world.facts["total_s"], abs=SAME_S)


def test_a_question_stays_open_until_it_is_answered(sitting):
    world = scene("pegboard", "healthy", 3, mistake="returned_on_table")
    keys = [("ready", "s"), ("over", ""), ("result", "space")]
    script = [key for key in keys if key[1]]
    runner = sitting("nhpt_mathiowetz", [world], *script, order=("right",))
    assert [ruling.rule for ruling in runner.trials[0].rulings][:1] == ["return_missed"]


def test_after_a_practice_nothing_is_asked_and_nothing_is_left_open(sitting):
    odd, good = scene("pegboard", "healthy", 3, mistake="returned_on_table"), scene("pegboard", "healthy", 3)
    runner = sitting("nhpt_mathiowetz", [odd, good])
    assert [str(trial.verdict) for trial in runner.trials] == ["ask", "valid"]
    assert [trial.is_open for trial in runner.trials] == [False, False]
    of_practice = [each for each in sitting.therapist.shown if WORDS["steps.practice"] in each.heading]
    result = next(each for each in of_practice if each.stage == "result")
    assert result.lines == (f"right hand, For practice: {runner.trials[0].time_s:.2f} s.",)
    assert WORDS["keys.leave_open"] not in [key.word for key in result.keys]
    verdicts = [WORDS[f"verdicts.{verdict}"] for verdict in Verdict]
    for screen in of_practice:
        assert not screen.question
        assert not any(verdict in line for verdict in verdicts for line in screen.rulings)
    missed = WORDS["rules.return_missed.name"]
    assert any(missed in line for line in result.rulings)


def test_an_override_keeps_both_rulings_and_the_reason(sitting):
    runner = sitting(
        "nhpt_mathiowetz",
        [scene("pegboard", "healthy", 7)],
        ("ready", "s"),
        ("result", "o"),
        ("choose", "1"),
        ("choose", "1"),
        ("choose", "two lay in the hand for a moment only"),
    )
    (trial,) = runner.trials
    assert trial.verdict is Verdict.VALID
    assert [(r.rule, str(r.verdict), str(r.by)) for r in trial.rulings if r.rule == "two_at_once"] == [
        ("two_at_once", "annulled", "referee"),
        ("two_at_once", "valid", "therapist"),
    ]
    first, second = list(kept(sitting.folder).values())[-2:]
    both = sorted((first, second), key=lambda each: bool(each["corrects"]))
    assert [each["trial"]["verdict"] for each in both] == ["annulled", "valid"]
    assert both[1]["reason"] == "two lay in the hand for a moment only"


def test_words_are_taken_back_one_after_the_other(sitting):
    counts, counts_not = [
        [("result", "o"), *(("choose", key) for key in ("1", "1", reason))] for reason in ("a splinter", "no")
    ]
    keys = [("ready", "s"), *counts, *counts_not, ("result", "u"), ("result", "u")]
    runner = sitting("nhpt_mathiowetz", [scene("pegboard", "healthy", 7)], *keys)
    first = runner.trials[0]
    assert [mark.kind for mark in first.marks] == ["go", "answer", *["override"] * 2, *["undo"] * 2]
    assert first.verdict is Verdict.ANNULLED
    assert not any(ruling.rule == "two_at_once" and ruling.by == "therapist" for ruling in first.rulings)


def test_there_is_a_key_to_take_back_only_what_was_said(sitting):
    sitting("nhpt_mathiowetz", [scene("pegboard", "healthy", 3)], ("ready", "s"), ("result", "u"))
    shown = [screen for screen in sitting.therapist.shown if screen.stage == "result"]
    assert ["u" in {key.key for key in screen.keys} for screen in shown[:2]] == [True, False]


def test_of_two_rulings_of_one_rule_the_one_that_was_chosen_is_set_aside(sitting):
    twice = make_scene("pegboard", "healthy", 3, script={"returned_on_floor": 3, "returned_on_table": 6})
    override = [("result", "o"), *(("choose", key) for key in ("2", "1", "it came from the floor"))]
    runner = sitting("nhpt_mathiowetz", [twice], ("ready", "s"), *override)
    rulings = runner.trials[0].rulings
    missed = [ruling for ruling in rulings if ruling.rule == "return_missed"]
    first, second, *_, word = missed
    assert first.t_s < second.t_s and len(missed) == 5
    assert (str(word.verdict), word.reason) == ("annulled", "it came from the floor")
    assert rulings[word.decides].t_s == first.t_s


def test_a_small_two_is_no_answer(sitting):
    world = scene("pegboard", "healthy", 3, mistake="returned_on_table")
    keys = [("ready", "s"), ("result", "o"), ("choose", "u")]
    runner = sitting("nhpt_mathiowetz", [world], *keys, therapist=Slips)
    assert {"running", "result", "choose"} <= set(sitting.therapist.slips)
    (trial,) = runner.trials
    assert [(mark.kind, mark.answer) for mark in trial.marks] == [
        ("go", ""),
        ("answer", "table"),
        ("answer", "no"),
    ]
    assert trial.verdict is Verdict.VALID


def test_back_from_the_next_step_to_the_last_result(sitting):
    runner = sitting(
        "nhpt_mathiowetz",
        [scene("pegboard", "healthy", 3)],
        ("ready", "space"),
        ("ready", "u"),
        ("result", "o"),
        ("choose", "1"),
        ("choose", "the telephone rang"),
    )
    practice, timed = runner.trials
    assert (str(practice.verdict), str(timed.verdict)) == ("annulled", "valid")


def test_a_test_can_be_ended_and_what_is_finished_stays(sitting):
    profile = load_profile("nhpt_mathiowetz")
    patient = Patient("P7", Hands("right"))
    shown = []

    def show(screen):
        shown.append(screen)
        if screen.stage == "ready":
            runner.press("q")

    runner = Runner(
        profile, patient, ("right",), lambda seat: [], InFolder(sitting.folder, patient), WORDS, show
    )
    assert runner.run() == ()
    assert [screen.stage for screen in shown] == ["ready", "done"]


def test_trouble_with_a_board_is_said_and_can_be_left_out(sitting):
    profile = replace(load_profile("nhpt_msfc"))
    patient = Patient("P7", Hands("right"))
    told = []

    def boards(seat):
        raise LinkError("The board is gone. Probably its plug is out. Plug it in.")

    def show(screen):
        if screen.stage == "trouble":
            told.append(screen.lines)
        runner.press({"ready": "space", "trouble": "s"}.get(screen.stage, "x"))

    runner = Runner(profile, patient, ("right",), boards, InFolder(sitting.folder, patient), WORDS, show)
    assert runner.run() == ()
    assert told == [("The board is gone. Probably its plug is out. Plug it in.",)] * 2
    assert len(runner.left_out) == 2


def test_what_differs_is_said_and_needs_the_therapists_word(sitting):
    runner = sitting("nhpt_mathiowetz", [scene("pegboard", "healthy", 3)], ("ready", "s"))
    (trial,) = runner.trials
    other = replace(trial, stop_s=trial.stop_s + 1.0, verdict=Verdict.ANNULLED)
    assert differences(WORDS, trial, trial) == ()
    found = differences(WORDS, other, trial)
    assert [line.split(":")[0] for line in found] == ["Time", "Verdict"]
    marked = with_differences(trial, found)
    assert marked.verdict is Verdict.ASK
    assert marked.rulings[-1].reason == "; ".join(found)
    assert Trial.from_json(marked.to_json()) == marked


def test_the_answer_to_what_differs_can_be_taken_back():
    said = Mark("go", 0.5), Mark("answer", 21.0, "live_differs", "recording"), Mark("undo", 22.0)
    verdicts = []
    for words in (said[:1], said[:2], said):
        trial = Trial("nhpt_mathiowetz", 1, "pegboard", "free", Seat("right"), "touch", 0.5, 1.0, marks=words)
        verdicts.append(with_differences(trial, ("the time",)).verdict)
    assert verdicts == [Verdict.ASK, Verdict.VALID, Verdict.ASK]


def test_two_notes_in_one_folder_do_not_replace_each_other(tmp_path):
    for text in ("of the first test", "of the second", "of the third"):
        InFolder(tmp_path / "kept", Patient("P7", Hands("right"))).write_note(text)
    notes = {path.name: path.read_text() for path in (tmp_path / "kept").iterdir()}
    assert notes == {
        "note.txt": "of the first test",
        "note-2.txt": "of the second",
        "note-3.txt": "of the third",
    }
