# The inner loops in machine code; inner_plain.py says the same slowly, and says what each is for.
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
def copy(data: ptr8, at: int, to: ptr8, to_at: int, count: int):
    end = at + count
    while at < end:
        to[to_at] = data[at]
        at += 1
        to_at += 1


@micropython.viper
def _stuff(frame: ptr8, mark: int, begin: int, end: int) -> int:
    at = mark
    to = at + 1
    while begin < end:
        byte = frame[begin]
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
        begin += 1
    frame[mark] = to - mark
    frame[to] = 0
    return to + 1 - at


def room(count):
    return 1 + (count + 4) // 254


def seal(frame, at, count):
    begin = at + room(count)
    end = begin + count
    crc32(frame, begin, count, frame, end)
    return _stuff(frame, at, begin, end + 4)


@micropython.viper
def _sound(line: ptr8, star: int, crc: ptr8) -> int:
    i = 0
    while i < 8:
        byte = line[star + 8 - i]
        digit = 16
        if byte < 58:
            digit = byte - 48
        elif byte > 96:
            digit = byte - 87
        if digit != (crc[i >> 1] >> (4 * (i & 1))) & 15:
            return 0
        i += 1
    i = 1
    while i < star:
        byte = line[i]
        if byte < 32 or byte > 126 or byte == 42:
            return 0
        if byte == 32:
            if line[i + 1] == 32 or i == star - 1:
                return 0
        i += 1
    return 1


def sound(line, star, crc):
    crc32(line, 1, star - 1, crc, 0)
    return _sound(line, star, crc)


@micropython.viper
def after(line: ptr8, at: int, end: int) -> int:
    while at < end:
        if line[at] == 32:
            return at
        at += 1
    return at


@micropython.viper
def same(line: ptr8, at: int, text: ptr8, count: int) -> int:
    i = 0
    while i < count:
        if line[at + i] != text[i]:
            return 0
        i += 1
    return 1


@micropython.viper
def fill_load(raw: ptr8, row: ptr8, at: int) -> int:
    high = raw[0]
    middle = raw[1]
    low = raw[2]
    sign = 0
    if high > 127:
        sign = 255
    value = (high << 16) | (middle << 8) | low
    end = 0
    if value == 0x7FFFFF or value == 0x800000:
        high = middle = low = 0
        sign = 128
        end = 1
    row[at] = low
    row[at + 1] = middle
    row[at + 2] = high
    row[at + 3] = sign
    return end


@micropython.viper
def fill_motion(raw: ptr8, row: ptr8, at: int) -> int:
    ends = 0
    i = 0
    while i < 12:
        low = raw[i]
        high = raw[i + 1]
        value = (high << 8) | low
        if value == 0x7FFF or value == 0x8000:
            low = 0
            high = 128
            ends += 1
        to = at + i + 6
        if i > 5:
            to -= 12
        row[to] = low
        row[to + 1] = high
        i += 2
    return ends


@micropython.viper
def fill_bits(raw: ptr8, facts: ptr8, row: ptr8, at: int) -> int:
    bits = ((raw[0] & facts[1]) | ((raw[1] & facts[2]) << facts[0])) << facts[3]
    end = at + facts[4]
    while at < end:
        row[at] = row[at] | (bits & 255)
        bits >>= 8
        at += 1
    return 0


seal(bytearray(32), 0, 16)  # fails here, at import, where machine code cannot run
