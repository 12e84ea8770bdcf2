"""Scoring an archive again: workers against one process, Dask against the pool, and times real time."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.race import Row
from dexkit.recording import read, table, write
from dexkit.score.rescore import Engine, dask, here, pool, rescore
from dexkit.score.scoring import SCORERS
from dexkit.segment import segment_cup
from dexkit.sim import make_scene

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


def timed(folder: Path, engine: Engine, workers: int) -> tuple[float, bytes]:
    """Return seconds of scoring the archive anew, workers already started, and the bytes written."""
    out = folder.parent / "scores.jsonl"
    out.unlink(missing_ok=True)
    start = time.perf_counter()
    rescore(folder, out, engine, workers)
    return time.perf_counter() - start, out.read_bytes()


def rows() -> Iterator[Row]:
    """Yield the races; outputs that differ stop them."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "archive"
        folder.mkdir()
        recorded_s = make_archive(folder)
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            dask(cluster.scheduler_address) as (cluster_engine, _),
        ):
            timed(folder, cluster_engine, 2)  # workers import once
            engines = {"one": (here, 1), "pool": (pool(2), 2), "dask": (cluster_engine, 2)}
            seconds: dict[str, list[float]] = {name: [] for name in engines}
            for _ in range(ROUNDS):
                written = set()
                for name, (engine, workers) in engines.items():
                    taken, data = timed(folder, engine, workers)
                    seconds[name].append(taken)
                    written.add(data)
                if len(written) != 1:
                    raise AssertionError("The engines wrote different bytes.")
        one, two, many = (float(np.median(seconds[name])) for name in ("one", "pool", "dask"))
        figure = f"{recorded_s / 3600:.1f} h in {two:.1f} s"
        yield Row(
            "rescore, 2 processes", "1 process", one / two, 1.9, figure, "start of the workers included"
        )
        yield Row("rescore, 2 processes", "Dask, 2 workers", many / two, 1.0, f"{many:.1f} s with Dask")
        yield _real_time("rescore, one core", one, recorded_s, "from files")
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
            start = time.perf_counter()
            step()
            taken.append(time.perf_counter() - start)
        yield _real_time(f"rescore: {name}", float(np.median(taken)), recorded_s, "one pour recording")
