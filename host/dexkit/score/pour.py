"""Pouring: how much went where, how steadily it flowed, and how the cup was moved."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from dexkit.score.cup import Carry, difference, each
from dexkit.score.flow import Stream, stream_of
from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.result import Measured, NotMeasurable, Outcome

#: Less than this share is no spill: what two load cells can tell apart (PROPOSED).
NO_SPILL_PCT = 2.0
FTM = "Fahn-Tolosa-Marin item 14, wording as on nasafordoctors.co.za aid=68"


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

    @cached_property
    def streams(self) -> Mapping[float, Stream | NotMeasurable]:
        """What the coaster saw of each pour, by the time of its lift."""
        return {carry.lift_s: stream_of(carry) for carry in self.carries}


NO_POUR = "No flow out of the cup was seen."


class PourMeasure(Measure[Pours]):
    """Base of the measures of pouring: one number for the recording, and one for each pour of several."""

    direction = Direction.WORSE
    source = "dexkit"
    mark = Mark.PROPOSED
    part_name = "pour"

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
    headline = True
    title = "Poured"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return carry.moved_g


class Received(Grams):
    """Liquid that came into the glass on the coaster. Several pours: the sum."""

    id = "pour.received_g"
    version = 2
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
    version = 2
    headline = True
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
    version = 2
    headline = True
    title = "Fahn-Tolosa-Marin item 14"
    unit = "class"
    source = f"{FTM}; 10 % is printed there, 50 % is ours."
    mark = Mark.VERIFIED
    labels: ClassVar[Mapping[int, str]] = {
        0: "0 or 1: no spill the scales can tell (0 normal, 1 more careful: compare the other hand)",
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

    version = 2

    def one(self, carry: Carry, take: Pours) -> Outcome:
        stream = take.streams[carry.lift_s]
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
        return each(take.carries, lambda c: Measured(len(c.flows_s) - 1.0, c.sure("on", "off")), NO_POUR, sum)


class TiltAtFlow(PourMeasure):
    """Angle between the cup's axis and the vertical when liquid first left it. Several pours: the median."""

    id = "pour.tilt_at_flow_deg"
    title = "Tilt at first flow"
    unit = "deg"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return Measured(carry.tilt_at(carry.pour_on_s), carry.sure("on"))


class Count(PourMeasure):
    """How many times in the air had a pour."""

    id = "pour.count"
    title = "Pours"
    unit = "pours"
    direction = Direction.NEITHER

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return {"": float(len(take.carries))}


MEASURES: tuple[type[Measure[Pours]], ...] = (
    Count,
    Moved,
    Received,
    Spilled,
    FtmClass,
    Overshoot,
    TiltAtFlow,
    FlowCv,
    FlowReversals,
    Stops,
    Drip,
)
