"""Takes some seconds of one board's samples: times, nominal values, measured rates, losses, its clock."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import LinkError
from dexkit.link.clock import BURST, SampleTimes, State, Timeline
from dexkit.link.connection import Connection
from dexkit.link.listing import ANSWER_S
from dexkit.link.news import Attached, Block, Gap, Heartbeat, Hello, Log, News, Refused, Reply
from dexkit.link.ports import Plug
from dexkit.protocol.tables import BLOCK_MS, STREAMS

#: A clock that has not been probed enough by then is used as it is.
CLOCK_S = 2.0
#: How long a board may take to hand over what it kept.
DRAIN_S = 5.0
#: Setting up sensors that are ill takes a board some seconds before it answers `start`.
START_S = 10.0
#: A board that samples and says nothing for so long rests: it is asked to start again, which wakes it.
QUIET_S = 0.5

#: What ends a line that was begun at the prompt, and starts the interpreter anew; tried so often, waited for.
SOFT_RESET = b"\x03\x04"
RESTARTS, RESTART_S = 2, 15.0

#: Is told how many seconds of how many have been taken.
Progress = Callable[[float, float], None]
#: Is given samples as they come: stream, times in s, nominal values.
Heard = Callable[[str, NDArray[np.float64], NDArray[np.float32]], None]


@dataclass(frozen=True)
class Samples:
    """One stream of a capture.

    Parameters
    ----------
    columns
        Names of its channels.
    t_s
        float64 (n,): seconds from the capture's start by the board's clock, never decreasing.
    values
        float32 (n, columns) in nominal units; NaN where a sensor measured nothing.
    rate_hz
        As measured by the board's clock; None where fewer than two blocks came in a row.
    lost
        Samples that are known to be missing.
    """

    columns: tuple[str, ...]
    t_s: NDArray[np.float64]
    values: NDArray[np.float32]
    rate_hz: float | None
    lost: int

    def column(self, name: str) -> NDArray[np.float32]:
        """Return the values (n,) of one channel."""
        return self.values[:, self.columns.index(name)]


@dataclass(frozen=True)
class Capture:
    """What one board said in some seconds.

    Parameters
    ----------
    hello
        Who it is.
    seconds
        How long was listened.
    streams
        By name, all that the board has.
    clock
        How its clock runs against this computer's; None before the first probe.
    restarts
        How often it started anew meanwhile.
    logs
        Lines for people that it said, from the connection's beginning.
    """

    hello: Hello
    seconds: float
    streams: Mapping[str, Samples]
    clock: State | None
    restarts: int = 0
    logs: tuple[str, ...] = ()


@contextlib.contextmanager
def attached(plug: Plug) -> Iterator[Connection]:
    """Connect to a board and wait until it has said who it is; the connection is closed at the end.

    Parameters
    ----------
    plug
        Where the board is.

    Raises
    ------
    LinkError
        When it does not answer or is refused.
    """
    connection = Connection(plug)
    try:
        connection.open()
        attach(connection)
        yield connection
    finally:
        connection.close()


def attach(connection: Connection, logs: list[str] | None = None) -> Hello:
    """Wait until a board has said who it is and its clock is known; return what it said.

    Parameters
    ----------
    connection
        Nobody else may keep it.
    logs
        Takes the lines for people that it says meanwhile.

    Raises
    ------
    LinkError
        When it does not answer or is refused.
    """
    end_ns = connection.now_ns() + round(1e9 * ANSWER_S)
    while True:
        for news in _step(connection):
            if isinstance(news, Log) and logs is not None:
                logs.append(news.text)
        session, now_ns = connection.session, connection.now_ns()
        if session.attached and session.hello is not None:
            state = session.clock.state()
            if (state is not None and state.probes >= BURST) or now_ns > end_ns + 1e9 * CLOCK_S:
                return session.hello
        elif now_ns > end_ns:
            raise LinkError(
                connection.trouble
                or f"Nobody answers on {connection.plug.url}. `dexkit doctor` says what can be done about it."
            )


def ask(connection: Connection, word: str, *arguments: str, timeout_s: float = 5.0) -> Any:
    """Send a command and return the value that the board answers with.

    Parameters
    ----------
    connection
        An attached one that nobody else keeps.
    word, arguments
        As docs/protocol.md says.
    timeout_s
        When to give up.

    Raises
    ------
    LinkError
        When the board refuses it or does not answer.
    """
    number = connection.session.request(word, *arguments, timeout_s=timeout_s)
    end_ns = connection.now_ns() + round(1e9 * (timeout_s + 1.0))
    while connection.now_ns() < end_ns:
        for news in _step(connection):
            if isinstance(news, Reply) and news.number == number:
                if not news.ok:
                    raise LinkError(news.error)
                return news.value
    raise LinkError(
        f"The board on {connection.plug.url} did not answer `{word}`. "
        + (connection.trouble or "Plug it in again.")
    )


def restart(connection: Connection, logs: list[str]) -> Hello:
    """Have a board's application start anew, which sets up its sensors and says what it complains of.

    Parameters
    ----------
    connection
        An attached one, over USB, that nobody else keeps.
    logs
        Takes the lines for people that it says at its start.

    Raises
    ------
    LinkError
        When it does not come back.
    """
    hello = connection.session.hello
    ask(connection, "quit")
    for _ in range(RESTARTS):
        connection.type(SOFT_RESET)
        end_ns = connection.now_ns() + round(1e9 * RESTART_S)
        while connection.now_ns() < end_ns:
            for news in _step(connection):
                if isinstance(news, Log):
                    logs.append(news.text)
            now = connection.session.hello
            if (
                connection.session.attached
                and now is not None
                and hello is not None
                and now.boot != hello.boot
            ):
                return attach(connection, logs)
    raise LinkError(
        f"The board on {connection.plug.url} left its application and did not start it again. Unplug it, "
        "plug it in, and look at it with `dexkit ports`."
    )


def capture(
    board: Plug | Connection,
    seconds: float,
    progress: Progress = lambda done_s, seconds: None,
    *,
    heard: Heard = lambda stream, t_s, values: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Capture:
    """Take samples of every stream of a board, from a fresh start to a stop.

    Parameters
    ----------
    board
        Where it is, or a connection that nobody else keeps; that stays open, its streams are stopped.
    seconds
        How long.
    progress
        Called with the seconds taken, and those wanted.
    heard
        Is given samples as they come.
    goes_on
        Asked all the time; False ends the capture early.

    Raises
    ------
    LinkError
        When the board does not answer, is refused, does not start, or goes away for good.
    """
    if isinstance(board, Plug):
        with contextlib.closing(Connection(board)) as connection:
            connection.open()
            return capture(connection, seconds, progress, heard=heard, goes_on=goes_on)
    logs: list[str] = []
    hello = attach(board, logs)
    session = board.session
    start_ns = board.now_ns()
    taker = _Taker(hello, Timeline(session.clock, start_ns), heard, logs)
    session.start()
    while not taker.started and not board.ended and board.now_ns() - start_ns < 1e9 * START_S:
        for news in _step(board):
            taker.take(news)
    came_ns = board.now_ns()
    end_ns = came_ns + round(1e9 * seconds)
    while board.now_ns() < end_ns and not board.ended and goes_on():
        came = [taker.take(news) for news in _step(board)]
        now_ns = board.now_ns()
        if any(came):
            came_ns = now_ns
        elif taker.started and now_ns - came_ns > 1e9 * QUIET_S:
            taker.started = False
            session.request("start")
        elif not taker.started:
            came_ns = now_ns
        progress(min(seconds - 1e-9 * (end_ns - now_ns), seconds), seconds)
    if not session.attached and not board.ended:
        raise LinkError(
            board.trouble or f"The board on {board.plug.url} went silent. Plug it in again, and repeat."
        )
    took_s, clock = seconds - 1e-9 * (end_ns - board.now_ns()), session.clock.state()
    session.stop()
    end_ns = board.now_ns() + round(1e9 * DRAIN_S)
    while (
        not board.ended
        and session.attached
        and board.now_ns() < end_ns
        and not taker.is_done(session.waiting)
    ):
        for news in _step(board):
            taker.take(news)
    return Capture(hello, took_s, taker.samples(), clock, taker.restarts, tuple(logs))


def _step(connection: Connection) -> list[News]:
    """Read and write once; LinkError where the board is refused."""
    news = connection.step()
    for each in news:
        if isinstance(each, Refused):
            raise LinkError(each.reason)
    return news


class _Stream:
    """One stream as it comes."""

    def __init__(self, name: str, rate_hz: float, timeline: Timeline) -> None:
        self.times = SampleTimes(timeline, rate_hz)
        self.columns = STREAMS[name].columns
        self.t_s: list[NDArray[np.float64]] = []
        self.values: list[NDArray[np.float32]] = []
        self.lost = 0
        self._said: int | None = None  # what the last block counts as lost
        self._open = False  # whether blocks follow each other since the first of this stretch
        self._rows_before = self._rows = 0  # of the blocks since the stretch began, the last one apart
        self._began_us = self._last_us = 0
        self._stretches: list[tuple[int, int]] = []  # rows, us

    def take(self, block: Block) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        lost = 0 if self._said is None or not self._open else max(block.lost - self._said, 0)
        self._said = block.lost
        t_s = self.times.of(block.tick_us, block.rows, lost)
        ours = int(np.searchsorted(t_s, 0.0))
        self.lost += lost
        if self._open:
            self._rows_before = self._rows + lost
            self._rows, self._last_us = self._rows_before + block.rows, block.tick_us
        else:
            self._open = True
            self._rows_before, self._rows = 0, block.rows
            self._began_us = self._last_us = block.tick_us
        self.t_s.append(t_s[ours:])
        self.values.append(block.values[ours:])
        return self.t_s[-1], self.values[-1]

    def tear(self) -> None:
        """Say that the next block does not follow the last one."""
        if self._open and self._rows_before:
            self._stretches.append((self._rows_before, self._last_us - self._began_us))
        self._open, self._rows_before = False, 0

    def samples(self) -> Samples:
        self.tear()
        rows, us = (sum(each) for each in zip(*self._stretches, strict=True)) if self._stretches else (0, 0)
        return Samples(
            self.columns,
            np.concatenate([*self.t_s, np.empty(0)]),
            np.concatenate([*self.values, np.empty((0, len(self.columns)), np.float32)]),
            1e6 * rows / us if us else None,
            self.lost,
        )


class _Taker:
    """Sorts news into streams."""

    def __init__(self, hello: Hello, timeline: Timeline, heard: Heard, logs: list[str]) -> None:
        self.restarts = 0
        self.started = False
        self._timeline, self._heard, self._logs = timeline, heard, logs
        self._stopped = self._drained = False
        self._streams = {
            name: _Stream(name, rate_hz, timeline)
            for name, rate_hz in hello.streams.items()
            if name in STREAMS
        }

    def take(self, news: News) -> bool:
        """Take one piece of news; return whether it was samples."""
        match news:
            case Block() if news.stream in self._streams and news.rows:
                t_s, values = self._streams[news.stream].take(news)
                if len(t_s):
                    self._heard(news.stream, t_s, values)
                return True
            case Gap():
                if news.stream in self._streams:
                    stream = self._streams[news.stream]
                    stream.tear()
                    rate_hz = STREAMS[news.stream].rate_hz
                    stream.lost += (news.blocks or 0) * max(round(rate_hz * BLOCK_MS / 1000), 1)
            case Attached(_, again=False):
                self.restarts += 1
                self._timeline.restart()
                for stream in self._streams.values():
                    stream.tear()
            case Log():
                self._logs.append(news.text)
            case Reply(_, "start", ok, error):
                if not ok:
                    raise LinkError(f"The board does not start. {error}")
                self.started = True
            case Reply(_, "stop"):
                self._stopped = True
            case Heartbeat(_, fields):
                self._drained = self._stopped and not fields.get("ring_blocks")
        return False

    def is_done(self, waiting: int) -> bool:
        """Return whether the board has stopped and handed over all it kept."""
        return self._drained and not waiting

    def samples(self) -> dict[str, Samples]:
        return {name: stream.samples() for name, stream in self._streams.items()}
