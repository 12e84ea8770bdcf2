# The USB serial port: command lines come in, whole frames go out. Short writes are seen and counted.
import select
import sys
from time import ticks_diff, ticks_us

from app.schema_table import COMMAND_BYTES
from micropython import const

_BYTES_A_TURN = const(16)  # reading a byte takes some 40 us on the board
_STALL_US = const(100000)  # who takes a frame more slowly than this does not listen
_CONTROL_C = const(3)
_QUIET_US = const(1200000)  # a host that goes on has said something by then


class Port:
    def __init__(self):
        self.line = bytearray(COMMAND_BYTES)
        self.length = 0  # of the line so far; more than COMMAND_BYTES: too long
        self.read_us = 0  # when the line's end was read
        self.short_writes = 0
        self._stop = False  # a Ctrl-C was read; what follows tells whether it was meant
        self._stop_us = 0
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
        waiting, read = self._waiting, self._read  # more than three at once would make a tuple
        cell, line = self._byte, self.line
        length = self.length
        whole = False
        for _ in range(_BYTES_A_TURN):
            for _ in waiting(0):
                break
            else:
                if self._stop and ticks_diff(ticks_us(), self._stop_us) > _QUIET_US:
                    raise KeyboardInterrupt
                break
            read(cell)
            byte = cell[0]
            if byte < 32:
                self._heed(byte, length)
                if byte == 10:
                    self.read_us = ticks_us()
                    whole = True
                    break
            elif self._stop:
                self._stop = False
            if length < COMMAND_BYTES:
                line[length] = byte
                length += 1
            else:
                length = COMMAND_BYTES + 1
        self.length = length
        return whole

    def _heed(self, byte, length):
        # Raise KeyboardInterrupt for a Ctrl-C that was meant: it begins a line, and none follows it. A byte of a
        # command that was damaged on its way to look like one has the command around it.
        if self._stop and byte != 10:
            raise KeyboardInterrupt
        self._stop = byte == _CONTROL_C and (length == 0 or self.line[length - 1] < 32)
        if self._stop:
            self._stop_us = ticks_us()

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
