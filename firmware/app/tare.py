# Tare: the mean raw count of some loads over a short time, while the streams run on.
import struct
from time import ticks_diff, ticks_ms

_ABSENT = -2147483648


class Tare:
    def __init__(self, number, wanted, ms):
        self.number = number
        self._ms = ms
        self._began = ticks_ms()
        self._wanted = [[channel, stream, index, 0, 0] for channel, stream, index in wanted]

    def add(self, stream, block):
        # A block of the stream was completed.
        memory, row_bytes = stream.ring.memory, stream.ring.row_bytes
        at, rows = stream.ring.rows_of(block)
        for wanted in self._wanted:
            if wanted[1] is stream:
                for row in range(rows):
                    (value,) = struct.unpack_from("<i", memory, at + row * row_bytes + 4 * wanted[2])
                    if value != _ABSENT:
                        wanted[3] += value
                        wanted[4] += 1

    def is_done(self):
        return ticks_diff(ticks_ms(), self._began) >= self._ms

    def result(self):
        # (channel, mean) of each, rounded; None where nothing was measured.
        return [(name, (2 * total + count) // (2 * count) if count else None) for name, _, _, total, count in self._wanted]
