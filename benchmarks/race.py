"""How a race is run: all contestants in one process, round-robin, medians of per-round ratios."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was raced, against whom, the ratio, the goal, and what explains it."""

    what: str
    peer: str
    ratio: float  # peer's time over ours: more is better
    goal: float
    figure: str = ""  # ours in natural units, F1 beside it where there is one
    note: str = ""  # why it falls short, or what was not measured

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        return self.ratio >= self.goal


def race(contestants: dict[str, Callable[[], object]], rounds: int = 9) -> dict[str, list[float]]:
    """Return seconds of each contestant in each round; one untimed warm-up round comes first."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in contestants.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return seconds


def ratio(seconds: dict[str, list[float]], peer: str, ours: str) -> float:
    """Return the median over rounds of the peer's time over ours."""
    return statistics.median(p / o for p, o in zip(seconds[peer], seconds[ours], strict=True))
