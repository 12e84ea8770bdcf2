"""What the four readable segmenters share: the doors of the C face, one row at a time."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.protocol.tables import EVENT_ID, TABLE
from dexkit.segment.events import RawEvent, check_rate, check_samples, check_settings, event_array


class ReferenceSegmenter:
    """Base of the Python twins: same signatures and same events, bit for bit, as the C segmenters.

    A twin writes its arithmetic in Python floats (IEEE doubles) in the same order as the C code.
    """

    object_kind: ClassVar[str]

    #: Whether rows before the first measured value of column 0 are passed over.
    waits: ClassVar[bool] = False

    def __init__(self, rate_hz: float, **settings: float) -> None:
        self.rate_hz = check_rate(rate_hz)
        self.settings = check_settings(self.object_kind, settings)
        self.index = 0  # of the row being taken, from the first one that is not passed over
        self._passed_over = 0
        self._begun = not self.waits
        self._held = [0.0] * len(TABLE[self.object_kind])
        self.measured: list[float] = []  # the row as it came
        self._found: list[RawEvent] = []
        self.start()

    def start(self) -> None:
        """Set up the twin's state; settings and rate are there."""

    def row(self, values: list[float]) -> None:
        """Take one row, with the last measured value where one was not measured."""

    def end(self) -> None:
        """Say what can still be said when the stream ends; self.index is the number of rows taken."""

    def add(self, kind: str, channel: int, index: int, known_index: int, quality: float) -> None:
        """Append an event that has just become known."""
        number, over = EVENT_ID[self.object_kind][kind], self._passed_over
        self._found.append((number, channel, index + over, known_index + over, quality))

    def push(self, samples: ArrayLike) -> NDArray[np.void]:
        """Take samples (n, columns) float32; return the events that became known, as EVENT_DTYPE."""
        for values in check_samples(samples, self.object_kind).tolist():
            self._begun = self._begun or math.isfinite(values[0])
            if not self._begun:
                self._passed_over += 1
                continue
            self._held = [
                value if math.isfinite(value) else held
                for value, held in zip(values, self._held, strict=True)
            ]
            self.measured = values
            self.row(self._held)
            self.index += 1
        return self._take()

    def finish(self) -> NDArray[np.void]:
        """Say that the stream has ended; return what can still be said of open events."""
        self.end()
        return self._take()

    def _take(self) -> NDArray[np.void]:
        events = event_array(self._found, self.rate_hz)
        self._found = []
        return events
