"""Keeps sessions on their ports, whatever happens to these: opened again after an unplug, several at once."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from dexkit.errors import LinkError
from dexkit.link.clock import host_ns
from dexkit.link.news import News
from dexkit.link.ports import Plug, Port, where
from dexkit.link.session import Session

#: So long a port is waited at for bytes; acks and probes are never later than this.
WAIT_S = 0.02
#: Between two tries to open a port, growing to the longest.
RETRY_S, RETRY_MAX_S = 0.05, 0.5


class Connection:
    """One session and the port it has at the moment.

    Parameters
    ----------
    plug
        Where the board is.

    Attributes
    ----------
    session
        What is known of the board. Hold `lock` to ask it for something while a thread keeps it.
    trouble
        In words why the port cannot be opened; empty while it is open.
    ended
        Whether nothing more will come.
    """

    def __init__(self, plug: Plug) -> None:
        self.plug = plug
        self.session = Session(plug.url)
        self.lock = threading.Lock()
        self.trouble = ""
        self.ended = False
        self._port: Port | None = None
        self._retry_s = RETRY_S

    @property
    def own_time(self) -> bool:
        """Whether its port has a time of its own."""
        return self._port is not None and self._port.own_time

    @property
    def is_open(self) -> bool:
        """Whether it has a port."""
        return self._port is not None

    def now_ns(self) -> int:
        """Return the time by which its board is timed."""
        return self._port.now_ns() if self._port is not None else host_ns()

    def open(self) -> None:
        """Open the port.

        Raises
        ------
        LinkError
            When it cannot be opened.
        """
        try:
            self._port = Port(where(self.plug))
        except LinkError as error:
            self.trouble = str(error)
            raise
        self.trouble, self._retry_s = "", RETRY_S
        with self.lock:
            self.session.own_time = self._port.own_time
            self.session.connected(self._port.now_ns())

    def step(self) -> list[News]:
        """Read and write once; return what is new. A port that is gone is opened again, after a while."""
        if self._port is None:
            try:
                self.open()
            except LinkError:
                time.sleep(self._retry_s)
                self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
                return []
        port = self._port
        assert port is not None
        try:
            data = port.read(WAIT_S)
            now_ns = port.now_ns()
            with self.lock:
                news = self.session.received(data, now_ns)
                port.write(self.session.to_send(port.now_ns()))
        except OSError as error:  # pyserial's errors are among them
            self.trouble = f"{self.plug.url} is gone ({error}). Plug the board in again."
            self.close()
            return []
        self.ended = port.ended
        return news

    def type(self, data: bytes) -> None:
        """Write bytes of one's own, as for a board that is at its prompt; without a port nothing is written.

        Parameters
        ----------
        data
            What a person would type.
        """
        with contextlib.suppress(OSError):  # the next step finds that the port is gone
            if self._port is not None:
                self._port.write(data)

    def close(self) -> None:
        """Close the port; the session stays as it is."""
        port, self._port = self._port, None
        if port is not None:
            with self.lock:
                self.session.disconnected()
            port.close()


class Connections:
    """Several boards at once: a thread for each, or, where ports have their own time, one after the other.

    Ports with their own time are read in the order of their times, so that none runs ahead of the others.

    Parameters
    ----------
    plugs
        Where the boards are.

    Raises
    ------
    LinkError
        When one of the ports cannot be opened at the beginning.
    """

    def __init__(self, plugs: Sequence[Plug]) -> None:
        self.all = [Connection(plug) for plug in plugs]
        self._news: queue.SimpleQueue[tuple[Connection, list[News]]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._paced = True

    def __enter__(self) -> Self:
        try:
            for connection in self.all:
                connection.open()
        except LinkError:
            self._close()
            raise
        own_time = {connection.own_time for connection in self.all}
        if len(own_time) > 1:
            self._close()
            raise LinkError(
                "Ports that keep to the clock and ports that run as fast as they can do not go together. Let "
                "all of them be paced."
            )
        self._paced = own_time != {True}
        if self._paced:
            for connection in self.all:
                thread = threading.Thread(
                    target=self._keep, args=(connection,), name=connection.plug.url, daemon=True
                )
                self._threads.append(thread)
                thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._close()

    def stop(self) -> None:
        """Read no more: the sessions belong to the caller alone again; what came is still to be had."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def news(self, wait_s: float) -> Iterator[tuple[Connection, News]]:
        """Yield what is new, waiting for it up to wait_s.

        Parameters
        ----------
        wait_s
            Seconds; ports with their own time do not wait.
        """
        if not self._paced:
            live = [connection for connection in self.all if not connection.ended]
            if live and not self._stopping.is_set():
                connection = min(live, key=Connection.now_ns)
                for news in connection.step():
                    yield connection, news
            return
        if self._failure is not None:
            raise self._failure
        with contextlib.suppress(queue.Empty):
            connection, batch = self._news.get(timeout=wait_s)
            while True:
                for news in batch:
                    yield connection, news
                connection, batch = self._news.get_nowait()

    def _keep(self, connection: Connection) -> None:
        try:
            while not self._stopping.is_set() and not connection.ended:
                if news := connection.step():
                    self._news.put((connection, news))
        except BaseException as error:  # whatever it is, it is raised where the news are read
            self._failure = error

    def _close(self) -> None:
        for connection in self.all:
            connection.close()
