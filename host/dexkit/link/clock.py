"""The time of a board that is connected: ticks to host time while it happens, and as a recording keeps it.

How to use it: one `Clock` for each board. Ask `ping` about once a second with a period that is not round
(`PROBE_PERIOD_S`), eight times in a row (`BURST_PERIOD_S`) after connecting or a silence; take `host_ns()`
right before writing and right after reading, and give both with the pong's tick to `probe`. Give the tick of
every hello, heartbeat and reply to `heard`. Call `restart` at a hello with sequence 0. A pong whose ping was
written twice is not a probe.

For a recording make a `Timeline` for each board, all with the same start, and `SampleTimes` for each stream.
"""

import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dexkit.recording.clock_fit import LIMIT_PPM, LINE_PROBES, Line, fit_line

PROBE_PERIOD_S = 0.9839
BURST_PERIOD_S = 0.0417
BURST = 8

#: Live, the line goes through the quickest probes of this long.
WINDOW_S = 90.0
#: After this long a rate is known, and later ones are near it.
KNOWN_S = 30.0
KNOWN_SPREAD = 30e-6
#: What slow answers and twice the drift limit leave unexplained by so much is a clock that leapt.
LEAP_S = 0.005
#: A lone probe slower than this is worth less than the line known before.
SLOW_S = 0.01
#: The wall clock is adjusted by little all the time; this much is a step.
WALL_STEP_S = 0.5
WRAP_US = 1 << 32


def host_ns() -> int:
    """Return the host's monotonic clock in nanoseconds: never set, and it counts on while the host sleeps.

    Where the system has no clock that counts through sleep, the sleep is found by the probes.
    """
    return time.clock_gettime_ns(_BOOTTIME) if _BOOTTIME is not None else time.perf_counter_ns()


_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


@dataclass(frozen=True)
class Probe:
    """One question and its answer.

    Parameters
    ----------
    sent_ns, received_ns
        The host's clock right before writing and right after reading.
    board_us
        The board's clock when it read the question, unwrapped.
    wall_step_s
        How far the host's wall clock had been set against its monotonic one since the first probe.
    """

    sent_ns: int
    received_ns: int
    board_us: int
    wall_step_s: float = 0.0


@dataclass(frozen=True)
class State:
    """How well a board's clock is known.

    Parameters
    ----------
    offset_s
        Host's clock minus the board's.
    ppm
        How fast the board's clock runs against the host's, in parts per million.
    min_round_trip_s, residual_s
        The quickest answer in the window; root mean square of the believed probes about the line.
    probes
        How many are in the window; below eight the rate is not fitted.
    leaps
        How often the host's clock stood still or leapt, as when the host sleeps.
    wall_step_s
        How far the host's wall clock has been set since the first probe.
    """

    offset_s: float
    ppm: float
    min_round_trip_s: float
    residual_s: float
    probes: int
    leaps: int
    wall_step_s: float


class Clock:
    """Turns the ticks of one board into the host's time."""

    def __init__(self) -> None:
        self.boots = 0
        self.leaps = 0
        #: How long the host's clock has stood still in all, so that a recording's time can go on.
        self.stood_ns = 0
        self._slope = 0.0
        self._known = False
        self._wall_origin_ns: int | None = None
        self._wall_step_s = 0.0
        self._begin()

    def _begin(self) -> None:
        self._last_us: int | None = None
        self._last_ns = 0
        self._origin_ns = 0
        self._probes: deque[tuple[float, float, float]] = deque()  # board_s, offset_s, round_trip_s
        self._line: Line | None = None
        self._fitted_s = 0.0

    def restart(self) -> None:
        """Say that the board has started anew: its ticks begin again; its crystal is the same."""
        self.boots += 1
        self._begin()

    def unwrap(self, tick_us: int) -> int:
        """Return the board's clock without wraps, for a tick within 35 min of the last heard."""
        if self._last_us is None:
            return tick_us
        return self._last_us + _signed(tick_us - self._last_us)

    def heard(self, tick_us: int, received_ns: int) -> int:
        """Take the tick of any frame that came; return it unwrapped, right after any length of silence."""
        if self._last_us is None:
            self._last_us, self._last_ns = tick_us, received_ns
            self._origin_ns = received_ns - 1000 * tick_us
            return tick_us
        expected_us = self._last_us + (received_ns - self._last_ns) // 1000
        board_us = expected_us + _signed(tick_us - expected_us)
        if board_us > self._last_us:
            self._last_us, self._last_ns = board_us, received_ns
        if self._line is None:  # until there is a probe: nothing arrives before it was sent
            self._origin_ns = min(self._origin_ns, received_ns - 1000 * board_us)
        return board_us

    def probe(self, sent_ns: int, tick_us: int, received_ns: int, wall_ns: int | None = None) -> Probe:
        """Take the answer to a ping.

        Parameters
        ----------
        sent_ns, received_ns
            `host_ns()` right before writing the ping and right after reading the pong.
        tick_us
            The pong's tick.
        wall_ns
            The host's wall clock at receiving, nanoseconds since 1970; None to ask it.
        """
        board_us = self.heard(tick_us, received_ns)
        board_s = 1e-6 * board_us
        round_trip_s = 1e-9 * (received_ns - sent_ns)
        offset_s = 1e-9 * ((sent_ns + received_ns) // 2 - 1000 * board_us - self._origin_ns)
        if self._line is not None:
            step_s = offset_s - self._line.offset_at(board_s)
            silent_s = board_s - self._fitted_s
            unsure_s = 0.5 * (round_trip_s + self._quickest_s()) + 2e-6 * LIMIT_PPM * silent_s
            if abs(step_s) > LEAP_S + unsure_s:
                if round_trip_s > SLOW_S:  # a quicker one will say by how much
                    return Probe(sent_ns, received_ns, board_us, self._wall_step_s)
                self._leap(step_s)
        self._probes.append((board_s, offset_s, round_trip_s))
        while self._probes[0][0] < board_s - WINDOW_S:
            self._probes.popleft()
        self._fit()
        return Probe(sent_ns, received_ns, board_us, self._wall(received_ns, wall_ns))

    def host_time(self, tick_us: int) -> int:
        """Return the host's clock (`host_ns`) at a tick within half a wrap of the last one heard."""
        return self.host_time_of(self.unwrap(tick_us))

    def host_time_of(self, board_us: int) -> int:
        """Return the host's clock (`host_ns`) at an unwrapped tick."""
        offset_s = self._line.offset_at(1e-6 * board_us) if self._line is not None else 0.0
        return self._origin_ns + 1000 * board_us + round(1e9 * offset_s)

    def state(self) -> State | None:
        """Return how well the clock is known; None before the first probe."""
        if self._line is None:
            return None
        line, quickest = self._line, self._quickest_s()
        offset_s = 1e-9 * self._origin_ns + line.offset_at(self._probes[-1][0])
        n = len(self._probes)
        return State(offset_s, -1e6 * line.slope, quickest, line.residual_s, n, self.leaps, self._wall_step_s)

    def _quickest_s(self) -> float:
        return min(round_trip_s for _, _, round_trip_s in self._probes)

    def _fit(self) -> None:
        board_s, offset_s, round_trip_s = np.array(self._probes).T
        if self._line is not None and len(board_s) < 3 and round_trip_s.min() > SLOW_S:
            return
        self._fitted_s = float(board_s[-1])
        spread = KNOWN_SPREAD if self._known else 1e-6 * LIMIT_PPM
        self._line = fit_line(board_s, offset_s, round_trip_s, self._slope, spread)
        if len(board_s) >= LINE_PROBES and board_s[-1] - board_s[0] > KNOWN_S:
            self._slope, self._known = self._line.slope, True

    def _leap(self, step_s: float) -> None:
        """Begin again after the host's clock stood still or leapt: of what was fitted only the rate stays."""
        self.leaps += 1
        self.stood_ns -= round(1e9 * step_s)
        self._probes.clear()
        self._line = None

    def _wall(self, received_ns: int, wall_ns: int | None) -> float:
        """Return how far the wall clock has been set since the first probe; sleep is no step."""
        ahead_ns = (time.time_ns() if wall_ns is None else wall_ns) - received_ns - self.stood_ns
        if self._wall_origin_ns is None:
            self._wall_origin_ns = ahead_ns
        step_s = 1e-9 * (ahead_ns - self._wall_origin_ns)
        self._wall_step_s = step_s if abs(step_s) >= WALL_STEP_S else 0.0
        return self._wall_step_s


def _signed(difference: int) -> int:
    """Return a difference of 32-bit ticks as the nearest of its readings."""
    return (difference + WRAP_US // 2) % WRAP_US - WRAP_US // 2


class Timeline:
    """The time of one board in a recording: its own ticks, set on the host's clock where they begin.

    Nothing is fitted into these times, so an interval is what the board measured; how its clock runs against
    the host's is in the rows of probes beside them, and reading puts the two together.

    Parameters
    ----------
    clock
        The board's clock; at least one probe or frame must have come.
    start_ns
        `host_ns()` at the recording's start, the same for all boards.
    """

    def __init__(self, clock: Clock, start_ns: int) -> None:
        self._clock = clock
        self._start_ns = start_ns
        self._origin_ns: int | None = None
        self._last_ns = -(1 << 62)
        self._rows: list[tuple[float, float, float, float]] = []

    def t_s(self, board_us: int) -> float:
        """Return seconds from the recording's start at an unwrapped tick, by the board's clock."""
        if self._origin_ns is None:
            # A new boot goes on after the last time of the one before.
            host_ns = self._clock.host_time_of(board_us) + self._clock.stood_ns - self._start_ns
            self._origin_ns = max(host_ns, self._last_ns) - 1000 * board_us
            begin_s = 1e-9 * (1000 * board_us + self._origin_ns)
            self._rows.append((begin_s, float("nan"), float("nan"), 0.0))
        at_ns = 1000 * board_us + self._origin_ns
        self._last_ns = max(self._last_ns, at_ns)
        return 1e-9 * at_ns

    def reached(self, t_s: float) -> None:
        """Say that a sample stands at this time: another boot begins behind it."""
        self._last_ns = max(self._last_ns, round(1e9 * t_s))

    def restart(self) -> None:
        """Say that what comes from now on is of another boot; what is still of the old one must be in."""
        self._origin_ns = None

    def probe(self, probe: Probe) -> None:
        """Keep a probe for `rows`."""
        t_s = self.t_s(probe.board_us)
        middle_ns = (probe.sent_ns + probe.received_ns) // 2 + self._clock.stood_ns - self._start_ns
        offset_s = 1e-9 * middle_ns - t_s
        round_trip_s = 1e-9 * (probe.received_ns - probe.sent_ns)
        self._rows.append((t_s, offset_s, round_trip_s, probe.wall_step_s))

    def rows(self) -> NDArray[np.float64]:
        """Return what came since the last call, float64 (n, 4): t_s, then the columns of `probes_plan`."""
        rows, self._rows = self._rows, []
        return np.array(rows, np.float64).reshape(-1, 4)


class SampleTimes:
    """Times of the rows of one stream, from the tick of each block's first row.

    Parameters
    ----------
    timeline
        Of the board.
    rate_hz
        Nominal rate, used until the blocks show the true one.
    """

    #: So many blocks say how far rows are apart.
    BLOCKS = 64

    def __init__(self, timeline: Timeline, rate_hz: float) -> None:
        self._timeline = timeline
        self._period_s = 1.0 / rate_hz
        self._blocks: deque[tuple[int, float]] = deque(maxlen=self.BLOCKS)
        self._count = 0
        self._last_s = -float("inf")

    def of(self, board_us: int, rows: int, lost_before: int = 0) -> NDArray[np.float64]:
        """Return the times of a block's rows in seconds from the recording's start, never decreasing.

        Parameters
        ----------
        board_us
            Tick of the first row, unwrapped (`Clock.unwrap`).
        rows
            How many there are.
        lost_before
            Samples that the board could not take between the block before and this one.
        """
        t_s = self._timeline.t_s(board_us)
        self._count += lost_before
        if self._blocks:
            count, before_s = self._blocks[-1]
            off = (t_s - before_s) / self._period_s - (self._count - count)
            if abs(off) > 0.2 * (self._count - count) + 3:  # blocks are missing, or another boot
                self._blocks.clear()
        self._blocks.append((self._count, t_s))
        if len(self._blocks) > 1:
            (first, first_s), (last, last_s) = self._blocks[0], self._blocks[-1]
            self._period_s = (last_s - first_s) / (last - first)
        self._count += rows
        times: NDArray[np.float64] = np.maximum(t_s + self._period_s * np.arange(rows), self._last_s)
        if rows:
            self._last_s = float(times[-1])
            self._timeline.reached(self._last_s)
        return times
