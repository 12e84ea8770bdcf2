"""How well the segmenters find what truly happened in the simulated world; F1, false lifts, latency.

Seeds 901 to 908 are held out: nobody looks at them while tuning a segmenter or the world. Tune on others.

    python -m benchmarks.accuracy [--seeds 901..908] [--severity moderate]
"""

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.race import Row
from dexkit.segment import segment_buttons, segment_coaster, segment_cup, segment_pegs
from dexkit.sim import SEVERITIES, make_scene
from dexkit.sim.matching import KIND_GROUPS, Agreement, agree, false_lifts

HELD_OUT = "901..908"
TOLERANCES_MS = (10, 20, 50, 100)
SEGMENT = {
    "cup": segment_cup,
    "coaster": segment_coaster,
    "button_board": segment_buttons,
    "pegboard": segment_pegs,
}
#: The bounds to reach at severity moderate: kind group, tolerance in ms, F1.
BOUNDS = (
    ("cup contacts", 50, 0.95),
    ("cup contacts", 20, 0.90),
    ("cup contacts", 10, 0.80),
    ("cup pour", 50, 0.93),
    ("buttons", 20, 0.99),
    ("holes", 20, 0.99),
    ("tray", 50, 0.95),
    ("coaster receive", 100, 0.93),
    ("coaster disturbed", 100, 0.93),
)
#: A pour must be known this long after its boundary.
POUR_KNOWN_MS = 150


class Result:
    """What was found in some scenes, against the truth."""

    def __init__(self, seeds: list[int], severity: str, rate_hz: float = 200.0) -> None:
        self._agreed: dict[tuple[str, int], Agreement] = {}
        self._late_s: dict[str, list[float]] = {group: [] for group in KIND_GROUPS}
        self._error_s: dict[str, list[float]] = {group: [] for group in KIND_GROUPS}
        self.false_lifts = 0
        self.wrong: list[str] = []
        for seed in seeds:
            for kind in ("cup", "button_board", "pegboard"):
                scene = make_scene(kind, severity, seed, rate_hz=rate_hz)
                for name, table in scene.tables.items():
                    found = SEGMENT[name](table, scene.rate_hz)
                    self._add(seed, name, found, scene.truth[name])

    def _add(self, seed: int, name: str, found: NDArray[np.void], true: NDArray[np.void]) -> None:
        if name == "cup":
            self.false_lifts += false_lifts(found, true)
        for group, (object_kind, kinds) in KIND_GROUPS.items():
            if object_kind != name:
                continue
            for tolerance_ms in TOLERANCES_MS:
                agreed = agree(found, true, self._tolerance_s(group, tolerance_ms), kinds)
                before = self._agreed.get((group, tolerance_ms), Agreement(0, 0, 0, ()))
                self._agreed[group, tolerance_ms] = before + agreed
            self._late_s[group] += [float(found["t_known_s"][i] - true["t_s"][j]) for i, j in agreed.pairs]
            self._error_s[group] += [float(found["t_s"][i] - true["t_s"][j]) for i, j in agreed.pairs]
            self._describe(seed, name, found, true, kinds, agreed)

    def _describe(
        self,
        seed: int,
        name: str,
        found: NDArray[np.void],
        true: NDArray[np.void],
        kinds: tuple[str, ...],
        agreed: Agreement,
    ) -> None:
        for word, events, side in (("false", found, 0), ("not found", true, 1)):
            paired = {pair[side] for pair in agreed.pairs}
            for i in np.flatnonzero(np.isin(events["kind"], kinds)).tolist():
                if i not in paired:
                    kind, channel, t_s = (events[i][field] for field in ("kind", "channel", "t_s"))
                    self.wrong.append(f"seed {seed} {name}: {word} {kind} channel {channel} at {t_s:.3f} s")

    @staticmethod
    def _tolerance_s(group: str, tolerance_ms: int) -> float:
        """Return the tolerance; a peg is missing from a moment that only seconds can tell."""
        return tolerance_ms / 1000.0 * (50.0 if group == "tray missing" else 1.0)

    def f1(self, group: str, tolerance_ms: int) -> float:
        """Return the F1 of this kind group at this tolerance."""
        return self._agreed[group, tolerance_ms].f1

    def counts(self, group: str) -> tuple[int, int]:
        """Return how many true and found events the group has."""
        agreed = self._agreed[group, TOLERANCES_MS[-1]]
        return agreed.true, agreed.found

    def late_ms(self, group: str, percent: float) -> float:
        """Return how long after its true time an event within 100 ms became known, as a percentile."""
        late_s = self._late_s[group]
        return 1000.0 * float(np.percentile(late_s, percent)) if late_s else float("nan")

    def error_ms(self, group: str) -> float:
        """Return the median error of events within 100 ms."""
        error_s = self._error_s[group]
        return 1000.0 * float(np.median(error_s)) if error_s else float("nan")


def seeds_of(text: str) -> list[int]:
    """Return the seeds that a text such as 901..908 or 1,2,5 names."""
    first, dots, last = text.partition("..")
    return list(range(int(first), int(last) + 1)) if dots else [int(part) for part in text.split(",")]


def rows() -> Iterator[Row]:
    """Yield each bound on the held-out seeds as a line of the table of races: the figure is the F1."""
    result = Result(seeds_of(HELD_OUT), "moderate")
    for group, tolerance_ms, goal in BOUNDS:
        what = f"F1 of {group} at {tolerance_ms} ms"
        known = f"known after {result.late_ms(group, 95):.0f} ms (95 %)"
        yield Row(what, "the true events", result.f1(group, tolerance_ms), goal, known, "not a ratio: the F1")
    late_ms = result.late_ms("cup pour", 95)
    what = f"{POUR_KNOWN_MS} ms over the time until a pour is known (95 %)"
    yield Row(what, "the true events", POUR_KNOWN_MS / late_ms, 1.0, f"{late_ms:.0f} ms")
    yield Row(
        "1 over 1 plus false lifts",
        "the true events",
        1 / (1 + result.false_lifts),
        1.0,
        str(result.false_lifts),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=HELD_OUT, help="first..last or a,b,c")
    parser.add_argument("--severity", default="moderate", choices=SEVERITIES)
    parser.add_argument("--rate", type=float, default=200.0, help="samples per second")
    parser.add_argument("--wrong", action="store_true", help="list what is false or not found within 100 ms")
    options = parser.parse_args()
    result = Result(seeds_of(options.seeds), options.severity, options.rate)
    table = Table(title=f"F1 against the truth, severity {options.severity}, seeds {options.seeds}")
    for head in ("events", "true", "found", *(f"{ms} ms" for ms in TOLERANCES_MS)):
        table.add_column(head, justify="left" if head == "events" else "right")
    table.add_column("median error ms", justify="right")
    table.add_column("known after ms: median, 95 %", justify="right")
    for group in KIND_GROUPS:
        true, found = result.counts(group)
        values = []
        for ms in TOLERANCES_MS:
            goal = next((f1 for name, at_ms, f1 in BOUNDS if (name, at_ms) == (group, ms)), None)
            value = result.f1(group, ms)
            mark = "" if goal is None else (" >= " if value >= goal else " < ") + f"{goal:g}"
            values.append(f"{value:.3f}{mark}")
        late = f"{result.late_ms(group, 50):.0f}, {result.late_ms(group, 95):.0f}"
        table.add_row(group, str(true), str(found), *values, f"{result.error_ms(group):+.1f}", late)
    console = Console(width=140)
    console.print(table)
    console.print(f"false lifts: {result.false_lifts}; 'tray missing' is judged at 50 times the tolerance")
    if options.wrong:
        console.print("\n".join(result.wrong))


if __name__ == "__main__":
    main()
