# The blocks of one stream: collected in place, sealed in place, kept until the host has them.
#
# One bytearray of equal slots; the block with sequence n lies in slot n % slots. Nothing is allocated after the
# beginning, nothing is copied.
import struct

from app.schema_table import SAMPLES
from app.seal import seal
from micropython import const

_HEAD = const(17)  # COBS code and header
_REST = const(22)  # what a block has besides its rows
_ROW_BYTES = const(233)  # most bytes of rows that seal() takes


class Ring:
    def __init__(self, number, row_bytes, rows, slots):
        self.number, self.row_bytes, self.slots = number, row_bytes, slots
        self.rows = min(rows, _ROW_BYTES // row_bytes)  # in a full block
        self.slot_bytes = _REST + self.rows * row_bytes
        self.memory = bytearray(slots * self.slot_bytes)
        self.lengths = bytearray(slots)  # of each block as sent; 0: the host has it
        self.oldest = 0  # sequence of the oldest block kept
        self.next = 0  # sequence of the block being collected
        self.overwritten = 0
        self.again = 0  # next block to send again
        self.until = 0  # blocks before this one are sent again
        self.mark = 0  # what `next` was when blocks were last sent again

    def begin(self, ticks, stamp):
        # Open the next block; return where its first row goes.
        slot = self.next % self.slots
        if self.next - self.oldest == self.slots:
            self.overwritten += 1
            self.arrived(self.oldest + 1)
        at = slot * self.slot_bytes
        ticks.write(self.memory, at + 9, stamp)
        return at + _HEAD

    def end(self, rows, lost):
        # Seal the block with its rows.
        slot = self.next % self.slots
        at = slot * self.slot_bytes
        struct.pack_into("<BBHI", self.memory, at + 1, SAMPLES, self.number, rows, self.next)
        struct.pack_into("<I", self.memory, at + 13, lost)
        self.lengths[slot] = seal(self.memory, at, 16 + rows * self.row_bytes)
        self.next += 1

    def send(self, port, sequence):
        # Send a kept block; return whether it went out whole.
        slot = sequence % self.slots
        return port.write(self.memory, slot * self.slot_bytes, self.lengths[slot])

    def arrived(self, sequence):
        # The host has all blocks before this one.
        if sequence > self.oldest:
            self.oldest = sequence
            self._skip()

    def arrived_one(self, sequence):
        # The host has this block; what is missing before it can be sent again at once.
        if self.oldest <= sequence < self.next:
            self.lengths[sequence % self.slots] = 0
            if self.again >= self.until:
                self.again = self.oldest
            self.until = max(self.until, sequence)
            self._skip()

    def _skip(self):
        while self.oldest < self.next and not self.lengths[self.oldest % self.slots]:
            self.oldest += 1

    def keep_last(self, blocks):
        # Forget all blocks but the last ones: nobody needs them.
        self.arrived(self.next - blocks)

    def start_again(self):
        # From now on due() gives the blocks that were sent longer ago than the last call, unless it still does.
        if self.again >= self.until:
            self.again, self.until = self.oldest, self.mark
            self.mark = self.next

    def send_all(self):
        # From now on due() gives every block kept.
        self.again, self.until = self.oldest, self.next

    def due(self):
        # Return the next block to send again, or -1.
        if self.again < self.oldest:
            self.again = self.oldest
        while self.again < self.until:
            block = self.again
            self.again += 1
            if self.lengths[block % self.slots]:
                return block
        return -1
