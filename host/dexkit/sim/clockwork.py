"""A virtual board's time: what comes due when, who may hold it, and the bytes between host and board.

Time goes on by what the board does, never by the machine's doing. It is free-running, held to the wall clock
(`pace`), or let go on up to a point and no further (`run_until`).
"""

import heapq
import threading
import time
from collections.abc import Callable, Mapping
from math import ceil

from dexkit.sim.board import ops
from dexkit.sim.chips import Chip

NEVER_US = 1 << 40


class PowerOff(BaseException):
    """The board loses its power: its program ends at once; no `except Exception` may catch that."""


class Reset(PowerOff):
    """The board starts anew; `cause` is what machine.reset_cause() will say."""

    def __init__(self, cause: int = 1, soft: bool = False) -> None:
        super().__init__(cause)
        self.cause, self.soft = cause, soft


class Bite(Reset):
    """The watchdog resets the board."""

    def __init__(self) -> None:
        super().__init__(3)


class Clockwork:
    """The time of one board, and the host's end of its line.

    Parameters
    ----------
    ready_pins
        Which pin a chip's data-ready output is wired to.
    ticks_start_us
        What the tick clock says at power-up, for tests of its wrap.
    us_per_wall_s
        Device microseconds in one second of the wall clock, where it is paced.
    """

    def __init__(
        self, ready_pins: Mapping[int, Chip], ticks_start_us: int = 0, us_per_wall_s: float = 1e6
    ) -> None:
        self.ready_pins = dict(ready_pins)
        self.ticks_start_us, self.us_per_wall_s = ticks_start_us, us_per_wall_s
        self.now_us = 0
        #: How often the board has asked for something.
        self.requests = 0
        #: Called with every piece that the board sends; set by whoever listens.
        self.on_sent: Callable[[bytes], None] = lambda data: None
        #: Called with every piece that reaches the board.
        self.on_received: Callable[[bytes], None] = lambda data: None
        self.attached = True
        #: Whether the host takes what is sent; else the board's buffer fills up and its writes fall short.
        self.host_reads = True
        self._lock = threading.RLock()
        self._state = threading.Condition(self._lock)
        self._until_us: int | None = None
        self._waits = False
        self._or_sent = False
        self._paced_from: tuple[float, int] | None = None
        self._cut: PowerOff | None = None
        self._arrivals: list[tuple[int, int, bytes]] = []
        self._arrived = 0
        self.power_up(1)

    # ------------------------------------------------------------------------------------ for the host

    def power_up(self, cause: int = 1) -> None:
        """Begin anew, as after power-up; the world goes on."""
        with self._state:
            self._cut = None
            self._boot_us = self.now_us
            #: Nothing happens before this time, unless the board or the host does something.
            self._due_us = 0
            self.reset_cause = cause
            self._inbox = bytearray()
            self._watched: dict[int, int] = {}
            self._timers: dict[int, tuple[int, int]] = {}
            self._bites_us: int | None = None
            self._interrupt = 3
            self._interrupted = False
            self._events: list[tuple[float, int, int]] = []

    def send(self, data: bytes, at_us: int | None = None) -> None:
        """Send bytes to the board; they arrive now, or at this device time.

        Nothing arrives while the host is not attached.
        """
        with self._state:
            if not self.attached:
                return
            at_us = self._wall_now_us() if at_us is None else at_us
            self._arrived += 1
            heapq.heappush(self._arrivals, (max(at_us, self.now_us), self._arrived, bytes(data)))
            self._due_us = min(self._due_us, self._arrivals[0][0])
            self._state.notify_all()

    def attach(self, attached: bool) -> None:
        """Plug the cable in or out. Bytes on their way are lost when it goes out."""
        with self._state:
            self.attached = attached
            if not attached:
                self._arrivals.clear()

    def power_off(self, reason: PowerOff | None = None) -> None:
        """Cut the power: the board's program ends at its next step."""
        with self._state:
            self._cut = reason or PowerOff()
            self._state.notify_all()

    def pace(self) -> None:
        """Hold the board to the wall clock from now on."""
        with self._state:
            self._paced_from = (time.monotonic(), self.now_us)
            self._until_us = None
            self._state.notify_all()

    def hold(self, until_us: int | None) -> None:
        """Let the board run up to this device time, where it stands still; None: without end."""
        with self._state:
            self._until_us = until_us
            self._state.notify_all()

    def run_until(self, until_us: int, timeout_s: float = 30.0, *, or_sent: bool = False) -> bool:
        """Let the board run up to this device time, or until it sends, and wait for it.

        Return False where it does not get there.
        """
        with self._state:
            self._until_us, self._waits, self._or_sent = until_us, False, or_sent
            self._state.notify_all()
            done = self._state.wait_for(lambda: self._waits or self.is_off, timeout_s)
            return done and not self.is_off

    @property
    def reached_us(self) -> int:
        """Where the board has come; the step that took it beyond where it stands still does not count."""
        with self._state:
            return self.now_us if self._until_us is None else min(self.now_us, self._until_us)

    @property
    def goal_us(self) -> float:
        """Where the board will stand still, or be given the next bytes."""
        with self._state:
            goal_us = float("inf") if self._until_us is None else float(self._until_us)
            return min(goal_us, self._arrivals[0][0]) if self._arrivals else goal_us

    @property
    def is_off(self) -> bool:
        """Whether the power is cut; a board that resets is not off."""
        return self._cut is not None and not isinstance(self._cut, Reset)

    def bite(self) -> bool:
        """Let time go on to where the watchdog bites a program that hangs; return whether it is on."""
        with self._state:
            if self._bites_us is None:
                return False
            self.now_us = max(self.now_us, self._bites_us)
            return True

    def _wall_now_us(self) -> int:
        if self._paced_from is None:
            return self.now_us
        since, device_us = self._paced_from
        return device_us + int((time.monotonic() - since) * self.us_per_wall_s)

    # --------------------------------------------------------------------------------------------- time

    def _go_on(self, to_us: int) -> None:
        """Let time reach this point and gather what came due on the way."""
        if self._cut is not None:
            self._state.notify_all()
            raise self._cut
        if to_us > self.now_us:
            self.now_us = to_us
        if self.now_us < self._due_us:
            return
        if self._bites_us is not None and self.now_us >= self._bites_us:
            self._cut = Bite()
            raise self._cut
        while self._arrivals and self._arrivals[0][0] <= self.now_us:
            self._take(heapq.heappop(self._arrivals)[2])
        next_us: float = self.now_us + NEVER_US
        for pin, chip in self.ready_pins.items():
            chip.run_to(self.now_us)
            is_watched = self._watched.get(pin, 0) & 2
            if chip.edges:
                if is_watched:
                    self._events += [(t, ops.EDGE, pin) for t in chip.edges]
                chip.edges.clear()
            if is_watched:
                edge_us = chip.next_edge_us()
                if edge_us is not None and edge_us < next_us:
                    next_us = edge_us
        for number, (at_us, period_us) in list(self._timers.items()):
            while at_us <= self.now_us:
                self._events.append((at_us, ops.TICK, number))
                if not period_us:
                    del self._timers[number]
                    break
                at_us += period_us
                self._timers[number] = (at_us, period_us)
            else:
                next_us = min(next_us, at_us)
        if self._arrivals:
            next_us = min(next_us, self._arrivals[0][0])
        if self._bites_us is not None:
            next_us = min(next_us, self._bites_us)
        self._due_us = ceil(next_us)

    def _take(self, data: bytes) -> None:
        """Bytes from the host reach the board."""
        self.on_received(data)
        if self._interrupt >= 0 and self._interrupt in data:
            self._interrupted = True
            data = data[data.rindex(self._interrupt) + 1 :]
        self._inbox += data

    def _changed(self) -> None:
        """Say that something may come due earlier than was thought."""
        self._due_us = 0
        self._go_on(self.now_us)

    def _stand(self) -> None:
        """Wait where the board may not go on yet."""
        while self._until_us is not None and self.now_us >= self._until_us and self._cut is None:
            self._waits = True
            self._state.notify_all()
            self._state.wait()
        self._waits = False

    def _sleep(self, most_us: int, wakes: int, data: bytes) -> tuple[int, bytes]:
        """Let time go on until then, to the next event, or (where it wakes) to the next byte."""
        began_us = self.now_us
        end_us = began_us + most_us
        while self.now_us < end_us and not self._events and not (wakes and self._inbox):
            goal_us = min(end_us, self._due_us)
            if self._until_us is not None:
                goal_us = min(goal_us, self._until_us)
            elif self._paced_from is not None:
                ahead_us = goal_us - self._wall_now_us()
                if ahead_us > 0:
                    self._state.wait(ahead_us / self.us_per_wall_s)
                    goal_us = min(goal_us, self._wall_now_us())
            self._go_on(max(self.now_us, goal_us))
            self._stand()
            if self._interrupted:
                break
        return self.now_us - began_us, b""

    def ticks(self, at_us: float | None = None) -> int:
        """Return what ticks_us() says at this device time."""
        at_us = self.now_us if at_us is None else at_us
        return int(at_us - self._boot_us + self.ticks_start_us) & ops.TICKS_MASK

    def _milliseconds(self) -> int:
        return ((self.now_us - self._boot_us) // 1000) & ops.TICKS_MASK

    # ----------------------------------------------------------------------- a board with its own clock

    def follow(self, now_us: float, sent: bytes) -> bytes:
        """Keep up with a board that has a clock of its own: take what it sent, return what arrived for it.

        Raises
        ------
        PowerOff
            When the board loses its power.
        """
        with self._state:
            self.requests += 1
            self._interrupt = -1  # its interpreter looks for Ctrl-C by itself
            self._go_on(int(now_us))
            if sent and self.attached:
                self.on_sent(sent)
            while self._arrivals and self._until_us is None:
                self._take(heapq.heappop(self._arrivals)[2])  # the wall clock is ahead of a slow board
            self._stand()
            arrived = bytes(self._inbox)
            self._inbox.clear()
            return arrived
