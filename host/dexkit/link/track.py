"""One board's way into a recording: blocks get their times, probes their rows, and gaps are counted."""

import json
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import LinkError
from dexkit.hardware import load
from dexkit.link.clock import Probe, SampleTimes, Timeline
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Block, Gap, Heartbeat, Hello, News, Reply
from dexkit.protocol.tables import OBJECT_ID, STREAMS
from dexkit.recording import Losses, StreamPlan, Writer, probes_plan
from dexkit.recording.calibration import FACT, UNCALIBRATED, known

#: Is told of samples that were written: stream, times from the recording's start, values in true units.
Heard = Callable[[str, NDArray[np.float64], NDArray[np.float32]], None]


def plans(hello: Hello) -> list[StreamPlan]:
    """Return the streams that a board's recording has.

    Parameters
    ----------
    hello
        What the board said.
    """
    names = [name for name in hello.streams if name in STREAMS]
    known = [StreamPlan(name, STREAMS[name].columns, STREAMS[name].rate_hz) for name in names]
    return [*known, probes_plan(hello.object_kind)]


def facts(hello: Hello, prefix: str = "") -> dict[str, str]:
    """Return what a recording keeps of a hello.

    Parameters
    ----------
    hello
        What the board said.
    prefix
        Before each name; for the second board of a recording, its kind.
    """
    said = {
        "uid": hello.uid,
        "boot": str(hello.boot),
        "firmware": hello.firmware,
        "schema_hash": hello.schema,
        "calibration": hello.calibration or UNCALIBRATED,
        "sensors": json.dumps(hello.said.get("sensors") or {}, sort_keys=True),
    }
    if calibration := known(hello.calibration):
        said[FACT] = calibration.text
    told = {prefix + name: text for name, text in said.items()}
    if hello.object_kind in OBJECT_ID:
        for name, size in load(hello.object_kind).geometry_mm.items():
            sizes = (size,) if isinstance(size, float) else size
            told[f"{hello.object_kind}_{name}_mm"] = " ".join(f"{each:g}" for each in sizes)
    return told


class _StreamTrack:
    """One stream of a board."""

    def __init__(self, timeline: Timeline, name: str) -> None:
        self.period_s = 1.0 / STREAMS[name].rate_hz
        self.times = SampleTimes(timeline, STREAMS[name].rate_hz)
        self.lost: int | None = None  # as the last block said
        self.gap = False
        self.last_s: float | None = None
        self.rows = 0


class Track:
    """One board in a recording.

    Parameters
    ----------
    connection
        The board's; it must be attached.
    writer
        Of a file that has the board's streams.
    start_ns
        The recording's start by `connection.now_ns`.
    heard
        Is given what was written, in true units where the calibration is known: stream, times, values.

    Attributes
    ----------
    samples_lost
        Samples that are known to be missing.
    """

    def __init__(
        self,
        connection: Connection,
        writer: Writer,
        start_ns: int,
        heard: Heard = lambda name, t_s, values: None,
    ) -> None:
        hello = connection.session.hello
        assert hello is not None
        self.connection = connection
        self.object_kind = hello.object_kind
        self.samples_lost = 0
        self.restarts = 0
        self.stopped = self.drained = False
        self._writer, self._heard = writer, heard
        self._calibration = known(hello.calibration)
        self._timeline = Timeline(connection.session.clock, start_ns)
        self._probes_s = 0.0
        self._streams = {
            name: _StreamTrack(self._timeline, name) for name in hello.streams if name in STREAMS
        }

    def take(self, news: News) -> None:
        """Write what belongs into the recording.

        Parameters
        ----------
        news
            Of this board, from the recording's start on.

        Raises
        ------
        LinkError
            When the board does not start.
        RecordingError
            When the disk refuses.
        """
        match news:
            case Block():
                self._block(news)
            case Probe():
                self._timeline.probe(news)
                self._write_probes()
            case Gap(name) if name in self._streams:
                self._streams[name].gap = True
            case Attached(again=False):
                self.restarts += 1
                self._timeline.restart()
                for stream in self._streams.values():
                    stream.gap, stream.lost = True, None
            case Reply(_, "start", False, error):
                raise LinkError(f"The {self.object_kind.replace('_', ' ')} does not start. {error}")
            case Reply(_, "stop"):
                self.stopped = True
            case Heartbeat(_, fields):
                self.drained = self.stopped and not fields.get("ring_blocks")

    def left(self, end_s: float) -> Losses:
        """Count and return what is missing of a board that went away and did not come back.

        Parameters
        ----------
        end_s
            When the recording ended, in seconds from its start.
        """
        missing = sum(
            max(int((end_s - (stream.last_s or 0.0)) / stream.period_s), 0)
            for stream in self._streams.values()
        )
        self.samples_lost += missing
        kind = self.object_kind.replace("_", " ")
        reason = f"The {kind} went away after {self.last_s:.1f} s and did not come back."
        return Losses(samples_missing=missing, reasons=(reason,))

    @property
    def last_s(self) -> float:
        """Time of the newest sample."""
        return max((stream.last_s or 0.0 for stream in self._streams.values()), default=0.0)

    def rates_hz(self) -> Iterable[float]:
        """Return how many samples of each stream have come in a second."""
        return [stream.rows / max(stream.last_s or 0.0, 1e-3) for stream in self._streams.values()]

    def _block(self, block: Block) -> None:
        stream = self._streams.get(block.stream)
        if stream is None or not block.rows:
            return
        lost = 0 if stream.lost is None else max(block.lost - stream.lost, 0)
        stream.lost = block.lost
        t_s = stream.times.of(block.tick_us, block.rows, 0 if stream.gap else lost)
        if stream.gap and stream.last_s is not None:
            lost = max(round((float(t_s[0]) - stream.last_s) / stream.period_s) - 1, lost)
        stream.gap = False
        ours = int(np.searchsorted(t_s, 0.0))  # what was taken before the recording began is not part of it
        if ours == len(t_s):
            return
        if stream.last_s is None:
            lost = 0
        self.samples_lost += lost
        stream.last_s = float(t_s[-1])
        stream.rows += len(t_s) - ours
        values = block.values[ours:]
        self._writer.append(block.stream, t_s[ours:], values, lost_before=lost)
        if self._calibration is not None:
            values = self._calibration.correct(block.stream, values)
        self._heard(block.stream, t_s[ours:], values)

    def _write_probes(self) -> None:
        rows: NDArray[np.float64] = self._timeline.rows()
        t_s = np.maximum.accumulate(np.maximum(rows[:, 0], self._probes_s))
        self._probes_s = float(t_s[-1]) if len(t_s) else self._probes_s
        self._writer.append(probes_plan(self.object_kind).name, t_s, rows[:, 1:])
