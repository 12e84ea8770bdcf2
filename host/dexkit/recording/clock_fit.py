"""Put a board's time on the host's: a straight line through the quickest probes, live or centred afterwards.

A probe is one question and its answer. The board reads its clock somewhere between the host's sending and
receiving; the middle is the best guess, and the quicker the answer the better it is. So the probes that took
long say nothing, and a line through the quickest says when the rest happened.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Of the probes in a window these are believed: the quickest.
BEST_SHARE = 0.3
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
#: Around each sample its number is regressed on its time over this much before and after.
COUNT_HALF_S = 5.0


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
    best = np.argpartition(round_trip_s, count - 1)[:count]
    x, y = board_s[best], offset_s[best]
    at_s, middle_s = float(x.mean()), float(y.mean())
    x, y = x - at_s, y - middle_s
    if n >= LINE_PROBES:
        prior = (PROBE_S / slope_spread) ** 2
        slope = (float(x @ y) + prior * slope) / (float(x @ x) + prior)
        slope = min(max(slope, -1.1e-6 * LIMIT_PPM), 1.1e-6 * LIMIT_PPM)
    return Line(at_s, middle_s, slope, math.sqrt(float(np.mean((y - slope * x) ** 2))))
