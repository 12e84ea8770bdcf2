"""The pegboard segmenter: readable oracle for native/src/pegs.c, and its stand-in."""

import math

from dexkit.segment.reference.base import ReferenceSegmenter
from dexkit.segment.reference.contacts import ContactRule, Passage, PassageRule, longer_than
from dexkit.segment.reference.ledger import Ledger
from dexkit.segment.reference.tray import Tray

HOLES = 9
TRAY = -1


class PegsSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.PegsSegmenter."""

    object_kind = "pegboard"

    def start(self) -> None:
        """Turn seconds into samples; nothing has been measured yet."""
        bounce = longer_than(self.settings["bounce_s"], self.rate_hz)
        finger = longer_than(self.settings["finger_s"], self.rate_hz)
        barrier = ContactRule(bounce, run=(bounce, finger))
        hole_rule = PassageRule(
            entry=barrier, seated=barrier, entered="enter", seats="seat", left="bounce", unseated="unseat"
        )
        self.holes = [Passage(hole_rule) for _ in range(HOLES)]
        self.tray = Tray(self.rate_hz)
        self.ledger = Ledger(self.rate_hz)
        self._held = [math.nan] * len(self._held)

    def row(self, values: list[float]) -> None:
        """Take one row."""
        now = self.index
        for i, hole in enumerate(self.holes):
            hole.entry.read(values[i], now)
            hole.seated.read(values[HOLES + i], now)
        for i, hole in enumerate(self.holes):
            hole.step(now, lambda *event, i=i: self.say(i, now, *event))
        force_n = self.measured[2 * HOLES]
        if not math.isfinite(force_n):
            self.tray.hold(now)
        else:
            for event in self.tray.step(force_n, now, self.ledger.out()):
                self.say(TRAY, now, *event)
        overdue = self.ledger.overdue(now)
        if overdue >= 0:
            self.add("missing", TRAY, overdue, now, 0.5)

    def end(self) -> None:
        """Say what can still be said of the holes and the tray."""
        last = self.index - 1
        for i, hole in enumerate(self.holes):
            hole.finish(last, lambda *event, i=i: self.say(i, last, *event))
        for event in self.tray.finish(last):
            self.say(TRAY, last, *event)

    def say(self, channel: int, now: int, kind: str, index: int, quality: float) -> None:
        """Append what has become known now, and enter it in the ledger of the pegs."""
        self.add(kind, channel, index, now, quality)
        if kind in ("unseat", "enter"):
            self.ledger.at_work(index)
        if kind in ("pick", "unseat"):
            self.ledger.leaves(index)
        elif kind in ("return", "seat"):
            self.ledger.arrives(index)
