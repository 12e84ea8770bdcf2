"""What every object's measures stand on: one recording's samples on an even grid, and its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import TABLE
from dexkit.recording.model import Recording
from dexkit.recording.table import table
from dexkit.score.result import NotMeasurable
from dexkit.score.scored import Band
from dexkit.segment import EVENT_DTYPE, segment_buttons, segment_coaster, segment_cup, segment_pegs
from dexkit.segment.whole import SegmentWhole

SEGMENT: Mapping[str, SegmentWhole] = {
    "cup": segment_cup,
    "coaster": segment_coaster,
    "button_board": segment_buttons,
    "pegboard": segment_pegs,
}

#: A recording shorter than this holds no task.
SHORTEST_S = 0.5
#: A gap shorter than this takes no number. Tried with gaps all along a nine-hole peg test: up to 0.05 s none
#: moved a time by more than 0.08 s, up to 0.12 s by more than 0.13 s; from 0.2 s on counts were wrong.
HARMLESS_S = 0.05


@dataclass(frozen=True)
class Take:
    """One object in one recording.

    Parameters
    ----------
    samples
        float32 (n, columns), finite: a value that was not measured holds the one before it.
    missing
        bool (n,): where at least one column was not measured.
    rate_hz
        Samples per second.
    t0_s
        Time of the first sample in the recording.
    events
        EVENT_DTYPE in order of ``t_s``, which counts from the recording's start.
    meta
        What the recording says about itself.
    """

    samples: NDArray[np.float32]
    missing: NDArray[np.bool_]
    rate_hz: float
    events: NDArray[np.void]
    t0_s: float = 0.0
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def end_s(self) -> float:
        """Time of the last sample in the recording."""
        return self.t0_s + max(len(self.samples) - 1, 0) / self.rate_hz

    def index(self, t_s: float) -> int:
        """Return the index of the sample at a time, kept within the recording."""
        return min(max(round((t_s - self.t0_s) * self.rate_hz), 0), len(self.samples))

    def share_missing(self, start_s: float, end_s: float) -> float:
        """Return the share of samples between two times that are missing; those outside are, too."""
        first, end = (round((t_s - self.t0_s) * self.rate_hz) for t_s in (start_s, end_s))
        measured = np.count_nonzero(~self.missing[max(first, 0) : max(end, 0)])
        return (end - first - measured) / (end - first) if end > first else 1.0

    def lost(self, start_s: float, end_s: float) -> NotMeasurable | None:
        """Return why what was counted or timed between two times may be wrong; None where all was measured.

        What happened in a gap is first seen at its end, so one that ends just before counts, too.
        """
        for first_s, last_s in self._gaps_s:
            if first_s < end_s and last_s > start_s - EDGE_S:
                return NotMeasurable(f"Nothing was measured from {first_s:.1f} s to {last_s:.1f} s.")
        return None

    @cached_property
    def _gaps_s(self) -> list[tuple[float, float]]:
        """Begin and end of each gap that may do harm."""
        return [(band.start_s, band.end_s) for band in lost_bands(self, HARMLESS_S)]

    def lost_notes(self, by: str = "") -> tuple[str, ...]:
        """Name each gap that may do harm, in a sentence, and by what nothing was measured."""
        return tuple(
            f"Nothing was measured{by} for {end_s - start_s:.1f} s, from {start_s:.1f} to {end_s:.1f} s."
            for start_s, end_s in self._gaps_s
        )

    def times(self, *kinds: str, channel: int | None = None) -> list[float]:
        """Return the times of all events of these kinds (and this channel), ascending."""
        times: list[float] = self.rows(*kinds, channel=channel)["t_s"].tolist()
        return times

    def rows(self, *kinds: str, channel: int | None = None) -> NDArray[np.void]:
        """Return all events of these kinds (and this channel), ascending in time."""
        none = np.empty(0, np.intp)
        places = np.sort(np.concatenate([self._places.get(kind, none) for kind in kinds]))
        rows: NDArray[np.void] = self.events[places]
        return rows if channel is None else rows[rows["channel"] == channel]

    @cached_property
    def _places(self) -> dict[str, NDArray[np.intp]]:
        """Where the events of each kind are."""
        found = self.events["kind"]
        return {kind: np.flatnonzero(found == kind) for kind in set(found.tolist())}


def take_of(recording: Recording, object_kind: str) -> Take:
    """Return the samples and events of one object; raise InputError where nothing can be scored."""
    samples, rate_hz, t0_s = table(recording, object_kind)
    columns = TABLE[object_kind]
    if len(samples) < SHORTEST_S * rate_hz:
        raise InputError(
            f"The recording holds {len(samples)} samples of the {object_kind}, less than {SHORTEST_S:g} s. "
            "Probably it was stopped right after its start. Record the whole task again."
        )
    lost_rows, lost_columns = np.divmod(np.flatnonzero(~np.isfinite(samples)), len(columns))
    lost = np.bincount(lost_columns, minlength=len(columns))
    silent = ", ".join(columns[column] for column in np.flatnonzero(lost == len(samples)))
    if silent:
        raise InputError(
            f"No sample of {silent} was measured. Probably a sensor of the {object_kind} is not connected. "
            "Check its cable, then record the task again."
        )
    if not np.any(samples != samples[0]):
        raise InputError(
            f"Nothing changes in the whole recording of the {object_kind}: every value stays the same. "
            "Probably its sensors are not connected or it was never touched. Check the cables, record again."
        )
    # The segmenter holds the last value by itself and is told of what is missing.
    events = SEGMENT[object_kind](samples, rate_hz)
    events["t_s"] += t0_s
    events["t_known_s"] += t0_s
    events = events[np.argsort(events["t_s"], kind="stable")]
    missing = np.zeros(len(samples), bool)
    missing[lost_rows] = True
    for column in np.flatnonzero(lost):
        hold_last(samples[:, column], lost_rows[lost_columns == column])
    return Take(samples, missing, rate_hz, events, t0_s, recording.meta)


def hold_last(values: NDArray[np.float32], missing: NDArray[np.intp]) -> None:
    """Fill the missing places, ascending, of values: each holds the last one found, or the first to come."""
    if not len(missing):
        return
    edges = np.append(np.flatnonzero(np.diff(missing, prepend=-2) > 1), len(missing))
    begun = np.repeat(missing[edges[:-1]], np.diff(edges))  # where each one's gap begins
    values[missing] = values[np.where(begun > 0, begun - 1, edges[1])]


# The streams of one board end up to a block apart: that is where the recording ends, nothing was lost.
EDGE_S = 0.1


def lost_bands(take: Take, shortest_s: float = 0.02) -> list[Band]:
    """Return the stretches where samples are missing for at least this long, the uneven edges left out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], take.missing, [False]])))
    last = len(take.missing)
    return [
        Band(take.t0_s + first / take.rate_hz, take.t0_s + end / take.rate_hz, "lost", "not measured")
        for first, end in edges.reshape(-1, 2).tolist()
        if end - first >= (EDGE_S if first == 0 or end == last else shortest_s) * take.rate_hz
    ]


def events_of(rows: list[tuple[str, int, float]]) -> NDArray[np.void]:
    """Return events made by hand from (kind, channel, t_s), in order of time; known at once, sure."""
    full = [(kind, channel, 0, t_s, t_s, 1.0) for kind, channel, t_s in sorted(rows, key=lambda r: r[2])]
    return np.array(full, dtype=EVENT_DTYPE)
