"""What follows from all steps of a calibration: lines, matrices, peg mass; an impossible run is refused."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.fit import ROOT2, CellFit, K, MotionFit, Point, Position, fit_cell, fit_motion
from dexkit.bench.judge import Rest
from dexkit.bench.steps import CELL_WORDS, Step, cells_of
from dexkit.bench.weights import N_PER_G
from dexkit.errors import InputError
from dexkit.hardware import load
from dexkit.link.news import Hello
from dexkit.protocol.tables import STREAMS
from dexkit.recording.calibration import Axes, Calibration

ACCEL, GYRO = ("ax_ms2", "ay_ms2", "az_ms2"), ("gx_rads", "gy_rads", "gz_rads")
#: Of the largest load: what a cell may bend, lag, scatter or run away before the run is refused.
BAD_SHARE = 0.005
#: Of the largest load: how uncertain (k = 2) a mass may be that is put on afterwards.
BAD_MASS = 0.03
#: What a position may be off (m/s2: about one degree), and an axis from its direction or scale.
BAD_MS2, BAD_TURN = 0.2, 0.15
#: What a cell may say beside while the cup lies on its side.
BAD_ASIDE_N = 0.3
DIGITS = 7


@dataclass(frozen=True)
class Taken:
    """What a step gave.

    Parameters
    ----------
    step
        Which.
    t_s
        When, by the driver's clock.
    rest
        By channel.
    contacts
        Of a walk, when each contact first closed.
    """

    step: Step
    t_s: float
    rest: Mapping[str, Rest] = field(default_factory=dict)
    contacts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pegs:
    """What a peg weighs.

    Parameters
    ----------
    mass_g, standard_g
        Of one, on average, and its standard uncertainty.
    """

    mass_g: float
    standard_g: float


@dataclass(frozen=True)
class Outcome:
    """What a calibration found.

    Parameters
    ----------
    calibration
        What boards and recordings carry.
    cells
        By channel.
    aside_n
        By channel and title of the position, what a cell of a cup said beside, without a load on it.
    motion, pegs
        None where the object has none.
    taken
        The steps.
    """

    calibration: Calibration
    cells: Mapping[str, CellFit]
    aside_n: Mapping[str, Mapping[str, float]]
    motion: MotionFit | None
    pegs: Pegs | None
    taken: tuple[Taken, ...]


def conclude(hello: Hello, taken: Sequence[Taken], made: str | None = None) -> Outcome:
    """Return the calibration of an object and what it stands on.

    Parameters
    ----------
    hello
        Who the board is.
    taken
        All steps.
    made
        When, UTC, as ``2026-11-30T12:00:00Z`` [now].

    Raises
    ------
    InputError
        When together the steps show a fault: says which.
    """
    cells = {column: _cell(taken, stream, column) for stream, column in cells_of(hello.object_kind)}
    motion = _motion(taken) if hello.object_kind == "cup" else None
    streams = {}
    for stream in dict.fromkeys(stream for stream, _ in cells_of(hello.object_kind)):
        fits = [cells[column] for name, column in cells_of(hello.object_kind) if name == stream]
        streams[stream] = _axes(
            np.diag([fit.gain for fit in fits]),
            [fit.offset_n for fit in fits],
            [fit.standard_n for fit in fits],
        )
    if motion is not None:
        matrix = np.eye(6)
        matrix[:3, :3] = motion.matrix
        streams["cup/motion"] = _axes(
            matrix,
            [*motion.offset_ms2, *-motion.bias_rads],
            [*[motion.standard_ms2] * 3, *motion.bias_standard_rads],
        )
    made = made or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    calibration = Calibration(hello.uid, hello.object_kind, made, streams)
    aside_n = _aside(taken, cells)
    return Outcome(calibration, cells, aside_n, motion, _peg_mass(taken, cells), tuple(taken))


def _cell(taken: Sequence[Taken], stream: str, column: str) -> CellFit:
    """Return the line of one cell; refuse one that cannot be right."""
    points = []
    for each in taken:
        free = column == "foot_n" and each.step.kind == "position" and each.step.up[2] == 1
        if each.step.kind == "load" or free:
            mass, rest = each.step.mass, each.rest[column]
            points.append(
                Point(
                    N_PER_G * (mass.mass_g if mass else 0.0),
                    N_PER_G * (mass.standard_g if mass else 0.0),
                    rest.mean,
                    rest.noise,
                    rest.samples,
                    each.step.way,
                    each.t_s,
                    stands=column == "foot_n" and not free,
                )
            )
    count_n = STREAMS[stream].scales[STREAMS[stream].columns.index(column)]
    fit = fit_cell(points, count_n, _creep(taken, column))
    most_n = BAD_SHARE * fit.full_n
    for what, found_n, cause in (
        ("drifts", abs(fit.drift_n), "the kit was warming up; let it run for some minutes"),
        ("lags", fit.hysteresis_n, "something rubs, or the cell was overloaded"),
        ("bends", fit.nonlinearity_n, "a mass was another one, touched beside, or the cell was overloaded"),
        ("does not repeat", fit.repeatability_n, "it was moved between the rounds, or a screw is loose"),
    ):
        if found_n > most_n:
            raise InputError(
                f"The {CELL_WORDS[column]} cell {what}: by {1000 * found_n:.0f} mN over the run, where "
                f"{1000 * most_n:.0f} are the most. Probably {cause}. Calibrate again."
            )
    mass_n = ROOT2 * K * fit.standard_n
    if mass_n > BAD_MASS * fit.full_n:
        largest = max(fit.budget, key=lambda each: each.standard).name
        cause = (
            "the masses are too uncertain"
            if largest == "reference masses"
            else "the two largest masses are too close together, or the cell creeps"
        )
        raise InputError(
            f"The {CELL_WORDS[column]} cell would be right to {mass_n / N_PER_G:.2g} g only, of "
            f"{fit.full_n / N_PER_G:g} g; most of it is {largest}. Probably {cause}. Calibrate again with "
            "others."
        )
    return fit


def _creep(taken: Sequence[Taken], column: str) -> float:
    """Return which part of a load came late, where one was left for long."""
    for before, each in pairwise(taken):
        if late := each.rest[column].late if column in each.rest else 0.0:
            return late / (each.rest[column].mean - before.rest[column].mean)
    return 0.0


def _motion(taken: Sequence[Taken]) -> MotionFit:
    """Return the motion sensor's matrix; refuse one that cannot be right."""
    steps = [each for each in taken if each.step.kind == "position"]
    positions = [
        Position(
            each.step.up,
            np.array([each.rest[axis].mean for axis in ACCEL]),
            np.array([each.rest[axis].mean for axis in GYRO]),
            np.array([each.rest[axis].noise for axis in ACCEL]),
            np.array([each.rest[axis].noise for axis in GYRO]),
            each.rest[ACCEL[0]].samples,
        )
        for each in steps
    ]
    fit = fit_motion(positions)
    off_ms2 = np.max(np.abs(fit.residual_ms2), axis=1)
    if off_ms2.max() > BAD_MS2:
        worst = steps[int(np.argmax(off_ms2))].step.title.lower()
        raise InputError(
            f"The six positions do not fit together, least of all {worst!r} ({off_ms2.max():.2f} m/s2). "
            "Probably the block stood on something, or the table is not level. Calibrate again."
        )
    turn = float(np.max(np.abs(fit.matrix - np.eye(3))))
    if turn > BAD_TURN:
        raise InputError(
            f"The motion sensor's axes are off by up to {100 * turn:.0f} %. Probably it is mounted askew, or "
            "the cup sat turned in its block. Look, and calibrate again."
        )
    return fit


def _aside(taken: Sequence[Taken], cells: Mapping[str, CellFit]) -> dict[str, dict[str, float]]:
    """Return what the cells of a cup say beside in each position, its foot plate's own weight apart."""
    aside: dict[str, dict[str, float]] = {}
    for column, fit in cells.items():
        steps = [each for each in taken if each.step.kind == "position"]
        plate_g = load("cup").mass_g["foot_plate"] if column == "foot_n" else 0.0
        assert isinstance(plate_g, float)
        plate_n = N_PER_G * plate_g
        aside[column] = {
            each.step.title: fit.gain * each.rest[column].mean
            + fit.offset_n
            - plate_n * (1.0 - each.step.up[2])
            for each in steps
        }
        for title, force_n in aside[column].items():
            if abs(force_n) > BAD_ASIDE_N:
                raise InputError(
                    f"The {CELL_WORDS[column]} cell says {force_n:.2f} N without a load when the cup is "
                    f"{title.lower()}. Probably something rubs or a wire pulls. Look, and calibrate again."
                )
    return aside


def _peg_mass(taken: Sequence[Taken], cells: Mapping[str, CellFit]) -> Pegs | None:
    """Return what a peg weighs, where pegs were weighed."""
    weighed = [each for each in taken if each.step.kind == "pegs"]
    if not weighed:
        return None
    empty, full = weighed
    fit, count = cells["tray_n"], full.step.pegs
    force_n = fit.gain * (full.rest["tray_n"].mean - empty.rest["tray_n"].mean)
    standard_n = float(np.hypot(np.sqrt(2.0) * fit.standard_n, fit.gain_standard * force_n))
    pegs = Pegs(force_n / N_PER_G / count, standard_n / N_PER_G / count)
    if pegs.mass_g < 3.0 * pegs.standard_g:
        raise InputError(
            f"Nine pegs weigh {count * pegs.mass_g:.2f} g together, which the tray does not feel. Probably "
            "they were not in the tray. Go back two steps, or calibrate again."
        )
    return pegs


def _axes(matrix: NDArray[np.float64], offset: Sequence[float], uncertainty: Sequence[float]) -> Axes:
    """Return the correction of a stream, its numbers rounded to what they are good for."""

    def short(value: float) -> float:
        return float(f"{value:.{DIGITS}g}")

    rows = tuple(tuple(short(each) for each in row) for row in matrix.tolist())
    return Axes(rows, tuple(map(short, offset)), tuple(short(each) for each in uncertainty))
