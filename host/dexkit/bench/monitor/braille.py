"""A curve in braille characters: each holds two dots across and four up."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BLANK = 0x2800
#: Dot of a column that is empty: above every other.
NOWHERE = 1 << 12
#: Bit of each dot of a character, by its row and column.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint16)


def curve(
    low: NDArray[np.float32], high: NDArray[np.float32], bottom: float, top: float, rows: int
) -> list[str]:
    """Return a curve as lines of text, the highest first.

    Parameters
    ----------
    low, high
        float32 (2 * width,): what the curve spans in each column of dots; NaN leaves it empty.
    bottom, top
        Values at the lowest and the highest dot.
    rows
        Lines of text.
    """
    levels = 4 * rows - 1
    there = np.isfinite(low) & np.isfinite(high)
    scale = levels / (top - bottom)
    at_low = np.where(there, np.clip(np.rint((low - bottom) * scale), 0, levels), NOWHERE)
    at_high = np.where(there, np.clip(np.rint((high - bottom) * scale), 0, levels), NOWHERE)
    return list(_drawn(at_low.astype(np.int16).tobytes(), at_high.astype(np.int16).tobytes(), rows))


@lru_cache(512)
def _drawn(lows: bytes, highs: bytes, rows: int) -> tuple[str, ...]:
    """Return a curve whose columns reach from one dot to another; what stands still is not drawn again."""
    low, high = np.frombuffer(lows, np.int16), np.frombuffer(highs, np.int16)
    # A step is drawn as a line: each column reaches to the one before it.
    both = (low[1:] != NOWHERE) & (low[:-1] != NOWHERE)
    joined_low, joined_high = low.copy(), np.where(low == NOWHERE, -1, high)
    joined_low[1:] = np.where(both, np.minimum(low[1:], high[:-1] + 1), low[1:])
    joined_high[1:] = np.where(both, np.maximum(high[1:], low[:-1] - 1), joined_high[1:])
    height = np.arange(4 * rows - 1, -1, -1)[:, np.newaxis]
    dots = (height >= joined_low) & (height <= joined_high)
    cells = (dots.reshape(rows, 4, len(low) // 2, 2) * _BITS[np.newaxis, :, np.newaxis, :]).sum(axis=(1, 3))
    text = (_BLANK + cells).astype("<u2").tobytes().decode("utf-16-le")
    width = len(low) // 2
    return tuple(text[row * width : (row + 1) * width] for row in range(rows))


def limits(low: float, high: float, least: float) -> tuple[float, float]:
    """Return round limits around values, at least so far apart, that change seldom while the values move.

    Parameters
    ----------
    low, high
        The values.
    least
        The smallest distance.
    """
    middle, span = (low + high) / 2, max(high - low, least)
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * part for part in (0.2, 0.5, 1.0) if span / (power * part) <= 5.0 or part == 1.0)
    bottom, top = min(low, middle - least / 2), max(high, middle + least / 2)
    return step * math.floor(bottom / step), step * math.ceil(top / step)
