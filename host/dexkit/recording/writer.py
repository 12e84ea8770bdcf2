"""Write a recording: append-only, on the disk every second, so that a killed process loses at most that."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from numpy.typing import ArrayLike, NDArray

from dexkit import __version__
from dexkit.errors import InputError, RecordingError
from dexkit.recording.blocks import BLOCK_SAMPLES, MESSAGE_ENCODING, SCHEMA_ENCODING, StreamPlan, encode
from dexkit.recording.container import METADATA_NAME, sealed
from dexkit.recording.model import Losses, Recording, Stream
from dexkit.whole_file import sync_folder

FORMAT = "1"
CHUNK_BYTES = 4096
#: The samples that wait, and the disk, take the rest of the second that a crash may cost.
FLUSH_S = 0.8
LONGEST_S = 1e9
#: Entries that the writer itself makes; a recording's own facts use other names.
RESERVED = frozenset({"format", "object", "streams", "samples", "losses", "crc32"})


class Writer:
    """Write one recording while it happens.

    Parameters
    ----------
    path
        New file; an existing one is never touched.
    object_kind
        What is recorded: ``cup``, ``coaster``, ``button_board``, ``pegboard`` or a kind of foreign data.
    meta
        Facts as text: firmware, schema_hash, calibration, person (a pseudonym), test, hand, ...
    streams
        All streams that may follow.
    start_ns
        Wall clock at the recording's start in nanoseconds since 1970, where known.
    live
        Whether to write all there is to the disk each second; False for data that is there already.
    shown_as
        Name that messages give, where the file will get another one when it is complete.

    Raises
    ------
    InputError
        If the metadata or streams cannot be written, or the file exists.
    RecordingError
        If the disk refuses.

    Example
    -------
    ::

        with Writer(path, "coaster", meta, [StreamPlan("coaster/load", ("load_n",), 320.0)]) as writer:
            writer.append("coaster/load", t_s, load_n)
    """

    def __init__(
        self,
        path: str | Path,
        object_kind: str,
        meta: Mapping[str, str],
        streams: Sequence[StreamPlan],
        *,
        start_ns: int = 0,
        live: bool = True,
        shown_as: Path | None = None,
    ) -> None:
        path = Path(path)
        self.path = shown_as or path
        _check_meta(meta)
        if len({plan.name for plan in streams}) != len(streams):
            raise InputError("Two streams have the same name: name each stream once.")
        if not 0 <= start_ns < 1 << 63:
            raise InputError(f"The start {start_ns} is not a time in nanoseconds since 1970.")
        self._streams = {plan.name: _Pending(plan) for plan in streams}
        self._facts = {**meta, "format": FORMAT, "object": object_kind, "streams": plans_to_text(streams)}
        if start_ns:
            self._facts["start_ns"] = str(start_ns)
        self._start_ns = start_ns
        self._live = live
        self._flushed_s = time.monotonic()
        self._closed = False
        with _disk(self.path):
            self._file: IO[bytes] = path.open("xb")
            self._mcap = McapWriter(
                self._file, CHUNK_BYTES, compression=CompressionType.ZSTD, enable_data_crcs=True
            )
            self._mcap.start(profile="", library=f"dexkit {__version__}")
            self._mcap.add_metadata(METADATA_NAME, sealed(self._facts))
            for pending in self._streams.values():
                pending.register(self._mcap)
            if live:
                self._to_disk()
                sync_folder(path.parent)

    def append(self, name: str, t_s: ArrayLike, values: ArrayLike, *, lost_before: int = 0) -> None:
        """Append samples to a stream.

        Parameters
        ----------
        name
            The stream.
        t_s
            (n,) seconds from the recording's start, never decreasing.
        values
            (n, columns) or, for one column, (n,); NaN where nothing was measured.
        lost_before
            Samples that the board counted as lost just before these.

        Raises
        ------
        InputError
            If the samples do not fit the stream; nothing of them is written then.
        RecordingError
            If the disk refuses; what was written before stays readable.
        """
        if self._closed:
            raise InputError(f"{self.path} is closed: nothing can be appended.")
        if name not in self._streams:
            raise InputError(f"'{name}' is not a stream of this recording ({', '.join(self._streams)}).")
        pending = self._streams[name]
        times, samples = pending.checked(t_s, values, lost_before)
        with _disk(self.path):
            if lost_before:
                self._send(pending, everything=True)
            pending.add(times, samples, lost_before)
            self._send(pending)
            if self._live and time.monotonic() - self._flushed_s >= FLUSH_S:
                self._flush()

    def tell(self, name: str, text: str) -> None:
        """Write down a fact that became known only now, or has changed; it is on the disk at once.

        Parameters
        ----------
        name, text
            As in the metadata given at the beginning.

        Raises
        ------
        InputError
            If it cannot be written.
        RecordingError
            If the disk refuses.
        """
        _check_meta({name: text})
        self._facts[name] = text
        with _disk(self.path):
            self._flush_blocks()
            self._mcap.flush()
            self._mcap.add_metadata(METADATA_NAME, sealed(self._facts))
            self._to_disk()
            self._flushed_s = time.monotonic()

    def flush(self) -> None:
        """Write all there is to the disk.

        Raises
        ------
        RecordingError
            If the disk refuses.
        """
        with _disk(self.path):
            self._flush()

    def close(self) -> None:
        """Write the rest, the totals and the end mark.

        Raises
        ------
        RecordingError
            If the disk refuses; what was written before stays readable.
        """
        if self._closed:
            return
        self._closed = True
        with _disk(self.path), self._file:
            self._flush_blocks()
            self._mcap.flush()
            totals = {name: pending.written for name, pending in self._streams.items()}
            self._mcap.add_metadata(METADATA_NAME, sealed({**self._facts, "samples": json.dumps(totals)}))
            self._mcap.finish()
            self._to_disk()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        self._flush_blocks()
        self._mcap.flush()
        self._to_disk()
        self._flushed_s = time.monotonic()

    def _flush_blocks(self) -> None:
        for pending in self._streams.values():
            self._send(pending, everything=True)

    def _send(self, pending: "_Pending", everything: bool = False) -> None:
        for sequence, t_s, payload in pending.take(everything):
            log_ns = self._start_ns + round(t_s * 1e9)
            self._mcap.add_message(pending.channel, log_ns, payload, log_ns, sequence)

    def _to_disk(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


class _Pending:
    """Samples of one stream that wait to fill a block."""

    def __init__(self, plan: StreamPlan) -> None:
        self.plan = plan
        self.channel = 0
        self.written = 0
        self._blocks = 0
        self._lost_before = 0
        self._last_t_s = 0.0
        self._t_s: NDArray[np.float64] = np.empty(0)
        self._values: NDArray[np.float32] = np.empty((0, len(plan.columns)), np.float32)

    def register(self, mcap: McapWriter) -> None:
        """Tell the file what this stream is."""
        plan = self.plan
        schema = mcap.register_schema(plan.schema_name, SCHEMA_ENCODING, plan.schema_text.encode())
        self.channel = mcap.register_channel(
            plan.name, MESSAGE_ENCODING, schema, {"plan": plans_to_text([plan])}
        )

    def checked(
        self, t_s: ArrayLike, values: ArrayLike, lost_before: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return samples as arrays, or say why they do not fit."""
        name, columns = self.plan.name, len(self.plan.columns)
        times = np.atleast_1d(np.asarray(t_s, np.float64))
        samples = np.asarray(values, np.float32)
        if samples.ndim < 2:
            samples = samples.reshape(-1, 1) if columns == 1 else np.atleast_2d(samples)
        if times.ndim != 1 or samples.shape != (len(times), columns):
            raise InputError(
                f"'{name}' takes times (n,) and values (n, {columns}), not {times.shape} and {samples.shape}."
            )
        if not 0 <= lost_before < 1 << 32:
            raise InputError(f"'{name}' cannot have lost {lost_before} samples.")
        _check_times(name, times, self._last_t_s)
        return times, samples

    def add(self, t_s: NDArray[np.float64], values: NDArray[np.float32], lost_before: int) -> None:
        """Let checked samples wait."""
        self._lost_before += lost_before
        self._t_s = np.concatenate((self._t_s, t_s))
        self._values = np.concatenate((self._values, values))
        self._last_t_s = float(self._t_s[-1]) if len(self._t_s) else self._last_t_s

    def take(self, everything: bool) -> Iterator[tuple[int, float, bytes]]:
        """Give out number, first time and bytes of each full block; with `everything`, of the rest too."""
        n = len(self._t_s)
        n -= 0 if everything else n % BLOCK_SAMPLES
        if n == 0:
            return
        starts = self._t_s[:n:BLOCK_SAMPLES].tolist()
        payloads = encode(self.written, self._lost_before, self._t_s[:n], self._values[:n])
        first = self._blocks
        self._t_s, self._values = self._t_s[n:], self._values[n:]
        self.written, self._blocks, self._lost_before = self.written + n, first + len(payloads), 0
        for i, (start, payload) in enumerate(zip(starts, payloads, strict=True)):
            yield first + i, start, payload


def write(path: str | Path, recording: Recording, *, overwrite: bool = False) -> None:
    """Write a whole recording: under its name only when it is complete.

    Parameters
    ----------
    path
        Where to; the folder must exist.
    recording
        What to write. What it lost stays written in the new file.
    overwrite
        Whether a file of that name may be replaced.

    Raises
    ------
    InputError
        If the recording cannot be written, or the file exists.
    RecordingError
        If the disk refuses; nothing is left behind.
    """
    path = Path(path)
    if recording.clocks:
        raise InputError(
            "The times of this recording are fitted to its clock probes: written beside them they would be "
            "fitted twice. Copy the file, or read it with `as_stored=True`."
        )
    if not overwrite:
        refuse_existing(path)
    meta = dict(recording.meta)
    if recording.losses != Losses():
        meta["losses"] = json.dumps(asdict(recording.losses))
    streams = list(recording.streams.values())
    for stream in streams:
        _check_times(stream.name, np.asarray(stream.t_s, np.float64), 0.0)
    plans = [StreamPlan(stream.name, stream.columns, stream.rate_hz) for stream in streams]
    start_ns = meta.pop("start_ns", "0")
    if not start_ns.isdecimal():
        raise InputError(f"The fact start_ns is '{start_ns}': it must be nanoseconds since 1970.")
    part = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        kind = recording.object_kind
        with Writer(part, kind, meta, plans, start_ns=int(start_ns), live=False, shown_as=path) as writer:
            for t_s in _seconds(streams):
                for stream in streams:
                    chosen = slice(*np.searchsorted(stream.t_s, (t_s, t_s + 1.0)))
                    writer.append(stream.name, stream.t_s[chosen], stream.values[chosen])
        with _disk(path):
            part.replace(path)
            sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _seconds(streams: Sequence[Stream]) -> NDArray[np.float64]:
    """Return the whole seconds in which there are samples, so that streams interleave as they would live."""
    if not streams:
        return np.empty(0)
    return np.unique(np.concatenate([np.floor(stream.t_s) for stream in streams]))


def _check_times(name: str, t_s: NDArray[np.float64], last_t_s: float) -> None:
    """Raise InputError where times are not finite, go back, or are longer than a recording can be."""
    if not len(t_s) or (last_t_s <= t_s[0] and t_s[-1] < LONGEST_S and (t_s[:-1] <= t_s[1:]).all()):
        return
    steps = np.diff(t_s, prepend=last_t_s)
    at = int(np.argmax(~(np.isfinite(t_s) & (steps >= 0) & (t_s < LONGEST_S))))
    raise InputError(
        f"The times of '{name}' must be seconds from the recording's start that never go back, below "
        f"{LONGEST_S:g} s; {t_s[at]:.6g} s came after {t_s[at - 1] if at else last_t_s:.6g} s. Probably they "
        "are in another unit or out of order: convert or sort them."
    )


def refuse_existing(path: Path) -> None:
    """Raise InputError where there is a file already.

    Parameters
    ----------
    path
        Where one is to be written.
    """
    if path.exists():
        raise InputError(f"{path} exists already: name another file, or remove it if it may go.")


def plans_to_text(plans: Sequence[StreamPlan]) -> str:
    """Return what is known of streams as JSON.

    Parameters
    ----------
    plans
        The streams, in the order of their channels.
    """
    return json.dumps([asdict(plan) for plan in plans])


def plans_from_text(text: str) -> list[StreamPlan]:
    """Return the streams that `plans_to_text` wrote.

    Parameters
    ----------
    text
        JSON.
    """
    return [
        StreamPlan(entry["name"], tuple(entry["columns"]), entry["rate_hz"]) for entry in json.loads(text)
    ]


def _check_meta(meta: Mapping[str, str]) -> None:
    for key, value in meta.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError(f"Metadata is text: '{key}' is {type(value).__name__}.")
        if key in RESERVED - {"losses"}:
            raise InputError(f"'{key}' is written by the recording itself: name this fact otherwise.")


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one sentence with the next step."""
    try:
        yield
    except FileExistsError as error:
        raise InputError(f"{path} exists already: name another file, or remove it if it may go.") from error
    except OSError as error:
        step = {
            errno.ENOSPC: "free some space and write it again",
            errno.EDQUOT: "free some space and write it again",
            errno.EACCES: "choose a folder that you may write to",
            errno.EROFS: "choose a folder that you may write to",
            errno.ENOENT: "make that folder first",
            errno.ENOTDIR: "make that folder first",
        }.get(error.errno or 0, "check the disk and the path")
        raise RecordingError(f"Cannot write {path}: {error.strerror or error}; {step}.") from error
