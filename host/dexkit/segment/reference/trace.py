"""A load as bins of about 20 ms, spikes taken out, noise measured: readable oracle for native/src/trace.c."""

import math

BINS_PER_S = 50.0  # at most; samples are averaged into bins
RING = 512  # bins remembered
SPIKE_N = 0.03  # a single sample that stands out by less is noise
NOISE_FLOOR_N = 0.0003
NOISE_MEMORY_S = 1.5
NOISE_START = 12  # bins until the noise is known well enough to bound its own measurement
BEND = 1.954  # mean of |x0 - 2 x1 + x2| of white noise of deviation 1
FEW = 14.0  # how much wider a slope's deviation is for noise known from few bends (Student's t, far out)


class Trace:
    """Samples of one load as bins that are remembered for a while."""

    def __init__(self, rate_hz: float) -> None:
        self.per_bin = max(1, int(rate_hz / BINS_PER_S + 0.5))
        self.dt = self.per_bin / rate_hz  # seconds per bin
        self.taps = 5 if rate_hz >= 149.0 else 3 if rate_hz >= 39.0 else 1
        self.window: list[float] = []
        self.sum, self.summed = 0.0, 0
        self.x = [0.0] * RING
        self.b = -1  # newest bin
        self.noise = 0.0
        self.few = 1.0  # how much wider doubt is while the noise is known from few bins
        self.sway, self.swayed = 0.0, 0  # slower noise, and how often it was measured

    def bins(self, seconds: float, least: int = 1) -> int:
        """Return seconds as a number of bins."""
        return max(least, int(seconds / self.dt + 0.5))

    def at(self, b: int) -> float:
        """Return a remembered bin."""
        return self.x[b % RING]

    def sample(self, place: float) -> int:
        """Return the sample at a place given in bins."""
        return int((place + 0.5) * self.per_bin + self.taps // 2)

    def take(self, value: float) -> bool:
        """Take one sample; return whether a bin became full.

        A single sample that stands out is replaced by the median of its neighbours.
        """
        self.window.append(value)
        if len(self.window) < self.taps:
            return False
        here = self.window[self.taps // 2]
        usual = sorted(self.window)[self.taps // 2]
        self.window.pop(0)
        spike = max(SPIKE_N, 5.0 * self.noise * math.sqrt(self.per_bin))
        self.sum += here if abs(here - usual) <= spike else usual
        self.summed += 1
        if self.summed < self.per_bin:
            return False
        self.b += 1
        self.x[self.b % RING] = self.sum / self.per_bin
        self.sum, self.summed = 0.0, 0
        return True

    def measure(self, disturbed: bool, calm: bool) -> None:
        """Follow the noise by the bins' bends, which flow and drift do not have; sway by wider bends.

        Disturbed bins count little; sway is measured only where nothing happens.
        """
        b, slowly = self.b, self.dt / NOISE_MEMORY_S
        if b < 2:
            return
        bend = abs(self.at(b) - 2.0 * self.at(b - 1) + self.at(b - 2)) / BEND
        gain = max(1.0 / (b - 1), slowly)
        self.few = 1.0 + FEW * (gain - slowly)
        if b > NOISE_START:
            bend = min(bend, 3.0 * self.noise + NOISE_FLOOR_N)
        self.noise += (0.1 * gain if disturbed else gain) * (bend - self.noise)
        if not calm or b < NOISE_START:
            return
        bend = abs(self.at(b) - 2.0 * self.at(b - 4) + self.at(b - 8)) / BEND
        self.swayed += 1
        if self.swayed > NOISE_START:
            bend = min(bend, 3.0 * max(self.sway, self.noise) + NOISE_FLOOR_N)
        self.sway += max(1.0 / self.swayed, slowly) * (bend - self.sway)

    def sigma(self) -> float:
        """Return the noise of a bin (standard deviation, N)."""
        return max(self.noise, self.sway, NOISE_FLOOR_N)

    def line(self, begin: int, end: int) -> tuple[float, float]:
        """Return level at bin end - 1 and slope (N/s) of the straight line through bins begin..end - 1."""
        n = end - begin
        middle = 0.5 * (n - 1)
        total = moment = 0.0
        for i in range(n):
            value = self.at(begin + i)
            total += value
            moment += value * (i - middle)
        slope = moment / (n * (n * n - 1.0) / 12.0)
        return total / n + slope * middle, slope / self.dt

    def slope_sigma(self, n: int) -> float:
        """Return the standard deviation (N/s) of the slope over n bins, wider while noise is hardly known."""
        return self.few * self.sigma() / self.dt * math.sqrt(12.0 / (n * (n * n - 1.0)))
