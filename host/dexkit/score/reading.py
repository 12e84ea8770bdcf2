"""A result in plain language for the person, the family and the team; the words: words/<language>.toml."""

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from dexkit.errors import InputError
from dexkit.score.change import ENOUGH, Change, NoChange, Rule, Trend
from dexkit.score.norms import Compared, NoNorm
from dexkit.score.reliability import Reliability
from dexkit.score.thresholds import known_conditions

#: The language that all others are held against.
FIRST_LANGUAGE = "en"

Words = Mapping[str, Any]


class Audience(StrEnum):
    """Who reads."""

    PERSON = "person"
    FAMILY = "family"
    TEAM = "team"


@dataclass(frozen=True)
class Result:
    """One result to be read.

    Parameters
    ----------
    title
        What the test is called, in the reader's language.
    hand
        ``left`` or ``right``.
    time_s
        The time in seconds; None where the test was not completed.
    count, count_of
        How much was done of how much, where the test was not completed; None where that is not counted.
    norms
        What `dexkit.score.norms` said, the table that matters most first.
    change
        What `dexkit.score.change` said; None where it was not asked.
    """

    title: str
    hand: str
    time_s: float | None
    count: int | None = None
    count_of: int | None = None
    norms: tuple[Compared | NoNorm, ...] = ()
    change: Change | NoChange | None = None


def languages() -> tuple[str, ...]:
    """Return the languages that there are words for, such as ``de`` and ``en``."""
    names = (entry.name for entry in (files("dexkit.score") / "words").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def words(language: str) -> Words:
    """Return the words of a language.

    Parameters
    ----------
    language
        One of `languages`.

    Raises
    ------
    InputError
        When there is no such language, or its file is damaged or lacks words.
    """
    if language not in languages():
        raise InputError(
            f"There are no words in {language!r}. Probably the language has no file yet. Known: "
            f"{', '.join(languages())}."
        )
    text = (files("dexkit.score") / "words" / f"{language}.toml").read_text(encoding="utf-8")
    first = (files("dexkit.score") / "words" / f"{FIRST_LANGUAGE}.toml").read_text(encoding="utf-8")
    return parse(text, first, f"{language}.toml")


def parse(text: str, first: str, name: str) -> Words:
    """Return the words of a file, after holding its keys and places against those of the first language.

    Parameters
    ----------
    text, first
        The file, and that of the first language.
    name
        What the file is called, for the message.

    Raises
    ------
    InputError
        When it is not TOML, or lacks a sentence, or a sentence has other places.
    """
    try:
        found = tomllib.loads(text)
        theirs, ours = dict(_places(found)), dict(_places(tomllib.loads(first)))
    except (tomllib.TOMLDecodeError, ValueError) as why:
        raise InputError(
            f"The words in {name} cannot be read: {why}. Probably a quotation mark or brace is missing. "
            f"Correct it."
        ) from None
    wrong = sorted({key for key, _ in theirs.items() ^ ours.items()})
    if wrong:
        raise InputError(
            f"The words in {name} differ from {FIRST_LANGUAGE}.toml at {', '.join(wrong[:3])}. "
            f"Probably a sentence or a {{place}} was forgotten. Write it as there."
        )
    return found


def _places(found: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each key with the places that its sentence has."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _places(value, f"{within}{key}.")
        else:
            names = (place for _, place, _, _ in string.Formatter().parse(str(value)))
            yield f"{within}{key}", frozenset(name for name in names if name is not None)


def read(result: Result, audience: Audience, language: str = FIRST_LANGUAGE) -> tuple[str, ...]:
    """Return a result in sentences.

    Better and worse are said only where a comparison said so; a place among other people only where a norm
    holds.

    Parameters
    ----------
    result
        What is read.
    audience
        Who reads: the person and the family get words, the team numbers and sources as well.
    language
        One of `languages`.

    Raises
    ------
    InputError
        When there are no words in this language, or the hand is neither left nor right.
    """
    told = words(language)
    if result.hand not in told["hand"]:
        raise InputError(
            f"The hand {result.hand!r} has no word. Probably it was not noted. Say left or right."
        )
    reader = _Team(told) if audience is Audience.TEAM else _Person(told, told[audience.value])
    sentences = [reader.time(result)]
    if result.time_s is None:
        return (*sentences, reader.own["not_completed"])
    sentences += reader.norms(result)
    if result.change is not None:
        sentences += reader.change(result.change)
    return tuple(sentences)


def read_trend(trend: Trend, audience: Audience, language: str = FIRST_LANGUAGE) -> tuple[str, ...]:
    """Return the last point of a trend in sentences; the team is told how much chance alone would say.

    Parameters
    ----------
    trend, audience, language
        As in `read`.

    Raises
    ------
    InputError
        As `read`.
    """
    told = words(language)
    last = trend.points[-1].change
    if audience is not Audience.TEAM:
        return tuple(_Person(told, told[audience.value]).change(last))
    compared = sum(isinstance(point.change, Change) for point in trend.points)
    sentences = list(_Team(told).change(last))
    if compared:
        chance = _number(told, trend.by_chance, 1)
        sentences.append(told["team"]["by_chance"].format(points=compared, chance=chance))
    return tuple(sentences)


def read_reliability(found: Reliability, language: str = FIRST_LANGUAGE) -> tuple[str, ...]:
    """Return the reliability of one's own clinic in sentences, for the team.

    Parameters
    ----------
    found
        What `dexkit.score.reliability` found.
    language
        One of `languages`.

    Raises
    ------
    InputError
        When there are no words in this language.
    """
    told = words(language)
    numbers = {
        "mean": (found.mean_s, 1),
        "icc": (found.icc, 2),
        "sem": (found.sem_s, 1),
        "mdc": (found.mdc_s, 1),
    }
    said = {name: _number(told, value, digits) for name, (value, digits) in numbers.items()}
    sentence = told["team"]["reliability"].format(
        people=found.people, repeats=found.repeats, mdc_pct=_number(told, found.mdc_pct, 0), **said
    )
    return (sentence, told["team"]["few"]) if found.few else (sentence,)


def _number(told: Words, value: float, digits: int = 1, sign: str = "") -> str:
    return f"{value:{sign}.{digits}f}".replace(".", told["decimal"])


@dataclass(frozen=True)
class _Person:
    """Reads to the person or the family."""

    told: Words
    own: Words

    def time(self, result: Result) -> str:
        """Return the sentence with the time, or with what was done instead."""
        hand = self.told["hand"][result.hand]
        if result.time_s is not None:
            time = _number(self.told, result.time_s)
            return str(self.own["time"].format(title=result.title, hand=hand, time=time))
        kind = "attempt" if result.count is None or result.count_of is None else "count"
        return str(
            self.own[kind].format(title=result.title, hand=hand, count=result.count, count_of=result.count_of)
        )

    def norms(self, result: Result) -> list[str]:
        """Return where the time lies among those of other people, by the first table that holds."""
        reasons = []
        for norm in result.norms:
            if isinstance(norm, Compared):
                return [self.own[norm.band.value]]
            reasons.append(self.own["no_norm"].format(reason=_reason(self.told, norm)))
        return reasons[:1]

    def change(self, change: Change | NoChange) -> list[str]:
        """Return the word of a comparison as a sentence."""
        if isinstance(change, Change):
            return [self.own[change.word.value]]
        return [self.own[change.why.value].format(days=ENOUGH)]


class _Team(_Person):
    """Reads to the team: numbers, sources, cautions."""

    def __init__(self, told: Words) -> None:
        super().__init__(told, told["team"])

    def norms(self, result: Result) -> list[str]:
        """Return each comparison with its source and cautions, or why there is none."""
        sentences: list[str] = []
        for norm in result.norms:
            if isinstance(norm, NoNorm):
                table = norm.table.title if norm.table else "-"
                sentences.append(self.own["no_norm"].format(table=table, reason=_reason(self.told, norm)))
                continue
            cell, number = norm.norm, _number
            sentences += [
                self.own["norm"].format(
                    table=norm.table.title,
                    mean=number(self.told, cell.mean_s, 2),
                    sd=number(self.told, cell.sd_s, 2),
                    sex=self.told["sex"][cell.sex],
                    hand=self.told["hand"][cell.hand],
                    z=number(self.told, norm.z, 2, "+"),
                    percentile=_percentile(norm.percentile),
                    band=self.own[norm.band.value],
                    **{"from": cell.age_from_y, "to": cell.age_to_y},
                ),
                self.own["norm_source"].format(
                    citation=norm.table.citation,
                    status=self.told["status"][cell.status.value],
                    source=cell.source,
                ),
                *(self.told["caution"][each.value].format(board=norm.table.board) for each in norm.cautions),
            ]
        return sentences

    def change(self, change: Change | NoChange) -> list[str]:
        """Return the word with its band, its baseline and the source of the measuring error."""
        if isinstance(change, NoChange):
            return [self.own[change.why.value].format(days=ENOUGH)]
        low_s, high_s = change.band_s
        seconds = {"later": change.later_s, "earlier": change.earlier_s, "low": low_s, "high": high_s}
        said = {name: _number(self.told, value) for name, value in seconds.items()}
        percent = _number(self.told, change.percent, 1, "+")
        base = change.baseline
        sentences = [
            self.own["change"].format(word=self.told["word"][change.word.value], percent=percent, **said),
            self.own["baseline_days" if base.by_day else "baseline_trials"].format(
                values=base.values, trials=base.trials, first=base.first_day, last=base.last_day
            ),
        ]
        if change.rule is Rule.PERSONAL:
            sem = _number(self.told, change.sem_pct or 0.0)
            return [*sentences, self.own[change.rule.value].format(sem=sem)]
        value = change.threshold
        if value is not None:
            number = _number(self.told, value.value, 1).removesuffix(f"{self.told['decimal']}0")
            sentences.append(
                self.own[change.rule.value].format(
                    value=f"{number} {'%' if value.unit == 'percent' else value.unit}",
                    kind=value.kind,
                    people=value.people or "?",
                    citation=value.citation,
                    status=self.told["status"][value.status.value],
                    known=", ".join(known_conditions()).replace("_", " "),
                )
            )
        return [*sentences, self.own["widened"]] if change.widened else sentences


def _reason(told: Words, norm: NoNorm) -> str:
    return str(told["reason"][norm.why.value].format(**norm.details))


def _percentile(value: float) -> str:
    return "< 1" if value < 1.0 else "> 99" if value > 99.0 else f"{value:.0f}"
