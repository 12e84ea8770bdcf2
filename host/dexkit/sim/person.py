"""One person of a severity: the own pace, tremor and luck that a seed gives."""

import zlib
from dataclasses import dataclass

import numpy as np

from dexkit.sim.movement import Tremor
from dexkit.sim.severity import Severity

#: What a fact of a scene may be: a number, several, or a word.
Fact = float | tuple[float, ...] | str


@dataclass
class Person:
    """A person who does a task.

    Parameters
    ----------
    severity
        The preset the person belongs to.
    rng
        Source of everything that happens while the world is planned; reading it draws nothing.
    pace
        The person's own factor on every duration; mean 1 over people.
    """

    severity: Severity
    rng: np.random.Generator
    pace: float
    tremor: Tremor
    tremor_ms2: float
    tremor_deg: float

    @classmethod
    def of(cls, severity: Severity, seed: int, task: str) -> "Person":
        """Return the person that this seed makes; the same one for every task, with other luck."""
        own = np.random.Generator(np.random.Philox(key=[seed, 1]))
        spread = 0.08 if severity.name == "healthy" else 0.16
        pace = float(np.exp(own.normal(-(spread**2) / 2, spread)))
        tremor = Tremor.of(float(own.uniform(*severity.tremor_hz)), own)
        size = float(own.uniform())  # a strong tremor is strong in shift and in turn
        luck = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(task.encode())]))
        return cls(
            severity,
            luck,
            pace,
            tremor,
            float(np.interp(size, (0, 1), severity.tremor_ms2)),
            float(np.interp(size, (0, 1), severity.tremor_deg)),
        )

    def chance(self, probability: float) -> bool:
        """Return whether something of this probability happens."""
        return bool(self.rng.uniform() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a number drawn evenly between two."""
        return float(self.rng.uniform(low, high))

    def lasting(self, mean_s: float, spread: float = 0.2) -> float:
        """Return a duration about this mean: the person's pace, and a chance factor of this spread."""
        return mean_s * self.pace * float(np.exp(self.rng.normal(-(spread**2) / 2, spread)))

    def submovements(self) -> int:
        """Return of how many parts a movement is made this time."""
        low, high = self.severity.submovements
        return int(self.rng.integers(low, high + 1))

    def tired(self, progress: float) -> float:
        """Return by which factor everything is slower at this part (0..1) of the task."""
        return 1.0 + self.severity.fatigue * (progress - 0.5)
