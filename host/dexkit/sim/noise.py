"""Chance as a function of time: hashed noise, drift, hum, spikes, the same in any order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Time steps per second by which noise is told apart: two samples within one microsecond share theirs.
STEPS_PER_S = 1_000_000

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the bits of z well mixed (finaliser of SplitMix64, Steele et al. 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, channel: int, step: NDArray[np.int64]) -> Floats:
    """Return numbers in (0, 1), one for each step: a hash of seed, channel and step."""
    key = (seed * 0xD1342543DE82EF95 + (channel + 1) * 0x2545F4914F6CDD1D) & _MASK
    bits = _mix(step.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))
    bits = _mix(bits + np.uint64((key * _GOLDEN) & _MASK))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def normal(seed: int, channel: int, step: NDArray[np.int64]) -> Floats:
    """Return standard normal numbers, one for each step (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, channel, step)))
    return radius * np.cos(2.0 * np.pi * uniform(seed, channel + 500_000, step))


def white(seed: int, channel: int, t_s: Floats) -> Floats:
    """Return white noise of standard deviation 1 at these times."""
    return normal(seed, channel, np.rint(t_s * STEPS_PER_S).astype(np.int64))


def wander(seed: int, channel: int, t_s: Floats, period_s: float) -> Floats:
    """Return smooth noise of standard deviation about 0.7: normal knots every period, joined by cubics."""
    place = t_s / period_s
    knot = np.floor(place).astype(np.int64)
    u = place - knot
    weight = u * u * (3.0 - 2.0 * u)
    return (1.0 - weight) * normal(seed, channel, knot) + weight * normal(seed, channel, knot + 1)


def walk(seed: int, channel: int, t_s: Floats) -> Floats:
    """Return a random walk's look-alike, about 0.7 after a minute: octaves growing with their period."""
    total = np.zeros_like(t_s)
    for octave, period_s in enumerate((2.0, 4.0, 8.0, 16.0, 32.0, 64.0)):
        total += np.sqrt(period_s / 128.0) * wander(seed, channel + 1000 * (octave + 1), t_s, period_s)
    return total


def spikes(seed: int, channel: int, t_s: Floats, every_s: float, width_s: float) -> Floats:
    """Return +-0.3 to 1 during rare spikes of this width, one in each span of every_s, else 0."""
    cell = np.floor(t_s / every_s).astype(np.int64)
    start_s = (cell + uniform(seed, channel, cell) * (1.0 - width_s / every_s)) * every_s
    size = 2.0 * uniform(seed, channel + 1, cell) - 1.0
    size = np.sign(size) * (0.3 + 0.7 * np.abs(size))
    return np.where((t_s >= start_s) & (t_s < start_s + width_s), size, 0.0)


@dataclass(frozen=True)
class LoadCell:
    """What a load cell and its converter add to the true force, all in newtons.

    Parameters
    ----------
    noise_n
        Standard deviation of the white noise of one conversion.
    hum_n
        Amplitude of mains hum at about 50 Hz.
    drift_n
        Largest slow drift over minutes (warming, mounting).
    walk_n
        Size of the random walk after a minute.
    spike_n, spike_every_s
        Size of wrong conversions, and one in how many seconds.
    creep
        Part of a load step that arrives late, with a time constant of creep_s.
    """

    noise_n: float
    hum_n: float
    drift_n: float
    walk_n: float
    spike_n: float
    spike_every_s: float
    creep: float = 0.002
    creep_s: float = 25.0

    def errors(self, seed: int, channel: int, t_s: Floats) -> Floats:
        """Return what this cell adds at these times, creep apart."""
        phase = 2.0 * np.pi * uniform(seed, channel + 7, np.zeros(1, np.int64))[0]
        mains_hz = 50.0 + 0.02 * wander(seed, channel + 8, np.zeros(1), 10.0)[0]
        total = self.noise_n * white(seed, channel, t_s)
        total += self.hum_n * np.sin(2.0 * np.pi * mains_hz * t_s + phase)
        total += self.drift_n * np.tanh(wander(seed, channel + 9, t_s, 60.0))
        total += self.walk_n * walk(seed, channel + 10, t_s)
        total += self.spike_n * spikes(seed, channel + 11, t_s, self.spike_every_s, 0.005)
        return total

    def creeping(self, t_s: Floats, step_s: Floats, step_n: Floats) -> Floats:
        """Return the late part of these load steps (times, sizes) at these times."""
        total = np.zeros_like(t_s)
        for start_s, size_n in zip(step_s, step_n, strict=True):
            since_s = np.maximum(t_s - start_s, 0.0)
            total -= self.creep * size_n * np.exp(-since_s / self.creep_s) * (t_s >= start_s)
        return total


#: Cup foot: noise 0.03 N, hum, slow drift of 0.25 N with a random walk and a spike about every 4 s are the
#: figures of the segmenter study this world follows; a NAU7802 alone is about ten times quieter.
FOOT_CELL = LoadCell(0.03, 0.015, 0.25, 0.08, 3.0, 4.0)
#: Inner vessel: the same converter on a cell of a quarter of the range, still several times its own noise.
INNER_CELL = LoadCell(0.015, 0.008, 0.05, 0.03, 1.5, 5.0)
#: Coaster: a stiff cell in a still place.
COASTER_CELL = LoadCell(0.02, 0.008, 0.05, 0.03, 1.5, 5.0)
#: Button board's panel.
PANEL_CELL = LoadCell(0.03, 0.015, 0.10, 0.05, 2.0, 4.0)
#: Peg tray: a 100 g cell, since one peg weighs 10 to 33 mN.
TRAY_CELL = LoadCell(0.002, 0.0008, 0.002, 0.001, 0.15, 6.0, creep=0.001)
