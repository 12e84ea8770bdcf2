"""Spikes and ramps of a load cell: readable oracle for native/src/ramp.h."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

#: Where each order of smooth step has come a quarter of its way.
QUARTER = (0.25, 0.32635, 0.35944, 0.37857)


def clip(x: float, limit: float) -> float:
    """Return x held within plus and minus limit."""
    return limit if x > limit else -limit if x < -limit else x


@dataclass
class Despike:
    """Frees a channel of spikes of one or two samples, two samples late."""

    last: list[float] = field(default_factory=lambda: [0.0] * 5)
    usual: float = 0.0  # how far the middle one of five usually is from their median
    median: float = 0.0

    def start(self, x: float, usual: float) -> None:
        """Forget the past; pretend that it was x."""
        self.last, self.usual = [x] * 5, usual

    def next(self, x: float, rate_hz: float) -> float:
        """Take a sample; return the one before the last, or the median where that one was a spike."""
        self.last = [*self.last[1:], x]
        middle = self.last[2]
        self.median = sorted(self.last)[2]
        off, share = abs(middle - self.median), 1.0 / rate_hz
        if off > 6.0 * self.usual:
            self.usual *= 1.0 + 5.0 * share  # as if it were at the limit
            return self.median
        self.usual = (1.0 - share) * self.usual + share * off
        return middle


def step(order: int, u: float) -> float:
    """Return a smooth step from 0 to 1: straight, or with 1 to 3 derivatives that vanish at both ends."""
    if u <= 0.0:
        return 0.0
    if u >= 1.0:
        return 1.0
    if order == 0:
        return u
    if order == 1:
        return u * u * (3.0 - 2.0 * u)
    if order == 2:
        return u * u * u * (10.0 + u * (6.0 * u - 15.0))
    return u * u * u * u * (35.0 + u * (u * (70.0 - 20.0 * u) - 84.0))


def step_slope(order: int, u: float) -> float:
    """Return the slope of step()."""
    if u <= 0.0 or u >= 1.0:
        return 0.0
    v = u * (1.0 - u)
    return (1.0, 6.0 * v, 30.0 * v * v, 140.0 * v * v * v)[order]


@dataclass(frozen=True)
class Ramp:
    """The ramp that one expects in the samples first .. stop - 1, between the levels low and high."""

    at: Callable[[int], float]
    first: int
    stop: int
    low: float
    high: float
    side: int  # 1 rises from low to high, -1 falls from high to low

    def fit(self, order: int, foot: float, length: float) -> tuple[float, float]:
        """Return the least squares foot of one order of step, and the sum of squares (Gauss and Newton)."""
        span, side = self.high - self.low, self.side
        for turn in range(8):
            aa = ab = bb = ar = br = total = 0.0
            for i in range(self.first, self.stop):
                u = side * (i - foot) / length
                rest = self.at(i) - self.low - span * step(order, u)
                slope = span * step_slope(order, u) / length
                a, b = -side * slope, -u * slope
                aa += a * a
                ab += a * b
                bb += b * b
                ar += a * rest
                br += b * rest
                total += rest * rest
            det = aa * bb - ab * ab
            if turn == 7 or not det > 1e-9 * aa * bb:
                break
            later = clip((ar * bb - br * ab) / det, 0.5 * length)
            longer = clip((br * aa - ar * ab) / det, 0.5 * length)
            if abs(later) < 0.01 and abs(longer) < 0.01:
                break
            foot += later
            length = max(1.0, length + longer)
        return foot, total

    def foot(self) -> tuple[float, float]:
        """Return where the ramp leaves its low level (samples), and the misfit as part of the span.

        The mean over the orders of step, each weighed by how well it explains the samples.
        """
        span, side, n = self.high - self.low, self.side, float(self.stop - self.first)
        if span == 0.0:
            return float(self.first), 1.0
        quarter = half = -1.0
        for i in range(self.first, self.stop)[::side]:
            part = (self.at(i) - self.low) / span
            if quarter < 0.0 and part >= 0.25:
                quarter = float(i)
            if part >= 0.5:
                half = float(i)
                break
        end = float(self.stop - 1 if side > 0 else self.first)
        quarter = end if quarter < 0.0 else quarter
        half = end if half < 0.0 else half
        fits = []
        for order, share in enumerate(QUARTER):
            length = max(1.0, side * (half - quarter) / (0.5 - share))
            fits.append(self.fit(order, quarter - side * share * length, length))
        best = min(total for _, total in fits)
        weights = feet = 0.0
        noise = best / n + 1e-12
        for foot, total in fits:
            worse = 1.0 + (total - best) / noise / 8.0
            w = worse * worse * worse * worse
            weights += 1.0 / (w * w)
            feet += foot / (w * w)
        return feet / weights, math.sqrt(best / n) / abs(span)
