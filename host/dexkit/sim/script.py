"""People who make exactly the mistakes that a script names, and no others: for what judges them."""

from collections.abc import Mapping
from dataclasses import replace

from dexkit.errors import InputError
from dexkit.sim.buttons import ButtonsWorld, bounce
from dexkit.sim.cup_plan import CupPlan
from dexkit.sim.movement import Path
from dexkit.sim.pegs import HOLES, REACH_HOLE_S, REACH_TRAY_S, TRANSFER_S, PegsWorld
from dexkit.sim.person import Person

#: What a script can name, by object; the number beside it says at which peg, button or lift, from 0.
MISTAKES: Mapping[str, tuple[str, ...]] = {
    "pegboard": (
        # while placing
        "two_at_once", "two_put_back", "fell_back", "dropped_on_board", "dropped_on_table",
        "dropped_on_floor", "second_peg", "half_inserted", "pushed_home", "knocked_out", "wrong_hole",
        "corrected_hole",
        "too_soon", "stops",
        # while removing
        "returned_on_table", "returned_on_floor", "bounced_out", "two_back", "stops_back",
        # the pegs are in their holes from the beginning, for taking out only
        "in_holes",
    ),
    "button_board": ("wrong_order", "came_undone", "gives_up"),
    "cup": ("failed_lift", "put_between", "glass_touched", "poured", "put_early"),
}  # fmt: skip


def by_script(object_kind: str, person: Person, script: Mapping[str, int]) -> Person:
    """Return the person without mistakes of their own; raise InputError for a script that nobody knows."""
    for mistake in script:
        if mistake not in MISTAKES[object_kind]:
            raise InputError(
                f"Nobody makes the mistake {mistake!r} with a {object_kind}. Probably it is misspelt. Known "
                f"are: {', '.join(MISTAKES[object_kind])}."
            )
    faultless = replace(
        person.severity,
        drop=0.0,
        two_at_once=0.0,
        sink_back=0.0,
        bounce_out=0.0,
        slips=0.0,
        gives_up=0.0,
        failed_lift=0.0,
        bump=0.0,
        pause=0.0,
    )
    return replace(person, severity=faultless)


class ScriptedPegs(PegsWorld):
    """The nine-hole peg test by a script."""

    def __init__(self, person: Person, seed: int, script: Mapping[str, int]) -> None:
        self.script = script
        self._pushed: list[int] = []
        self._half: set[int] = set()
        super().__init__(by_script("pegboard", person, script), seed)

    def _does(self, mistake: str, number: int) -> bool:
        return self.script.get(mistake) == number

    def _place(self, order: list[int]) -> None:
        order.sort()  # row by row, as an ordered test wants it
        if "in_holes" in self.script:
            for contact in self._entry + self._seated:
                contact.change(-1.0)
            self._tray_kg = Path(0.0)
            self._first_touch_s = self._clock_s
            return
        for number, hole in enumerate(order):
            progress = 0.5 * number / len(order)
            if self._does("stops", number) or self._does("too_soon", number):
                self._clock_s += 2.0
                return
            if self._does("wrong_hole", number):
                order[number], order[number + 1] = order[number + 1], hole
                hole = order[number]
            if self._does("corrected_hole", number):
                self._try_hole(order[number + 1], progress)
                self._insert(hole, progress)
                continue
            self._fetch(number, progress)
            if self._does("half_inserted", number) or self._does("pushed_home", number):
                self._change(self._entry[hole], "enter", hole)
                self._clock_s += 0.3
                (self._half.add if self._does("half_inserted", number) else self._pushed.append)(hole)
                continue
            self._insert(hole, progress)
            for other in self._pushed:
                self._clock_s += self._lasting(REACH_HOLE_S, progress)
                self._change(self._seated[other], "seat", other)
                self._filled[other] = True
            self._pushed.clear()

    def _fetch(self, number: int, progress: float) -> None:
        """Bring the next peg from the tray to its hole."""
        if {"two_at_once", "second_peg"} & self._at(number - 1):
            self._clock_s += 0.3 + self._lasting(TRANSFER_S, progress)
            return
        self._take(2 if {"two_at_once", "two_put_back"} & self._at(number) else 1, progress)
        if self._does("two_put_back", number):
            self._clock_s += 0.4
            self._return(with_hand=False)
            self._clock_s += 0.4
        self._clock_s += self._lasting(TRANSFER_S, progress)
        if self._does("knocked_out", number):
            self._knock_out(progress)
        elif self._does("fell_back", number):
            self._return(with_hand=False)
            self._clock_s += 0.5
            self._take(1, progress)
            self._clock_s += self._lasting(TRANSFER_S, progress)
        elif self._does("second_peg", number):
            self._take(1, progress)
            self._clock_s += self._lasting(TRANSFER_S, progress)
        elif self._does("dropped_on_board", number):
            self._clock_s += 0.6 * self.usual_s
        elif {"dropped_on_table", "dropped_on_floor"} & self._at(number):
            self.truth.append((self._clock_s + self.usual_s, "missing", -1))
            self._clock_s += 5.0 * self.usual_s + 2.0
            if self._does("dropped_on_floor", number):  # the therapist puts it into the tray
                self._return(with_hand=False)
                self._clock_s += 0.8
                self._take(1, progress)
                self._clock_s += self._lasting(TRANSFER_S, progress)

    def _at(self, number: int) -> set[str]:
        return {mistake for mistake, at in self.script.items() if at == number}

    def _take(self, pegs: int, progress: float) -> None:
        self._clock_s += self._lasting(REACH_TRAY_S, progress)
        self._pick(pegs, progress)

    def _knock_out(self, progress: float) -> None:
        """Knock the first peg out of its hole with the hand that carries another, and put it back at once."""
        hole = self._filled.index(True)
        self._change(self._seated[hole], "unseat", hole)
        self._clock_s += 0.15
        self._entry[hole].change(self._clock_s)
        self._clock_s += self.usual_s
        self._change(self._entry[hole], "enter", hole)
        self._clock_s += self._lasting(0.2, progress)
        self._change(self._seated[hole], "seat", hole)
        self._clock_s += 0.2

    def _try_hole(self, hole: int, progress: float) -> None:
        """Bring a peg into a hole and take it out again."""
        self._take(1, progress)
        self._clock_s += self._lasting(TRANSFER_S, progress)
        self._insert(hole, progress)
        self._clock_s += 0.5
        self._change(self._seated[hole], "unseat", hole)
        self._clock_s += 0.15
        self._entry[hole].change(self._clock_s)
        self._filled[hole] = False
        self._clock_s += 0.5

    def _remove(self, order: list[int]) -> float:
        last_s = self._clock_s
        if "stops" in self.script:
            self._clock_s += 3.0
            return last_s
        whole = "in_holes" in self.script
        there = [hole for hole in order if whole or self._filled[hole] or hole in self._half]
        for number, hole in enumerate(there):
            if self._does("stops_back", number):
                self._clock_s += 3.0
                break
            self._take_out(hole, 0.5 + 0.5 * number / HOLES)
            if self._does("two_back", number):
                continue
            if self._at(number) & {"returned_on_table", "returned_on_floor", "bounced_out"}:
                if self._does("bounced_out", number):
                    self._impacts += self._peg_impact()
                    last_s = self._clock_s
                self.truth.append((self._clock_s + self.usual_s, "missing", -1))
                self._clock_s += 5.0 * self.usual_s + 2.0
                if not self._does("returned_on_table", number):
                    continue
            last_s = self._clock_s
            self._return(with_hand=False)
            if self._does("two_back", number - 1):
                self._clock_s += 0.3
                last_s = self._clock_s
                self._return(with_hand=False)
        self._clock_s += 2.0
        return last_s

    def _take_out(self, hole: int, progress: float) -> None:
        """Take a peg out of its hole and carry it to the tray."""
        self._clock_s += self._lasting(REACH_HOLE_S, progress) + self._lasting(0.11, progress)
        if hole not in self._half:
            self._change(self._seated[hole], "unseat", hole)
            self._clock_s += self._lasting(0.08, progress, 0.03)
            self._entry[hole].change(self._clock_s)
        else:
            self._change(self._entry[hole], "bounce", hole)
        self._filled[hole] = False
        self._clock_s += self._lasting(0.3, progress)


class ScriptedButtons(ButtonsWorld):
    """The button board by a script."""

    def __init__(self, person: Person, seed: int, script: Mapping[str, int]) -> None:
        self.script = script
        super().__init__(by_script("button_board", person, script), seed)

    def _order(self, buttons: int) -> list[int]:
        order = list(range(buttons))
        at = self.script.get("wrong_order")
        if at is not None:
            order[at : at + 2] = order[at : at + 2][::-1]
        return order

    def _close(self, button: int, progress: float) -> bool:
        if self.script.get("gives_up") == button:
            self._clock_s += 2.0
            return False
        done = super()._close(button, progress)
        if self.script.get("came_undone") == button:
            self._clock_s += 0.6
            for kind in ("opened", "seated"):
                self.truth.append((self._clock_s, kind, button))
                bounce(self.person, self._seated[button], self._clock_s)
                self._clock_s += 1.2
        return done


def scripted_cup(person: Person, seed: int, test: str, script: Mapping[str, int]) -> CupPlan:
    """Plan one pour (100 g, or all in item 14), one hold of ten seconds or one carry, by a script."""
    person = by_script("cup", person, script)
    plan = CupPlan(person, seed)
    plan.wait(2.0, 2.5)
    if "failed_lift" in script:
        plan.failed_lift()
        plan.wait(0.8, 1.2)
    plan.lift()
    plan.move(person.lasting(0.8 * person.severity.cup_pace), 0.25, 0.06, over_m=0.08)
    if "put_between" in script:
        plan.put()
        plan.wait(0.8, 1.2)
        plan.lift()
    if "glass_touched" in script:
        plan.touch_glass()
    plan.wait(0.4, 0.8)
    if test == "ftm14":
        plan.pour(0.004, 0.045)
    elif test == "pours":
        plan.pour(plan.mass_kg[-1] - 0.1, 0.045)
    elif test == "hold":
        plan.wait(*((4.0, 5.0) if "put_early" in script else (10.5, 11.0)))
    if "poured" in script:
        plan.pour(0.08, 0.045, into_glass=False)
    plan.wait(0.1, 0.4)
    plan.move(person.lasting(0.8 * person.severity.cup_pace), -0.25, -0.06, over_m=0.05)
    plan.put()
    plan.wait(3.5, 4.0)
    return plan
