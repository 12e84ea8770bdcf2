"""From what was seen and what the therapist said to rulings; what was set aside stays."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dexkit.assess.profile import Profile
from dexkit.assess.trial import By, Mark, Ruling, Verdict

#: The therapist may answer this long before the sensors ask: they ask only when they are sure.
AHEAD_S = 3.0

#: Marks that answer a rule's question, or say by themselves that a rule was broken.
SAYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "helped_by_other_hand": (("other_hand", "yes"),),
    "dropped_off_table": (("off_table", "floor"), ("return_missed", "floor"), ("fell_back", "from_floor")),
    "picked_up": (("off_table", "table"), ("return_missed", "table")),
}


@dataclass(frozen=True)
class Said:
    """What the therapist said in a trial.

    Parameters
    ----------
    marks
        In the order in which they were said.
    """

    marks: Iterable[Mark]

    @cached_property
    def standing(self) -> tuple[Mark, ...]:
        """The marks that were not undone, in order of time."""
        kept: list[Mark] = []
        for mark in sorted(self.marks, key=lambda mark: mark.t_s):
            if mark.kind != "undo":
                kept.append(mark)
            elif kept:
                kept.pop()
        return tuple(kept)

    def first(self, kind: str) -> float | None:
        """Return when a kind of mark was first said; None for never."""
        return next((mark.t_s for mark in self.standing if mark.kind == kind), None)

    def ending(self, kinds: Iterable[str], since_s: float | None) -> Mark | None:
        """Return the first mark of these kinds that was said since a time."""
        if since_s is None:
            return None
        return next((mark for mark in self.standing if mark.kind in kinds and mark.t_s >= since_s), None)

    def told(self, rule: str, t_s: float = -math.inf) -> str:
        """Return what was last said to a rule's ruling at t_s: an answer, a new verdict, or nothing."""
        said = ""
        for mark in self.standing:
            if mark.t_s >= t_s - AHEAD_S:
                said = dict(answers(mark)).get(rule, said)
                if mark.kind == "override" and mark.rule == rule:
                    said = mark.verdict
        return said


def answers(mark: Mark) -> tuple[tuple[str, str], ...]:
    """Return the (rule, answer) that a mark gives."""
    return ((mark.rule, mark.answer),) if mark.kind == "answer" else SAYS.get(mark.kind, ())


def rulings_of(profile: Profile, seen: Iterable[tuple[str, float, str]], said: Said) -> tuple[Ruling, ...]:
    """Return the rulings of a trial.

    Parameters
    ----------
    profile
        Whose rules hold.
    seen
        (rule, t_s, detail) of what the sensors saw.
    said
        What the therapist said.

    Returns
    -------
    rulings
        Those of the sensors in order of time, then the therapist's answers, then what was said unasked, then
        what sets a ruling aside.
    """
    rulings = [
        Ruling(rule, t_s, profile.rules[rule].verdict, By.REFEREE, detail)
        for rule, t_s, detail in sorted(seen, key=lambda each: (each[1], each[0]))
    ]
    for place, ruling in enumerate(tuple(rulings)):
        known = profile.rules[ruling.rule].answers if ruling.verdict is Verdict.ASK else {}
        if (answer := said.told(ruling.rule, ruling.t_s)) in known:
            rulings.append(Ruling(ruling.rule, ruling.t_s, known[answer], By.THERAPIST, answer, place))
    rulings += _unasked(profile, said, {ruling.rule for ruling in rulings})
    for mark in said.standing:
        if mark.kind == "override":
            rulings += _set_aside(mark, rulings)
    return tuple(rulings)


def _unasked(profile: Profile, said: Said, asked: set[str]) -> list[Ruling]:
    """Return rulings on what the therapist said unasked; the last word on a rule counts."""
    found: dict[str, Ruling] = {}
    for mark in said.standing:
        known = [(rule, answer) for rule, answer in answers(mark) if rule in profile.rules]
        if not known or any(rule in asked for rule, _ in known):
            continue
        rule, answer = known[0]
        found.pop(rule, None)
        if (verdict := profile.rules[rule].answers[answer]) is not Verdict.VALID:
            found[rule] = Ruling(rule, mark.t_s, verdict, By.THERAPIST, mark.reason or answer)
    return list(found.values())


def _set_aside(mark: Mark, rulings: list[Ruling]) -> list[Ruling]:
    """Return a ruling that sets aside the last one of the mark's rule before it, or stands by itself."""
    decided = {ruling.decides for ruling in rulings}
    places = [
        place
        for place, ruling in enumerate(rulings)
        if ruling.rule == mark.rule and ruling.t_s <= mark.t_s + AHEAD_S and place not in decided
    ]
    if not places and mark.verdict == "valid":
        return []
    decides = places[-1] if places else None
    return [Ruling(mark.rule, mark.t_s, Verdict(mark.verdict), By.THERAPIST, mark.reason, decides)]


def verdict_of(rulings: tuple[Ruling, ...]) -> Verdict:
    """Return what rulings come to: those that a later one decided do not count."""
    decided = {ruling.decides for ruling in rulings}
    left = [ruling.verdict for place, ruling in enumerate(rulings) if place not in decided]
    for verdict in (Verdict.ANNULLED, Verdict.ASK):
        if verdict in left:
            return verdict
    return Verdict.VALID
