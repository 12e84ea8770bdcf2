"""A finished trial judged again from its recording; in words where that differs from what was ruled live."""

import json
from collections import Counter
from dataclasses import replace

from dexkit.assess.live_trial import MARKS, SEAT
from dexkit.assess.profile import load_profile
from dexkit.assess.referee import judge
from dexkit.assess.rulings import verdict_of
from dexkit.assess.trial import By, Mark, Ruling, Seat, Trial, Verdict
from dexkit.assess.words import Words
from dexkit.errors import InputError
from dexkit.recording import Recording

#: Live and afterwards, a trial's time may differ by so much: the error that is promised of any time. When it
#: began may differ by more, since the board's clock is known better afterwards.
SAME_S = 0.02
#: The rule that asks which of the two holds.
DIFFERS = "live_differs"


def judged(recording: Recording) -> Trial:
    """Return the trial that a recording of a test holds, by the marks that were written into it.

    Raises
    ------
    InputError
        When it is no recording of a test, or nothing in it can be judged.
    """
    meta = recording.meta
    try:
        seat = Seat(**json.loads(meta[SEAT]))
        marks = tuple(Mark(**each) for each in json.loads(meta.get(MARKS, "[]")))
    except (KeyError, ValueError, TypeError):
        raise InputError(
            "The recording is none of a test: it does not say which trial it is. Score it: dexkit score FILE"
        ) from None
    return judge(recording, load_profile(meta.get("test", "")), marks, seat)


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
    if not found:
        return trial
    rulings = tuple(ruling for ruling in trial.rulings if ruling.rule != DIFFERS)
    at_s = trial.end_s or 0.0
    rulings += (Ruling(DIFFERS, at_s, Verdict.ASK, By.REFEREE, "; ".join(found)),)
    answers = [mark for mark in trial.marks if (mark.kind, mark.rule) == ("answer", DIFFERS)]
    if answers:
        said = answers[-1]
        verdict = load_profile(trial.profile).rules[DIFFERS].answers[said.answer]
        rulings += (Ruling(DIFFERS, said.t_s, verdict, By.THERAPIST, said.answer, len(rulings) - 1),)
    return replace(trial, rulings=rulings, verdict=verdict_of(rulings))


def _time(t_s: float | None) -> str:
    return "-" if t_s is None else f"{t_s:.3f} s"


def _both(words: Words, what: str, live: str, again: str) -> str:
    return f"{what}: {words['runner.live']} {live}, {words['runner.recording']} {again}"
