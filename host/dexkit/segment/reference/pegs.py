"""The pegboard segmenter: readable oracle for native/src/pegs.c, and its stand-in."""

import math

from dexkit.segment.reference.base import ReferenceSegmenter
from dexkit.segment.reference.contacts import ContactRule, Passage, PassageRule, longer_than

HOLES = 9


class PegsSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.PegsSegmenter."""

    object_kind = "pegboard"

    def start(self) -> None:
        """Turn seconds into samples; no barrier has been measured yet."""
        bounce = longer_than(self.settings["bounce_s"], self.rate_hz)
        finger = longer_than(self.settings["finger_s"], self.rate_hz)
        barrier = ContactRule(bounce, run=(bounce, finger))
        hole_rule = PassageRule(
            entry=barrier, seated=barrier, entered="enter", seats="seat", left="bounce", unseated="unseat"
        )
        self.holes = [Passage(hole_rule) for _ in range(HOLES)]
        self._held = [math.nan] * len(self._held)

    def row(self, values: list[float]) -> None:
        """Take one row."""
        for i, hole in enumerate(self.holes):
            hole.entry.read(values[i], self.index)
            hole.seated.read(values[HOLES + i], self.index)
        for i, hole in enumerate(self.holes):
            hole.step(self.index, lambda *event, i=i: self.say(i, self.index, *event))

    def end(self) -> None:
        """Say what can still be said of each hole."""
        last = self.index - 1
        for i, hole in enumerate(self.holes):
            hole.finish(last, lambda *event, i=i: self.say(i, last, *event))

    def say(self, channel: int, now: int, kind: str, index: int, quality: float) -> None:
        """Append what has become known now of one hole."""
        self.add(kind, channel, index, now, quality)
