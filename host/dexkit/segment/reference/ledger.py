"""The pegs on their way, and how long this person usually takes: twin of native/src/ledger.c."""

import math

from dexkit.segment.reference.tray import PEGS

#: Seconds by which everything about a transfer is known, the tray's verdict last.
VERDICT_S = 1.5
#: A usual transfer, and how far from it one usually is, before any has been seen.
USUAL_S, SPREAD_S = 1.5, 0.75


class Ledger:
    """Pegs that are neither in the tray nor in a hole: in a hand until they are out for too long."""

    def __init__(self, rate_hz: float) -> None:
        self.verdict = math.floor(VERDICT_S * rate_hz)
        self.usual, self.spread = USUAL_S * rate_hz, SPREAD_S * rate_hz
        self.transfers = 0
        self.since: list[int] = []  # when each peg in a hand left its place; the newest last
        self.missing = 0
        self.unseen = 0  # pegs that arrived without having been seen to leave

    def out(self) -> int:
        """Return the pegs that could arrive."""
        return len(self.since) + self.missing

    def leaves(self, now: int) -> None:
        """Note a peg that leaves its place; one that has already arrived elsewhere is settled."""
        if self.unseen > 0:
            self.unseen -= 1
        elif len(self.since) < PEGS:
            self.since.append(now)

    def arrives(self, now: int) -> None:
        """Note a peg that arrives: the one that left last, else a missing one."""
        if self.since:
            self._learn(max(now - self.since.pop(), 0))
        elif self.missing > 0:
            self.missing -= 1
        elif self.unseen < PEGS:
            self.unseen += 1

    def at_work(self, now: int) -> None:
        """Note that the peg that left last, and any taken with it, is in a hand that works at a hole."""
        newest = self.since[-1] if self.since else now
        self.since = [now if since == newest else since for since in self.since]

    def overdue(self, now: int) -> int:
        """Take one peg as missing that is out for longer than usual; return since when it is, or -1."""
        limit = math.floor(max(2.0 * self.usual, self.usual + 4.0 * self.spread))
        if not self.since or now < self.since[0] + limit + self.verdict:
            return -1
        if self.missing < PEGS:
            self.missing += 1
        return self.since.pop(0) + limit

    def _learn(self, transfer: int) -> None:
        self.transfers = min(self.transfers + 1, 8)
        off = transfer - self.usual
        self.usual += off / (self.transfers + 1)
        self.spread += (math.fabs(off) - self.spread) / (self.transfers + 1)
