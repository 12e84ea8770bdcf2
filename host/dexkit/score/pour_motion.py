"""How the cup was moved in a pour: times of its parts, smoothness, tremor, margin to spilling."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dexkit.score.cup import Carry, Floats, difference, each, once
from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.pour import NO_POUR, PourMeasure, Pours
from dexkit.score.result import NotMeasurable, Outcome
from dexkit.score.smoothness import Tremor, ldlj_a, sparc, tremor
from dexkit.score.spill import spill_angle_deg

#: A tremor shows in windows of this length.
TREMOR_S = 2.0
#: A margin below this counts as close to spilling (PROPOSED).
CLOSE_DEG = 5.0

SMOOTH = (
    "Balasubramanian 2015, J NeuroEngineering Rehabil 12:112; on a gyroscope: Melendez-Calderon 2021. "
    "A healthy reach of the hand is about -1.6, a whole drink about -3.0: never one threshold for both."
)
JERK = "Melendez-Calderon 2021, Front Bioeng Biotechnol 8:558771, at a fixed 100 Hz."


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


def margins(carry: Carry, take: Pours) -> Floats | NotMeasurable:
    """Return the angle left to spilling, each sample from the lift to the tilt (or put, without a pour)."""
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
    margin: Floats = spill_angle_deg(carry.before_g, radius_mm, height_mm) - tilt_deg
    return margin


class TremorMeasure(PourMeasure):
    """Base of tremor while the full cup is held and carried before the first flow."""

    source = (
        "Windows and amplitude: Elble and McNames 2016; 3-12 Hz since sources differ; limits of a peak ours."
    )
    key: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return tremor_of(carry, "before flow", self.key)


@once
def tremor_in(carry: Carry, part: str) -> Tremor | NotMeasurable:
    """Return the tremor in a part of a carry, from the gyroscope in deg/s."""
    moved = carry.motion(part, trim_s=0.1)
    if isinstance(moved, NotMeasurable):
        return moved
    if len(moved[1]) < TREMOR_S * carry.cup.rate_hz:
        return NotMeasurable(
            f"The cup was in the air for less than {TREMOR_S:g} s, too short to see a tremor."
        )
    return tremor(np.degrees(moved[1]), carry.cup.rate_hz)


def tremor_of(carry: Carry, part: str, key: str) -> Outcome:
    """Return one property of the tremor in a part of a carry."""
    found = tremor_in(carry, part)
    outcome: Outcome = found if isinstance(found, NotMeasurable) else getattr(found, key)
    return outcome


class TremorHz(TremorMeasure):
    """Frequency of the tremor of the cup before the first flow, from the gyroscope.

    Several pours: the median. It changes with the activity by several hertz (Bain 1993); no disease is read
    from it.
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
    """Share (0 to 1) of the 2 s windows before the first flow with a tremor peak. Several: the median."""

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
    """Smoothness (SPARC) of the cup's turning from lift to put; a whole movement, never judged as a reach."""

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
    source = "Phases after the drinking task (Alt Murphy); these boundaries, without hand markers, are ours."
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
    """From the lift until the tilt for the pour begins. Several pours: the median.

    The tilt begins when a quarter of the angle at first flow is passed for the last time.
    """

    id = "pour.transport_s"
    title = "Carrying to the glass"
    part = "transport"


class TiltTime(Phase):
    """From a quarter of the angle at first flow until liquid leaves the cup. Several pours: the median."""

    id = "pour.tilt_s"
    title = "Tilting"
    part = "tilt"


class PourTime(Phase):
    """From the first to the last liquid that leaves the cup, interruptions included. Several: the median."""

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
    headline = True
    title = "Whole movement"
    part = "whole"


MEASURES: tuple[type[Measure[Pours]], ...] = (
    TotalTime, ReachTime, LiftTime, TransportTime, TiltTime, PourTime, ReturnTime, Margin, MarginLow,
    SparcOut, SparcBack, SparcWhole, JerkOut, JerkBack, JerkWhole, TremorHz, TremorLog, TremorShare,
)  # fmt: skip
