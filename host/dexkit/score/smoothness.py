"""Smoothness and steadiness of a movement: SPARC, dimensionless jerk, tremor, sway, flow.

What the input cannot carry comes back as `NotMeasurable` with the reason: never NaN, never an exception for
a signal that is empty, constant, too short or damaged. Only something that is no signal at all (text, a
wrong number of columns) raises `InputError`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from dexkit.core import lib
from dexkit.errors import InputError
from dexkit.score import smoothness_reference as reference
from dexkit.score.result import NotMeasurable
from dexkit.score.smoothness_reference import Array, Tremor, no_tremor

if lib is not None:
    from dexkit.score import smoothness_core as engine
else:
    engine = reference  # type: ignore[misc]

__all__ = ["Tremor", "dlj", "flow_gs", "ldlj", "ldlj_a", "slope", "sparc", "sway_rms", "tremor"]

HIGHEST_RATE_HZ = 10000.0
SWAY_WINDOW_S = 2.0
FLOW_WINDOW_S = 0.3


def sparc(speed: ArrayLike, rate_hz: float) -> float | NotMeasurable:
    """Return the spectral arc length: the closer to zero, the smoother.

    The arc length of the magnitude spectrum of the speed, scaled to a maximum of 1, up to 10 Hz and from the
    first to the last frequency that reaches 0.05; zero-padded by four powers of two (padlevel 4). It does
    not depend on amplitude or duration. Healthy reaches are about -1.6, a whole drink about -3: one
    threshold for both is a mistake. It is blind to a small tremor: a 5 Hz ripple of up to about 5 % of the
    peak speed stays below the threshold of 0.05, so report `tremor` beside it.

    Parameters
    ----------
    speed
        Speed (n,) of one movement, from rest to rest, in any unit; for a gyroscope the length of its vector.
    rate_hz
        Samples per second, 20 to 10000.

    Returns
    -------
    float or NotMeasurable
        Zero or less, without unit.

    Notes
    -----
    Balasubramanian et al. 2015, J NeuroEngineering Rehabil 12:112; the discretisation is that of the
    authors' published function with its defaults.
    """
    signal = _signal(speed, "speed")
    if (reason := _rate_reason(rate_hz, 2 * reference.SPARC_CUTOFF_HZ)) is not None:
        return reason
    return engine.sparc(signal, float(rate_hz))


def dlj(speed: ArrayLike, rate_hz: float) -> float | NotMeasurable:
    """Return the dimensionless jerk of the speed (n,): -T^3 / peak^2 x integral of the squared jerk.

    It grows with noise and with the sampling rate: compare only numbers from equal rate and filter.

    Parameters
    ----------
    speed
        Speed (n,) of one movement, at least three samples, in any unit.
    rate_hz
        Samples per second, up to 10000.

    Notes
    -----
    Balasubramanian et al. 2015, J NeuroEngineering Rehabil 12:112; T = n / rate, jerk = second differences.
    """
    signal = _signal(speed, "speed")
    if (reason := _rate_reason(rate_hz)) is not None:
        return reason
    return engine.dlj(signal, float(rate_hz))


def ldlj(speed: ArrayLike, rate_hz: float) -> float | NotMeasurable:
    """Return the log dimensionless jerk, -ln |`dlj`|: the closer to zero, the smoother.

    Parameters
    ----------
    speed
        Speed (n,) of one movement, at least three samples, in any unit.
    rate_hz
        Samples per second, up to 10000.
    """
    jerk = dlj(speed, rate_hz)
    if isinstance(jerk, NotMeasurable):
        return jerk
    return -math.log(-jerk) if jerk < 0.0 else reference.NO_MOVEMENT


def ldlj_a(accel_ms2: ArrayLike, gyro_rads: ArrayLike, rate_hz: float) -> float | NotMeasurable:
    """Return the log dimensionless jerk from an inertial sensor: the closer to zero, the smoother.

    -ln T + ln A^2 - ln(integral of |j|^2), with A^2 = mean |a|^2 - g^2 and j = da/dt - a x w, which takes
    the turning of gravity out. Both signals are first brought to a fixed 100 Hz, each point the
    Hann-weighted mean of the 50 ms around it (zero phase, half amplitude at 20 Hz), since a jerk depends on
    rate and filter. Not measurable where A^2 <= 0: nearly still, or a sensor that reads 1 % low.

    Parameters
    ----------
    accel_ms2
        Acceleration (n, 3) in m/s^2, gravity included.
    gyro_rads
        Angular velocity (n, 3) in rad/s, same axes and samples.
    rate_hz
        Samples per second, 100 to 10000.

    Notes
    -----
    Melendez-Calderon et al. 2021, Front Bioeng Biotechnol 8:558771; rate and filter are ours (PROPOSED).
    """
    accel, gyro = _vectors(accel_ms2, "acceleration"), _vectors(gyro_rads, "angular velocity")
    if accel.shape != gyro.shape or accel.shape[1:] != (3,):
        raise InputError(
            f"The acceleration has shape {accel.shape} and the angular velocity {gyro.shape}. Probably a "
            "column or some samples are missing. Pass two arrays (n, 3) of the same samples."
        )
    if (reason := _rate_reason(rate_hz, reference.LDLJ_A_RATE_HZ)) is not None:
        return reason
    return engine.ldlj_a(accel, gyro, float(rate_hz))


def tremor(signal: ArrayLike, rate_hz: float) -> Tremor:
    """Return frequency, amplitude and occurrence of tremor between 3 and 12 Hz.

    Mean of 2 s Hann windows that overlap by half (Welch). The peak is the highest bin that stands 3 times
    above the band's median and 2 times above the valleys beside it; in a single window 10 times above the
    median, within 1 Hz of the common peak. No disease is read from a frequency.

    Parameters
    ----------
    signal
        (n,) or (n, axes), at least 2 s: best a gyroscope's three axes, which gravity does not touch; the
        power of the axes is added up. Never the length of the vector, which doubles the frequency.
    rate_hz
        Samples per second, 30 to 10000; 100 or more is advised.

    Notes
    -----
    Windows and amplitude: Elble & McNames 2016 and common practice; limits for a peak PROPOSED.
    """
    vectors = _vectors(signal, "signal")
    if (reason := _rate_reason(rate_hz, 30.0)) is not None:
        return no_tremor(reason)
    return engine.tremor(vectors, float(rate_hz))


def sway_rms(signal: ArrayLike, rate_hz: float) -> float | NotMeasurable:
    """Return the root mean square of what is left of a signal without its moving mean over 2 s (PROPOSED).

    Parameters
    ----------
    signal
        (n,) or (n, axes), such as tilt in degrees, at least 2 s; the axes' squares are added up.
    rate_hz
        Samples per second, up to 10000.

    Returns
    -------
    float or NotMeasurable
        In the unit of the signal.
    """
    vectors = _vectors(signal, "signal")
    if (reason := _rate_reason(rate_hz)) is not None:
        return reason
    reach = round(float(rate_hz) * SWAY_WINDOW_S / 2)
    n = len(vectors)
    if n < 2 * reach or n < 2:
        return reference.TOO_SHORT
    if not np.all(np.abs(vectors) <= reference.LARGEST):
        return reference.NOT_MEASURED
    vectors = vectors - vectors.mean(axis=0)  # so that a large offset costs no digits
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])
    first = np.maximum(np.arange(n) - reach, 0)
    end = np.minimum(np.arange(n) + reach + 1, n)
    mean = (total[end] - total[first]) / (end - first)[:, np.newaxis]
    return math.sqrt(float(np.sum((vectors - mean) ** 2)) / n)


def slope(values: ArrayLike, rate_hz: float, window_s: float) -> Array | NotMeasurable:
    """Return the rate of change (n,) of values (n,), per second, by a Savitzky-Golay filter of order 2.

    Within half a window of an end, the parabola of the outermost whole window is followed.

    Parameters
    ----------
    values
        (n,), at least one window of them.
    rate_hz
        Samples per second, up to 10000.
    window_s
        Length of the window in seconds; made odd in samples, at least 3.

    Notes
    -----
    Savitzky & Golay 1964, Anal Chem 36:1627.
    """
    signal = _signal(values, "signal")
    if (reason := _rate_reason(rate_hz)) is not None:
        return reason
    half = max(1, round(window_s * float(rate_hz) / 2))
    if len(signal) < 2 * half + 1:
        return reference.TOO_SHORT
    if not np.all(np.abs(signal) <= reference.LARGEST):
        return reference.NOT_MEASURED
    place = np.arange(-half, half + 1)
    inner = np.correlate(signal, place / np.sum(place**2), "valid")
    curved = place**2 - np.mean(place**2)
    ends = [
        float(part @ curved) / float(curved @ curved)
        for part in (signal[: 2 * half + 1], signal[-2 * half - 1 :])
    ]
    before = inner[0] + 2 * ends[0] * np.arange(-half, 0)
    after = inner[-1] + 2 * ends[1] * np.arange(1, half + 1)
    return np.concatenate([before, inner, after]) * float(rate_hz)


def flow_gs(mass_g: ArrayLike, rate_hz: float) -> Array | NotMeasurable:
    """Return the flow (n,) in g/s out of a vessel whose liquid has the mass mass_g (n,).

    The negative `slope` over 0.3 s.

    Parameters
    ----------
    mass_g
        Mass (n,) in grams.
    rate_hz
        Samples per second, up to 10000.
    """
    change = slope(mass_g, rate_hz, FLOW_WINDOW_S)
    return change if isinstance(change, NotMeasurable) else -change


def _rate_reason(rate_hz: float, lowest_hz: float = 1.0) -> NotMeasurable | None:
    """Return why a rate does not serve, or None when it does."""
    try:
        value = float(rate_hz)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if lowest_hz <= value <= HIGHEST_RATE_HZ:
        return None
    return NotMeasurable(
        f"The sample rate is {rate_hz!r} Hz; this measure needs {lowest_hz:g} to {HIGHEST_RATE_HZ:g} Hz."
    )


def _array(values: ArrayLike, name: str) -> Array:
    """Return values as contiguous float64; raise InputError when they are no numbers."""
    try:
        return np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The {name} is no array of numbers ({error}). Probably text or uneven rows came in. "
            "Pass an array of numbers."
        ) from None


def _signal(values: ArrayLike, name: str) -> Array:
    """Return values as float64 (n,); raise InputError for another shape."""
    array = _array(values, name)
    if array.ndim != 1:
        raise InputError(
            f"The {name} has shape {array.shape}, but one value for each sample is needed. Probably several "
            "columns came in. Pass one column, or the length of the vector."
        )
    return array


def _vectors(values: ArrayLike, name: str) -> Array:
    """Return values (n,) or (n, axes) as float64 (n, axes); raise InputError for another shape."""
    array = _array(values, name)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise InputError(
            f"The {name} has shape {array.shape}. Probably several recordings were stacked. "
            "Pass one of them: (n,) or (n, axes)."
        )
    return array
