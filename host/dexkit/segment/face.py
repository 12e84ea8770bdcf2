"""The segmenters of the C core as Python classes: one class, told apart by the object's name."""

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.core import ffi, lib
from dexkit.protocol.tables import OBJECT_ID
from dexkit.segment.events import (
    EVENT_DTYPE,
    KIND_NAME,
    check_rate,
    check_samples,
    check_settings,
)

#: Layout of dk_event, so that C writes straight into an array.
C_EVENT_DTYPE = np.dtype(
    [
        ("index", np.int64),
        ("known_index", np.int64),
        ("quality", np.float64),
        ("kind", np.int32),
        ("channel", np.int32),
    ]
)

#: Events taken over in one go; any number above DK_EVENTS_PER_ROW gives the same events.
CAPACITY = 1024

KIND_OF_NUMBER = np.array([KIND_NAME.get(number, "") for number in range(max(KIND_NAME) + 1)], "U12")


class Segmenter:
    """Finds the events in an object's samples as they come.

    Parameters
    ----------
    rate_hz
        Samples per second, 10 to 10000.
    **settings
        The object's settings by name; defaults and meanings are in docs/protocol.md.

    Raises
    ------
    InputError
        When the rate, a setting or the shape of the samples is wrong.
    """

    object_kind: ClassVar[str]

    def __init__(self, rate_hz: float, **settings: float) -> None:
        self.rate_hz = check_rate(rate_hz)
        values = list(check_settings(self.object_kind, settings).values())
        handle = lib.dk_segmenter_new(OBJECT_ID[self.object_kind], self.rate_hz, values, len(values))
        if handle == ffi.NULL:
            raise MemoryError
        self._segmenter = ffi.gc(handle, lib.dk_segmenter_free)
        self._items = np.zeros(CAPACITY, C_EVENT_DTYPE)
        self._events = ffi.new("dk_events *")
        self._events.items = ffi.cast("dk_event *", ffi.from_buffer(self._items))
        self._events.capacity = CAPACITY

    def push(self, samples: ArrayLike) -> NDArray[np.void]:
        """Take samples (n, columns) float32; return the events that became known, as EVENT_DTYPE.

        A value that is not finite counts as a sample that was not measured.
        """
        rows = check_samples(samples, self.object_kind)
        pointer = ffi.from_buffer("float[]", rows) if len(rows) else ffi.NULL
        found, taken = [], 0
        while taken < len(rows):
            taken += lib.dk_segmenter_push(
                self._segmenter, pointer + taken * rows.shape[1], len(rows) - taken, self._events
            )
            found.append(self._take())
        return np.concatenate(found) if found else np.empty(0, EVENT_DTYPE)

    def finish(self) -> NDArray[np.void]:
        """Say that the stream has ended; return what can still be said of open events.

        From then on nothing more is found: make a new segmenter for the next stream.
        """
        lib.dk_segmenter_finish(self._segmenter, self._events)
        return self._take()

    def _take(self) -> NDArray[np.void]:
        """Empty the events that C wrote into an array of EVENT_DTYPE."""
        items = self._items[: self._events.count]
        events = np.empty(len(items), EVENT_DTYPE)
        events["kind"] = KIND_OF_NUMBER[items["kind"]]
        for name in ("channel", "index", "quality"):
            events[name] = items[name]
        events["t_s"] = items["index"] / self.rate_hz
        events["t_known_s"] = items["known_index"] / self.rate_hz
        self._events.count = 0
        return events


class CupSegmenter(Segmenter):
    """Finds lift, put, pour_on, pour_off, bump and failed_lift of a cup."""

    object_kind = "cup"


class CoasterSegmenter(Segmenter):
    """Finds receive_on, receive_off and disturbed of a coaster."""

    object_kind = "coaster"


class ButtonsSegmenter(Segmenter):
    """Finds touch, entry, seated, slip and opened of each button."""

    object_kind = "button_board"


class PegsSegmenter(Segmenter):
    """Finds enter, seat, bounce and unseat of each hole; pick, return and missing of the tray."""

    object_kind = "pegboard"
