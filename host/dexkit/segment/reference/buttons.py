"""The button board segmenter: readable oracle for native/src/buttons.c, and its stand-in."""

import math

from dexkit.segment.reference.base import ReferenceSegmenter
from dexkit.segment.reference.contacts import (
    Contact,
    ContactRule,
    Passage,
    PassageRule,
    at_least,
    longer_than,
)

BUTTONS = 5


class ButtonsSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.ButtonsSegmenter."""

    object_kind = "button_board"

    def start(self) -> None:
        """Turn seconds into samples; no contact has been measured yet."""
        limit, rate_hz = self.settings, self.rate_hz
        bounce = longer_than(limit["bounce_s"], rate_hz)
        no_glitch = longer_than(limit["glitch_s"], rate_hz)
        touch_rule = ContactRule(bounce, run=(at_least(limit["touch_gap_s"], rate_hz), no_glitch))
        button_rule = PassageRule(
            entry=ContactRule(bounce, run=(bounce, no_glitch)),
            seated=ContactRule(
                bounce,
                run=(bounce, longer_than(limit["slip_flicker_s"], rate_hz)),
                settle=(at_least(limit["reseat_s"], rate_hz) - 1, 0),
            ),
            entered="entry",
            seats="seated",
            left="slip",
            unseated="opened",
        )
        self.touches = [Contact(touch_rule) for _ in range(BUTTONS)]
        self.buttons = [Passage(button_rule) for _ in range(BUTTONS)]
        self._held = [math.nan] * len(self._held)

    def row(self, values: list[float]) -> None:
        """Take one row."""
        for i in range(BUTTONS):
            self.touches[i].read(values[i], self.index)
            self.buttons[i].entry.read(values[BUTTONS + i], self.index)
            self.buttons[i].seated.read(values[2 * BUTTONS + i], self.index)
        for i, (touch, button) in enumerate(zip(self.touches, self.buttons, strict=True)):
            if touch.settles(self.index) and touch.state:
                self.say(i, self.index, "touch", touch.first, touch.quality(self.index))
            button.step(self.index, lambda *event, i=i: self.say(i, self.index, *event))

    def end(self) -> None:
        """Say what can still be said of each button."""
        last = self.index - 1
        for i, button in enumerate(self.buttons):
            button.finish(last, lambda *event, i=i: self.say(i, last, *event))

    def say(self, channel: int, now: int, kind: str, index: int, quality: float) -> None:
        """Append what has become known now of one button."""
        self.add(kind, channel, index, now, quality)
