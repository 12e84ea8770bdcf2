"""A trial's scores: what the measures say of it, its own time, and its grade on an ordinal scale."""

from collections.abc import Mapping

from dexkit.assess.profile import GradeRow, Profile
from dexkit.assess.trial import Score, Trial
from dexkit.score.measure import REGISTRY, Value

#: Version of the scores that are computed here.
VERSION = 1


def scores_of(
    profile: Profile, trial: Trial, values: tuple[Value, ...], answers: Mapping[str, str]
) -> tuple[Score, ...]:
    """Return the scores that a profile names, the main one first.

    Parameters
    ----------
    profile, trial
        What was done, and how it went.
    values
        The values of the measures of the trial's window.
    answers
        What the therapist answered, by rule; empty for nothing yet.
    """
    found = {value.id: value for value in values}
    scores = []
    for name in profile.scores:
        if name == "trial.time_s":
            scores.append(_time(trial))
        elif name == "trial.penalty_time_s":
            scores.append(_penalty_time(profile, trial, found))
        elif name == "trial.grade":
            scores.append(_grade(profile, trial, answers))
        else:
            scores.append(_measured(name, found))
    return tuple(scores)


def _measured(name: str, found: Mapping[str, Value]) -> Score:
    """Return a measure's value as a score."""
    value = found.get(name)
    if value is None:
        measure = REGISTRY[name if name in REGISTRY else name.rpartition(".")[0]]
        return Score(name, None, measure.unit, measure.version, "The trial has not begun.")
    return Score(name, value.value, value.measure.unit, value.measure.version, value.reason or value.label)


def _time(trial: Trial) -> Score:
    """Return the time from the clock's start to its stop."""
    reason = "" if trial.time_s is not None else "The task was not finished."
    return Score("trial.time_s", trial.time_s, "s", VERSION, reason)


def _penalty_time(profile: Profile, trial: Trial, found: Mapping[str, Value]) -> Score:
    """Return the net time with so many seconds added for each slip."""
    slips = found.get("buttons.slips")
    if trial.time_s is None or slips is None or slips.value is None:
        return Score("trial.penalty_time_s", None, "s", VERSION, "The task was not finished.")
    total_s = trial.time_s + profile.fact("slip_penalty_s") * slips.value
    return Score("trial.penalty_time_s", total_s, "s", VERSION)


def _grade(profile: Profile, trial: Trial, answers: Mapping[str, str]) -> Score:
    """Return the first grade all of whose conditions hold."""
    if trial.end_s is None:
        return Score("trial.grade", None, "grade", VERSION, "The trial is not over.")
    for row in profile.grades:
        if not _timed(row, trial):
            continue
        unanswered = [rule for rule in row.answers if not answers.get(rule)]
        if unanswered:
            return Score("trial.grade", None, "grade", VERSION, f"Not answered yet: {', '.join(unanswered)}.")
        if all(answers[rule] in words for rule, words in row.answers.items()):
            return Score("trial.grade", float(row.value), "grade", VERSION, str(row.mark))
    return Score("trial.grade", None, "grade", VERSION, "No grade of this scale describes the trial.")


def _timed(row: GradeRow, trial: Trial) -> bool:
    """Tell whether all conditions of a grade hold that need no answer."""
    if row.completed is not None and row.completed is not trial.completed:
        return False
    if row.within_s is not None and (trial.time_s is None or trial.time_s > row.within_s):
        return False
    return all(trial.counts.get(name, 0) >= least for name, least in row.least.items())
