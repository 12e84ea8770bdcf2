"""Walk an MCAP file record by record, whatever happened to it, and say where it was damaged.

The `mcap` library's readers stop at the first damage. Here a damaged record is stepped over: the walk goes
on at the next chunk whose checksum holds. Samples come from such chunks only, so nothing is ever invented.
"""

import json
import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Metadata, Statistics
from numpy.typing import NDArray

MAGIC = b"\x89MCAP0\r\n"
#: Name of our metadata records, and of the entry that holds the checksum of all the others.
METADATA_NAME = "dexkit"
CRC_KEY = "crc32"

_HEAD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQI")  # first time, last time, size and checksum of what is inside
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK_OF_ZSTD = struct.Struct("<BQQQQII4sQ")  # a chunk's record up to its compressed content
_DATA_END_RECORD = struct.Struct("<BQI")
_FOOTER = struct.Struct("<QQI")
_INDEX = struct.Struct("<HI")
_RECORD = np.dtype([("opcode", "u1"), ("length", "<u8"), ("channel", "<u2")])
_ZSTD = b"\x04\x00\x00\x00zstd"
_METADATA = b"\x06\x00\x00\x00dexkit"
_DATA_END = _HEAD.pack(Opcode.DATA_END, 4)
_LARGEST_CHUNK = 1 << 24
_KNOWN = frozenset(int(opcode) for opcode in Opcode)
# Plain numbers, since a lookup in an enumeration costs as much as reading a record.
_OP_CHUNK, _OP_MESSAGE, _OP_MESSAGE_INDEX = int(Opcode.CHUNK), int(Opcode.MESSAGE), int(Opcode.MESSAGE_INDEX)
_OP_CHANNEL, _OP_ATTACHMENT, _OP_CHUNK_INDEX = (
    int(Opcode.CHANNEL),
    int(Opcode.ATTACHMENT),
    int(Opcode.CHUNK_INDEX),
)
_THREAD = threading.local()
_NOT_A_RECORD = (McapError, struct.error, ValueError, OverflowError, MemoryError)


@dataclass(frozen=True)
class Inside:
    """What sound chunks hold.

    Parameters
    ----------
    raw
        Their content, one after the other.
    channels
        Channels that they define.
    messages
        By the channel's number int64 (messages, 2), in order: where in ``raw`` each payload begins and ends.
    """

    raw: bytes
    channels: tuple[Channel, ...]
    messages: Mapping[int, NDArray[np.int64]]


@dataclass(frozen=True)
class Damage:
    """One damaged place.

    Parameters
    ----------
    offset, length
        Where in the file, in bytes.
    chunk
        Whether samples were there.
    """

    offset: int
    length: int
    chunk: bool


@dataclass
class Walk:
    """What a walk over a file found.

    Parameters
    ----------
    chunks
        Content of each sound chunk with its offset in the file.
    metadata
        Our metadata, each with its checksum verified and removed.
    damages
        Damaged places.
    started
        Whether the file begins as MCAP does.
    loose_messages, loose_channels
        Messages and channels outside of chunks: foreign files only, no checksum covers them.
    data_sound, summary_sound
        Whether the checksums over all data and over the summary hold; None where the file has none.
    chunk_count
        Chunks written according to a sound summary.
    """

    chunks: list[tuple[int, bytes]] = field(default_factory=list)
    metadata: list[Mapping[str, str]] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    started: bool = False
    loose_messages: int = 0
    loose_channels: list[Channel] = field(default_factory=list)
    data_sound: bool | None = None
    summary_sound: bool | None = None
    chunk_count: int | None = None

    @property
    def message_count(self) -> int:
        """How many messages were read, inside and outside of chunks."""
        return self.loose_messages + sum(map(len, self.inside.messages.values()))

    @cached_property
    def inside(self) -> Inside:
        """What all sound chunks hold; raises ValueError where a record reaches beyond its chunk."""
        return look_inside([content for _, content in self.chunks])


def sealed(entries: Mapping[str, str]) -> dict[str, str]:
    """Return metadata with a checksum of its own, since MCAP gives it none.

    Parameters
    ----------
    entries
        Facts as text.
    """
    return {**entries, CRC_KEY: f"{_seal(entries):08x}"}


def _seal(entries: Mapping[str, str]) -> int:
    return zlib.crc32(json.dumps(entries, sort_keys=True).encode())


def walk(data: bytes) -> Walk:
    """Return all that can be trusted in a file; never raises.

    Parameters
    ----------
    data
        The whole file.
    """
    return _walk_straight(data) or _walk_warily(data)


def _walk_straight(data: bytes) -> Walk | None:
    """Walk a file whose checksums hold from its first byte to its last, so that every record is what it says.

    That is how almost all files are, and several times as fast as looking for damage. Anything unusual
    returns None.
    """
    try:
        start, _, crc = _FOOTER.unpack_from(data, len(data) - _FOOTER.size - len(MAGIC))
        found, at = Walk(started=data.startswith(MAGIC)), len(MAGIC)
        if not (found.started and crc):
            return None
        _, _, crc = _DATA_END_RECORD.unpack_from(data, start - _DATA_END_RECORD.size)
        if crc != zlib.crc32(memoryview(data)[: start - _DATA_END_RECORD.size]):
            return None
        while at < len(data):
            opcode, length = _HEAD.unpack_from(data, at)
            after = at + _HEAD.size + length
            if opcode == _OP_CHUNK:
                *_, size, _, name_length, name, packed = _CHUNK_OF_ZSTD.unpack_from(data, at)
                place = at + _CHUNK_OF_ZSTD.size
                if name_length != 4 or name != b"zstd" or place + packed != after:
                    return None
                content = _unpack(name, data[place:after], size)
                if content is None:
                    return None
                found.chunks.append((at, content))
            elif opcode not in (_OP_MESSAGE_INDEX, _OP_CHUNK_INDEX):
                after = _take_other(data, at, opcode, after, found)
                if after is None:
                    return None
            at = after
    except _NOT_A_RECORD:
        return None
    return found if found.data_sound and found.summary_sound else None


def _walk_warily(data: bytes) -> Walk:
    """Walk a file that may be damaged anywhere."""
    found = Walk(started=data.startswith(MAGIC))
    at = len(MAGIC) if found.started else _next_sound(data, 0)
    if not found.started:
        found.damages.append(Damage(0, at, chunk=False))
    while at < len(data):
        after = _take(data, at, found)
        if after is None:
            after = _next_sound(data, at)
            found.damages.append(Damage(at, after - at, chunk=after > at and data[at] == _OP_CHUNK))
        if after == at:  # a chunk whose head is damaged and whose content is sound
            after = _take_chunk(data, at, found)
        at = after
    return found


def _take(data: bytes, at: int, found: Walk) -> int | None:
    """Take the record at an offset; return where the next begins, or None if there is no sound record."""
    if at + _HEAD.size > len(data):
        return None
    opcode, length = _HEAD.unpack_from(data, at)
    body = at + _HEAD.size
    after: int = body + length
    if after > len(data) or opcode not in _KNOWN:
        return None
    if opcode == _OP_CHUNK:
        chunk = _chunk_at(data, at)
        if chunk is None or chunk[1] > after or _hides_a_chunk(data, chunk[1], after):
            return None
        found.chunks.append((at, chunk[0]))
        return after
    if opcode != _OP_ATTACHMENT and _hides_a_chunk(data, body, after):
        return None
    try:
        return _take_other(data, at, opcode, after, found)
    except _NOT_A_RECORD:
        return None


def _take_chunk(data: bytes, at: int, found: Walk) -> int:
    """Take a chunk by its content, though its head lies; return where its content ends."""
    chunk = _chunk_at(data, at)
    assert chunk is not None, "_next_sound returns sound places only"
    found.chunks.append((at, chunk[0]))
    return chunk[1]


def _take_other(data: bytes, at: int, opcode: int, after: int, found: Walk) -> int | None:
    if opcode == _OP_MESSAGE_INDEX:
        _, size = _INDEX.unpack_from(data, at + _HEAD.size)
        return after if at + _HEAD.size + _INDEX.size + size <= after else None
    if opcode == _OP_CHUNK_INDEX:
        return after
    body = data[at + _HEAD.size : after]
    stream = ReadDataStream(BytesIO(body))
    if opcode == Opcode.MESSAGE:
        _MESSAGE.unpack_from(body)
        found.loose_messages += 1
    elif opcode == Opcode.CHANNEL:
        found.loose_channels.append(Channel.read(stream))
    elif opcode == Opcode.METADATA:
        _take_metadata(Metadata.read(stream), found)
    elif opcode == Opcode.ATTACHMENT:
        Attachment.read(stream)
        end = stream.count - 4
        (crc,) = struct.unpack_from("<I", body, end)
        return after if crc in (0, zlib.crc32(body[:end])) else None
    elif opcode == Opcode.DATA_END:
        (crc,) = struct.unpack_from("<I", body)
        found.data_sound = None if crc == 0 else crc == zlib.crc32(memoryview(data)[:at])
    elif opcode == Opcode.STATISTICS:
        found.chunk_count = Statistics.read(stream).chunk_count
    elif opcode == Opcode.FOOTER:
        return _take_footer(data, at, after, found)
    return after


def _take_metadata(record: Metadata, found: Walk) -> None:
    """Keep our own metadata if its checksum holds; that of others is not needed."""
    if record.name != METADATA_NAME:
        return
    entries = dict(record.metadata)
    if entries.pop(CRC_KEY, "") != f"{_seal(entries):08x}":
        raise ValueError("metadata does not match its checksum")
    found.metadata.append(entries)


def _take_footer(data: bytes, at: int, after: int, found: Walk) -> int | None:
    start, _, crc = _FOOTER.unpack_from(data, at + _HEAD.size)
    if data[after:] != MAGIC:
        return None
    if crc == 0:
        found.summary_sound = None
    else:
        covered = memoryview(data)[start or at : at + _HEAD.size + 16]
        found.summary_sound = crc == zlib.crc32(covered)
    if found.summary_sound is False:
        found.chunk_count = None
    return len(data)


def _hides_a_chunk(data: bytes, start: int, end: int) -> bool:
    """Whether a sound chunk begins within these bytes: then the record that claims them lies."""
    return _sound_chunk(data, start, end) < end


def _next_sound(data: bytes, start: int) -> int:
    """Return the next offset at which the walk can go on: a sound chunk, our metadata or the end of data."""
    nearest = _sound_chunk(data, start, len(data))
    mark = data.find(_DATA_END, start + 1, nearest)
    nearest = mark if mark >= 0 else nearest
    mark = data.find(_METADATA, start, nearest)
    while mark >= 0:
        at = mark - _HEAD.size
        if at > start and _take(data, at, Walk()) is not None:
            return at
        mark = data.find(_METADATA, mark + 1, nearest)
    return nearest


def _sound_chunk(data: bytes, start: int, end: int) -> int:
    """Return the offset of the first sound chunk that begins in [start, end), or end."""
    inset = _HEAD.size + _CHUNK.size
    last = end + inset + len(_ZSTD) - 1
    mark = data.find(_ZSTD, start + inset, last)
    while mark >= 0:
        if _chunk_at(data, mark - inset) is not None:
            return mark - inset
        mark = data.find(_ZSTD, mark + 1, last)
    return end


def _chunk_at(data: bytes, at: int) -> tuple[bytes, int] | None:
    """Return what the chunk at an offset holds and where it ends, or None if its checksum does not hold."""
    try:
        _, _, size, crc = _CHUNK.unpack_from(data, at + _HEAD.size)
        place = at + _HEAD.size + _CHUNK.size
        (name_length,) = struct.unpack_from("<I", data, place)
        if name_length > 4:
            return None
        name = data[place + 4 : place + 4 + name_length]
        place += 4 + name_length
        (length,) = struct.unpack_from("<Q", data, place)
        place += 8
        if place + length > len(data):
            return None
        inside = open_chunk(name, data[place : place + length], size, crc)
    except _NOT_A_RECORD:
        return None
    return None if inside is None else (inside, place + length)


def open_chunk(compression: bytes, packed: bytes, size: int, crc: int) -> bytes | None:
    """Return what a chunk holds, or None if its checksum does not hold.

    Parameters
    ----------
    compression
        ``zstd``, ``lz4`` or nothing.
    packed
        The chunk's compressed content.
    size
        Size of the content.
    crc
        CRC-32 of the content; 0 where the writer gave none (MCAP's rule).
    """
    raw = _unpack(compression, packed, size)
    # A zero checksum is not believed for zstd, which is ours: a damaged checksum must not switch it off.
    if raw is None or (zlib.crc32(raw) != crc and (crc != 0 or compression == b"zstd")):
        return None
    return raw


def look_inside(contents: Sequence[bytes]) -> Inside:
    """Return what sound chunks hold.

    Raises
    ------
    ValueError
        If their records do not fill them.
    """
    raw = b"".join(contents)
    # Bytes at each place as if a record began there: the view costs nothing, only heads are copied.
    heads = np.ndarray(max(len(raw) - _RECORD.itemsize + 1, 0), f"V{_RECORD.itemsize}", raw, strides=(1,))
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    chunk_end = np.cumsum(sizes)
    at, starts = chunk_end - sizes, [np.empty(0, np.int64)]
    while np.any(more := at < chunk_end):  # one record further in every chunk
        at, chunk_end = at[more], chunk_end[more]
        starts.append(at)
        if at[-1] >= len(heads) or np.any(
            (length := heads[at].view(_RECORD)["length"]) > chunk_end - at - _HEAD.size
        ):
            raise ValueError("a record reaches beyond its chunk")
        at = at + _HEAD.size + length.astype(np.int64)
    start = np.sort(np.concatenate(starts))
    end, head = np.append(start[1:], len(raw)), heads[start].view(_RECORD)
    message, channel = head["opcode"] == _OP_MESSAGE, head["channel"]
    messages = {}
    for number in np.flatnonzero(np.bincount(channel[message])).tolist():
        chosen = message & (channel == number)
        messages[number] = np.column_stack((start[chosen] + _HEAD.size + _MESSAGE.size, end[chosen]))
    bodies = (raw[start[i] + _HEAD.size : end[i]] for i in np.flatnonzero(head["opcode"] == _OP_CHANNEL))
    channels = tuple(Channel.read(ReadDataStream(BytesIO(body))) for body in bodies)
    return Inside(raw, channels, messages)


def _unpack(compression: bytes, packed: bytes, size: int) -> bytes | None:
    """Decompress, with a limit: a damaged size must not ask for all the memory there is."""
    if compression == b"":
        return packed
    if compression == b"zstd":
        try:
            stated = zstandard.frame_content_size(packed)
            limit = size if stated < 0 else stated
            if limit > _LARGEST_CHUNK:
                return None
            # Extra data must be refused: a damaged length would swallow the chunks that follow.
            return _opener().decompress(packed, max_output_size=limit, allow_extra_data=False)
        except zstandard.ZstdError:
            return None
    if compression == b"lz4":
        return _unpack_lz4(packed)
    return None


def _opener() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: making one takes longer than opening a chunk."""
    try:
        opener: zstandard.ZstdDecompressor = _THREAD.opener
    except AttributeError:
        opener = _THREAD.opener = zstandard.ZstdDecompressor()
    return opener


def _unpack_lz4(packed: bytes) -> bytes | None:
    import lz4.frame  # only foreign files need it

    lz4_frame: Any = lz4.frame
    try:
        return bytes(lz4_frame.decompress(packed))
    except RuntimeError:
        return None
