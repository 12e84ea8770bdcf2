"""The error budget held against chance: `python -m tests.budget_trials TRIALS` prints one table.

A person does a test once; TRIALS kits feel it, each with a calibration that is off as its stated uncertainty
allows and with samples taken at moments of its own. What their scores scatter by is what the budget must say.
"""

import sys
from dataclasses import dataclass

import numpy as np

from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording import Recording, Stream
from dexkit.recording.calibration import Axes, Calibration
from dexkit.score.budget import standard
from dexkit.score.scoring import score, with_budget
from dexkit.sim import make_scene

UID = "00112233aabbccdd"
#: Standard uncertainties of a good bench, by the column's unit.
BENCH = {"n": 0.003, "ms2": 0.03, "rads": 0.002}
#: Largest value at which a scale's uncertainty is reached, as docs/measures.md says.
LARGEST = {"n": 5.0, "ms2": 9.80665, "rads": 5.0}
PLAYS = {
    "cup": {"severity": "mild", "seed": 5, "test": "ftm14"},
    "button_board": {"severity": "mild", "seed": 56},
    "pegboard": {"severity": "mild", "seed": 32},
}


@dataclass(frozen=True)
class Line:
    """One number of one object: what the kits' scores scatter by, and what the budget says."""

    kind: str
    measure: str
    unit: str
    scatter: float
    budget: float

    @property
    def ratio(self):
        return self.budget / self.scatter if self.scatter else float("inf")


def unit_of(column):
    return column.rpartition("_")[2]


def streams_of(kind):
    kinds = ("cup", "coaster") if kind == "cup" else (kind,)
    return [name for name in STREAMS if name.split("/")[0] in kinds]


def calibration(kind, rng=None):
    """Return a calibration that changes nothing; with chance, one that is off as its uncertainty allows."""
    streams = {}
    for name in (name for name in STREAMS if name.startswith(f"{kind}/")):
        columns = STREAMS[name].columns
        if unit_of(columns[0]) not in BENCH:
            continue
        u = np.array([BENCH[unit_of(column)] for column in columns])
        largest = np.array([LARGEST[unit_of(column)] for column in columns])
        zero, scale = (rng.normal(size=(2, len(u))) if rng else np.zeros((2, len(u)))) * (u, u / largest)
        matrix = tuple(map(tuple, np.diag(1.0 + scale).tolist()))
        streams[name] = Axes(matrix, tuple(zero.tolist()), tuple(u.tolist()))
    return Calibration(UID, kind, "2026-11-30T12:00:00Z", streams)


def felt(scene, kind, late):
    """Return what a kit records whose samples are late by these shares of a period, by stream."""
    streams = {}
    for name, share in late.items():
        facts = STREAMS[name]
        t_s = (np.arange(int(scene.duration_s * facts.rate_hz)) + share) / facts.rate_hz
        board = name.split("/")[0]
        columns = [TABLE[board].index(column) for column in facts.columns]
        streams[name] = Stream(
            name, facts.columns, t_s, scene.worlds[board].read(t_s, columns), facts.rate_hz
        )
    return Recording(kind, dict(scene.meta), streams)


def trials(kind, count, seed=1):
    """Yield a Line for each number that the budget names and that all kits measured."""
    scene, rng = make_scene(kind, **PLAYS[kind]), np.random.default_rng(seed)
    boards = ("cup", "coaster") if kind == "cup" else (kind,)
    names = streams_of(kind)
    steady = felt(scene, kind, dict.fromkeys(names, 0.5))
    stated = {board: calibration(board) for board in boards}
    result = with_budget(score(steady, stated), stated)
    found = {}
    for _ in range(count):
        off = {board: calibration(board, rng) for board in boards}
        late = dict(zip(names, rng.uniform(size=len(names)), strict=True))
        for value in score(felt(scene, kind, late), off).scored.values:
            if value.value is not None:
                found.setdefault(value.id, []).append(value.value)
    units = {value.id: value.measure.unit for value in result.scored.values}
    for name, shares in result.budget.items():
        if len(found.get(name, ())) == count:
            yield Line(kind, name, units[name], float(np.std(found[name], ddof=1)), standard(shares))


def main(count):
    """Print the table."""
    print(f"{'object':13} {'number':34} {'unit':6} {'scatter':>9} {'budget':>9}  ratio")
    for kind in PLAYS:
        for line in trials(kind, count):
            sizes = f"{line.scatter:9.4f} {line.budget:9.4f}  {line.ratio:.2f}"
            print(f"{kind:13} {line.measure:34} {line.unit:6} {sizes}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
