"""Frames: bytes from a board to verified blocks, and back for tests, simulation and replay."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dexkit.core import ffi, lib
from dexkit.errors import InputError
from dexkit.protocol import frames_reference
from dexkit.protocol.blocks import BLOCK_DTYPE, Bytes, Counts, Decoded
from dexkit.protocol.frames_reference import CRC, FRAME_MIN, HEADER, cobs_stuff
from dexkit.protocol.tables import MESSAGE_ID, PAYLOAD_BYTES, STREAMS


class CoreDecoder:
    """Finds verified frames in bytes as they come, in any chunking.

    It is in step again at the first whole frame after any damage, and counts what was lost.

    Parameters
    ----------
    duplicates
        Whether to deliver duplicates too, for those who keep the order themselves: a decoder remembers only
        so many gaps, and takes a frame that fills a forgotten one for a duplicate.
    """

    def __init__(self, duplicates: bool = False) -> None:
        handle = lib.dk_decoder_new()
        if handle == ffi.NULL:
            raise MemoryError
        self._decoder = ffi.gc(handle, lib.dk_decoder_free)
        lib.dk_decoder_duplicates(self._decoder, duplicates)

    @property
    def counts(self) -> Counts:
        """What has become of the frames so far."""
        counts = lib.dk_decoder_counts(self._decoder)
        return Counts(*(getattr(counts, name) for name in Counts._fields))

    def push(self, data: Bytes) -> Decoded:
        """Take bytes in any chunking; return the blocks of the frames that they complete."""
        n = memoryview(data).nbytes
        blocks = np.empty(n // FRAME_MIN + 2, BLOCK_DTYPE)
        payload = np.empty(n + lib.DK_PAYLOAD_ROOM + PAYLOAD_BYTES, np.uint8)
        out = ffi.new("dk_blocks *")
        out.items = ffi.cast("dk_block *", ffi.from_buffer(blocks))
        out.capacity = len(blocks)
        out.payload = ffi.from_buffer("uint8_t[]", payload)
        out.payload_capacity = len(payload)
        taken = lib.dk_decoder_push(self._decoder, ffi.from_buffer("uint8_t[]", data), n, out)
        assert taken == n  # there was room for every frame that can be in n bytes
        return Decoded(blocks[: out.count], payload[: out.payload_count], self.counts)

    def finish(self) -> Decoded:
        """Say that the bytes have ended: a frame still open is too short."""
        lib.dk_decoder_finish(self._decoder)
        return Decoded(np.empty(0, BLOCK_DTYPE), np.empty(0, np.uint8), self.counts)


Decoder: type[CoreDecoder] | type[frames_reference.Decoder]
Decoder = CoreDecoder if lib is not None else frames_reference.Decoder


def decode(buffer: Bytes) -> Decoded:
    """Return the verified blocks in a buffer of frames.

    Parameters
    ----------
    buffer
        Bytes as a board sent them, damaged or not.

    Returns
    -------
    Decoded
        Blocks, payload and counts; ``samples(stream)`` gives one stream's samples.

    Raises
    ------
    InputError
        When the buffer is not bytes.
    """
    try:
        view = memoryview(buffer).cast("B")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Cannot decode a {type(buffer).__name__} ({error}). Probably text or a path was given. "
            "Pass the bytes themselves, for example Path(name).read_bytes()."
        ) from None
    decoder = Decoder()
    whole = decoder.push(view)
    return Decoded(whole.blocks, whole.payload, decoder.finish().counts)


def encode_frame(
    message: str,
    payload: bytes = b"",
    *,
    sequence: int,
    tick_us: int,
    stream: str | None = None,
    rows: int = 0,
    lost: int = 0,
) -> bytes:
    """Return one frame with its ending 0x00, as a board would send it.

    Parameters
    ----------
    message
        Type of message: ``samples``, ``hello``, ...
    payload
        At most PAYLOAD_BYTES bytes.
    sequence, tick_us, lost
        As docs/protocol.md says; taken modulo 2^32.
    stream
        Name of the stream for ``samples``; None for the other messages.
    rows
        Rows in the payload of ``samples``.

    Raises
    ------
    InputError
        When there is no such message or stream, or the payload is too long or not whole rows.
    """
    if message not in MESSAGE_ID or (stream is not None and stream not in STREAMS):
        raise InputError(f"There is no message {message!r} or stream {stream!r}; see docs/protocol.md.")
    if len(payload) > PAYLOAD_BYTES:
        raise InputError(f"A payload of {len(payload)} bytes does not fit; send at most {PAYLOAD_BYTES}.")
    if stream is not None and len(payload) != rows * STREAMS[stream].row_dtype.itemsize:
        raise InputError(f"{len(payload)} bytes are not {rows} rows of {stream}; see docs/protocol.md.")
    number = STREAMS[stream].id if stream is not None else 0
    header = HEADER.pack(MESSAGE_ID[message], number, rows, sequence % 2**32, tick_us % 2**32, lost % 2**32)
    body = header + payload
    return cobs_stuff(body + CRC.pack(zlib.crc32(body))) + b"\0"


def encode_samples(
    stream: str, raw: Sequence[Sequence[int]] | NDArray[Any], *, sequence: int, tick_us: int, lost: int = 0
) -> bytes:
    """Return the frame of a block of samples.

    Parameters
    ----------
    stream
        Name of the stream: ``cup/load``.
    raw
        Raw counts (rows, channels); for a stream of bits 0 and 1 of each channel.
    sequence, tick_us, lost
        As in encode_frame.

    Raises
    ------
    InputError
        As encode_frame, and when the channels do not fit the stream.
    """
    if stream not in STREAMS:
        raise InputError(f"There is no stream {stream!r}; known are: {', '.join(STREAMS)}.")
    facts = STREAMS[stream]
    table = np.asarray(raw)
    if table.ndim != 2 or table.shape[1] != len(facts.columns):
        raise InputError(
            f"The rows have shape {table.shape}; {stream} needs (rows, {len(facts.columns)}): "
            f"{', '.join(facts.columns)}."
        )
    if facts.wire.startswith("bits"):
        table = (table.astype(bool) << np.arange(len(facts.columns), dtype=np.uint32)).sum(axis=1)
    payload = np.ascontiguousarray(table, facts.row_dtype[0]).tobytes()
    return encode_frame(
        "samples", payload, stream=stream, rows=len(raw), sequence=sequence, tick_us=tick_us, lost=lost
    )
