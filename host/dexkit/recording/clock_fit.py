"""Put a board's time on the host's: a straight line through the quickest probes, live or centred afterwards.

A probe is one question and its answer. The board reads its clock somewhere between the host's sending and
receiving; the middle is the best guess, and the quicker the answer the better it is. So the probes that took
long say nothing, and a line through the quickest says when the rest happened.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Of the probes in a window these are believed: the quickest.
BEST_SHARE = 0.3
#: A line, as in a short recording, stands on so many at least.
LINE_LEAST = 12
#: A probe that took so much longer than the quickest is never believed, however few there are.
STALLED_S = 0.005
#: Below so many probes only the offset is fitted, the rate stays as it was known.
LINE_PROBES = 8
#: No sound crystal of a board runs further off than this; a little is left for warmth.
LIMIT_PPM = 200.0
#: How far the middle of a quick probe is off, and how far a rate may be from the one known before: together
#: they say from how long a stretch on a line is worth more than what was known.
PROBE_S = 3e-4
#: Offline, the line through this much time before and after says where a sample is.
HALF_WINDOW_S = 60.0
KNOTS_S = 5.0
#: How far the rate there may be from that of the whole recording.
LINE_SPREAD = 30e-6
#: Around each sample its number is regressed on its time over this much before and after.
COUNT_HALF_S = 5.0
COUNT_KNOTS = 32
#: After a longer loss than this the numbers go on by the time that passed, so they say nothing about time.
COUNTED_LOSS = 8


@dataclass(frozen=True)
class Line:
    """Offset of the host from a board, and how it changes.

    Parameters
    ----------
    at_s
        Board time of the middle of what was fitted.
    offset_s
        Host time minus board time there.
    slope
        Change of the offset in seconds per second of the board; a fast board has a negative one.
    residual_s
        Root mean square of the believed probes about the line.
    """

    at_s: float
    offset_s: float
    slope: float
    residual_s: float

    def offset_at(self, board_s: float) -> float:
        """Return host time minus board time at a board time."""
        return self.offset_s + self.slope * (board_s - self.at_s)


def fit_line(
    board_s: NDArray[np.float64],
    offset_s: NDArray[np.float64],
    round_trip_s: NDArray[np.float64],
    slope: float = 0.0,
    slope_spread: float = LIMIT_PPM * 1e-6,
) -> Line:
    """Return the line through the quickest probes.

    Parameters
    ----------
    board_s, offset_s, round_trip_s
        float64 (n,), n > 0: board time of each probe, the host's middle minus it, how long it took.
    slope
        What was known of the slope before.
    slope_spread
        How far the slope may be from that: a short stretch of noisy probes moves it little.
    """
    n = len(board_s)
    count = math.ceil(BEST_SHARE * n)
    if n >= LINE_PROBES:
        count = max(count, min(LINE_LEAST, n))
    best = np.argpartition(round_trip_s, count - 1)[:count]
    best = best[round_trip_s[best] <= round_trip_s.min() + STALLED_S]
    x, y = board_s[best], offset_s[best]
    at_s, middle_s = float(x.mean()), float(y.mean())
    x, y = x - at_s, y - middle_s
    if n >= LINE_PROBES:
        prior = (PROBE_S / slope_spread) ** 2
        slope = (float(x @ y) + prior * slope) / (float(x @ x) + prior)
        slope = min(max(slope, -1.1e-6 * LIMIT_PPM), 1.1e-6 * LIMIT_PPM)
    return Line(at_s, middle_s, slope, math.sqrt(float(np.mean((y - slope * x) ** 2))))


@dataclass(frozen=True)
class Refit:
    """How a board's clock ran against the host's, from all probes of one boot.

    Parameters
    ----------
    knots_s, offsets_s
        float64 (k,): board times, and host time minus board time there; straight lines between.
    ppm
        How fast the board's clock ran on the whole, in parts per million.
    min_round_trip_s, residual_s
        The quickest answer; root mean square of the quickest third of the probes about the fit.
    """

    knots_s: NDArray[np.float64]
    offsets_s: NDArray[np.float64]
    ppm: float
    min_round_trip_s: float
    residual_s: float

    def host_s(self, board_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the host's time at board times, float64 (n,)."""
        return board_s + np.interp(board_s, self.knots_s, self.offsets_s)


def refit(
    board_s: NDArray[np.float64],
    offset_s: NDArray[np.float64],
    round_trip_s: NDArray[np.float64],
    span_s: tuple[float, float],
    known: Refit | None = None,
) -> Refit:
    """Return the fit by which each moment is placed from the probes before and after it.

    Parameters
    ----------
    board_s, offset_s, round_trip_s
        float64 (n,), n > 0: all probes of one boot, as for `fit_line`, in order of time.
    span_s
        First and last board time that will be asked for.
    known
        Another boot of the same board: its crystal is the same, so few probes do with its rate.
    """
    if known is None:
        whole = fit_line(board_s, offset_s, round_trip_s)
    else:
        whole = fit_line(board_s, offset_s, round_trip_s, -1e-6 * known.ppm, LINE_SPREAD)
    knots_s = np.linspace(*span_s, max(math.ceil((span_s[1] - span_s[0]) / KNOTS_S), 1) + 1)
    reach = np.searchsorted(board_s, np.add.outer((-HALF_WINDOW_S, 0.0, HALF_WINDOW_S), knots_s))
    lines: dict[tuple[int, int], Line] = {}  # in a short recording all knots have the same
    offsets_s = np.empty(len(knots_s))
    for knot, (first, near, end) in enumerate(reach.T.tolist()):
        if end - first < LINE_PROBES:  # at the edge of a silence: what is near on either side
            first, end = max(near - LINE_PROBES, 0), near + LINE_PROBES
        if (first, end) not in lines:
            here = slice(first, end)
            lines[first, end] = fit_line(
                board_s[here], offset_s[here], round_trip_s[here], whole.slope, LINE_SPREAD
            )
        offsets_s[knot] = lines[first, end].offset_at(float(knots_s[knot]))
    best = round_trip_s <= np.quantile(round_trip_s, BEST_SHARE)
    off_s = offset_s[best] - np.interp(board_s[best], knots_s, offsets_s)
    residual_s = math.sqrt(float(np.mean(off_s**2)))
    return Refit(knots_s, offsets_s, -1e6 * whole.slope, float(round_trip_s.min()), residual_s)


def evened(
    t_s: NDArray[np.float64], count: NDArray[np.int64], period_s: float, gap_periods: float
) -> NDArray[np.float64]:
    """Return sample times from the samples' numbers: a sensor is steadier than the moment it is read.

    Around each sample the time is regressed on the number, within stretches that no gap interrupts.

    Parameters
    ----------
    t_s
        float64 (n,): never decreasing, with the jitter of the board's stamps.
    count
        int64 (n,): number of each sample, counting those that are lost.
    period_s
        Nominal time between two samples.
    gap_periods
        How many of them a time may be off from what the numbers say, or else a new stretch begins.
    """
    if len(t_s) < 3:
        return t_s
    steps = np.diff(count)
    off = (np.abs(np.diff(t_s) - period_s * steps) > gap_periods * period_s) | (steps > 1 + COUNTED_LOSS)
    edges = [0, *(np.flatnonzero(off) + 1).tolist(), len(t_s)]
    even = np.concatenate(
        [
            _regressed(t_s[first:end], count[first:end], round(COUNT_HALF_S / period_s))
            for first, end in itertools.pairwise(edges)
        ]
    )
    return np.maximum.accumulate(even)


def _regressed(t_s: NDArray[np.float64], count: NDArray[np.int64], half: int) -> NDArray[np.float64]:
    """Return times as the lines through their neighbours, `half` to either side, say."""
    n = len(t_s)
    if n < 3:
        return t_s
    x = (count - count[0]).astype(np.float64)
    chord = (t_s[-1] - t_s[0]) / x[-1]
    base_s = t_s[0] + chord * x
    x -= x.mean()
    y = t_s - base_s
    sums = np.zeros((4, n + 1))
    np.cumsum([x, y, x * x, x * y], axis=1, out=sums[:, 1:])
    places = np.append(np.arange(0, n - 1, COUNT_KNOTS), n - 1)  # between them the time hardly bends
    first, end = np.maximum(places - half, 0), np.minimum(places + half + 1, n)
    sx, sy, sxx, sxy = sums[:, end] - sums[:, first]
    mean_x, mean_y = sx / (end - first), sy / (end - first)
    slope = (sxy - mean_x * sy) / (sxx - mean_x * sx)
    regressed: NDArray[np.float64] = base_s + np.interp(x, x[places], mean_y + slope * (x[places] - mean_x))
    return regressed
