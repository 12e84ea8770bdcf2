"""The pegboard's measures: times, phases peg by peg, what went wrong, the map of the board."""

from collections.abc import Mapping, Sequence

import numpy as np

from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.pegs import HOLES, Pegs, mean
from dexkit.score.result import NotMeasurable, Outcome

LEFT, RIGHT = (0, 3, 6), (2, 5, 8)

PHASES_SOURCE = "Phases of the nine-hole peg test: Johansson and Hager 2019; their boundaries here are ours."
NHPT_SOURCE = (
    "Nine-hole peg test: from the first peg touched to the last peg in the container (SRALab; Mathiowetz)."
)


def asymmetry(affected_s: float, unaffected_s: float) -> float:
    """Return the asymmetry of two hands' total times: their difference over their sum, 0 when equal."""
    return (affected_s - unaffected_s) / (affected_s + unaffected_s)


class PegMeasure(Measure[Pegs]):
    """Base of the pegboard's measures."""

    direction = Direction.WORSE
    unit = "s"
    source = "dexkit"
    mark = Mark.PROPOSED
    part_name = "peg"
    version = 2

    def of(self, take: Pegs) -> Outcome | Mapping[str, Outcome]:
        return take.test_lost or self.seen(take)

    def seen(self, take: Pegs) -> Outcome:
        """Return what a test gives of which nothing is hidden."""
        raise NotImplementedError


class PlacingMeasure(PegMeasure):
    """Base of what only placing tells."""

    def of(self, take: Pegs) -> Outcome | Mapping[str, Outcome]:
        return take.placing_lost or self.seen(take)


NO_START = NotMeasurable("No peg was taken from the tray, so there is no beginning.")


def _unfinished(pegs: Pegs) -> NotMeasurable:
    return NotMeasurable(f"Only {len({peg.hole for peg in pegs.pegs})} of {HOLES} pegs were placed.")


class Total(PegMeasure):
    """Time from the first peg touched to the ninth peg back in the tray.

    The first touch is the moment the hand comes onto the tray before it takes the first peg. Compare with
    published norms only on a board of the published geometry.
    """

    id = "pegs.total_s"
    headline = True
    title = "Total time"
    source = NHPT_SOURCE
    mark = Mark.VERIFIED

    def seen(self, take: Pegs) -> Outcome:
        if take.start_s is None:
            return NO_START
        if take.placed_s is None:
            return _unfinished(take)
        if len(take.returns_s) < HOLES:
            return NotMeasurable(f"Only {len(take.returns_s)} of {HOLES} pegs came back into the tray.")
        return take.returns_s[-1] - take.start_s


class Placing(PlacingMeasure):
    """Time from the first peg touched until all nine pegs sit."""

    id = "pegs.placing_s"
    headline = True
    title = "Placing"
    source = "Hand dominance shows only in placing (Koyama 2011, 10.1016/j.pmrj.2010.09.004)."
    mark = Mark.VERIFIED

    def seen(self, take: Pegs) -> Outcome:
        if take.start_s is None:
            return NO_START
        return _unfinished(take) if take.placed_s is None else take.placed_s - take.start_s


class Removing(PegMeasure):
    """Time from the moment all nine pegs sit until the ninth is back in the tray."""

    id = "pegs.removing_s"
    headline = True
    title = "Removing"
    source = "Hand dominance shows only in placing (Koyama 2011, 10.1016/j.pmrj.2010.09.004)."
    mark = Mark.VERIFIED

    def seen(self, take: Pegs) -> Outcome:
        if take.placed_s is None:
            return _unfinished(take)
        if len(take.returns_s) < HOLES:
            return NotMeasurable(f"Only {len(take.returns_s)} of {HOLES} pegs came back into the tray.")
        return take.returns_s[-1] - take.placed_s


class Placed(PlacingMeasure):
    """How many holes held a peg at the end of placing."""

    id = "pegs.placed"
    title = "Pegs placed"
    unit = "of 9"
    direction = Direction.BETTER
    source = "Pegs placed as the score of those who do not finish (SRALab RehabMeasures)."
    mark = Mark.VERIFIED

    def seen(self, take: Pegs) -> Outcome:
        seated: set[int] = set()
        for row in take.take.rows("seat", "unseat"):
            if row["t_s"] <= take.placing_end_s:
                (seated.add if row["kind"] == "seat" else seated.discard)(int(row["channel"]))
        return float(len(seated))


class Removed(PegMeasure):
    """How many pegs came back into the tray after placing."""

    id = "pegs.removed"
    title = "Pegs removed"
    unit = "of 9"
    direction = Direction.BETTER

    def seen(self, take: Pegs) -> Outcome:
        return float(len(take.returns_s))


class Speed(PegMeasure):
    """Pegs per second over the whole test: nine over the total time for those who finish.

    A peg counts half when it is placed and half when it is back in the tray; the time ends with the last of
    these, so that those who do not finish still get a number.
    """

    id = "pegs.per_s"
    title = "Pegs per second"
    unit = "1/s"
    direction = Direction.BETTER
    source = (
        "Speed of the nine-hole peg test in MS (10.1177/1352458514567553); unfinished tests are our addition."
    )
    mark = Mark.VERIFIED

    def seen(self, take: Pegs) -> Outcome:
        if take.start_s is None:
            return NO_START
        done_s = [peg.seated_s for peg in take.pegs] + take.returns_s
        if not done_s or done_s[-1] <= take.start_s:
            return NotMeasurable("No peg was placed.")
        placed = len({peg.hole for peg in take.pegs})
        return (placed + len(take.returns_s)) / 2.0 / (done_s[-1] - take.start_s)


class Return(PegMeasure):
    """From letting go of a peg until the hand is on the tray for the next one; mean, and each peg."""

    id = "pegs.return_s"
    title = "Hand back to the tray"
    source = PHASES_SOURCE

    def of(self, take: Pegs) -> Mapping[str, Outcome]:
        return take.between("released_s", "touched_s")


class Grasp(PegMeasure):
    """From the hand on the tray until it leaves with a peg: choosing and gripping; mean, and each peg."""

    id = "pegs.grasp_s"
    title = "Grasping a peg"
    source = PHASES_SOURCE

    def of(self, take: Pegs) -> Mapping[str, Outcome]:
        return take.between("touched_s", "picked_s")


class Transfer(PegMeasure):
    """From leaving the tray with a peg until the peg first enters a hole; mean, and each peg."""

    id = "pegs.transfer_s"
    title = "Carrying a peg to the hole"
    source = PHASES_SOURCE

    def of(self, take: Pegs) -> Mapping[str, Outcome]:
        return take.between("picked_s", "entered_s")


class Insert(PegMeasure):
    """From first entering a hole until the peg sits, failed insertions included; mean, and each peg."""

    id = "pegs.insert_s"
    title = "Inserting a peg"
    source = PHASES_SOURCE

    def of(self, take: Pegs) -> Mapping[str, Outcome]:
        return take.between("entered_s", "seated_s")


class Drops(PegMeasure):
    """Pegs lost on the way: fallen back into the tray while placing, or out of tray, holes and hand for long.

    A peg that falls onto the table and is picked up again at once is not seen; one that is lost twice before
    it arrives counts once.
    """

    id = "pegs.drops"
    headline = True
    title = "Drops"
    unit = "drops"

    def seen(self, take: Pegs) -> Outcome:
        whole = take.take
        fallen = sum(t <= take.placing_end_s for t in whole.times("return"))
        unseated = sum(t < take.placing_end_s for t in whole.times("unseat"))
        return float(max(fallen - unseated, 0) + len(whole.times("missing")))


class Rejected(PegMeasure):
    """How often a peg entered a hole and left it again without sitting."""

    id = "pegs.rejected"
    title = "Failed insertions"
    unit = "times"

    def seen(self, take: Pegs) -> Outcome:
        return float(len(take.take.times("bounce")))


class HalfInserted(PegMeasure):
    """How often a peg was left half in its hole: entered, and the hand took the next peg before it sat."""

    id = "pegs.half_inserted"
    title = "Half insertions"
    unit = "times"
    source = "Half-inserted pegs annul a trial in a Czech manual; seen as our events."

    def seen(self, take: Pegs) -> Outcome:
        count, open_holes = 0, set[int]()
        for row in take.take.rows("enter", "seat", "bounce", "pick"):
            if row["kind"] == "enter":
                open_holes.add(int(row["channel"]))
            elif row["kind"] == "pick":
                count += len(open_holes)
                open_holes.clear()
            else:
                open_holes.discard(int(row["channel"]))
        return float(count + len(open_holes))


class TwoAtOnce(PegMeasure):
    """How often the hand left the tray with more than one peg."""

    id = "pegs.two_at_once"
    title = "Two pegs at once"
    unit = "times"
    source = "Taking more than one peg annuls a trial in a Czech manual; seen as picks at one time."

    def seen(self, take: Pegs) -> Outcome:
        _, counts = np.unique(take.take.times("pick"), return_counts=True)
        return float(np.sum(counts > 1))


def _ratio(lasted_s: Sequence[float], over_s: Sequence[float]) -> Outcome:
    """Return the ratio of two mean times; pegs that sit at one time are no person's."""
    below_s = mean(over_s)
    return mean(lasted_s) / below_s if below_s > 0 else NotMeasurable("Several pegs sat at the same time.")


class Rhythm(PlacingMeasure):
    """Evenness of placing: standard deviation over mean of the time from peg to peg; needs four pegs."""

    id = "pegs.rhythm_cv"
    title = "Unevenness from peg to peg"
    unit = "1"

    def seen(self, take: Pegs) -> Outcome:
        lasted_s = np.diff([peg.seated_s for peg in take.pegs])
        if len(lasted_s) < 3 or lasted_s.mean() <= 0:
            return NotMeasurable("Fewer than four pegs were placed.")
        return float(lasted_s.std(ddof=1) / lasted_s.mean())


class Fatigue(PlacingMeasure):
    """Mean time of the last three pegs over the mean of the first three; above 1 is slower at the end."""

    id = "pegs.fatigue_index"
    title = "Slower at the end"
    unit = "1"

    def seen(self, take: Pegs) -> Outcome:
        lasted_s = [lasted for _, lasted in take.intervals_s]
        if len(lasted_s) < 6:
            return NotMeasurable("Fewer than six pegs were placed.")
        return _ratio(lasted_s[-3:], lasted_s[:3])


class Asymmetry(PegMeasure):
    """Difference of the two hands' total times over their sum; above 0 when the affected is slower."""

    id = "pegs.asymmetry"
    title = "Difference between hands"
    unit = "1"

    def of(self, take: Pegs) -> Outcome:
        return NotMeasurable("This recording holds one hand; record the other one and compare the two.")


class HoleTime(PegMeasure):
    """Mean time of the pegs of each hole, from the peg before to seating: the map of the board.

    Holes 0 to 8 are counted row by row from the upper left, seen by the person.
    """

    id = "pegs.hole_s"
    part_name = "hole"
    title = "Time for a hole"

    def of(self, take: Pegs) -> Mapping[str, Outcome]:
        by_hole: dict[str, Outcome] = {}
        for hole in range(HOLES):
            lasted_s = [lasted for where, lasted in take.intervals_s if where == hole]
            last_s = max((peg.seated_s for peg in take.pegs if peg.hole == hole), default=take.placed_s)
            by_hole[str(hole)] = take.lost("seat", last_s) or (
                mean(lasted_s) if lasted_s else NotMeasurable("No peg was placed here.")
            )
        return by_hole


class SideRatio(PlacingMeasure):
    """Mean time of the left column over that of the right column; above 1 is slower on the left."""

    id = "pegs.left_right_ratio"
    title = "Left column against right"
    unit = "1"
    direction = Direction.NEITHER

    def seen(self, take: Pegs) -> Outcome:
        left = [lasted for hole, lasted in take.intervals_s if hole in LEFT]
        right = [lasted for hole, lasted in take.intervals_s if hole in RIGHT]
        if not left or not right:
            return NotMeasurable("No peg was placed in the left or in the right column.")
        return _ratio(left, right)


MEASURES: tuple[type[Measure[Pegs]], ...] = (
    Total, Placing, Removing, Placed, Removed, Speed, Drops, Rejected, HalfInserted, TwoAtOnce, Rhythm,
    Fatigue, Asymmetry, SideRatio, Return, Grasp, Transfer, Insert, HoleTime,
)  # fmt: skip
