"""An object's table and events while its recording is being written, as a take that grows.

The table is made by the rule of `dexkit.recording.table`, row by row as soon as every stream has come that
far; so the finished recording gives the same one. Two things differ, each by less than the time between two
samples: the rate of the fastest stream is measured from its first second only, and its nearest sample is
taken instead of an even grid.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording import Stream
from dexkit.recording.table import GAP_PERIODS, grid_of, place
from dexkit.score.take import Take, hold_last
from dexkit.segment import ButtonsSegmenter, CoasterSegmenter, CupSegmenter, PegsSegmenter
from dexkit.segment.events import EVENT_DTYPE
from dexkit.segment.whole import SegmenterClass, StreamSegmenter

SEGMENTERS: Mapping[str, SegmenterClass] = {
    "cup": CupSegmenter,
    "coaster": CoasterSegmenter,
    "button_board": ButtonsSegmenter,
    "pegboard": PegsSegmenter,
}

#: The grid's rate is measured over so long.
MEASURE_S = 1.0
#: A stream that is behind the others by so much is not waited for: what it did not say was not measured.
WAIT_S = 2.0
#: A row takes the nearest sample of the stream that sets the rate: a single wild one stays a single one.
NEAREST = 0.5


class LiveEvents:
    """Rows and events of one object as its samples come; nothing is kept of what was given out.

    Parameters
    ----------
    kind
        Kind of object.
    streams
        Names of the streams that come; those of other objects are left out.

    Attributes
    ----------
    rate_hz, t0_s
        Of the rows: their rate and the time of the first; 0 until it was given out.
    """

    def __init__(self, kind: str, streams: Sequence[str]) -> None:
        self.kind = kind
        self.rate_hz = self.t0_s = 0.0
        self._tails = {name: _Tail(name) for name in streams if _is_of(name, kind)}
        self._leader = ""  # the stream whose rate is the rows'
        self._count = 0
        self._segmenter: StreamSegmenter | None = None

    def add(self, stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples as they come; streams that belong to another object are left out.

        Parameters
        ----------
        stream
            Its name.
        t_s
            float64 (n,), never decreasing within a stream.
        values
            float32 (n, columns).
        """
        if stream in self._tails and len(t_s):
            self._tails[stream].add(t_s, values)

    def advance(self) -> tuple[NDArray[np.float32], NDArray[np.void]]:
        """Return the rows that can be made, NaN where nothing was measured, and the events found in them."""
        heard = [tail.last_s for tail in self._tails.values()]
        newest_s = max(heard, default=-np.inf)
        return self._until(max(min(heard, default=-np.inf), newest_s - WAIT_S), MEASURE_S)

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.void]]:
        """Return all rows that are left, and the events that the segmenter ends with."""
        newest_s = max((tail.last_s for tail in self._tails.values()), default=-np.inf)
        rows, events = self._until(newest_s, 0.0)
        if self._segmenter is not None:
            events = np.concatenate([events, self._timed(self._segmenter.finish())])
        return rows, events

    def _until(self, ready_s: float, measure_s: float) -> tuple[NDArray[np.float32], NDArray[np.void]]:
        """Make the rows up to a time."""
        columns = TABLE[self.kind]
        rows = 0
        if self._segmenter is not None or self._begin(ready_s, measure_s):
            rows = int((ready_s - self.t0_s) * self.rate_hz + 1e-6) + 1 - self._count
        if rows <= 0:
            return np.empty((0, len(columns)), np.float32), np.empty(0, EVENT_DTYPE)
        fresh = np.full((rows, len(columns)), np.nan, np.float32)
        begin_s = self.t0_s + self._count / self.rate_hz
        for name, tail in self._tails.items():
            if stream := tail.stream():
                near = NEAREST if name == self._leader else 0.0
                place(stream, columns, fresh, self.rate_hz, begin_s, near)
                tail.forget(begin_s + (rows - 1) / self.rate_hz)
        assert self._segmenter is not None
        self._count += rows
        return fresh, self._timed(self._segmenter.push(fresh))

    def _begin(self, ready_s: float, measure_s: float) -> bool:
        """Lay the grid once enough has come to know its rate; return whether it is laid."""
        streams = [stream for tail in self._tails.values() if (stream := tail.stream())]
        if not streams or ready_s - min(float(stream.t_s[0]) for stream in streams) < measure_s:
            return False
        self.rate_hz, self.t0_s, leader = grid_of(streams)
        self._leader = leader.name if leader is not None else ""
        self._segmenter = SEGMENTERS[self.kind](self.rate_hz)
        return True

    def _timed(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Return events by the time of the samples instead of the segmenter's own."""
        events["t_s"] += self.t0_s
        events["t_known_s"] += self.t0_s
        return events


class LiveTake:
    """One object of a recording that is being written.

    Parameters
    ----------
    kind
        Kind of object.
    streams
        Names of the streams that are recorded of it.
    meta
        What the recording says of itself.

    Attributes
    ----------
    take
        All rows and events so far, views and not copies; None until the first rows are there.
    """

    def __init__(self, kind: str, streams: Sequence[str], meta: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self.take: Take | None = None
        self._meta = meta or {}
        self._live = LiveEvents(kind, streams)
        self._rows = _Rows(len(TABLE[kind]))
        self._events = np.empty(0, EVENT_DTYPE)

    def add(self, stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples as they come; streams that belong to another object are left out.

        Parameters
        ----------
        stream
            Its name.
        t_s
            float64 (n,), never decreasing within a stream.
        values
            float32 (n, columns).
        """
        self._live.add(stream, t_s, values)

    def advance(self) -> bool:
        """Make the rows that can be made; return whether there are new events."""
        return self._grow(*self._live.advance())

    def finish(self) -> bool:
        """Make all rows that are left and end the segmenter; return whether there are new events."""
        return self._grow(*self._live.finish())

    def _grow(self, rows: NDArray[np.float32], events: NDArray[np.void]) -> bool:
        if len(rows):
            self._rows.add(rows)
        if len(events):
            together = np.concatenate([self._events, events])
            self._events = together[np.argsort(together["t_s"], kind="stable")]
        if len(rows) or len(events):
            live = self._live
            self.take = Take(
                self._rows.samples, self._rows.missing, live.rate_hz, self._events, live.t0_s, self._meta
            )
        return bool(len(events))


def _is_of(stream: str, kind: str) -> bool:
    """Tell whether a stream fills columns of an object's table."""
    return (
        stream in STREAMS
        and stream.split("/")[0] == kind
        and bool(set(STREAMS[stream].columns) & set(TABLE[kind]))
    )


class _Tail:
    """The samples of one stream that rows still to be made stand on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last_s = -np.inf
        self._t_s: list[NDArray[np.float64]] = []
        self._values: list[NDArray[np.float32]] = []

    def add(self, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        self._t_s.append(t_s)
        self._values.append(values)
        self.last_s = float(t_s[-1])

    def stream(self) -> Stream | None:
        """Return what there is as a stream; None where nothing has come."""
        if not self._t_s:
            return None
        if len(self._t_s) > 1:
            self._t_s, self._values = [np.concatenate(self._t_s)], [np.concatenate(self._values)]
        facts = STREAMS[self.name]
        return Stream(self.name, facts.columns, self._t_s[0], self._values[0], facts.rate_hz)

    def forget(self, before_s: float) -> None:
        """Drop what no row after a time needs: samples further away than a gap is long."""
        period_s = 1.0 / STREAMS[self.name].rate_hz
        keep = int(np.searchsorted(self._t_s[0], before_s - 2.0 * GAP_PERIODS * period_s))
        keep = min(keep, len(self._t_s[0]) - 1)
        self._t_s, self._values = [self._t_s[0][keep:]], [self._values[0][keep:]]


class _Rows:
    """A table that grows without being copied each time; what was not measured holds the value before it."""

    def __init__(self, columns: int) -> None:
        self.count = 0
        self._samples = np.empty((1024, columns), np.float32)
        self._missing = np.empty(1024, bool)
        self._measured = np.zeros(columns, bool)  # which columns have had a value

    @property
    def samples(self) -> NDArray[np.float32]:
        return self._samples[: self.count]

    @property
    def missing(self) -> NDArray[np.bool_]:
        return self._missing[: self.count]

    def add(self, rows: NDArray[np.float32]) -> None:
        """Append rows, NaN where nothing was measured."""
        first, end = self.count, self.count + len(rows)
        if end > len(self._samples):
            more = max(end, 2 * len(self._samples))
            samples = np.empty((more, rows.shape[1]), np.float32)
            missing = np.empty(more, bool)
            samples[:first], missing[:first] = self.samples, self.missing
            self._samples, self._missing = samples, missing
        self._samples[first:end] = rows
        finite = np.isfinite(rows)
        self._missing[first:end] = ~finite.all(axis=1)
        self.count = end
        for column in np.flatnonzero(~finite.all(axis=0) | ~self._measured):
            self._fill(int(column), first, finite[:, column])

    def _fill(self, column: int, first: int, finite: NDArray[np.bool_]) -> None:
        """Fill what was not measured in one column of the newest rows."""
        values = self._samples[: self.count, column]
        if self._measured[column]:
            begin = first - 1
        else:
            begin = 0
            if not finite.any():
                values[first:] = 0.0
                return
            values[:first] = np.nan
            self._measured[column] = True
        hold_last(values[begin:], np.flatnonzero(~np.isfinite(values[begin:])))
