"""Student's t: how much wider a band must be when a spread is known from few trials only."""

import math
from functools import cache

from dexkit.errors import InputError


def t_cdf(t: float, df: int) -> float:
    """Return the share of Student's t distribution below t.

    The finite sums for whole degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4.

    Parameters
    ----------
    t
        Any finite number.
    df
        Degrees of freedom, 1 or more.

    Raises
    ------
    InputError
        When there are no degrees of freedom.
    """
    if df < 1:
        raise InputError(
            f"Student's t needs at least one degree of freedom, not {df}. Probably there are fewer than two "
            f"values. Give more."
        )
    theta = math.atan(t / math.sqrt(df))
    sin, cos = math.sin(theta), math.cos(theta)
    term, total = (cos, 0.0) if df % 2 else (1.0, 0.0)
    for k in range(3 if df % 2 else 2, df + 1, 2):
        total += term
        term *= cos * cos * (k - 1) / k
    within = 2.0 / math.pi * (theta + sin * total) if df % 2 else sin * total
    return 0.5 + 0.5 * within


@cache
def t_quantile(share: float, df: int) -> float:
    """Return the t below which lies this share of Student's distribution, by bisection.

    Parameters
    ----------
    share
        0.5 or more and less than 1.
    df
        Degrees of freedom, 1 or more.

    Raises
    ------
    InputError
        As `t_cdf`, or when the share is out of range.
    """
    if not 0.5 <= share < 1.0:
        raise InputError(f"A share of {share} has no quantile here. Give 0.5 or more and less than 1.")
    low, high = 0.0, 1.0
    while t_cdf(high, df) < share:
        high *= 2.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if t_cdf(middle, df) < share else (low, middle)
    return 0.5 * (low + high)
