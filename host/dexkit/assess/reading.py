"""What the referee of an object is given and gives back: the trial's window, and what was seen in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from dexkit.assess.profile import Profile
from dexkit.score.measure import Value
from dexkit.score.take import Take

#: The objects' rest before the word is looked at for this long.
RUN_UP_S = 1.5


@dataclass(frozen=True)
class Window:
    """What is known of a trial so far.

    Parameters
    ----------
    profile
        What is done.
    takes
        Each object's samples and events so far.
    go_s
        When the word was said.
    end_s
        The last moment that belongs to the trial, as far as it is known: now, the therapist's stop.
    told
        ``told(rule, t_s)``: what the therapist answered to that rule's ruling at t_s, empty for nothing.
    """

    profile: Profile
    takes: Mapping[str, Take]
    go_s: float
    end_s: float
    told: Callable[[str, float], str]

    def take(self, kind: str, run_up_s: float = RUN_UP_S, tail_s: float = 0.0) -> Take | None:
        """Return an object's take cut to the trial, with some rest before and after; None without one."""
        take = self.takes.get(kind)
        if take is None:
            return None
        first, last = take.index(self.go_s - run_up_s), take.index(self.end_s + tail_s) + 1
        times = take.events["t_s"]
        inside = (times >= self.go_s) & (times <= self.end_s + tail_s)
        return replace(
            take,
            samples=take.samples[first:last],
            missing=take.missing[first:last],
            events=take.events[inside],
            t0_s=take.t0_s + first / take.rate_hz,
        )


@dataclass
class Reading:
    """What an object's referee saw in a window.

    Parameters
    ----------
    start_s, stop_s
        Where the clock starts and stops; None where that was not seen.
    start_rule
        What the start stands on, where it is not the profile's rule.
    stop_told
        Whether the stop stands on the therapist's word.
    part
        What the person is at now, as in the words: placing, removing, ...
    splits, counts
        Times within, and how far the person came.
    seen
        (rule, t_s, detail) of all that happened.
    prompt
        What to say now, as in the words; empty for nothing.
    lit
        Holes to light.
    """

    start_s: float | None = None
    stop_s: float | None = None
    start_rule: str = ""
    stop_told: bool = False
    part: str = ""
    splits: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[str, float, str]] = field(default_factory=list)
    prompt: str = ""
    lit: tuple[int, ...] = ()

    def see(self, rule: str, t_s: float, detail: str = "") -> None:
        """Note that something happened."""
        self.seen.append((rule, t_s, detail))


class ObjectReferee(Protocol):
    """What the referee of one object can do."""

    #: Rest after the end that the scores stand on.
    tail_s: ClassVar[float]

    def read(self, window: Window) -> Reading:
        """Return what is seen in a window."""
        ...

    def values(self, window: Window) -> tuple[Value, ...]:
        """Return the values of all measures of the window."""
        ...


def moments(take: Take) -> list[tuple[str, int, float]]:
    """Return (kind, channel, t_s) of a take's events, in order of time, the same whatever came in first."""
    events: NDArray[np.void] = take.events
    rows = zip(events["kind"].tolist(), events["channel"].tolist(), events["t_s"].tolist(), strict=True)
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))
