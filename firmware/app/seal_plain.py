# Seals a frame in place where no machine code can be compiled: CRC-32, COBS, final zero. Allocates nothing.
#
# seal_fast.py does the same in machine code. The CRC is kept in two halves, since numbers of 2^30 and more are
# objects on the heap.
from array import array


def _tables():
    low, high = array("H", bytes(512)), array("H", bytes(512))
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xEDB88320 if crc & 1 else crc >> 1
        low[byte], high[byte] = crc & 0xFFFF, crc >> 16
    return low, high


_LOW, _HIGH = _tables()


def crc32(data, at, count, to, to_at):
    # Write the CRC-32 (IEEE) of `count` bytes, little-endian.
    low_table, high_table = _LOW, _HIGH
    low = high = 0xFFFF
    for i in range(at, at + count):
        entry = (low ^ data[i]) & 255
        low = (low >> 8 | (high & 255) << 8) ^ low_table[entry]
        high = high >> 8 ^ high_table[entry]
    to[to_at] = ~low & 255
    to[to_at + 1] = (~low >> 8) & 255
    to[to_at + 2] = ~high & 255
    to[to_at + 3] = (~high >> 8) & 255


def seal(frame, at, count):
    # Make a frame of the body that begins at at + 1, `count` bytes (249 at most); return its length.
    end = at + 1 + count
    crc32(frame, at + 1, count, frame, end)
    end += 4
    zero = at
    for i in range(at + 1, end):
        if not frame[i]:
            frame[zero] = i - zero
            zero = i
    frame[zero] = end - zero
    frame[end] = 0
    return count + 6
