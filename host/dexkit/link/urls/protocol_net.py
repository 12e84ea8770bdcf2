"""net:UID: a paired board in the local network; each frame is known to come from it.

net:UID               found by its name, else where it was last
net://UID@HOST:PORT   at this address
"""

import contextlib
import socket
import time
from collections.abc import Iterator

import serial

from dexkit.errors import InputError, LinkError
from dexkit.link import pairs
from dexkit.link.sealed import Sealed
from dexkit.protocol.tables import NET_PORT

#: A board in the same network answers in some milliseconds; its radio may sleep for a while.
ANSWER_S = 5.0
#: A board that another has just left lets the next in after a while.
AGAIN_S = 0.3
_READ_BYTES = 1 << 16


class Serial(serial.SerialBase):  # type: ignore[misc]
    """A port whose board is in the network."""

    is_open: bool

    def open(self) -> None:
        """Connect, and have the board show that it has the key.

        Raises
        ------
        LinkError
            When it is not there, taken, or not the one that was paired.
        InputError
            When it was not paired, or the URL is none.
        """
        uid, self._places = _places(str(self.portstr))
        self._uid = uid
        key = pairs.load(uid).key
        self._unread = bytearray()
        end_s = time.monotonic() + ANSWER_S
        while True:
            self._sealed = Sealed(key)
            self._socket = self._connect()
            try:
                self._greet(end_s)
            except OSError as error:  # it may not know yet that we were gone
                self._socket.close()
                if time.monotonic() + AGAIN_S > end_s:
                    raise LinkError(
                        f"The board {uid} does not let this computer in ({error}). Probably another host has "
                        "it, over USB or the network. Close it there, or wait two seconds."
                    ) from None
                time.sleep(AGAIN_S)
            except BaseException:
                self._socket.close()
                raise
            else:
                break
        self.is_open = True

    def _connect(self) -> socket.socket:
        failed = OSError("no address is known")
        for host, port in self._places:
            try:
                found = socket.create_connection((host, port), ANSWER_S)
            except OSError as error:
                failed = error
            else:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return found
        raise LinkError(
            f"The board {self._uid} is not found in the network ({failed}). Probably it is off, or this "
            "computer is in another network. Switch it on, or plug it in."
        )

    def _greet(self, end_s: float) -> None:
        """Greet and wait for the board's proof."""
        self._socket.sendall(self._sealed.greeting)
        while not self._sealed.ready:
            self._socket.settimeout(max(end_s - time.monotonic(), 0.001))
            self._take(self._socket.recv(_READ_BYTES))

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionResetError("the connection was closed")
        frames, answer = self._sealed.received(data)
        self._unread += frames
        if answer:
            self._socket.sendall(answer)

    def fileno(self) -> int:
        """Return what select waits for."""
        return self._socket.fileno()

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return len(self._unread)

    def read(self, size: int = 1) -> bytes:
        """Return the frames that have come, at most so many bytes; wait for bytes up to the timeout.

        Parameters
        ----------
        size
            At most so many.

        Raises
        ------
        OSError
            When the connection is gone, or was tampered with.
        """
        try:
            self._socket.settimeout(self.timeout or 0.0)
            if not self._unread:
                self._take(self._socket.recv(_READ_BYTES))
        except (BlockingIOError, TimeoutError):
            pass
        except LinkError as error:
            raise ConnectionAbortedError(str(error)) from None
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    def write(self, data: bytes) -> int:
        """Send whole lines; return their length.

        Parameters
        ----------
        data
            Command lines.
        """
        self._socket.settimeout(self.write_timeout)
        self._socket.sendall(self._sealed.seal(bytes(data)))
        return len(data)

    def close(self) -> None:
        """Leave."""
        self.is_open = False
        with contextlib.suppress(AttributeError, OSError):
            self._socket.close()

    def _reconfigure_port(self) -> None:
        """There is nothing to set."""


def _places(url: str) -> tuple[str, list[tuple[str, int]]]:
    """Return the board's id, and where it may be."""
    rest = url.partition("://")[2].rstrip("/")
    uid, at, place = rest.partition("@")
    if not at:
        pair = pairs.load(uid)
        return uid, list(_known(pair))
    host, _, port = place.rpartition(":") if ":" in place else (place, "", str(NET_PORT))
    if not host or not port.isdigit():
        raise InputError(f"{url} names no board in the network. Write net:UID or net://UID@HOST:PORT.")
    return uid, [(host, int(port))]


def _known(pair: pairs.Pair) -> Iterator[tuple[str, int]]:
    yield f"{pair.name}.local", pair.port
    if pair.address:
        yield pair.address, pair.port
