"""Smoothness and tremor by the C core: the same functions as `smoothness_reference`, the same results."""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from dexkit.core import ffi, lib
from dexkit.score import smoothness_reference as reference
from dexkit.score.result import NotMeasurable
from dexkit.score.smoothness_reference import REASONS, Array, Tremor, no_tremor

#: Longer signals are no movements; the definition still serves, without tables of many megabytes.
LONGEST_ARC = 1 << 20

#: What is left of a signal is sampled at least so fast.
THINNED_HZ = 40.0


def sparc(speed: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the spectral arc length of a speed profile (n,)."""
    n = len(speed)
    if not 2 <= n <= LONGEST_ARC:
        return reference.sparc(speed, rate_hz)
    size = 1 << ((n - 1).bit_length() + reference.SPARC_PADLEVEL)
    decimation = 1
    while rate_hz >= 2 * decimation * THINNED_HZ and n > 2 * decimation:
        decimation *= 2
    reason, value = _sparc(speed, rate_hz, size, decimation)
    if reason == lib.DK_WHOLE_BAND_NEEDED:
        reason, value = _sparc(speed, rate_hz, size, 1)
    return value if reason == 0 else REASONS[reason]


def _sparc(speed: Array, rate_hz: float, size: int, decimation: int) -> tuple[int, float]:
    """Return the reason, 0 for none, and the arc length."""
    arc, doubles = _arc(size, decimation)
    scratch = ffi.from_buffer("double[]", np.empty(doubles))
    found = ffi.new("double *")
    return lib.dk_sparc(arc, ffi.from_buffer("double[]", speed), len(speed), rate_hz, scratch, found), found[
        0
    ]


@lru_cache(maxsize=64)
def _arc(size: int, decimation: int) -> tuple[Any, int]:
    """Return the tables for signals of a size, and the scratch that goes with them."""
    arc = lib.dk_arc_new(size, decimation)
    if arc == ffi.NULL:
        raise MemoryError
    return ffi.gc(arc, lib.dk_arc_free), lib.dk_arc_scratch(arc)


def dlj(speed: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the dimensionless jerk of a speed profile (n,)."""
    found = ffi.new("double *")
    reason = lib.dk_dlj(ffi.from_buffer("double[]", speed), len(speed), rate_hz, found)
    return found[0] if reason == 0 else REASONS[reason]


def ldlj_a(accel_ms2: Array, gyro_rads: Array, rate_hz: float) -> float | NotMeasurable:
    """Return the log dimensionless jerk of an acceleration (n, 3) with its rotation (n, 3) taken out."""
    found = ffi.new("double *")
    accel, gyro = ffi.from_buffer("double[]", accel_ms2), ffi.from_buffer("double[]", gyro_rads)
    reason = lib.dk_ldlj_a(accel, gyro, len(accel_ms2), rate_hz, found)
    return found[0] if reason == 0 else REASONS[reason]


def tremor(signal: Array, rate_hz: float) -> Tremor:
    """Return the tremor in a signal (n, axes)."""
    reason, found, _ = _tremor(signal, rate_hz)
    if reason == lib.DK_NO_PEAK:
        return Tremor(reference.NO_PEAK, reference.NO_PEAK, reference.NO_PEAK, 0.0, found.band_rms)
    if reason:
        return no_tremor(REASONS[reason])
    amplitude = found.amplitude
    return Tremor(found.frequency_hz, amplitude, math.log10(amplitude), found.occurrence, found.band_rms)


def window_spectra(signal: Array, rate_hz: float) -> tuple[Array, Array]:
    """Return frequencies (bins,) and the power spectral density of each window (windows, bins)."""
    _, _, spectra = _tremor(signal, rate_hz)
    return np.arange(spectra.shape[1], dtype=np.float64) * np.float64(rate_hz / (2 * round(rate_hz))), spectra


def _tremor(signal: Array, rate_hz: float) -> tuple[int, Any, Array]:
    """Return the reason, 0 for none, what was found, and the spectra of the windows."""
    n, axes = signal.shape
    half, bins = round(rate_hz), reference.tremor_bins(rate_hz)
    spectra = np.zeros((max(n // half - 1, 0), bins))
    found = ffi.new("dk_tremor_found *")
    welch = _welch(half, bins)
    scratch = ffi.from_buffer("double[]", np.empty(lib.dk_welch_scratch(welch, n)))
    reason = lib.dk_tremor(
        welch,
        ffi.from_buffer("double[]", signal),
        n,
        axes,
        rate_hz,
        scratch,
        ffi.from_buffer("double[]", spectra),
        found,
    )
    return reason, found, spectra


@lru_cache(maxsize=16)
def _welch(half: int, bins: int) -> Any:
    """Return the tables for windows of twice ``half`` samples."""
    welch = lib.dk_welch_new(half, bins)
    if welch == ffi.NULL:
        raise MemoryError
    return ffi.gc(welch, lib.dk_welch_free)
