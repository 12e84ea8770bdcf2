"""A test's profile: what is done and by which rules, read from profiles/*.toml and rules.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from dexkit.assess.trial import Verdict
from dexkit.errors import InputError
from dexkit.protocol.tables import TABLE
from dexkit.score.measure import REGISTRY
from dexkit.score.measure import Mark as Trust
from dexkit.score.scoring import SCORERS

HERE = Path(__file__).parent
PROFILES = HERE / "profiles"

assert SCORERS  # importing it makes the registry of measures complete

#: What stands at the head of a profile, and of which type it is.
HEAD: Mapping[str, type] = {"id": str, "version": int, "object": str, "mode": str, "words": str}
#: Facts that every profile has, the type of their value, and what it may be where there is a choice.
FACTS: Mapping[str, tuple[type, tuple[object, ...]]] = {
    "practice": (int, ()),
    "timed": (int, ()),
    "repeats": (int, ()),
    "hand_order": (str, ("dominant_first", "unaffected_first")),
    "start_rule": (str, ("go", "touch", "lift")),
    "stop": (str, ("last_peg_back", "all_pegs_out", "all_fastened", "all_opened", "put")),
    "time_limit_s": (float, ()),
    "rule_book": (str, ("czech_manual", "ours")),
    "result": (str, ("mean", "single", "msfc")),
}
#: Facts about the task itself, by object.
TASK: Mapping[str, Mapping[str, type]] = {
    "pegboard": {"order": list, "light_s": float},
    "button_board": {"buttons": list, "slip_penalty_s": float},
    "cup": {"act": str, "hold_s": float, "target_g": float, "contents": str, "both_hands": bool},
}
#: What can be done with the cup.
ACTS = ("pour", "hold", "carry", "lift")
#: What can be in the cup. Beads flow otherwise than water: a test with them has a mode of its own, which ends
#: in this word, so that no trend has both.
CONTENTS = ("water", "beads")
#: Scores that no measure of one recording carries.
OWN_SCORES = ("trial.time_s", "trial.penalty_time_s", "trial.grade")

Value: TypeAlias = bool | int | float | str | tuple[Any, ...]


@dataclass(frozen=True)
class Fact:
    """One fact of a protocol, how far it can be trusted, and where it comes from."""

    value: Any
    mark: Trust
    source: str


@dataclass(frozen=True)
class Rule:
    """What follows when something happens in a trial.

    Parameters
    ----------
    id
        Its name, as in the words.
    verdict
        What follows when the sensors see it.
    asked
        Whether it is not sensed at all: the therapist is asked after each trial.
    answers
        What the therapist can answer, and what follows from it.
    mark, source
        How far it can be trusted, and where it comes from.
    """

    id: str
    verdict: Verdict
    asked: bool
    answers: Mapping[str, Verdict]
    mark: Trust
    source: str


@dataclass(frozen=True)
class GradeRow:
    """One grade of an ordinal score; the first row whose conditions all hold is the grade.

    Parameters
    ----------
    value
        The grade.
    completed, within_s, least
        Finished or not; finished within this time; least of a count, by its name. None or empty: any.
    answers
        What the therapist must have answered, by rule: one of these.
    mark, source
        How far it can be trusted, and where it comes from.
    """

    value: int
    completed: bool | None
    within_s: float | None
    least: Mapping[str, int]
    answers: Mapping[str, tuple[str, ...]]
    mark: Trust
    source: str


@dataclass(frozen=True)
class Profile:
    """One standardised test.

    Parameters
    ----------
    id, version
        Its name; the version is raised when the same recording may be judged otherwise.
    object
        What it is done with.
    mode
        ``free``, ``ordered``, ``guided_1``, ...: trends of different modes are never mixed.
    words
        Which texts of the words files are said.
    facts
        The facts every profile has, by name: see FACTS.
    task
        The facts of its own task, by name: see TASK.
    rules
        By id, all that can follow in its trials.
    asks
        Rules that are asked after each trial.
    scores
        Ids of the scores, the main one first.
    compare
        Norm tables it may be compared with, by id; empty: with the person's own trials only.
    grades
        Rows of its ordinal score, best first.
    """

    id: str
    version: int
    object: str
    mode: str
    words: str
    facts: Mapping[str, Fact]
    task: Mapping[str, Fact]
    rules: Mapping[str, Rule]
    asks: tuple[str, ...]
    scores: tuple[str, ...]
    compare: tuple[str, ...]
    grades: tuple[GradeRow, ...]

    def fact(self, name: str) -> Any:
        """Return the value of a fact of the protocol or the task."""
        return (self.facts.get(name) or self.task[name]).value

    @property
    def unsure(self) -> tuple[tuple[str, Fact], ...]:
        """All facts that are RECALLED or PROPOSED, to be shown as such."""
        every = [*self.facts.items(), *self.task.items()]
        return tuple((name, fact) for name, fact in every if fact.mark in (Trust.RECALLED, Trust.PROPOSED))


def profile_ids() -> tuple[str, ...]:
    """Return the ids of all profiles, sorted."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


@cache
def load_profile(profile_id: str) -> Profile:
    """Return a profile by its id.

    Raises
    ------
    InputError
        When there is none of that id, or its file is damaged.
    """
    if profile_id not in profile_ids():
        raise InputError(
            f"There is no test {profile_id!r}. Probably it is misspelt. Known: {', '.join(profile_ids())}."
        )
    return read_profile(PROFILES / f"{profile_id}.toml")


def read_profile(path: Path) -> Profile:
    """Return the profile of a file; raise InputError, one line, when it is no whole profile."""
    return _Reader(path).profile()


def rules_of(object_kind: str) -> Mapping[str, Rule]:
    """Return the rules of an object, those of every object included."""
    reader = _Reader(HERE / "rules.toml")
    tables = {**reader.table("any"), **reader.table(object_kind)}
    return {name: reader.rule(name, facts) for name, facts in tables.items()}


class _Reader:
    """Reads one file, and says in one line what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise self.wrong(f"cannot be read ({' '.join(str(error).split())})") from None

    def wrong(self, what: str) -> InputError:
        return InputError(
            f"The file {self.path.name} {what}. Probably it is damaged or was edited by hand. "
            "Put the original back, or mend that place."
        )

    def take(self, table: Mapping[str, Any], name: str, kind: type, where: str = "") -> Any:
        """Return a value of a table; it must be there and of this type."""
        place = f"{where}.{name}" if where else name
        if name not in table:
            raise self.wrong(f"lacks {place}")
        value = table[name]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.wrong(f"has {place} = {value!r}, where a value of type {kind.__name__} belongs")
        return tuple(value) if isinstance(value, list) else value

    def table(self, name: str) -> Mapping[str, Any]:
        found = self.data.get(name, {})
        if not isinstance(found, dict):
            raise self.wrong(f"has {name} = {found!r}, where a table belongs")
        return found

    def only(self, table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        """Refuse names nobody reads: a misspelt fact would silently be none."""
        unknown = sorted(set(table) - set(known))
        if unknown:
            raise self.wrong(f"has an unknown {unknown[0]!r} in {where} (known: {', '.join(known)})")

    def trust(self, table: Mapping[str, Any], where: str) -> tuple[Trust, str]:
        word = self.take(table, "mark", str, where)
        if word not in list(Trust):
            raise self.wrong(f"has {where}.mark = {word!r} (known: {', '.join(Trust)})")
        return Trust(word), self.take(table, "source", str, where)

    def fact(self, table: Mapping[str, Any], name: str, kind: type) -> Fact:
        given = self.take(table, name, dict)
        self.only(given, ("is", "mark", "source"), name)
        value = self.take(given, "is", kind, name)
        if isinstance(value, int | float) and value < 0:
            raise self.wrong(f"has {name}.is = {value!r}, less than 0")
        return Fact(value, *self.trust(given, name))

    def verdict(self, word: object, where: str) -> Verdict:
        if word not in list(Verdict):
            raise self.wrong(f"has {where} = {word!r} (known: {', '.join(Verdict)})")
        return Verdict(str(word))

    def rule(self, name: str, facts: Mapping[str, Any]) -> Rule:
        if not isinstance(facts, dict):
            raise self.wrong(f"has {name} = {facts!r}, where a rule belongs")
        self.only(facts, ("verdict", "asked", "answers", "mark", "source"), name)
        asked = bool(facts.get("asked", False))
        answers = {
            answer: self.verdict(verdict, f"{name}.answers.{answer}")
            for answer, verdict in facts.get("answers", {}).items()
        }
        verdict = Verdict.VALID if asked else self.verdict(facts.get("verdict"), f"{name}.verdict")
        if not answers and (asked or verdict is Verdict.ASK):
            raise self.wrong(f"lacks {name}.answers, though {name} is asked")
        return Rule(name, verdict, asked, answers, *self.trust(facts, name))

    def grade(self, row: object, rules: Mapping[str, Rule]) -> GradeRow:
        if not isinstance(row, dict):
            raise self.wrong(f"has a grade {row!r}, where a table belongs")
        known = ("value", "completed", "within_s", "least", "answers", "mark", "source")
        self.only(row, known, "grades")
        answers = {rule: tuple(words) for rule, words in row.get("answers", {}).items()}
        for rule, words in answers.items():
            if rule not in rules or not set(words) <= set(rules[rule].answers):
                raise self.wrong(f"has a grade that needs {rule} = {list(words)}, which nobody can answer")
        return GradeRow(
            self.take(row, "value", int, "grades"),
            self.take(row, "completed", bool, "grades") if "completed" in row else None,
            self.take(row, "within_s", float, "grades") if "within_s" in row else None,
            dict(row.get("least", {})),
            answers,
            *self.trust(row, "grades"),
        )

    def whole_task(self, mode: str, kind: str, task: Mapping[str, Fact], scores: object) -> None:
        """Refuse a task that lacks what its mode, act or scores need, or names holes that are not."""
        act = task["act"].value if "act" in task else ""
        needed = {"act"} if kind == "cup" else set()
        needed |= {"order"} if mode.startswith(("ordered", "guided")) else set()
        needed |= {"hold_s"} if act == "hold" else set()
        needed |= {"contents"} if act == "pour" else set()
        needed |= (
            {"slip_penalty_s"} if isinstance(scores, list) and "trial.penalty_time_s" in scores else set()
        )
        for name in sorted(needed - set(task)):
            raise self.wrong(f"lacks task.{name}")
        if kind == "cup" and act not in ACTS:
            raise self.wrong(f"has act.is = {act!r} (known: {', '.join(ACTS)})")
        contents = task["contents"].value if "contents" in task else "water"
        if contents not in CONTENTS:
            raise self.wrong(f"has contents.is = {contents!r} (known: {', '.join(CONTENTS)})")
        if (contents == "beads") != mode.endswith("_beads"):
            raise self.wrong(f"has the mode {mode!r} with {contents}: with beads it ends in _beads, else not")
        if "order" in task and sorted(map(repr, task["order"].value)) != [str(hole) for hole in range(9)]:
            raise self.wrong(f"has order.is = {list(task['order'].value)}, which is no order of holes 0 to 8")
        buttons = task["buttons"].value if "buttons" in task else (0,)
        if not buttons or not set(map(repr, buttons)) <= set("01234"):
            raise self.wrong(f"has buttons.is = {list(buttons)}, which are no buttons 0 to 4")

    def profile(self) -> Profile:
        head = {name: self.take(self.data, name, kind) for name, kind in HEAD.items()}
        if head["id"] != self.path.stem:
            raise self.wrong(f"has the id {head['id']!r}, which is not the file's name")
        kind = head["object"]
        if kind not in TASK or kind not in TABLE:
            raise self.wrong(f"is about an object {kind!r} (known: {', '.join(TASK)})")
        self.only(
            self.data,
            (*HEAD, *FACTS, "task", "rules", "asks", "scores", "compare", "grades"),
            "the profile",
        )
        facts = {}
        for name, (value_type, choice) in FACTS.items():
            facts[name] = self.fact(self.data, name, value_type)
            if choice and facts[name].value not in choice:
                raise self.wrong(
                    f"has {name}.is = {facts[name].value!r} (known: {', '.join(map(str, choice))})"
                )
        self.only(self.table("task"), tuple(TASK[kind]), "task")
        task = {name: self.fact(self.table("task"), name, TASK[kind][name]) for name in self.table("task")}
        self.whole_task(head["mode"], kind, task, self.data.get("scores", []))
        rules = dict(rules_of(kind))
        for name, given in self.table("rules").items():
            if name not in rules:
                raise self.wrong(f"changes a rule {name!r} that a {kind} does not have")
            rules[name] = self.rule(name, given)
        asks = self.take(self.data, "asks", list)
        for name in asks:
            if name not in rules or not rules[name].asked:
                raise self.wrong(f"asks for {name!r}, which is no question of a {kind}")
        scores = self.take(self.data, "scores", list)
        for score in scores:
            measure = score.rpartition(".")[0] if score not in REGISTRY else score
            if score not in OWN_SCORES and measure not in REGISTRY:
                raise self.wrong(f"names a score {score!r} that no measure has")
        if not scores:
            raise self.wrong("names no score")
        rows = self.data.get("grades", [])
        if not isinstance(rows, list):
            raise self.wrong(f"has grades = {rows!r}, where a list belongs")
        grades = tuple(self.grade(row, rules) for row in rows)
        if ("trial.grade" in scores) != bool(grades):
            raise self.wrong("must have rows of grades and the score trial.grade, both or neither")
        return Profile(
            **head,
            facts=facts,
            task=task,
            rules=rules,
            asks=asks,
            scores=scores,
            compare=self.take(self.data, "compare", list),
            grades=grades,
        )
