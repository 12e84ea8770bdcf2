"""The figures of an untouched object: level, drift, noise, range and unique counts of each channel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.capture import Capture, Samples
from dexkit.bench.lights import limits
from dexkit.protocol.tables import STREAMS
from dexkit.recording.calibration import Axes, Calibration

#: From a median of distances to the standard deviation of white noise.
MAD = 1.4826


@dataclass(frozen=True)
class Rest:
    """One channel at rest.

    Parameters
    ----------
    level
        Median, in true units where the calibration is known, else nominal.
    slope_min, slope_error_min
        How it runs away in a minute, a straight line; its standard error. NaN where watched too shortly.
    noise
        Rms of the white part, from the differences of neighbours: neither drift nor rare spikes count.
    scatter
        Rms of the medians of seconds about the straight line.
    lowest, highest
        Of all samples.
    unique
        How many different readings.
    missing
        Share of rows in which nothing was measured.
    uncertainty
        Standard uncertainty of the certificate; None where there is none.
    """

    level: float
    slope_min: float
    slope_error_min: float
    noise: float
    scatter: float
    lowest: float
    highest: float
    unique: int
    missing: float
    uncertainty: float | None


def figures(capture: Capture, calibration: Calibration | None) -> dict[str, Rest]:
    """Return each numeric channel at rest, by its name.

    Parameters
    ----------
    capture
        Of an untouched object.
    calibration
        Of its board; None: nominal.
    """
    found = {}
    for name, samples in capture.streams.items():
        if STREAMS[name].wire.startswith("bits"):
            continue
        axes = calibration.streams.get(name) if calibration is not None else None
        values = axes.correct(samples.values) if axes is not None else samples.values
        for column, channel in enumerate(samples.columns):
            found[channel] = _rest(samples, values[:, column], axes, column)
    return found


def _rest(samples: Samples, values: NDArray[np.float32], axes: Axes | None, column: int) -> Rest:
    there = np.isfinite(values)
    missing = 1.0 - float(there.mean()) if len(values) else 1.0
    settled = there & (samples.t_s >= limits().settle_s)
    nothing = float("nan")
    uncertainty = axes.uncertainty[column] if axes is not None and axes.uncertainty else None
    if settled.sum() < 2:
        unknown = (nothing, nothing, nothing, nothing, nothing, nothing, nothing)
        return Rest(*unknown, 0, missing, uncertainty)
    t_s, y = samples.t_s[settled], values[settled].astype(np.float64)
    steps = np.diff(y)
    noise = MAD * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2.0)
    second = np.floor(t_s - t_s[0]).astype(int)
    middles = np.array([np.median(y[second == each]) for each in np.unique(second)])
    slope = error = scatter = nothing
    at_s = np.unique(second) + 0.5
    if len(at_s) >= limits().drift_s:
        line = np.polyfit(at_s, middles, 1)
        scatter = float(np.sqrt(np.mean((middles - np.polyval(line, at_s)) ** 2)))
        slope, error = 60.0 * float(line[0]), 60.0 * scatter / float(np.sqrt(len(at_s)) * at_s.std())
    return Rest(
        float(np.median(y)),
        slope,
        error,
        noise,
        scatter,
        float(y.min()),
        float(y.max()),
        len(np.unique(samples.values[settled, column])),
        missing,
        uncertainty,
    )
