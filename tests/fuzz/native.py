"""Builds the drivers in native/fuzz with sanitizers, and runs them."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NATIVE = Path(__file__).resolve().parent.parent.parent / "native"
OBJECTS = ("CUP", "COASTER", "BUTTON_BOARD", "PEGBOARD")
SANITIZE = "address,undefined,float-cast-overflow"
PROCESSES = 2


class CannotBuildError(Exception):
    """There is no compiler that can do this."""


@contextmanager
def workshop() -> Iterator[Path]:
    """Give a folder for what is built and written."""
    with tempfile.TemporaryDirectory(prefix="dexkit-fuzz-") as folder:
        yield Path(folder)


def compile_c(compiler: str, sanitize: str, folder: Path, *arguments: str) -> None:
    """Run the compiler; raise CannotBuildError where it cannot do this on this machine."""
    command = [compiler, "-std=c11", "-O2", "-g", "-ffp-contract=off", f"-fsanitize={sanitize}"]
    command += ["-fno-sanitize-recover=all", f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}", *arguments]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if made.returncode and ": error:" in made.stderr:
        raise RuntimeError(made.stderr)  # our own code does not compile: that is no reason to skip
    if made.returncode:
        raise CannotBuildError("no sanitizers here")


def build(folder: Path, name: str, sources: list[str], *, fuzzer: bool = False, define: str = "") -> Path:
    """Link drivers of native/fuzz with the whole core; raise CannotBuildError where that is impossible."""
    compiler = shutil.which("clang") or (None if fuzzer else shutil.which("gcc") or shutil.which("cc"))
    if not compiler:
        raise CannotBuildError("no clang here" if fuzzer else "no C compiler here")
    core = folder / ("core-fuzzer" if fuzzer else "core")
    if not core.exists():
        core.mkdir()
        sources_of_core = sorted(str(path) for path in (NATIVE / "src").glob("*.c"))
        compile_c(compiler, "fuzzer-no-link," * fuzzer + SANITIZE, core, "-c", *sources_of_core)
    program = folder / name
    compile_c(
        compiler,
        "fuzzer," * fuzzer + SANITIZE,
        folder,
        *([f"-D{define}"] if define else []),
        *(str(NATIVE / "fuzz" / source) for source in sources),
        *sorted(str(path) for path in core.glob("*.o")),
        "-lm",
        "-o",
        str(program),
    )
    return program


def parse_counts(line: str) -> dict[str, int]:
    """Return the counts in a line of key=value."""
    return {key: int(value) for key, _, value in (word.partition("=") for word in line.split())}


def throw_frames(
    folder: Path, frames: float, seed: int, progress: Callable[[int], None]
) -> tuple[dict[str, int], list[str]]:
    """Throw damaged frames at the decoder in two processes; return summed counts and what went wrong."""
    program = build(folder, "frames", ["frames.c"])
    running = []
    for k in range(PROCESSES):
        log = (folder / f"frames-{k}.log").open("w+")
        command = [str(program), str(frames / PROCESSES), str(seed * PROCESSES + k)]
        running.append((subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True), log))
    while waiting := [process for process, _ in running if process.poll() is None]:
        with suppress(subprocess.TimeoutExpired):
            waiting[0].wait(timeout=0.5)
        lines = [Path(log.name).read_text().strip().splitlines()[-1:] for _, log in running]
        progress(
            sum(parse_counts(line[0]).get("damaged", 0) for line in lines if line and "damaged=" in line[0])
        )
    total: dict[str, int] = {}
    wrong = []
    for process, log in running:
        out = process.communicate()[0]
        for key, value in parse_counts(out).items():
            total[key] = max(total.get(key, 0), value) if key == "largest_gap" else total.get(key, 0) + value
        if process.returncode:
            wrong.append(f"exit {process.returncode}: " + (out or Path(log.name).read_text()[-3000:]))
        log.close()
    return total, wrong


def fuzz_target(folder: Path, target: str, seconds: float, seed: int) -> tuple[int, list[str]]:
    """Let libFuzzer look for a crash in one target; return the number of inputs and what went wrong."""
    source, _, object_name = target.partition(":")
    program = build(
        folder,
        target.replace(":", "_"),
        [f"{source}.c"],
        fuzzer=True,
        define=f"OBJECT=DK_OBJECT_{object_name}" if object_name else "",
    )
    command = [
        str(program),
        f"-max_total_time={max(1, round(seconds))}",
        f"-seed={seed or 1}",
        "-max_len=1024",
    ]
    command += ["-print_final_stats=1", f"-artifact_prefix={folder}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    inputs = [
        int(line.split()[-1]) for line in done.stderr.splitlines() if "number_of_executed_units" in line
    ]
    return sum(inputs), [done.stderr[-3000:]] if done.returncode else []


def run_standalone(folder: Path, target: str, inputs: int, seed: int) -> list[str]:
    """Run one target on random inputs without libFuzzer; return what went wrong."""
    source, _, object_name = target.partition(":")
    program = build(
        folder,
        f"{target.replace(':', '_')}_alone",
        [f"{source}.c", "standalone.c"],
        define=f"OBJECT=DK_OBJECT_{object_name}" if object_name else "",
    )
    done = subprocess.run([str(program), str(inputs), str(seed)], capture_output=True, text=True, check=False)
    return [done.stderr[-3000:]] if done.returncode else []


TARGETS = ("decode", *(f"segment:{name}" for name in OBJECTS))
