"""The referee at the pegboard: pegs into their holes and back into the tray, and what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from dexkit.assess.reading import Reading, Window, moments
from dexkit.score.measure import Value, values
from dexkit.score.peg_measures import MEASURES
from dexkit.score.pegs import HOLES, Pegs


class PegReferee:
    """Reads a trial at the pegboard."""

    tail_s: ClassVar[float] = 0.0

    def read(self, window: Window) -> Reading:
        """Return what is seen in a window."""
        take = window.take("pegboard")
        if take is None:
            return Reading()
        walk = _Walk(window)
        for kind, hole, t_s in moments(take):
            walk.step(kind, hole, t_s)
        reading = walk.reading
        self._start(window, Pegs(take), walk, reading)
        walk.close()
        return reading

    def _start(self, window: Window, pegs: Pegs, walk: "_Walk", reading: Reading) -> None:
        """Start the clock at the word, the first touch or the first peg lifted."""
        rule = window.profile.fact("start_rule")
        if walk.first_s is None:
            reading.start_s = window.go_s if rule == "go" else None
        elif rule == "go":
            reading.start_s = window.go_s
        elif rule == "touch" and pegs.start_s is not None:
            reading.start_s = max(pegs.start_s, window.go_s)
        else:
            reading.start_s, reading.start_rule = walk.first_s, "lift"

    def values(self, window: Window) -> tuple[Value, ...]:
        """Return the values of the pegboard's measures."""
        take = window.take("pegboard")
        return () if take is None else values(MEASURES, Pegs(take))


@dataclass
class _Walk:
    """Goes through the events in order of time and remembers where the pegs are."""

    window: Window
    placing: bool = True
    reading: Reading = field(default_factory=Reading)
    first_s: float | None = None
    seated: set[int] = field(default_factory=set)
    entered: set[int] = field(default_factory=set)  # in a hole, not home
    left: set[int] = field(default_factory=set)  # of these, the hand went for the next peg
    unhomed: set[int] = field(default_factory=set)  # left like that, and taken out again
    out: dict[int, float] = field(default_factory=dict)  # left their holes while pegs were being placed
    early: int = 0  # pegs that came into the tray since then
    in_hand: int = 0  # taken and not home; those in a hole included
    spare: int = 0  # of these, second ones of two that were taken and used
    picked_s: float = -1.0
    doubled: bool = False  # two pegs were taken at one time and none was put back
    strays: set[int] = field(default_factory=set)  # holes whose peg did not come from the tray
    lost: int = 0
    explained: set[int] = field(default_factory=set)  # half-inserted pegs that were called missing
    wrong: dict[int, float] = field(default_factory=dict)  # in another hole than the next, since when
    taken: int = 0  # pegs that left their holes, in removing
    returned: int = 0
    last_s: float = 0.0  # the last peg came home or back

    def __post_init__(self) -> None:
        """Begin with all pegs in the tray, or with all in their holes."""
        task = self.window.profile.task
        self.order: tuple[int, ...] = tuple(task["order"].value) if "order" in task else ()
        self.out_only = self.window.profile.fact("stop") == "all_pegs_out"
        if self.out_only:
            self.placing, self.seated = False, set(range(HOLES))

    @property
    def carried(self) -> int:
        """Pegs that are neither in the tray nor in a hole, as far as is known."""
        return self.in_hand - len(self.entered)

    def step(self, kind: str, hole: int, t_s: float) -> None:
        """Take the next event."""
        if self.reading.stop_s is not None:
            return
        name = f"_{'in' if self.placing else 'back'}_{kind}"
        act: Callable[[int, float], None] | None = getattr(self, name, None)
        if act is not None:
            act(hole, t_s)

    # ----------------------------------------------------------------------------------------------- placing

    def _in_pick(self, _: int, t_s: float) -> None:
        """Take note of a peg taken from the tray."""
        if self.first_s is None:
            self.first_s = t_s
        if t_s == self.picked_s:
            self.doubled = True
        elif self.carried > 0 and not self.doubled:
            self.reading.see("second_peg", t_s)
            self.in_hand = len(self.entered)
        self.picked_s = t_s
        self.in_hand += 1
        self.left |= self.entered
        self._judge_holes()

    def _in_enter(self, hole: int, t_s: float) -> None:
        """Take note of a peg that comes into a hole."""
        if self.doubled:
            self.reading.see("two_at_once", t_s)
            self.doubled, self.spare = False, 1
        if self.carried <= 0:  # one from the board or the table
            self.in_hand = len(self.entered) + 1
            self.strays.add(hole)
            if self.out:  # the last one that was taken out is brought to another hole
                self.out.popitem()
            else:
                self.lost = max(self.lost - 1, 0)
        self.entered.add(hole)

    def _in_bounce(self, hole: int, t_s: float) -> None:
        """Take note of a peg that left its hole without having been home."""
        self.entered.discard(hole)
        if hole in self.left:
            self.left.discard(hole)
            self.unhomed.add(hole)
            self.out[hole] = t_s
            self.in_hand = max(self.in_hand - 1, 0)

    def _in_seat(self, hole: int, t_s: float) -> None:
        """Take note of a peg that is home."""
        if self.first_s is None:
            self.first_s = t_s
        self.entered.discard(hole)
        if hole in self.left or (hole in self.out and hole in self.strays):
            self.in_hand -= 1
        elif hole not in self.out:
            self.spare, spare = 0, self.spare
            self.in_hand = len(self.entered) + spare
        if hole in self.left:
            self.reading.see("pushed_home", t_s, f"hole {hole}")
        elif hole in self.out:
            self.reading.see("knocked_out", t_s, f"hole {hole}")
        for holes in (self.left, self.unhomed, self.strays):
            holes.discard(hole)
        self.out.pop(hole, None)
        self.early = 0
        if self.order and hole not in self.seated and hole != self._next_hole():
            self.wrong[hole] = t_s
        self.seated.add(hole)
        self.last_s = t_s
        if len(self.seated) == HOLES:
            self._judge_holes()
            self._placed(t_s)

    def _in_unseat(self, hole: int, t_s: float) -> None:
        """Take note of a peg that was home and left: knocked out, or the person begins to take out."""
        self.seated.discard(hole)
        self.out[hole] = t_s
        self.wrong.pop(hole, None)

    def _in_return(self, _: int, t_s: float) -> None:
        """Take note of a peg that came into the tray while pegs are being placed."""
        self.early += bool(self.out)
        if self.doubled:
            self.doubled = False  # put back before it was used
            self.in_hand -= 1
        elif self.lost:
            self.lost -= 1  # given back
        elif self.carried > 0:
            self.in_hand = len(self.entered)
            self.reading.see("fell_back", t_s)
        elif self.out:
            self._removed_before_all_were_in(t_s)

    def _in_missing(self, _: int, t_s: float) -> None:
        """Take note of a peg that is neither in the tray nor in a hole nor on its way."""
        if unexplained := (self.left if self.carried > 0 else self.entered) - self.explained:
            self.explained.add(min(unexplained))
            return
        self.reading.see("off_table", t_s)
        self.lost += 1
        if self.carried > 0:
            self.in_hand -= 1

    def _removed_before_all_were_in(self, t_s: float) -> None:
        """Rule on a peg that went from its hole into the tray before nine were home."""
        half = sorted(self.entered | self.left | self.unhomed)
        placed = len(self.seated | set(self.out))
        if half:
            since_s = min(self.out.values())
            self.reading.see("half_inserted", since_s, f"hole {', '.join(map(str, half))}")
            if self.window.told("half_inserted", since_s) == "valid":
                self.reading.splits["placed_s"] = self.last_s
        else:
            self.reading.see("not_all_placed", t_s, f"{placed} of {HOLES} placed")
            if self.window.told("not_all_placed", t_s) == "goes_on":
                self.out.pop(min(self.out, key=self.out.__getitem__))
                return
        self.reading.counts["placed"] = placed
        self.placing = False
        self.taken, self.returned = len(self.out), min(self.early, len(self.out))
        self.lost = 0

    def _placed(self, t_s: float) -> None:
        self.placing = False
        self.reading.splits["placed_s"] = t_s
        self.reading.counts["placed"] = HOLES
        self.in_hand, self.lost = 0, 0

    # ------------------------------------------------------------------------------------- the order of holes

    def _judge_holes(self) -> None:
        """Rule on pegs that stayed in a wrong hole until the next was taken."""
        for hole, since_s in self.wrong.items():
            self.reading.see("wrong_hole", since_s, f"hole {hole}")
            self.reading.counts["wrong_holes"] = self.reading.counts.get("wrong_holes", 0) + 1
        self.wrong.clear()

    def _next_hole(self) -> int | None:
        return next((hole for hole in self.order if hole not in self.seated), None)

    # ---------------------------------------------------------------------------------------------- removing

    def _back_unseat(self, hole: int, t_s: float) -> None:
        """Take note of a peg taken out."""
        if self.first_s is None:
            self.first_s = t_s
        if self.taken - self.returned == self.lost + 1 and not self.out_only:
            self.reading.see("two_back", t_s)
        self.seated.discard(hole)
        self._take_out(t_s)

    def _back_bounce(self, hole: int, t_s: float) -> None:
        """Take note of a peg taken out that had been half in its hole."""
        if hole in self.entered:
            self.unhomed.add(hole)  # until it is back it may still be called missing
            self._take_out(t_s)

    def _take_out(self, t_s: float) -> None:
        self.taken += 1
        if self.out_only and self.taken >= HOLES:
            self.reading.stop_s = t_s

    def _back_seat(self, hole: int, t_s: float) -> None:
        """Take note of a peg that went back into its hole."""
        if hole not in self.seated:
            self.seated.add(hole)
            self.taken -= 1

    def _back_return(self, _: int, t_s: float) -> None:
        """Take note of a peg back in the tray."""
        self.entered -= self.unhomed
        if self.taken - self.returned <= self.lost:  # none is in the hand
            self.lost = max(self.lost - 1, 0)
        self._count_back(t_s)

    def _back_missing(self, _: int, t_s: float) -> None:
        """Take note of a peg that did not come into the tray."""
        if self.out_only:  # only taking out is the task
            return
        if unexplained := self.entered - self.explained:
            self.explained.add(min(unexplained))
            return
        # That explains why the hand went for the next one.
        self.reading.seen = [seen for seen in self.reading.seen if seen[0] != "two_back" or seen[1] > t_s]
        self.reading.see("return_missed", t_s)
        if self.window.told("return_missed", t_s) == "bounced_out":
            self.reading.stop_told = self.returned + 1 >= HOLES
            self._count_back(t_s)
        else:
            self.lost += 1

    def _count_back(self, t_s: float) -> None:
        self.returned += 1
        if self.returned >= HOLES and not self.out_only and "placed_s" in self.reading.splits:
            self.reading.stop_s = t_s

    # --------------------------------------------------------------------------------------------- afterwards

    def close(self) -> None:
        """Say how far it came, what to say now, which hole to light."""
        reading = self.reading
        reading.counts.setdefault("placed", 0 if self.out_only else len(self.seated))
        reading.counts["taken_out"] = min(self.taken, HOLES)
        reading.counts["returned"] = min(self.returned, HOLES)
        reading.part = "placing" if self.placing else "removing"
        if self.placing:
            reading.prompt = "push_it_in" if self.left else ""
            hole = self._next_hole()
            reading.lit = () if hole is None else (hole,)
        elif self.taken == 0 and not self.out_only:
            reading.prompt = "out_again"
