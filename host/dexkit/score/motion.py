"""Motion of a hand or a phone, recorded by others: tremor, and smoothness where a speed was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording, Stream
from dexkit.recording.table import even, longest_measured
from dexkit.score.measure import Direction, Mark, Measure, values
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.scored import Scored, Trace
from dexkit.score.smoothness import Tremor, ldlj, ldlj_a, sparc, tremor
from dexkit.segment.events import EVENT_DTYPE

#: The axes of each sensor.
AXES: Mapping[str, tuple[str, str, str]] = {
    "accelerometer": ("ax_ms2", "ay_ms2", "az_ms2"),
    "gyroscope": ("gx_rads", "gy_rads", "gz_rads"),
}
NO_SPEED = NotMeasurable("No speed was recorded (a column speed_...).")


@dataclass(frozen=True)
class Motion:
    """A motion on an even grid: the longest stretch without a gap.

    Parameters
    ----------
    columns
        What was recorded.
    samples
        float64 (n, columns), all measured.
    rate_hz
        Rate of the grid.
    share
        Share of the grid, 0 to 1, that the stretch covers.
    """

    columns: tuple[str, ...]
    samples: NDArray[np.float64]
    rate_hz: float
    share: float

    def axes(self, sensor: str) -> NDArray[np.float64] | None:
        """Return the (n, 3) samples of a sensor, if all its axes were recorded."""
        if not set(AXES[sensor]) <= set(self.columns):
            return None
        return self.samples[:, [self.columns.index(axis) for axis in AXES[sensor]]]

    @cached_property
    def tremors(self) -> dict[str, Tremor]:
        """What the spectrum of each sensor says."""
        found = {sensor: self.axes(sensor) for sensor in AXES}
        return {sensor: tremor(axes, self.rate_hz) for sensor, axes in found.items() if axes is not None}

    @cached_property
    def speed(self) -> NDArray[np.float64] | None:
        """The first column named speed_..., if there is one."""
        named = [i for i, column in enumerate(self.columns) if column.startswith("speed")]
        return self.samples[:, named[0]] if named else None

    def of_stretch(self, outcome: Outcome) -> Outcome:
        """Return what was computed from the stretch with the share it covers as quality."""
        if isinstance(outcome, NotMeasurable) or self.share == 1.0:
            return outcome
        return Measured(float(outcome.value if isinstance(outcome, Measured) else outcome), self.share)


class MotionMeasure(Measure[Motion]):
    """Base of the measures of a motion."""

    direction = Direction.WORSE
    unit = "1"
    source = "dexkit, see dexkit.score.smoothness"
    mark = Mark.PROPOSED


class TremorFrequency(MotionMeasure):
    """Frequency of the peak of each sensor's spectrum between 3 and 12 Hz, if there is one."""

    id = "motion.tremor_hz"
    title = "Tremor frequency"
    unit = "Hz"
    direction = Direction.NEITHER

    def of(self, take: Motion) -> Outcome | Mapping[str, Outcome]:
        if not take.tremors:
            return NotMeasurable("No sensor with three axes was recorded (ax_ms2 ... or gx_rads ...).")
        return {sensor: take.of_stretch(found.frequency_hz) for sensor, found in take.tremors.items()}


class TremorOccurrence(MotionMeasure):
    """Share of the 2 s windows in which a sensor has a tremor peak between 3 and 12 Hz."""

    id = "motion.tremor_occurrence"
    title = "Share of the time with tremor"

    def of(self, take: Motion) -> Outcome | Mapping[str, Outcome]:
        if not take.tremors:
            return NotMeasurable("No sensor with three axes was recorded (ax_ms2 ... or gx_rads ...).")
        return {sensor: take.of_stretch(found.occurrence) for sensor, found in take.tremors.items()}


class TremorAcceleration(MotionMeasure):
    """Decimal logarithm of the amplitude of the acceleration within 1 Hz of the tremor peak, in m/s^2."""

    id = "motion.tremor_log10_ms2"
    title = "Tremor amplitude (acceleration)"
    unit = "log10 m/s²"

    def of(self, take: Motion) -> Outcome:
        found = take.tremors.get("accelerometer")
        return (
            take.of_stretch(found.log10_amplitude)
            if found
            else NotMeasurable("No acceleration was recorded.")
        )


class TremorRotation(MotionMeasure):
    """Decimal logarithm of the amplitude of the rotation within 1 Hz of the tremor peak, in rad/s."""

    id = "motion.tremor_log10_rads"
    title = "Tremor amplitude (rotation)"
    unit = "log10 rad/s"

    def of(self, take: Motion) -> Outcome:
        found = take.tremors.get("gyroscope")
        return take.of_stretch(found.log10_amplitude) if found else NotMeasurable("No rotation was recorded.")


class Sparc(MotionMeasure):
    """Spectral arc length of the recorded speed, whole recording: the closer to zero, the smoother."""

    id = "motion.sparc"
    title = "Smoothness (SPARC)"
    direction = Direction.BETTER
    source = "Balasubramanian et al. 2015, J NeuroEngineering Rehabil 12:112."
    mark = Mark.VERIFIED

    def of(self, take: Motion) -> Outcome:
        return NO_SPEED if take.speed is None else take.of_stretch(sparc(take.speed, take.rate_hz))


class Ldlj(MotionMeasure):
    """Log dimensionless jerk of the recorded speed: the closer to zero, the smoother."""

    id = "motion.ldlj"
    title = "Smoothness (LDLJ)"
    direction = Direction.BETTER
    source = "Balasubramanian et al. 2015, J NeuroEngineering Rehabil 12:112."
    mark = Mark.VERIFIED

    def of(self, take: Motion) -> Outcome:
        return NO_SPEED if take.speed is None else take.of_stretch(ldlj(take.speed, take.rate_hz))


class LdljA(MotionMeasure):
    """Log dimensionless jerk from accelerometer and gyroscope together, over the whole recording."""

    id = "motion.ldlj_a"
    title = "Smoothness (LDLJ-A)"
    direction = Direction.BETTER
    source = "Melendez-Calderon et al. 2021, Front Bioeng Biotechnol 8:558771; rate and filter are ours."

    def of(self, take: Motion) -> Outcome:
        accel, gyro = take.axes("accelerometer"), take.axes("gyroscope")
        if accel is None or gyro is None:
            return NotMeasurable("It needs the three axes of both accelerometer and gyroscope.")
        return take.of_stretch(ldlj_a(accel, gyro, take.rate_hz))


MEASURES = (TremorFrequency, TremorOccurrence, TremorAcceleration, TremorRotation, Sparc, Ldlj, LdljA)


def score_motion(recording: Recording) -> Scored:
    """Score a recording of one motion.

    Parameters
    ----------
    recording
        Its stream ``motion`` has ``ax_ms2, ay_ms2, az_ms2``, ``gx_rads, gy_rads, gz_rads``, a column
        ``speed_...``, or some of them.

    Raises
    ------
    InputError
        If there are none of them, or fewer than two samples.
    """
    stream = recording.streams.get("motion")
    if stream is None or len(stream.t_s) < 2:
        raise InputError("The recording holds no motion of at least two samples: import it again.")
    used = [column for axes in AXES.values() for column in axes]
    kept = [i for i, column in enumerate(stream.columns) if column in used or column.startswith("speed")]
    if not kept:
        raise InputError(
            f"None of the columns {', '.join(stream.columns)} is a motion: name one ax_ms2 or speed_mms."
        )
    columns = tuple(stream.columns[i] for i in kept)
    chosen = Stream(stream.name, columns, stream.t_s, stream.values[:, kept], stream.rate_hz)
    grid, rate_hz = even(chosen)
    samples = grid[longest_measured(grid)].astype(np.float64)
    share = len(samples) / len(grid)
    notes = [f"Computed on an even grid of {rate_hz:.1f} Hz."]
    if share < 1.0:
        notes.append(f"The longest stretch without a gap is {100 * share:.0f} % of the recording.")
    traces = tuple(Trace(column, stream.t_s, chosen.values[:, i]) for i, column in enumerate(columns))
    take = Motion(columns, samples, rate_hz, share)
    return Scored(values(MEASURES, take), np.zeros(0, EVENT_DTYPE), lambda: traces, (), tuple(notes))
