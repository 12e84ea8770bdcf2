"""Scoring a glass's weight alone: what came into it, how steadily, and what must be known about the trace."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from dexkit.recording.model import Recording
from dexkit.score.flow import Stream
from dexkit.score.glass import FLOW_HZ, Glass, GlassPour, glass_of
from dexkit.score.measure import Direction, Mark, Measure, values
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.scored import Band, Scored, Trace

NO_POUR = NotMeasurable("Nothing was poured.")


class GlassMeasure(Measure[Glass]):
    """Base of the measures of a glass."""

    part_name = "pour"
    direction = Direction.NEITHER
    unit = "g"
    source = "dexkit"
    mark = Mark.PROPOSED


class Final(GlassMeasure):
    """Weight at the end: median of the last two seconds that were steady, measured and not disturbed."""

    id = "coaster.final_g"
    headline = True
    title = "Weight at the end"

    def of(self, take: Glass) -> Outcome:
        return take.final_g


class Received(GlassMeasure):
    """Liquid received: the sum over all pours of the weight after less the weight before.

    Steps of the weight while the glass was disturbed, and what came while nothing was measured, never count.
    """

    id = "coaster.received_g"
    version = 3
    headline = True
    title = "Liquid received"

    def of(self, take: Glass) -> Outcome:
        if not take.pours:
            return 0.0
        return _sum([pour.grams for pour in take.pours])


class FlowCv(GlassMeasure):
    """Unsteadiness of the flow: its standard deviation over its mean while the middle 80 % of the mass came.

    Flow by a Savitzky-Golay slope over 0.3 s. Several pours: the mean, each weighted with its grams. Needs 8
    weights a second.
    """

    id = "coaster.flow_cv"
    version = 4
    headline = True
    title = "Unsteady flow"
    unit = "1"
    direction = Direction.WORSE

    def of(self, take: Glass) -> Outcome:
        parts = [(pour.grams, _of_stream(pour, Stream.cv)) for pour in take.pours]
        sure = [
            (_value(grams), _value(cv))
            for grams, cv in parts
            if not isinstance(grams, NotMeasurable) and not isinstance(cv, NotMeasurable)
        ]
        if not sure:
            reasons = [cv for _, cv in parts if isinstance(cv, NotMeasurable)]
            return reasons[-1] if reasons else NO_POUR
        grams_g, cvs = np.array(sure).T
        whole_g = sum(_value(g) for g, _ in parts if not isinstance(g, NotMeasurable))
        return Measured(float(grams_g @ cvs / grams_g.sum()), min(1.0, float(grams_g.sum()) / whole_g))


class Count(GlassMeasure):
    """How many pours came into the glass; a pause shorter than 1 s is one pour."""

    id = "coaster.pours"
    version = 2
    headline = True
    title = "Pours"
    unit = "times"

    def of(self, take: Glass) -> Outcome:
        return float(len(take.pours))


class Disturbances(GlassMeasure):
    """How often a hand, a knock or a lift disturbed the glass."""

    id = "coaster.disturbed"
    version = 2
    title = "Disturbances"
    unit = "times"
    direction = Direction.WORSE

    def of(self, take: Glass) -> Outcome:
        return float(len(take.disturbed))


class PourMeasure(GlassMeasure):
    """Base of what is measured of each pour, numbered from 1."""

    version = 2

    def of(self, take: Glass) -> Outcome | Mapping[str, Outcome]:
        return {str(number): self.one(pour) for number, pour in enumerate(take.pours, 1)} or NO_POUR

    def one(self, pour: GlassPour) -> Outcome:
        """Return the measure of one pour."""
        raise NotImplementedError


class PourGrams(PourMeasure):
    """Liquid received in one pour; what came while the glass was disturbed is left out."""

    id = "coaster.pour_g"
    version = 3
    title = "Liquid of the pour"

    def one(self, pour: GlassPour) -> Outcome:
        return pour.grams


class PourTime(PourMeasure):
    """Time from the flow rising over 1 g/s until it falls below it for the last time."""

    id = "coaster.pour_s"
    title = "Length of the pour"
    unit = "s"

    def one(self, pour: GlassPour) -> Outcome:
        if pour.open:
            return NotMeasurable("The end of the pour was not recorded.")
        return Measured(pour.duration_s, pour.duration_quality)


class MeanFlow(PourMeasure):
    """Liquid of the pour over its length."""

    id = "coaster.flow_mean_g_s"
    title = "Mean flow"
    unit = "g/s"

    def one(self, pour: GlassPour) -> Outcome:
        flow_gs = pour.flow_gs
        return (
            flow_gs
            if isinstance(flow_gs, NotMeasurable)
            else Measured(float(flow_gs.mean()), pour.duration_quality)
        )


class PeakFlow(PourMeasure):
    """Largest flow of the pour, by a Savitzky-Golay slope over 0.3 s. Needs 8 weights a second."""

    id = "coaster.flow_peak_g_s"
    version = 3
    title = "Peak flow"
    unit = "g/s"

    def one(self, pour: GlassPour) -> Outcome:
        flow_gs = pour.glass.too_slow(FLOW_HZ) or pour.flow_gs
        return flow_gs if isinstance(flow_gs, NotMeasurable) else Measured(float(flow_gs.max()), pour.quality)


class Stops(PourMeasure):
    """How often the flow stayed below 1 g/s for at least 0.2 s within one pour. Needs 12 weights a second."""

    id = "coaster.stops"
    version = 3
    title = "Interruptions"
    unit = "times"
    direction = Direction.WORSE

    def one(self, pour: GlassPour) -> Outcome:
        return pour.stops


class Reversals(PourMeasure):
    """How often the flow fell and rose again by more than 10 % of its maximum, and beyond its noise.

    Needs 8 weights a second.
    """

    id = "coaster.flow_reversals"
    version = 3
    title = "Flow fell and rose again"
    unit = "times"
    direction = Direction.WORSE

    def one(self, pour: GlassPour) -> Outcome:
        return _of_stream(pour, Stream.reversals)


class Drip(PourMeasure):
    """How long it dripped: from the flow falling below 2 g/s until it is lost in the noise.

    Needs 8 weights a second.
    """

    id = "coaster.drip_s"
    version = 3
    title = "Dripping afterwards"
    unit = "s"
    direction = Direction.WORSE

    def one(self, pour: GlassPour) -> Outcome:
        return _of_stream(pour, Stream.drip_s)


class Spikes(GlassMeasure):
    """Single samples that stand out from their neighbours by more than 5 g; the notes name each."""

    id = "coaster.spikes"
    title = "Wrong single weights"
    unit = "times"

    def of(self, take: Glass) -> Outcome:
        return float(len(take.spikes))


class NotMeasured(GlassMeasure):
    """Time in gaps, in which nothing was measured for over three usual intervals; the notes name each."""

    id = "coaster.lost_s"
    title = "Time not measured"
    unit = "s"

    def of(self, take: Glass) -> Outcome:
        return float(sum(end_s - start_s for start_s, end_s in take.lost_s))


class Negative(GlassMeasure):
    """Number of recorded weights below zero."""

    id = "coaster.negative"
    title = "Weights below zero"
    unit = "samples"

    def of(self, take: Glass) -> Outcome:
        return float(np.count_nonzero(take.raw.values[:, 0] < 0.0))


class Missing(GlassMeasure):
    """Number of recorded samples without a weight."""

    id = "coaster.missing"
    title = "Samples without a weight"
    unit = "samples"

    def of(self, take: Glass) -> Outcome:
        return float(np.count_nonzero(~np.isfinite(take.raw.values[:, 0])))


MEASURES: tuple[type[Measure[Glass]], ...] = (
    Final,
    Received,
    FlowCv,
    Count,
    Disturbances,
    PourGrams,
    PourTime,
    MeanFlow,
    PeakFlow,
    Stops,
    Reversals,
    Drip,
    Spikes,
    NotMeasured,
    Negative,
    Missing,
)


def score_coaster(recording: Recording) -> Scored:
    """Score a recording of the coaster, or of any scale under a glass (stream ``weight``, ``weight_g``).

    Raises
    ------
    InputError
        If it holds no weight, or less than half a second of it.
    """
    glass = glass_of(recording)
    bands = [Band(start_s, end_s, "lost", "not measured") for start_s, end_s in glass.lost_s]
    bands += [Band(span.start_s, span.end_s, "disturbed", "disturbed") for span in glass.disturbed]
    bands += [Band(pour.on_s, pour.off_s, "phase", "pour") for pour in glass.pours]
    kinds = ("receive_on", "receive_off", "disturbed")
    trace = Trace("Weight (g)", glass.raw.t_s, glass.raw.values[:, 0], (), kinds)
    return Scored(values(MEASURES, glass), glass.events, lambda: (trace,), tuple(bands), tuple(_notes(glass)))


def _notes(glass: Glass) -> Iterator[str]:
    """Name what is odd about the trace."""
    for span in glass.disturbed:
        yield (
            f"Disturbed from {span.start_s:.1f} to {span.end_s:.1f} s: the weight went down to "
            f"{span.low_g:.1f} g ({span.low_s:.2f} s) and up to {span.high_g:.1f} g ({span.high_s:.2f} s)."
        )
    for spike in glass.spikes:
        yield f"Spike of {spike.size_g:+.1f} g at {spike.t_s:.2f} s, left out."
    for start_s, end_s in glass.lost_s:
        yield f"Nothing was measured for {end_s - start_s:.1f} s, from {start_s:.1f} to {end_s:.1f} s."
    weights = glass.raw.values[:, 0]
    if negative := int(np.count_nonzero(weights < 0.0)):
        yield f"{negative} of {len(weights)} weights are below zero."
    if missing := int(np.count_nonzero(~np.isfinite(weights))):
        yield f"{missing} of {len(weights)} samples have no weight."
    if glass.pours and glass.pours[-1].open:
        yield "The recording ended during a pour."


def _of_stream(pour: GlassPour, measure: Callable[[Stream], Outcome]) -> Outcome:
    stream = pour.stream
    if isinstance(stream, NotMeasurable):
        return stream
    outcome = measure(stream)
    return outcome if isinstance(outcome, NotMeasurable) else Measured(_value(outcome), pour.quality)


def _value(outcome: Outcome) -> float:
    assert not isinstance(outcome, NotMeasurable)
    return outcome.value if isinstance(outcome, Measured) else outcome


def _sum(outcomes: list[Outcome]) -> Outcome:
    """Return the sum, with the lowest quality; not measurable when one is not."""
    total, quality = 0.0, 1.0
    for outcome in outcomes:
        if isinstance(outcome, NotMeasurable):
            return outcome
        total += _value(outcome)
        quality = min(quality, outcome.quality if isinstance(outcome, Measured) else 1.0)
    return Measured(total, quality)
