"""From what was seen and what the therapist said to rulings; what was set aside stays."""

import math
from collections.abc import Iterable, Mapping, Sequence
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

    def told(self, rule: str, t_s: float = -math.inf, times: Sequence[float] = ()) -> str:
        """Return what was last said to a rule's ruling at t_s: an answer, a new verdict, or nothing.

        Where the rule has rulings at other times too, each has its own answer, as in `rulings_of`.
        """
        each = sorted({t_s, *times})
        said = _told_each(self, rule, each)[each.index(t_s)]
        for mark in self.standing:
            if mark.kind == "override" and mark.rule == rule and mark.t_s >= t_s - AHEAD_S:
                said = mark.verdict
        return said


def _told_each(said: Said, rule: str, times: Sequence[float]) -> list[str]:
    """Return what was last said to each ruling of a rule, in order of time.

    As on the screen, an answer is to the first ruling that has none yet; where all have one, to the last.
    """
    told = [""] * len(times)
    for mark in said.standing:
        answer = dict(answers(mark)).get(rule, "")
        known = [place for place, t_s in enumerate(times) if mark.t_s >= t_s - AHEAD_S]
        if answer and known:
            told[next((place for place in known if not told[place]), known[-1])] = answer
    return told


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
    open_: dict[str, list[int]] = {}
    for place, ruling in enumerate(rulings):
        if ruling.verdict is Verdict.ASK:
            open_.setdefault(ruling.rule, []).append(place)
    answered: dict[int, str] = {}
    for rule, places in open_.items():
        answered |= zip(places, _told_each(said, rule, [rulings[place].t_s for place in places]), strict=True)
    for place, answer in sorted(answered.items()):
        rule, t_s, known = rulings[place].rule, rulings[place].t_s, profile.rules[rulings[place].rule].answers
        if answer in known:
            rulings.append(Ruling(rule, t_s, known[answer], By.THERAPIST, answer, place))
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
    """Return a ruling that sets aside the one meant, else its rule's last before it, or stands by itself."""
    decided = {ruling.decides for ruling in rulings}
    places = [
        place
        for place, ruling in enumerate(rulings)
        if ruling.rule == mark.rule and ruling.t_s <= mark.t_s + AHEAD_S and place not in decided
    ]
    if not places and mark.verdict == "valid":
        return []
    meant = [place for place in places if repr(rulings[place].t_s) == mark.answer]
    decides = (meant or places)[-1] if places else None
    return [Ruling(mark.rule, mark.t_s, Verdict(mark.verdict), By.THERAPIST, mark.reason, decides)]


def verdict_of(rulings: tuple[Ruling, ...]) -> Verdict:
    """Return what rulings come to: those that a later one decided do not count."""
    decided = {ruling.decides for ruling in rulings}
    left = [ruling.verdict for place, ruling in enumerate(rulings) if place not in decided]
    for verdict in (Verdict.ANNULLED, Verdict.ASK):
        if verdict in left:
            return verdict
    return Verdict.VALID
