"""Reliability from repeats of one's own clinic: ICC(A,1), standard error of measurement, MDC95."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.errors import InputError
from dexkit.score.thresholds import MDC_PER_SEM

#: With fewer people the numbers are rough (PROPOSED).
FEW_PEOPLE = 30


@dataclass(frozen=True)
class Reliability:
    """How well a time repeats.

    Parameters
    ----------
    people, repeats
        What it stands on.
    mean_s
        Of all times.
    icc
        ICC(A,1): two-way, absolute agreement, one trial. May be below 0 where people differ less than trials
        do.
    sem_s, mdc_s
        Standard error of measurement and MDC95 of one trial, in seconds.
    sem_log, mdc_pct
        The same in log time, and what it means: a later time must be longer by this many percent to be a
        change.
    few
        Whether people are so few that the numbers are rough.
    """

    people: int
    repeats: int
    mean_s: float
    icc: float
    sem_s: float
    mdc_s: float
    sem_log: float
    mdc_pct: float
    few: bool


def reliability(times_s: ArrayLike) -> Reliability:
    """Return ICC(A,1), SEM and MDC95 of repeated times.

    With the mean squares of people MSR, of repeats MSC and of the rest MSE, n people and k repeats (McGraw
    and Wong 1996): ICC(A,1) = (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n). SEM = sqrt(MSE + (MSC -
    MSE) / n), so that a shift of all people from one repeat to the next, such as practice, counts as error;
    this is SD sqrt(1 - ICC) with the SD that these components give. A shift that is less than chance makes
    counts as none. MDC95 = 1.96 sqrt(2) SEM.

    Parameters
    ----------
    times_s
        Times (people, repeats), in seconds: each row a person, each column the 1st, 2nd, ... trial.

    Raises
    ------
    InputError
        When there are fewer than two people or repeats, or a time is missing or not above 0.
    """
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 2 or min(times.shape) < 2:
        raise InputError(
            f"Reliability needs at least two people with two trials each, not a table of {times.shape}. "
            f"Probably nobody has repeated the test yet. Repeat it with some people."
        )
    bad = np.argwhere(~(np.isfinite(times) & (times > 0.0)))
    if len(bad):
        person, repeat = bad[0] + 1
        raise InputError(
            f"Trial {repeat} of person {person} has no time. Probably it was not completed. "
            f"Leave this person out."
        )
    if np.all(times == times[0, 0]):
        raise InputError("All times are the same. Probably they were copied. Give the times as measured.")
    icc, sem_s = _agreement(times)
    _, sem_log = _agreement(np.log(times))
    return Reliability(
        times.shape[0],
        times.shape[1],
        float(times.mean()),
        icc,
        sem_s,
        MDC_PER_SEM * sem_s,
        sem_log,
        100.0 * math.expm1(MDC_PER_SEM * sem_log),
        times.shape[0] < FEW_PEOPLE,
    )


def _agreement(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return ICC(A,1) and the standard error of measurement of a table (n, k)."""
    n, k = values.shape
    rows, columns, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    ms_rows = k * float(np.sum((rows - mean) ** 2)) / (n - 1)
    ms_columns = n * float(np.sum((columns - mean) ** 2)) / (k - 1)
    rest = values - rows[:, None] - columns[None, :] + mean
    ms_error = float(np.sum(rest**2)) / ((n - 1) * (k - 1))
    shift = (ms_columns - ms_error) / n
    icc = (ms_rows - ms_error) / (ms_rows + (k - 1) * ms_error + k * shift)
    return icc, math.sqrt(ms_error + max(0.0, shift))
