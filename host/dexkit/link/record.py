"""Record live: boards answer, are timed, started, written as they come, stopped, emptied of what they kept.

A cup and its coaster are one activity and one file; every other object has its own.
"""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import LinkError
from dexkit.link.clock import BURST, host_ns
from dexkit.link.connection import Connection, Connections
from dexkit.link.listing import ANSWER_S
from dexkit.link.news import Hello, Refused, Reply
from dexkit.link.ports import Plug
from dexkit.link.track import Track, plans
from dexkit.link.track import facts as facts_of
from dexkit.recording import Losses, Writer
from dexkit.recording.writer import refuse_existing

#: A clock that has not been probed enough by then is used as it is.
CLOCK_S = 2.0
#: How long a board may take to hand over what it kept.
DRAIN_S = 5.0
#: How long a board may take to answer its last commands after a failure.
LET_GO_S = 1.0
POLL_S = 0.1
#: What ends a recording; a second time it ends the waiting for what the boards kept.
ENDING = (signal.SIGINT, signal.SIGTERM)

Show = Callable[[Sequence[Track]], None]


@dataclass(frozen=True)
class Reach:
    """What who watches a recording can do while it is made.

    Parameters
    ----------
    tell
        Writes down a fact that became known only now: name and text.
    command
        Sends a command to an object: its kind, the word, its arguments. Nobody waits for the answer; after
        `Watch.leave` none goes out.
    """

    tell: Callable[[str, str], None]
    command: Callable[..., None]


class Watch:
    """Looks on while a recording is made, and may end it. This one does neither."""

    def begin(self, streams: Mapping[str, Sequence[str]], facts: Mapping[str, str], reach: Reach) -> None:
        """Learn what will be recorded, once for each file.

        Parameters
        ----------
        streams
            Names of the streams, by kind of object.
        facts
            What the recording says of itself.
        reach
            What can be done from the first call of `goes_on` until `end` has returned.
        """

    def samples(self, stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples that were written.

        Parameters
        ----------
        stream
            Its name.
        t_s
            float64 (n,): seconds from the recording's start, never decreasing.
        values
            float32 (n, columns) in nominal units.
        """

    def goes_on(self, now_s: float) -> bool:
        """Return whether the recording is to go on; asked many times a second.

        Parameters
        ----------
        now_s
            Seconds since the recording's start.
        """
        return True

    def leave(self) -> None:
        """Send the last commands: the boards are about to be left, whatever the reason."""

    def end(self) -> None:
        """Have seen all samples; facts can still be told."""


@dataclass(frozen=True)
class Recorded:
    """A file that was written.

    Parameters
    ----------
    path
        Where it is.
    seconds
        Time of its last sample.
    samples_lost
        Samples that are known to be missing.
    restarts
        How often a board started anew meanwhile.
    left
        One sentence for each board that went away and did not come back.
    """

    path: Path
    seconds: float
    samples_lost: int
    restarts: int
    left: tuple[str, ...] = ()

    def words(self) -> str:
        """Return what to tell a person."""
        lost = f"{self.samples_lost} samples are missing" if self.samples_lost else "nothing is missing"
        anew = f", a board started anew {self.restarts} times" if self.restarts else ""
        return " ".join((f"{self.seconds:.1f} s, {lost}{anew}{'.' * bool(self.left)}", *self.left))


def record(
    plugs: Sequence[Plug],
    out: Path,
    *,
    seconds: float | None = None,
    meta: Mapping[str, str] | None = None,
    show: Show = lambda tracks: None,
    watch: Watch | None = None,
) -> list[Recorded]:
    """Record the boards behind these ports until the time is over, they end, or Ctrl-C.

    Parameters
    ----------
    plugs
        The ports.
    out
        The file; with several activities ``NAME-cup.mcap``, ``NAME-pegboard.mcap``, ...
    seconds
        How long; None until Ctrl-C or the end of what a port plays.
    meta
        Facts for the recordings: person, test, hand.
    show
        Called some times a second with what has come.
    watch
        Sees every sample that is written, and may end the recording.

    Raises
    ------
    LinkError
        When a board does not answer, is refused, or two are the same: no file is made then. When one does
        not start.
    InputError
        When a file exists already.
    RecordingError
        When the disk refuses; what was written before stays readable.
    """
    watch = watch or Watch()
    with _asked_to_end() as asked, Connections(plugs) as links, contextlib.ExitStack() as files:
        _attach(links, asked)
        own_time = links.all[0].own_time
        start_ns = max(connection.now_ns() for connection in links.all) if own_time else host_ns()
        tracks: dict[Connection, Track] = {}
        writers: dict[Path, Writer] = {}
        with contextlib.ExitStack() as locks:
            for connection in links.all:
                locks.enter_context(connection.lock)
            named = activities(out, links.all)
            for path in named:
                refuse_existing(path)
            for path, boards in named.items():
                facts = _facts(boards, meta or {})
                writer = writers[path] = files.enter_context(_writer(path, boards, facts))
                tracks |= {board: Track(board, writer, start_ns, watch.samples) for board in boards}
                kinds = {_hello(board).object_kind: board for board in boards}
                streams = {kind: list(_hello(board).streams) for kind, board in kinds.items()}
                watch.begin(streams, facts, Reach(writer.tell, partial(_command, kinds)))
            for connection in links.all:
                connection.session.start()
        try:
            _run(links, tracks, start_ns, seconds, show, watch, asked)
        except BaseException:
            with contextlib.suppress(Exception):  # what went wrong first is what is told
                watch.leave()
                _let_go(links)
            raise
        watch.leave()
        end_s = {connection: 1e-9 * (connection.now_ns() - start_ns) for connection in links.all}
        _drain(links, tracks, asked)
        away = [board for board in links.all if not (board.session.attached or board.ended)]
        links.stop()
        for connection, news in links.news(0):
            tracks[connection].take(news)
        for connection, track in tracks.items():
            for news in connection.session.finish():
                track.take(news)
        watch.end()
        done = []
        for path, boards in named.items():
            losses = sum((tracks[board].left(end_s[board]) for board in boards if board in away), Losses())
            if losses.recovered:
                writers[path].tell("losses", json.dumps(asdict(losses)))
            done.append(_recorded(path, [tracks[board] for board in boards], losses.reasons))
        return done


def _recorded(path: Path, tracks: list[Track], left: tuple[str, ...]) -> Recorded:
    return Recorded(
        path,
        max(track.last_s for track in tracks),
        sum(track.samples_lost for track in tracks),
        sum(track.restarts for track in tracks),
        left,
    )


def activities(out: Path, boards: Sequence[Connection]) -> dict[Path, list[Connection]]:
    """Return which boards go into which file: one cup and one coaster belong together.

    Parameters
    ----------
    out
        The file, or with several activities the pattern for their names.
    boards
        Attached ones.

    Raises
    ------
    LinkError
        When two ports lead to the same board.
    """
    hellos = {board: _hello(board) for board in boards}
    if len({hello.uid for hello in hellos.values()}) < len(boards):
        raise LinkError("Two of the ports lead to the same board. Name each board once.")
    kinds: dict[str, list[Connection]] = {}
    for board, hello in hellos.items():
        kinds.setdefault(hello.object_kind, []).append(board)
    paired = len(kinds.get("cup", ())) == len(kinds.get("coaster", ())) == 1
    groups = [(kind, [board]) for kind, some in kinds.items() for board in some]
    if paired:
        groups = [(kind, group) for kind, group in groups if kind not in ("cup", "coaster")]
        groups.insert(0, ("cup", [*kinds["cup"], *kinds["coaster"]]))
    if len(groups) == 1:
        return {out: groups[0][1]}
    named = {}
    for kind, group in groups:
        twins = sum(other == kind for other, _ in groups) > 1
        name = f"{out.stem}-{kind}" + (f"-{hellos[group[0]].uid[-4:]}" if twins else "")
        named[out.with_name(name + out.suffix)] = group
    return named


def _hello(connection: Connection) -> Hello:
    hello = connection.session.hello
    if hello is None:
        raise LinkError(f"The board on {connection.plug.url} has not said who it is.")
    return hello


def _command(boards: Mapping[str, Connection], kind: str, word: str, *arguments: str) -> None:
    """Send a command to an object of this kind, if there is one."""
    if kind in boards:
        with boards[kind].lock:
            boards[kind].session.request(word, *arguments)


def _facts(boards: list[Connection], meta: Mapping[str, str]) -> dict[str, str]:
    first, *others = [_hello(connection) for connection in boards]
    known = {**facts_of(first), **meta}
    for hello in others:
        known |= facts_of(hello, f"{hello.object_kind}_")
    return known


def _writer(path: Path, boards: list[Connection], facts: Mapping[str, str]) -> Writer:
    hellos = [_hello(connection) for connection in boards]
    streams = [plan for hello in hellos for plan in plans(hello)]
    return Writer(path, hellos[0].object_kind, facts, streams, start_ns=time.time_ns())


@contextlib.contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """Collect Ctrl-C and the like, which else would break off in the middle of a write."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in ENDING}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _attach(links: Connections, asked: list[int]) -> None:
    """Wait until every board has said who it is and its clock is known."""
    ends = {connection: connection.now_ns() + round(1e9 * ANSWER_S) for connection in links.all}
    while True:
        if asked:
            raise LinkError("Ended before the recording had begun; nothing was written.")
        for _, news in links.news(POLL_S):
            if isinstance(news, Refused):
                raise LinkError(news.reason)
        late = [c for c, end_ns in ends.items() if not c.session.attached and c.now_ns() > end_ns]
        if late:
            raise LinkError(
                late[0].trouble
                or f"Nobody answers on {late[0].plug.url}. `dexkit ports` says what can be done about it."
            )
        if all(_is_timed(c, end_ns) for c, end_ns in ends.items()):
            return


def _is_timed(connection: Connection, end_ns: int) -> bool:
    if not connection.session.attached:
        return False
    with connection.lock:
        state = connection.session.clock.state()
    return (state is not None and state.probes >= BURST) or connection.now_ns() > end_ns + round(
        1e9 * CLOCK_S
    )


def _run(
    links: Connections,
    tracks: Mapping[Connection, Track],
    start_ns: int,
    seconds: float | None,
    show: Show,
    watch: Watch,
    asked: list[int],
) -> None:
    """Write what comes until the time is over, every board has ended, or who watches or a person ends it."""
    end_ns = None if seconds is None else start_ns + round(1e9 * seconds)
    shown_s = time.monotonic()
    while not asked and not all(c.ended or (end_ns is not None and c.now_ns() >= end_ns) for c in links.all):
        for connection, news in links.news(POLL_S):
            tracks[connection].take(news)
        if not watch.goes_on(1e-9 * (min(c.now_ns() for c in links.all) - start_ns)):
            return
        if time.monotonic() - shown_s > POLL_S:
            shown_s = time.monotonic()
            show(list(tracks.values()))


def _let_go(links: Connections) -> None:
    """Stop the boards after a failure, so that none goes on for nobody; what they still send is dropped."""
    asked, end_ns = {}, {}
    for connection in links.all:
        end_ns[connection] = connection.now_ns() + round(1e9 * LET_GO_S)
        with connection.lock:
            asked[connection] = connection.session.stop()
    while any(c.session.attached and not c.ended and c.now_ns() < end_ns[c] for c in asked):
        for connection, news in links.news(POLL_S):
            if isinstance(news, Reply) and news.number == asked.get(connection):
                del asked[connection]


def _drain(links: Connections, tracks: Mapping[Connection, Track], asked: list[int]) -> None:
    """Stop the boards and take what they kept; a board that is away is not waited for."""
    for connection in links.all:
        with connection.lock:
            connection.session.stop()
    end_ns = {connection: connection.now_ns() + round(1e9 * DRAIN_S) for connection in links.all}

    def is_done(connection: Connection) -> bool:
        track, session = tracks[connection], connection.session
        empty = track.drained and not session.waiting
        return empty or connection.ended or not session.attached or connection.now_ns() > end_ns[connection]

    while len(asked) < 2 and not all(is_done(connection) for connection in links.all):
        for connection, news in links.news(POLL_S):
            tracks[connection].take(news)
