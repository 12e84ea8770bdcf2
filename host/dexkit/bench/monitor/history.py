"""The last seconds of a stream: its lowest and highest values in short bins, and its newest samples."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

#: A bin is as long as a picture stays on the screen.
BIN_S = 0.05
#: So many are kept: more than any screen shows.
BINS = 400
#: The newest samples are kept so long, for means.
NEWEST_S = 0.5


class History:
    """The last seconds of one stream.

    Parameters
    ----------
    columns
        How many the stream has.

    Attributes
    ----------
    last_bin
        Number of the newest bin, counted from time 0; None before the first sample.
    """

    def __init__(self, columns: int) -> None:
        self.last_bin: int | None = None
        self._low = np.full((BINS, columns), np.nan, np.float32)
        self._high = np.full((BINS, columns), np.nan, np.float32)
        self._newest: deque[tuple[float, NDArray[np.float32]]] = deque()

    def add(self, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples.

        Parameters
        ----------
        t_s
            float64 (n,), n > 0, never decreasing.
        values
            float32 (n, columns), NaN where nothing was measured.
        """
        bins = np.floor(t_s / BIN_S).astype(np.int64)
        first, last = int(bins[0]), int(bins[-1])
        before = first - 1 if self.last_bin is None else self.last_bin
        fresh = np.arange(max(before + 1, last - BINS + 1), last + 1) % BINS
        self._low[fresh] = self._high[fresh] = np.nan
        self.last_bin = max(before, last)
        kept = int(np.searchsorted(bins, last - BINS, side="right"))  # what is older has no place any more
        bins, recent = bins[kept:], values[kept:]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        places = bins[starts] % BINS
        self._low[places] = np.fmin(self._low[places], np.fmin.reduceat(recent, starts, axis=0))
        self._high[places] = np.fmax(self._high[places], np.fmax.reduceat(recent, starts, axis=0))
        self._newest.append((float(t_s[-1]), values))
        while len(self._newest) > 1 and self._newest[0][0] < t_s[-1] - NEWEST_S:
            self._newest.popleft()

    def newest(self, seconds: float = NEWEST_S) -> NDArray[np.float32]:
        """Return about the newest samples of so many seconds, float32 (n, columns).

        Parameters
        ----------
        seconds
            At most NEWEST_S.
        """
        if not self._newest:
            return np.empty((0, self._low.shape[1]), np.float32)
        since_s = self._newest[-1][0] - seconds
        return np.concatenate([values for last_s, values in self._newest if last_s >= since_s])

    def last(self) -> NDArray[np.float32]:
        """Return the newest sample, float32 (columns,); NaN before the first."""
        if not self._newest:
            return np.full(self._low.shape[1], np.nan, np.float32)
        newest: NDArray[np.float32] = self._newest[-1][1][-1]
        return newest

    def bounds(
        self, last_bin: int, dots: int, bins_a_dot: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return lowest and highest value for each dot, float32 (columns, dots), NaN where none.

        A bin always falls into a dot with the same neighbours, and a dot is shown when all its bins are
        there: a trace moves along without flickering, and stands still in between.

        Parameters
        ----------
        last_bin
            The newest bin to show.
        dots
            How many; dots * bins_a_dot is at most BINS.
        bins_a_dot
            How many bins a dot stands for.
        """
        end = (last_bin + 1) // bins_a_dot * bins_a_dot
        wanted = np.arange(end - dots * bins_a_dot, end)
        low, high = self._low[wanted % BINS], self._high[wanted % BINS]
        newest = self.last_bin if self.last_bin is not None else end - 2 * BINS
        strange = (wanted > newest) | (wanted <= newest - BINS)  # in their places stand other bins
        low[strange] = high[strange] = np.nan
        shape = (dots, bins_a_dot, low.shape[1])
        return np.fmin.reduce(low.reshape(shape), axis=1).T, np.fmax.reduce(high.reshape(shape), axis=1).T
