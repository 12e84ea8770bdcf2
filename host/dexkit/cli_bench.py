"""Commands of the engineer's bench: put firmware on boards, and prove that they measure right."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn

from dexkit.bench import certificate, register
from dexkit.bench.calibrating import calibrate_board, find
from dexkit.bench.commission import Show, Wish, commission, places
from dexkit.bench.doctor import examine
from dexkit.bench.drive import Drive
from dexkit.bench.guide_terminal import Lines, Terminal
from dexkit.bench.identity import Told
from dexkit.bench.lights import RED, worst
from dexkit.bench.machine import Machine, login
from dexkit.bench.on_board import fetch, write_known
from dexkit.bench.rollback import roll_back
from dexkit.bench.screen import print_findings, print_selftest
from dexkit.bench.selftest import MINUTE_S, SelfTest, selftest
from dexkit.bench.steps import MASSES
from dexkit.bench.walk import Walk
from dexkit.bench.weights import weights
from dexkit.cli_numbers import ordinary
from dexkit.demo_bench import DemoBench
from dexkit.errors import DexkitError, InputError
from dexkit.link.ports import Plug, plugs
from dexkit.whole_file import save, write_whole

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


@app.command("calibrate")
def calibrate(
    object_kind: Annotated[
        str, typer.Argument(metavar="[OBJECT]", help="cup, coaster, button_board, pegboard")
    ] = "",
    port: Annotated[
        str, typer.Option(help="/dev/ttyACM0, COM3; demo:7 is a virtual one \\[the one that is plugged in]")
    ] = "",
    masses: Annotated[
        str, typer.Option(help="known masses in g, as 50,100,200 \\[what fits the object]")
    ] = "",
    class_name: Annotated[str, typer.Option("--class", help="OIML class, or a limit such as 0.1g")] = "M1",
    serials: Annotated[str, typer.Option(help="serial numbers or certificates of the masses")] = "",
    operator: Annotated[str, typer.Option(help="who does it \\[your login]")] = "",
    temperature: Annotated[
        float | None, typer.Option(callback=ordinary, help="of the room, in degrees Celsius")
    ] = None,
    latitude: Annotated[
        float | None, typer.Option(callback=ordinary, help="where, in degrees: for the certificate")
    ] = None,
    altitude: Annotated[float, typer.Option(callback=ordinary, help="where, in m")] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="ask nothing (virtual objects do the steps)")] = False,
    from_board: Annotated[str, typer.Option("--fetch", metavar="PORT", help="keep a board's here")] = "",
    write: Annotated[str, typer.Option(metavar="ID", help="write a known one on the board at --port")] = "",
) -> None:
    """Lead through a calibration, one step at a time; keep it on the board and in this computer's register.

    Exit code 3: it is kept here or on the board, but could not be written to the other; 2: nothing was kept.
    """
    if from_board:
        found = fetch(Plug(from_board))
        print(f"Calibration {found.id} of the {found.object_kind} {found.uid} is known here now.")
        return
    if write:
        hello = write_known(Plug(port), write)
        print(f"The {hello.object_kind} {hello.uid} has calibration {hello.calibration} now.")
        return
    if object_kind not in MASSES:
        raise InputError(f"Which object? Say one of: {', '.join(MASSES)}; as in dexkit calibrate cup.")
    demo = DemoBench.of_port(object_kind, port)
    plug = demo.plug if demo else Plug(port) if port else find(object_kind)
    around = register.Circumstances(
        operator or login(), serials, temperature, latitude, altitude, simulated=demo is not None
    )
    shows = Lines() if yes else Terminal()
    known = weights(masses or MASSES[object_kind], class_name)
    done = calibrate_board(
        plug, object_kind, known, around, shows, demo.arrange if demo else lambda step: None
    )
    if done is None:
        print("dexkit: left; nothing was kept.", file=sys.stderr)
        raise typer.Exit(2)
    print(done.words())
    if done.is_here:
        print(f"Its certificate: dexkit certificate {done.outcome.calibration.id}")
    if done.trouble:
        print(f"dexkit: {done.trouble}", file=sys.stderr)
        raise typer.Exit(3)


@app.command("certificate")
def write_certificate(
    calibration: Annotated[str, typer.Argument(help="id, or a board's uid \\[list all]")] = "",
    out: Annotated[Path | None, typer.Option(help="NAME.pdf or NAME.html \\[calibration-ID.pdf]")] = None,
) -> None:
    """Write the certificate of a calibration; without an id, list those of this computer or of a board."""
    if out is not None and not calibration:
        raise InputError("Nobody said which certificate is meant. Name one: `dexkit certificate` lists them.")
    entries = register.listing(calibration)
    if entries or not calibration:
        for entry in entries:
            print(f"{entry['id']}  {entry['made']}  {entry['object']:12} {entry['uid']}  {entry['operator']}")
        return
    facts = register.look_up(calibration)
    path = out or Path(f"calibration-{facts['id']}.pdf")
    save(lambda: certificate.write(facts, path), path)
    print(path)


Json = Annotated[Path | None, typer.Option("--json", help="write what was found as JSON; - prints it")]


@app.command("selftest")
def test_boards(
    port: Annotated[
        list[str] | None, typer.Argument(help="/dev/ttyACM0, COM3, net:UID, sim:cup \\[all]")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=5.0, callback=ordinary, help="how long each is left alone")
    ] = MINUTE_S,
    walk: Annotated[bool, typer.Option("--walk", help="then press every contact and cell once")] = False,
    object_kind: Annotated[
        str | None, typer.Option("--object", help="what it is, where the board may err")
    ] = None,
    json_file: Json = None,
) -> None:
    """Leave each object empty and untouched for a minute; say what is well, what is not, and the remedy.

    Exit code 0: nothing is at fault; 3: something is; 2: a board could not be tested.
    """
    found = [Plug(url) for url in port] if port else plugs()
    if not found:
        raise InputError("No board is plugged in. Plug one in, or name its port. `dexkit doctor` helps.")
    console = Console(stderr=True)
    tests: list[SelfTest] = []
    failures = 0
    stopped = Event()
    with Progress(
        *Progress.get_default_columns()[:-1],
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:

        def goes_on() -> bool:
            return not stopped.is_set()

        def one(plug: Plug) -> SelfTest | DexkitError:
            task = bar.add_task(escape(plug.url), total=seconds)

            def show(done_s: float, seconds: float) -> None:
                bar.update(task, completed=done_s)

            def begin(steps: Walk) -> bool:
                if walk:
                    bar.console.print(f"{plug.url}: {steps.words()}", markup=False)
                return walk

            def look(steps: Walk) -> bool:
                bar.update(task, description=escape(f"{plug.url}: still {', '.join(steps.left()[:6])}"))
                return goes_on()

            try:
                return selftest(
                    plug,
                    seconds=seconds,
                    progress=show,
                    wanted=object_kind,
                    begin=begin,
                    look=look,
                    goes_on=goes_on,
                )
            except DexkitError as error:
                return error

        with ThreadPoolExecutor(1 if walk else len(found)) as pool:
            try:
                for result in pool.map(one, found):
                    if isinstance(result, DexkitError):
                        failures += 1
                        print(f"dexkit: {result}", file=sys.stderr)
                    else:
                        tests.append(result)
            except KeyboardInterrupt:
                stopped.set()  # else the pool waits for the tests to end
                raise
    if json_file is None or str(json_file) != "-":
        for test in tests:
            print_selftest(test, Console())
    _write_json([test.facts() for test in tests], json_file)
    if failures:
        raise typer.Exit(2)
    if any(test.verdict == RED for test in tests):
        raise typer.Exit(3)


@app.command("doctor")
def examine_computer(
    port: Annotated[list[str] | None, typer.Argument(help="ports to look at \\[all]")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="do what mends it; else nothing is changed")] = False,
    json_file: Json = None,
) -> None:
    """Say what of this computer keeps boards from working, and the very command that mends it.

    Exit code 0: nothing is at fault; 3: something is.
    """
    ports = [Plug(url) for url in port] if port else None
    findings = examine(Machine(), ports)
    if fix:
        for finding in findings:
            if finding.fix is not None:
                print(f"dexkit: {'; '.join(finding.commands)}", file=sys.stderr)
                finding.fix()
        findings = examine(Machine(), ports)
    if json_file is None or str(json_file) != "-":
        print_findings(findings, Console())
    lights = [finding.light for finding in findings]
    facts = [{**finding.light.facts(), "commands": finding.commands} for finding in findings]
    _write_json({"verdict": worst(lights), "lights": facts}, json_file)
    if worst(lights) == RED:
        raise typer.Exit(3)


def _write_json(facts: Any, file: Path | None) -> None:
    """Print facts, or write them wholly or not at all."""
    if file is None:
        return
    text = json.dumps(facts, indent=1, allow_nan=False)
    if str(file) == "-":
        print(text)
        return
    save(lambda: write_whole(file, text + "\n"), file)


@app.command("monitor")
def monitor_boards(
    port: Annotated[
        list[str] | None,
        typer.Option(
            "--port", help="/dev/ttyACM0, COM3, net:UID, socket://, replay:FILE, sim:pegboard \\[all]"
        ),
    ] = None,
) -> None:
    """Show live what boards measure and how they do: traces, rates, losses, events, and keys for lights."""
    try:
        from dexkit.bench.monitor.screen import watch  # Textual takes its time, and not everybody has it
    except ModuleNotFoundError as error:
        raise InputError(
            f"The monitor's screen needs {error.name}. Install it: pip install 'dexkit[engineer]'"
        ) from None
    found = [Plug(url) for url in port] if port else plugs()
    if not found:
        raise InputError(
            "No board is plugged in. Plug one in, or name its port with --port; see `dexkit ports`."
        )
    watch(found)
