"""Biquad filters over interleaved channels: designed here, run by the C core or its Python twin.

A design is an array of sections (n, 5): b0, b1, b2, a1, a2 with a0 = 1, to be used one after the other.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.core import ffi, lib
from dexkit.errors import InputError
from dexkit.segment.events import check_rate
from dexkit.segment.reference import filters as reference

__all__ = ["Filter", "filtered", "highpass", "lowpass", "notch"]

Sections = NDArray[np.float64]


def lowpass(cutoff_hz: float, rate_hz: float, order: int = 2) -> Sections:
    """Return the sections (n, 5) of a Butterworth low-pass, half power at cutoff_hz (bilinear transform).

    Parameters
    ----------
    cutoff_hz
        Frequency of half power, above 0 and below half the rate.
    rate_hz
        Samples per second, 10 to 10000.
    order
        1 to 16.

    Raises
    ------
    InputError
        When a frequency or the order is out of range.
    """
    return _butterworth(cutoff_hz, rate_hz, order, 1.0)


def highpass(cutoff_hz: float, rate_hz: float, order: int = 2) -> Sections:
    """Return the sections (n, 5) of a Butterworth high-pass, half power at cutoff_hz (bilinear transform).

    Parameters
    ----------
    cutoff_hz
        Frequency of half power, above 0 and below half the rate.
    rate_hz
        Samples per second, 10 to 10000.
    order
        1 to 16.

    Raises
    ------
    InputError
        When a frequency or the order is out of range.
    """
    return _butterworth(cutoff_hz, rate_hz, order, -1.0)


def notch(centre_hz: float, rate_hz: float, width_hz: float) -> Sections:
    """Return the section (1, 5) that takes one frequency out, such as the mains' 50 Hz.

    Parameters
    ----------
    centre_hz
        Frequency taken out, above 0 and below half the rate.
    rate_hz
        Samples per second, 10 to 10000.
    width_hz
        Distance between the two frequencies of half power.

    Raises
    ------
    InputError
        When a frequency is out of range.

    Notes
    -----
    The section of ``scipy.signal.iirnotch`` (Orfanidis 1996, Introduction to Signal Processing).
    """
    rate_hz = check_rate(rate_hz)
    turn = 2 * math.pi * _frequency(centre_hz, rate_hz) / rate_hz
    gain = 1 / (1 + math.tan(math.pi * _frequency(width_hz, rate_hz) / rate_hz))
    middle = -2 * gain * math.cos(turn)
    return np.array([[gain, middle, gain, middle, 2 * gain - 1]])


def _frequency(value_hz: float, rate_hz: float) -> float:
    """Return a frequency; raise InputError when the rate cannot carry it."""
    if not 0 < value_hz < rate_hz / 2:
        raise InputError(
            f"A filter at {value_hz!r} Hz does not fit {rate_hz:g} samples per second. Probably rate and "
            f"frequency were swapped. Pass a frequency above 0 and below {rate_hz / 2:g} Hz."
        )
    return float(value_hz)


def _butterworth(cutoff_hz: float, rate_hz: float, order: int, sign: float) -> Sections:
    """Return a Butterworth design; sign +1 for low-pass, whose zeros are at -1, -1 for high-pass."""
    rate_hz = check_rate(rate_hz)
    if order not in range(1, 17):
        raise InputError(f"A filter of order {order!r} is not offered. Pass a whole number from 1 to 16.")
    warped = math.tan(math.pi * _frequency(cutoff_hz, rate_hz) / rate_hz)
    scale = warped if sign > 0 else 1.0
    sections = []
    for k in range(order // 2):
        # A pair of poles of the analogue filter, at an angle from the negative real axis.
        lean = math.pi * (2 * k + 1 + order % 2) / (2 * order)
        damping = 2 * math.cos(lean) * warped
        norm = 1 + damping + warped**2
        gain = scale**2 / norm
        sections.append(
            [gain, sign * 2 * gain, gain, 2 * (warped**2 - 1) / norm, (1 - damping + warped**2) / norm]
        )
    if order % 2:
        gain = scale / (1 + warped)
        sections.append([gain, sign * gain, 0.0, (warped - 1) / (warped + 1), 0.0])
    return np.array(sections)


class CoreFilter:
    """Filters samples as they come, any number of channels side by side, through the C core.

    float32 throughout, in a fixed order without fused multiply-add: every chunking, every width of register
    and the Python twin give the same bits. The rounding of float32 costs 1e-5 of the signal at a cutoff of a
    fortieth of the rate and 5e-4 at a six-hundredth.

    Parameters
    ----------
    sections
        Design (n, 5): b0, b1, b2, a1, a2; 1 to 32 sections.
    channels
        Columns of the samples, 1 to 1024.
    portable
        Do without the processor's wide registers; the bits are the same.

    Raises
    ------
    InputError
        When the design is unstable or a size is out of range.
    """

    def __init__(self, sections: ArrayLike, channels: int, portable: bool = False) -> None:
        design = reference.check_sections(sections, channels)
        handle = lib.dk_filter_new(ffi.from_buffer("double[]", design), len(design), channels)
        if handle == ffi.NULL:
            raise MemoryError
        self._filter: Any = ffi.gc(handle, lib.dk_filter_free)
        self.channels = channels
        self._portable = portable

    def settle(self, row: ArrayLike) -> None:
        """Take the state that a constant row (channels,) leaves in the end, so that a start makes no step."""
        lib.dk_filter_settle(
            self._filter, ffi.from_buffer("float[]", reference.check_rows(np.atleast_2d(row), self.channels))
        )

    def push(self, samples: ArrayLike) -> NDArray[np.float32]:
        """Take samples (n, channels); return them filtered, float32 (n, channels).

        A value that is not finite, or beyond 1e30, was not measured: the channel's last value is held.
        """
        rows = reference.check_rows(samples, self.channels)
        out = np.empty_like(rows)
        lib.dk_filter_push(
            self._filter,
            ffi.from_buffer("float[]", rows),
            ffi.from_buffer("float[]", out),
            len(rows),
            self._portable,
        )
        return out


Filter = CoreFilter if lib is not None else reference.Filter


def filtered(samples: ArrayLike, sections: ArrayLike) -> NDArray[np.float32]:
    """Return samples (n, channels) filtered, float32 (n, channels), starting from the first row's level.

    Parameters
    ----------
    samples
        (n,) or (n, channels).
    sections
        Design (n, 5), such as `lowpass` gives.

    Raises
    ------
    InputError
        When the samples are no numbers or the design is unstable.
    """
    array = np.asarray(samples)
    rows = reference.check_rows(array[:, np.newaxis] if array.ndim == 1 else array)
    if len(rows) == 0:
        return rows.reshape(array.shape)
    engine = Filter(sections, rows.shape[1])
    engine.settle(rows[0])
    return engine.push(rows).reshape(array.shape)
