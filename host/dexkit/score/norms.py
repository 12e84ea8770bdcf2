"""Norms: what people of the same age, sex and hand need for a test, and when a time may be compared."""

import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import Any

from dexkit.errors import InputError
from dexkit.score.evidence import Status, rows_of

#: Nobody is older, so that a larger age is a slip of the keyboard.
OLDEST_Y = 125


class Band(StrEnum):
    """Where a time lies among those of other people, by z; the limits of ergo-tests, the words ours."""

    MUCH_SLOWER = "much_slower"
    SLOWER = "slower"
    A_LITTLE_SLOWER = "a_little_slower"
    AS_MOST = "as_most"
    A_LITTLE_FASTER = "a_little_faster"
    FASTER = "faster"
    MUCH_FASTER = "much_faster"


#: How far from 0 a z lies in the bands beside the middle one; the first limit itself belongs to the middle.
LIMITS_Z = (0.75, 1.5, 2.0)


class Why(StrEnum):
    """Why a time is not compared with a table; the words for each are in words/<language>.toml."""

    PROTOCOL = "norm_protocol"
    MODE = "norm_mode"
    START_RULE = "norm_start_rule"
    NOT_COMPLETED = "norm_not_completed"
    GEOMETRY_UNKNOWN = "norm_geometry_unknown"
    GEOMETRY = "norm_geometry"
    AGE_UNKNOWN = "norm_age_unknown"
    TOO_YOUNG = "norm_too_young"
    TOO_OLD = "norm_too_old"
    SEX_UNKNOWN = "norm_sex_unknown"
    HAND_UNKNOWN = "norm_hand_unknown"
    STATUS = "norm_status"


class Caution(StrEnum):
    """What a reader of a comparison must know besides; the words are in words/<language>.toml."""

    SD_DOUBTFUL = "caution_sd_doubtful"
    HAND_LABEL = "caution_hand_label"
    OTHER_BOARD = "caution_other_board"


@dataclass(frozen=True)
class Norm:
    """One cell of a table.

    Parameters
    ----------
    sex, hand
        ``male`` or ``female``; ``left`` or ``right``.
    age_from_y, age_to_y
        Completed years, both within.
    mean_s, sd_s
        Of healthy people.
    sd_doubtful
        Whether the SD was read otherwise elsewhere.
    status, source, note
        Where the numbers were read.
    """

    sex: str
    hand: str
    age_from_y: int
    age_to_y: int
    mean_s: float
    sd_s: float
    sd_doubtful: bool
    status: Status
    source: str
    note: str


@dataclass(frozen=True)
class Table:
    """A norm table: the cells that may be used, and when a time may be compared with them.

    Parameters
    ----------
    id, title, citation, people, board
        What the table is, how many people it stands on, the board they used.
    modes, start_rules, geometry
        What a time must be like; geometry is the lowest and highest value in mm.
    norms
        The cells with a verified source.
    held_back
        Sex, hand, first and last year of the cells that are not used; their numbers are not loaded.
    """

    id: str
    title: str
    citation: str
    people: int
    board: str
    modes: tuple[str, ...]
    start_rules: tuple[str, ...]
    geometry: Mapping[str, tuple[float, float]]
    norms: tuple[Norm, ...] = field(repr=False)
    held_back: tuple[tuple[str, str, int, int], ...] = field(repr=False)


@dataclass(frozen=True)
class Compared:
    """A time beside the norm of people of the same age, sex and hand.

    Parameters
    ----------
    table, norm
        What it was compared with.
    time_s
        The time.
    z
        In standard deviations; plus is better, that is faster.
    percentile
        How many of a hundred such people are slower, if times are normally distributed.
    band
        The same in words.
    cautions
        What must be said besides.
    """

    table: Table
    norm: Norm
    time_s: float
    z: float
    percentile: float
    band: Band
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class NoNorm:
    """Stands where a comparison would stand when there is none.

    Parameters
    ----------
    table
        What was asked for; None where the protocol has no table at all.
    why
        The reason.
    details
        What the words for the reason mention, such as the first year of the table.
    """

    table: Table | None
    why: Why
    details: Mapping[str, str] = field(default_factory=dict)


@cache
def tables() -> Mapping[str, Table]:
    """Return all norm tables by id, without the numbers of cells that are only recalled.

    Raises
    ------
    InputError
        When a file is missing or damaged.
    """
    texts = (files("dexkit.score") / "norms/tables.toml").read_text(encoding="utf-8")
    return {id_: _table(id_, facts) for id_, facts in tomllib.loads(texts).items()}


def _table(id_: str, facts: Mapping[str, Any]) -> Table:
    norms: list[Norm] = []
    held_back: list[tuple[str, str, int, int]] = []
    for row in rows_of(f"norms/{id_}.csv"):
        status = Status(row["status"])
        last = int(row["age_to_y"] or OLDEST_Y)
        if not status.usable:
            held_back.append((row["sex"], row["hand"], int(row["age_from_y"]), last))
            continue
        norms.append(
            Norm(
                row["sex"],
                row["hand"],
                int(row["age_from_y"]),
                last,
                float(row["mean_s"]),
                float(row["sd_s"]),
                row["sd_doubtful"] == "yes",
                status,
                row["source"],
                row["note"],
            )
        )
    return Table(
        id_,
        facts["title"],
        facts["citation"],
        facts["people"],
        facts["board"],
        tuple(facts["modes"]),
        tuple(facts["start_rules"]),
        {name: (float(low), float(high)) for name, (low, high) in facts["geometry"].items()},
        tuple(norms),
        tuple(held_back),
    )


def compare(
    table_id: str,
    time_s: float,
    *,
    comparable_with: Collection[str],
    age_y: float | None,
    sex: str | None,
    hand: str | None,
    dominant_hand: str | None = None,
    mode: str,
    start_rule: str | None,
    completed: bool,
    geometry: Mapping[str, float] | None,
    board: str = "",
) -> Compared | NoNorm:
    """Return a time beside its norm, or the reason why it must not be compared.

    z = (mean - time) / SD, so that plus is better; the percentile is that of a normal distribution.

    Parameters
    ----------
    table_id
        Id of the table, such as ``mathiowetz_1985``.
    time_s
        Time of one trial, or the mean that the protocol scores, in seconds.
    comparable_with
        Ids of the tables that the protocol's profile may be compared with.
    age_y
        Age in years; part of a year is dropped. None: unknown.
    sex, hand
        ``male`` or ``female``; ``left`` or ``right``; anything else counts as unknown.
    dominant_hand
        ``left`` or ``right``, None where unknown. Does not choose the cell: see Caution.HAND_LABEL.
    mode
        ``free``, ``ordered``, ``guided`` and so on.
    start_rule
        What started the watch: ``go``, ``touch`` or ``lift``.
    completed
        Whether all pegs went in and out.
    geometry
        The board's measures in mm, with the names of ``hardware/pegboard.toml``. None: not recorded.
    board
        What the board is called; the same name as the table's, or a caution is given.

    Raises
    ------
    InputError
        When there is no such table, the time is not a positive number, or the age is impossible.
    """
    table = tables().get(table_id)
    if table is None:
        raise InputError(
            f"There is no norm table {table_id!r}. Probably it is misspelt. Known: {', '.join(tables())}."
        )
    if not (math.isfinite(time_s) and time_s > 0.0):
        raise InputError(
            f"A time of {time_s} s cannot be compared. Probably the trial was not timed. Give a time above 0."
        )
    if age_y is not None and not 0.0 <= age_y <= OLDEST_Y:
        raise InputError(
            f"An age of {age_y:g} years is not possible. Probably the year of birth is mistyped. Correct it."
        )
    refused = (
        _protocol(table, comparable_with, mode, start_rule, completed)
        or _geometry(table, geometry)
        or _person(table, age_y, sex, hand)
    )
    if refused is not None or age_y is None:
        return refused or NoNorm(table, Why.AGE_UNKNOWN)
    years = math.floor(age_y)
    for norm in table.norms:
        if (norm.sex, norm.hand) == (sex, hand) and norm.age_from_y <= years <= norm.age_to_y:
            return _compared(table, norm, time_s, dominant_hand, board)
    last = max(norm.age_to_y for norm in table.norms)
    for held in table.held_back:
        if held[:2] == (sex, hand) and held[2] <= years <= held[3]:
            return NoNorm(table, Why.STATUS, {"years": str(last)})
    first = min(norm.age_from_y for norm in table.norms)
    if years < first:
        return NoNorm(table, Why.TOO_YOUNG, {"years": str(first)})
    return NoNorm(table, Why.TOO_OLD, {"years": str(last)})


def compare_all(
    time_s: float, *, comparable_with: Sequence[str], **facts: Any
) -> tuple[Compared | NoNorm, ...]:
    """Return a time beside each table that its profile may be compared with, in the profile's order.

    Parameters
    ----------
    time_s, comparable_with
        As in `compare`. Without any table the answer is one NoNorm.
    **facts
        The other parameters of `compare`.

    Raises
    ------
    InputError
        As `compare`.
    """
    if not comparable_with:
        return (NoNorm(None, Why.PROTOCOL),)
    return tuple(compare(id_, time_s, comparable_with=comparable_with, **facts) for id_ in comparable_with)


def band_of(z: float) -> Band:
    """Return the reference band of a z where plus is better."""
    steps = (abs(z) > LIMITS_Z[0]) + (abs(z) >= LIMITS_Z[1]) + (abs(z) >= LIMITS_Z[2])
    return tuple(Band)[3 + steps if z > 0.0 else 3 - steps]


def _compared(table: Table, norm: Norm, time_s: float, dominant_hand: str | None, board: str) -> Compared:
    z = (norm.mean_s - time_s) / norm.sd_s
    cautions = []
    if norm.sd_doubtful:
        cautions.append(Caution.SD_DOUBTFUL)
    # The papers tabulate right and left (RECALLED); the software they were read from says dominant and
    # non-dominant. For a right-handed person both are the same cell.
    if dominant_hand != "right":
        cautions.append(Caution.HAND_LABEL)
    # The same people needed 26.03 s on a plastic board and 24.58 s on one of cardboard (mstrust.org.uk 2017).
    if board != table.board:
        cautions.append(Caution.OTHER_BOARD)
    return Compared(table, norm, time_s, z, 100.0 * NormalDist().cdf(z), band_of(z), tuple(cautions))


def _protocol(
    table: Table, comparable_with: Collection[str], mode: str, start_rule: str | None, completed: bool
) -> NoNorm | None:
    if table.id not in comparable_with:
        return NoNorm(table, Why.PROTOCOL)
    if mode not in table.modes:
        return NoNorm(table, Why.MODE)
    if start_rule not in table.start_rules:
        return NoNorm(table, Why.START_RULE)
    return None if completed else NoNorm(table, Why.NOT_COMPLETED)


def _geometry(table: Table, geometry: Mapping[str, float] | None) -> NoNorm | None:
    for name, (low, high) in table.geometry.items():
        value = (geometry or {}).get(name)
        if value is None:
            return NoNorm(table, Why.GEOMETRY_UNKNOWN)
        if not low <= value <= high:
            return NoNorm(table, Why.GEOMETRY)
    return None


def _person(table: Table, age_y: float | None, sex: str | None, hand: str | None) -> NoNorm | None:
    if age_y is None:
        return NoNorm(table, Why.AGE_UNKNOWN)
    if sex not in {norm.sex for norm in table.norms}:
        return NoNorm(table, Why.SEX_UNKNOWN)
    return None if hand in {norm.hand for norm in table.norms} else NoNorm(table, Why.HAND_UNKNOWN)
