# Seals a frame in place, in machine code: CRC-32, COBS, final zero. seal_plain.py says the same slowly.
#
# A body of 249 bytes and its CRC never hold a run of 254 without a zero, so COBS moves nothing: each zero is
# replaced by the distance to the next one.
from array import array

import micropython


def _table():
    table = array("I", bytes(64))
    for nibble in range(16):
        crc = nibble
        for _ in range(4):
            crc = crc >> 1 ^ 0xEDB88320 if crc & 1 else crc >> 1
        table[nibble] = crc
    return table


_TABLE = _table()


@micropython.viper
def crc32(data: ptr8, at: int, count: int, to: ptr8, to_at: int):
    table = ptr32(_TABLE)
    crc = -1
    end = at + count
    while at < end:
        crc ^= data[at]
        crc = ((crc >> 4) & 0x0FFFFFFF) ^ table[crc & 15]
        crc = ((crc >> 4) & 0x0FFFFFFF) ^ table[crc & 15]
        at += 1
    crc ^= -1
    to[to_at] = crc & 255
    to[to_at + 1] = (crc >> 8) & 255
    to[to_at + 2] = (crc >> 16) & 255
    to[to_at + 3] = (crc >> 24) & 255


@micropython.viper
def _stuff(frame: ptr8, at: int, end: int):
    zero = at
    at += 1
    while at < end:
        if frame[at] == 0:
            frame[zero] = at - zero
            zero = at
        at += 1
    frame[zero] = end - zero
    frame[end] = 0


def seal(frame, at, count):
    end = at + 1 + count
    crc32(frame, at + 1, count, frame, end)
    _stuff(frame, at, end + 4)
    return count + 6


seal(bytearray(32), 0, 16)  # fails here, at import, where machine code cannot run
