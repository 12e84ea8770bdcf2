"""What a recording of the pegboard shows: each peg from the tray into its hole, and back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dexkit.score.result import NotMeasurable, Outcome
from dexkit.score.take import Take
from dexkit.score.tray import hand_on_tray_s

HOLES = 9


@dataclass(frozen=True)
class Peg:
    """One peg on its way into a hole; None where a boundary was not seen."""

    hole: int
    released_s: float | None  # the peg before was let go; for the first one there is none
    touched_s: float | None  # the hand came onto the tray
    picked_s: float | None
    entered_s: float | None
    seated_s: float


@dataclass(frozen=True)
class Pegs:
    """A take of the pegboard, read as pegs."""

    take: Take

    @cached_property
    def placed_s(self) -> float | None:
        """Time at which all nine pegs sat for the first time."""
        seated: set[int] = set()
        for row in self.take.rows("seat", "unseat"):
            (seated.add if row["kind"] == "seat" else seated.discard)(int(row["channel"]))
            if len(seated) == HOLES:
                return float(row["t_s"])
        return None

    @cached_property
    def placing_end_s(self) -> float:
        """End of placing: all nine sat, or the last time a peg was seated."""
        seats = self.take.times("seat")
        return self.placed_s if self.placed_s is not None else seats[-1] if seats else -np.inf

    @cached_property
    def start_s(self) -> float | None:
        """Time at which the first peg was touched: the hand came onto the tray before the first pick."""
        picks = self.take.times("pick")
        return hand_on_tray_s(self.take, picks[0], self.take.t0_s) if picks else None

    @cached_property
    def begin_s(self) -> float:
        """Time from which on everything counts; the recording's begin where the first touch may be hidden."""
        first = self.take.events["kind"][0] if len(self.take.events) else ""
        if first == "unseat":  # only taking out is the task
            return float(self.take.events["t_s"][0])
        return self.start_s if first == "pick" and self.start_s is not None else self.take.t0_s

    @cached_property
    def placing_lost(self) -> NotMeasurable | None:
        """Why placing may have gone otherwise than it looks; None where all of it was measured."""
        return self.lost("seat", self.placed_s)

    @cached_property
    def test_lost(self) -> NotMeasurable | None:
        """The same of the whole test."""
        over = self.placed_s is not None and len(self.returns_s) == HOLES
        return self.lost("return", self.returns_s[-1] if over else None)

    def lost(self, kind: str, until_s: float | None) -> NotMeasurable | None:
        """Return why something may be hidden before an event was known; before the end where it never was."""
        if until_s is None:
            return self.take.lost(self.begin_s, self.take.end_s)
        rows = self.take.rows(kind)
        return self.take.lost(self.begin_s, float(rows["t_known_s"][rows["t_s"] == until_s].max()))

    @cached_property
    def pegs(self) -> tuple[Peg, ...]:
        """The pegs in the order in which they were seated, up to the end of placing."""
        found: list[Peg] = []
        released_s: float | None = None
        for row in self.take.rows("seat"):
            seated_s, hole = float(row["t_s"]), int(row["channel"])
            if seated_s > self.placing_end_s:
                break
            since_s = self.take.t0_s - 1.0 if released_s is None else released_s
            picks = _between(self.take.times("pick"), since_s, seated_s)
            if not picks and any(peg.hole == hole for peg in found):  # a peg that had sunk back
                if found[-1].hole == hole:
                    found[-1] = replace(found[-1], seated_s=seated_s)
                    released_s = seated_s
                continue
            picked_s = picks[-1] if picks else None
            enters = _between(self.take.times("enter"), since_s if picked_s is None else picked_s, seated_s)
            touched_s = None if picked_s is None else hand_on_tray_s(self.take, picked_s, since_s)
            entered_s = enters[0] if enters else None
            found.append(Peg(hole, released_s, touched_s, picked_s, entered_s, seated_s))
            released_s = seated_s
        return tuple(found)

    @cached_property
    def intervals_s(self) -> tuple[tuple[int, float], ...]:
        """Hole and time of each peg, from the peg before (the first: from the first touch) to its seating."""
        before_s = [self.start_s, *(peg.seated_s for peg in self.pegs)]
        return tuple(
            (peg.hole, peg.seated_s - since_s)
            for peg, since_s in zip(self.pegs, before_s, strict=False)
            if since_s is not None
        )

    @cached_property
    def returns_s(self) -> list[float]:
        """Times at which pegs landed in the tray after placing had ended."""
        return [t for t in self.take.times("return") if t > self.placing_end_s][:HOLES]

    def between(self, first: str, second: str) -> dict[str, Outcome]:
        """Return the time from one boundary to the next for each peg, and its mean over all pegs."""
        each: dict[str, Outcome] = {}
        for number, peg in enumerate(self.pegs, 1):
            start_s, end_s = getattr(peg, first), getattr(peg, second)
            if lost := self.lost("seat", peg.seated_s):
                each[str(number)] = lost
            elif start_s is not None and end_s is not None and end_s >= start_s:
                each[str(number)] = end_s - start_s
            elif number == 1 and first == "released_s":
                each["1"] = NotMeasurable("No peg was let go before the first one.")
            else:
                each[str(number)] = NotMeasurable("A boundary of this phase was not seen.")
        known = [value for value in each.values() if isinstance(value, float)]
        whole = mean(known) if known else NotMeasurable("No peg shows this phase.")
        return {"": self.placing_lost or whole, **each}


def _between(times: Iterable[float], after_s: float, until_s: float) -> list[float]:
    return [t for t in times if after_s < t <= until_s]


def mean(numbers: Sequence[float]) -> float:
    """Return the mean of some numbers."""
    return sum(numbers) / len(numbers)
