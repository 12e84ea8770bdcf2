# The USB serial port: command lines come in, whole frames go out. Short writes are seen and counted.
import select
import sys
from time import ticks_diff, ticks_us

from app.schema_table import COMMAND_BYTES
from micropython import const

_BYTES_A_TURN = const(40)  # reading a byte costs some tens of microseconds
_STALL_US = const(100000)  # who takes a frame more slowly than this does not listen


class Port:
    def __init__(self):
        self.line = bytearray(COMMAND_BYTES)
        self.length = 0  # of the line so far; more than COMMAND_BYTES: too long
        self.read_us = 0  # when the line's end was read
        self.short_writes = 0
        self._torn = True  # what was sent before may be half a frame
        self._byte = bytearray(1)
        self._read = sys.stdin.buffer.readinto
        self._write = sys.stdout.buffer.write
        self._waiting = self._poll(sys.stdin, select.POLLIN)
        self._room = self._poll(sys.stdout, select.POLLOUT)

    def _poll(self, stream, what):
        poll = select.poll()
        poll.register(stream, what)
        return poll.ipoll

    def read_line(self):
        # Return True when a whole line is there; forget() it before the next.
        byte, line = self._byte, self.line
        for _ in range(_BYTES_A_TURN):
            for _ in self._waiting(0):
                break
            else:
                return False
            self._read(byte)
            if byte[0] == 10:
                self.read_us = ticks_us()
                return True
            if self.length < COMMAND_BYTES:
                line[self.length] = byte[0]
            if self.length <= COMMAND_BYTES:
                self.length += 1
        return False

    def forget(self):
        self.length = 0

    def has_room(self):
        # Return whether a frame can be sent now without waiting long.
        for _ in self._room(0):
            return True
        return False

    def write(self, data, at, length):
        # Send a sealed frame; return whether all of it went out, and soon.
        began = ticks_us()
        if self._torn:
            self._write(b"\0")
        sent = self._write(data, at, length)
        self._torn = sent != length
        if self._torn or ticks_diff(ticks_us(), began) > _STALL_US:
            self.short_writes += 1
            return False
        return True
