"""Where a virtual board's line ends on this machine: a pseudo terminal, or a `socket://` port.

Each end is a thread between the board and one host. A host that opens the port is a cable that is plugged in
with a listener; one that closes it is none. A host that stays but reads nothing makes the board's writes
short.
"""

import contextlib
import os
import selectors
import signal
import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE
from types import TracebackType
from typing import Self

from dexkit.errors import InputError
from dexkit.sim.virtual import VirtualBoard

#: A host may lag behind so far, as the driver of a real port lets it.
BACKLOG_BYTES = 1 << 16
#: How often to look whether somebody has opened the port.
LOOK_S = 0.02


def end_at_terminate() -> None:
    """Let the signal to terminate end this program as Ctrl-C does, so that nothing is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class End(ABC):
    """One end of the line, for a board that runs by the wall clock.

    Parameters
    ----------
    board
        Whose line it is.
    """

    def __init__(self, board: VirtualBoard) -> None:
        self.board = board
        self._outbox = bytearray()
        self._lock = threading.Lock()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"line of {board.object_kind}", daemon=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """What a host opens."""

    def open(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End: a host that is there finds its port gone."""
        self._closing.set()
        self._nudge()
        if self._thread.is_alive():
            self._thread.join()
        self.board.detach()
        self._wake.close()
        self._woken.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.send(b"!")

    def _awake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _from_board(self, data: bytes) -> None:
        with self._lock:
            self._outbox += data
            if len(self._outbox) > BACKLOG_BYTES:
                self.board.desk.host_reads = False
        self._nudge()

    @abstractmethod
    def _serve(self) -> None:
        """Serve one host after the other until closing."""

    def _carry(self, host: "_Host", first: bytes = b"") -> None:
        """Carry bytes both ways until the host leaves or the end closes."""
        with self._lock:
            self._outbox.clear()
            self.board.desk.host_reads = True
        self.board.attach(self._from_board)
        self.board.send(first)
        try:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._wake, EVENT_READ)
                waiting.register(host, EVENT_READ)
                while not self._closing.is_set():
                    waiting.modify(host, EVENT_READ | (EVENT_WRITE if self._outbox else 0))
                    for key, what in waiting.select():
                        if key.fileobj is self._wake:
                            self._awake()
                        elif what & EVENT_READ and not self._to_board(host.read()):
                            return
                        elif what & EVENT_WRITE:
                            self._to_host(host)
        except OSError:
            return
        finally:
            self.board.detach()

    def _to_board(self, data: bytes) -> bool:
        """Send what the host said; return False where it has left."""
        self.board.send(data)
        return bool(data)

    def _to_host(self, host: "_Host") -> None:
        with self._lock:
            del self._outbox[: host.write(bytes(self._outbox))]
            if len(self._outbox) < BACKLOG_BYTES // 2:
                self.board.desk.host_reads = True


class _Host:
    """The host's side: a file or a socket, both without blocking."""

    def __init__(self, end: int | socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        return self._end if isinstance(self._end, int) else self._end.fileno()

    def read(self) -> bytes:
        return os.read(self._end, 4096) if isinstance(self._end, int) else self._end.recv(4096)

    def write(self, data: bytes) -> int:
        return os.write(self._end, data) if isinstance(self._end, int) else self._end.send(data)


class PtyEnd(End):
    """A pseudo terminal: a serial port that any program can open.

    Parameters
    ----------
    board
        Whose line it is.
    link
        Where to put a symbolic link to it, a name that stays.

    Raises
    ------
    InputError
        When this system has none, or the link cannot be made.
    """

    def __init__(self, board: VirtualBoard, link: Path | None = None) -> None:
        try:
            import tty  # not on every system
        except ImportError:
            raise InputError(
                "This system has no pseudo terminals. Use --tcp PORT and open socket://localhost:PORT."
            ) from None
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self._path = os.ttyname(slave)
        os.close(slave)
        self._link = link
        if link is not None:
            self._make_link(link)
        super().__init__(board)

    def _make_link(self, link: Path) -> None:
        try:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(self._path)
        except OSError as error:
            os.close(self._master)
            raise InputError(
                f"Cannot make {link} a name of the port: {error.strerror}. Choose another name."
            ) from None

    @property
    def url(self) -> str:
        """The port's name."""
        return str(self._link or self._path)

    def close(self) -> None:
        """Close the port and take its name away."""
        super().close()
        os.close(self._master)
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def _serve(self) -> None:
        host = _Host(self._master)
        while not self._closing.wait(LOOK_S):
            try:
                first = host.read()
            except BlockingIOError:  # somebody is there and says nothing yet
                first = b""
            except OSError:  # nobody has it open
                continue
            self._carry(host, first)


class SocketEnd(End):
    """A port that hosts open as `socket://localhost:PORT`, one at a time.

    Parameters
    ----------
    board
        Whose line it is.
    port
        Its number; 0 takes a free one.

    Raises
    ------
    InputError
        When the port is taken.
    """

    def __init__(self, board: VirtualBoard, port: int = 0) -> None:
        try:
            self._listener = socket.create_server(("127.0.0.1", port), backlog=1)
        except OSError as error:
            raise InputError(
                f"Port {port} cannot be opened: {error.strerror}. Probably another program has it; "
                f"choose another number, or 0 for any."
            ) from None
        super().__init__(board)

    @property
    def url(self) -> str:
        """What pyserial opens."""
        return f"socket://localhost:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Close the port."""
        super().close()
        self._listener.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._wake, EVENT_READ)
            waiting.register(self._listener, EVENT_READ)
            while not self._closing.is_set():
                for key, _ in waiting.select():
                    if key.fileobj is self._wake:
                        self._awake()
                        continue
                    connection, _ = self._listener.accept()
                    with connection:
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        connection.setblocking(False)
                        self._carry(_Host(connection))
