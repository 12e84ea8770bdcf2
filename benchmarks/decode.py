"""Decoding: verified frames to numpy, against the C extension `cobs` with zlib, and against a numba loop."""

import zlib
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
from cobs import cobs
from numpy.typing import NDArray

from benchmarks.race import Row, race, ratio
from dexkit.protocol.blocks import Decoded
from dexkit.protocol.frames import decode, encode_samples
from dexkit.protocol.tables import HEADER_DTYPE, STREAMS

FRAMES = 20_000

POLYNOMIAL = 0xEDB88320


def wire_bytes(stream: str, rows: int, low: int, high: int) -> bytes:
    """Return frames of one stream with a byte damaged in one of a thousand."""
    rng = np.random.default_rng(1)
    shape = (rows, len(STREAMS[stream].columns))
    frames = [
        encode_samples(stream, rng.integers(low, high, shape), sequence=k, tick_us=25_000 * k)
        for k in range(FRAMES)
    ]
    for k in rng.choice(FRAMES, FRAMES // 1000, replace=False):
        damaged = bytearray(frames[k])
        damaged[rng.integers(0, len(damaged) - 1)] ^= 0x55
        frames[k] = bytes(damaged)
    return b"".join(frames)


def frame_dtype(stream: str, rows: int) -> np.dtype[np.void]:
    """Return header and rows as the peers give them."""
    fields = [(name, HEADER_DTYPE[name]) for name in HEADER_DTYPE.names or ()]
    return np.dtype([*fields, ("payload", STREAMS[stream].row_dtype, (rows,))])


def with_cobs_and_zlib(data: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return header and rows of each good frame: the C extension for COBS, zlib, one frombuffer."""
    good = []
    unstuff, crc32, size = cobs.decode, zlib.crc32, dtype.itemsize
    for stuffed in data.split(b"\0"):
        try:
            frame = unstuff(stuffed)
        except cobs.DecodeError:
            continue
        if len(frame) == size + 4 and crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little"):
            good.append(frame[:-4])
    return np.frombuffer(b"".join(good), dtype)


def crc_table() -> NDArray[np.uint32]:
    """Return the byte table of CRC-32."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


@numba.njit(cache=False)  # type: ignore[untyped-decorator]
def numba_loop(data: Any, out: Any, size: int, table: Any) -> int:
    """Unstuff, check and copy in one pass over the bytes; return the number of good frames."""
    good, at, n = 0, 0, len(data)
    while at < n:
        code = np.int64(data[at])
        if code == 0:
            at += 1
            continue
        length, sound = 0, True
        crc = np.uint32(0xFFFFFFFF)
        base = good * size
        while code != 0:
            for k in range(1, code):
                if at + k >= n or data[at + k] == 0:
                    sound = False
                    code = k
                    break
                if length < size + 4:
                    byte = data[at + k]
                    out[base + length] = byte
                    crc = crc >> np.uint32(8) ^ table[(crc ^ byte) & np.uint32(255)]
                length += 1
            at += code
            if at >= n or data[at] == 0:
                break
            if code < 255:
                if length < size + 4:
                    out[base + length] = 0
                    crc = crc >> np.uint32(8) ^ table[crc & np.uint32(255)]
                length += 1
            code = np.int64(data[at])
        if sound and length == size + 4 and crc == np.uint32(0xDEBB20E3):
            good += 1
        at += 1
    return good


def with_numba(data: bytes, dtype: np.dtype[np.void], table: NDArray[np.uint32]) -> NDArray[np.void]:
    """Return header and rows of each good frame: one fused loop, compiled."""
    out = np.empty(len(data) + 8, np.uint8)
    good = numba_loop(np.frombuffer(data, np.uint8), out, dtype.itemsize, table)
    return out[: good * dtype.itemsize].view(dtype)


def same(ours: Decoded, peer: NDArray[np.void]) -> bool:
    """Whether headers and payloads are equal, byte for byte."""
    headers = all(np.array_equal(ours.blocks[name], peer[name]) for name in HEADER_DTYPE.names or ())
    return headers and ours.payload.tobytes() == peer["payload"].tobytes()


def race_stream(stream: str, count: int, low: int, high: int) -> Iterator[Row]:
    """Race at frames of this many rows of one stream, raw counts from low to high."""
    table, dtype = crc_table(), frame_dtype(stream, count)
    data = wire_bytes(stream, count, low, high)
    contestants = {
        "ours": lambda: decode(data),
        "cobs": lambda: with_cobs_and_zlib(data, dtype),
        "numba": lambda: with_numba(data, dtype, table),
    }
    ours = decode(data)
    if not all(same(ours, peer) for peer in (contestants["cobs"](), contestants["numba"]())):
        raise AssertionError("The decoders disagree: the race is void.")
    seconds = race(contestants, rounds=15)
    best = min(seconds["ours"])
    figure = f"{best / FRAMES * 1e9:.1f} ns/frame, {len(data) / best / 1e9:.2f} GB/s"
    what = f"decode {stream}, {len(data) / FRAMES:.0f} B"
    yield Row(what, "cobs + zlib batched", ratio(seconds, "cobs", "ours"), 25, figure)
    note = "half of the time goes into unstuffing: a store for each zero byte, about one a cycle"
    yield Row(what, "numba fused loop", ratio(seconds, "numba", "ours"), 8, figure, note)


def rows() -> Iterator[Row]:
    """Race at two usual frames: 5 rows of motion, 8 rows of load."""
    yield from race_stream("cup/motion", 5, -3000, 3000)
    yield from race_stream("cup/load", 8, -60_000, 800_000)
