"""The command line: parses, calls one function of the package, prints. No decision is made here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dexkit.errors import DexkitError

app = typer.Typer(
    name="dexkit",
    help="Record, segment and score instrumented everyday objects.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

File = Annotated[Path, typer.Argument(help="a recording (.mcap)")]


@app.callback()
def root() -> None:
    """Record, segment and score instrumented everyday objects."""


def main() -> None:
    """Run the command line; an error a person can mend is one line and exit code 2."""
    try:
        app()
    except DexkitError as error:
        print(f"dexkit: {error}", file=sys.stderr)
        sys.exit(2)
