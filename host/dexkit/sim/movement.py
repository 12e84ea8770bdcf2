"""Movement as functions of time: minimum-jerk paths, ramps of force, bursts, contacts, tremor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def min_jerk(u: Floats) -> Floats:
    """Return the minimum-jerk course from 0 to 1 over u in 0..1 (Flash and Hogan 1985)."""
    return u * u * u * (10.0 + u * (-15.0 + 6.0 * u))


class Path:
    """A sum of minimum-jerk steps, each with its start, duration and size: position and derivatives.

    The value at a time does not depend on which other times are asked.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self._steps: list[tuple[float, float, float]] = []

    def step(self, start_s: float, duration_s: float, size: float) -> None:
        """Add a step of this size that lasts from start_s for duration_s."""
        self._steps.append((start_s, duration_s, size))

    def reach(
        self, start_s: float, duration_s: float, size: float, parts: int, rng: np.random.Generator
    ) -> None:
        """Add a movement of this size made of overlapping sub-movements, duration_s long in all."""
        if parts <= 1:
            self.step(start_s, duration_s, size)
            return
        share = rng.dirichlet(np.full(parts, 5.0))
        length_s = duration_s / (1.0 + 0.65 * (parts - 1))
        starts = np.linspace(0.0, duration_s - length_s, parts)
        for part, offset_s in zip(share, starts, strict=True):
            self.step(start_s + float(offset_s), length_s, size * float(part))

    def end(self) -> float:
        """Return the position after all steps."""
        return self._start + sum(size for _, _, size in self._steps)

    def _sum(self, t_s: Floats, shape: Callable[[Floats], Floats], order: int) -> Floats:
        flat = np.asarray(t_s, np.float64).ravel()
        sorting = np.argsort(flat, kind="stable")
        time = flat[sorting]
        total = np.zeros_like(time)
        if self._steps:
            steps = np.array(self._steps)
            if order == 0:
                ends = steps[:, 0] + steps[:, 1]
                by_end = np.argsort(ends, kind="stable")
                done = np.concatenate([[0.0], np.cumsum(steps[by_end, 2])]) + self._start
                total = done[np.searchsorted(ends[by_end], time, "right")]
            for start_s, duration_s, size in self._steps:
                first, end = np.searchsorted(time, (start_s, start_s + duration_s), "left")
                u = (time[first:end] - start_s) / duration_s
                total[first:end] += size / duration_s**order * shape(u)
        elif order == 0:
            total += self._start
        result = np.empty_like(total)
        result[sorting] = total
        return result

    def position(self, t_s: Floats) -> Floats:
        """Return the position at these times."""
        return self._sum(t_s, min_jerk, 0)

    def velocity(self, t_s: Floats) -> Floats:
        """Return the velocity per second at these times."""
        return self._sum(t_s, lambda u: 30.0 * u * u * (1.0 - u) ** 2, 1)

    def acceleration(self, t_s: Floats) -> Floats:
        """Return the acceleration per second squared at these times."""
        return self._sum(t_s, lambda u: 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u), 2)


#: Courses of a force ramp from 0 to 1: which one decides how sharply it begins and ends.
RAMP_SHAPES: tuple[Callable[[Floats], Floats], ...] = (
    lambda u: u,
    min_jerk,
    lambda u: u**1.5,
    lambda u: 1.0 - (1.0 - u) ** 2,
)
LINEAR, MIN_JERK, LATE, EARLY = range(4)


class Ramps:
    """A level that moves by ramps of given shapes, one after the other, and rests between them."""

    def __init__(self, start: float) -> None:
        self.level = start
        self._start_s = [-1e9]
        self._rows: list[tuple[float, float, float, int]] = [(1.0, start, start, LINEAR)]

    def to(self, start_s: float, duration_s: float, level: float, shape: int = MIN_JERK) -> None:
        """Move to this level from start_s on, over duration_s; ramps must come in order of time."""
        self._start_s.append(start_s)
        self._rows.append((duration_s, self.level, level, shape))
        self.level = level

    def at(self, t_s: Floats) -> Floats:
        """Return the level at these times."""
        starts = np.array(self._start_s)
        rows = np.array(self._rows)
        row = np.searchsorted(starts, t_s, "right") - 1
        u = np.clip((t_s - starts[row]) / rows[row, 0], 0.0, 1.0)
        shape = rows[row, 3]
        course = np.zeros_like(u)
        for number, function in enumerate(RAMP_SHAPES):
            course = np.where(shape == number, function(u), course)
        value: Floats = rows[row, 1] + (rows[row, 2] - rows[row, 1]) * course
        return value


@dataclass(frozen=True)
class Burst:
    """A short happening: half a sine (hertz None) or a ring that dies out within the duration."""

    start_s: float
    duration_s: float
    size: float
    ring_hz: float | None = None


def bursts(t_s: Floats, items: Sequence[Burst]) -> Floats:
    """Return the sum of these bursts at these times."""
    total = np.zeros_like(t_s)
    for item in items:
        where = np.flatnonzero((t_s >= item.start_s) & (t_s < item.start_s + item.duration_s))
        since_s = t_s[where] - item.start_s
        if item.ring_hz is None:
            total[where] += item.size * np.sin(np.pi * since_s / item.duration_s)
        else:
            decay = np.exp(-4.0 * since_s / item.duration_s)
            total[where] += item.size * decay * np.sin(2.0 * np.pi * item.ring_hz * since_s)
    return total


class Contact:
    """A switch: open at first, changing over at each of its times."""

    def __init__(self) -> None:
        self._changes_s: list[float] = []

    def pulse(self, start_s: float, end_s: float) -> None:
        """Close from start_s until end_s."""
        self._changes_s += [start_s, end_s]

    def change(self, t_s: float) -> None:
        """Change over at this time."""
        self._changes_s.append(t_s)

    def changes(self) -> Floats:
        """Return the times at which it changes over, sorted."""
        return np.sort(np.array(self._changes_s, np.float64))

    def at(self, t_s: Floats) -> Floats:
        """Return 1 where it is closed, 0 where it is open."""
        return (np.searchsorted(self.changes(), t_s, "right") % 2).astype(np.float64)


@dataclass(frozen=True)
class Tremor:
    """An oscillation of three near frequencies, so that it swells and fades as a hand's does."""

    frequency_hz: float
    parts: tuple[tuple[float, float, float], ...]  # share, frequency, phase

    @classmethod
    def of(cls, frequency_hz: float, rng: np.random.Generator) -> "Tremor":
        """Return a tremor about this frequency with phases of its own."""
        parts = tuple(
            (share, frequency_hz + offset_hz, float(rng.uniform(0, 2 * np.pi)))
            for share, offset_hz in ((0.7, 0.0), (0.3, 0.31), (0.25, -0.43))
        )
        return cls(frequency_hz, parts)

    def value(self, t_s: Floats) -> Floats:
        """Return the oscillation, amplitude about 1."""
        return sum((s * np.sin(2 * np.pi * f * t_s + p) for s, f, p in self.parts), np.zeros_like(t_s))

    def rate(self, t_s: Floats) -> Floats:
        """Return its derivative per second."""
        return sum(
            (s * 2 * np.pi * f * np.cos(2 * np.pi * f * t_s + p) for s, f, p in self.parts),
            np.zeros_like(t_s),
        )
