"""The command line: parses, calls one function of the package, prints. No decision is made here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dexkit.errors import DexkitError, InputError
from dexkit.protocol.dump import dump
from dexkit.protocol.frames import decode
from dexkit.recording import read, recover
from dexkit.recording.foreign import import_csv
from dexkit.recording.words import in_words, losses_in_words

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


@app.command("info")
def info(file: File) -> None:
    """Say what a recording holds: streams, rates, counts, gaps, losses, facts."""
    for line in in_words(read(file)):
        print(line)


@app.command("recover")
def recover_recording(
    file: File,
    out: Annotated[Path | None, typer.Option(help="the whole file to write [FILE.recovered.mcap]")] = None,
) -> None:
    """Write what can be trusted of a damaged recording as a whole file.

    Exit code 0: nothing was lost; 3: recovered with loss; 2: not a recording.
    """
    out = out or file.with_suffix(".recovered.mcap")
    losses = recover(file, out)
    for line in losses_in_words(losses):
        print(line)
    print(out)
    raise typer.Exit(3 if losses.recovered else 0)


@app.command("import")
def import_table(
    kind: Annotated[str, typer.Argument(help="weight, motion, force or events")],
    file: Annotated[Path, typer.Argument(help="a table (.csv)")],
    columns: Annotated[
        str, typer.Option(help="names as in t_s,weight_g; force_n=Header or action=3 takes another column")
    ],
    out: Annotated[Path | None, typer.Option(help="the recording to write [FILE.mcap]")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="rate of a file without a time column")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the recording if it exists")] = False,
) -> None:
    """Turn a table that others recorded into a recording; gaps and odd values stay as they are.

    The time is t_s, t_ms, t_us or t_ns, or a column headed Time, in seconds.
    """
    out = out or file.with_suffix(".mcap")
    recording = import_csv(kind, file, columns, out, rate_hz=rate_hz, overwrite=force)
    for line in in_words(recording):
        print(line)
    print(out)


def main() -> None:
    """Run the command line; an error a person can mend is one line and exit code 2."""
    try:
        app()
    except DexkitError as error:
        print(f"dexkit: {error}", file=sys.stderr)
        sys.exit(2)
