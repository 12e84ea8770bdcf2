"""The world as a chip meets it: physical values at device times, read ahead in pieces."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


class World(Protocol):
    """An object as a function of time, as in `dexkit.sim.scene`."""

    def read(self, t_s: NDArray[np.float64], columns: Sequence[int] | None = None) -> Values:
        """Return what is measured at these times: float32 (n, columns)."""
        ...


class Stage:
    """When the scene plays, in device time.

    Before it begins, the object rests as in the second before the scene; after it, as the world goes on.

    Parameters
    ----------
    duration_s
        Length of the scene.
    repeat_s
        Rest after which the scene plays again; None: it plays once.
    clock_ppm
        How much faster the board's clock runs than the world's.
    """

    def __init__(self, duration_s: float, repeat_s: float | None = None, clock_ppm: float = 0.0) -> None:
        self.duration_s = duration_s
        self.repeat_s = repeat_s
        self.world_s_per_us = 1e-6 / (1.0 + 1e-6 * clock_ppm)
        self.begin_us: float | None = None
        #: Changes with every beginning, so that who reads ahead knows.
        self.version = 0

    def begin(self, at_us: float) -> None:
        """Let the scene begin at this device time."""
        self.begin_us = at_us
        self.version += 1

    def is_over(self, at_us: float) -> bool:
        """Return whether the scene has been played at this device time, and is not played again."""
        return (
            self.begin_us is not None
            and self.repeat_s is None
            and (at_us - self.begin_us) * self.world_s_per_us > self.duration_s
        )

    def world_s(self, device_us: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scene's time at these device times."""
        rest_s = np.mod(device_us * self.world_s_per_us, 1.0) - 1.0
        if self.begin_us is None:
            return rest_s
        scene_s = (device_us - self.begin_us) * self.world_s_per_us
        played_s = scene_s if self.repeat_s is None else np.mod(scene_s, self.duration_s + self.repeat_s)
        return np.where(scene_s < 0, rest_s, played_s)


class Feed:
    """Some columns of a world for one chip.

    Parameters
    ----------
    world
        What is measured.
    columns
        Which of its columns.
    stage
        When the scene plays.
    """

    #: Rows read at once: a reading of many costs little more than of one.
    PIECE = 2048

    def __init__(self, world: World, columns: Sequence[int], stage: Stage) -> None:
        self.world, self.columns, self.stage = world, list(columns), stage
        self._key: tuple[float, float, int] = (0.0, 0.0, -1)
        self._first = 0
        self._rows: Values = np.empty((0, len(self.columns)), np.float32)

    def row(self, start_us: float, period_us: float, index: int) -> Values:
        """Return the values at device time start_us + index * period_us: float32 (columns)."""
        key = (start_us, period_us, self.stage.version)
        if key != self._key or not self._first <= index < self._first + len(self._rows):
            times_us = start_us + period_us * np.arange(index, index + self.PIECE, dtype=np.float64)
            self._rows = self.world.read(self.stage.world_s(times_us), self.columns)
            self._key, self._first = key, index
        row: Values = self._rows[index - self._first]
        return row


class Contacts:
    """Columns of 0 and 1, whenever they are asked: steps of STEP_US.

    Parameters
    ----------
    world
        What is measured.
    columns, pins
        Which of its columns, and the pin of the chip that each is wired to.
    stage
        When the scene plays.
    """

    STEP_US = 250
    #: Steps read at once.
    PIECE = 8192

    def __init__(self, world: World, columns: Sequence[int], pins: Sequence[int], stage: Stage) -> None:
        self.world, self.columns, self.pins, self.stage = world, list(columns), list(pins), stage
        self._words: list[int] = []
        self._version, self._first = -1, 0

    def closed(self, now_us: float) -> int:
        """Return which are 1 at this device time: a word with a bit for each pin."""
        step = int(now_us // self.STEP_US)
        at = step - self._first
        if self._version != self.stage.version or not 0 <= at < len(self._words):
            times_us = self.STEP_US * np.arange(step, step + self.PIECE, dtype=np.float64)
            closed = self.world.read(self.stage.world_s(times_us), self.columns) > 0.5
            self._words = (closed @ (1 << np.array(self.pins))).tolist()
            self._version, self._first, at = self.stage.version, step, 0
        return self._words[at]
