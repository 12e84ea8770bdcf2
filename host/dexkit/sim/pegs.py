"""The pegboard as a function of time: a person who places pegs from the tray and takes them back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dexkit.sim.movement import LINEAR, Burst, Contact, Path, Ramps, bursts
from dexkit.sim.noise import TRAY_CELL, wander
from dexkit.sim.person import Fact, Person

Floats = NDArray[np.float64]

HOLES = 9
GRAVITY_MS2 = 9.81
#: Pegs of the published size (6.4 to 7 mm by 32 mm) in wood, acetal and aluminium.
PEG_KG = (0.0010, 0.0017, 0.0034)
#: A healthy person's mean times for one peg, set so that nine pegs take the published total (PROPOSED parts).
REACH_TRAY_S, GROPE_S, TRANSFER_S, INSERT_S = 0.33, 0.22, 0.37, 0.20
REACH_HOLE_S, GRASP_S, PULL_S, CARRY_S = 0.29, 0.11, 0.08, 0.30


class PegsWorld:
    """A person who does the nine-hole peg test."""

    def __init__(self, person: Person, seed: int, pegs: int = HOLES) -> None:
        self.person = person
        self.seed = seed
        self.truth: list[tuple[float, str, int]] = []
        self._entry = [Contact() for _ in range(HOLES)]
        self._seated = [Contact() for _ in range(HOLES)]
        self._filled = [False] * HOLES
        self.peg_kg = float(person.rng.choice(PEG_KG))
        self._tray_kg = Path(pegs * self.peg_kg)
        self._hand_n = Ramps(0.0)
        self._impacts: list[Burst] = []
        self._clock_s = person.between(1.5, 2.5)
        self._counts = dict.fromkeys(
            ("drops", "half_insertions", "two_at_once", "sink_backs", "bounced_out", "missing"), 0.0
        )
        self.usual_s = TRANSFER_S * person.severity.peg_pace * person.pace
        order = [int(hole) for hole in range(HOLES)[:: 1 if person.chance(0.7) else -1]][:pegs]
        self._first_touch_s = -1.0
        self._place(order)
        placed_s = self._clock_s
        self._clock_s += person.between(0.05, 0.2)
        last_s = self._remove(order)
        self.duration_s = self._clock_s + 1.5
        self.truth.sort()
        self.facts: dict[str, Fact] = {
            "total_s": last_s - self._first_touch_s,
            "placing_s": placed_s - self._first_touch_s,
            "removing_s": last_s - placed_s,
            "pegs": float(len(order)),
            "peg_n": self.peg_kg * GRAVITY_MS2,
            "usual_transfer_s": self.usual_s,
            **self._counts,
        }

    # ------------------------------------------------------------------------------------------- phases

    def _lasting(self, mean_s: float, progress: float, least_s: float = 0.06) -> float:
        p = self.person
        return max(least_s, p.lasting(mean_s * p.severity.peg_pace * p.tired(progress), 0.25))

    def _place(self, order: list[int]) -> None:
        """Bring every peg into its hole."""
        p, in_hand, number = self.person, 0, 0
        while number < len(order):
            progress = 0.5 * number / len(order)
            hole = order[number]
            if in_hand == 0:
                self._clock_s += self._lasting(REACH_TRAY_S, progress)
                left = len(order) - number
                in_hand = 2 if left > 1 and p.chance(p.severity.two_at_once) else 1
                self._pick(in_hand, progress)
            else:
                self._clock_s += 0.3
            self._clock_s += self._lasting(TRANSFER_S, progress)
            if p.chance(p.severity.drop) and in_hand == 1 and self._drop():
                in_hand = 0
                continue
            self._insert(hole, progress)
            in_hand -= 1
            number += 1

    def _remove(self, order: list[int]) -> float:
        """Bring every peg back into the tray; return when the last one came down."""
        p, last_s = self.person, self._clock_s
        for number, hole in enumerate(order):
            progress = 0.5 + 0.5 * number / len(order)
            self._clock_s += self._lasting(REACH_HOLE_S, progress)
            self._clock_s += self._lasting(GRASP_S, progress)
            self._change(self._seated[hole], "unseat", hole)
            self._clock_s += self._lasting(PULL_S, progress, 0.03)
            self._entry[hole].change(self._clock_s)
            self._filled[hole] = False
            self._clock_s += self._lasting(CARRY_S, progress)
            if p.chance(p.severity.drop):
                self._lose(refill=False)
            if p.chance(p.severity.bounce_out):
                self._impacts += self._peg_impact()
                self._counts["bounced_out"] += 1
                self._clock_s += 0.3
                self._lose(refill=False)
            last_s = self._clock_s
            self._return(with_hand=p.chance(0.1 + 0.1 * p.severity.peg_pace))
        return last_s

    # -------------------------------------------------------------------------------------------- hands

    def _pick(self, pegs: int, progress: float) -> None:
        """Grope in the tray and take pegs out."""
        p = self.person
        if self._first_touch_s < 0:
            self._first_touch_s = self._clock_s
        contacts = 1 + int(p.rng.poisson(0.25 * (p.severity.peg_pace - 1.0)))
        for contact in range(contacts):
            span_s = self._lasting(GROPE_S / contacts**0.5, progress, 0.12)
            push_s, off_s = p.between(0.02, 0.05), p.between(0.015, 0.05)
            self._hand_n.to(self._clock_s, push_s, p.between(0.15, 1.5), LINEAR)
            self._clock_s += span_s
            if contact == contacts - 1:
                self._tray_kg.step(self._clock_s - off_s - 0.04, 0.04, -pegs * self.peg_kg)
            self._hand_n.to(self._clock_s - off_s, off_s, 0.0, LINEAR)
            if contact < contacts - 1:
                self._clock_s += p.between(0.08, 0.3)
        self.truth += [(self._clock_s, "pick", -1)] * pegs
        self._counts["two_at_once"] += pegs == 2

    def _insert(self, hole: int, progress: float) -> None:
        """Bring the peg into the hole, at the first or a later attempt."""
        p = self.person
        while p.chance(p.severity.half_insertion):
            self._counts["half_insertions"] += 1
            self._change(self._entry[hole], "enter", hole)
            self._clock_s += p.between(0.15, 0.7)
            self._change(self._entry[hole], "bounce", hole)
            self._clock_s += self._lasting(INSERT_S, progress, 0.2)
        empty = [other for other in range(HOLES) if not self._filled[other] and other != hole]
        if empty and p.chance(0.12):  # a finger passes over another hole
            other = int(p.rng.choice(empty))
            self._entry[other].pulse(self._clock_s, self._clock_s + p.between(0.012, 0.07))
        self._change(self._entry[hole], "enter", hole)
        self._clock_s += self._lasting(INSERT_S, progress)
        self._change(self._seated[hole], "seat", hole)
        self._filled[hole] = True
        if p.chance(p.severity.sink_back):
            self._counts["sink_backs"] += 1
            self._clock_s += p.between(0.3, 0.8)
            self._change(self._seated[hole], "unseat", hole)
            self._clock_s += self._lasting(INSERT_S, progress, 0.3)
            self._change(self._seated[hole], "seat", hole)
        self._clock_s += 0.05

    def _drop(self) -> bool:
        """Drop the peg in the hand; return whether another must be taken from the tray."""
        if self.person.chance(0.25):  # back into the tray
            self._counts["drops"] += 1
            self._return(with_hand=False)
            self._clock_s += 0.3
            return True
        return self._lose(refill=True)

    def _lose(self, refill: bool) -> bool:
        """Drop the peg on board, table or floor; return whether the examiner put one into the tray for it."""
        p, dropped_s = self.person, self._clock_s
        self._counts["drops"] += 1
        place = float(p.rng.uniform())
        if place < 0.5:  # on the board: at hand
            self._clock_s += p.between(0.4, 0.8) * self.usual_s
            return False
        self._counts["missing"] += 1
        self.truth.append((dropped_s + self.usual_s, "missing", -1))
        if place < 0.8 or not refill:  # on the table, or found by the person on the floor
            self._clock_s += p.between(3.0, 5.0) * self.usual_s + 1.0
            return False
        self._clock_s += 4.0 * self.usual_s + p.between(2.0, 4.0)
        self._return(with_hand=False)
        self._clock_s += p.between(0.5, 1.0)
        return True

    # ---------------------------------------------------------------------------------------- the board

    def _change(self, contact: Contact, kind: str, hole: int) -> None:
        """Change a light barrier over, sometimes with a flicker of its edge; write down what it means."""
        p = self.person
        self.truth.append((self._clock_s, kind, hole))
        contact.change(self._clock_s)
        if p.chance(0.3):
            first, second = sorted(p.rng.uniform(0.001, 0.012, 2))
            contact.change(self._clock_s + float(first))
            contact.change(self._clock_s + float(second))

    def _peg_impact(self) -> list[Burst]:
        """Return the blows of a peg that falls into the tray now: the first and two smaller ones."""
        size_n = self.person.between(4.0, 12.0) * self.peg_kg * GRAVITY_MS2
        times_s = self._clock_s + np.cumsum([0.0, self.person.between(0.05, 0.09), 0.045])
        return [
            Burst(float(t_s), 0.012, size_n * part)
            for t_s, part in zip(times_s, (1.0, 0.5, 0.25), strict=True)
        ]

    def _return(self, with_hand: bool) -> None:
        """Bring a peg into the tray: dropped from a little above, or laid down."""
        p = self.person
        self.truth.append((self._clock_s, "return", -1))
        if with_hand:
            self._tray_kg.step(self._clock_s, 0.02, self.peg_kg)
            self._hand_n.to(self._clock_s, p.between(0.02, 0.06), p.between(0.1, 0.8), LINEAR)
            self._clock_s += p.between(0.15, 0.4)
            self._hand_n.to(self._clock_s, p.between(0.02, 0.05), 0.0, LINEAR)
            self._clock_s += 0.05
        else:
            blows = self._peg_impact()
            self._impacts += blows
            self._tray_kg.step(blows[1].start_s, 0.02, self.peg_kg)
            self._clock_s += 0.08

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the board says at these times: float32 (n, 19), or these columns of the schema's."""
        t_s = np.asarray(t_s, np.float64)
        known = [*(c.at for c in self._entry + self._seated), self._tray_n]
        wanted = range(len(known)) if columns is None else columns
        return np.stack([known[column](t_s) for column in wanted], axis=1).astype(np.float32)

    def _tray_n(self, t_s: Floats) -> Floats:
        hand_n = self._hand_n.at(t_s) * np.exp(0.4 * wander(self.seed, 800, t_s, 0.08))
        tray_n = self._tray_kg.position(t_s) * GRAVITY_MS2 + hand_n + bursts(t_s, self._impacts)
        return tray_n + TRAY_CELL.errors(self.seed, 90, t_s)
