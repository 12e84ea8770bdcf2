"""Tilts of a cup, in degrees and with the same bits everywhere: readable oracle for native/src/tilt.h."""

import math
from collections.abc import Sequence

#: Which part of a cup's bottom stays covered, for sixteenths of the fill that just covers it.
COVERED = (
    *(0.0, 0.1309, 0.2104, 0.2788, 0.3414, 0.4002, 0.4566, 0.5113, 0.5649),
    *(0.6177, 0.6701, 0.7225, 0.7753, 0.8287, 0.8834, 0.9401, 1.0),
)


def arc_deg(cosine: float) -> float:
    """Return the arc cosine in degrees."""
    b = abs(cosine)
    # Abramowitz and Stegun 4.4.45: within 7e-5 rad; of our own for the same bits everywhere
    arc = math.sqrt(1.0 - b) * (1.5707288 + b * (-0.2121144 + b * (0.0742610 - 0.0187293 * b)))
    return (3.14159265358979 - arc if cosine < 0.0 else arc) * 57.2957795130823


def spill_deg(kg: float, radius_m: float, height_m: float) -> float:
    """Return the tilt at which this much water, at rest, reaches the brim of a round cup.

    Parameters
    ----------
    kg
        Water in the cup; less than none and more than it holds count as none and full.
    radius_m, height_m
        Inner radius and height.
    """
    radius, height = max(1e-6, radius_m), max(1e-6, height_m)
    level = kg / (1000.0 * 3.14159265358979 * radius * radius) / height
    level = max(0.0, min(level, 1.0))
    across, up = radius, height * (1.0 - level)
    if level < 0.5:
        place = 32.0 * level
        k = int(place) if place < 15.0 else 15
        across, up = 2.0 * radius * (COVERED[k] + (place - k) * (COVERED[k + 1] - COVERED[k])), height
    return arc_deg(across / math.sqrt(across * across + up * up))


class Up:
    """Where up is, seen from the cup.

    A trembling hand shakes the accelerometer more than it tilts the cup; the gyroscope carries the direction
    through that. It is believed when it foretells the turning seen so far.
    """

    def __init__(self) -> None:
        self.wrong = [0.0, 0.0]  # squares of what the means foretell wrongly: with the turning and without

    def start(self, a: Sequence[float]) -> None:
        """Begin anew with this acceleration (m/s2)."""
        self.carried, self.still = list(a), list(a)  # slow means, with the turning and without
        if not (self.wrong[0] < 1e12 and self.wrong[1] < 1e12):
            self.wrong = [0.0, 0.0]  # nonsense was measured: it is not held against it for ever

    def next(self, a: Sequence[float], w: Sequence[float], rate_hz: float) -> list[float]:
        """Take acceleration (m/s2) and turning (rad/s); return the direction, as long as gravity."""
        share, fade = 1.0 / (0.6 * rate_hz), 1.0 - 1.0 / (20.0 * rate_hz)
        x, y, z = self.carried
        self.carried[0] -= (w[1] * z - w[2] * y) / rate_hz
        self.carried[1] -= (w[2] * x - w[0] * z) / rate_hz
        self.carried[2] -= (w[0] * y - w[1] * x) / rate_hz
        self.wrong = [self.wrong[0] * fade, self.wrong[1] * fade]
        for k in range(3):
            off, off_still = a[k] - self.carried[k], a[k] - self.still[k]
            self.wrong[0] += off * off
            self.wrong[1] += off_still * off_still
            self.carried[k] += share * off
            self.still[k] += share * off_still
        return list(self.carried if self.wrong[0] < 0.5 * self.wrong[1] else a)
