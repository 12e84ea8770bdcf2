"""Runs all fuzzing, or the parts named, and prints one table; exit code 1 on any finding."""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz import native, twins

console = Console(width=150)
PARTS = ("frames", "targets", "twins")


class Outcome(NamedTuple):
    """What one part did and found."""

    what: str
    inputs: int
    said: str
    findings: list[str]


@contextmanager
def shown(what: str, total: float) -> Iterator[Callable[[int], None]]:
    """Show progress; gives what tells how much is done."""
    columns = (
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=int(total))
        yield lambda done: bar.update(task, completed=done)


def frames(options: argparse.Namespace) -> Iterator[Outcome]:
    """Throw damaged frames at the decoder, with sanitizers."""
    what = "decoder, damaged frames"
    try:
        with shown(what, options.frames) as tell:
            counts, findings = native.throw_frames(options.folder, options.frames, options.seed, tell)
    except native.CannotBuildError as reason:
        yield Outcome(what, 0, f"skipped: {reason}", [])
        return
    said = ", ".join(
        f"{value:,} {key.replace('_', ' ')}" for key, value in counts.items() if key != "damaged"
    )
    yield Outcome(what, counts.get("damaged", 0), said, findings)


def targets(options: argparse.Namespace) -> Iterator[Outcome]:
    """Let libFuzzer look for inputs that break the decoder or a segmenter."""
    for target in native.TARGETS:
        what = f"libFuzzer, {target.replace(':', ' ').lower()}"
        try:
            with shown(what, 1):
                done, findings = native.fuzz_target(options.folder, target, options.seconds, options.seed)
        except native.CannotBuildError as reason:
            yield Outcome(what, 0, f"skipped: {reason}", [])
        else:
            yield Outcome(what, done, "", findings)


def twin_pairs(options: argparse.Namespace) -> Iterator[Outcome]:
    """Compare the decoder and each segmenter with its Python twin."""
    for pair in twins.PAIRS:
        what, done, findings = f"C against twin, {pair}", 0, []
        with shown(what, options.inputs) as tell:
            for more, found in twins.compare_all(pair, int(options.inputs), options.seed):
                done += more
                findings += found
                tell(done)
        yield Outcome(what, done, f"{len(findings)} different", findings)


def main() -> int:
    """Run the parts; return 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--frames", type=float, default=1e8, help="damaged frames for the decoder")
    parser.add_argument("--seconds", type=float, default=20, help="of libFuzzer for each target")
    parser.add_argument(
        "--inputs",
        type=float,
        default=1e6,
        help="random inputs for each C and twin; 1e6 take about an hour in all",
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="replays a run")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    with native.workshop() as options.folder:
        return run(options)


def run(options: argparse.Namespace) -> int:
    """Run the parts and print the table; return 1 when anything was found."""
    console.print(f"seed {options.seed}")
    table = Table("what", "inputs", "seconds", "counts", "findings", title="fuzz")
    failed = False
    for name, part in zip(PARTS, (frames, targets, twin_pairs), strict=True):
        if options.parts and name not in options.parts:
            continue
        start = time.monotonic()
        for outcome in part(options):
            for finding in outcome.findings[:3]:
                console.print(f"[bold]{outcome.what}[/]: {finding}", highlight=False)
            failed |= bool(outcome.findings)
            took = time.monotonic() - start
            table.add_row(
                outcome.what, f"{outcome.inputs:,}", f"{took:.0f}", outcome.said, str(len(outcome.findings))
            )
            start = time.monotonic()
    console.print(table)
    console.print(f"Replay with --seed {options.seed}.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
