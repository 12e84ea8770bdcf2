"""Holding and carrying the cup without pouring: how steady, how smooth, how much tremor."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dexkit.score.cup import Carry, each
from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.pour import Pours
from dexkit.score.pour_motion import JERK, SMOOTH, jerk_of, margins, sparc_of, tremor_of
from dexkit.score.result import NotMeasurable, Outcome
from dexkit.score.smoothness import sway_rms

NO_HOLD = "The cup was never held or carried without pouring."


class HoldMeasure(Measure[Pours]):
    """Base of the measures of holding: the median, and one for each time in the air of several."""

    direction = Direction.WORSE
    source = "dexkit"
    mark = Mark.PROPOSED
    part_name = "time"

    def of(self, take: Pours) -> Mapping[str, Outcome]:
        return each(take.carries, lambda carry: self.one(carry, take), NO_HOLD)

    def one(self, carry: Carry, take: Pours) -> Outcome:
        """Return the measure of one time in the air."""
        raise NotImplementedError


class Duration(HoldMeasure):
    """From the lift until the cup stands again, without a pour. Several: the median."""

    id = "hold.duration_s"
    title = "Held or carried"
    unit = "s"
    direction = Direction.NEITHER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return carry.lasted("whole")


class Sway(HoldMeasure):
    """Root mean square of the cup's tilting to and fro, swings slower than 2 s taken out.

    The angle is the gyroscope's turning about the two level axes, summed up; tremor is part of it.
    Several: the median.
    """

    id = "hold.sway_deg"
    headline = True
    title = "Sway"
    unit = "deg"

    def one(self, carry: Carry, take: Pours) -> Outcome:
        moved = carry.motion("whole", trim_s=0.3)
        if isinstance(moved, NotMeasurable):
            return moved
        angle_deg = np.degrees(np.cumsum(moved[1][:, :2], axis=0)) / carry.cup.rate_hz
        return sway_rms(angle_deg, carry.cup.rate_hz)


class TremorMeasure(HoldMeasure):
    """Base of tremor while the cup is held."""

    source = (
        "Windows and amplitude: Elble and McNames 2016; 3-12 Hz since sources differ; limits of a peak ours."
    )
    key: ClassVar[str]

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return tremor_of(carry, "whole", self.key)


class TremorHz(TremorMeasure):
    """Frequency of the tremor of the held cup, from the gyroscope. Several: the median.

    It changes with the activity by several hertz (Bain 1993); no disease is read from it.
    """

    id = "hold.tremor_hz"
    title = "Tremor, frequency"
    unit = "Hz"
    direction = Direction.NEITHER
    key = "frequency_hz"


class TremorLog(TremorMeasure):
    """Decimal logarithm of the amplitude in deg/s of the held cup's tremor. Several: the median.

    One point of a clinical scale is a factor of 2 to 5 in amplitude, so a step of 0.3 to 0.7 here.
    """

    id = "hold.tremor_log10_dps"
    title = "Tremor, size"
    unit = "log10(deg/s)"
    key = "log10_amplitude"


class TremorShare(TremorMeasure):
    """Share (0 to 1) of the 2-second windows of the held cup with a tremor peak. Several: the median."""

    id = "hold.tremor_occurrence"
    title = "Tremor, how often"
    unit = "1"
    key = "occurrence"


class Sparc(HoldMeasure):
    """Smoothness (SPARC) of the cup's turning from lift to put; a whole movement, never judged as a reach."""

    id = "hold.sparc_whole"
    title = "Smoothness, whole movement"
    unit = "1"
    direction = Direction.BETTER
    source = SMOOTH
    mark = Mark.VERIFIED

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return sparc_of(carry, "whole")


class Jerk(HoldMeasure):
    """Log dimensionless jerk (LDLJ-A) from lift to put; grows with duration, compare like with like."""

    id = "hold.ldlj_a_whole"
    title = "Jerk, whole movement"
    unit = "1"
    direction = Direction.BETTER
    source = JERK
    mark = Mark.VERIFIED

    def one(self, carry: Carry, take: Pours) -> Outcome:
        return jerk_of(carry, "whole")


class Margin(HoldMeasure):
    """Smallest angle that was left to spilling while the cup was in the air. Several: the median."""

    id = "hold.margin_deg"
    title = "Smallest margin to spilling"
    unit = "deg"
    direction = Direction.BETTER

    def one(self, carry: Carry, take: Pours) -> Outcome:
        margin = margins(carry, take)
        return margin if isinstance(margin, NotMeasurable) else float(margin.min())


MEASURES: tuple[type[Measure[Pours]], ...] = (
    Duration,
    Sway,
    TremorHz,
    TremorLog,
    TremorShare,
    Sparc,
    Jerk,
    Margin,
)
