"""A score as a table in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dexkit.report.words import OBJECT_WORDS, number, unit
from dexkit.score.measure import Value
from dexkit.score.scoring import Result


def print_table(result: Result, title: str, console: Console | None = None) -> None:
    """Print the score: what was measured, then what was not and why, then what a reader must know."""
    console = console or Console()
    kind = result.recording.object_kind
    table = Table(title=f"{OBJECT_WORDS.get(kind, kind)}: {title}", title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("id", style="dim")
    table.add_column("meaning of more", style="dim")
    for value in result.scored.values:
        if value.value is not None:
            table.add_row(*_row(value))
    console.print(table)
    unknown = merged(result.scored.values)
    if unknown:
        lacking = Table(title="Not measurable", title_justify="left")
        lacking.add_column("measure")
        lacking.add_column("why", overflow="fold")
        for title_, reason in unknown:
            lacking.add_row(title_, reason)
        console.print(lacking)
    for note in result.notes:
        console.print(f"Note: {note}", soft_wrap=True)


def _row(value: Value) -> tuple[str, str, str, str, str]:
    name = (
        f"{value.measure.title} ({value.measure.part_name} {value.part})"
        if value.part
        else value.measure.title
    )
    return name, value.label or number(value), unit(value), value.id, value.measure.direction.value


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
