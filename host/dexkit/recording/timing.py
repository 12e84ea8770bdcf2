"""When samples were taken: the boards' times of a file, put on the host's one timeline by the clock probes.

In the file each board's samples and probes stand at the board's own time: its ticks, set on the host's clock
where they began. A row of probes without numbers says that the board began there. Reading fits each boot by
itself; so the streams of a cup and its coaster, which are two boards, come to stand on one timeline.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dexkit.recording.blocks import StreamPlan
from dexkit.recording.clock_fit import Refit, evened, refit
from dexkit.recording.model import BoardClock, Stream
from dexkit.recording.table import GAP_PERIODS

#: Topics of clock probes begin with this; what follows is the object whose board was asked.
CLOCK = "clock/"


def probes_plan(object_kind: str) -> StreamPlan:
    """Return the stream of clock probes of one object's board.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster``, ...
    """
    return StreamPlan(CLOCK + object_kind, ("offset_s", "round_trip_s", "wall_step_s"), None)


def on_host_time(
    streams: Mapping[str, Stream], counts: Mapping[str, NDArray[np.int64]]
) -> tuple[dict[str, Stream], dict[str, BoardClock]]:
    """Return streams with the times that the probes give them, and how each board's clock ran.

    Parameters
    ----------
    streams
        As they stand in the file. Those of a board that was never asked stay as they are.
    counts
        int64 (n,) for each stream: number of each sample, counting those that are lost.
    """
    placed, clocks = dict(streams), {}
    for probes in [stream for name, stream in streams.items() if name.startswith(CLOCK)]:
        kind = probes.name.removeprefix(CLOCK)
        of_board = [stream for name, stream in streams.items() if name.startswith(f"{kind}/")]
        boots = _boots(probes, of_board)
        fits = [fit for _, fit in boots if fit is not None]
        if not fits:
            continue
        for stream in of_board:
            t_s = _on_host(stream.t_s, boots)
            if stream.rate_hz is not None:
                t_s = evened(t_s, counts[stream.name], 1.0 / stream.rate_hz, GAP_PERIODS)
            placed[stream.name] = Stream(stream.name, stream.columns, t_s, stream.values, stream.rate_hz)
        asked = probes.values[np.isfinite(probes.values[:, 1])]
        steps = asked[:, 2] if asked.shape[1] > 2 else np.zeros(1, np.float32)
        clocks[kind] = BoardClock(
            len(asked),
            fits[-1].ppm,
            min(fit.min_round_trip_s for fit in fits),
            max(fit.residual_s for fit in fits),
            len(boots),
            float(steps[np.argmax(np.abs(steps))]),
        )
    return placed, clocks


def _boots(probes: Stream, streams: list[Stream]) -> list[tuple[float, Refit | None]]:
    """Return for each boot when it began and how its clock ran; None where it was never asked.

    The boot that was asked most says at which rate the board's clock runs; the others may be short.
    """
    begun = probes.t_s[~np.isfinite(probes.values[:, 1])]
    ends_s = [float(stream.t_s[-1]) for stream in [probes, *streams] if len(stream.t_s)]
    first_s = min((float(stream.t_s[0]) for stream in [probes, *streams] if len(stream.t_s)), default=0.0)
    edges = [first_s, *begun[1:].tolist(), max(ends_s, default=0.0) + 1.0]
    asked = np.isfinite(probes.values[:, 1])
    insides = [asked & (probes.t_s >= begin_s) & (probes.t_s < end_s) for begin_s, end_s in pairwise(edges)]
    fits: list[Refit | None] = [None] * len(insides)
    known = None
    for boot in sorted(range(len(insides)), key=lambda boot: -insides[boot].sum()):
        inside = insides[boot]
        if inside.any():
            offset_s, round_trip_s, *_ = probes.values[inside].astype(np.float64).T
            span_s = (edges[boot], edges[boot + 1])
            fits[boot] = refit(probes.t_s[inside], offset_s, round_trip_s, span_s, known)
            known = known or fits[boot]
    return list(zip(edges[:-1], fits, strict=True))


def _on_host(t_s: NDArray[np.float64], boots: list[tuple[float, Refit | None]]) -> NDArray[np.float64]:
    """Return the host's time at board times, never decreasing."""
    placed = t_s.copy()
    edges = [*np.searchsorted(t_s, [begin_s for begin_s, _ in boots[1:]]).tolist(), len(t_s)]
    for first, end, (_, fit) in zip([0, *edges[:-1]], edges, boots, strict=True):
        if fit is not None:
            placed[first:end] = fit.host_s(t_s[first:end])
    return np.maximum.accumulate(placed)
