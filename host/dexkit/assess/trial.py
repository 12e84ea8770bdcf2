"""A trial's outcome as plain data: rulings, scores and the therapist's marks, to JSON and back."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, TypeVar

from dexkit.errors import InputError

#: Version of the JSON text; raised when an older reader could misread it.
FORMAT = 1


class Verdict(StrEnum):
    """What a ruling says of a trial, and what a trial comes to."""

    VALID = "valid"
    ANNULLED = "annulled"
    ASK = "ask"  # the sensors cannot tell: the therapist's word is needed


class By(StrEnum):
    """Who ruled."""

    REFEREE = "referee"
    THERAPIST = "therapist"


#: What a therapist can say during and after a trial. `rule`, `answer`, `verdict`, `reason` belong to
#: `answer` and `override`; `reason` may stand with any.
MARKS = (
    "go",  # the word was said
    "stop",  # the trial is over, as it is: the watch was stopped by hand, or the person cannot go on
    "person_stopped",  # the person stopped of their own accord
    "pause",  # disturbed from outside: the trial is over
    "undo",  # the mark before was a slip of the finger
    "helped_by_other_hand",
    "dropped_off_table",  # a peg fell into the lap or onto the floor
    "picked_up",  # a peg fell onto the board or table and was picked up with the tested hand
    "answer",  # to the question that a rule asks
    "override",  # a ruling is set aside, with a reason
)


@dataclass(frozen=True)
class Mark:
    """One word of the therapist.

    Parameters
    ----------
    kind
        One of MARKS.
    t_s
        Seconds from the recording's start.
    rule
        The rule that an answer or override is about.
    answer
        Which of the rule's answers; of an override, the time of the ruling it sets aside: empty for the last.
    verdict
        What an override rules instead.
    reason
        Why; an override must have one.
    """

    kind: str
    t_s: float
    rule: str = ""
    answer: str = ""
    verdict: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what no therapist can mean."""
        if self.kind not in MARKS:
            raise InputError(
                f"There is no mark {self.kind!r}; probably it is misspelt. Use one of: {', '.join(MARKS)}."
            )
        if not isinstance(self.t_s, int | float) or not math.isfinite(self.t_s):
            raise InputError(
                f"The mark {self.kind!r} is at {self.t_s!r}; probably its time was never set. Give seconds "
                "from the recording's start."
            )
        if self.kind in ("answer", "override") and not self.rule:
            raise InputError(
                f"A mark {self.kind!r} says no rule; probably it was left out. Say which ruling it is about."
            )
        if self.kind == "override" and (self.verdict not in ("valid", "annulled") or not self.reason.strip()):
            raise InputError(
                f"The ruling {self.rule!r} was set aside without a new verdict or without a reason; both are "
                "kept with the trial. Say valid or annulled, and why."
            )


@dataclass(frozen=True)
class Ruling:
    """One decision about a trial.

    Parameters
    ----------
    rule
        Id of the rule, as in rules.toml.
    t_s
        When it happened, in seconds from the recording's start.
    verdict
        What follows from it.
    by
        Who ruled.
    reason
        What was seen or said: a hole, an answer, a therapist's reason.
    decides
        Place (from 0) of the ruling in the trial that this one answers or sets aside; both are kept.
    """

    rule: str
    t_s: float
    verdict: Verdict
    by: By = By.REFEREE
    reason: str = ""
    decides: int | None = None


@dataclass(frozen=True)
class Score:
    """One number of a trial.

    Parameters
    ----------
    measure
        Id of the measure and its part, ``trial.time_s`` for the time from start to stop, or ``trial.grade``.
    value
        The number; None where not measurable.
    unit, version
        The measure's own.
    reason
        Why there is no number, or what a grade means.
    """

    measure: str
    value: float | None
    unit: str
    version: int
    reason: str = ""


@dataclass(frozen=True)
class Seat:
    """Which trial this is: the hand, what that hand is to the person, and the place in the sitting.

    Parameters
    ----------
    hand
        ``left`` or ``right``.
    role
        What was told of it: ``dominant``, ``non_dominant``, ``affected``, ``unaffected``, or several with a
        blank between.
    number
        From 1, for each hand and kind.
    practice
        Whether it is for practice.
    attempt
        1, and one more for each repeat after an annulment.
    """

    hand: str
    role: str = ""
    number: int = 1
    practice: bool = False
    attempt: int = 1

    def __post_init__(self) -> None:
        """Refuse a hand that nobody has."""
        if self.hand not in ("left", "right"):
            raise InputError(
                f"There is no hand {self.hand!r}; probably it is misspelt. Say left or right, one for each "
                "trial."
            )


@dataclass(frozen=True)
class Trial:
    """The outcome of one trial; times in seconds from the recording's start.

    Parameters
    ----------
    profile, profile_version, object, mode
        What was done, and with what.
    seat
        Which trial it is.
    start_rule
        What started the clock: ``go``, ``touch`` or ``lift``.
    go_s, start_s, stop_s
        The word, the clock's start and its stop; None where there was none.
    end_s
        When the trial was over, finished or not; None while it is not.
    stop_by
        Who stopped the clock: the sensors, or the therapist's hand.
    splits
        Times within, by name.
    completed
        Whether the task was finished within the time limit.
    counts
        How far the person came, by name.
    rulings
        All rulings in order of time, overridden ones included.
    verdict
        What they come to.
    scores
        The main one first.
    marks
        What the therapist said, undone marks included: with the recording it gives this trial again.
    """

    profile: str
    profile_version: int
    object: str
    mode: str
    seat: Seat
    start_rule: str
    go_s: float | None = None
    start_s: float | None = None
    stop_s: float | None = None
    end_s: float | None = None
    stop_by: By = By.REFEREE
    splits: Mapping[str, float] = field(default_factory=dict)
    completed: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    rulings: tuple[Ruling, ...] = ()
    verdict: Verdict = Verdict.VALID
    scores: tuple[Score, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def time_s(self) -> float | None:
        """Time from start to stop; None where the task was not finished."""
        if not self.completed or self.start_s is None or self.stop_s is None:
            return None
        return self.stop_s - self.start_s

    @property
    def main(self) -> Score | None:
        """The score that stands for the trial."""
        return self.scores[0] if self.scores else None

    @property
    def is_open(self) -> bool:
        """Whether it needs the therapist's word before it counts; a practice never counts."""
        return self.verdict is Verdict.ASK and not self.seat.practice

    def score(self, measure: str) -> Score | None:
        """Return a score by its id, None where the trial has none such."""
        return next((score for score in self.scores if score.measure == measure), None)

    def to_json(self) -> str:
        """Return the trial as one line of JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the trial that a text holds; raise InputError where it holds none."""
        try:
            data = json.loads(text)
            if data.pop("format") != FORMAT:
                raise InputError(
                    "The trial was written by a newer dexkit, in another format. Bring this one up to date."
                )
            data["seat"] = _made(Seat, data["seat"])
            data["stop_by"], data["verdict"] = By(data["stop_by"]), Verdict(data["verdict"])
            data["rulings"] = tuple(_ruling(each) for each in data["rulings"])
            data["scores"] = tuple(_made(Score, each) for each in data["scores"])
            data["marks"] = tuple(_made(Mark, each) for each in data["marks"])
            return _made(cls, data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"The text is no trial ({type(error).__name__}: {error}). Probably it is damaged or was "
                "edited. Judge its recording again."
            ) from None


Made = TypeVar("Made")


def _made(kind: type[Made], data: Mapping[str, Any]) -> Made:
    """Return a dataclass from its fields, all of them and no others."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    if set(data) != names:
        raise ValueError(f"{kind.__name__} has other fields: {', '.join(sorted(set(data) ^ names))}")
    return kind(**data)


def _ruling(data: Mapping[str, Any]) -> Ruling:
    return _made(Ruling, {**data, "verdict": Verdict(data["verdict"]), "by": By(data["by"])})
