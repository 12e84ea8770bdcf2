"""Commands of the engineer's bench: put firmware on boards, and prove that they measure right."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from dexkit.bench.commission import Show, Wish, commission, places
from dexkit.bench.drive import Drive
from dexkit.bench.identity import Told
from dexkit.bench.rollback import roll_back
from dexkit.errors import DexkitError, InputError
from dexkit.link.ports import Plug

app = typer.Typer()


@app.command("flash")
def flash_board(
    port: Annotated[
        str | None,
        typer.Argument(help="/dev/ttyACM0, COM3, socket://, sim:pegboard (else: the board that is there)"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="all boards that are plugged in, one by one")] = False,
    object_kind: Annotated[
        str | None, typer.Option("--object", help="what the board is in (else: as it was told before)")
    ] = None,
    name: Annotated[str, typer.Option(help="a name for the kit, kept on it (else: as before)")] = "",
    rename_object: Annotated[
        str | None, typer.Option(help="what the board is in from now on; sets its calibration aside")
    ] = None,
    board: Annotated[str, typer.Option(help="what a board in boot mode is: pico or pico_w")] = "pico",
    uf2: Annotated[
        Path | None, typer.Option(help="MicroPython's image as a file (else: kept here, or fetched)")
    ] = None,
    drive: Annotated[Path | None, typer.Option(help="where the drive of a board in boot mode is")] = None,
    anyway: Annotated[
        bool, typer.Option(help="take another image, replace another program, keep it with a faulty sensor")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="go back to the other application")] = False,
) -> None:
    """Bring a board, whatever is on it, to run this dexkit; the old one is kept until it has proved itself.

    A new board: hold its BOOTSEL button while plugging it in. A pulled cable: give the command again.
    Exit code 0: it runs and passed its self-test; 3: it runs, but a sensor is at fault; 2: it was not kept.
    """
    if every and name:
        raise InputError("A name is one board's, so it does not go with --all. Name them one by one.")
    if object_kind and rename_object and object_kind != rename_object:
        raise InputError("--object and --rename-object say two things. Give one of them.")
    told = Told(rename_object or object_kind or "", name, rename=rename_object is not None)
    wish = Wish(told, board, uf2, anyway)
    found = places(port, drive, every=every)

    def one(place: Drive | Plug) -> int:
        if rollback:
            if isinstance(place, Drive):
                raise InputError(
                    f"{place.words()}: nothing of dexkit runs there. Plug it in without a button."
                )
            print(roll_back(place).words())
            return 0
        return _commission(place, wish)

    raise typer.Exit(one(found[0]) if not every else _each(found, one))


def _each(found: list[Drive | Plug], one: Callable[[Drive | Plug], int]) -> int:
    """Do one board after the other, whatever becomes of each; return the worst exit code."""
    codes = []
    for place in found:
        try:
            codes.append(one(place))
        except DexkitError as error:
            print(f"dexkit: {place.url}: {error}", file=sys.stderr)
            codes.append(2)
    print(f"{codes.count(0)} of {len(found)} boards are well.")
    return max(codes, key=(0, 3, 2).index)


def _commission(place: Drive | Plug, wish: Wish) -> int:
    """Bring one board to run this dexkit; return the exit code."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task("looking", total=None)

        def show(what: str, done: int, total: int) -> None:
            if bar.tasks[-1].description != what:
                begin(what)
            bar.update(bar.task_ids[-1], completed=done, total=total or None)

        def say(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            begin("waiting for the board")

        def begin(what: str) -> None:
            bar.remove_task(bar.task_ids[-1])
            bar.add_task(what, total=None)

        done = commission(place, wish, Show(say, show))
    print(f"{done.plug.url}: {done.words()}")
    for fault in done.proof.faults:
        print(f"dexkit: its self-test found: {fault}", file=sys.stderr)
    return 3 if done.proof.faults else 0
