"""The command line: parses, calls one function of the package, prints. No decision is made here."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.live import Live
from rich.progress import Progress

from dexkit import cli_bench, cli_records, cli_test
from dexkit.cli_numbers import ordinary
from dexkit.demo import demonstrate
from dexkit.errors import DexkitError, InputError
from dexkit.link import progress
from dexkit.link.listing import look
from dexkit.link.pairing import in_the_network, pair, unpair
from dexkit.link.ports import Plug, add_urls, plugs
from dexkit.link.record import record
from dexkit.link.track import Track
from dexkit.protocol.dump import dump
from dexkit.protocol.frames import decode
from dexkit.recording import read, recover
from dexkit.recording.calibration import chosen
from dexkit.recording.foreign import import_csv
from dexkit.recording.words import in_words, losses_in_words
from dexkit.report.page import write_page
from dexkit.report.terminal import print_table
from dexkit.score.rescore import dask, pool, rescore
from dexkit.score.scoring import as_json, score_file, with_budget
from dexkit.sim import SEVERITIES, make_scene
from dexkit.sim.ends import PtyEnd, SocketEnd, end_at_terminate
from dexkit.sim.virtual import ENGINES, READY_S, VirtualBoard
from dexkit.whole_file import cannot_write, refuse_device, save

add_urls("dexkit.sim")

app = typer.Typer(
    name="dexkit",
    help="Record, segment and score instrumented everyday objects.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cli_bench.app)
app.add_typer(cli_records.app)
app.add_typer(cli_test.app)

File = Annotated[Path, typer.Argument(help="a recording (.mcap)")]


def read_bytes(file: Path) -> bytes:
    """Return a file's bytes; raise InputError where it cannot be read."""
    refuse_device(file)
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
    decoded = decode(read_bytes(file))
    if not len(decoded.blocks):
        raise InputError(
            f"{file} holds no frame. Probably no board sent it. A recording is read with `dexkit info`."
        )
    for line in dump(decoded):
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
    rate_hz: Annotated[
        float | None, typer.Option(callback=ordinary, help="rate of a file without a time column")
    ] = None,
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


@app.command("score")
def score_recording(
    file: File,
    as_json_text: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    page: Annotated[Path | None, typer.Option(help="write a page (.html) to look at")] = None,
    calibration: Annotated[
        list[str] | None,
        typer.Option(help="a calibration's file or id, one per object, or nominal \\[those in force]"),
    ] = None,
) -> None:
    """Score a recording: what was done, how long it took, how steadily.

    Exit code 0: scored; 3: scored, but the file was damaged and something may be missing; 2: not scored.
    """
    calibrations = chosen(*calibration) if calibration else None
    result = with_budget(score_file(file, calibrations), calibrations)
    if page is not None:
        save(lambda: write_page(result, file.name, page), page)
    if as_json_text:
        print(as_json(result))
    else:
        print_table(result, file.name)
        if page is not None:
            print(page)
    if result.recovered:
        print(f"dexkit: {file} was damaged; what could be read was scored.", file=sys.stderr)
        raise typer.Exit(3)


@app.command("rescore")
def rescore_folder(
    folder: Annotated[Path, typer.Argument(help="recordings (.mcap), at any depth")],
    workers: Annotated[int, typer.Option(min=1, help="processes on this machine \\[all]")] = os.cpu_count()
    or 1,
    dask_address: Annotated[str, typer.Option("--dask", help="address of a running Dask scheduler")] = "",
    out: Annotated[Path | None, typer.Option(help="one line of JSON each [FOLDER/scores.jsonl]")] = None,
) -> None:
    """Score a whole archive again; what is done already is kept, what fails is listed, damage counted.

    Exit code 0: all scored; 1: some recordings could not be scored, the rest is.
    """
    out = out or folder / "scores.jsonl"
    console = Console(stderr=True)
    with (
        dask(dask_address) if dask_address else pool(workers) as (engine, count),
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("scoring", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        done = rescore(folder, out, engine, count, show)
    for name, reason in done.failures:
        print(f"dexkit: {name}: {reason}", file=sys.stderr)
    damaged = f", {done.recovered} damaged (something may be missing)" if done.recovered else ""
    print(f"{done.scored} scored, {done.kept} kept, {len(done.failures)} failed{damaged}: {out}")
    if done.failures:
        raise typer.Exit(1)


#: Ports by name instead of those found.
Ports = Annotated[
    list[str] | None,
    typer.Option("--port", help="/dev/ttyACM0, COM3, net:UID, socket://, replay:FILE, sim:pegboard \\[all]"),
]


@app.command("ports")
def list_ports(port: Ports = None) -> None:
    """List the boards that are there: who they are, whether they are free, and what to do if not.

    Exit code 0: at least one is free; 1: none is.
    """
    seen = look([Plug(url) for url in port] if port else [*plugs(), *in_the_network()])
    for board in seen:
        print("\n".join(board.words()))
    if not seen:
        print("No board is plugged in. Plug one in, or switch a virtual one on: dexkit sim --object pegboard")
    if not any(board.state == "free" for board in seen):
        raise typer.Exit(1)


@app.command("pair")
def pair_board(
    port: Annotated[str, typer.Argument(help="/dev/ttyACM0, COM3, ...: a Pico W, over USB")],
    ssid: Annotated[str | None, typer.Option(help="name of the Wi-Fi network that it is to join")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="have it forget network and key")] = False,
) -> None:
    """Pair a Pico W with this computer, to record it through the network; asks for the password.

    Then it is a port like others: dexkit record --port net:UID ...
    """
    if undo:
        print(f"{unpair(port)} has forgotten its network and its key.")
        return
    if ssid is None:
        raise InputError("A board joins a network by its name. Add --ssid NAME.")
    password = typer.prompt(f"Password of {ssid} [none]", default="", hide_input=True, show_default=False)
    found = pair(port, ssid, password)
    print(
        f"{found.object_kind.replace('_', ' ')} {found.uid} is in {ssid} as {found.name}.local "
        f"({found.address}). Record it: dexkit record --port net:{found.uid} --out FILE.mcap"
    )


@app.command("record")
def record_live(
    out: Annotated[Path, typer.Option(help="the recording (.mcap); two objects make NAME-cup.mcap, ...")],
    port: Ports = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, callback=ordinary, help="how long \\[until Ctrl-C]")
    ] = None,
    person: Annotated[str, typer.Option(help="a pseudonym")] = "",
    test: Annotated[str, typer.Option(help="what is done: pours, ftm14, drink, buttons, nhpt")] = "",
    hand: Annotated[str, typer.Option(help="the hand that does it: left or right")] = "",
) -> None:
    """Record the boards that are there, live; Ctrl-C ends the recording.

    Exit code 0: whole; 3: recorded, but samples are known to be missing.
    """
    found = [Plug(url) for url in port] if port else plugs()
    if not found:
        raise InputError(
            "No board is plugged in. Plug one in, name its port with --port, or switch a virtual one on: "
            "dexkit sim --object pegboard"
        )
    facts = {name: text for name, text in (("person", person), ("test", test), ("hand", hand)) if text}
    console = Console(stderr=True)
    with (
        Live(console=console, transient=True, auto_refresh=False)
        if console.is_terminal
        else nullcontext() as live
    ):

        def show(tracks: Sequence[Track]) -> None:
            if live is not None:
                live.update("\n".join(progress.line(track) for track in tracks), refresh=True)

        files = record(found, out, seconds=seconds, meta=facts, show=show)
    for done in files:
        print(f"{done.path}: {done.words()}")
    if any(done.samples_lost or done.left for done in files):
        raise typer.Exit(3)


@app.command("sim")
def simulate(
    object_kind: Annotated[str, typer.Option("--object", help="cup, coaster, button_board or pegboard")],
    person: Annotated[str, typer.Option(help="who uses it: " + ", ".join(SEVERITIES))] = "moderate",
    seed: Annotated[int, typer.Option(help="which person, which luck, which board")] = 1,
    test: Annotated[str, typer.Option(help="cup and coaster: pours, ftm14 or drink")] = "",
    length: Annotated[int | None, typer.Option(help="pours, buttons or pegs")] = None,
    engine: Annotated[str, typer.Option(help="what runs its firmware: " + ", ".join(ENGINES))] = "cpython",
    port_link: Annotated[Path | None, typer.Option(help="a name for its port that stays")] = None,
    tcp: Annotated[
        int | None, typer.Option(min=0, max=65535, help="a socket:// port instead; 0 takes any")
    ] = None,
    again_s: Annotated[
        float | None,
        typer.Option(min=0.0, callback=ordinary, help="rest after which the person begins again"),
    ] = None,
) -> None:
    """Switch a virtual board on: a port of this machine, behind it the firmware and a person.

    The person begins one second after the host has asked for samples. Ctrl-C ends it.
    """
    end_at_terminate()
    scene = make_scene(object_kind, person, seed, test=test, length=length)
    board = VirtualBoard(object_kind, seed=seed, scene=scene, engine=engine, paced=True, repeat_s=again_s)
    with (
        suppress(KeyboardInterrupt),
        board.power_on(READY_S),
        PtyEnd(board, port_link) if tcp is None else SocketEnd(board, tcp) as end,
    ):
        print(f"The {object_kind.replace('_', ' ')} is at {end.url}")
        print(f"Record it: dexkit record --port {end.url} --out FILE.mcap; Ctrl-C ends it.", flush=True)
        board.wait()


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(help="folder for recordings and pages")] = Path("out") / "demo",
) -> None:
    """Record three simulated people at three virtual objects, score them, and make pages to look at."""
    save(lambda: out.mkdir(parents=True, exist_ok=True), out)
    try:
        for act, result in demonstrate(out):
            print(f"{act.objects[0]}: {len(result.scored.events)} events, {out / act.name}.html")
    except OSError as error:
        raise cannot_write(out, error) from None
    print(f"Open {(out / 'index.html').resolve()}")


#: What typer raises for words that it cannot parse; typer has no public name for it.
UsageError = cast(type[typer.BadParameter], typer.BadParameter.__mro__[1])
#: What typer makes of Ctrl-C: an exit code.
STOPPED = 130


def main() -> None:
    """Run the command line; an error a person can mend is one line and exit code 2."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    for stream in (sys.stdout, sys.stderr):  # a terminal may lack the sign for a degree
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.errors == "strict" else stream.errors)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except DexkitError as error:
        print(f"dexkit: {' '.join(str(error).splitlines())}", file=sys.stderr)
        sys.exit(2)
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "dexkit"
        print(f"dexkit: {error.format_message().rstrip('.')}. See `{command} --help`.", file=sys.stderr)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        code = STOPPED
    except BrokenPipeError:  # whoever read the output has enough of it, as `head` has
        _hush()
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _hush()
        print("dexkit: the disk is full, so the output is cut off. Make room, and repeat.", file=sys.stderr)
        sys.exit(2)
    if code == STOPPED:
        print("dexkit: stopped.", file=sys.stderr)
    sys.exit(code)


def _hush() -> None:
    """Take no more output: what could not be written is not tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
