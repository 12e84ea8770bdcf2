# Makes the tag of a record, HMAC-SHA-256 cut short, in machine code: it allocates nothing and knows its pads.
#
# The board's hashlib allocates for every hash and begins each time with the pads, two more blocks of work.
from array import array

import micropython

from app.schema_table import TAG_BYTES


def _root(number, power):
    # The first 32 bits behind the point of a root, as SHA-256 (FIPS 180-4) takes its constants.
    root = 0
    for bit in range(36, -1, -1):
        if (root | 1 << bit) ** power <= number << 32 * power:
            root |= 1 << bit
    return root & 0xFFFFFFFF


_PRIMES = [n for n in range(2, 312) if all([n % d for d in range(2, n) if d * d <= n])]
_ROUNDS = array("I", [_root(prime, 3) for prime in _PRIMES])
_BEGIN = array("I", [_root(prime, 2) for prime in _PRIMES[:8]])
_WORDS = array("I", bytes(256))


@micropython.viper
def _blocks(state: ptr32, words: ptr32, rounds: ptr32, data: ptr8, count: int):
    at = 0
    end = count * 64
    while at < end:
        i = 0
        while i < 16:
            words[i] = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
            at += 4
            i += 1
        while i < 64:
            x = int(words[i - 15])
            y = int(words[i - 2])
            x = ((x >> 7 & 0x1FFFFFF) | x << 25) ^ ((x >> 18 & 0x3FFF) | x << 14) ^ (x >> 3 & 0x1FFFFFFF)
            y = ((y >> 17 & 0x7FFF) | y << 15) ^ ((y >> 19 & 0x1FFF) | y << 13) ^ (y >> 10 & 0x3FFFFF)
            words[i] = int(words[i - 16]) + x + int(words[i - 7]) + y
            i += 1
        a = int(state[0])
        b = int(state[1])
        c = int(state[2])
        d = int(state[3])
        e = int(state[4])
        f = int(state[5])
        g = int(state[6])
        h = int(state[7])
        i = 0
        while i < 64:
            x = ((e >> 6 & 0x3FFFFFF) | e << 26) ^ ((e >> 11 & 0x1FFFFF) | e << 21) ^ ((e >> 25 & 0x7F) | e << 7)
            x += h + (g ^ (e & (f ^ g))) + int(rounds[i]) + int(words[i])
            y = ((a >> 2 & 0x3FFFFFFF) | a << 30) ^ ((a >> 13 & 0x7FFFF) | a << 19) ^ ((a >> 22 & 0x3FF) | a << 10)
            y += (a & b) | (c & (a | b))
            h = g
            g = f
            f = e
            e = d + x
            d = c
            c = b
            b = a
            a = x + y
            i += 1
        state[0] = int(state[0]) + a
        state[1] = int(state[1]) + b
        state[2] = int(state[2]) + c
        state[3] = int(state[3]) + d
        state[4] = int(state[4]) + e
        state[5] = int(state[5]) + f
        state[6] = int(state[6]) + g
        state[7] = int(state[7]) + h


@micropython.viper
def _copy(data: ptr8, at: int, count: int, to: ptr8, to_at: int):
    i = 0
    while i < count:
        to[to_at + i] = data[at + i]
        i += 1


@micropython.viper
def _put(state: ptr32, words: int, to: ptr8, to_at: int):
    i = 0
    while i < words:
        word = int(state[i])
        to[to_at] = word >> 24
        to[to_at + 1] = word >> 16
        to[to_at + 2] = word >> 8
        to[to_at + 3] = word
        to_at += 4
        i += 1


@micropython.viper
def _pad(data: ptr8, count: int) -> int:
    # Pad what follows a block that is hashed already; return the number of blocks.
    blocks = (count + 72) >> 6
    end = blocks * 64
    bits = (count + 64) * 8
    data[count] = 0x80
    i = count + 1
    while i < end - 2:
        data[i] = 0
        i += 1
    data[end - 2] = bits >> 8
    data[end - 1] = bits
    return blocks


class Tagger:
    # As in tag_plain.py.
    def __init__(self, inner, outer, room):
        self.record = bytearray(4 + room + 72)
        self._pads = array("I", bytes(32)), array("I", bytes(32))
        for pad, state in zip((inner, outer), self._pads):
            state[:] = _BEGIN
            _blocks(state, _WORDS, _ROUNDS, pad, 1)
        self._state = array("I", bytes(32))
        self._outer = bytearray(64)
        self._number = 0

    def tag(self, data, at, length):
        record, state, end = self.record, self._state, 4 + length
        number = self._number
        for i in range(4):
            record[i] = number & 255
            number >>= 8
        self._number += 1
        _copy(data, at, length, record, 4)
        _copy(self._pads[0], 0, 32, state, 0)
        _blocks(state, _WORDS, _ROUNDS, record, _pad(record, end))
        _put(state, 8, self._outer, 0)
        _copy(self._pads[1], 0, 32, state, 0)
        _blocks(state, _WORDS, _ROUNDS, self._outer, _pad(self._outer, 32))
        _put(state, TAG_BYTES // 4, record, end)
        return length + TAG_BYTES


Tagger(bytes(64), bytes(64), 0)  # fails here, at import, where machine code cannot run
