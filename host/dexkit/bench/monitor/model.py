"""All boards that the monitor follows, and what its keys do: pure of any screen."""

import time
from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field

from dexkit.bench.monitor.board import Board
from dexkit.bench.monitor.follow import Follower
from dexkit.bench.monitor.history import BIN_S
from dexkit.link.connection import Connection, Connections
from dexkit.link.news import Reply

#: Numbers change this often, so that they can be read.
SETTLE_S = 0.2
#: So long a board may take to stop at the end.
END_S = 2.0
#: Lines of the log that are kept.
LOG_LINES = 200


@dataclass(frozen=True)
class Line:
    """A line of the log.

    Parameters
    ----------
    t_s
        When, in seconds from the monitor's start.
    level
        ``event``, ``warning``, ``trouble`` or ``note``.
    who
        Name of the board.
    words
        What.
    """

    t_s: float
    level: str
    who: str
    words: str


@dataclass
class Shown:
    """All that a screen shows.

    Parameters
    ----------
    boards
        In the order of their ports.
    log
        The newest last.
    chosen
        Which board the keys mean.
    now_s
        Seconds from the start.
    frozen
        Whether it stands still while the boards go on.
    """

    boards: list[Board]
    log: deque[Line] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    chosen: int = 0
    now_s: float = 0.0
    frozen: bool = False


class Monitor:
    """Follows boards and does what a person's keys ask.

    Parameters
    ----------
    links
        Open connections.

    Attributes
    ----------
    shown
        What is to be seen; while it is frozen, as it was then.
    """

    def __init__(self, links: Connections) -> None:
        self._links = links
        self._own_time = links.all[0].own_time
        self._start_ns = max(connection.now_ns() for connection in links.all)
        self._live = Shown([])
        self.shown = self._live
        self._followers = {c: self._follower(place, c) for place, c in enumerate(links.all)}
        self._live.boards = [follower.board for follower in self._followers.values()]
        self._settled = -1.0
        for connection in links.all:
            with connection.lock:
                connection.session.start()

    def _follower(self, place: int, connection: Connection) -> Follower:
        def tell(t_s: float, level: str, words: str) -> None:
            self._live.log.append(Line(t_s, level, self._live.boards[place].name, words))

        return Follower(connection, self._start_ns, tell)

    # ---- Time ----------------------------------------------------------------------------------------------

    def advance(self, wait_s: float = 0.0) -> float:
        """Take what has come; return the time. Boards with a time of their own go on by one picture.

        Parameters
        ----------
        wait_s
            So long something is waited for.
        """
        until_s = self._now_s() + BIN_S
        self._take(wait_s)
        while self._own_time and self._now_s() < until_s and not all(c.ended for c in self._links.all):
            self._take()
        now_s = self._live.now_s = self._now_s()
        for follower in self._followers.values():
            follower.look(now_s)
            if follower.board.ended:
                follower.finish()
        if now_s // SETTLE_S != self._settled:  # with a picture in which the traces move
            self._settled = now_s // SETTLE_S
            for follower in self._followers.values():
                follower.settle(now_s)
        return now_s

    def _take(self, wait_s: float = 0.0) -> set[tuple[Connection, int]]:
        """Take the news; return which commands were answered."""
        answered = set()
        now_s = self._now_s()
        for connection, news in self._links.news(wait_s):
            self._followers[connection].take(news, now_s)
            if isinstance(news, Reply):
                answered.add((connection, news.number))
        return answered

    def _now_s(self) -> float:
        """Return the time; of boards with their own, the one that is furthest behind and still goes on."""
        going = [c for c in self._links.all if c.is_open and not c.ended] or self._links.all
        return 1e-9 * (min(connection.now_ns() for connection in going) - self._start_ns)

    def end(self) -> None:
        """Stop what was started and put out the lights; a board that is away is not waited for."""
        waiting = set()
        for connection, follower in self._followers.items():
            if not connection.session.attached:
                continue
            with connection.lock:
                if follower.board.guided is not None:
                    waiting.add((connection, connection.session.request("guide", "off")))
                if follower.started_here:
                    waiting.add((connection, connection.session.stop()))
        until_s, since_s = time.monotonic() + END_S, self._now_s()
        while waiting and time.monotonic() < until_s and self._now_s() < since_s + END_S:
            waiting -= self._take(0.05)

    # ---- Keys ----------------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> Follower:
        return self._followers[self._links.all[self._live.chosen]]

    def choose(self, place: int) -> None:
        """Let the keys mean another board.

        Parameters
        ----------
        place
            Its number from 0; beyond the last the first follows.
        """
        self._live.chosen = self.shown.chosen = place % len(self._live.boards)

    def freeze(self) -> None:
        """Hold what is shown, or let it go on; the boards are followed all the same."""
        if self.shown is self._live:
            self.shown = deepcopy(self._live)
            self.shown.frozen = True
        else:
            self.shown = self._live

    def tare(self) -> None:
        """Take the zero of the chosen board's forces, for the screen alone."""
        board = self._chosen.board
        zeros = board.take_zeros()
        labels = {c.name: c for stream in board.streams.values() for c in stream.channels}
        named = ", ".join(f"{labels[name].label} {zero:.3f} N" for name, zero in zeros.items())
        self._note(f"zero taken, on this screen only: {named}" if named else "measures no force now: no zero")

    def untare(self) -> None:
        """Show the chosen board's forces as they are again."""
        if self._chosen.board.zeros:
            self._chosen.board.zeros.clear()
            self._note("zero taken back")

    def identify(self) -> None:
        """Let the chosen board blink."""
        if self._ask("identify"):
            self._note("blinks, so that you see which one it is")

    def guide(self) -> None:
        """Light the next hole or button of the chosen board; behind the last none."""
        board = self._chosen.board
        places = len(board.places)
        if not places:
            self._note("has no hole or button to guide to")
            return
        following = 0 if board.guided is None else board.guided + 1
        if not self._ask("guide", str(following) if following < places else "off"):
            return
        board.guided = following if following < places else None
        lit = f"lights {board.place_word} {following + 1}"
        self._note("lights off" if board.guided is None else lit)

    def _ask(self, word: str, *arguments: str) -> bool:
        """Send a command to the chosen board, if it is there."""
        connection: Connection = self._chosen.connection
        if not connection.session.attached:
            self._note(f"is not there, so nothing was sent ({word})")
            return False
        with connection.lock:
            connection.session.request(word, *arguments)
        return True

    def _note(self, words: str) -> None:
        self._live.log.append(Line(self._live.now_s, "note", self._chosen.board.name, words))
