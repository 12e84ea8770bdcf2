"""Follows one board: what its session tells becomes what is shown of it and lines of the log."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.monitor.board import Board
from dexkit.errors import InputError
from dexkit.link.clock import Probe, SampleTimes, Timeline
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Block, Gap, Heartbeat, Hello, Log, News, Refused, Reply, Silent
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording.calibration import Calibration, known
from dexkit.score.live import LiveEvents
from dexkit.segment.words import EVENT_WORDS, WARNING_KINDS

#: Events are not looked for across a longer gap.
EVENTS_GAP_S = 10.0

GONE = "its port is gone: unplugged? What it measures meanwhile it keeps for some seconds"

#: Writes a line of the log: when, what, and whether it is an event, a warning, trouble or a note.
Tell = Callable[[float, str, str], None]


class Follower:
    """Keeps what is shown of one board true.

    Parameters
    ----------
    connection
        The board's.
    start_ns
        Time 0, by `connection.now_ns`.
    tell
        Writes a line of the log.

    Attributes
    ----------
    started_here
        Whether its streams stood still before they were started for the monitor.
    """

    def __init__(self, connection: Connection, start_ns: int, tell: Tell) -> None:
        self.connection = connection
        self.board = Board(connection.plug.url)
        self.started_here = False
        self._tell = tell
        self._timeline = Timeline(connection.session.clock, start_ns)
        self._times: dict[str, SampleTimes] = {}
        self._lost: dict[str, int] = {}  # as the last block said
        self._gaps: set[str] = set()  # streams whose next block comes behind one
        self._last_s = 0.0
        self._calibration: Calibration | None = None
        self._events: LiveEvents | None = None

    def take(self, news: News, now_s: float) -> None:
        """Take what the session tells.

        Parameters
        ----------
        news
            Of this board.
        now_s
            The time.
        """
        board = self.board
        match news:
            case Block():
                self._block(news, now_s)
            case Attached(hello, again):
                board.refused = ""
                if again:
                    board.hello = hello
                    self._tell(now_s, "note", "answers again, and goes on where it was")
                else:
                    self._begin(hello, now_s)
            case Refused(_, reason):
                board.refused = reason
                self._tell(now_s, "trouble", reason)
            case Heartbeat(_, fields):
                board.beat_before = board.beat_before or fields
                board.beat = fields
            case Probe():
                with self.connection.lock:
                    board.clock = self.connection.session.clock.state()
            case Gap(stream, blocks, reason):
                self._gaps.add(stream)
                many = "some blocks" if blocks is None else f"{blocks} block{'s' * (blocks != 1)}"
                self._tell(now_s, "trouble", f"{many} of {stream} will not come: {reason}")
            case Silent(seconds):
                self._tell(now_s, "trouble", f"has said nothing for {seconds:.0f} s; asking who is there")
            case Reply(_, word, False, error):
                self._tell(now_s, "trouble", f"{word}: {error}")
            case Log(text):
                self._tell(now_s, "note", f"says: {text}")

    def look(self, now_s: float) -> None:
        """See how the connection is.

        Parameters
        ----------
        now_s
            The time.
        """
        connection, board = self.connection, self.board
        trouble = "" if connection.is_open else connection.trouble
        if trouble and not board.away and board.hello is not None:
            self._tell(now_s, "trouble", GONE)
        board.away = trouble
        board.ended = connection.ended
        board.attached = connection.session.attached
        board.copy_counts(connection.session.counts)
        board.look()

    def settle(self, now_s: float) -> None:
        """Work out the numbers, and look for events.

        Parameters
        ----------
        now_s
            The time.
        """
        for stream in self.board.streams.values():
            stream.look(now_s)
        if self._events is not None:
            self._say(self._events.advance()[1])

    def finish(self) -> None:
        """Look for the events that only the end of the samples makes known."""
        if self._events is not None:
            self._say(self._events.finish()[1])
            self._events = None

    def _begin(self, hello: Hello, now_s: float) -> None:
        """Begin with a board that is new here, or has started anew."""
        board, anew = self.board, self.board.hello is not None
        self.finish()
        self._timeline.restart()
        self.started_here = hello.said.get("state") != "streaming"
        board.hello, board.beat, board.beat_before, board.guided = hello, {}, {}, None
        try:
            self._calibration = known(hello.calibration)
        except InputError as error:
            self._calibration = None
            self._tell(now_s, "trouble", str(error))
        if hello.calibration is None:
            board.units = "nominal, uncalibrated"
        elif self._calibration is None:
            board.units = f"nominal: calibration {hello.calibration} is not on this computer"
        else:
            board.units = f"calibration {hello.calibration} of {self._calibration.made[:10]}"
        names = [name for name in hello.streams if name in STREAMS]
        board.begin(names, hello.streams, now_s)
        self._times = {name: SampleTimes(self._timeline, STREAMS[name].rate_hz) for name in names}
        self._lost, self._gaps = {}, set()
        self._events = LiveEvents(hello.object_kind, names) if hello.object_kind in TABLE else None
        self._tell(now_s, "trouble" if anew else "note", "has started anew" if anew else "is there")
        for sensor, words in hello.ailing.items():
            self._tell(now_s, "trouble", f"{sensor}: {words}")

    def _block(self, block: Block, now_s: float) -> None:
        stream = self.board.streams.get(block.stream)
        if stream is None or not block.rows:
            return
        lost = max(block.lost - self._lost.get(block.stream, block.lost), 0)
        self._lost[block.stream] = block.lost
        torn = block.stream in self._gaps
        self._gaps.discard(block.stream)
        if lost or torn:
            stream.lost += lost
            stream.torn()
        t_s = self._times[block.stream].of(block.tick_us, block.rows, 0 if torn else lost)
        values = block.values
        if self._calibration is not None:
            values = self._calibration.correct(block.stream, values)
        stream.add(block.tick_us, t_s, values, now_s)
        if self._events is not None:
            self._feed(self._events, block.stream, t_s, values)

    def _feed(
        self, events: LiveEvents, name: str, t_s: NDArray[np.float64], values: NDArray[np.float32]
    ) -> None:
        """Give samples to the segmenter; behind a long gap to a new one."""
        if t_s[0] > self._last_s + EVENTS_GAP_S and self._last_s:
            self.finish()
            events = self._events = LiveEvents(events.kind, list(self.board.streams))
        self._last_s = max(self._last_s, float(t_s[-1]))
        events.add(name, t_s, values)

    def _say(self, found: NDArray[np.void]) -> None:
        """Write events into the log."""
        board = self.board
        for event in found:
            kind, channel = str(event["kind"]), int(event["channel"])
            words = EVENT_WORDS.get(kind, kind)
            if 0 <= channel < len(board.places):
                words = f"{board.place_word} {channel + 1} {words}"
            level = "warning" if kind in WARNING_KINDS else "event"
            self._tell(max(float(event["t_s"]), 0.0), level, words)
