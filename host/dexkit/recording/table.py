"""Bring an object's streams, each with its own rate, on one regular grid: the table a segmenter reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import TABLE
from dexkit.recording.model import Recording, Stream

#: An interval longer than this many periods is a gap, that is when three samples or more are lost: nothing
#: was measured inside it. One or two lost samples are bridged.
GAP_PERIODS = 3.5
#: Samples this near to the grid, in periods, are on it.
ON_GRID = 1e-3
#: How far the oscillator of a board's sensor may be off; what is further off is no oscillator's doing.
OSCILLATOR = 0.05
#: A point of the grid this near to a sample of the stream that sets the rate (as a share of the time between
#: two samples) takes its value: a single wild sample so stays a single one.
NEAR = 0.1
#: Columns whose value holds until the next sample; all others change between samples.
CONTACTS = ("touch_", "entry_", "seated_")
#: A longer table than this, some eight hours at the highest rate, comes from a time stamp that is wrong.
LONGEST_TABLE = 10_000_000
#: Newtons of one gram on a scale.
N_PER_G = 9.80665e-3


def period_s(stream: Stream) -> float:
    """Return the usual time between two samples: from the nominal rate, or else the median.

    Parameters
    ----------
    stream
        With at least two samples or a nominal rate.

    Raises
    ------
    InputError
        If neither is there.
    """
    if stream.rate_hz is not None:
        return 1.0 / stream.rate_hz
    steps = np.diff(stream.t_s)
    steps = steps[steps > 0]
    if not len(steps):
        raise InputError(f"'{stream.name}' has {len(stream.t_s)} sample times: two that differ make a rate.")
    return float(np.median(steps))


def gaps(stream: Stream) -> NDArray[np.float64]:
    """Return the gaps of a stream.

    Parameters
    ----------
    stream
        Any stream.

    Returns
    -------
    gaps
        float64 (gaps, 2): time of the last sample before and of the first sample after each gap.
    """
    if len(stream.t_s) < 2:
        return np.empty((0, 2))
    at = np.flatnonzero(np.diff(stream.t_s) > GAP_PERIODS * period_s(stream))
    return np.column_stack((stream.t_s[at], stream.t_s[at + 1]))


def table(
    recording: Recording, object_kind: str, rate_hz: float | None = None
) -> tuple[NDArray[np.float32], float, float]:
    """Return an object's samples on one regular grid.

    Between two samples an analog column is interpolated linearly and a contact keeps its last value. Inside a
    gap (an interval of more than `GAP_PERIODS` periods of its stream), before a stream's first and after its
    last sample, and in columns that no stream has, the value is NaN: not measured. A foreign ``weight`` in
    grams is read as a coaster's load.

    Parameters
    ----------
    recording
        Whose streams named ``<object_kind>/...`` are taken.
    object_kind
        An object of the schema.
    rate_hz
        Rate of the grid; by default that of the fastest stream, as it was measured where a board's own
        oscillator made it, so that its samples stay as they are.

    Returns
    -------
    samples
        float32 (n, columns of the object's table).
    rate_hz
        Rate of the grid.
    t0_s
        Time of the first row.

    Raises
    ------
    InputError
        If the object is not known, the recording holds none of its columns, or it spans days.
    """
    if object_kind not in TABLE:
        raise InputError(f"'{object_kind}' is not an object: {', '.join(TABLE)}.")
    columns = TABLE[object_kind]
    streams = [stream for stream in _streams_of(recording, object_kind) if set(stream.columns) & set(columns)]
    streams = [stream for stream in streams if len(stream.t_s)]
    if not streams:
        raise InputError(f"The recording holds no samples of a {object_kind} (streams: {_names(recording)}).")
    rate_hz, t0_s, leader = grid_of(streams, rate_hz)
    if not 0 < rate_hz < float("inf"):
        raise InputError(f"{rate_hz} Hz is not a rate: give a positive one.")
    end_s = max(float(stream.t_s[-1]) for stream in streams)
    samples = _empty(end_s - t0_s, rate_hz, len(columns))
    for stream in streams:
        place(stream, columns, samples, rate_hz, t0_s, near=NEAR if stream is leader else 0.0)
    return samples, rate_hz, t0_s


def grid_of(streams: Sequence[Stream], rate_hz: float | None = None) -> tuple[float, float, Stream | None]:
    """Return the grid on which some streams of an object are brought together.

    Parameters
    ----------
    streams
        Each with samples.
    rate_hz
        Rate of the grid; None for that of the fastest stream, as it was measured.

    Returns
    -------
    rate_hz, t0_s
        Rate, and time of the first row.
    leader
        The stream whose own samples the grid stands on; None where there is none.
    """
    leader = None
    if rate_hz is None:
        fastest = min(streams, key=period_s)
        rate_hz = _measured_hz(fastest)
        leader = fastest if fastest.rate_hz is not None else None
    t0_s = min(float(stream.t_s[0]) for stream in streams)
    if leader is not None:  # the grid stands on the samples of the stream that sets its rate
        before = (float(leader.t_s[0]) - t0_s) * rate_hz
        if abs(before - round(before)) > ON_GRID:
            t0_s = float(leader.t_s[0]) - int(before) / rate_hz
    return rate_hz, t0_s, leader


def _measured_hz(stream: Stream) -> float:
    """Return a stream's nominal rate if its samples keep it, else the mean rate of its longest stretch."""
    nominal_hz = 1.0 / period_s(stream)
    if stream.rate_hz is None or len(stream.t_s) < 2:
        return nominal_hz
    steps = (stream.t_s - stream.t_s[0]) * nominal_hz
    if bool(np.all(np.abs(steps - np.rint(steps)) < ON_GRID)):
        return nominal_hz
    edges = [0, *(np.flatnonzero(np.diff(steps) > GAP_PERIODS) + 1).tolist(), len(steps)]
    first, last = max(pairwise(edges), key=lambda stretch: stretch[1] - stretch[0])
    spacing = float(np.median(np.diff(steps[first:last]))) if last - first > 1 else 1.0
    samples = round(float(steps[last - 1] - steps[first]) / spacing) if spacing > 0 else 0
    measured_hz = nominal_hz * samples / float(steps[last - 1] - steps[first]) if samples else nominal_hz
    return measured_hz if abs(measured_hz / nominal_hz - 1.0) < OSCILLATOR else nominal_hz


def even(stream: Stream, rate_hz: float | None = None) -> tuple[NDArray[np.float32], float]:
    """Return one stream on a regular grid from its first to its last sample, by the rule of `table`.

    Parameters
    ----------
    stream
        At least two samples, or a nominal rate.
    rate_hz
        Rate of the grid; by default the stream's own, or what its median interval gives.

    Returns
    -------
    samples
        float32 (n, columns); NaN inside gaps.
    rate_hz
        Rate of the grid.

    Raises
    ------
    InputError
        If the stream has no rate, or spans days.
    """
    if rate_hz is None:
        rate_hz = 1.0 / period_s(stream)
    span_s = float(stream.t_s[-1] - stream.t_s[0]) if len(stream.t_s) else 0.0
    samples = _empty(span_s, rate_hz, len(stream.columns))
    if len(stream.t_s):
        place(stream, stream.columns, samples, rate_hz, float(stream.t_s[0]))
    return samples, rate_hz


def longest_measured(samples: NDArray[np.float32]) -> slice:
    """Return the longest stretch of rows in which every column was measured.

    Parameters
    ----------
    samples
        (n, columns), NaN where nothing was measured.
    """
    measured = np.concatenate(([False], np.all(np.isfinite(samples), axis=1), [False]))
    edges = np.flatnonzero(measured[1:] != measured[:-1])
    if not len(edges):
        return slice(0, 0)
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return slice(int(starts[longest]), int(ends[longest]))


def _empty(span_s: float, rate_hz: float, columns: int) -> NDArray[np.float32]:
    """Return a table for so many seconds in which nothing was measured."""
    rows = int(span_s * rate_hz + 1e-6) + 1
    if rows > LONGEST_TABLE:
        raise InputError(
            f"The recording spans {span_s:.0f} s, {rows} rows at {rate_hz:g} Hz. Probably one time stamp is "
            f"wrong. Find the gap with `dexkit info` and cut it; at most {LONGEST_TABLE} rows are taken."
        )
    return np.full((rows, columns), np.nan, np.float32)


def _streams_of(recording: Recording, object_kind: str) -> list[Stream]:
    if object_kind == "coaster" and "weight" in recording.streams and "coaster/load" not in recording.streams:
        weight = recording.streams["weight"]
        load_n = weight.values[:, weight.columns.index("weight_g")] * np.float32(N_PER_G)
        return [Stream("coaster/load", ("load_n",), weight.t_s, load_n[:, None], weight.rate_hz)]
    return [stream for name, stream in recording.streams.items() if name.split("/")[0] == object_kind]


def _names(recording: Recording) -> str:
    return ", ".join(recording.streams) or "none"


def place(
    stream: Stream,
    columns: tuple[str, ...],
    samples: NDArray[np.float32],
    rate_hz: float,
    t0_s: float,
    near: float = 0.0,
) -> None:
    """Fill a stream's columns of a table, by the rule of `table`.

    Parameters
    ----------
    stream
        At least one sample; samples outside the table help to fill its first and last rows.
    columns
        Of the table.
    samples
        The table, float32 (n, columns), NaN where nothing has been filled in.
    rate_hz, t0_s
        Of the table.
    near
        A row nearer to a sample than this share of the time to the next one takes its value.
    """
    steps = (stream.t_s - t0_s) * rate_hz
    first = round(float(steps[0]))
    last = first + len(steps)
    if first >= 0 and last <= len(samples) and bool(np.all(np.abs(steps - np.arange(first, last)) < ON_GRID)):
        for i, column in enumerate(stream.columns):
            if column in columns:
                samples[first:last, columns.index(column)] = stream.values[:, i]  # on the grid already
        return
    grid_s = t0_s + np.arange(len(samples)) / rate_hz
    whole: _Neighbours | None = None
    for i, column in enumerate(stream.columns):
        if column not in columns:
            continue
        values = stream.values[:, i]
        measured = np.isfinite(values)
        if bool(np.all(measured)):
            whole = neighbours = whole or _Neighbours.of(stream.t_s, grid_s, period_s(stream))
        elif np.any(measured):
            neighbours = _Neighbours.of(stream.t_s[measured], grid_s, period_s(stream))
            values = values[measured]
        else:
            continue
        samples[:, columns.index(column)] = neighbours.placed(
            values, hold=column.startswith(CONTACTS), near=near
        )


@dataclass(frozen=True)
class _Neighbours:
    """For each point of a grid the sample before it, the one after it, and how far it is between them."""

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    share: NDArray[np.float64]
    unknown: NDArray[np.bool_]

    @classmethod
    def of(cls, t_s: NDArray[np.float64], grid_s: NDArray[np.float64], period_s: float) -> "_Neighbours":
        slack_s = 1e-6 * period_s
        found = np.searchsorted(t_s, grid_s + slack_s, side="right")
        before, after = np.maximum(found - 1, 0), np.minimum(found, len(t_s) - 1)
        since_s, step_s = grid_s - t_s[before], t_s[after] - t_s[before]
        inside = step_s > 0
        share = np.clip(np.divide(since_s, step_s, out=np.zeros(len(grid_s)), where=inside), 0.0, 1.0)
        on_sample = np.abs(since_s) <= slack_s
        outside = (found == 0) | (found == len(t_s))
        return cls(before, after, share, ~on_sample & (outside | (step_s > GAP_PERIODS * period_s)))

    def placed(self, values: NDArray[np.float32], hold: bool, near: float) -> NDArray[np.float64]:
        """Return the values (n,) at the points of the grid; NaN where they are not known.

        A point nearer to a sample than this share of the time to the next one takes its value.
        """
        placed = values[self.before].astype(np.float64)
        if not hold:
            share = np.where(self.share < near, 0.0, np.where(self.share > 1.0 - near, 1.0, self.share))
            placed += share * (values[self.after] - placed)
        placed[self.unknown] = np.nan
        return placed
