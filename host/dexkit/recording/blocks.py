"""How samples lie inside a message: a block of about ten consecutive samples, one array per column."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError

#: Samples in one message, where no flush comes between.
BLOCK_SAMPLES = 10
#: The encoding of messages and of their description: bytes in order, no alignment, known to Foxglove.
MESSAGE_ENCODING = "ros1"
SCHEMA_ENCODING = "ros1msg"

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TOPIC = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)?")


@dataclass(frozen=True)
class StreamPlan:
    """What is known of a stream before its first sample.

    Parameters
    ----------
    name
        Topic, ``<object>/<stream>``, or one word for foreign data.
    columns
        Name of each column, with its unit.
    rate_hz
        Nominal rate; None where the samples come irregularly.

    Raises
    ------
    InputError
        If the name or a column cannot stand in a file that other programs open.
    """

    name: str
    columns: tuple[str, ...]
    rate_hz: float | None

    def __post_init__(self) -> None:
        if not _TOPIC.fullmatch(self.name):
            raise InputError(f"'{self.name}' cannot name a stream: use lower-case words, as in 'cup/load'.")
        if not self.columns or len(set(self.columns)) != len(self.columns):
            raise InputError(f"Stream '{self.name}' needs columns with names that differ.")
        for column in self.columns:
            if not _COLUMN.fullmatch(column) or column in ("t_s", "first_index", "lost_before"):
                raise InputError(
                    f"'{column}' cannot name a column of '{self.name}': a letter, then letters, digits or _."
                )
        if self.rate_hz is not None and not (0 < self.rate_hz < float("inf")):
            raise InputError(
                f"Stream '{self.name}' has the rate {self.rate_hz}: give a positive rate or none."
            )

    @property
    def schema_name(self) -> str:
        """Name of the message type: ``cup/load`` is ``dexkit/CupLoad``."""
        return "dexkit/" + "".join(word.capitalize() for word in re.split(r"[/_]", self.name))

    @property
    def schema_text(self) -> str:
        """Definition of the message in the words of ``ros1msg``."""
        arrays = "".join(f"float32[] {column}\n" for column in self.columns)
        return (
            "uint32 first_index  # number of the first sample within its stream\n"
            "uint32 lost_before  # samples that the board counted as lost just before it\n"
            "float64[] t_s       # seconds from the recording's start\n" + arrays
        )


def encode(
    first_index: int, lost_before: int, t_s: NDArray[np.float64], values: NDArray[np.float32]
) -> list[bytes]:
    """Return samples as blocks; the last may be shorter.

    Parameters
    ----------
    first_index
        Number of the first sample within its stream.
    lost_before
        Samples that the board counted as lost just before it.
    t_s
        float64 (n,).
    values
        float32 (n, columns).
    """
    whole = len(t_s) // BLOCK_SAMPLES * BLOCK_SAMPLES
    payloads: list[bytes] = []
    for start, end, n in ((0, whole, BLOCK_SAMPLES), (whole, len(t_s), len(t_s) - whole)):
        if start == end:
            continue
        block = np.zeros((end - start) // n, _layout(n, values.shape[1]))
        block["first"] = first_index + np.arange(start, end, n)
        block["n"] = block["columns"]["n"] = n
        block["t_s"] = t_s[start:end].reshape(-1, n)
        block["columns"]["v"] = values[start:end].reshape(-1, n, values.shape[1]).transpose(0, 2, 1)
        if start == 0:
            block["lost"][0] = lost_before
        payloads += [row.tobytes() for row in block]
    return payloads


@lru_cache(64)
def _layout(n: int, columns: int) -> np.dtype[np.void]:
    """Lay out a block of n samples: each array is preceded by its length."""
    return np.dtype(
        [
            ("first", "<u4"),
            ("lost", "<u4"),
            ("n", "<u4"),
            ("t_s", "<f8", (n,)),
            ("columns", [("n", "<u4"), ("v", "<f4", (n,))], (columns,)),
        ]
    )


@dataclass(frozen=True)
class Decoded:
    """All blocks of one stream, in the order in which they were written.

    Parameters
    ----------
    first_index, lost_before, count
        int64 (blocks,): of each block.
    t_s
        float64 (n,).
    values
        float32 (n, columns).
    """

    first_index: NDArray[np.int64]
    lost_before: NDArray[np.int64]
    count: NDArray[np.int64]
    t_s: NDArray[np.float64]
    values: NDArray[np.float32]


def decode(raw: bytes, spans: NDArray[np.int64], columns: int) -> Decoded:
    """Return what the blocks of one stream hold; many equal blocks are decoded as one array.

    Parameters
    ----------
    raw
        Holds blocks as `encode` wrote them.
    spans
        int64 (blocks, 2): where in ``raw`` each begins and ends.
    columns
        How many columns the stream has.

    Raises
    ------
    ValueError
        If a block is not one of this stream.
    """
    length = spans[:, 1] - spans[:, 0]
    count = (length - _layout(0, columns).itemsize) // (8 + 4 * columns)
    start = np.concatenate(([0], np.cumsum(count)))
    t_s = np.empty(int(start[-1]), np.float64)
    values = np.empty((int(start[-1]), columns), np.float32)
    first_index = np.empty(len(spans), np.int64)
    lost_before = np.empty(len(spans), np.int64)
    for size in np.unique(length):
        chosen = np.flatnonzero(length == size)
        n = int(count[chosen[0]])
        layout = _layout(max(n, 1), columns)
        if layout.itemsize != size:
            raise ValueError(f"a block of {size} bytes does not hold {columns} columns")
        # Bytes at each place as if a block began there: the view costs nothing, only blocks are copied.
        places = np.ndarray(len(raw) - layout.itemsize + 1, f"V{layout.itemsize}", raw, strides=(1,))
        block = places[spans[chosen, 0]].view(layout)
        if np.any(block["n"] != n) or np.any(block["columns"]["n"] != n):
            raise ValueError("a block's arrays differ in length")
        first_index[chosen], lost_before[chosen] = block["first"], block["lost"]
        rows: slice | NDArray[np.int64] = slice(int(start[chosen[0]]), int(start[chosen[-1] + 1]))
        if len(chosen) <= chosen[-1] - chosen[0]:  # blocks of another size lie between
            rows = (start[chosen][:, None] + np.arange(n)).ravel()
        t_s[rows] = block["t_s"].ravel()
        values[rows] = block["columns"]["v"].transpose(0, 2, 1).reshape(-1, columns)
    return Decoded(first_index, lost_before, count, t_s, values)
