"""Traffic lights on a terminal: a colour and a word each, faults first, what is alike in one line."""

from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dexkit.bench.doctor import Finding
from dexkit.bench.lights import AMBER, GREEN, GREY, RED, WORDS, Light, worst
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
    title = f"{name} {hello.uid} at {test.port}, {test.seconds:.0f} s at rest, firmware {hello.firmware}"
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
            console.print(f"  {escape(command)}", style="bold", soft_wrap=True)
    bad = sum(light.colour in (RED, AMBER) for light in lights)
    verdict = worst(lights)
    words = "All is well." if not bad else f"{bad} to be looked at."
    console.print(f"[{STYLES[verdict]}]{SIGNS[verdict]} {words}")


def _print_lights(title: str, lights: Iterable[Light], console: Console) -> None:
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("measured", overflow="fold")
    table.add_column("expected", overflow="fold")
    order = [RED, AMBER, GREEN, GREY]
    for light in sorted(merged(lights), key=lambda light: order.index(light.colour)):
        style = STYLES[light.colour]
        what = f"{light.check} {light.of}".strip()
        table.add_row(
            f"[{style}]{SIGNS[light.colour]} {WORDS[light.colour]}",
            escape(what),
            escape(light.measured),
            escape(light.expected),
        )
        if light.remedy and light.colour != GREEN:
            table.add_row("", "", f"[italic]→ {escape(light.remedy)}", "")
    console.print(table)


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
