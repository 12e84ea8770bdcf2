# Messages that are about no stream: long ones as JSON or text, and the short ones that may not allocate.
import json
import struct

from app.schema_table import GONE, GONE_FIELDS, HEARTBEAT, HEARTBEAT_FIELDS, LOG, PAYLOAD_BYTES, PONG, PONG_FIELDS
from app.inner import crc32, seal


class Messages:
    def __init__(self, port, ticks, boot):
        self.port, self.ticks = port, ticks
        self._boot = boot  # four bytes, little-endian
        self._next = 0  # sequence
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
        parts = ['"%s": %s' % (name, json.dumps(value)) for name, value in fields]
        self.send(kind, ("{" + ", ".join(parts) + "}").encode())

    def log(self, text):
        self.send(LOG, text.encode())

    def send(self, kind, payload):
        payload = payload[:PAYLOAD_BYTES]
        self.ticks.now()
        body = bytearray(16 + len(payload) + 4)
        struct.pack_into("<BBHI", body, 0, kind, 0, 0, self._next)
        self.ticks.write(body, 8, self.ticks.last)
        body[16 : 16 + len(payload)] = payload
        crc32(body, 0, 16 + len(payload), body, 16 + len(payload))
        self._next += 1
        frame = stuff(body) + b"\0"
        self.port.write(frame, 0, len(frame))


def stuff(body):
    # COBS for a body of any length, without the zero that ends a frame.
    frame = b""
    groups = bytes(body).split(b"\0")
    for number, group in enumerate(groups):
        full = 254 if number < len(groups) - 1 else 255  # nothing follows a full group at the very end
        while len(group) >= full:
            frame += b"\xff" + group[:254]
            group = group[254:]
        frame += bytes((len(group) + 1,)) + group
    return frame
