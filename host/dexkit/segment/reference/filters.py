"""The slow, readable twin of the biquad filter: same signature, same bits; and the checks at its door."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.errors import InputError

#: Beyond this no sensor measures: such a value, like NaN, was not measured.
LARGEST = np.float32(1e30)


def check_sections(sections: ArrayLike, channels: int) -> NDArray[np.float64]:
    """Return a design as float64 (n, 5); raise InputError when it or the number of channels cannot serve."""
    try:
        design = np.ascontiguousarray(sections, np.float64)
    except (TypeError, ValueError):
        design = np.empty(0)
    if design.ndim != 2 or design.shape[1:] != (5,) or not 1 <= len(design) <= 32:
        raise InputError(
            f"A filter's sections have shape {design.shape}. Probably scipy's six columns were passed. "
            "Pass (n, 5): b0, b1, b2, a1, a2 with a0 = 1, at most 32 of them."
        )
    a1, a2 = design[:, 3], design[:, 4]
    if not (np.all(np.abs(design) <= 1e6) and np.all(np.abs(a2) < 1) and np.all(np.abs(a1) < 1 + a2)):
        raise InputError(
            "The filter is not stable or has coefficients that are no numbers. Probably its frequency is too "
            "close to 0 or to half the rate. Pass a design whose poles are inside the unit circle."
        )
    if not 1 <= channels <= 1024:
        raise InputError(f"A filter for {channels!r} channels is not offered. Pass 1 to 1024.")
    return design


def check_rows(samples: ArrayLike, channels: int | None = None) -> NDArray[np.float32]:
    """Return samples as contiguous float32 (n, channels); raise InputError for another shape."""
    try:
        if isinstance(samples, np.ndarray) and samples.dtype == np.float32:
            rows = np.ascontiguousarray(samples)  # packets come often: no time for more
        else:
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(samples, np.float32)
    except (TypeError, ValueError):
        rows = np.empty((), np.float32)
    if rows.size == 0 and rows.ndim == 1 and channels is not None:
        rows = rows.reshape(0, channels)
    if rows.ndim != 2 or (channels is not None and rows.shape[1] != channels):
        raise InputError(
            f"The samples have shape {rows.shape}, not (n, {channels or 'channels'}). Probably another "
            "object's columns came in, or something else than numbers. Pass one column for each channel."
        )
    return rows


class Filter:
    """Filters samples as they come, any number of channels side by side.

    Parameters
    ----------
    sections
        Design (n, 5): b0, b1, b2, a1, a2; 1 to 32 sections.
    channels
        Columns of the samples, 1 to 1024.

    Raises
    ------
    InputError
        When the design is unstable or a size is out of range.
    """

    def __init__(self, sections: ArrayLike, channels: int) -> None:
        self._sections = check_sections(sections, channels).astype(np.float32)
        self.channels = channels
        self._held = np.zeros(channels, np.float32)
        self._state = np.zeros((len(self._sections), 2, channels), np.float32)

    def settle(self, row: ArrayLike) -> None:
        """Take the state that a constant row (channels,) leaves in the end, so that a start makes no step."""
        x = self._held = self._measured(check_rows(np.atleast_2d(row), self.channels)[0], np.float32(0))
        for (b0, b1, b2, a1, a2), state in zip(self._sections, self._state, strict=True):
            y = ((b0 + b1) + b2) / ((np.float32(1) + a1) + a2) * x
            state[0] = y - b0 * x
            state[1] = b2 * x - a2 * y
            x = y

    def push(self, samples: ArrayLike) -> NDArray[np.float32]:
        """Take samples (n, channels); return them filtered, float32 (n, channels)."""
        rows = check_rows(samples, self.channels)
        out = np.empty_like(rows)
        for i, row in enumerate(rows):
            x = self._held = self._measured(row, self._held)
            for (b0, b1, b2, a1, a2), state in zip(self._sections, self._state, strict=True):
                y = b0 * x + state[0]
                state[0] = (b1 * x + state[1]) - a1 * y
                state[1] = b2 * x - a2 * y
                x = y
            out[i] = x
        return out

    @staticmethod
    def _measured(row: NDArray[np.float32], held: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
        """Return a row with what was held where it was not measured."""
        return np.where(np.abs(row) <= LARGEST, row, held)
