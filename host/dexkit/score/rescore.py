"""Score a whole archive again: same bytes from every engine, done work kept, failures listed."""

import hashlib
import json
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from dexkit import __version__
from dexkit.errors import DexkitError, InputError
from dexkit.protocol.tables import SCHEMA_HASH, SETTINGS
from dexkit.recording.reader import read_bytes
from dexkit.score.measure import REGISTRY
from dexkit.score.scoring import as_dict, score
from dexkit.whole_file import write_whole

#: A task scores recordings of about this many bytes together, some 0.2 s of work, so that handing it out
#: costs little; a small archive is cut finer so that all workers end together.
TASK_BYTES = 6_000_000
TASKS_PER_WORKER = 4

#: The line of a file in the output, and what each begins with.
Line = str
START = b'{"file": "'
#: Stands in the line of a damaged file, and in no text within a line, where quotes are escaped.
RECOVERED = '"recovered": true'
#: One scored file: its name, its line, and why it could not be scored (empty where it could).
Done = tuple[str, Line, str]
#: Scores a batch of files given by name and folder.
Batch = tuple[str, tuple[str, ...]]
#: Runs batches somewhere and yields what came of each as it is done, in any order.
Engine = Callable[[Sequence[Batch]], Iterator[list[Done]]]


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Parameters
    ----------
    scored, kept
        How many files were scored now, and how many were there already.
    failures
        Name and reason of each file that could not be scored.
    recovered
        How many files with a score are damaged, so that something may be missing.
    """

    scored: int
    kept: int
    failures: tuple[tuple[str, str], ...]
    recovered: int


def versions() -> str:
    """Return a short name of everything a score depends on besides the file: same name, same score."""
    facts = [
        __version__,
        SCHEMA_HASH,
        repr(SETTINGS),
        *(f"{m.id}={m.version}" for _, m in sorted(REGISTRY.items())),
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def rescore(
    folder: Path,
    out: Path,
    engine: Engine,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Score every recording below a folder into one file of JSON lines, sorted by name.

    Files that the output already holds with the same content and versions are kept. While it runs, lines are
    appended to ``<out>.part``; interrupted, the next run goes on from there.

    Parameters
    ----------
    folder
        Where the recordings (``*.mcap``) are, at any depth.
    out
        The file to write.
    engine
        Where the work is done: `pool`, `dask` or `here`.
    workers
        How many the engine has, so that tasks are cut well.
    progress
        Called with how many files are done and how many there are.

    Raises
    ------
    InputError
        When there is no such folder, no recording in it, or something else than scores where they go.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Probably it is misspelt. Name one with recordings.")
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.mcap"))}
    if not files:
        raise InputError(f"{folder} holds no recording (.mcap). Probably another one was meant. Name that.")
    if out.is_dir():
        raise InputError(f"{out} is a folder. Name a file for the scores, such as {out / 'scores.jsonl'}.")
    part = out.parent / (out.name + ".part")
    known = _known(out) | _known(part)
    lines = {name: known[name] for name, path in files.items() if name in known and _same(known[name], path)}
    kept = len(lines)
    failures = []
    batches = _batches(folder, [name for name in files if name not in lines], files, workers)
    try:
        journal = part.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write {out}: {error.strerror}. Check that the folder exists and may be written to."
        ) from None
    with journal:
        if journal.tell():
            journal.write("\n")  # ends a line that was cut off
        for batch in engine(batches):
            for name, line, reason in batch:
                lines[name] = line
                failures += [(name, reason)] if reason else []
                journal.write(line + "\n")
            journal.flush()
            if progress:
                progress(len(lines), len(files))
    write_whole(out, "".join(lines[name] + "\n" for name in sorted(lines)))
    part.unlink()
    recovered = sum(RECOVERED in line for line in lines.values())
    return Outcome(len(lines) - kept, kept, tuple(sorted(failures)), recovered)


def _known(out: Path) -> dict[str, Line]:
    """Return the lines of an earlier run by file name; a line cut off by an interruption is left out.

    Raises
    ------
    InputError
        When the file cannot be read, or has lines that are no scores: it would be lost.
    """
    known = {}
    try:
        lines = out.read_bytes().splitlines() if out.is_file() else []
    except OSError as error:
        raise InputError(f"Cannot read {out}: {error.strerror}. Check that you may read it.") from None
    for line in lines:
        match _row(line):
            case {"file": str(name), "versions": _} | {"file": str(name), "error": _}:
                known[name] = line.decode()
            case None if line.startswith(START) or START.startswith(line):
                continue
            case _:
                raise InputError(
                    f"{out} holds other things than scores, which would be lost. Probably another name was "
                    "meant. Name a new file, or move this one away."
                )
    return known


def _row(line: bytes) -> object:
    """Return what a line says; None where it cannot be read."""
    try:
        return json.loads(line.decode())
    except ValueError:
        return None


def _same(line: Line, path: Path) -> bool:
    """Return whether a line is the score that this file would get now; a failure is tried again."""
    row = json.loads(line)
    if "error" in row or "recovered" not in row or row.get("versions") != versions():
        return False
    with suppress(OSError, InputError):  # it is listed when its turn comes
        return bool(row.get("crc32") == zlib.crc32(_contents(path)))
    return False


def _contents(path: Path) -> bytes:
    """Return a file's bytes; reading a pipe might never end."""
    if not path.is_file():
        raise InputError("This is no file but a folder, a pipe or a link to nothing. Mend or remove it.")
    return path.read_bytes()


def _batches(folder: Path, names: Sequence[str], files: dict[str, Path], workers: int) -> list[Batch]:
    """Cut the files into tasks."""
    sizes = {name: _size(files[name]) for name in names}
    limit = max(min(TASK_BYTES, sum(sizes.values()) // (TASKS_PER_WORKER * max(workers, 1))), 1)
    batches: list[list[str]] = []
    filled = limit
    for name in names:
        if filled >= limit:
            batches.append([])
            filled = 0
        batches[-1].append(name)
        filled += sizes[name]
    return [(str(folder), tuple(batch)) for batch in batches]


def _size(path: Path) -> int:
    """Return a file's size in bytes; of one that cannot be looked at, 0."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def score_batch(batch: Batch) -> list[Done]:
    """Return what came of each file of a batch; one that cannot be scored does not stop the others."""
    folder, names = batch
    return [_done(Path(folder) / name, name) for name in names]


def _done(path: Path, name: str) -> Done:
    row: dict[str, object] = {"file": name}
    try:
        data = _contents(path)
        row |= {"crc32": zlib.crc32(data), "versions": versions()}
        return name, _line(row | as_dict(score(read_bytes(data, name)))), ""
    except (DexkitError, OSError) as error:
        reason = str(error)
    except Exception as error:  # one file that shows a fault of ours must not lose the other thousand
        reason = f"dexkit failed on this file ({type(error).__name__}: {error}). Please report it."
    return name, _line(row | {"error": reason}), reason


def _line(row: Mapping[str, object]) -> Line:
    """Return a row as JSON; a byte of a name that is no UTF-8 becomes an escape and is read as it was."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()


def here(batches: Sequence[Batch]) -> Iterator[list[Done]]:
    """Score in this process, one after the other."""
    yield from map(score_batch, batches)


@contextmanager
def pool(workers: int) -> Iterator[tuple[Engine, int]]:
    """Yield an engine of this many processes on this machine, started already, and how many there are."""
    # A copy of this process has imported everything already, which takes longer than scoring ten recordings.
    # Beside other threads a copy could be left with a lock that nobody opens.
    alone = sys.platform == "linux" and threading.active_count() == 1
    with ProcessPoolExecutor(workers, mp_context=get_context("fork" if alone else "spawn")) as executor:
        executor.submit(int).result()  # starts the processes now, before others start threads

        def run(batches: Sequence[Batch]) -> Iterator[list[Done]]:
            for done in as_completed([executor.submit(score_batch, batch) for batch in batches]):
                yield done.result()

        yield run, workers


@contextmanager
def dask(address: str) -> Iterator[tuple[Engine, int]]:
    """Yield an engine on an existing Dask cluster and how many workers it has.

    Raises
    ------
    InputError
        When Dask is not installed or the cluster does not answer.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError:
        raise InputError("Dask is not installed. Install it with: pip install 'dexkit[scale]'.") from None
    try:
        client = Client(address, timeout="5s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask cluster answers at {address} ({type(error).__name__}). Probably its scheduler is not "
            "running. Start one with `dask scheduler`, or leave --dask out."
        ) from None

    def run(batches: Sequence[Batch]) -> Iterator[list[Done]]:
        futures = client.map(score_batch, batches, pure=False)
        for _, done in completed(futures, with_results=True):  # type: ignore[no-untyped-call]
            yield done

    with client:
        yield run, sum(client.nthreads().values())  # type: ignore[no-untyped-call]
