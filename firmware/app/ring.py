# The blocks of one stream: collected in place, kept until the host has them, made into frames when they are sent.
#
# One bytearray of equal slots; the block with sequence n lies in slot n % slots: its tick, its count of lost
# samples, its rows. Headers are not kept: memory is what a board has least of. Nothing is allocated later.
import struct

from app.schema_table import SAMPLES
from app.inner import copy, seal
from micropython import const

_HEAD = const(8)  # tick and lost; they follow each other in a frame's header, too
_TICK = const(9)  # where they stand in a frame
_BODY = const(17)  # where the rows stand in a frame
_ROW_BYTES = const(233)  # most bytes of rows: a longer body would not begin at 1, see room()


class Ring:
    frame = bytearray(_BODY + _ROW_BYTES + 5)  # where a block becomes a frame; all streams share it

    def __init__(self, number, row_bytes, rows, slots):
        self.number, self.row_bytes, self.slots = number, row_bytes, slots
        self.rows = min(rows, _ROW_BYTES // row_bytes)  # in a full block
        self.slot_bytes = _HEAD + self.rows * row_bytes
        self.memory = bytearray(slots * self.slot_bytes)
        self.counts = bytearray(slots)  # rows of each block; 0: the host has it
        self.oldest = 0  # sequence of the oldest block kept
        self.next = 0  # sequence of the block being collected
        self.fresh = 0  # sequence of the next complete block that was not looked at
        self.overwritten = 0
        self.again = 0  # next block to send again
        self.until = 0  # blocks before this one are sent again
        self.mark = 0  # what `next` was when blocks were last sent again

    def begin(self, ticks, stamp):
        # Open the next block; return where its first row goes.
        if self.next - self.oldest == self.slots:
            self.overwritten += 1
            self.arrived(self.oldest + 1)
        at = self.next % self.slots * self.slot_bytes
        ticks.write(self.memory, at, stamp)
        return at + _HEAD

    def end(self, rows, lost):
        # The block is complete: so many rows, and so many samples lost before its end since power-up.
        slot = self.next % self.slots
        struct.pack_into("<I", self.memory, slot * self.slot_bytes + 4, lost)
        self.counts[slot] = rows
        self.next += 1

    def rows_of(self, sequence):
        # Place and number of the rows of a kept block.
        slot = sequence % self.slots
        return slot * self.slot_bytes + _HEAD, self.counts[slot]

    def send(self, port, sequence):
        # Send a kept block; return whether it went out whole.
        slot, frame = sequence % self.slots, self.frame
        rows = self.counts[slot]
        body = rows * self.row_bytes
        struct.pack_into("<BBHI", frame, 1, SAMPLES, self.number, rows, sequence)
        copy(self.memory, slot * self.slot_bytes, frame, _TICK, _HEAD + body)
        return port.write(frame, 0, seal(frame, 0, _BODY - 1 + body))

    def arrived(self, sequence):
        # The host has all blocks before this one.
        if sequence > self.oldest:
            self.oldest = sequence
            self._skip()

    def arrived_one(self, sequence):
        # The host has this block; what is missing before it can be sent again at once.
        if self.oldest <= sequence < self.next:
            self.counts[sequence % self.slots] = 0
            if self.again >= self.until:
                self.again = self.oldest
            self.until = max(self.until, sequence)
            self._skip()

    def _skip(self):
        while self.oldest < self.next and not self.counts[self.oldest % self.slots]:
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
            if self.counts[block % self.slots]:
                return block
        return -1
