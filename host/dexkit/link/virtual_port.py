"""A port whose other end is a board in this process: paced by the wall clock, or with a time of its own.

A port with its own time has `now_ns`; whoever owns it must take the time from there, and time goes on only
while the port is read. A port whose board has nothing more to say has `ended`.
"""

import time
from abc import abstractmethod
from typing import Protocol

import serial

from dexkit.link.clock import host_ns

#: How far a board's own time goes on at a time.
STEP_US = 1000


class Board(Protocol):
    """A board in this process; times are microseconds since it was switched on."""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to come."""
        ...

    def give(self, data: bytes, now_us: int) -> None:
        """Take what the host wrote."""
        ...

    def take(self, now_us: int) -> bytes:
        """Let time go on until now; return what the board sent."""
        ...


class VirtualPort(serial.SerialBase):  # type: ignore[misc]
    """What pyserial opens for a URL of ours."""

    paced = True
    is_open: bool
    _board: Board

    @abstractmethod
    def switch_on(self, url: str) -> Board:
        """Return the board behind a URL; set `paced`.

        Parameters
        ----------
        url
            As it was given.
        """

    def open(self) -> None:
        """Switch the board on."""
        if self.is_open:
            return
        self._board = self.switch_on(str(self.portstr))
        self._began_ns = host_ns()
        self._now_us = 0
        self._unread = bytearray()
        self.is_open = True
        if not self.paced:
            self.now_ns = lambda: 1000 * self._now_us

    def close(self) -> None:
        """Switch the board off."""
        self.is_open = False

    @property
    def ended(self) -> bool:
        """Whether the board has nothing more to say."""
        return self._board.done

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        self._look()
        return len(self._unread)

    def read(self, size: int = 1) -> bytes:
        """Return what there is, at most so many bytes; wait for the first up to the timeout.

        Parameters
        ----------
        size
            At most so many.
        """
        self._look()
        left_us = round(1e6 * (self.timeout or 0.0))
        while not self._unread and left_us > 0:
            left_us -= STEP_US
            if self.paced:
                time.sleep(1e-6 * STEP_US)
            else:
                self._now_us += STEP_US
            self._look()
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    def write(self, data: bytes) -> int:
        """Give bytes to the board; return how many.

        Parameters
        ----------
        data
            Any bytes.
        """
        self._look()
        self._board.give(bytes(data), self._now_us)
        return len(data)

    def _look(self) -> None:
        if self.paced:
            self._now_us = (host_ns() - self._began_ns) // 1000
        self._unread += self._board.take(self._now_us)

    def _reconfigure_port(self) -> None:
        """There is nothing to set."""
