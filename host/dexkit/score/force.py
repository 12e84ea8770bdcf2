"""Force on a load cell, recorded by others: how steady it was held and how well it followed a target."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording
from dexkit.recording.table import even, longest_measured
from dexkit.score.measure import Direction, Mark, Measure, values
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.scored import Scored, Trace
from dexkit.score.smoothness import Tremor, sway_rms, tremor
from dexkit.segment.events import EVENT_DTYPE

NO_SAMPLES = NotMeasurable("No force was measured.")
NO_TARGET = NotMeasurable("No target was recorded (a column target_... or error_...).")


@dataclass(frozen=True)
class Force:
    """A force and how far it was from its target.

    Parameters
    ----------
    sample
        float64 (n,): the samples as they were recorded, without those not measured.
    steady
        float64 (m,): the longest stretch without a gap, on an even grid.
    rate_hz
        Rate of the grid.
    share
        Share of the grid, 0 to 1, that the stretch covers.
    error
        float64 (k,): target minus force at each sample where both are known; None without a target.
    """

    sample: NDArray[np.float64]
    steady: NDArray[np.float64]
    rate_hz: float
    share: float
    error: NDArray[np.float64] | None

    @cached_property
    def tremor(self) -> Tremor:
        """What the spectrum of the force says."""
        return tremor(self.steady, self.rate_hz)

    def of_stretch(self, outcome: Outcome) -> Outcome:
        """Return what was computed from the stretch with the share it covers as quality."""
        if isinstance(outcome, NotMeasurable) or self.share == 1.0:
            return outcome
        return Measured(float(outcome.value if isinstance(outcome, Measured) else outcome), self.share)


class ForceMeasure(Measure[Force]):
    """Base of the measures of a force; its unit is that of the recorded column."""

    direction = Direction.WORSE
    unit = "N (or as recorded)"
    source = "dexkit"
    mark = Mark.PROPOSED


class Mean(ForceMeasure):
    """Mean of all samples."""

    id = "force.mean_n"
    title = "Mean force"
    direction = Direction.NEITHER

    def of(self, take: Force) -> Outcome:
        return float(np.mean(take.sample)) if len(take.sample) else NO_SAMPLES


class Variation(ForceMeasure):
    """Standard deviation of all samples divided by their mean; a target that moves is part of it."""

    id = "force.cv"
    title = "Variation of the force"
    unit = "1"
    source = "Usual coefficient of variation of isometric force."
    mark = Mark.RECALLED

    def of(self, take: Force) -> Outcome:
        if not len(take.sample):
            return NO_SAMPLES
        mean = float(np.mean(take.sample))
        if mean <= 0.0:
            return NotMeasurable("The mean force is not above zero: a share of it means nothing.")
        return float(np.std(take.sample)) / mean


class AboutTrend(ForceMeasure):
    """Root mean square of the force about its moving mean over 2 s, in the longest stretch without a gap."""

    id = "force.rms_about_trend_n"
    title = "Unsteadiness of the force"

    def of(self, take: Force) -> Outcome:
        return take.of_stretch(sway_rms(take.steady, take.rate_hz))


class TrackingError(ForceMeasure):
    """Root mean square of target minus force, over all samples where both are known."""

    id = "force.tracking_rms_n"
    title = "Error against the target"
    source = "Usual tracking error; the recorded target or error column is taken as it is."

    def of(self, take: Force) -> Outcome:
        if take.error is None or not len(take.error):
            return NO_TARGET
        return float(np.sqrt(np.mean(take.error**2)))


class TrackingBias(ForceMeasure):
    """Mean of target minus force: above zero, too little force was used."""

    id = "force.tracking_bias_n"
    title = "Mean error against the target"
    direction = Direction.NEITHER

    def of(self, take: Force) -> Outcome:
        return NO_TARGET if take.error is None or not len(take.error) else float(np.mean(take.error))


class TremorFrequency(ForceMeasure):
    """Frequency of the peak of the force's spectrum between 3 and 12 Hz, if there is one."""

    id = "force.tremor_hz"
    title = "Tremor frequency"
    unit = "Hz"
    direction = Direction.NEITHER

    def of(self, take: Force) -> Outcome:
        return take.of_stretch(take.tremor.frequency_hz)


class TremorBand(ForceMeasure):
    """Root mean square of the force between 3 and 12 Hz, with or without a peak."""

    id = "force.tremor_band_rms_n"
    title = "Ripple between 3 and 12 Hz"

    def of(self, take: Force) -> Outcome:
        return take.of_stretch(take.tremor.band_rms)


class TremorOccurrence(ForceMeasure):
    """Share of the 2 s windows that have a tremor peak between 3 and 12 Hz."""

    id = "force.tremor_occurrence"
    title = "Share of the time with tremor"
    unit = "1"

    def of(self, take: Force) -> Outcome:
        return take.of_stretch(take.tremor.occurrence)


MEASURES = (
    Mean,
    Variation,
    AboutTrend,
    TrackingError,
    TrackingBias,
    TremorFrequency,
    TremorBand,
    TremorOccurrence,
)


def score_force(recording: Recording) -> Scored:
    """Score a recording of one force.

    Parameters
    ----------
    recording
        Its stream ``force`` has the force as ``force_n`` or as the first column that is neither a target
        (``target_...``) nor an error (``error_...``, target minus force).

    Raises
    ------
    InputError
        If there is no such column or fewer than two samples.
    """
    stream = recording.streams.get("force")
    if stream is None or len(stream.t_s) < 2:
        raise InputError("The recording holds no force of at least two samples: import it again.")
    targets = [column for column in stream.columns if column.startswith("target")]
    errors = [column for column in stream.columns if column.startswith("error")]
    forces = [column for column in stream.columns if column not in targets + errors]
    if not forces:
        raise InputError(
            f"None of the columns {', '.join(stream.columns)} is a force: name one force_n=HEADER."
        )
    name = "force_n" if "force_n" in forces else forces[0]
    at = stream.columns.index(name)
    recorded = stream.values.astype(np.float64)
    force = recorded[:, at]
    error = None
    if errors:
        error = recorded[:, stream.columns.index(errors[0])]
    elif targets:
        error = recorded[:, stream.columns.index(targets[0])] - force
    grid, rate_hz = even(stream)
    column = grid[:, at : at + 1]
    stretch = longest_measured(column)
    steady = column[stretch, 0].astype(np.float64)
    share = len(steady) / len(grid)
    measured = force[np.isfinite(force)]
    known = None if error is None else error[np.isfinite(error)]
    take = Force(measured, steady, rate_hz, share, known)
    traces = [Trace("Force", stream.t_s, force)]
    if error is not None:
        traces.append(Trace("Target", stream.t_s, force + error))
    return Scored(
        values(MEASURES, take), np.zeros(0, EVENT_DTYPE), lambda: traces, (), _notes(share, name, rate_hz)
    )


def _notes(share: float, name: str, rate_hz: float) -> tuple[str, ...]:
    notes = []
    if name != "force_n":
        notes.append(f"The column {name} is taken as the force; its unit is not stated.")
    if share < 1.0:
        notes.append(f"The longest stretch without a gap is {100 * share:.0f} % of the recording.")
    notes.append(f"Steadiness and tremor are computed on an even grid of {rate_hz:.1f} Hz.")
    return tuple(notes)
