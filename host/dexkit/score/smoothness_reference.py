"""Smoothness, tremor and sway in plain numpy: the oracle of the C core, and the fallback where it is absent.

Every function takes float64 arrays and a rate that `dexkit.score.smoothness` has checked at its door.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dexkit.score.result import NotMeasurable, Outcome

Array = NDArray[np.float64]

#: Why there is no number; the place in this tuple is the number of enum dk_reason in dexkit.h.
REASONS = (
    NotMeasurable(""),
    NotMeasurable("The signal is too short for this measure."),
    NotMeasurable("The signal has samples that were not measured, or that no sensor gives."),
    NotMeasurable("The signal does not change: there is no movement to measure."),
    NotMeasurable("The spectrum has no width below 10 Hz: this is not the speed of a movement."),
    NotMeasurable(
        "The mean squared acceleration is not above gravity's: too little movement, or the sensor reads low."
    ),
    NotMeasurable("No tremor peak stands out between 3 and 12 Hz."),
)
_, TOO_SHORT, NOT_MEASURED, NO_MOVEMENT, NO_BAND, NO_ACCELERATION, NO_PEAK = REASONS

#: Beyond this no sensor measures; within it no square or sum in this file leaves the range of a double.
LARGEST, SMALLEST = 1e60, 1e-60

SPARC_PADLEVEL = 4
SPARC_CUTOFF_HZ = 10.0
SPARC_THRESHOLD = 0.05

#: LDLJ-A is defined at this rate, after a Hann-weighted mean of this width (half amplitude at 20 Hz).
LDLJ_A_RATE_HZ = 100.0
LDLJ_A_WIDTH_S = 0.05
GRAVITY_MS2 = 9.80665

TREMOR_BAND_HZ = (3.0, 12.0)
#: Half width of what counts as one peak.
TREMOR_PEAK_HZ = 1.0
#: A peak stands this far above the median of the band (mean spectrum; a single window, where noise alone
#: passes 3 in four windows of five), and above the higher of the two valleys beside it.
TREMOR_OVER_MEDIAN, TREMOR_OVER_MEDIAN_WINDOW, TREMOR_OVER_VALLEY = 3.0, 10.0, 2.0
#: Power below this share of the strongest bin's is the rounding of numbers.
ROUNDING = 1e-20


@dataclass(frozen=True)
class Tremor:
    """What the spectrum of a signal says about tremor; amplitudes are in the unit of the signal.

    Parameters
    ----------
    frequency_hz
        Where the peak of the mean spectrum is, between 3 and 12 Hz.
    amplitude
        Amplitude of the oscillation: sqrt(2 x power within 1 Hz of the peak).
    log10_amplitude
        Its decimal logarithm: one clinical point is a factor, so tremor is reported on a log scale.
    occurrence
        Share of the windows, 0 to 1, that have a tremor peak.
    band_rms
        Root mean square of the signal between 3 and 12 Hz, there with or without a peak.
    """

    frequency_hz: Outcome
    amplitude: Outcome
    log10_amplitude: Outcome
    occurrence: Outcome
    band_rms: Outcome


def no_tremor(reason: NotMeasurable) -> Tremor:
    """Return a tremor of which nothing is measurable, for one reason."""
    return Tremor(reason, reason, reason, reason, reason)


def unusable(signal: Array) -> NotMeasurable | None:
    """Return why no measure can be taken of a signal (n,) or (n, axes), or None when one can."""
    if signal.size == 0:
        return TOO_SHORT
    if not np.all(np.abs(signal) <= LARGEST):
        return NOT_MEASURED
    if np.all(signal == signal[0]) or np.abs(signal).max() < SMALLEST:
        return NO_MOVEMENT
    return None


def sparc(speed: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the spectral arc length of a speed profile (n,)."""
    if len(speed) < 2:
        return TOO_SHORT
    if (reason := unusable(speed)) is not None:
        return reason
    size = 2 ** ((len(speed) - 1).bit_length() + SPARC_PADLEVEL)
    magnitude = np.abs(np.fft.rfft(speed, size))
    magnitude /= magnitude.max()
    magnitude = magnitude[np.arange(len(magnitude)) * (rate_hz / size) <= SPARC_CUTOFF_HZ]
    (loud,) = np.nonzero(magnitude >= SPARC_THRESHOLD)
    if len(loud) == 0 or loud[0] == loud[-1]:
        return NO_BAND
    first, last = int(loud[0]), int(loud[-1])
    return -float(np.hypot(1.0 / (last - first), np.diff(magnitude[first : last + 1])).sum())


def dlj(speed: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the dimensionless jerk of a speed profile (n,)."""
    if len(speed) < 3:
        return TOO_SHORT
    if (reason := unusable(speed)) is not None:
        return reason
    duration_s = len(speed) / rate_hz
    jerk = np.diff(speed, 2) * rate_hz**2 / np.abs(speed).max()
    return -float(duration_s**3 * (jerk @ jerk) / rate_hz)


def at_100_hz(signal: Array, rate_hz: float) -> Array:
    """Return a signal (n, axes) at 100 Hz, each point the Hann-weighted mean of the 50 ms around it."""
    points = int((len(signal) - 1) * LDLJ_A_RATE_HZ / rate_hz) + 1
    centre = np.arange(points) * rate_hz / LDLJ_A_RATE_HZ
    width = LDLJ_A_WIDTH_S * rate_hz
    index = np.ceil(centre - width / 2)[:, np.newaxis] + np.arange(int(width) + 2)
    offset = (index - centre[:, np.newaxis]) / width
    inside = (np.abs(offset) < 0.5) & (index >= 0) & (index < len(signal))
    weight = np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * offset), 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    samples = signal[np.clip(index, 0, len(signal) - 1).astype(np.intp)]
    return np.asarray(np.einsum("pt,pta->pa", weight, samples), np.float64)


def ldlj_a(accel_ms2: Array, gyro_rads: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the log dimensionless jerk of an acceleration (n, 3) with its rotation (n, 3) taken out."""
    if len(accel_ms2) < 2 + rate_hz / LDLJ_A_RATE_HZ:
        return TOO_SHORT
    if not (np.all(np.abs(accel_ms2) <= LARGEST) and np.all(np.abs(gyro_rads) <= LARGEST)):
        return NOT_MEASURED
    accel, gyro = at_100_hz(accel_ms2, rate_hz), at_100_hz(gyro_rads, rate_hz)
    turned = np.cross((accel[1:] + accel[:-1]) / 2, (gyro[1:] + gyro[:-1]) / 2)
    jerk = np.diff(accel, axis=0) * LDLJ_A_RATE_HZ - turned
    duration_s = (len(accel) - 1) / LDLJ_A_RATE_HZ
    squared = float(np.sum(accel**2)) / len(accel) - GRAVITY_MS2**2
    roughness = float(np.sum(jerk**2)) / LDLJ_A_RATE_HZ
    if not squared > 0:
        return NO_ACCELERATION
    if not roughness > SMALLEST:
        return NO_MOVEMENT
    return -math.log(duration_s) + math.log(squared) - math.log(roughness)


def tremor_bins(rate_hz: float) -> int:
    """Return how many bins of a window's spectrum are looked at: up to 13.5 Hz."""
    return round(13.5 * 2 * round(rate_hz) / rate_hz) + 1


def window_spectra(signal: Array, rate_hz: float) -> tuple[Array, Array]:
    """Return frequencies (bins,) up to 13.5 Hz and the power spectral density of each window (windows, bins).

    Welch's windows: 2 s, Hann, half overlapping, each without its mean; the axes of a signal (n, axes) are
    added up. Their mean over the windows is what ``scipy.signal.welch`` gives.
    """
    half = round(rate_hz)
    size = 2 * half
    bins = tremor_bins(rate_hz)
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    scale = 2.0 / (rate_hz * (shape @ shape))
    level = signal - signal[0]  # so that a large offset costs no digits
    windows = np.lib.stride_tricks.sliding_window_view(level, size, axis=0)[::half]  # (windows, axes, size)
    windows = windows - windows.mean(axis=-1, keepdims=True)
    spectrum = np.fft.rfft(windows * shape)[..., :bins]
    spectrum[..., 0] *= math.sqrt(0.5)  # one-sided: every other bin stands for two
    power: Array = scale * np.sum(spectrum.real**2 + spectrum.imag**2, axis=1)
    return np.arange(bins, dtype=np.float64) * np.float64(rate_hz / size), power


def highest_peak(psd: Array, first: int, last: int, over_median: float) -> int | None:
    """Return the bin of the highest peak among bins first to last of psd (bins,), or None.

    A peak is higher than its neighbours, than ``over_median`` times the median of the band, and than
    TREMOR_OVER_VALLEY times the higher valley beside it: the flank of a voluntary movement is none.
    """
    floor = max(over_median * float(np.median(psd[first : last + 1])), ROUNDING * float(psd.max()))
    best = None
    for k in range(first, last + 1):
        if psd[k] > psd[k - 1] and psd[k] >= psd[k + 1] and psd[k] > floor:
            valley = max(_valley(psd[k::-1]), _valley(psd[k:]))
            if psd[k] > TREMOR_OVER_VALLEY * valley and (best is None or psd[k] > psd[best]):
                best = k
    return best


def _valley(psd: Array) -> float:
    """Return the lowest value on the way from a peak, psd[0], to higher ground or to the end."""
    lowest = psd[0]
    for value in psd[1:]:
        if value > psd[0]:
            break
        lowest = min(lowest, value)
    return float(lowest)


def tremor(signal: Array, rate_hz: float) -> Tremor:
    """Return the tremor in a signal (n, axes)."""
    if len(signal) < 2 * round(rate_hz):
        return no_tremor(TOO_SHORT)
    if (reason := unusable(signal)) is not None:
        return no_tremor(reason)
    frequency_hz, spectra = window_spectra(signal, rate_hz)
    step_hz = float(frequency_hz[1])
    psd = spectra.mean(axis=0)
    low, high = TREMOR_BAND_HZ
    first, last = round(low / step_hz), round(high / step_hz)
    band_rms = math.sqrt(float(psd[first : last + 1].sum()) * step_hz)
    if not band_rms > SMALLEST:
        return no_tremor(NO_MOVEMENT)
    peak = highest_peak(psd, first, last, TREMOR_OVER_MEDIAN)
    if peak is None:
        return Tremor(NO_PEAK, NO_PEAK, NO_PEAK, 0.0, band_rms)
    reach = round(TREMOR_PEAK_HZ / step_hz)
    near = slice(peak - reach, peak + reach + 1)
    amplitude = math.sqrt(2.0 * float(psd[near].sum()) * step_hz)
    # A parabola through the logarithms of three bins finds the top of Hann's main lobe between bins.
    left, top, right = (math.log(max(float(psd[k]), SMALLEST**2)) for k in (peak - 1, peak, peak + 1))
    curve = left - 2.0 * top + right
    offset = 0.5 * (left - right) / curve if curve < 0.0 else 0.0
    found = [highest_peak(each, first, last, TREMOR_OVER_MEDIAN_WINDOW) for each in spectra]
    there = sum(k is not None and abs(k - peak) <= reach for k in found)
    return Tremor((peak + offset) * step_hz, amplitude, math.log10(amplitude), there / len(spectra), band_rms)
