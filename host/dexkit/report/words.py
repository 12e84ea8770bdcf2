"""Plain words for what a reader sees: events, objects, numbers, parts."""

from collections.abc import Mapping

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

EVENT_WORDS: Mapping[str, str] = {
    "lift": "lifted",
    "put": "put down",
    "pour_on": "flow begins",
    "pour_off": "flow ends",
    "bump": "bump",
    "failed_lift": "failed lift",
    "receive_on": "receives",
    "receive_off": "received",
    "disturbed": "touched",
    "touch": "touched",
    "entry": "entered",
    "seated": "fastened",
    "slip": "slipped out",
    "opened": "unfastened",
    "enter": "entered",
    "seat": "seated",
    "bounce": "came out again",
    "unseat": "taken out",
    "pick": "peg taken",
    "return": "peg back",
    "missing": "peg missing",
}

TEST_WORDS: Mapping[str, str] = {
    "ftm14": "pouring once (Fahn-Tolosa-Marin item 14)",
    "pours": "pouring",
    "drink": "drinking",
    "hold": "holding",
    "buttons": "fastening and unfastening",
    "nhpt": "nine-hole peg test",
}

#: Events that say that something went wrong.
WARNING_KINDS = frozenset({"bump", "failed_lift", "disturbed", "slip", "bounce", "missing"})

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
    size = abs(value.value)
    text = f"{value.value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    return text.replace("-", "−")


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
