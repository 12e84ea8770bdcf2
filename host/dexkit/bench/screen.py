"""Traffic lights on a terminal: a colour and a word each, faults first, what is alike in one line."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dexkit.bench.lights import AMBER, GREEN, GREY, RED, WORDS, Light, worst
from dexkit.bench.machine import Finding
from dexkit.bench.selftest import SelfTest

STYLES = {RED: "bold red", AMBER: "bold yellow", GREEN: "green", GREY: "bright_black"}
#: Beside the word, for who looks quickly: full, half and empty.
SIGNS = {RED: "✖", AMBER: "▲", GREEN: "●", GREY: "○"}
VERDICTS = {
    RED: "is at fault: do not measure with it before the remedies are done",
    AMBER: "works, but look at what is marked",
    GREEN: "is well",
}


def print_selftest(test: SelfTest, console: Console) -> None:
    """Print a self-test.

    Parameters
    ----------
    test
        What was found.
    console
        Where to.
    """
    hello = test.hello
    name = hello.object_kind.replace("_", " ").capitalize()
    title = f"{name} {hello.uid} at {test.port}: {test.seconds:.0f} s at rest, firmware {hello.firmware}"
    _print_lights(title, test.lights, console)
    if test.note:
        console.print(f"Note: {escape(test.note)}")
    console.print(
        f"[{STYLES[test.verdict]}]{SIGNS[test.verdict]} The {name.lower()} {VERDICTS[test.verdict]}."
    )


def print_findings(findings: Iterable[Finding], console: Console) -> None:
    """Print what the doctor found, and the commands that mend it.

    Parameters
    ----------
    findings
        All of them.
    console
        Where to.
    """
    found = list(findings)
    lights = [finding.light for finding in found]
    _print_lights("This computer", lights, console)
    commands = [command for finding in found for command in finding.commands]
    if commands:
        console.print("What mends it, typed by you or done by `dexkit doctor --fix`:")
        for command in commands:
            console.print(f"  {escape(command)}", style="bold", soft_wrap=True, highlight=False)
    verdict = worst(lights)
    counts = [(sum(light.colour == colour for light in lights), WORDS[colour]) for colour in (RED, AMBER)]
    words = ", ".join(f"{word}: {count}" for count, word in counts if count) or "All is well"
    console.print(f"[{STYLES[verdict]}]{SIGNS[verdict]} {words}.", highlight=False)


def _print_lights(title: str, lights: Iterable[Light], console: Console) -> None:
    console.print(f"[bold]{escape(title)}", highlight=False)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    order = [RED, AMBER, GREEN, GREY]
    for light in sorted(merged(lights), key=lambda light: order.index(light.colour)):
        style = STYLES[light.colour]
        text = f"[bold]{escape(f'{light.check} {light.of}'.strip())}[/]: {escape(light.measured)}"
        if light.expected and light.expected != light.measured:
            text += f"[dim] ({'' if light.colour == GREEN else 'expected: '}{escape(light.expected)})[/]"
        if light.remedy and light.colour != GREEN:
            text += f"\n→ {escape(light.remedy)}"
        grid.add_row(f"[{style}]{SIGNS[light.colour]} {WORDS[light.colour]}", text)
    console.print(grid, highlight=False)


def merged(lights: Iterable[Light]) -> Iterator[Light]:
    """Yield lights of which those that say the same are one.

    Parameters
    ----------
    lights
        In their order.
    """
    groups: dict[tuple[str, ...], list[Light]] = {}
    for light in lights:
        same = "" if light.colour == GREEN and light.value is not None else light.measured
        groups.setdefault((light.check, light.colour, same, light.expected, light.remedy), []).append(light)
    for group in groups.values():
        first = group[0]
        if len(group) == 1:
            yield first
            continue
        names = [light.of for light in group]
        of = ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]} ({len(names)})"
        measured = list(dict.fromkeys(light.measured for light in group))
        yield Light(first.check, of, first.colour, _span(measured), first.expected, first.remedy)


def _span(measured: list[str]) -> str:
    """Return the texts, or where they are many, the first and the last by what they say."""
    if len(measured) <= 3:
        return "; ".join(measured)
    ordered = sorted(measured)
    return f"{ordered[0]} … {ordered[-1]}"
