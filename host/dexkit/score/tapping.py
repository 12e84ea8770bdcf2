"""Tapping on a screen, recorded by others: how often, how long each press, how long between two."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording, Stream
from dexkit.score.measure import Direction, Mark, Measure, values
from dexkit.score.result import NotMeasurable, Outcome
from dexkit.score.scored import Scored, Trace
from dexkit.segment.events import EVENT_DTYPE

PRESS, RELEASE = 0.0, 1.0


@dataclass(frozen=True)
class Taps:
    """Presses and releases in the order of their time.

    Parameters
    ----------
    t_s
        float64 (n,).
    action
        float32 (n,): 0 pressed, 1 released.
    place_px
        float64 (n, 2) where on the screen, or None.
    """

    t_s: NDArray[np.float64]
    action: NDArray[np.float32]
    place_px: NDArray[np.float64] | None

    def pairs(self, first: float, second: float) -> NDArray[np.int64]:
        """Return where an action is directly followed by the other one."""
        return np.flatnonzero((self.action[:-1] == first) & (self.action[1:] == second))

    @cached_property
    def dwell_ms(self) -> NDArray[np.float64]:
        """How long each press lasted."""
        at = self.pairs(PRESS, RELEASE)
        return 1e3 * (self.t_s[at + 1] - self.t_s[at])

    @cached_property
    def moving_ms(self) -> NDArray[np.float64]:
        """How long it took from each release to the next press."""
        at = self.pairs(RELEASE, PRESS)
        return 1e3 * (self.t_s[at + 1] - self.t_s[at])


class TappingMeasure(Measure[Taps]):
    """Base of the tapping measures."""

    direction = Direction.WORSE
    unit = "ms"
    source = "As in the open cloudUPDRS analysis (pdkit), whose asserted values are met."
    mark = Mark.VERIFIED


class Count(TappingMeasure):
    """How many times the screen was pressed."""

    id = "tapping.taps"
    title = "Taps"
    unit = "taps"
    direction = Direction.BETTER

    def of(self, take: Taps) -> Outcome:
        return float(np.sum(take.action == PRESS))


class Rate(TappingMeasure):
    """Taps divided by the time from the first press to the last action."""

    id = "tapping.rate_hz"
    title = "Taps per second"
    unit = "Hz"
    direction = Direction.BETTER

    def of(self, take: Taps) -> Outcome:
        span_s = float(take.t_s[-1] - take.t_s[0]) if len(take.t_s) else 0.0
        if span_s <= 0.0:
            return NotMeasurable("The recording holds fewer than two actions at different times.")
        return float(np.sum(take.action == PRESS)) / span_s


class Dwell(TappingMeasure):
    """Mean time from a press to the release that directly follows it."""

    id = "tapping.dwell_ms"
    title = "Time on the target"

    def of(self, take: Taps) -> Outcome:
        return _mean(take.dwell_ms, "No press is followed by a release.")


class Moving(TappingMeasure):
    """Mean time from a release to the press that directly follows it: the finger is in the air."""

    id = "tapping.moving_ms"
    title = "Time between two taps"

    def of(self, take: Taps) -> Outcome:
        return _mean(take.moving_ms, "No release is followed by a press.")


class MovingVariation(TappingMeasure):
    """Standard deviation of the times from release to next press, divided by their mean (three at least)."""

    id = "tapping.moving_cv"
    title = "Unevenness of the time between taps"
    unit = "1"
    source = "dexkit"
    mark = Mark.PROPOSED

    def of(self, take: Taps) -> Outcome:
        if len(take.moving_ms) < 3:
            return NotMeasurable("Fewer than three movements from tap to tap were recorded.")
        mean = float(np.mean(take.moving_ms))
        return (
            float(np.std(take.moving_ms)) / mean if mean > 0 else NotMeasurable("No movement took any time.")
        )


class Distance(TappingMeasure):
    """Mean distance on the screen from a release to the press that directly follows it."""

    id = "tapping.distance_px"
    title = "Distance between two taps"
    unit = "px"
    direction = Direction.NEITHER

    def of(self, take: Taps) -> Outcome:
        if take.place_px is None:
            return NotMeasurable("The place on the screen (x_px, y_px) was not recorded.")
        at = take.pairs(RELEASE, PRESS)
        return _mean(
            np.hypot(*(take.place_px[at + 1] - take.place_px[at]).T), "No release is followed by a press."
        )


MEASURES = (Count, Rate, Dwell, Moving, MovingVariation, Distance)


def score_tapping(recording: Recording) -> Scored:
    """Score a recording of presses and releases.

    Parameters
    ----------
    recording
        Its stream ``events`` has a column ``action``: 0 pressed, 1 released.

    Raises
    ------
    InputError
        If there is no such column, or it holds other values.
    """
    stream = recording.streams.get("events")
    if stream is None or "action" not in stream.columns:
        raise InputError(
            "The recording has no events with a column 'action' (0 pressed, 1 released): "
            "name that column when importing, as in t_ms=1,action=3."
        )
    action = stream.values[:, stream.columns.index("action")]
    if not np.all((action == PRESS) | (action == RELEASE)):
        raise InputError(
            "The column 'action' holds other values than 0 (pressed) and 1 (released): name the right one."
        )
    taps = Taps(stream.t_s, action, _place(stream))
    unpaired = int(np.sum(action[:-1] == action[1:]))
    notes = (f"{unpaired} actions follow one of the same kind; they belong to no pair.",) if unpaired else ()
    pressed = np.where(action == PRESS, 1.0, 0.0)
    traces = (Trace("Finger on the screen", stream.t_s, pressed, levels=("touched",)),)
    return Scored(values(MEASURES, taps), _events(taps), lambda: traces, (), notes)


def _events(taps: Taps) -> NDArray[np.void]:
    events = np.zeros(len(taps.t_s), EVENT_DTYPE)
    events["kind"] = np.where(taps.action == PRESS, "press", "release")
    events["index"] = np.arange(len(taps.t_s))
    events["t_s"] = events["t_known_s"] = taps.t_s
    events["quality"] = 1.0
    return events


def _place(stream: Stream) -> NDArray[np.float64] | None:
    if not {"x_px", "y_px"} <= set(stream.columns):
        return None
    x, y = stream.columns.index("x_px"), stream.columns.index("y_px")
    return stream.values[:, [x, y]].astype(np.float64)


def _mean(numbers: NDArray[np.float64], otherwise: str) -> Outcome:
    return float(np.mean(numbers)) if len(numbers) else NotMeasurable(otherwise)
