"""Read a recording, whole or damaged: what can be trusted comes back, and what is missing is said."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError, RecordingError
from dexkit.recording.blocks import Decoded, StreamPlan, decode
from dexkit.recording.container import Walk, walk
from dexkit.recording.model import BoardClock, Losses, Recording, Stream
from dexkit.recording.timing import CLOCK, on_host_time
from dexkit.recording.writer import FORMAT, RESERVED, plans_from_text, write
from dexkit.whole_file import refuse_device


def read(path: str | Path, *, as_stored: bool = False) -> Recording:
    """Read a recording; a cut or damaged file is recovered silently and its losses are named.

    Parameters
    ----------
    path
        The file.
    as_stored
        Whether the times stay as they stand in the file, by each board's own clock, instead of being put on
        the host's by the clock probes.

    Raises
    ------
    RecordingError
        If there is no such file, it may not be read, or it is not a recording of dexkit.
    InputError
        If it is a device.
    """
    path = Path(path)
    refuse_device(path)
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise RecordingError(f"{path} is a folder: name one recording (.mcap) in it.") from error
    except FileNotFoundError as error:
        raise RecordingError(f"There is no file {path}: check the name.") from error
    except OSError as error:
        raise RecordingError(f"Cannot read {path}: {error.strerror}; check that you may read it.") from error
    return read_bytes(data, str(path), as_stored=as_stored)


def read_bytes(data: bytes, name: str = "the file", *, as_stored: bool = False) -> Recording:
    """Read a recording from the bytes of its file.

    Parameters
    ----------
    data
        All of them.
    name
        What to call it in a message.
    as_stored
        As for `read`.

    Raises
    ------
    RecordingError
        If it is not a recording of dexkit.
    """
    if not data:
        raise RecordingError(f"{name} is empty: the recording never began; record it again.")
    try:
        return _read(walk(data), data, name, as_stored)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        InputError,
    ) as error:  # sound checksums, other content
        raise RecordingError(f"{name} was not written by dexkit, though it says so ({error}).") from error


def _read(found: Walk, data: bytes, name: str, as_stored: bool) -> Recording:
    """Build the recording from what a walk found."""
    reasons: list[str] = []
    facts = _facts(found, name, reasons)
    plans = _plans(facts, found)
    messages, none = found.inside.messages, np.empty((0, 2), np.int64)
    totals = dict(json.loads(facts["samples"])) if "samples" in facts else {}
    streams: dict[str, Stream] = {}
    counts: dict[str, NDArray[np.int64]] = {}
    board = missing = 0
    for channel, plan in plans.items():
        spans = messages.get(channel, none)
        blocks = _in_order(decode(found.inside.raw, spans, len(plan.columns)), plan, reasons)
        missing += _missing(blocks, plan, totals.get(plan.name), reasons)
        board += int(blocks.lost_before.sum())
        streams[plan.name] = Stream(plan.name, plan.columns, blocks.t_s, blocks.values, plan.rate_hz)
        counts[plan.name] = _numbers(blocks)
    reasons = _damages(data, found, complete=bool(totals) and not missing) + reasons
    lost = sum(damage.chunk for damage in found.damages)
    if found.chunk_count is not None:
        lost = found.chunk_count - len(found.chunks)
    losses = Losses(
        samples_lost_by_board=board,
        chunks_lost=max(lost, int(missing > 0)),
        bytes_skipped=sum(damage.length for damage in found.damages),
        samples_missing=missing,
        reasons=tuple(reasons),
    )
    if "losses" in facts:
        losses = Losses(**json.loads(facts["losses"])) + losses  # from before it was last written
    meta = {key: value for key, value in facts.items() if key not in RESERVED}
    clocks: dict[str, BoardClock] = {}
    if not as_stored:
        streams, clocks = on_host_time(streams, counts)
    return Recording(facts["object"], meta, streams, losses, clocks)


def recover(path: str | Path, out: str | Path) -> Losses:
    """Write what can be trusted of a damaged recording as a whole one, which keeps the losses in mind.

    Parameters
    ----------
    path
        The damaged file; it stays as it is.
    out
        A new file.

    Returns
    -------
    Losses
        What did not survive.

    Raises
    ------
    RecordingError
        If the file is not a recording.
    InputError
        If `out` exists already.
    """
    recording = read(path, as_stored=True)
    write(out, recording)
    return recording.losses


def _facts(found: Walk, name: str, reasons: list[str]) -> Mapping[str, str]:
    """Return the metadata, or what the channels tell where it is lost."""
    if found.metadata:
        facts = found.metadata[-1]
        if facts.get("format") != FORMAT:
            raise RecordingError(
                f"{name} has format {facts.get('format')}, this dexkit reads format {FORMAT}: update dexkit."
            )
        return facts
    topics = [channel.topic for channel in found.inside.channels if "plan" in channel.metadata]
    if topics:
        reasons.append("The metadata is lost: person, test and calibration are not known.")
        kinds = [topic.partition("/")[0] for topic in topics if not topic.startswith(CLOCK)]
        return {"object": "cup" if "cup" in kinds else (kinds or ["unknown"])[0]}
    if found.loose_channels or found.chunks or found.loose_messages or found.summary_sound is not None:
        raise RecordingError(
            f"{name} is an MCAP file, but no recording of dexkit: it lacks our metadata; "
            "export it as CSV and use `dexkit import`."
        )
    if found.started:
        raise RecordingError(f"{name} was cut before anything was recorded: nothing is left to recover.")
    raise RecordingError(
        f"{name} is not a recording: name a .mcap file, or turn a CSV into one with `dexkit import`."
    )


def _plans(facts: Mapping[str, str], found: Walk) -> dict[int, StreamPlan]:
    """Return the streams by channel number."""
    if "streams" in facts:
        return dict(enumerate(plans_from_text(facts["streams"]), start=1))
    return {c.id: plans_from_text(c.metadata["plan"])[0] for c in found.inside.channels}


def _in_order(blocks: Decoded, plan: StreamPlan, reasons: list[str]) -> Decoded:
    """Drop blocks that repeat samples, as in a file that was glued together."""
    ends = np.maximum.accumulate(blocks.first_index + blocks.count)
    keep = blocks.first_index >= np.concatenate(([0], ends[:-1]))[: len(ends)]
    if bool(np.all(keep)):
        return blocks
    dropped = int(blocks.count[~keep].sum())
    reasons.append(f"{plan.name}: {dropped} samples come a second time and are left out.")
    samples = np.repeat(keep, blocks.count)
    return Decoded(
        blocks.first_index[keep],
        blocks.lost_before[keep],
        blocks.count[keep],
        blocks.t_s[samples],
        blocks.values[samples],
    )


def _numbers(blocks: Decoded) -> NDArray[np.int64]:
    """Return the number of each sample within its stream, counting those that the board or the file lost."""
    first = blocks.first_index + np.cumsum(blocks.lost_before)
    within = np.arange(blocks.count.sum()) - np.repeat(np.cumsum(blocks.count) - blocks.count, blocks.count)
    numbers: NDArray[np.int64] = np.repeat(first, blocks.count) + within
    return numbers


def _missing(blocks: Decoded, plan: StreamPlan, total: int | None, reasons: list[str]) -> int:
    """Return how many samples are known to be missing, and say between which times."""
    starts = np.append(blocks.first_index, 0 if total is None else total)
    ends = np.concatenate(([0], blocks.first_index + blocks.count))
    if total is None:
        starts[-1] = ends[-1]
    missing = starts - ends
    at = np.concatenate(
        ([0], np.cumsum(blocks.count))
    )  # number, among those read, of the first after each gap
    for i in np.flatnonzero(missing):
        before = f"after {blocks.t_s[at[i] - 1]:.3f} s" if at[i] > 0 else "from the start"
        after = f" until {blocks.t_s[at[i]]:.3f} s" if at[i] < len(blocks.t_s) else " until the end"
        reasons.append(f"{plan.name}: {missing[i]} samples are missing {before}{after}.")
    return int(missing.sum())


def _damages(data: bytes, found: Walk, complete: bool) -> list[str]:
    """Say in words where the file is damaged."""
    words = []
    for damage in found.damages:
        what = "samples" if damage.chunk else "start mark" if damage.offset == 0 else "index, metadata or end"
        words.append(f"Damaged at byte {damage.offset}, {damage.length} bytes passed over ({what}).")
    if found.summary_sound is None:
        rest = "all samples are there" if complete else "what was recorded after its last sample is missing"
        words.append(
            f"The file ends at byte {len(data)} without its end mark (power cut, kill, partial copy): {rest}."
        )
    elif not found.summary_sound:
        words.append("The index at the end is damaged: it is not used.")
    if not found.data_sound and found.summary_sound is not None and not found.damages:
        words.append("A byte outside of the samples is damaged (index, metadata or their checksum).")
    return words
