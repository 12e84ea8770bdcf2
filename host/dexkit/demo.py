"""The demonstration: three simulated people at three virtual objects, recorded, scored, made into pages."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from dexkit.link.ports import Plug, add_urls
from dexkit.link.record import record
from dexkit.report.page import write_index, write_page
from dexkit.score.scoring import Result, score_file
from dexkit.sim import make_scene


@dataclass(frozen=True)
class Act:
    """One person at one object.

    Parameters
    ----------
    name
        Of the files.
    objects
        Which boards take part.
    severity, seed, test
        As for `make_scene`.
    """

    name: str
    objects: tuple[str, ...]
    severity: str
    seed: int
    test: str = ""

    def urls(self) -> list[str]:
        """Return the ports of its virtual boards, which run as fast as they can."""
        test = f"&test={self.test}" if self.test else ""
        return [
            f"sim:{kind}?person={self.severity}&seed={self.seed}{test}&speed=fast" for kind in self.objects
        ]

    def facts(self) -> dict[str, str]:
        """Return what a person would type in before recording."""
        meta = make_scene(self.objects[0], self.severity, self.seed, test=self.test).meta
        return {key: meta[key] for key in ("person", "severity", "hand", "test", "seed")}


ACTS = (
    Act("pour", ("cup", "coaster"), "moderate", 57, "ftm14"),
    Act("buttons", ("button_board",), "mild", 56),
    Act("pegs", ("pegboard",), "mild", 32),
)


def play(act: Act, folder: Path) -> Result:
    """Record one act over virtual ports, score it and write its page.

    Parameters
    ----------
    act
        What is done.
    folder
        Where recording and page go; older ones of the same name are replaced.

    Raises
    ------
    DexkitError, OSError
        When something cannot be recorded, scored or written.
    """
    add_urls("dexkit.sim")
    path, part = folder / f"{act.name}.mcap", folder / f".{act.name}.part.mcap"
    part.unlink(missing_ok=True)
    try:
        record([Plug(url) for url in act.urls()], part, meta=act.facts())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    result = score_file(path)
    write_page(result, path.name, folder / f"{act.name}.html")
    return result


def demonstrate(folder: Path) -> Iterator[tuple[Act, Result]]:
    """Play all acts side by side; yield each with its score, and write a page that leads to all.

    Parameters
    ----------
    folder
        Where everything goes; it must exist.

    Raises
    ------
    DexkitError, OSError
        As `play`.
    """
    # A copy of this process has imported everything already; beside other threads it could hold a lost lock.
    alone = os.name == "posix" and threading.active_count() == 1
    entries = []
    with ProcessPoolExecutor(len(ACTS), mp_context=get_context("fork" if alone else "spawn")) as pool:
        played = [pool.submit(play, act, folder) for act in ACTS]
        for act, done in zip(ACTS, played, strict=True):
            result = done.result()
            entries.append((f"{act.name}.html", result))
            yield act, result
    write_index(entries, folder / "index.html")
