"""What a computation gives back: a number, or the reason why the sensors cannot carry one; never NaN."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NotMeasurable:
    """Stands where a number would stand when there is none.

    Parameters
    ----------
    reason
        One sentence for the person who reads the result, such as "The coaster was not recorded."
    """

    reason: str


@dataclass(frozen=True)
class Measured:
    """A number with a quality below 1, where part of what it stands on was disturbed or lost.

    Parameters
    ----------
    value
        The number, finite.
    quality
        0 to 1: how much of the number stands on undisturbed data.
    """

    value: float
    quality: float = 1.0


#: What a measure or a signal function returns.
Outcome = float | Measured | NotMeasurable


def number(outcome: Outcome, undefined: str = "The computation has no defined result here.") -> Outcome:
    """Return the outcome, or not measurable with the reason ``undefined`` when its number is not finite."""
    value = outcome.value if isinstance(outcome, Measured) else outcome
    if isinstance(value, NotMeasurable) or math.isfinite(value):
        return outcome
    return NotMeasurable(undefined)
