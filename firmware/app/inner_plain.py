# The inner loops where no machine code can be made; inner_fast.py does the very same.
#
# Numbers of 2^30 and more are objects on the heap, so the CRC is kept in two halves.
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


def copy(data, at, to, to_at, count):
    # Copy bytes; a slice would allocate.
    for i in range(count):
        to[to_at + i] = data[at + i]


def room(count):
    # How far behind its frame's begin a body of `count` bytes begins: 1 for all up to 249.
    return 1 + (count + 4) // 254


def seal(frame, at, count):
    # Make a frame, at `at`, of the body that begins at at + room(count); return its length.
    #
    # COBS in place: each zero is replaced by the distance to the next one, and a run of 254 without a zero is moved
    # towards the begin to make room for one more such distance. A short body has none, so nothing of it moves.
    begin = at + room(count)
    end = begin + count
    crc32(frame, begin, count, frame, end)
    end += 4
    mark = at
    to = at + 1
    for i in range(begin, end):
        byte = frame[i]
        if to - mark == 255:
            frame[mark] = 255
            mark = to
            to += 1
        if byte:
            frame[to] = byte
        else:
            frame[mark] = to - mark
            mark = to
        to += 1
    frame[mark] = to - mark
    frame[to] = 0
    return to + 1 - at


def sound(line, star, crc):
    # Whether a command line from @ to its star is printable, its words one blank apart, and its checksum right.
    crc32(line, 1, star - 1, crc, 0)
    for i in range(8):
        byte = line[star + 8 - i]
        digit = byte - 48 if byte < 58 else byte - 87 if byte > 96 else 16
        if digit != (crc[i >> 1] >> (4 * (i & 1))) & 15:
            return 0
    for i in range(1, star):
        byte = line[i]
        if byte < 32 or byte > 126 or byte == 42 or byte == 32 and (line[i + 1] == 32 or i == star - 1):
            return 0
    return 1


def after(line, at, end):
    # Where the word at `at` ends: at a blank, or at the end.
    while at < end and line[at] != 32:
        at += 1
    return at


def same(line, at, text, count):
    # Whether these bytes stand in the line.
    for i in range(count):
        if line[at + i] != text[i]:
            return 0
    return 1


def fill_load(raw, row, at):
    # A load's big-endian 24 bits as a little-endian i32; return 1 where it is at an end of its range.
    high = raw[0]
    if (high == 127 and raw[1] == raw[2] == 255) or (high == 128 and raw[1] == raw[2] == 0):
        row[at] = row[at + 1] = row[at + 2] = 0
        row[at + 3] = 128
        return 1
    row[at] = raw[2]
    row[at + 1] = raw[1]
    row[at + 2] = high
    row[at + 3] = 255 if high & 128 else 0
    return 0


def fill_motion(raw, row, at):
    # Turning, then motion, as motion, then turning; return how many axes are at an end of their range.
    ends = 0
    for i in range(0, 12, 2):
        low, high = raw[i], raw[i + 1]
        if (high == 127 and low == 255) or (high == 128 and low == 0):
            low, high = 0, 128
            ends += 1
        to = at + (i + 6 if i < 6 else i - 6)
        row[to] = low
        row[to + 1] = high
    return ends


def fill_bits(raw, facts, row, at):
    # Two runs of bits of the chip as one run in a row that holds zeros where they go.
    #
    # facts: bits in the first run, masks of both runs, first bit in the row, bytes of the row.
    bits = (raw[0] & facts[1] | (raw[1] & facts[2]) << facts[0]) << facts[3]
    for i in range(facts[4]):
        row[at + i] |= (bits >> (8 * i)) & 255
    return 0
