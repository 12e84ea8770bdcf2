"""Events as a numpy array, and the checks every segmenter makes at its door."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import EVENT_ID, SETTINGS, TABLE

#: One event: what, where, the boundary's sample and time, when it became known, how sure.
EVENT_DTYPE = np.dtype(
    [
        ("kind", "U12"),
        ("channel", np.int32),
        ("index", np.int64),
        ("t_s", np.float64),
        ("t_known_s", np.float64),
        ("quality", np.float64),
    ]
)

#: Name of each event kind by its number in C.
KIND_NAME = {number: kind for kinds in EVENT_ID.values() for kind, number in kinds.items()}

#: (kind number, channel, index, known index, quality): an event before it becomes a row.
RawEvent = tuple[int, int, int, int, float]

#: Lowest and highest sample rate a segmenter takes, as in the C core.
RATE_LIMITS_HZ = (10.0, 10000.0)


def event_array(raw: Iterable[RawEvent], rate_hz: float) -> NDArray[np.void]:
    """Return events as an array of EVENT_DTYPE; times are sample counts over the rate."""
    rows = [
        (KIND_NAME[kind], channel, index, index / rate_hz, known / rate_hz, quality)
        for kind, channel, index, known, quality in raw
    ]
    return np.array(rows, dtype=EVENT_DTYPE)


def check_rate(rate_hz: float) -> float:
    """Return the rate as a float; raise InputError when no segmenter can work at it."""
    low, high = RATE_LIMITS_HZ
    try:
        value = float(rate_hz)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not low <= value <= high:
        raise InputError(
            f"The sample rate is {rate_hz!r} Hz, outside {low:g} to {high:g} Hz. Probably seconds or "
            "milliseconds were given instead of hertz. Pass samples per second, for example 200."
        )
    return value


def check_samples(samples: ArrayLike, object_kind: str) -> NDArray[np.float32]:
    """Return samples as contiguous float32 (n, columns) for this object; raise InputError otherwise."""
    columns = TABLE[object_kind]
    try:
        array = np.asarray(samples)
        if array.size == 0 and array.ndim <= 1:
            return np.empty((0, len(columns)), np.float32)
        if array.ndim == 1 and len(columns) == 1:
            array = array[:, np.newaxis]
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The samples are not numbers ({error}). Probably text or rows of different length came in. "
            f"Pass an array of float32 with {len(columns)} columns: {', '.join(columns)}."
        ) from None
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise InputError(
            f"The samples have shape {array.shape}, but a {object_kind} has {len(columns)} columns. Probably "
            f"they are another object's or are turned on their side. Pass (n, {len(columns)}): "
            f"{', '.join(columns)}."
        )
    return array


def check_settings(object_kind: str, settings: Mapping[str, float]) -> dict[str, float]:
    """Return all settings of the object, defaults where none is given; raise InputError for others."""
    known = SETTINGS[object_kind]
    for name, value in settings.items():
        if name not in known:
            raise InputError(
                f"A {object_kind} has no setting {name!r}; probably it belongs to another object. "
                f"Known are: {', '.join(known)}."
            )
        if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
            raise InputError(
                f"The setting {name} is {value!r}; it must be a number of at least 0. "
                f"Leave it out for the default of {known[name]:g}."
            )
    return {name: float(settings.get(name, default)) for name, default in known.items()}
