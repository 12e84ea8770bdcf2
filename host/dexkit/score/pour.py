"""Pouring: how much went where, how steadily it flowed, and how the cup was moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dexkit.score.cup import Carry, difference, each
from dexkit.score.flow import Stream, stream_of
from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.smoothness import ldlj_a, sparc, tremor
from dexkit.score.spill import spill_angle_deg

#: Less than this share is no spill: what two load cells can tell apart (PROPOSED).
NO_SPILL_PCT = 2.0
#: A margin below this counts as close to spilling (PROPOSED).
CLOSE_DEG = 5.0

FTM = "Fahn-Tolosa-Marin item 14, wording as on nasafordoctors.co.za aid=68"
SMOOTH = (
    "Balasubramanian 2015, J NeuroEngineering Rehabil 12:112; on a gyroscope: Melendez-Calderon 2021. A healthy reach of "
    "the hand is about -1.6, a whole drink about -3.0: never one threshold for both."
)
JERK = "Melendez-Calderon 2021, Front Bioeng Biotechnol 8:558771, at a fixed 100 Hz."
SEVERAL = " Several pours: the median."


@dataclass(frozen=True)
class Pours:
    """The carries of a recording in which liquid left the cup, and what is known of the task."""

    carries: tuple[Carry, ...]
    meta: Mapping[str, str]

    def fact(self, name: str, what: str) -> float | NotMeasurable:
        """Return a number among the recording's facts."""
        text = self.meta.get(name)
        if text is None:
            return NotMeasurable(f"The recording does not say {what} ({name}).")
        try:
            return float(text)
        except ValueError:
            return NotMeasurable(f"The recording's {name} is {text!r}, which is no number.")


NO_POUR = "No flow out of the cup was seen."


class PourMeasure(Measure[Pours]):
    """Base of the measures of pouring: one number for the recording, and one for each pour of several."""

    direction = Direction.WORSE
    source = "dexkit"
    mark = Mark.PROPOSED

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return each(take.carries, lambda carry: self.one(carry, take), NO_POUR)

    def one(self, carry: Carry, take: Pours) -> Outcome:
        """Return the measure of one pour."""
        raise NotImplementedError


class Grams(PourMeasure):
    """Base of masses: the recording's number is the sum over its pours."""

    unit = "g"

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return each(take.carries, lambda carry: self.one(carry, take), NO_POUR, sum, every=True)


class Moved(Grams):
    """Liquid that left the cup: what stood in it before the lift less what stands in it after the put.

    From the inner load over the specific force along the cup's axis. Several pours: the sum.
    """

    id = "pour.moved_g"
    title = "Poured"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return carry.moved_g


class Received(Grams):
    """Liquid that came into the glass on the coaster. Several pours: the sum."""

    id = "pour.received_g"
    title = "Received by the glass"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return carry.received_g


class Spilled(PourMeasure):
    """Share of the cup's contents that neither stayed in the cup nor came into the glass.

    (left the cup - came into the glass) / contents before; a negative difference within the sensors' error
    counts as 0. Several pours: the median.
    """

    id = "pour.spilled_pct"
    title = "Spilled"
    unit = "%"
    source = "Spill fraction of Fahn-Tolosa-Marin item 14; grams spilled have a precedent in Bain 1993."
    mark = Mark.VERIFIED

    def one(self, carry: Carry, take: Pours) -> Outcome:
        lost_g = difference(carry.moved_g, carry.received_g)
        before_g = carry.before_g
        if isinstance(lost_g, NotMeasurable):
            return lost_g
        assert isinstance(lost_g, float) and isinstance(before_g, float)
        if before_g < 5.0:
            return NotMeasurable("Less than 5 g was in the cup before the pour.")
        return max(100.0 * lost_g / before_g, 0.0)


class FtmClass(PourMeasure):
    """Class of Fahn-Tolosa-Marin item 14 by the share spilled: up to 10 % is 2, up to 50 % is 3, more is 4.

    The limit of 50 % between 3 and 4 is our convention: the scale says "a considerable amount" and "most".
    Less than 2 % counts as no spill, since two load cells cannot tell less apart (ours too). Without a spill
    the class is 0 or 1: whether more care than normal was taken shows only beside the other hand's time.
    """

    id = "pour.ftm14_class"
    title = "Fahn-Tolosa-Marin item 14"
    unit = "class"
    source = f"{FTM}; 10 % is printed there, 50 % is ours."
    mark = Mark.VERIFIED
    labels: ClassVar[Mapping[int, str]] = {
        0: "0 or 1: no spill (0 normal, 1 more careful: compare with the other hand)",
        2: "2: spilled up to 10 %",
        3: "3: spilled more than 10 % and up to 50 % (limit ours)",
        4: "4: spilled more than 50 % (limit ours)",
    }

    def one(self, carry: Carry, take: Pours) -> Outcome:
        pct = Spilled().one(carry, take)
        return pct if not isinstance(pct, float) else ftm_class(pct)


def ftm_class(spilled_pct: float) -> float:
    """Return the class of this share: 0 (which stands for 0 or 1), 2, 3 or 4."""
    if spilled_pct < NO_SPILL_PCT:
        return 0.0
    return 2.0 if spilled_pct <= 10.0 else 3.0 if spilled_pct <= 50.0 else 4.0


class Overshoot(PourMeasure):
    """Liquid poured beyond the target; below 0 is too little. Several pours: the median."""

    id = "pour.overshoot_g"
    title = "Beyond the target"
    unit = "g"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return difference(carry.moved_g, take.fact("target_g", "what the target was"))


class FlowMeasure(PourMeasure):
    """Base of measures of the flow, as the coaster saw it."""

    def one(self, carry: Carry, take: Pours) -> Outcome:
        stream = stream_of(carry)
        return stream if isinstance(stream, NotMeasurable) else self.flow(stream)

    def flow(self, stream: Stream) -> Outcome:
        """Return the measure of one stream."""
        raise NotImplementedError


class FlowCv(FlowMeasure):
    """Unsteadiness of the flow: its standard deviation over its mean while the middle 80 % of the mass came.

    Flow into the glass by a Savitzky-Golay slope over 0.3 s. Several pours: the median.
    """

    id = "pour.flow_cv"
    title = "Unsteady flow"
    unit = "1"

    def flow(self, stream: Stream) -> Outcome:
        return stream.cv()


class FlowReversals(FlowMeasure):
    """How often the flow fell and rose again by more than 10 % of its maximum, and beyond its noise.

    Several pours: the median.
    """

    id = "pour.flow_reversals"
    title = "Flow fell and rose again"
    unit = "times"

    def flow(self, stream: Stream) -> Outcome:
        return stream.reversals()


class Drip(FlowMeasure):
    """How long it dripped: from the flow falling below 2 g/s until it is lost in the coaster's noise.

    Several pours: the median.
    """

    id = "pour.drip_s"
    title = "Dripping afterwards"
    unit = "s"

    def flow(self, stream: Stream) -> Outcome:
        return stream.drip_s()


class Stops(PourMeasure):
    """How often the flow out of the cup was interrupted within one pour. Several pours: the sum."""

    id = "pour.stops"
    title = "Interruptions"
    unit = "times"

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return each(take.carries, lambda c: Measured(len(c.flows_s) - 1.0, c.quality), NO_POUR, sum)


class TiltAtFlow(PourMeasure):
    """Angle between the cup's axis and the vertical when liquid first left it. Several pours: the median."""

    id = "pour.tilt_at_flow_deg"
    title = "Tilt at first flow"
    unit = "deg"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return Measured(carry.tilt_at(carry.pour_on_s), carry.quality)


class Margin(PourMeasure):
    """Smallest angle that was left to spilling while the full cup was carried: spill angle less tilt.

    The spill angle follows from the cup's inner radius and height and from its contents, the liquid at rest;
    sloshing is not counted. From the lift until the tilt for pouring begins. Several pours: the median.
    """

    id = "pour.margin_deg"
    title = "Smallest margin to spilling"
    unit = "deg"
    direction = Direction.BETTER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        margin = margins(carry, take)
        return margin if isinstance(margin, NotMeasurable) else float(margin.min())


class MarginLow(PourMeasure):
    """Share of the time of carrying the full cup in which less than 5 degrees were left to spilling."""

    id = "pour.margin_low_pct"
    title = "Close to spilling"
    unit = "%"

    def one(self, carry: Carry, take: Pours) -> Outcome:
        margin = margins(carry, take)
        return margin if isinstance(margin, NotMeasurable) else 100.0 * float(np.mean(margin < CLOSE_DEG))


def margins(carry: Carry, take: Pours) -> np.ndarray[tuple[int], np.dtype[np.float64]] | NotMeasurable:
    """Return the angle left to spilling for each sample from the lift to the tilt (or put, without a pour)."""
    radius_mm = take.fact("cup_radius_mm", "how wide the cup is inside")
    height_mm = take.fact("cup_height_mm", "how high the cup is inside")
    for known in (radius_mm, height_mm, carry.before_g):
        if isinstance(known, NotMeasurable):
            return known
    assert isinstance(radius_mm, float) and isinstance(height_mm, float) and isinstance(carry.before_g, float)
    if min(radius_mm, height_mm) <= 0:
        return NotMeasurable("The cup's radius and height must be above 0.")
    end_s = carry.tilt_start_s if carry.poured else carry.end_s
    tilt_deg = carry.tilt_deg[: max(carry.cup.index(end_s) - carry.cup.index(carry.lift_s), 1)]
    margin: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        spill_angle_deg(carry.before_g, radius_mm, height_mm) - tilt_deg
    )
    return margin


class TremorMeasure(PourMeasure):
    """Base of tremor while the full cup is held and carried before the first flow."""

    source = (
        "Windows and amplitude: Elble and McNames 2016; 3-12 Hz since sources differ; limits of a peak ours."
    )
    key: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return tremor_of(carry, "before flow", self.key)


def tremor_of(carry: Carry, part: str, key: str) -> Outcome:
    """Return one property of the tremor in a part of a carry, from the gyroscope in deg/s."""
    moved = carry.motion(part, trim_s=0.15)
    if isinstance(moved, NotMeasurable):
        return moved
    found: Outcome = getattr(tremor(np.degrees(moved[1]), carry.cup.rate_hz), key)
    return found


class TremorHz(TremorMeasure):
    """Frequency of the tremor of the cup before the first flow, from the gyroscope. Several pours: the median.

    It changes with the activity by several hertz (Bain 1993); no disease is read from it.
    """

    id = "pour.tremor_hz"
    title = "Tremor before the flow, frequency"
    unit = "Hz"
    direction = Direction.NEITHER
    key = "frequency_hz"


class TremorLog(TremorMeasure):
    """Decimal logarithm of the tremor's amplitude in deg/s before the first flow. Several pours: the median.

    One point of a clinical scale is a factor of 2 to 5 in amplitude, so a step of 0.3 to 0.7 here.
    """

    id = "pour.tremor_log10_dps"
    title = "Tremor before the flow, size"
    unit = "log10(deg/s)"
    key = "log10_amplitude"


class TremorShare(TremorMeasure):
    """Share (0 to 1) of the 2-second windows before the first flow with a tremor peak. Several: the median."""

    id = "pour.tremor_occurrence"
    title = "Tremor before the flow, how often"
    unit = "1"
    key = "occurrence"


def sparc_of(carry: Carry, part: str) -> Outcome:
    """Return the smoothness of the turning of the cup in a part of a carry."""
    moved = carry.motion(part)
    if isinstance(moved, NotMeasurable):
        return moved
    return sparc(np.sqrt((moved[1] ** 2).sum(axis=1)), carry.cup.rate_hz)


def jerk_of(carry: Carry, part: str) -> Outcome:
    """Return the log dimensionless jerk of the cup in a part of a carry."""
    moved = carry.motion(part)
    return moved if isinstance(moved, NotMeasurable) else ldlj_a(moved[0], moved[1], carry.cup.rate_hz)


class Smoothness(PourMeasure):
    """Base of smoothness of one part of the movement."""

    unit = "1"
    direction = Direction.BETTER
    source = SMOOTH
    mark = Mark.VERIFIED
    part: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return sparc_of(carry, self.part)


class SparcOut(Smoothness):
    """Smoothness (SPARC) of the cup's turning on the way to the glass, lift to tilt; one reach."""

    id = "pour.sparc_out"
    title = "Smoothness on the way there"
    part = "transport"


class SparcBack(Smoothness):
    """Smoothness (SPARC) of the cup's turning on the way back, from the flow's end to the put; one reach."""

    id = "pour.sparc_back"
    title = "Smoothness on the way back"
    part = "return"


class SparcWhole(Smoothness):
    """Smoothness (SPARC) of the cup's turning from lift to put; a whole movement, never held against a reach."""

    id = "pour.sparc_whole"
    title = "Smoothness, whole movement"
    part = "whole"


class Jerk(PourMeasure):
    """Base of the log dimensionless jerk of one part of the movement."""

    unit = "1"
    direction = Direction.BETTER
    source = JERK
    mark = Mark.VERIFIED
    part: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return jerk_of(carry, self.part)


class JerkOut(Jerk):
    """Log dimensionless jerk (LDLJ-A) on the way to the glass, lift to tilt; closer to zero is smoother."""

    id = "pour.ldlj_a_out"
    title = "Jerk on the way there"
    part = "transport"


class JerkBack(Jerk):
    """Log dimensionless jerk (LDLJ-A) on the way back, from the flow's end to the put."""

    id = "pour.ldlj_a_back"
    title = "Jerk on the way back"
    part = "return"


class JerkWhole(Jerk):
    """Log dimensionless jerk (LDLJ-A) from lift to put; grows with duration, compare like with like."""

    id = "pour.ldlj_a_whole"
    title = "Jerk, whole movement"
    part = "whole"


class Phase(PourMeasure):
    """Base of the times of the parts of a pour."""

    unit = "s"
    source = "Phases after the drinking task (Alt Murphy); a cup without hand markers sees these boundaries (ours)."
    part: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return carry.lasted(self.part)


class ReachTime(Phase):
    """From the go signal until the hand takes the cup's weight, for the first pour.

    The cup feels a hand only once it is touched, so the recording must say when go was given (go_s).
    """

    id = "pour.reach_s"
    title = "Reaching for the cup"

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return each(
            take.carries[:1],
            lambda c: difference(c.unload_s, take.fact("go_s", "when go was given")),
            NO_POUR,
        )


class LiftTime(Phase):
    """From the first weight taken off the table until the cup is in the air. Several pours: the median."""

    id = "pour.lift_s"
    title = "Lifting"
    part = "lift"


class TransportTime(Phase):
    """From the lift until the cup is tilted by 15 degrees for the pour. Several pours: the median."""

    id = "pour.transport_s"
    title = "Carrying to the glass"
    part = "transport"


class TiltTime(Phase):
    """From a tilt of 15 degrees until liquid leaves the cup. Several pours: the median."""

    id = "pour.tilt_s"
    title = "Tilting"
    part = "tilt"


class PourTime(Phase):
    """From the first to the last liquid that leaves the cup, interruptions included. Several pours: the median."""

    id = "pour.pour_s"
    title = "Pouring"
    part = "pour"


class ReturnTime(Phase):
    """From the last liquid that leaves the cup until the cup stands. Several pours: the median."""

    id = "pour.return_s"
    title = "Putting back"
    part = "return"


class TotalTime(Phase):
    """From the lift until the cup stands again. Several pours: the median."""

    id = "pour.total_s"
    title = "Whole movement"
    part = "whole"


class Count(PourMeasure):
    """How many times in the air had a pour."""

    id = "pour.count"
    title = "Pours"
    unit = "pours"
    direction = Direction.NEITHER

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return {"": float(len(take.carries))}


MEASURES: tuple[type[Measure[Pours]], ...] = (
    Count, Moved, Received, Spilled, FtmClass, Overshoot, TotalTime, ReachTime, LiftTime, TransportTime, TiltTime,
    PourTime, ReturnTime, TiltAtFlow, Margin, MarginLow, FlowCv, FlowReversals, Stops, Drip, SparcOut, SparcBack,
    SparcWhole, JerkOut, JerkBack, JerkWhole, TremorHz, TremorLog, TremorShare,
)  # fmt: skip
