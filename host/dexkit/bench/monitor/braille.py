"""A curve in braille characters: each holds two dots across and four up."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BLANK = 0x2800
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
    at_low = np.where(there, np.clip(np.rint((low - bottom) * scale), 0, levels), levels + 1)
    at_high = np.where(there, np.clip(np.rint((high - bottom) * scale), 0, levels), -1)
    # A step is drawn as a line: each column reaches to the one before it.
    both = there[1:] & there[:-1]
    from_dot, to_dot = at_low.copy(), at_high.copy()
    from_dot[1:] = np.where(both, np.minimum(at_low[1:], at_high[:-1] + 1), at_low[1:])
    to_dot[1:] = np.where(both, np.maximum(at_high[1:], at_low[:-1] - 1), at_high[1:])
    height = np.arange(levels, -1, -1)[:, np.newaxis]
    dots = (height >= from_dot) & (height <= to_dot)
    width = len(low) // 2
    cells = (dots.reshape(rows, 4, width, 2) * _BITS[np.newaxis, :, np.newaxis, :]).sum(axis=(1, 3))
    text = (_BLANK + cells).astype("<u2").tobytes().decode("utf-16-le")
    return [text[row * width : (row + 1) * width] for row in range(rows)]


@lru_cache(256)
def trace(
    lows: bytes, highs: bytes, zero: float, least: float, rows: int
) -> tuple[list[str], tuple[float, float] | None]:
    """Return a curve between limits of its own, and these; None where it is empty. Drawn but once.

    Parameters
    ----------
    lows, highs
        As `curve` takes them, as the bytes of float32.
    zero
        What is taken off.
    least
        Distance of the limits at least.
    rows
        Lines of text.
    """
    low, high = np.frombuffer(lows, np.float32) - zero, np.frombuffer(highs, np.float32) - zero
    lowest, highest = float(np.fmin.reduce(low)), float(np.fmax.reduce(high))
    if math.isnan(lowest):
        return [" " * (len(low) // 2)] * rows, None
    bottom, top = limits(lowest, highest, least)
    return curve(low, high, bottom, top, rows), (bottom, top)


@lru_cache(256)
def steps(lows: bytes, highs: bytes, top: int) -> str:
    """Return a curve of whole numbers from 0 on in one line of text. Drawn but once.

    Parameters
    ----------
    lows, highs
        As `curve` takes them, as the bytes of float32.
    top
        The highest number.
    """
    return curve(np.frombuffer(lows, np.float32), np.frombuffer(highs, np.float32), 0.0, top, 1)[0]


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
