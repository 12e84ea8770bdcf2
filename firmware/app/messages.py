# Messages that are about no stream: long ones as JSON or text, and the short ones that may not allocate.
import json
import struct

from app.schema_table import GONE, GONE_FIELDS, HEARTBEAT, HEARTBEAT_FIELDS, LOG, PAYLOAD_BYTES, PONG, PONG_FIELDS
from app.inner import copy, room, seal


class Messages:
    def __init__(self, port, ticks, boot):
        self.port, self.ticks = port, ticks
        self._boot = boot  # four bytes, little-endian
        self._next = 0  # sequence
        self.keep_up = _nothing  # the loop's: called between the parts of what takes long
        self._short = bytearray(22 + 4 * HEARTBEAT_FIELDS)

    # ---- Short ones: fields of 32 bits, nothing allocated

    def pong(self, number, stamp):
        struct.pack_into("<I", self._short, 17, number)
        self._put_boot(PONG_FIELDS - 1)
        self._send_short(PONG, PONG_FIELDS, stamp)

    def gone(self, stream, oldest):
        struct.pack_into("<II", self._short, 17, stream, oldest)
        self._send_short(GONE, GONE_FIELDS, self.ticks.last)

    def heartbeat(self, blocks, overwritten, longest_us, free, busy, resent, short, bad, wraps):
        struct.pack_into("<IIIII", self._short, 17, blocks, overwritten, longest_us, free, busy)
        struct.pack_into("<IIII", self._short, 37, resent, short, bad, wraps)
        self._put_boot(HEARTBEAT_FIELDS - 1)
        self._send_short(HEARTBEAT, HEARTBEAT_FIELDS, self.ticks.last)

    def _put_boot(self, field):
        for i in range(4):
            self._short[17 + 4 * field + i] = self._boot[i]

    def _send_short(self, kind, fields, stamp):
        frame = self._short
        struct.pack_into("<BBHI", frame, 1, kind, 0, 0, self._next)
        self.ticks.write(frame, 9, stamp)
        struct.pack_into("<I", frame, 13, 0)
        self._next += 1
        self.port.write(frame, 0, seal(frame, 0, 16 + 4 * fields))

    # ---- Long ones

    def json(self, kind, fields):
        # Send (name, value) pairs, in their order.
        pieces = []
        for name, value in fields:
            pieces.append((', "%s": %s' if pieces else '{"%s": %s') % (name, json.dumps(value)))
            self.keep_up()
        pieces.append("}")
        self._send(kind, pieces)

    def log(self, text):
        self._send(LOG, (text,))

    def _send(self, kind, pieces):
        # Pieces of text make one payload. There is one buffer, since garbage can be collected only between streams.
        pieces = [piece.encode() for piece in pieces]
        size = 16 + min(sum([len(piece) for piece in pieces]), PAYLOAD_BYTES)
        at = room(size)
        frame, put, end = bytearray(at + size + 5), at + 16, at + size
        self.ticks.now()
        struct.pack_into("<BBHI", frame, at, kind, 0, 0, self._next)
        self.ticks.write(frame, at + 8, self.ticks.last)
        for piece in pieces:
            count = min(len(piece), end - put)
            copy(piece, 0, frame, put, count)
            put += count
        self._next += 1
        self.keep_up()
        self.port.write(frame, 0, seal(frame, 0, size))


def _nothing():
    pass
