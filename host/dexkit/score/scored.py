"""What scoring one recording gives: values, events, and what a page needs to draw them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dexkit.score.measure import Value


@dataclass(frozen=True)
class Trace:
    """One curve to look at.

    Parameters
    ----------
    name
        Plain words with the unit: ``Liquid in the cup (g)``.
    t_s
        float64 (n,), seconds from the recording's start, or (first, rate_hz) for evenly spaced samples.
    y
        float (n,); NaN where nothing was measured.
    levels
        Names of the levels 1, 2, ... where y is a level (0 is none), drawn as a bar: touched, fastened.
    kinds
        Events that belong to this curve.
    channel
        Channel of these events; None for all.
    """

    name: str
    t_s: NDArray[np.float64] | tuple[float, float]
    y: NDArray[np.floating]
    levels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    channel: int | None = None


@dataclass(frozen=True)
class Band:
    """A stretch of time that is special, drawn behind the curves.

    Parameters
    ----------
    start_s, end_s
        Seconds from the recording's start.
    kind
        ``phase`` (a part of the task), ``disturbed`` or ``lost`` (not measured).
    text
        Plain words: ``transport``, ``a hand on the glass``.
    """

    start_s: float
    end_s: float
    kind: str
    text: str


@dataclass(frozen=True)
class Scored:
    """What a scorer returns: every object has one function ``score(recording) -> Scored``.

    Parameters
    ----------
    values
        One for each measure and part, in the order in which a person would read them.
    events
        EVENT_DTYPE, times in seconds from the recording's start.
    draw
        Makes the curves that the page draws, from arrays that scoring needed anyway.
    bands
        What the page draws behind them.
    notes
        Facts a reader must know, one sentence each: spikes left out, gaps, a rate that was guessed.
    """

    values: tuple[Value, ...]
    events: NDArray[np.void]
    draw: Callable[[], Iterable[Trace]] = tuple
    bands: tuple[Band, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def traces(self) -> tuple[Trace, ...]:
        """The curves; only a page needs them."""
        return tuple(self.draw())
