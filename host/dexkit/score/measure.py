"""What a measure is: a class that says its id, unit, direction, definition, source and version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from typing import Any, ClassVar, Generic, TypeVar

from dexkit.score.result import Measured, NotMeasurable, Outcome, number

Take = TypeVar("Take", contravariant=True)


class Direction(StrEnum):
    """What more of a measure means."""

    BETTER = "more is better"
    WORSE = "more is worse"
    NEITHER = "neither"


class Mark(StrEnum):
    """How far the source of a definition can be trusted."""

    VERIFIED = "verified"  # read in the named source
    DERIVED = "derived"  # computed by us from published data, or follows by arithmetic
    RECALLED = "RECALLED"  # from memory, not confirmed
    PROPOSED = "PROPOSED"  # our own convention, no source


class Measure(Generic[Take]):
    """Base of all measures; a subclass with an ``id`` joins the registry, its docstring is its definition.

    A subclass sets the class variables below and computes its number in `of`.
    """

    id: ClassVar[str]  #: ``<object>.<name>_<unit>``, never given a second meaning
    title: ClassVar[str]  #: a few plain words
    unit: ClassVar[str]
    direction: ClassVar[Direction]
    source: ClassVar[str]
    mark: ClassVar[Mark]
    version: ClassVar[int] = 1  #: raised whenever the same recording may give another number
    labels: ClassVar[Mapping[int, str]] = {}  #: what each number of a class means, where it is a class
    headline: ClassVar[bool] = False  #: whether a page shows it large
    part_name: ClassVar[str] = ""  #: what its parts are: button, peg, pour

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "id" not in cls.__dict__:
            return
        missing = [
            name for name in ("title", "unit", "direction", "source", "mark") if not hasattr(cls, name)
        ]
        if missing or not cls.__doc__:
            raise TypeError(f"The measure {cls.id} lacks {', '.join(missing) or 'a definition (docstring)'}.")
        if cls.id in REGISTRY:
            raise TypeError(
                f"Two measures have the id {cls.id}: {REGISTRY[cls.id].__name__}, {cls.__name__}."
            )
        REGISTRY[cls.id] = cls

    @classmethod
    def definition(cls) -> str:
        """Return the definition in plain words, without line breaks inside a paragraph."""
        return " ".join(cleandoc(cls.__doc__ or "").split())

    @classmethod
    def summary(cls) -> str:
        """Return the first sentence or two of the definition: its first paragraph."""
        return " ".join(cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())

    def of(self, take: Take) -> Outcome | Mapping[str, Outcome]:
        """Return the measure of a take: one outcome, or one for each part (such as each button)."""
        raise NotImplementedError


#: All measures by id, in the order of their definition; complete once `dexkit.score.scoring` is imported.
REGISTRY: dict[str, type[Measure[Any]]] = {}


@dataclass(frozen=True)
class Value:
    """One measure of one recording: a number, or the reason why there is none.

    Parameters
    ----------
    measure
        The class that says what it means.
    value
        The number; None where not measurable.
    part
        The part of the object it belongs to (a button, a hole, a reach), empty for the whole.
    reason
        Why there is no number; empty where there is one.
    quality
        0 to 1; below 1 where part of what the number stands on was disturbed or lost.
    """

    measure: type[Measure[Any]]
    value: float | None
    part: str = ""
    reason: str = ""
    quality: float = 1.0

    @property
    def id(self) -> str:
        """Id of the measure, followed by the part."""
        return f"{self.measure.id}.{self.part}" if self.part else self.measure.id

    @property
    def label(self) -> str:
        """What the number means where it is a class, else empty."""
        return "" if self.value is None else self.measure.labels.get(int(self.value), "")


def value_of(measure: type[Measure[Any]], outcome: Outcome, part: str = "") -> Value:
    """Return an outcome as a value of this measure; a number that is not finite is not measurable."""
    outcome = number(outcome)
    if isinstance(outcome, NotMeasurable):
        return Value(measure, None, part, outcome.reason, 0.0)
    if isinstance(outcome, Measured):
        return Value(measure, float(outcome.value), part, "", outcome.quality)
    return Value(measure, float(outcome), part)


def values(measures: Iterable[type[Measure[Take]]], take: Take) -> tuple[Value, ...]:
    """Return the value of each measure of a take, in order, parts one after the other."""
    found: list[Value] = []
    for measure in measures:
        outcome = measure().of(take)
        if isinstance(outcome, Mapping):
            found += [value_of(measure, each, part) for part, each in outcome.items()]
        else:
            found.append(value_of(measure, outcome))
    return tuple(found)
