"""What a decoder hands over: verified blocks, and the samples in them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import HEADER_DTYPE, MESSAGE_ID, STREAMS, StreamFacts

Bytes = bytes | bytearray | memoryview

#: One verified frame: its header, where its payload lies, whether it filled an earlier gap.
BLOCK_DTYPE = np.dtype(
    [
        *((name, HEADER_DTYPE[name]) for name in HEADER_DTYPE.names or ()),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("late", "<u4"),
    ]
)


class Counts(NamedTuple):
    """What has become of the frames: the first five count each frame once."""

    good: int = 0  # delivered as blocks
    bad_crc: int = 0  # the checksum is wrong
    too_short: int = 0  # shorter than a frame can be, or cut off by the end
    malformed: int = 0  # too long, not COBS, or verified but not what the schema says
    duplicate: int = 0  # verified and had been there already; not delivered again
    late: int = 0  # good ones that filled an earlier gap
    missing: int = 0  # skipped by a sequence and not come since

    @property
    def bad(self) -> int:
        """Frames that were damaged, in whatever way."""
        return self.bad_crc + self.too_short + self.malformed


@dataclass(frozen=True)
class Samples:
    """The samples of one stream.

    Parameters
    ----------
    ticks_us
        int64 (n,): the board's clock at each row in microseconds, unwrapped; the rows of a block follow its
        first at the nominal rate.
    values
        float32 (n, columns) in nominal units; contacts as 0 and 1; NaN where nothing was measured.
    columns
        Name of each column, with its unit.
    """

    ticks_us: NDArray[np.int64]
    values: NDArray[np.float32]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Decoded:
    """Verified blocks in order of arrival.

    Parameters
    ----------
    blocks
        BLOCK_DTYPE (n,): type, stream, rows, sequence, tick_us, lost; offset and length of the payload.
    payload
        uint8: all payloads, one after the other.
    counts
        What has become of the decoder's frames so far.
    """

    blocks: NDArray[np.void]
    payload: NDArray[np.uint8]
    counts: Counts

    def payload_of(self, index: int) -> bytes:
        """Return the payload of the block at this index."""
        offset, length = int(self.blocks["offset"][index]), int(self.blocks["length"][index])
        return self.payload[offset : offset + length].tobytes()

    def samples(self, stream: str) -> Samples:
        """Return the samples of one stream, in order of sequence, scaled to nominal units.

        Parameters
        ----------
        stream
            Name as in docs/protocol.md: ``cup/load``.

        Raises
        ------
        InputError
            When there is no such stream.
        """
        if stream not in STREAMS:
            raise InputError(
                f"There is no stream {stream!r}; probably it is misspelt. Known are: {', '.join(STREAMS)}."
            )
        facts = STREAMS[stream]
        kind, sequence = self.blocks["type"], self.blocks["sequence"]
        chosen = (kind == MESSAGE_ID["samples"]) & (self.blocks["stream"] == facts.id)
        blocks = self.blocks[chosen]
        if blocks["late"].any():
            starts = np.cumsum((kind == MESSAGE_ID["hello"]) & (sequence == 0))[chosen]
            blocks = blocks[np.lexsort((_unwrapped(blocks["sequence"]), starts))]
        counts = blocks["rows"].astype(np.int64)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        ticks_us = np.repeat(_unwrapped(blocks["tick_us"]), counts)
        ticks_us += np.rint(within * (1e6 / facts.rate_hz)).astype(np.int64)
        return Samples(ticks_us, in_nominal_units(facts, self._rows(blocks)), facts.columns)

    def _rows(self, blocks: NDArray[np.void]) -> NDArray[np.uint8]:
        """Return the payloads of these blocks, one after the other."""
        offsets, lengths = blocks["offset"].astype(np.int64), blocks["length"].astype(np.int64)
        if not len(blocks):
            return self.payload[:0]
        if np.array_equal(offsets[1:], offsets[:-1] + lengths[:-1]):
            return self.payload[offsets[0] : offsets[-1] + lengths[-1]]
        ends = np.cumsum(lengths)
        return self.payload.take(np.arange(ends[-1]) + np.repeat(offsets - ends + lengths, lengths))


def in_nominal_units(facts: StreamFacts, rows: Bytes | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (n, columns): rows of one stream as they stand on the wire, scaled as the schema says.

    What was not measured is NaN.

    Parameters
    ----------
    facts
        Of the stream.
    rows
        Whole rows.
    """
    raw = np.frombuffer(rows, facts.row_dtype[0]).reshape(-1, len(facts.row_dtype.names or ()))
    if facts.wire.startswith("bits"):
        values = (raw >> np.arange(len(facts.columns), dtype=raw.dtype) & 1).astype(np.float32)
        absent = (raw & np.array(facts.not_measured, raw.dtype)) != 0
    else:
        values = np.asarray(raw * np.array(facts.scales, np.float32), np.float32)
        absent = raw == np.array(facts.not_measured, raw.dtype)
    if absent.any():
        values[absent] = np.nan
    return values


def on_the_wire(facts: StreamFacts, values: NDArray[np.float32]) -> bytes:
    """Return rows as they stand on the wire: the inverse of `in_nominal_units`, to the nearest count.

    Parameters
    ----------
    facts
        Of the stream.
    values
        float32 (n, columns) in nominal units; NaN where nothing was measured.
    """
    absent, marks = np.isnan(values), np.array(facts.not_measured, np.int64)
    if facts.wire.startswith("bits"):
        bits = np.where(absent, 0, values > 0.5).astype(np.int64) << np.arange(len(facts.columns))
        rows = np.bitwise_or.reduce(np.where(absent, marks, bits), axis=1)
        return bytes(rows.astype(facts.row_dtype[0]).tobytes())
    limits = np.iinfo(facts.row_dtype[0])
    counts = np.rint(np.where(absent, 0.0, values) / np.array(facts.scales))
    counts = np.clip(counts, limits.min + 1, limits.max).astype(np.int64)
    return bytes(np.where(absent, marks, counts).astype(facts.row_dtype[0]).tobytes())


def _unwrapped(numbers: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return 32-bit numbers as the steps between them say, each less than half the range."""
    steps = np.diff(numbers).astype(np.int32)
    return np.concatenate([numbers[:1].astype(np.int64), steps]).cumsum(dtype=np.int64)
