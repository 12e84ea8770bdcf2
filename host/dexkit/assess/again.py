"""Trials judged again from their recordings; what differs from what was ruled live, and what a crash left."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from dexkit.assess.live_trial import MARKS, SEAT
from dexkit.assess.profile import load_profile
from dexkit.assess.referee import judge
from dexkit.assess.rulings import Said, verdict_of
from dexkit.assess.series import Hands, next_seats
from dexkit.assess.trial import By, Mark, Ruling, Seat, Trial, Verdict
from dexkit.assess.words import Words
from dexkit.errors import InputError
from dexkit.recording import Recording
from dexkit.recording.table import gaps
from dexkit.recording.timing import CLOCK

#: Live and afterwards, a trial's time may differ by so much: the error that is promised of any time. When it
#: began may differ by more, since the board's clock is known better afterwards.
SAME_S = 0.02
#: The rule that asks which of the two holds.
DIFFERS = "live_differs"
#: The rule that asks whether a trial counts whose recording is not whole.
RECOVERED = "recovered"
#: A shorter gap in a recording hides no ruling.
GAP_S = 0.2

Made = TypeVar("Made")


def judged(recording: Recording) -> Trial:
    """Return the trial that a recording of a test holds, by the marks that were written into it.

    Raises
    ------
    InputError
        When it is no recording of a test, or nothing in it can be judged.
    """
    seat, test = _which(recording)
    profile = load_profile(test)
    if recording.object_kind != profile.object:
        raise InputError(
            f"{test} is done with a {profile.object}, and the recording is of a {recording.object_kind}. "
            "Probably its facts were edited. Score it: dexkit score FILE"
        )
    marks = _fact(recording, MARKS, "[]", lambda told: tuple(Mark(**each) for each in told))
    trial = judge(recording, profile, marks, seat)
    return trial if is_whole(recording, trial) else not_whole(trial)


def is_whole(recording: Recording, trial: Trial) -> bool:
    """Return whether all of a trial was recorded: no damage, no board away for good, no gap of lost samples.

    Parameters
    ----------
    recording
        The trial's.
    trial
        As judged from it.
    """
    if recording.losses.recovered:
        return False
    if not recording.losses.samples_lost_by_board:
        return True
    found = [gaps(stream) for name, stream in recording.streams.items() if not name.startswith(CLOCK)]
    begin_s, end_s = trial.go_s or 0.0, np.inf if trial.end_s is None else trial.end_s
    return not any(
        min(after_s, end_s) - max(before_s, begin_s) > GAP_S for each in found for before_s, after_s in each
    )


def not_whole(trial: Trial) -> Trial:
    """Return a trial not wholly recorded: the therapist is asked, or it does not count when it was not over.

    Parameters
    ----------
    trial
        As judged from what there is of its recording.
    """
    return _asked(trial, RECOVERED, Verdict.ASK if trial.end_s is not None else Verdict.ANNULLED)


def judged_in_turn(recordings: Mapping[str, Recording]) -> tuple[Trial, ...]:
    """Return the trials of one test in the order in which they were done, none of them out of turn.

    Parameters
    ----------
    recordings
        By what to call them, in any order; one alone may be any trial.

    Raises
    ------
    InputError
        When one is of another test or person than those before, or another trial than the next; as in
        `judged`.
    """
    in_time = sorted(recordings, key=lambda name: recordings[name].meta.get("start_ns", "").zfill(20))
    if len(in_time) > 1:
        _refuse_out_of_turn({name: recordings[name] for name in in_time})
    return tuple(judged(recordings[name]) for name in in_time)


def _refuse_out_of_turn(recordings: Mapping[str, Recording]) -> None:
    """Refuse recordings, in order of time, that are not trial by trial what a test asks for."""
    which = {name: _which(recording) for name, recording in recordings.items()}
    whose = {name: f"{which[name][1]} by {each.meta.get('person')}" for name, each in recordings.items()}
    first, *others = whose
    if strange := [name for name in others if whose[name] != whose[first]]:
        raise InputError(
            f"{strange[0]} is of {whose[strange[0]]}, and {first} of {whose[first]}. Probably they are from "
            "two folders. Name the recordings of one test by one person."
        )
    hands, done = {seat.hand for seat, _ in which.values()}, list[Seat]()
    for name, (seat, test) in which.items():
        profile = load_profile(test)
        order = [hand for hand in Hands.of(seat).order(profile) if hand in hands]
        may = next_seats(profile, order, done)
        if replace(seat, role="") not in may:
            comes = " or ".join(map(_called, may)) or "nothing"
            raise InputError(
                f"{name} is out of order: it is {_called(seat)}, where {comes} comes next. Probably a "
                "recording is missing or of another day. Name all of one test, or judge this one alone."
            )
        done.append(seat)


def _which(recording: Recording) -> tuple[Seat, str]:
    """Return which trial of which test a recording is."""
    return _fact(recording, SEAT, "", lambda told: Seat(**told)), recording.meta.get("test", "")


def _fact(recording: Recording, name: str, missing: str, made: Callable[[Any], Made]) -> Made:
    """Return what a fact of a test's recording holds."""
    try:
        return made(json.loads(recording.meta.get(name, missing)))
    except (KeyError, ValueError, TypeError):
        raise InputError(
            "The recording is none of a test: it does not say which trial it is. Score it: dexkit score FILE"
        ) from None


def _called(seat: Seat) -> str:
    again = f", attempt {seat.attempt}" if seat.attempt > 1 else ""
    return f"{'practice' if seat.practice else 'trial'} {seat.number} with the {seat.hand} hand{again}"


def differences(words: Words, live: Trial, again: Trial) -> tuple[str, ...]:
    """Return in words what the recording says otherwise than was ruled live; nothing where both agree.

    Parameters
    ----------
    words
        Of the language.
    live, again
        The same trial, twice.
    """
    found = []
    if (live.time_s is None) != (again.time_s is None) or (
        live.time_s is not None and again.time_s is not None and abs(live.time_s - again.time_s) > SAME_S
    ):
        found.append(_both(words, words["runner.time_s"], _time(live.time_s), _time(again.time_s)))
    if live.verdict is not again.verdict:
        told = [words[f"verdicts.{trial.verdict}"] for trial in (live, again)]
        found.append(_both(words, words["runner.verdict"], *told))
    before, after = (Counter((r.rule, r.verdict, r.by) for r in trial.rulings) for trial in (live, again))
    for more, less, place in ((before, after, "only_live"), (after, before, "only_recording")):
        for (rule, verdict, _), _ in sorted((more - less).items()):
            what = f"{words[f'rules.{rule}.name']}: {words[f'verdicts.{verdict}']}"
            found.append(f"{words[f'runner.{place}']}: {what}")
    return tuple(found)


def with_differences(trial: Trial, found: tuple[str, ...]) -> Trial:
    """Return a trial that needs the therapist's word where live and recording differ, until it was said.

    Parameters
    ----------
    trial
        As judged from the recording.
    found
        What differs.
    """
    return _asked(trial, DIFFERS, Verdict.ASK, "; ".join(found)) if found else trial


def recovered(recording: Recording, answer: str = "") -> Trial:
    """Return the trial of a recording that a crash has left behind, marked as such.

    One that was over needs the therapist's word; one that was not does not count.

    Parameters
    ----------
    recording
        What is there of it.
    answer
        The therapist's word, ``counts`` or ``does_not``; empty for none yet.

    Raises
    ------
    InputError
        When nothing in it can be judged, or a trial that was not over is to count.
    """
    trial = judged(recording)
    over = trial.end_s is not None
    if answer == "counts" and not over:
        raise InputError(
            "The trial was not over when it broke off, so it cannot count. Keep it without that word: then "
            "it stays as one that does not count."
        )
    if answer:
        marks = (*trial.marks, Mark("answer", trial.end_s or 0.0, RECOVERED, answer))
        trial = replace(trial, marks=marks)
    return not_whole(trial)


def _asked(trial: Trial, rule: str, verdict: Verdict, reason: str = "") -> Trial:
    """Return a trial with a ruling of ours, and with what the therapist answered to it."""
    rulings = tuple(ruling for ruling in trial.rulings if ruling.rule != rule)
    rulings += (Ruling(rule, trial.end_s or 0.0, verdict, By.REFEREE, reason),)
    answers = [mark for mark in Said(trial.marks).standing if (mark.kind, mark.rule) == ("answer", rule)]
    if answers and verdict is Verdict.ASK:
        said = answers[-1]
        told = load_profile(trial.profile).rules[rule].answers[said.answer]
        rulings += (Ruling(rule, said.t_s, told, By.THERAPIST, said.answer, len(rulings) - 1),)
    return replace(trial, rulings=rulings, verdict=verdict_of(rulings))


def _time(t_s: float | None) -> str:
    return "-" if t_s is None else f"{t_s:.3f} s"


def _both(words: Words, what: str, live: str, again: str) -> str:
    return f"{what}: {words['runner.live']} {live}, {words['runner.recording']} {again}"
