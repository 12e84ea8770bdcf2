"""The way from MicroPython (WebAssembly) to its desk: a piece of memory that requests and answers cross."""

import struct

import ops
import uctypes
from _pipe import exchange

#: Length (4 bytes), then a request or its answer.
_memory = bytearray(4 + 4096)
_body = memoryview(_memory)[4:]
_at = uctypes.addressof(_memory)


_NONE = ()


def call(op, spent_us, a, b, data):
    """Ask the desk; return its answer."""
    struct.pack_into(ops.REQUEST, _body, 0, op, spent_us, a, b)
    end = ops.REQUEST_BYTES + len(data)
    _body[ops.REQUEST_BYTES : end] = data
    length = exchange(_at, end)
    ticks, left_us, result, flags, count = struct.unpack_from(ops.REPLY, _body, 0)
    at = ops.REPLY_BYTES
    events = _NONE
    if count:
        events = []
        for _ in range(count):
            events.append(struct.unpack_from(ops.EVENT, _body, at))
            at += ops.EVENT_BYTES
    return ticks, left_us, result, flags, events, bytes(_body[at:length])
