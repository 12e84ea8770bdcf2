"""Races of the cup segmenter: its contacts against numba, against a lab script, and from a cold start."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.race import Row, race, ratio
from dexkit.core import ffi, lib
from dexkit.protocol.tables import EVENT_ID, OBJECT_ID, SETTINGS
from dexkit.segment import segment_cup
from dexkit.sim import make_scene
from dexkit.sim.matching import agree

SEEDS = (1, 2)
POURS = {EVENT_ID["cup"]["pour_on"], EVENT_ID["cup"]["pour_off"]}
#: Events that one recording may have.
PLACES = 4096
RATE_HZ = 200.0

NUMBA_IMPORT = """
import numpy as np
from benchmarks.segment_numba import contacts
contacts(np.zeros((2000, 8), np.float32), 200.0)
"""
OUR_IMPORT = """
import numpy as np
from dexkit.segment import segment_cup
segment_cup(np.zeros((2000, 8), np.float32), 200.0)
"""


def lab_script(foot_n: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return where a median of five crosses a tenth and a quarter of the weight: the usual numpy script."""
    padded = np.concatenate([foot_n[:1], foot_n[:1], foot_n, foot_n[-1:], foot_n[-1:]])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    weight_n = np.percentile(smooth, 90)
    above, below = smooth > 0.25 * weight_n, smooth < 0.1 * weight_n
    known = np.where(above, 1, np.where(below, 0, -1))
    held = known[np.maximum.accumulate(np.where(known >= 0, np.arange(len(known)), 0))]
    return np.flatnonzero(np.diff(held))


def without_liquid(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a cup's table whose inner load was never measured, so that the contacts alone are raced."""
    dry = table.copy()
    dry[:, 1] = np.nan
    return dry


def our_contacts(tables: list[NDArray[np.float32]]) -> list[tuple[int, int]]:
    """Return (kind, index) of every event that is not a pour, straight from C."""
    found = []
    settings = list(SETTINGS["cup"].values())
    events = ffi.new("dk_events *")
    items = ffi.new("dk_event[]", PLACES)
    events.items, events.capacity = items, PLACES
    for table in tables:
        segmenter = ffi.gc(
            lib.dk_segmenter_new(OBJECT_ID["cup"], RATE_HZ, settings, len(settings)), lib.dk_segmenter_free
        )
        events.count = 0
        if lib.dk_segmenter_push(segmenter, ffi.from_buffer("float[]", table), len(table), events) < len(
            table
        ):
            raise RuntimeError("more events than places")
        found += [(items[i].kind, items[i].index) for i in range(events.count) if items[i].kind not in POURS]
    return found


def cold(script: str, runs: int = 5) -> float:
    """Return the median seconds of a fresh process that runs this script."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def rows() -> Iterator[Row]:
    """Yield the races; F1 of the raced events stands beside the time."""
    scenes = [make_scene("cup", "moderate", seed) for seed in SEEDS]
    tables = [without_liquid(scene.tables["cup"]) for scene in scenes]
    feet = [np.ascontiguousarray(table[:, 0]) for table in tables]
    n = sum(map(len, tables))
    quality = [
        agree(segment_cup(scene.tables["cup"], RATE_HZ), scene.truth["cup"], 0.05, ("lift", "put"))
        for scene in scenes
    ]
    f1 = f"F1@50 {statistics.mean(one.f1 for one in quality):.3f}"
    note = ""
    try:
        from benchmarks.segment_numba import contacts
    except ImportError:
        contacts = None
        note = "numba is not installed"
    contestants = {
        "ours": lambda: our_contacts(tables),
        "script": lambda: [lab_script(foot) for foot in feet],
    }
    if contacts is not None:
        contestants["numba"] = lambda: [tuple(e) for one in tables for e in contacts(one, RATE_HZ).tolist()]
        if contestants["numba"]() != contestants["ours"]():
            raise AssertionError("numba and C disagree about the contacts")
    seconds = race(contestants)
    ours_ns = 1e9 * statistics.median(seconds["ours"]) / n
    figure = f"{ours_ns:.1f} ns/sample, {f1}"
    yield Row(
        "cup contacts",
        "numba, same algorithm",
        ratio(seconds, "numba", "ours") if contacts else 0.0,
        1 / 0.85,
        figure,
        note or "same 8 columns without inner load, same events; numba goes sample by sample, ours by blocks",
    )
    yield Row(
        "cup contacts, whole archive",
        "numpy median + hysteresis",
        ratio(seconds, "script", "ours"),
        60.0,
        figure,
        "one recording at a time: lanes for several are not built; ours also times bumps and failed lifts",
    )
    if contacts is not None:
        yield Row(
            "cold start to the first event",
            "numba import + JIT",
            cold(NUMBA_IMPORT) / cold(OUR_IMPORT),
            10.0,
            "median of 5 processes",
        )
