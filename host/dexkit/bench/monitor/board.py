"""One board as it is shown: who it is, how it does, the last seconds of its streams; draws nothing."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.monitor.history import History
from dexkit.link.clock import State
from dexkit.link.news import Counts, Hello
from dexkit.protocol.tables import STREAMS

#: A rate is measured over so long.
RATE_S = 5.0
#: A number on the screen is the mean of so long: longer than people can read, shorter than a movement.
NUMBER_S = 0.2
#: A stream from which nothing came for so long is silent.
SILENT_S = 1.0
#: How a hole or button is, by the contact that is closed; each goes further than the one before.
STATES = {"touch": "touched", "entry": "entered", "seated": "seated"}


@dataclass(frozen=True)
class Unit:
    """How values of a channel are shown.

    Parameters
    ----------
    sign
        Of the unit.
    decimals
        Of a number.
    span
        The smallest distance from the bottom of a trace to its top.
    """

    sign: str
    decimals: int
    span: float


UNITS = {"n": Unit("N", 3, 0.2), "ms2": Unit("m/s²", 2, 1.0), "rads": Unit("rad/s", 2, 0.5)}
_AXES = {"a": "accel", "g": "gyro"}


@dataclass(frozen=True)
class Channel:
    """A channel that has a trace.

    Parameters
    ----------
    column
        Its number in the stream.
    name
        As in the schema.
    label
        What people call it.
    unit
        How it is shown.
    """

    column: int
    name: str
    label: str
    unit: Unit


def channels_of(stream: str) -> list[Channel]:
    """Return the channels of a stream that have a trace; contacts have none.

    Parameters
    ----------
    stream
        Name as in the schema.
    """
    found = []
    for column, name in enumerate(STREAMS[stream].columns):
        stem, _, suffix = name.rpartition("_")
        if suffix in UNITS:
            label = f"{_AXES[stem[0]]} {stem[1]}" if len(stem) == 2 else stem
            found.append(Channel(column, name, label, UNITS[suffix]))
    return found


class StreamShown:
    """One stream of a board.

    Parameters
    ----------
    name
        As in the schema.
    rate_hz
        As configured.
    now_s
        When it is expected to begin.

    Attributes
    ----------
    rows
        How many have come.
    measured_hz
        What came in the last seconds, by the board's clock; None until it is known.
    means
        float32 (columns,) of the last moment.
    """

    def __init__(self, name: str, rate_hz: float, now_s: float) -> None:
        self.name, self.rate_hz = name, rate_hz
        self.channels = channels_of(name)
        self.history = History(len(STREAMS[name].columns))
        self.lost = 0
        self.measured_hz: float | None = None
        self.means = np.full(len(STREAMS[name].columns), np.nan, np.float32)
        self.rows = 0
        self._marks: deque[tuple[int, int]] = deque()  # tick of a block's first row, rows before it
        self._came_s = now_s

    def add(self, tick_us: int, t_s: NDArray[np.float64], values: NDArray[np.float32], now_s: float) -> None:
        """Take the samples of a block.

        Parameters
        ----------
        tick_us
            Of its first row, unwrapped.
        t_s, values
            float64 (n,) and float32 (n, columns).
        now_s
            When they came.
        """
        self.history.add(t_s, values)
        self._marks.append((tick_us, self.rows))
        self.rows += len(t_s)
        self._came_s = now_s
        while tick_us - self._marks[0][0] > 1e6 * RATE_S:
            self._marks.popleft()

    def torn(self) -> None:
        """Say that something is missing here, so that no rate is measured across it."""
        self._marks.clear()

    def look(self, now_s: float) -> None:
        """Work out the numbers anew."""
        newest = self.history.newest(NUMBER_S)
        measured = np.isfinite(newest)
        count = measured.sum(axis=0)
        total = np.where(measured, newest, 0.0).sum(axis=0)
        self.means = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
        if self.is_silent(now_s):
            self.measured_hz = 0.0
        elif len(self._marks) > 1 and (ticks := self._marks[-1][0] - self._marks[0][0]) > 0:
            self.measured_hz = 1e6 * (self._marks[-1][1] - self._marks[0][1]) / ticks

    def is_silent(self, now_s: float) -> bool:
        """Whether nothing comes any more.

        Parameters
        ----------
        now_s
            The time.
        """
        return now_s - self._came_s > SILENT_S


@dataclass
class Board:
    """What is shown of one board.

    Parameters
    ----------
    url
        Its port.
    hello
        Who it is; None until it has said so.
    attached
        Whether it is there and known.
    away
        Why its port is not open; empty while it is.
    refused
        Why nothing can be done with it; empty while something can.
    ended
        Whether what its port plays is over.
    units
        In words, what the values are: calibrated or nominal.
    streams
        By name.
    counts
        What became of its frames.
    beat
        Fields of its last heartbeat.
    beat_before
        Fields of its first one: what counts from power-up counts from there.
    clock
        How well its clock is known.
    zeros
        What is taken off each channel before it is shown, by name.
    guided
        Place that is lit; None for none.
    contacts
        Of each hole or button: stream and column of its contacts, by the words of STATES.
    places
        How each hole or button is: ``open``, ``touched``, ``entered``, ``seated`` or ``?``.
    """

    url: str
    hello: Hello | None = None
    attached: bool = False
    away: str = ""
    refused: str = ""
    ended: bool = False
    units: str = ""
    streams: dict[str, StreamShown] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    beat: Mapping[str, int] = field(default_factory=dict)
    beat_before: Mapping[str, int] = field(default_factory=dict)
    clock: State | None = None
    zeros: dict[str, float] = field(default_factory=dict)
    guided: int | None = None
    contacts: list[dict[str, tuple[str, int]]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it is in; empty while it has not said so."""
        return self.hello.object_kind if self.hello else ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.kind.replace("_", " ").capitalize() or self.url

    def state(self, now_s: float) -> str:
        """Return in a word or two how it is.

        Parameters
        ----------
        now_s
            The time.
        """
        if self.away:
            return "unplugged" if self.hello else "not there"
        if self.refused:
            return "refused"
        if self.ended:
            return "ended"
        if not self.attached:
            return "no answer"
        silent = [name.partition("/")[2] for name, each in self.streams.items() if each.is_silent(now_s)]
        if silent and len(silent) == len(self.streams):
            return "no samples"
        if not any(stream.rows for stream in self.streams.values()):
            return "starting"
        return f"{', '.join(silent)} silent" if silent else "streaming"

    @property
    def samples_lost(self) -> int:
        """Samples that the board could not take or keep, since it is watched."""
        return sum(stream.lost for stream in self.streams.values())

    def since(self, name: str) -> int:
        """Return by how much a count of the heartbeat has grown since the board is watched.

        Parameters
        ----------
        name
            A field that counts from power-up.
        """
        return self.beat.get(name, 0) - self.beat_before.get(name, 0)

    @property
    def place_word(self) -> str:
        """What its places are called."""
        return "button" if self.kind == "button_board" else "hole"

    def begin(self, names: Sequence[str], rates_hz: Mapping[str, float], now_s: float) -> None:
        """Begin anew with these streams.

        Parameters
        ----------
        names
            As in the schema.
        rates_hz
            As configured.
        now_s
            The time.
        """
        lost = {name: stream.lost for name, stream in self.streams.items()}
        self.streams = {name: StreamShown(name, rates_hz[name], now_s) for name in names}
        self.contacts = []
        columns: dict[str, tuple[str, int]] = {}
        for name, stream in self.streams.items():
            stream.lost = lost.get(name, 0)
            columns |= {column: (name, at) for at, column in enumerate(STREAMS[name].columns)}
        while f"entry_{len(self.contacts)}" in columns:
            place = len(self.contacts)
            found = {word: columns.get(f"{word}_{place}") for word in STATES}
            self.contacts.append({word: where for word, where in found.items() if where})
        self.places = ["?"] * len(self.contacts)

    def look(self) -> None:
        """See how each hole or button is."""
        if not self.contacts:
            return
        newest = {name: stream.history.last().tolist() for name, stream in self.streams.items()}
        for place, contacts in enumerate(self.contacts):
            state = "open"
            for word, (name, column) in contacts.items():
                value = newest[name][column]
                state = "?" if isnan(value) else STATES[word] if value > 0.5 else state
            self.places[place] = state

    def take_zeros(self) -> dict[str, float]:
        """Show forces from now on against what they are now; return the zeros, of channels that have one."""
        for stream in self.streams.values():
            newest = stream.history.newest()
            for channel in stream.channels:
                if channel.unit is UNITS["n"] and np.isfinite(newest[:, channel.column]).any():
                    self.zeros[channel.name] = float(np.nanmean(newest[:, channel.column]))
        return self.zeros

    def copy_counts(self, counts: Counts) -> None:
        """Keep what a session counts now."""
        self.counts = replace(counts)
