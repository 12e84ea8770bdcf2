"""Button board: which buttons were fastened and unfastened, how long each took, and how it went."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dexkit.protocol.tables import TABLE
from dexkit.score.measure import Direction, Mark, Measure
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.take import Take

BUTTONS = 5
PANEL = TABLE["button_board"].index("panel_n")
CHEONG_S = 18.0
LIMITS_S = (18, 20, 40, 60, 120)


@dataclass(frozen=True)
class Turn:
    """One fastening or unfastening of one button: when it began, when it was done, how sure that is."""

    start_s: float
    done_s: float
    quality: float

    @property
    def lasted_s(self) -> float:
        """How long it took."""
        return self.done_s - self.start_s


@dataclass(frozen=True)
class Board:
    """A take of the button board, read as fastenings and unfastenings."""

    take: Take

    @cached_property
    def start_s(self) -> float | None:
        """Time of the first touch (or first contact of any kind, should the touch not have been felt)."""
        times = self.take.times("touch", "entry", "seated")
        return times[0] if times else None

    @cached_property
    def begin_s(self) -> float:
        """Time from which on everything counts; the recording's begin where the first touch may be hidden."""
        kinds = self.take.events["kind"]
        seen = len(kinds) and kinds[0] == "touch"
        return float(self.take.events["t_s"][0]) if seen else self.take.t0_s

    @cached_property
    def firsts(self) -> list[NDArray[np.void]]:
        """The event in which each button was fastened for the first time; empty where it never was."""
        return [self.take.rows("seated", channel=button)[:1] for button in range(BUTTONS)]

    @cached_property
    def fastening_lost(self) -> NotMeasurable | None:
        """Why fastening may have gone otherwise than it looks; None where all of it was measured."""
        return self.lost(*self.firsts)

    @cached_property
    def test_lost(self) -> NotMeasurable | None:
        """The same of the whole test, which is over when the buttons are open again, if any was opened."""
        last = self.take.events[-1:]
        return self.fastening_lost or self.lost(last if len(self.openings) in (0, BUTTONS) else last[:0])

    def lost(self, *done: NDArray[np.void], until_s: float = np.inf) -> NotMeasurable | None:
        """Return why something may be hidden before all of these were known; one that is empty never was."""
        known_s = max(float(rows["t_known_s"][0]) if len(rows) else self.take.end_s for rows in done)
        return self.take.lost(self.begin_s, min(known_s, until_s))

    def opened(self, button: int) -> NDArray[np.void]:
        """Return the event in which a button was unfastened for good; empty where it never was."""
        return self.take.rows("opened", channel=button)[-1:][: button in self.openings]

    @cached_property
    def closings(self) -> dict[int, Turn]:
        """First fastening of each button, from its first touch."""
        found = {}
        for button in range(BUTTONS):
            done = self.firsts[button]
            hands = self._hands(button, -np.inf, done)
            if hands:
                found[button] = Turn(hands[0], float(done[0]["t_s"]), float(done[0]["quality"]))
        return found

    @cached_property
    def openings(self) -> dict[int, Turn]:
        """Unfastening of each button that stayed open, from its first touch once fastening was over."""
        since_s = max((turn.done_s for turn in self.closings.values()), default=-np.inf)
        found = {}
        for button in range(BUTTONS):
            done = self.take.rows("opened", channel=button)[-1:]
            hands = self._hands(button, since_s, done)
            if hands and not any(t > done[0]["t_s"] for t in self.take.times("seated", channel=button)):
                found[button] = Turn(hands[0], float(done[0]["t_s"]), float(done[0]["quality"]))
        return found

    def _hands(self, button: int, since_s: float, done: NDArray[np.void]) -> list[float]:
        """Return when a hand was felt at a button since a time, until it was done; none if it never was."""
        until_s = done[0]["t_s"] if len(done) else -np.inf
        return [t for t in self.take.times("touch", "entry", channel=button) if since_s < t <= until_s]

    def lasted(self, turns: Mapping[int, Turn], undone: str) -> dict[str, Outcome]:
        """Return how long each button's turn took, or why it is not known."""
        return {str(button): self._lasted(button, turns, undone) for button in range(BUTTONS)}

    def _lasted(self, button: int, turns: Mapping[int, Turn], undone: str) -> Outcome:
        if lost := self.lost(self.firsts[button] if undone == "fastened" else self.opened(button)):
            return lost
        if button in turns:
            return Measured(turns[button].lasted_s, turns[button].quality)
        return NotMeasurable(self._why_not(button, undone))

    def _why_not(self, button: int, undone: str) -> str:
        if self.take.times("seated" if undone == "fastened" else "opened", channel=button):
            return f"The button was {undone}, but no touch of it was felt before."
        if not self.take.times("touch", "entry", channel=button):
            return "The button was never touched."
        return f"The button was not {undone}."


class ButtonMeasure(Measure[Board]):
    """Base of the button board's measures."""

    direction = Direction.WORSE
    unit = "s"
    source = "dexkit"
    mark = Mark.PROPOSED
    part_name = "button"
    version = 2

    def of(self, take: Board) -> Outcome | Mapping[str, Outcome]:
        return take.fastening_lost or self.seen(take)

    def seen(self, take: Board) -> Outcome:
        """Return what a test gives of whose fastening nothing is hidden."""
        raise NotImplementedError


class Completed(ButtonMeasure):
    """How many of the five buttons were fastened at least once during the recording."""

    id = "buttons.completed"
    headline = True
    title = "Buttons fastened"
    unit = "of 5"
    direction = Direction.BETTER
    source = "Five buttons as in CAHAI-13 item 6 and the cardigan test (PMC5565263); counting is ours."

    def seen(self, take: Board) -> Outcome:
        return float(len({int(row["channel"]) for row in take.take.rows("seated")}))


class CloseTotal(ButtonMeasure):
    """Time from the first touch of any button until the fifth button is fastened for the first time."""

    id = "buttons.close_total_s"
    headline = True
    title = "Time to fasten all five"
    source = "Cardigan test: five buttons closed, then opened, two times (PMC5565263)."
    mark = Mark.VERIFIED

    def seen(self, take: Board) -> Outcome:
        done = [float(first["t_s"][0]) for first in take.firsts if len(first)]
        if len(done) < BUTTONS or take.start_s is None:
            return NotMeasurable(f"Only {len(done)} of {BUTTONS} buttons were fastened.")
        return max(done) - take.start_s


class OpenTotal(ButtonMeasure):
    """Time from the first touch after fastening was over until the fifth button is unfastened for good."""

    id = "buttons.open_total_s"
    headline = True
    title = "Time to unfasten all five"
    source = "Cardigan test: five buttons closed, then opened, two times (PMC5565263)."
    mark = Mark.VERIFIED

    def of(self, take: Board) -> Outcome:
        if lost := take.lost(*(take.opened(button) for button in range(BUTTONS))):
            return lost
        if len(take.openings) < BUTTONS:
            return NotMeasurable(f"Only {len(take.openings)} of {BUTTONS} buttons were unfastened.")
        turns = take.openings.values()
        return max(turn.done_s for turn in turns) - min(turn.start_s for turn in turns)


class Close(ButtonMeasure):
    """Time from the first touch of a button until it is first fastened; button 0 is the largest."""

    id = "buttons.close_s"
    title = "Time to fasten a button"

    def of(self, take: Board) -> Mapping[str, Outcome]:
        return take.lasted(take.closings, "fastened")


class Open(ButtonMeasure):
    """Time from the first touch of a button, once fastening was over, until it is unfastened for good."""

    id = "buttons.open_s"
    title = "Time to unfasten a button"

    def of(self, take: Board) -> Mapping[str, Outcome]:
        return take.lasted(take.openings, "unfastened")


class Attempts(ButtonMeasure):
    """How often a button entered its hole until it was fastened for the first time, that entry included."""

    id = "buttons.attempts"
    title = "Attempts at a button"
    unit = "entries"

    def of(self, take: Board) -> Mapping[str, Outcome]:
        counts: dict[str, Outcome] = {}
        for button, first in enumerate(take.firsts):
            until_s = first["t_s"][0] if len(first) else np.inf
            entries = sum(t <= until_s for t in take.take.times("entry", channel=button))
            counts[str(button)] = take.lost(first) or float(entries)
        return counts


class Slips(ButtonMeasure):
    """How often a button left its hole again without having been fastened, over all buttons and for each."""

    id = "buttons.slips"
    headline = True
    title = "Slips"
    unit = "slips"

    def of(self, take: Board) -> Mapping[str, Outcome]:
        channels = take.take.rows("slip")["channel"]
        lost = take.test_lost
        each = {str(button): lost or float(np.sum(channels == button)) for button in range(BUTTONS)}
        return {"": lost or float(len(channels)), **each}


class OrderKept(ButtonMeasure):
    """Whether the buttons were fastened for the first time in the order of the board, from large to small.

    Buttons that were never fastened are left out; with fewer than two fastened there is no order.
    """

    id = "buttons.order_kept"
    title = "Order kept"
    unit = "yes or no"
    direction = Direction.NEITHER
    labels: ClassVar[Mapping[int, str]] = {0: "not kept", 1: "kept"}

    def seen(self, take: Board) -> Outcome:
        done = [(float(first["t_s"][0]), b) for b, first in enumerate(take.firsts) if len(first)]
        if len(done) < 2:
            return NotMeasurable("Fewer than two buttons were fastened, so there is no order.")
        order = [button for _, button in sorted(done)]
        return float(order == sorted(order))


class CheongGroup(ButtonMeasure):
    """Group of each button by the grouping limit used by Cheong 2018.

    A: not fastened, B: more than 18 s, C: 18 s or less.

    The limit is that study's own grouping of 151 people after a stroke, not a cut-off for impairment; the
    size of its button is not known to us. A button that was not fastened counts as such only if it was tried
    or the recording went on for more than 18 s after the first touch.
    """

    id = "buttons.cheong_group"
    title = "Grouping limit used by Cheong 2018"
    unit = "group"
    direction = Direction.BETTER
    source = "Cheong 2018, Ann Rehabil Med 42:18 (PMC5852222): groups A, B, C."
    mark = Mark.VERIFIED
    labels: ClassVar[Mapping[int, str]] = {
        0: "A: not completed",
        1: "B: more than 18 s",
        2: "C: 18 s or less",
    }

    def of(self, take: Board) -> Mapping[str, Outcome]:
        return {str(button): self._group(take, button) for button in range(BUTTONS)}

    def _group(self, take: Board, button: int) -> Outcome:
        if lost := take.lost(take.firsts[button]):
            return lost
        if turn := take.closings.get(button):
            return 1.0 if turn.lasted_s > CHEONG_S else 2.0
        if take.take.times("seated", channel=button):
            return NotMeasurable("The button was fastened, but no touch of it was felt before.")
        tried = bool(take.take.times("touch", "entry", channel=button))
        start_s = take.start_s
        if tried or (start_s is not None and take.take.end_s - start_s > CHEONG_S):
            return 0.0
        return NotMeasurable(
            "The button was never touched, and the recording is too short to call it not done."
        )


class CompletedBy(ButtonMeasure):
    """Share of the five buttons that were fastened within 18, 20, 40, 60 and 120 s of the first touch."""

    id = "buttons.completed_by_pct"
    part_name = "within"
    title = "Fastened within"
    unit = "%"
    direction = Direction.BETTER
    source = "Limits: 18 s Cheong 2018; 20 s Sollerman; 40 and 60 s Sollerman (RECALLED); 120 s ours."

    def of(self, take: Board) -> Mapping[str, Outcome]:
        return {f"{limit}s": self._by(take, limit) for limit in LIMITS_S}

    def _by(self, take: Board, limit_s: float) -> Outcome:
        until_s = np.inf if take.start_s is None else take.start_s + limit_s
        if lost := take.lost(*take.firsts, until_s=until_s):
            return lost
        if take.start_s is None:
            return NotMeasurable("No button was touched.")
        first = [float(rows["t_s"][0]) for rows in take.firsts if len(rows)]
        if len(first) < BUTTONS and take.take.end_s - take.start_s < limit_s:
            return NotMeasurable(f"The recording ended before {limit_s:g} s, with {len(first)} fastened.")
        return 100.0 * sum(t - take.start_s <= limit_s for t in first) / BUTTONS


class SizeSlope(ButtonMeasure):
    """How many seconds longer a button takes for each size smaller: slope of a line through the times.

    Needs at least three fastened buttons.
    """

    id = "buttons.size_slope_s"
    title = "Longer for each size smaller"
    unit = "s/size"

    def seen(self, take: Board) -> Outcome:
        if len(take.closings) < 3:
            return NotMeasurable("Fewer than three buttons were fastened, too few for a slope.")
        size = np.array(list(take.closings), np.float64)
        lasted_s = np.array([turn.lasted_s for turn in take.closings.values()])
        size -= size.mean()
        return float((size * lasted_s).sum() / (size * size).sum())


class Pull(ButtonMeasure):
    """Strongest pull on the panel while a button was being fastened.

    Above the panel's rest before the first touch; the strongest value that lasted for 50 ms, so that a
    spike does not count.
    """

    id = "buttons.pull_n"
    title = "Strongest pull on the panel"
    unit = "N"
    direction = Direction.NEITHER

    def of(self, take: Board) -> Mapping[str, Outcome]:
        return {str(button): self._pull(take, button) for button in range(BUTTONS)}

    def _pull(self, take: Board, button: int) -> Outcome:
        hidden = take.lost(take.firsts[button])
        turn = take.closings.get(button)
        if hidden is not None or turn is None:
            return hidden or NotMeasurable("The button was not fastened.")
        assert take.start_s is not None
        whole = take.take
        quiet = whole.samples[whole.index(take.start_s - 1.2) : whole.index(take.start_s - 0.2), PANEL]
        if len(quiet) < 0.3 * whole.rate_hz:
            return NotMeasurable(
                "The recording shows less than 0.3 s of the panel at rest before the first touch."
            )
        window = slice(whole.index(turn.start_s), whole.index(turn.done_s) + 1)
        lost = whole.share_missing(turn.start_s, turn.done_s + 1.0 / whole.rate_hz)
        pull = whole.samples[window, PANEL].astype(np.float64) - float(np.median(quiet))
        width = max(round(0.05 * whole.rate_hz), 1)
        if len(pull) < width:
            return NotMeasurable("The button was fastened too fast for the pull to be seen.")
        lasting = np.lib.stride_tricks.sliding_window_view(np.abs(pull), width).min(axis=1)
        return Measured(float(lasting.max()), 1.0 - lost)


MEASURES: tuple[type[Measure[Board]], ...] = (
    Completed,
    CloseTotal,
    OpenTotal,
    OrderKept,
    CompletedBy,
    Close,
    Open,
    Attempts,
    Slips,
    CheongGroup,
    SizeSlope,
    Pull,
)
