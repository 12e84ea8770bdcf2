"""Change: whether a later time differs from earlier ones by more than the measurement itself can differ.

A time is judged in log time, since the error grows with the time. Trials of one day count as one value, their
mean: trials of a day are more alike than days are, so that their spread says nothing of the next week.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby, pairwise
from statistics import fmean, stdev

from dexkit.errors import InputError
from dexkit.score.student import t_quantile
from dexkit.score.thresholds import Threshold, choose

#: A spread of one's own is used from this many values on.
ENOUGH = 6

#: Before that, later points of a trend are compared with so many values at most, so that slow change adds up.
FIRST_VALUES = 3

#: Where nothing has changed, "better" is said in this share of comparisons and "worse" in that one. Together
#: 4 %, which leaves 1 % of the promised 5 % to what practice does; practice makes faster, so better gets the
#: smaller share.
BETTER_SHARE, WORSE_SHARE = 0.015, 0.025
CLAIMED_SHARE = 0.05

#: No spread is smaller than the error of timing: the suite's own times are good to 20 ms.
TIMING_S = 0.02


class Word(StrEnum):
    """All that is ever said of a change."""

    BETTER = "better"
    WORSE = "worse"
    WITHIN = "within_error"


class Rule(StrEnum):
    """Where the measuring error of a comparison comes from."""

    PERSONAL = "rule_personal"
    PUBLISHED = "rule_published"
    FLOOR = "rule_floor"
    UNKNOWN = "rule_unknown"


class WhyNot(StrEnum):
    """Why nothing is said of a change; the words for each are in words/<language>.toml."""

    FIRST = "change_first"
    NOT_KNOWN = "change_not_known"
    NO_VALUE = "change_no_value"


@dataclass(frozen=True)
class TimedTrial:
    """One valid, completed trial.

    Parameters
    ----------
    time_s
        Its time, in seconds.
    day
        The day it was made, where the person is.
    profile, mode, hand
        Only trials that agree in all three are compared.
    """

    time_s: float
    day: date
    profile: str
    mode: str
    hand: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What two trials must agree in: profile, mode, hand."""
        return self.profile, self.mode, self.hand


@dataclass(frozen=True)
class Baseline:
    """What a later time was compared with.

    Parameters
    ----------
    first_day, last_day
        When its trials were made.
    values, trials
        How many values and how many trials; less trials than were given where the first is left out.
    by_day
        Whether a value is the mean of a day; else all trials are of one day and each is a value.
    """

    first_day: date
    last_day: date
    values: int
    trials: int
    by_day: bool


@dataclass(frozen=True)
class Change:
    """One comparison with its word.

    Parameters
    ----------
    word
        Better, worse, or within measuring error.
    rule
        Where the measuring error comes from.
    earlier_s, later_s
        The two times (geometric means), in seconds.
    band_s
        Lowest and highest later time that is within measuring error.
    baseline
        What the earlier time stands for.
    sem_pct
        The person's own standard error of measurement, percent of the time; None unless the rule is personal.
    threshold
        The published value with its citation; None where the rule is personal.
    widened
        Whether the published band was widened to the floor's.
    """

    word: Word
    rule: Rule
    earlier_s: float
    later_s: float
    band_s: tuple[float, float]
    baseline: Baseline
    sem_pct: float | None = None
    threshold: Threshold | None = None
    widened: bool = False

    @property
    def percent(self) -> float:
        """How much longer the later time is, in percent of the earlier; below 0 is faster."""
        return 100.0 * (self.later_s / self.earlier_s - 1.0)


@dataclass(frozen=True)
class NoChange:
    """Stands where a comparison would stand when nothing can be said.

    Parameters
    ----------
    why
        The reason.
    """

    why: WhyNot


@dataclass(frozen=True)
class Point:
    """One point of a trend.

    Parameters
    ----------
    day
        When.
    time_s
        Geometric mean of its trials, in seconds.
    trials
        How many.
    change
        Its word and band against the person's baseline.
    """

    day: date
    time_s: float
    trials: int
    change: Change | NoChange


@dataclass(frozen=True)
class Trend:
    """All points of one profile, mode and hand.

    Parameters
    ----------
    profile, mode, hand
        What the trials agree in.
    points
        In the order of time.
    """

    profile: str
    mode: str
    hand: str
    points: tuple[Point, ...]

    @property
    def by_chance(self) -> float:
        """How many points chance alone would call better or worse, at most and on average."""
        return CLAIMED_SHARE * sum(isinstance(point.change, Change) for point in self.points)


@dataclass(frozen=True)
class _Value:
    """One value: a day's trials, or a trial where all are of one day."""

    day: date
    log: float
    trials: int


def compare(
    earlier: Sequence[TimedTrial],
    later: Sequence[TimedTrial],
    *,
    test: str,
    condition: str = "",
    sides: Collection[str] = (),
) -> Change | NoChange:
    """Return whether the later trials are better, worse, or within measuring error of the earlier ones.

    From six values on the person's own spread decides: with s their standard deviation in log time, n earlier
    and m later values, a later mean lies in baseline * exp(+-t s sqrt(1/n + 1/m)) with n - 1 degrees of
    freedom (the prediction interval of a normal sample, so that a spread that six values happen to underrate
    does not claim more). The first value of seven or more is left out: it still holds the most of learning
    the test. With fewer values the published value for the condition decides, else the floor:
    `dexkit.score.thresholds`.

    Parameters
    ----------
    earlier, later
        All earlier trials from the person's first on, and those to be judged, in the order of time.
    test
        What the published values are looked up by: ``nhpt``, ...
    condition
        As noted of the person, see `dexkit.score.thresholds.condition_of`; empty where nothing is.
    sides
        What is known of the hand: ``affected`` or ``less_affected``, ``dominant`` or ``non_dominant``.

    Raises
    ------
    InputError
        When trials of different profiles, modes or hands are given, out of order, or not timed.
    """
    if not later:
        raise InputError("There is no later trial. Probably none was valid. Give at least one to be judged.")
    _check([*earlier, *later])
    by_day = len({trial.day for trial in (*earlier, *later)}) > 1
    if by_day and {trial.day for trial in earlier} & {trial.day for trial in later}:
        raise InputError(
            f"Trials of {later[0].day} stand among the earlier and the later ones. Probably the list was cut "
            f"in the middle of a day. Cut it between two days."
        )
    return _judge(
        _values(earlier, by_day), _values(later, by_day), by_day, later[0].mode, test, condition, sides
    )


def trend(
    trials: Sequence[TimedTrial], *, test: str, condition: str = "", sides: Collection[str] = ()
) -> Trend:
    """Return a trend whose every point carries its band and word against the person's baseline.

    The baseline is the person's first values and stays: points 2 to 6 are compared with the first three (or
    those there are) by the published value, the 7th with the first six by the person's own spread, all later
    ones with the 2nd to the 7th. So a point's word does not change when others follow it on later days.

    Parameters
    ----------
    trials
        All of one profile, mode and hand, in the order of time.
    test, condition, sides
        As in `compare`.

    Raises
    ------
    InputError
        When there is no trial, or as `compare`.
    """
    if not trials:
        raise InputError("There is no trial to make a trend of. Probably none was valid. Give at least one.")
    _check(trials)
    by_day = len({trial.day for trial in trials}) > 1
    values = _values(trials, by_day)
    points = []
    for i, value in enumerate(values):
        earlier = values[: min(i, ENOUGH + 1)] if i >= ENOUGH else values[: min(i, FIRST_VALUES)]
        change = _judge(earlier, [value], by_day, trials[0].mode, test, condition, sides)
        points.append(Point(value.day, math.exp(value.log), value.trials, change))
    return Trend(*trials[0].key, tuple(points))


def trends(
    trials: Iterable[TimedTrial], *, test: str, condition: str = "", sides: Collection[str] = ()
) -> tuple[Trend, ...]:
    """Return one trend for each profile, mode and hand among the trials: they never share one.

    Parameters
    ----------
    trials
        In the order of time.
    test, condition, sides
        As in `compare`; the trials must be of hands of which ``sides`` is true.

    Raises
    ------
    InputError
        As `trend`.
    """
    kinds: dict[tuple[str, str, str], list[TimedTrial]] = {}
    for trial in trials:
        kinds.setdefault(trial.key, []).append(trial)
    return tuple(trend(kind, test=test, condition=condition, sides=sides) for kind in kinds.values())


def _judge(
    earlier: Sequence[_Value],
    later: Sequence[_Value],
    by_day: bool,
    mode: str,
    test: str,
    condition: str,
    sides: Collection[str],
) -> Change | NoChange:
    if not earlier:
        return NoChange(WhyNot.FIRST)
    if len(earlier) > ENOUGH:
        earlier = earlier[1:]
    n, m = len(earlier), len(later)
    earlier_s, later_s = (math.exp(fmean(value.log for value in values)) for values in (earlier, later))
    baseline = Baseline(earlier[0].day, earlier[-1].day, n, sum(value.trials for value in earlier), by_day)
    if n >= ENOUGH:
        sem_log = max(stdev(value.log for value in earlier), TIMING_S / earlier_s)
        error_log = sem_log * math.sqrt(1.0 / n + 1.0 / m)
        band_s = (
            earlier_s * math.exp(-t_quantile(1.0 - BETTER_SHARE, n - 1) * error_log),
            earlier_s * math.exp(t_quantile(1.0 - WORSE_SHARE, n - 1) * error_log),
        )
        word = _word(later_s, band_s)
        return Change(word, Rule.PERSONAL, earlier_s, later_s, band_s, baseline, 100.0 * sem_log)
    chosen = choose(test, mode, condition, sides, earlier_s, later_s)
    if chosen is None:
        return NoChange(WhyNot.NO_VALUE)
    rule = Rule.PUBLISHED if chosen.threshold.condition else Rule.FLOOR
    if not chosen.known:
        rule = Rule.UNKNOWN
    return Change(
        _word(later_s, chosen.band_s),
        rule,
        earlier_s,
        later_s,
        chosen.band_s,
        baseline,
        threshold=chosen.threshold,
        widened=chosen.widened,
    )


def _word(later_s: float, band_s: tuple[float, float]) -> Word:
    if later_s < band_s[0]:
        return Word.BETTER
    return Word.WORSE if later_s > band_s[1] else Word.WITHIN


def _values(trials: Sequence[TimedTrial], by_day: bool) -> list[_Value]:
    if not by_day:
        return [_Value(trial.day, math.log(trial.time_s), 1) for trial in trials]
    found = []
    for day, group in groupby(trials, key=lambda trial: trial.day):
        logs = [math.log(trial.time_s) for trial in group]
        found.append(_Value(day, fmean(logs), len(logs)))
    return found


def _check(trials: Sequence[TimedTrial]) -> None:
    keys = sorted({trial.key for trial in trials})
    if len(keys) > 1:
        told = " and ".join("/".join(key) for key in keys[:2])
        raise InputError(
            f"Trials of {told} are never compared. Probably two tests, orders or hands were mixed. "
            f"Choose trials of one profile, mode and hand."
        )
    for before, after in pairwise(trials):
        if after.day < before.day:
            raise InputError(
                f"A trial of {after.day} follows one of {before.day}. Probably the list is not sorted. "
                f"Sort it by day."
            )
    for trial in trials:
        if not (math.isfinite(trial.time_s) and trial.time_s > 0.0):
            raise InputError(
                f"A trial of {trial.day} has a time of {trial.time_s} s. Probably it was not completed. "
                f"Give completed trials only."
            )
