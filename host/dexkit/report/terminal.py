"""A score as a table in the terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dexkit.report.words import OBJECT_WORDS, number, plus_minus, unit, with_unit
from dexkit.score.budget import Budget
from dexkit.score.measure import Value
from dexkit.score.scoring import Result


def print_table(result: Result, title: str, console: Console | None = None) -> None:
    """Print the score: what was measured, then what was not and why, then what a reader must know."""
    console = console or Console(markup=False, emoji=False)  # a file may be called [left].mcap
    kind = result.recording.object_kind
    table = Table(title=f"{OBJECT_WORDS.get(kind, kind)}: {title}", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("measure")
    table.add_column("value")
    for name, text in _rows(result.scored.values, result.budget):
        table.add_row(name, text)
    console.print(table)
    if result.budget:
        console.print("± is what the kit itself may be off by (k = 2, some 95 %).")
    unknown = merged(result.scored.values)
    if unknown:
        lacking = Table(title="Not measurable", title_justify="left", box=SIMPLE_HEAD)
        lacking.add_column("measure")
        lacking.add_column("why", overflow="fold")
        for title_, reason in unknown:
            lacking.add_row(title_, reason)
        console.print(lacking)
    for note in result.notes:
        console.print(f"Note: {note}", soft_wrap=True)


def _rows(values: Sequence[Value], budget: Budget) -> Iterator[tuple[str, str]]:
    """Yield title and value; the parts of one measure stand in one row."""
    for measure, group in groupby(values, key=lambda value: value.measure):
        found = list(group)
        for value in found:
            if not value.part and value.value is not None:
                yield measure.title, f"{with_unit(value)}  {plus_minus(budget, value)}".rstrip()
        parts = [value for value in found if value.part]
        if any(value.value is not None for value in parts):
            numbers = "  ".join(value.label.partition(":")[0] or number(value) for value in parts)
            name = f"  {measure.title}, {measure.part_name} {parts[0].part}–{parts[-1].part}"
            yield name, f"{numbers} {unit(parts[0])}".strip()


def merged(values: Sequence[Value]) -> list[tuple[str, str]]:
    """Return title and reason of what is not measurable, parts of one measure with one reason as one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for value in values:
        if value.value is None:
            found.setdefault((value.measure.title, value.reason), []).append(value.part)
    lines = []
    for (title, reason), parts in found.items():
        named = ", ".join(part for part in parts if part)
        lines.append((f"{title} ({named})" if named else title, reason))
    return lines
