"""Commands of the engineer's bench: put firmware on boards, and prove that they measure right."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from dexkit.bench.flash import flash

app = typer.Typer()


@app.command("flash")
def flash_board(
    port: Annotated[str, typer.Argument(help="/dev/ttyACM0, COM3, socket://, sim:pegboard")],
    object_kind: Annotated[
        str | None, typer.Option("--object", help="what the board is in [as it was told before]")
    ] = None,
    anyway: Annotated[bool, typer.Option(help="keep it although its self-test finds a fault")] = False,
) -> None:
    """Put this dexkit's application on a board; the old one is kept until the new one has proved itself.

    Exit code 0: it runs and passed its self-test; 3: it runs, but a sensor is at fault; 2: it was not kept.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("writing", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        installed, proof = flash(port, object_kind, anyway=anyway, progress=show)
    print(f"{installed.words()} The {proof.hello.object_kind} runs dexkit {proof.hello.firmware}.")
    for fault in proof.faults:
        print(f"dexkit: its self-test found: {fault}", file=sys.stderr)
    if proof.faults:
        raise typer.Exit(3)
