"""The error budget of a score: how far the kit itself lets each number be off.

Each thing that is uncertain is moved by its standard uncertainty, the recording is scored again, and what a
number moves by is that thing's share: calibration column by column, and the sensors' noise as often as DRAWS.
Independent shares add as squares (JCGM 100:2008, 5.1; sensitivities found numerically as in 5.1.3, note 2).
A duration has two moments more, each known to within the samples about it, and the clock's residual. What the
person did, or would do another time, is no part of a budget.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dexkit.protocol.tables import STREAMS
from dexkit.recording.calibration import Axes, Calibration, calibrated
from dexkit.recording.model import Recording
from dexkit.score.measure import Value
from dexkit.score.scored import Scored

#: A moment lies between the sample before and the one after, since a contact may bounce: uniform over two
#: periods, whose standard deviation is 2 / root 12; and two of them make a duration.
TWO_MOMENTS = math.sqrt(2.0) * 2.0 / math.sqrt(12.0)
#: How often the sensors' noise is drawn anew.
DRAWS = 8
#: Of normal noise: how many standard deviations the middle of the absolute second differences is.
MIDDLE = 0.6745 * math.sqrt(6.0)
#: Units of numbers that can be off by a little; counts and classes are right or wrong.
SHARES_OF = frozenset({"N", "g", "g/s", "deg", "%", "s", "1", "1/s", "Hz"})
#: Expanded by this, an uncertainty covers some 95 % (JCGM 100:2008, 6.3.3).
COVERAGE = 2.0


@dataclass(frozen=True)
class Share:
    """What one uncertain thing adds to a number.

    Parameters
    ----------
    source
        In words: ``foot_n, scale``.
    size
        By how much the number moves, in its unit, when the thing moves by its standard uncertainty.
    """

    source: str
    size: float


#: By the value's id: its shares, the largest first.
Budget = Mapping[str, tuple[Share, ...]]
Scorer = Callable[[Recording], Scored]


def standard(shares: tuple[Share, ...]) -> float:
    """Return the combined standard uncertainty: the root of the sum of squares."""
    return math.hypot(*(share.size for share in shares))


def moved(calibration: Calibration) -> Iterator[tuple[str, Calibration]]:
    """Yield (what, the calibration with it moved by its standard uncertainty) for each column that has one.

    The uncertainty of a column is taken once for its zero, the same at every value, and once for its scale,
    where it is reached at the largest value that the column is used at; which of both it is, a calibration
    does not say, so both are taken whole.
    """
    for name, axes in calibration.streams.items():
        for column, (words, u) in enumerate(zip(STREAMS[name].columns, axes.uncertainty, strict=False)):
            if u > 0.0:
                offset = np.array(axes.offset)
                offset[column] += u
                yield f"{words}, zero", _with(calibration, name, replace(axes, offset=tuple(offset.tolist())))
                matrix, largest = np.array(axes.matrix), _largest(words)
                factor = 1.0 + u / largest
                matrix[column] *= factor
                scaled = tuple(map(tuple, matrix.tolist()))
                offset = np.array(axes.offset)
                offset[column] *= factor
                changed = replace(axes, matrix=scaled, offset=tuple(offset.tolist()))
                yield f"{words}, scale", _with(calibration, name, changed)


def _with(calibration: Calibration, name: str, axes: Axes) -> Calibration:
    return replace(calibration, streams={**calibration.streams, name: axes})


#: Largest value that a column is used at, by its unit: a full cup, gravity, a quick turn (PROPOSED).
_LARGEST = {"n": 5.0, "ms2": 9.80665, "rads": 5.0}


def _largest(column: str) -> float:
    return _LARGEST[column.rpartition("_")[2]]


def budget(
    recording: Recording, calibrations: Mapping[str, Calibration], scored: Scored, scorer: Scorer
) -> Budget:
    """Return the shares of every number that has any; of an object without a calibration only those of time.

    Parameters
    ----------
    recording
        In nominal units.
    calibrations
        Those that it was scored with, by object.
    scored
        Its score.
    scorer
        What scored it.
    """
    shares: dict[str, list[Share]] = {value.id: [] for value in scored.values if _counts(value)}

    def away(changed: Recording) -> dict[str, float]:
        there = {value.id: value.value for value in scorer(changed).values}
        pairs = [
            (value.id, there.get(value.id), value.value) for value in scored.values if value.id in shares
        ]
        return {
            name: abs(other - ours) for name, other, ours in pairs if other is not None and ours is not None
        }

    for kind, calibration in calibrations.items():
        for source, changed in moved(calibration):
            for name, size in away(calibrated(recording, {**calibrations, kind: changed})).items():
                shares[name].append(Share(source, size))
    true, rng = calibrated(recording, calibrations), np.random.default_rng(0)
    draws = [away(noisier(true, rng)) for _ in range(DRAWS)]
    for name, found in shares.items():
        sizes = [draw[name] for draw in draws if name in draw]
        found.append(Share("noise", math.sqrt(sum(size**2 for size in sizes) / max(len(sizes), 1))))
    sampling_s = TWO_MOMENTS * _slowest_s(recording)
    clock_s = math.sqrt(2.0) * max((clock.residual_s for clock in recording.clocks.values()), default=0.0)
    for value in scored.values:
        if value.id in shares and value.measure.unit == "s":
            shares[value.id] += [Share("sampling", sampling_s), Share("clock", clock_s)]
    ordered = {name: sorted(found, key=lambda share: -share.size) for name, found in shares.items()}
    # A number that nothing moves (a rhythm, of contacts alone) has no budget rather than one of zero.
    return {name: tuple(found) for name, found in ordered.items() if standard(tuple(found)) > 0.0}


def noisier(recording: Recording, rng: np.random.Generator) -> Recording:
    """Return a recording with as much noise again as its forces and motion have."""
    streams = dict(recording.streams)
    for name, stream in recording.streams.items():
        if name in STREAMS and not STREAMS[name].wire.startswith("bits") and len(stream.values) > 2:
            second = np.abs(np.diff(stream.values.astype(np.float64), n=2, axis=0))
            size = np.nan_to_num(np.nanmedian(second, axis=0)) / MIDDLE
            noise = rng.normal(size=stream.values.shape) * size
            streams[name] = replace(stream, values=(stream.values + noise).astype(np.float32))
    return replace(recording, streams=streams)


def _counts(value: Value) -> bool:
    """Tell whether a number is one that can be off by a little."""
    return value.value is not None and not value.measure.labels and value.measure.unit in SHARES_OF


def _slowest_s(recording: Recording) -> float:
    """Return the period of the object's slowest stream."""
    known = [stream for name, stream in recording.streams.items() if name in STREAMS]
    return 1.0 / min((stream.rate_hz for stream in known if stream.rate_hz), default=math.inf)
