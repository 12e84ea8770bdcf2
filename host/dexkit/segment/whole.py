"""A segmenter applied to a whole recording at once."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class StreamSegmenter(Protocol):
    """What every segmenter can do."""

    def push(self, samples: ArrayLike) -> NDArray[np.void]:
        """Take samples; return the events that became known."""
        ...

    def finish(self) -> NDArray[np.void]:
        """End the stream; return the rest."""
        ...


class SegmenterClass(Protocol):
    """What makes a segmenter."""

    def __call__(self, rate_hz: float, **settings: float) -> StreamSegmenter:
        """Make a segmenter for this rate."""
        ...


class SegmentWhole(Protocol):
    """A function that segments a whole recording."""

    def __call__(self, samples: ArrayLike, rate_hz: float, **settings: float) -> NDArray[np.void]:
        """Return all events of these samples, in the order in which they became known."""
        ...


def whole(segmenter_class: SegmenterClass) -> SegmentWhole:
    """Return the function that runs a segmenter over a whole recording."""

    def segment(samples: ArrayLike, rate_hz: float, **settings: float) -> NDArray[np.void]:
        """Return all events of samples (n, columns) float32, in the order in which they became known.

        Parameters
        ----------
        samples
            float32 (n, columns); the object's columns are in docs/protocol.md.
        rate_hz
            Samples per second.
        **settings
            The segmenter's settings by name.

        Returns
        -------
        ndarray
            EVENT_DTYPE: kind, channel, index, t_s, t_known_s, quality.

        Raises
        ------
        InputError
            When the rate, a setting or the shape of the samples is wrong.
        """
        segmenter = segmenter_class(rate_hz, **settings)
        return np.concatenate([segmenter.push(samples), segmenter.finish()])

    return segment
