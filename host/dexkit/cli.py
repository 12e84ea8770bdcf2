"""The command line: parses, calls one function of the package, prints. No decision is made here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dexkit.errors import DexkitError, InputError
from dexkit.protocol.dump import dump
from dexkit.protocol.frames import decode

app = typer.Typer(
    name="dexkit",
    help="Record, segment and score instrumented everyday objects.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

File = Annotated[Path, typer.Argument(help="a recording (.mcap)")]


def read_bytes(file: Path) -> bytes:
    """Return a file's bytes; raise InputError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}. Check the name, or ask its owner.") from None


@app.callback()
def root() -> None:
    """Record, segment and score instrumented everyday objects."""


@app.command("dump")
def dump_frames(file: Annotated[Path, typer.Argument(help="bytes as a board sent them")]) -> None:
    """Print frames readably, one line each."""
    for line in dump(decode(read_bytes(file))):
        print(line)


def main() -> None:
    """Run the command line; an error a person can mend is one line and exit code 2."""
    try:
        app()
    except DexkitError as error:
        print(f"dexkit: {error}", file=sys.stderr)
        sys.exit(2)
