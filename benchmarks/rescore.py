"""Scoring an archive again: workers against one process, Dask against the pool, and times real time."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import psutil  # comes with distributed

from benchmarks.race import Row
from dexkit.recording import read, table, write
from dexkit.score.rescore import Engine, dask, here, pool, rescore
from dexkit.score.scoring import SCORERS
from dexkit.segment import segment_cup
from dexkit.sim import make_scene

#: Long enough that handing out tasks and the unequal ends of the workers do not count.
COPIES = 10
ROUNDS = 3


def make_archive(folder: Path) -> float:
    """Write an archive of pours, buttons and pegs; return how many seconds were recorded."""
    recorded_s = 0.0
    for kind in ("cup", "button_board", "pegboard"):
        for seed in (1, 2):
            scene = make_scene(kind, severity="moderate", seed=seed)
            recorded_s += COPIES * scene.duration_s
            write(folder / f"{kind}-{seed}-0.mcap", scene.recording())
            data = (folder / f"{kind}-{seed}-0.mcap").read_bytes()
            for copy in range(1, COPIES):
                (folder / f"{kind}-{seed}-{copy}.mcap").write_bytes(data)
    return recorded_s


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Return the processor time that these processes have used so far."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def spin(turns: int) -> float:
    """Return how long an empty loop takes."""
    start = time.perf_counter()
    for _ in range(turns):
        pass
    return time.perf_counter() - start


def gain(spinners: Pool, turns: int = 20_000_000) -> float:
    """Return how much two processes gain on this machine at this moment: 2 where nothing else runs."""
    return 2 * spinners.apply(spin, (turns,)) / max(spinners.map(spin, [turns, turns], 1))


def timed(
    folder: Path, engine: Engine, workers: int, processes: Sequence[psutil.Process]
) -> tuple[float, float, bytes]:
    """Return seconds and processor seconds of scoring the archive anew, and the bytes written."""
    out = folder.parent / "scores.jsonl"
    out.unlink(missing_ok=True)
    start, used = time.perf_counter(), cpu_s(processes)
    rescore(folder, out, engine, workers)
    return time.perf_counter() - start, cpu_s(processes) - used, out.read_bytes()


def rows() -> Iterator[Row]:
    """Yield the races; outputs that differ stop them."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "archive"
        folder.mkdir()
        recorded_s = make_archive(folder)
        size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        me = psutil.Process()
        start = time.perf_counter()
        # The pool comes first: its processes are copies of this one as long as it has no other threads.
        with pool(2) as (pool_engine, _), ExitStack() as stack:
            started_s = time.perf_counter() - start
            mine = [me, *me.children()]
            cluster = stack.enter_context(
                LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
            )
            cluster_engine, _ = stack.enter_context(dask(cluster.scheduler_address))
            theirs = [me, *(each for each in me.children(recursive=True) if each not in mine)]
            spinners = stack.enter_context(get_context("spawn").Pool(2))
            timed(folder, cluster_engine, 2, theirs)  # its workers import once
            engines = {
                "one": (here, 1, [me]),
                "pool": (pool_engine, 2, mine),
                "dask": (cluster_engine, 2, theirs),
            }
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
            gains = []
            for _ in range(ROUNDS):
                gains.append(gain(spinners))
                written = set()
                for name, (engine, workers, processes) in engines.items():
                    seconds, used_s, data = timed(folder, engine, workers, processes)
                    taken[name].append((seconds, used_s))
                    written.add(data)
                if len(written) != 1:
                    raise AssertionError("The engines wrote different bytes.")
        (one, one_cpu), (two, two_cpu), (many, many_cpu) = (
            np.median(taken[name], axis=0).tolist() for name in engines
        )
        archive = f"{recorded_s / 3600:.1f} h ({size_mb:.0f} MB) in"
        yield Row(
            "rescore, 2 processes",
            "1 process",
            one / two,
            1.9,
            f"{archive} {two:.1f} s, efficiency {one_cpu / two_cpu:.0%} (processor time)",
            f"started in {started_s:.2f} s; two empty loops gain {np.median(gains):.2f} here and now",
        )
        yield Row(
            "rescore, 2 processes",
            "Dask, 2 workers",
            many / two,
            1.0,
            f"{many:.1f} s with Dask, efficiency {one_cpu / many_cpu:.0%}",
        )
        yield _real_time("rescore, one core", one_cpu, recorded_s, "from files, processor time")
        yield from _parts(folder)


def _real_time(what: str, taken_s: float, recorded_s: float, note: str) -> Row:
    return Row(what, "real time", recorded_s / taken_s, 100_000.0, f"{taken_s:.3f} s", note)


def _parts(folder: Path) -> Iterator[Row]:
    """Yield times real time of each step of scoring one pour recording."""
    path = next(folder.glob("cup-1-*.mcap"))
    recording = read(path)
    samples, rate_hz, _ = table(recording, "cup")
    recorded_s = len(samples) / rate_hz
    steps = {
        "read": lambda: read(path),
        "table": lambda: table(recording, "cup"),
        "segment": lambda: segment_cup(samples, rate_hz),
        "all after reading": lambda: SCORERS["cup"](recording),
    }
    for name, step in steps.items():
        taken = []
        for _ in range(5):
            start = time.process_time()
            step()
            taken.append(time.process_time() - start)
        yield _real_time(
            f"rescore: {name}", float(np.median(taken)), recorded_s, "one pour recording, processor time"
        )
