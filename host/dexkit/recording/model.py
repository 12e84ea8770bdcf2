"""What a recording is in memory: streams of samples with their times, what is known of them, what is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stream:
    """One stream of samples.

    Parameters
    ----------
    name
        Topic, ``<object>/<stream>`` as in the schema: ``cup/load``; foreign data under ``weight``,
        ``force``, ``motion`` or ``events``.
    columns
        Name of each column, with its unit: ``foot_n``.
    t_s
        float64 (n,): time of each sample in seconds from the recording's start, never decreasing.
    values
        float32 (n, columns): NaN where nothing was measured.
    rate_hz
        Nominal rate; None where the samples come irregularly.
    """

    name: str
    columns: tuple[str, ...]
    t_s: NDArray[np.float64]
    values: NDArray[np.float32]
    rate_hz: float | None


@dataclass(frozen=True)
class Losses:
    """What did not survive: all zero for a whole recording.

    Parameters
    ----------
    samples_lost_by_board
        Samples that the board itself counted as lost.
    chunks_lost
        Chunks of the file that were damaged or cut off.
    bytes_skipped
        Bytes of the file that could not be read as records.
    samples_missing
        Samples that are known to be missing: they were written, or a board that went away had them. What
        stood after a cut cannot be counted.
    reasons
        One sentence for each damage found, and for each board that did not come back.
    """

    samples_lost_by_board: int = 0
    chunks_lost: int = 0
    bytes_skipped: int = 0
    samples_missing: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def recovered(self) -> bool:
        """Whether the file was damaged or a board stayed away, so that something may be missing."""
        return bool(self.chunks_lost or self.bytes_skipped or self.samples_missing or self.reasons)

    def __add__(self, other: "Losses") -> "Losses":
        """Return what was lost in both."""
        return Losses(
            self.samples_lost_by_board + other.samples_lost_by_board,
            self.chunks_lost + other.chunks_lost,
            self.bytes_skipped + other.bytes_skipped,
            self.samples_missing + other.samples_missing,
            (*self.reasons, *other.reasons),
        )


@dataclass(frozen=True)
class BoardClock:
    """How one board's clock ran against the host's; the sample times are corrected by it.

    Parameters
    ----------
    probes
        How often the board was asked for its time.
    ppm
        How fast its clock ran, in parts per million.
    min_round_trip_s, residual_s
        The quickest answer; root mean square of the quick answers about the fit.
    boots
        How often the board began, 1 where it went through.
    wall_step_s
        How far the host's wall clock was set meanwhile, which touches no time in the recording.
    """

    probes: int
    ppm: float
    min_round_trip_s: float
    residual_s: float
    boots: int = 1
    wall_step_s: float = 0.0


@dataclass(frozen=True)
class Recording:
    """A recording: the truth from which every score can be computed again.

    Parameters
    ----------
    object_kind
        What was recorded: ``cup``, ``coaster``, ``button_board``, ``pegboard``, or for foreign data
        ``weight``, ``force``, ``motion``, ``events``. A pour recorded with its coaster is a ``cup`` that
        also has the stream ``coaster/load``.
    meta
        Facts as text: firmware, schema hash, calibration, person (a pseudonym), test, hand, ...
    streams
        The streams by name.
    losses
        What did not survive.
    clocks
        How the clock of each object's board ran; an object that is not there has times as they were recorded,
        which nobody compared with a clock.
    """

    object_kind: str
    meta: Mapping[str, str]
    streams: Mapping[str, Stream]
    losses: Losses = field(default_factory=Losses)
    clocks: Mapping[str, BoardClock] = field(default_factory=dict)
