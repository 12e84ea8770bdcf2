"""Say in words what a recording holds: streams, rates, counts, gaps, losses, facts."""

from collections.abc import Iterator

import numpy as np

from dexkit.errors import InputError
from dexkit.recording.model import Losses, Recording, Stream
from dexkit.recording.table import gaps, period_s

#: How many gaps of a stream are named; the rest is counted.
GAPS_NAMED = 3


def in_words(recording: Recording) -> Iterator[str]:
    """Yield one line after the other.

    Parameters
    ----------
    recording
        Any recording.
    """
    ends = [float(stream.t_s[-1]) for stream in recording.streams.values() if len(stream.t_s)]
    length = f"{max(ends):.1f} s" if ends else "no samples"
    yield f"{recording.object_kind}, {length}"
    for key, value in sorted(recording.meta.items()):
        yield f"  {key}: {value}"
    for stream in recording.streams.values():
        yield f"{stream.name}: {_stream(stream)}"
        yield from (f"  {line}" for line in _facts(stream))
    yield from losses_in_words(recording.losses)


def losses_in_words(losses: Losses) -> Iterator[str]:
    """Yield what did not survive, one line after the other.

    Parameters
    ----------
    losses
        Of any recording.
    """
    if losses.samples_lost_by_board:
        yield f"The board counted {losses.samples_lost_by_board} samples as lost."
    if losses.recovered:
        yield (
            f"Recovered with loss: {losses.chunks_lost} chunks, {losses.samples_missing} samples known to be "
            f"missing, {losses.bytes_skipped} bytes passed over."
        )
        yield from (f"  {reason}" for reason in losses.reasons)
    else:
        yield "The file is whole."


def _stream(stream: Stream) -> str:
    count = f"{len(stream.t_s)} sample{'s' * (len(stream.t_s) != 1)} of {', '.join(stream.columns)}"
    if stream.rate_hz is not None:
        return f"{count} at {stream.rate_hz:g} Hz"
    try:
        return f"{count}, irregular, about {1 / period_s(stream):.3g} Hz"
    except InputError:
        return f"{count}, irregular"


def _facts(stream: Stream) -> Iterator[str]:
    if not len(stream.t_s):
        return
    for column, values in zip(stream.columns, stream.values.T, strict=True):
        measured = values[np.isfinite(values)]
        missing = len(values) - len(measured)
        spread = f"{measured.min():g} to {measured.max():g}" if len(measured) else "never measured"
        parts = [spread]
        if negative := int(np.sum(measured < 0)):
            parts.append(f"{negative} negative")
        if missing:
            parts.append(f"{missing} not measured")
        yield f"{column}: {', '.join(parts)}"
    try:
        found = gaps(stream)
    except InputError:
        return
    if len(found):
        lengths = found[:, 1] - found[:, 0]
        longest = np.argsort(-lengths, kind="stable")[:GAPS_NAMED]
        named = ", ".join(f"{lengths[i]:.3g} s at {found[i, 0]:.2f} s" for i in longest)
        yield f"{len(found)} gap{'s' * (len(found) > 1)}, the longest: {named}"
