"""Say in words what a recording holds: streams, rates, counts, gaps, losses, facts."""

from collections.abc import Iterator

import numpy as np

from dexkit.errors import InputError
from dexkit.recording.clock_fit import LIMIT_PPM
from dexkit.recording.model import Losses, Recording, Stream
from dexkit.recording.table import gaps, period_s
from dexkit.recording.timing import CLOCK

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
        if stream.name.startswith(CLOCK):  # told below, as what it says of the clock
            continue
        yield f"{stream.name}: {_stream(stream)}"
        yield from (f"  {line}" for line in _facts(stream))
    yield from clocks_in_words(recording)
    yield from losses_in_words(recording.losses)


def clocks_in_words(recording: Recording) -> Iterator[str]:
    """Yield how well the times are known, one line after the other.

    Parameters
    ----------
    recording
        Any recording.
    """
    for kind, clock in recording.clocks.items():
        yield (
            f"Clock of the {kind}: {clock.probes} probe{'s' * (clock.probes != 1)}, {clock.ppm:+.1f} ppm, "
            f"quickest answer {1e3 * clock.min_round_trip_s:.2f} ms, residual "
            f"{1e3 * clock.residual_s:.2f} ms; its times are put on the host's clock by them."
        )
    yield from clock_warnings(recording)


def clock_warnings(recording: Recording) -> Iterator[str]:
    """Yield what a reader of times must know, one sentence after the other; nothing where all is well.

    Parameters
    ----------
    recording
        Any recording.
    """
    kinds = dict.fromkeys(name.partition("/")[0] for name in recording.streams if not name.startswith(CLOCK))
    unasked = [kind.replace("_", " ") for kind in kinds if kind not in recording.clocks]
    if unasked:
        yield (
            f"No clock probes of {' and '.join(unasked)}: their times stand as they came, no clock was "
            "compared with them."
        )
    for kind, clock in recording.clocks.items():
        if clock.boots > 1:
            yield f"The board of the {kind} started anew {clock.boots - 1} times during the recording."
        if abs(clock.ppm) > LIMIT_PPM:
            yield (
                f"The clock of the {kind} runs {clock.ppm:+.0f} ppm off, more than a sound crystal does; its "
                "times may be wrong. Record again, and check the board if it stays."
            )
    steps = [clock.wall_step_s for clock in recording.clocks.values() if clock.wall_step_s]
    if steps:
        yield (
            f"The computer's date was set by {max(steps, key=abs):+.1f} s during the recording: the date of "
            "its start is in doubt, the times within it are not."
        )


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
        missing = f"{losses.samples_missing} samples known to be missing"
        if losses.chunks_lost or losses.bytes_skipped:
            missing = f"{losses.chunks_lost} chunks, {missing}, {losses.bytes_skipped} bytes passed over"
        yield f"Recovered with loss: {missing}."
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
