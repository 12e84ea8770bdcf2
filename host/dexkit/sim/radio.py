"""The radio of a virtual board: its network is this machine's loopback, its sockets are real ones."""

import contextlib
import socket
from collections.abc import Callable


class Inner:
    """What a socket of the board is here.

    Parameters
    ----------
    radio
        Whose it is.
    line
        An open connection; None for one that is to listen.
    """

    def __init__(self, radio: "Radio", line: socket.socket | None = None) -> None:
        self._radio = radio
        self._line = line or socket.socket()
        self._line.setblocking(False)
        radio.open_sockets.append(self._line)

    def bind(self, address: tuple[str, int]) -> None:
        """Take the radio's port, not the one asked for: many boards share this machine."""
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._line.bind(("127.0.0.1", self._radio.port))
        self._radio.port = self._line.getsockname()[1]

    def listen(self, backlog: int) -> None:
        """Let hosts come."""
        self._line.listen(backlog)

    def accept(self) -> tuple["Inner", tuple[str, int]]:
        """Return a connection and who it is; OSError where nobody waits."""
        if self._radio.callers:
            return Inner(self._radio, self._radio.callers.pop(0)), ("", 0)
        line, address = self._line.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Inner(self._radio, line), address

    def receive(self, count: int) -> bytes | None:
        """Return what is there, None where nothing is, nothing at the end."""
        try:
            return self._line.recv(count)
        except BlockingIOError:
            return None

    def send(self, data: bytes) -> int | None:
        """Return how many bytes were taken, None where none were."""
        try:
            return self._line.send(self._radio.passes(data))
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Leave."""
        self._line.close()


class Radio:
    """A board's radio.

    Attributes
    ----------
    port
        On which the board listens here; 0 until then, for any.
    networks
        Name and password of the networks that are there; None: whatever is asked for.
    passes
        How much of some bytes the network takes; for tests.
    queries, names
        On an emulated Pico W: messages of mDNS to the board, and from it.
    """

    def __init__(self) -> None:
        self.port = 0
        self.networks: dict[str, str] | None = None
        self.passes: Callable[[bytes], bytes] = bytes
        self.queries: list[bytes] = []
        self.names: list[bytes] = []
        self.open_sockets: list[socket.socket] = []
        self.callers: list[socket.socket] = []

    def has(self, ssid: str, password: str | None) -> bool:
        """Whether there is such a network, and this is its password."""
        return self.networks is None or self.networks.get(ssid) == (password or "")

    def new_socket(self) -> Inner:
        """Return a socket that is to listen."""
        return Inner(self)

    def call(self) -> socket.socket:
        """Return a connection on which bytes arrive at once, so that virtual time holds for them."""
        ours, theirs = socket.socketpair()
        self.callers.append(theirs)
        return ours

    def power_off(self) -> None:
        """Close everything, as when the board starts anew or loses its power."""
        for line in self.open_sockets + self.callers:
            with contextlib.suppress(OSError):
                line.close()
        self.open_sockets.clear()
        self.callers.clear()
