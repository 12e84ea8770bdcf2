"""The readable twin of native/src/frames.c: same blocks, same counts, and the stand-in where C is absent."""

import struct
import zlib
from collections import defaultdict

import numpy as np

from dexkit.protocol.blocks import BLOCK_DTYPE, Counts, Decoded
from dexkit.protocol.tables import HEADER_DTYPE, MESSAGE_ID, PAYLOAD_BYTES, STREAMS

HEADER = struct.Struct("<BBHIII")
CRC = struct.Struct("<I")
FRAME_MIN = HEADER.size + CRC.size
FRAME_MAX = FRAME_MIN + PAYLOAD_BYTES
STUFFED_MAX = FRAME_MAX + -(-FRAME_MAX // 254)
HOLES = 64  # gaps remembered, all streams together
ROW_BYTES = {facts.id: facts.row_dtype.itemsize for facts in STREAMS.values()}

assert HEADER.size == HEADER_DTYPE.itemsize


def cobs_stuff(data: bytes) -> bytes:
    """Return data without zeros: COBS, without the 0x00 that ends a frame."""
    stuffed = bytearray()
    groups = data.split(b"\0")
    for number, group in enumerate(groups, 1):
        full = 254 if number < len(groups) else 255  # nothing follows a full group at the very end
        while len(group) >= full:
            stuffed += b"\xff" + group[:254]
            group = group[254:]
        stuffed += bytes([len(group) + 1]) + group
    return bytes(stuffed)


def cobs_unstuff(stuffed: bytes) -> bytes | None:
    """Return what was stuffed, or None where it is no COBS; stuffed contains no zero and is not empty."""
    data = bytearray()
    at = 0
    while at < len(stuffed):
        code = stuffed[at]
        group = stuffed[at + 1 : at + code]
        if len(group) < code - 1:
            return None
        data += group
        at += code
        if code < 255 and at < len(stuffed):
            data.append(0)
    return bytes(data)


class Decoder:
    """Twin of dexkit.protocol.frames.Decoder, one frame at a time."""

    def __init__(self, duplicates: bool = False) -> None:
        self._duplicates = duplicates
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._open = b""
        self._next: dict[int, int] = {}
        self._holes: list[tuple[int, int, int]] = []  # stream, first, count
        self._blocks: list[tuple[int, ...]] = []
        self._payload = bytearray()

    @property
    def counts(self) -> Counts:
        """What has become of the frames so far."""
        return Counts(**self._counts)

    def push(self, data: bytes | bytearray | memoryview) -> Decoded:
        """Take bytes in any chunking; return the blocks of the frames that they complete."""
        *whole, self._open = (self._open + bytes(data)).split(b"\0")
        for stuffed in whole:
            self._take(stuffed)
        return self._taken()

    def finish(self) -> Decoded:
        """Say that the bytes have ended: a frame still open is too short."""
        self._counts["too_short"] += bool(self._open)
        self._open = b""
        return self._taken()

    def _taken(self) -> Decoded:
        blocks = np.array(self._blocks, BLOCK_DTYPE)
        payload = np.frombuffer(bytes(self._payload), np.uint8)
        self._blocks.clear()
        self._payload.clear()
        return Decoded(blocks, payload, self.counts)

    def _take(self, stuffed: bytes) -> None:
        if stuffed:
            verdict = self._verdict(stuffed)
            self._counts[verdict] += 1

    def _verdict(self, stuffed: bytes) -> str:
        """Deliver a frame when it is good; return what it is counted as."""
        if len(stuffed) <= FRAME_MIN:
            return "too_short"
        frame = cobs_unstuff(stuffed) if len(stuffed) <= STUFFED_MAX else None
        if frame is None or len(frame) > FRAME_MAX:
            return "malformed"
        if zlib.crc32(frame[: -CRC.size]) != CRC.unpack(frame[-CRC.size :])[0]:
            return "bad_crc"
        message, stream, rows, sequence, tick_us, lost = HEADER.unpack_from(frame)
        payload = frame[HEADER.size : -CRC.size]
        if message == MESSAGE_ID["samples"]:
            known = stream in ROW_BYTES and len(payload) == rows * ROW_BYTES[stream]
        else:
            known = message in MESSAGE_ID.values() and stream == 0 and rows == 0
        if not known:
            return "malformed"
        if message == MESSAGE_ID["hello"] and sequence == 0:  # the board has started anew
            self._next.clear()
            self._holes.clear()
        ahead = (sequence - self._next.get(stream, sequence)) % 2**32
        late, fresh = ahead >= 2**31, True
        if not late:
            self._counts["missing"] += ahead
            self._remember_hole(stream, (sequence - ahead) % 2**32, ahead)
            self._next[stream] = (sequence + 1) % 2**32
        elif fresh := self._fill_hole(stream, sequence):
            self._counts["late"] += 1
            self._counts["missing"] -= 1
        if fresh or self._duplicates:
            place = (len(self._payload), len(payload), late and fresh)
            self._blocks.append((message, stream, rows, sequence, tick_us, lost, *place))
            self._payload += payload
        return "good" if fresh else "duplicate"

    def _remember_hole(self, stream: int, first: int, count: int) -> None:
        """Remember a gap; the oldest is forgotten when there are too many."""
        if count:
            self._holes = [*self._holes[-(HOLES - 1) :], (stream, first, count)]

    def _fill_hole(self, stream: int, sequence: int) -> bool:
        """Whether a frame from behind fills a gap; the gap shrinks or is split."""
        for i, (of, first, count) in enumerate(self._holes):
            before = (sequence - first) % 2**32
            if of == stream and before < count:
                del self._holes[i]
                self._remember_hole(stream, first, before)
                self._remember_hole(stream, (sequence + 1) % 2**32, count - before - 1)
                return True
        return False
