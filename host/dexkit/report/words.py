"""Plain words for what a reader sees: objects, tests, numbers, parts."""

import math
from collections.abc import Mapping

from dexkit.score.budget import COVERAGE, Budget, standard
from dexkit.score.measure import Value

OBJECT_WORDS: Mapping[str, str] = {
    "cup": "Cup",
    "coaster": "Coaster",
    "weight": "Weight on a scale",
    "button_board": "Button board",
    "pegboard": "Pegboard",
    "force": "Grip force",
    "motion": "Movement",
    "events": "Tapping",
}

TEST_WORDS: Mapping[str, str] = {
    "ftm14": "pouring once (Fahn-Tolosa-Marin item 14)",
    "pours": "pouring",
    "drink": "drinking",
    "hold": "holding",
    "buttons": "fastening and unfastening",
    "nhpt": "nine-hole peg test",
}

#: Units that count, so that their numbers have no decimals.
COUNTS = frozenset(
    {"of 5", "of 9", "times", "slips", "drops", "entries", "samples", "pours", "class", "group", "yes or no"}
)
PLAIN = frozenset({"1", "class", "group", "yes or no"})


def number(value: Value) -> str:
    """Return the number as people write it, without its unit; a dash where there is none."""
    if value.value is None:
        return "–"
    if value.measure.unit in COUNTS:
        return f"{value.value:.0f}" if value.value == round(value.value) else f"{value.value:.1f}"
    text = f"{value.value:.{_decimals(value.value)}f}"
    return text.replace("-", "−")


def _decimals(size: float) -> int:
    """Return how many decimals a number of this size is written with."""
    return 0 if abs(size) >= 100 else 1 if abs(size) >= 10 else 2


def unit(value: Value) -> str:
    """Return the unit as it stands after the number; empty for plain numbers and classes."""
    text = value.measure.unit
    return (
        ""
        if text in PLAIN
        else {"deg": "°", "times": "×", "slips": "", "drops": "", "pours": ""}.get(text, text)
    )


def with_unit(value: Value) -> str:
    """Return number and unit, or what the class means."""
    if value.label:
        return value.label
    return f"{number(value)} {unit(value)}".strip()


def certainty(quality: float) -> str:
    """Return how sure a number is in words; nothing where it stands on undisturbed data. Limits ours."""
    if quality >= 0.95:
        return ""
    return "fairly certain" if quality >= 0.5 else "uncertain"


def plus_minus(budget: Budget, value: Value) -> str:
    """Return what covers some 95 % of what the kit itself may be off by: ``± 0.8``; empty where not known."""
    shares = budget.get(value.id)
    if not shares or value.value is None:
        return ""
    size = COVERAGE * standard(shares)
    first = 1 - math.floor(math.log10(size))  # two digits that count, but no more than the number has
    decimals = max(0, min(first, _decimals(value.value)))
    return f"± {math.ceil(size * 10**decimals - 1e-9) / 10**decimals:.{decimals}f}"


def largest_shares(budget: Budget, value: Value, count: int = 3) -> str:
    """Return in words what a number's uncertainty comes from, the largest first."""
    shares = budget.get(value.id, ())
    whole = sum(share.size**2 for share in shares)
    named = [f"{share.source} {100 * share.size**2 / whole:.0f} %" for share in shares[:count] if whole > 0]
    return ", ".join(named)
