"""From captures to a calibration: lines and matrices by least squares, each with its budget of uncertainty.

Uncertainties follow the GUM (JCGM 100:2008): each contribution is a standard uncertainty, combined as the
root of the sum of squares, expanded with k = 2. Forces and accelerations are conventional: 1 g presses with
9.80665 mN, at rest stands 9.80665 m/s2, wherever the bench is; so grams are right everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.weights import STANDARD_MS2

Floats = NDArray[np.float64]

#: Expanded uncertainty is this many standard ones: about 95 %.
K = 2.0
ROOT2, ROOT3, ROOT12 = math.sqrt(2.0), math.sqrt(3.0), math.sqrt(12.0)
#: How far a cup's axis may be off where it should be: a table set with a bubble level, which all positions
#: share, and each side of the block.
TABLE_DEG, BLOCK_DEG = 0.2, 0.2


@dataclass(frozen=True)
class Contribution:
    """One row of a budget.

    Parameters
    ----------
    name
        What makes the value uncertain.
    standard
        Standard uncertainty, in the budget's unit.
    how
        How it was found: type A from the run itself, type B from elsewhere; the distribution.
    """

    name: str
    standard: float
    how: str


@dataclass(frozen=True)
class Point:
    """One reading of a load cell at rest.

    Parameters
    ----------
    load_n, load_standard_n
        Force of the known masses on it, and its standard uncertainty.
    reading_n
        What the cell said, nominal.
    noise_n
        Standard deviation of a sample about it.
    samples
        How many.
    way
        1 on the way up, -1 on the way down, 0 where nothing lay on it before either.
    t_s
        When, since the first.
    stands
        Whether an object's own, unknown weight was on the cell, too.
    """

    load_n: float
    load_standard_n: float
    reading_n: float
    noise_n: float
    samples: int
    way: int
    t_s: float
    stands: bool = False


@dataclass(frozen=True)
class CellFit:
    """A load cell: true = gain * nominal + offset_n.

    Parameters
    ----------
    gain, offset_n
        As said.
    gain_standard, offset_standard_n
        Their standard uncertainties, drift and all that bends the line included.
    own_n
        The object's own weight where it stood on the cell; 0 where none did.
    budget
        What makes a corrected force uncertain, at the largest load.
    residual_n
        (n): corrected minus true, for each point.
    repeatability_n, hysteresis_n, nonlinearity_n, creep, drift_n
        Standard deviation of repeated readings; largest difference between up and down; largest mean
        deviation from the line; part of a load that came late; how far the zero ran away.
    drift_standard_n
        Standard uncertainty of that.
    noise_n
        Of one sample at rest, rms.
    full_n
        Largest load.
    """

    gain: float
    offset_n: float
    gain_standard: float
    offset_standard_n: float
    own_n: float
    budget: tuple[Contribution, ...]
    residual_n: tuple[float, ...]
    repeatability_n: float
    hysteresis_n: float
    nonlinearity_n: float
    creep: float
    drift_n: float
    drift_standard_n: float
    noise_n: float
    full_n: float

    @property
    def standard_n(self) -> float:
        """Combined standard uncertainty of a corrected force."""
        return combined(self.budget)


def combined(budget: Sequence[Contribution]) -> float:
    """Return the combined standard uncertainty of a budget (GUM 5.1.2)."""
    return math.hypot(*(each.standard for each in budget))


def enlarged(freedom: int) -> float:
    """Return by how much a standard deviation of so few degrees of freedom is too small (JCGM 101, 6.4.9)."""
    return math.sqrt(freedom / (freedom - 2.0)) if freedom > 2 else 2.0


def line(points: Sequence[Point]) -> tuple[Floats, Floats, Floats]:
    """Return gain, offset, drift in N/s and own weight by weighted least squares; covariance; residuals.

    Solved is load = gain * reading + offset - drift * t - own weight.
    """
    load_n = np.array([point.load_n for point in points])
    t_s = np.array([point.t_s for point in points])
    columns = [np.array([point.reading_n for point in points]), np.ones(len(points))]
    if len(points) > 4:
        columns.append(-(t_s - t_s.mean()))
    if any(point.stands for point in points):
        columns.append(-np.array([float(point.stands) for point in points]))
    design = np.stack(columns, axis=1)
    spread_n = np.array([point.noise_n / math.sqrt(point.samples) for point in points])
    weight = 1.0 / np.maximum(spread_n, 1e-6)
    solved = np.linalg.lstsq(design * weight[:, None], load_n * weight, rcond=None)[0]
    residual_n = design @ solved - load_n
    left = max(len(points) - design.shape[1], 1)
    scatter = enlarged(left) ** 2 * float(np.sum((residual_n * weight) ** 2)) / left
    covariance = np.linalg.pinv((design * weight[:, None]).T @ (design * weight[:, None])) * max(scatter, 1.0)
    whole = np.zeros(4)
    places = [0, 1] + ([2] if len(points) > 4 else []) + ([3] if any(p.stands for p in points) else [])
    whole[places] = solved
    full = np.zeros((4, 4))
    full[np.ix_(places, places)] = covariance
    return whole, full, residual_n


def fit_cell(points: Sequence[Point], count_n: float, creep: float = 0.0) -> CellFit:
    """Return a load cell's line and its budget.

    Parameters
    ----------
    points
        In the order in which they were taken: two or more masses, up and down, with the empty cell.
    count_n
        Nominal force of one count.
    creep
        Part of a load that came late, as a load was left on the cell.
    """
    (gain, offset_n, drift_n_s, own_n), covariance, residual_n = line(points)
    full_n = max(point.load_n for point in points)
    span_s = max(point.t_s for point in points) - min(point.t_s for point in points)
    drift_n = float(drift_n_s) * span_s
    groups: dict[tuple[float, bool, int], list[float]] = {}
    for point, residual in zip(points, residual_n, strict=True):
        groups.setdefault((point.load_n, point.stands, point.way), []).append(float(residual))
    again = [np.var(group, ddof=1) for group in groups.values() if len(group) > 1]
    freedom = sum(len(group) - 1 for group in groups.values())
    repeatability_n = math.sqrt(float(np.mean(again))) if again else float(np.std(residual_n))
    scattered_n = enlarged(freedom) * repeatability_n
    late_n = math.hypot(creep * full_n, ROOT2 * scattered_n)  # the difference of two readings
    widths, deviations = [0.0], []
    for load_n, stands in {(load_n, stands) for load_n, stands, _ in groups}:
        ways = [groups[key] for way in (1, -1) if (key := (load_n, stands, way)) in groups]
        if len(ways) == 2:
            widths.append(abs(float(np.mean(ways[0]) - np.mean(ways[1]))))
        alike = [value for key, group in groups.items() if key[:2] == (load_n, stands) for value in group]
        deviations.append(abs(float(np.mean(alike))))
    hysteresis_n, nonlinearity_n = max(widths), max(deviations)
    noise_n = float(gain) * math.sqrt(float(np.mean([point.noise_n**2 for point in points])))
    at_full = np.array([full_n / gain, 1.0])
    budget = (
        Contribution(
            "reference masses",
            max(point.load_standard_n for point in points),
            "B, limits of their class, rectangular, added linearly",
        ),
        Contribution("line", math.sqrt(float(at_full @ covariance[:2, :2] @ at_full)), "A, least squares"),
        Contribution("repeatability", scattered_n, f"A, the same load again, {freedom} degrees of freedom"),
        Contribution("hysteresis", hysteresis_n / 2.0 / ROOT3, "A, half of up minus down, rectangular"),
        Contribution("non-linearity", nonlinearity_n / ROOT3, "A, largest mean deviation, rectangular"),
        Contribution("creep", late_n / ROOT3, "A, what came late, rectangular"),
        Contribution("drift of zero", abs(drift_n) / 2.0 / ROOT3, "A, half of the run's drift, rectangular"),
        Contribution("resolution", float(gain) * count_n / ROOT12, "B, one count, rectangular"),
    )
    part = dict(zip((each.name for each in budget), budget, strict=True))
    lags_n = math.hypot(*(part[name].standard for name in ("hysteresis", "repeatability")))
    bends_n = math.hypot(lags_n, part["non-linearity"].standard)
    scales_n = math.hypot(bends_n, part["creep"].standard, part["reference masses"].standard)
    return CellFit(
        gain=float(gain),
        offset_n=float(offset_n),
        gain_standard=math.hypot(math.sqrt(float(covariance[0, 0])), gain * scales_n / full_n),
        offset_standard_n=math.hypot(
            math.sqrt(float(covariance[1, 1])), bends_n, part["drift of zero"].standard
        ),
        own_n=float(own_n),
        budget=budget,
        residual_n=tuple(float(each) for each in residual_n),
        repeatability_n=repeatability_n,
        hysteresis_n=hysteresis_n,
        nonlinearity_n=nonlinearity_n,
        creep=creep,
        drift_n=drift_n,
        drift_standard_n=math.hypot(math.sqrt(float(covariance[2, 2])) * span_s, ROOT2 * scattered_n),
        noise_n=noise_n,
        full_n=full_n,
    )


@dataclass(frozen=True)
class Position:
    """The motion sensor at rest in one position.

    Parameters
    ----------
    up
        Which axis of the object looks up, as a unit vector.
    accel_ms2, gyro_rads
        (3): mean of what it said, nominal.
    accel_noise_ms2, gyro_noise_rads
        (3): standard deviation of a sample about it.
    samples
        How many.
    """

    up: tuple[float, float, float]
    accel_ms2: Floats
    gyro_rads: Floats
    accel_noise_ms2: Floats
    gyro_noise_rads: Floats
    samples: int


@dataclass(frozen=True)
class MotionFit:
    """A motion sensor: accelerometer true = matrix @ nominal + offset; gyroscope true = nominal - bias.

    Parameters
    ----------
    matrix, offset_ms2
        (3, 3) and (3).
    matrix_standard, offset_standard_ms2
        Their standard uncertainties.
    bias_rads, bias_standard_rads
        (3): of the gyroscope. Its scale is not determined.
    accel_noise_ms2, gyro_noise_rads
        (3): of one sample at rest, rms.
    residual_ms2
        (n, 3): corrected minus true.
    budget
        What makes a corrected acceleration uncertain, in m/s2.
    tilt_standard_deg
        Standard uncertainty of a tilt from corrected accelerations at rest.
    """

    matrix: Floats
    offset_ms2: Floats
    matrix_standard: Floats
    offset_standard_ms2: Floats
    bias_rads: Floats
    bias_standard_rads: Floats
    accel_noise_ms2: Floats
    gyro_noise_rads: Floats
    residual_ms2: Floats
    budget: tuple[Contribution, ...]
    tilt_standard_deg: float

    @property
    def standard_ms2(self) -> float:
        """Combined standard uncertainty of a corrected acceleration."""
        return combined(self.budget)


def fit_motion(
    positions: Sequence[Position], table_deg: float = TABLE_DEG, block_deg: float = BLOCK_DEG
) -> MotionFit:
    """Return the motion sensor's matrix, offset and bias from at least six positions at rest.

    Parameters
    ----------
    positions
        Each axis up and down.
    table_deg, block_deg
        How far all positions together, and each of them, may be off, either way.
    """
    said = np.stack([position.accel_ms2 for position in positions])
    ups = np.array([position.up for position in positions])
    true = STANDARD_MS2 * ups
    design = np.hstack([said, np.ones((len(said), 1))])
    inverse = np.linalg.pinv(design)  # (4, n): each parameter is a weighted sum of what was true
    solved = inverse @ true
    residual_ms2 = design @ solved - true
    left = 3 * (len(positions) - 4)
    rest_ms2 = enlarged(left) * math.sqrt(float(np.sum(residual_ms2**2)) / left)
    mean_ms2 = max(float(np.max(each.accel_noise_ms2)) / math.sqrt(each.samples) for each in positions)
    table_ms2, block_ms2 = (STANDARD_MS2 * math.radians(deg) / ROOT3 for deg in (table_deg, block_deg))
    # A small turn moves what lies across gravity, and shortens a bit what lies along it. That and the table
    # are the same in all positions, so their parts add up; the block's sides are each for itself.
    along_ms2 = STANDARD_MS2 * math.radians(table_deg + block_deg) ** 2 / ROOT3
    across = 1.0 - np.abs(ups)
    common = table_ms2 * across + along_ms2 * (1.0 - across)
    each = (block_ms2 * across) ** 2 + mean_ms2**2
    spread = np.hypot(np.abs(inverse) @ common, np.sqrt(inverse**2 @ each))  # (4, 3)
    gyro = np.stack([position.gyro_rads for position in positions])
    gyro_noise = np.sqrt(np.mean([position.gyro_noise_rads**2 for position in positions], axis=0))
    bias_standard = np.hypot(
        np.std(gyro, axis=0, ddof=1) / math.sqrt(len(gyro)),
        gyro_noise / math.sqrt(sum(position.samples for position in positions)),
    )
    budget = (
        Contribution(
            "table not level", table_ms2, f"B, ±{table_deg:g}°, rectangular, in all positions alike"
        ),
        Contribution(
            "block not square", block_ms2 / ROOT2, f"B, ±{block_deg:g}°, rectangular, two positions"
        ),
        Contribution("fit", rest_ms2 / ROOT2, f"A, residuals, {left} degrees of freedom, two positions"),
        Contribution("noise of a mean", mean_ms2, "A"),
    )
    tilt = math.degrees(ROOT2 * combined(budget) / STANDARD_MS2)
    return MotionFit(
        matrix=solved[:3].T,
        offset_ms2=solved[3],
        matrix_standard=spread[:3].T,
        offset_standard_ms2=spread[3],
        bias_rads=gyro.mean(axis=0),
        bias_standard_rads=bias_standard,
        accel_noise_ms2=np.sqrt(np.mean([each.accel_noise_ms2**2 for each in positions], axis=0)),
        gyro_noise_rads=gyro_noise,
        residual_ms2=residual_ms2,
        budget=budget,
        tilt_standard_deg=tilt,
    )


def local_gravity_ms2(latitude_deg: float, altitude_m: float) -> float:
    """Return gravity at a place, to some 1e-4: WGS 84 ellipsoid (Somigliana) with the free-air term."""
    sin2 = math.sin(math.radians(latitude_deg)) ** 2
    ground = 9.7803253359 * (1.0 + 0.00193185265241 * sin2) / math.sqrt(1.0 - 0.00669437999013 * sin2)
    return ground - 3.086e-6 * altitude_m
