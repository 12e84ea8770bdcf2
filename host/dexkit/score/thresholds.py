"""Published values of change: how far two results must differ, in whom it was read, how one is chosen."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from dexkit.score.evidence import Status, rows_of

#: MDC95 = 1.96 sqrt(2) SEM: two results, each with its error.
MDC_PER_SEM = 1.96 * math.sqrt(2.0)

#: Words that say the same thing of a hand from three sides; who knows none of a pair knows nothing of it.
PAIRS = (("affected", "less_affected"), ("dominant", "non_dominant"), ("right", "left"))


@dataclass(frozen=True)
class Threshold:
    """One published value.

    Parameters
    ----------
    id
        Key of the row.
    test, modes
        What it was measured with, such as ``nhpt``; the orders in which it may be used.
    condition, side
        In whom: empty for the floor, which is for people of whom nothing was measured; ``any`` hand or one of
        PAIRS.
    value, unit
        A number in ``percent`` of the mean or in ``s``.
    below_s
        Only where a test takes less than this; None: always.
    status, kind, people, citation, note
        Where it was read, what it is, of how many people (None: not read), why it is blocked.
    """

    id: str
    test: str
    modes: tuple[str, ...]
    condition: str
    side: str
    value: float
    unit: str
    below_s: float | None
    status: Status
    kind: str
    people: int | None
    citation: str
    note: str

    def band_s(self, reference_s: float) -> tuple[float, float]:
        """Return the lowest and highest time that is within measuring error of a reference.

        A value in percent becomes a factor: CV = p / (1.96 sqrt(2)), and a log-normal time of this CV has the
        standard deviation sqrt(ln(1 + CV^2)) in log time.

        Parameters
        ----------
        reference_s
            What a later time is compared with, in seconds.
        """
        if self.unit == "s":
            return max(0.0, reference_s - self.value), reference_s + self.value
        sd_log = math.sqrt(math.log1p((self.value / 100.0 / MDC_PER_SEM) ** 2))
        factor = math.exp(MDC_PER_SEM * sd_log)
        return reference_s / factor, reference_s * factor

    def holds_for(self, test: str, mode: str, condition: str, sides: Collection[str]) -> bool:
        """Return whether it was measured in such people; where a side is not known it may be either.

        Parameters
        ----------
        test, mode, condition
            As in the file.
        sides
            What is known of the hand, words of PAIRS.
        """
        known = self.side == "any" or self.side in sides
        if not known:
            known = not any(self.side in pair and set(pair) & set(sides) for pair in PAIRS)
        return (
            self.status.usable
            and (self.test, self.condition) == (test, condition)
            and mode in self.modes
            and known
        )


@cache
def thresholds() -> tuple[Threshold, ...]:
    """Return all rows of thresholds.csv, the blocked ones among them: `choose` never takes those.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    return tuple(
        Threshold(
            row["id"],
            row["test"],
            tuple(row["modes"].split()),
            row["condition"],
            row["side"],
            float(row["value"]),
            row["unit"],
            float(row["below_s"]) if row["below_s"] else None,
            Status(row["status"]),
            row["kind"],
            int(row["people"]) if row["people"] else None,
            row["citation"],
            row["note"],
        )
        for row in rows_of("thresholds.csv")
    )


@cache
def _words() -> dict[str, str]:
    """Return the condition of each word of conditions.csv; empty for people who have none."""
    return {row["word"]: row["condition"] for row in rows_of("conditions.csv")}


def known_conditions() -> tuple[str, ...]:
    """Return the conditions that a value was published for, in the order of the alphabet.

    Raises
    ------
    InputError
        When conditions.csv is missing or damaged.
    """
    return tuple(sorted({condition for condition in _words().values() if condition}))


def condition_of(written: str) -> str | None:
    """Return which condition somebody has written down; empty for none, None where it is not known.

    Neither case nor signs matter, and more may follow: ``Stroke, left`` is ``stroke``. A text that names two
    conditions is not known, nor is one that begins with another word: ``no stroke``.

    Parameters
    ----------
    written
        As noted, in any of the words of conditions.csv.

    Raises
    ------
    InputError
        As `known_conditions`.
    """
    words, text = _words(), re.sub(r"[\W_]+", " ", written.casefold()).strip()
    if not text or text in words:
        return words.get(text, "")
    named = {condition for word, condition in words.items() if condition and f" {word} " in f" {text} "}
    begins = any(text.startswith(f"{word} ") for word, condition in words.items() if condition)
    return named.pop() if begins and len(named) == 1 else None


@dataclass(frozen=True)
class Chosen:
    """The value that a comparison uses, and its band.

    Parameters
    ----------
    threshold
        The row.
    band_s
        Lowest and highest time within measuring error.
    widened
        Whether the band was widened to the floor's: in every disease where it was looked at the error grows
        with the time, so that a value in seconds promises too much of slow people.
    known
        Whether the condition is a known one; else the band is the widest of all of them.
    """

    threshold: Threshold
    band_s: tuple[float, float]
    widened: bool
    known: bool = True


def choose(
    test: str, mode: str, condition: str, sides: Collection[str], reference_s: float, later_s: float
) -> Chosen | None:
    """Return the value for a comparison: percent before seconds, then the widest band; None without any.

    The widest, so that no claim rests on the luckiest study. A condition that is not known might be any: it
    takes the widest band of all that are.

    Parameters
    ----------
    test, mode, sides
        As in `Threshold.holds_for`.
    condition
        As in `condition_of`.
    reference_s, later_s
        The two times, in seconds.
    """
    known = condition_of(condition)
    if known is None:
        return _widest_of_all(test, mode, sides, reference_s, later_s)
    longest_s = max(reference_s, later_s)
    floor = _widest([row for row in thresholds() if row.holds_for(test, mode, "", sides)], reference_s)
    own = [
        row
        for row in thresholds()
        if known
        and row.holds_for(test, mode, known, sides)
        and (row.below_s is None or longest_s < row.below_s)
    ]
    best = _widest([row for row in own if row.unit == "percent"] or own, reference_s) or floor
    if best is None:
        return None
    low_s, high_s = best.band_s(reference_s)
    if floor is None:
        return Chosen(best, (low_s, high_s), False)
    floor_low_s, floor_high_s = floor.band_s(reference_s)
    band_s = min(low_s, floor_low_s), max(high_s, floor_high_s)
    return Chosen(best, band_s, band_s != (low_s, high_s))


def _widest_of_all(
    test: str, mode: str, sides: Collection[str], reference_s: float, later_s: float
) -> Chosen | None:
    """Return the widest band of all known conditions, of this hand and of any."""
    found = [
        chosen
        for condition in known_conditions()
        for hand in (sides, ())
        if (chosen := choose(test, mode, condition, hand, reference_s, later_s)) is not None
    ]
    if not found:
        return None
    # Of very short times one value may reach further down and another further up.
    bands_s = [chosen.band_s for chosen in found]
    band_s = min(low_s for low_s, _ in bands_s), max(high_s for _, high_s in bands_s)
    return replace(max(found, key=lambda chosen: chosen.band_s[1]), band_s=band_s, known=False)


def _widest(rows: Sequence[Threshold], reference_s: float) -> Threshold | None:
    return max(rows, key=lambda row: row.band_s(reference_s)[1], default=None)
