"""Contacts that bounce, and the passages made of two of them: twin of native/src/contact.h and passage.c."""

import math
from collections.abc import Callable
from dataclasses import dataclass

#: Later than every sample.
NEVER = 2**63 - 1

#: Tells of an event: kind, sample of the boundary, quality.
Say = Callable[[str, int, float], None]


def whole_samples(limit_s: float, rate_hz: float) -> int:
    """Return the whole samples in limit_s seconds; a limit beyond all recordings is cut."""
    samples = math.floor(limit_s * rate_hz + 1e-9) if limit_s * rate_hz < 1e12 else int(1e12)
    return min(samples, int(1e12))


def longer_than(limit_s: float, rate_hz: float) -> int:
    """Return the samples that no stay of at most limit_s seconds can fill, wherever the samples fall."""
    return whole_samples(limit_s, rate_hz) + 2


def at_least(limit_s: float, rate_hz: float) -> int:
    """Return the samples that a stay of at least limit_s seconds fills."""
    return max(whole_samples(limit_s, rate_hz), 1)


@dataclass(frozen=True)
class ContactRule:
    """How long a contact must be closed ([1]) or open ([0]) before it counts, in samples.

    Parameters
    ----------
    bounce
        Edges up to this far apart may be one bounce.
    run
        Least unbroken stay in the new state.
    settle
        Least time from the first edge.
    """

    bounce: int
    run: tuple[int, int]
    settle: tuple[int, int] = (0, 0)


class Contact:
    """One contact: `raw` as it is now, `state` as it counts, `first` edge of a change between them."""

    def __init__(self, rule: ContactRule) -> None:
        self.rule = rule
        self.seen = False
        self.raw = self.state = False
        self.first = self.since = 0
        self.agreed = 0  # samples in the new state between first and since

    def read(self, value: float, now: int) -> None:
        """Take the reading of sample now; one that is not finite keeps the one before."""
        closed = value >= 0.5
        if math.isfinite(value) and (not self.seen or closed != self.raw):
            self._edge(closed, now)

    def _edge(self, closed: bool, now: int) -> None:
        if not self.seen:
            self.seen = True
            self.state = closed
            self.first = now - self.rule.bounce - 1
        elif self.raw != self.state:
            self.agreed += now - self.since
        elif now - self.first > self.rule.bounce:
            self.first = now
            self.agreed = 0
        self.raw = closed
        self.since = now

    def quality(self, now: int) -> float:
        """Return the share of the samples since the first edge that agree with the new state."""
        return (self.agreed + now - self.since + 1) / (now - self.first + 1)

    def settles(self, now: int) -> bool:
        """Let the present reading count when it has stayed long enough; tell whether that is a change."""
        run, settle = self.rule.run[self.raw], self.rule.settle[self.raw]
        if self.raw == self.state or now < max(self.since + run - 1, self.first + settle):
            return False
        self.state = self.raw
        return True


@dataclass(frozen=True)
class PassageRule:
    """How the contacts of all passages of an object are judged, and what their events are called."""

    entry: ContactRule
    seated: ContactRule
    entered: str
    seats: str
    left: str
    unseated: str


class Passage:
    """A buttonhole or a peg's hole: an entry contact, behind it a seated contact."""

    def __init__(self, rule: PassageRule) -> None:
        self.rule = rule
        self.entry = Contact(rule.entry)
        self.seated = Contact(rule.seated)
        self.left: tuple[int, float] | None = None  # a leaving that counts if the seat stays open
        self.was_entered = False  # the present or last stay in the entry was seen to begin
        self.was_seated = False  # ... and has reached the seat

    def step(self, now: int, say: Say) -> None:
        """Say what has become known at sample now."""
        if self.seated.settles(now):
            self._seated_changed(now, say)
        if self.entry.settles(now):
            self._entry_changed(now, say)
        if self.left and not self.seated.raw and now >= self.seated.since + self.rule.seated.bounce:
            self._say_left(say)

    def finish(self, last: int, say: Say) -> None:
        """Say what can be said of changes still open after the last sample."""
        seat = self.seated
        if seat.state and not seat.raw and last - seat.since >= self.rule.seated.bounce:
            seat.state = False  # open for longer than a bounce, though not yet for good
            self._seated_changed(last, say)
        if self.left:
            self._say_left(say)

    def _seated_changed(self, now: int, say: Say) -> None:
        kind = self.rule.seats if self.seated.state else self.rule.unseated
        say(kind, self.seated.first, self.seated.quality(now))
        if self.seated.state:
            self.was_seated = True
            self.left = None

    def _entry_changed(self, now: int, say: Say) -> None:
        if self.entry.state:
            if self.left:
                self._say_left(say)
            say(self.rule.entered, self.entry.first, self.entry.quality(now))
            self.was_entered = True
            self.was_seated = self.seated.state
        elif self.was_entered and not self.was_seated:
            self.left = self.entry.first, self.entry.quality(now)

    def _say_left(self, say: Say) -> None:
        if self.left:
            say(self.rule.left, *self.left)
        self.left = None
