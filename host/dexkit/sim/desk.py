"""One virtual board's surroundings: its clock, buses with chips, pins, lights, and the line to the host.

Whatever runs the board's Python (an engine) calls `Desk.call` with a request (`board/ops.py` has the layout)
and gets the reply. Time is virtual and depends on what the board does, never on the machine, so the same
firmware with the same scene and the same bytes from the host sends the same bytes, on any engine. A desk is
free-running, held to the wall clock (`paced`), or let run up to a time and no further (`run_until`).
"""

import heapq
import random
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil

from dexkit.sim.board import ops
from dexkit.sim.chips import Chip

#: A bus that hangs is given up after this long (rp2's default).
I2C_TIMEOUT_US = 50_000
#: What one bit of overhead costs: start, stop, the driver's own work.
I2C_OVERHEAD_US = 12
#: What calling anything of the board's costs, roughly.
REQUEST_US = 4
#: USB at full speed moves about one byte in a microsecond; the board's buffer holds this many.
USB_US_PER_BYTE, USB_BYTES, USB_TIMEOUT_US = 1, 256, 500_000
#: One light takes 24 bits of 1.25 us.
LIGHT_US_PER_BYTE = 10
#: The board must look up at least this often, so that bytes from the host and the wall clock are seen.
LOOK_US = 1000
NEVER_US = 1 << 40
FREE_BYTES = 120_000


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


@dataclass
class Bus:
    """One I2C bus: where it comes out of the board, and what hangs on it."""

    scl: int
    sda: int
    chips: list[Chip] = field(default_factory=list)
    #: What the firmware has set up; other pins than those above reach no chip.
    opened: tuple[int, int] | None = None
    freq_hz: int = 400_000
    hangs: bool = False


class Desk:
    """What a virtual board stands on.

    Parameters
    ----------
    buses
        Bus number to Bus.
    ready_pins
        Which pin a chip's data-ready output is wired to.
    unique_id
        Eight bytes.
    seed
        What the board's random numbers come from.
    ticks_start_us
        What the tick clock says at power-up, for tests of its wrap.
    us_per_wall_s
        Device microseconds in one second of the wall clock, where it is paced.
    """

    def __init__(
        self,
        buses: Mapping[int, Bus],
        ready_pins: Mapping[int, Chip],
        *,
        unique_id: bytes = bytes(8),
        seed: int = 0,
        ticks_start_us: int = 0,
        us_per_wall_s: float = 1e6,
    ) -> None:
        self.buses, self.ready_pins = dict(buses), dict(ready_pins)
        self.unique_id, self.ticks_start_us = unique_id, ticks_start_us
        self.us_per_wall_s = us_per_wall_s
        self.now_us = 0
        #: How often the board has asked for something.
        self.requests = 0
        self.lights: dict[int, bytes] = {}
        self.pins: dict[int, int] = {}
        #: Pins that somebody holds at a level, as a button does.
        self.held: dict[int, int] = {}
        #: Called with every piece that the board sends; set by whoever listens.
        self.on_sent: Callable[[bytes], None] = lambda data: None
        #: Called with every piece that reaches the board.
        self.on_received: Callable[[bytes], None] = lambda data: None
        self.attached = True
        #: Whether the host takes what is sent; else the board's buffer fills up and its writes fall short.
        self.host_reads = True
        self._unread = 0
        self._chance = random.Random(seed)
        self._state = threading.Condition()
        self._until_us: int | None = None
        self._waits = False
        self._or_sent = False
        self._paced_from: tuple[float, int] | None = None
        self._cut: PowerOff | None = None
        self._arrivals: list[tuple[int, int, bytes]] = []
        self._arrived = 0
        self._operations = self._table()
        self.power_up(1)

    # ------------------------------------------------------------------------------------ for the host

    def power_up(self, cause: int = 1) -> None:
        """Set the board up as after power-up; chips keep their power, as at a reset."""
        with self._state:
            self._cut = None
            self._boot_us = self.now_us
            #: Nothing happens before this time.
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

    # ----------------------------------------------------------------------------------- for the board

    def call(self, request: bytes) -> bytes:
        """Answer one request of the board.

        Raises
        ------
        PowerOff
            When the board loses its power, resets, or is bitten by its watchdog.
        """
        op, spent_us, a, b = struct.unpack_from(ops.REQUEST, request)
        with self._state:
            self.requests += 1
            self._go_on(self.now_us + spent_us + (REQUEST_US if op != ops.SYNC else 0))
            result, data = self._operations[op](a, b, request[struct.calcsize(ops.REQUEST) :])
            self._stand()
            return self._reply(result, data)

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

    def _reply(self, result: int, data: bytes) -> bytes:
        flags, self._interrupted = (ops.INTERRUPTED if self._interrupted else 0), False
        left_us = max(1, min(LOOK_US, self._due_us - self.now_us))
        head = struct.pack(ops.REPLY, self.ticks(), left_us, result, flags, len(self._events))
        if not self._events:
            return head + data
        events, self._events = sorted(self._events), []
        return head + b"".join(struct.pack(ops.EVENT, k, n, self.ticks(t)) for t, k, n in events) + data

    def ticks(self, at_us: float | None = None) -> int:
        """Return what ticks_us() says at this device time."""
        at_us = self.now_us if at_us is None else at_us
        return int(at_us - self._boot_us + self.ticks_start_us) & ops.TICKS_MASK

    def _milliseconds(self) -> int:
        return ((self.now_us - self._boot_us) // 1000) & ops.TICKS_MASK

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
        for pin, chip in self.ready_pins.items():
            chip.run_to(self.now_us)
            if self._watched.get(pin, 0) & 2:
                self._events += [(t, ops.EDGE, pin) for t in chip.edges]
            chip.edges.clear()
        for number, (at_us, period_us) in list(self._timers.items()):
            while at_us <= self.now_us:
                self._events.append((at_us, ops.TICK, number))
                if not period_us:
                    del self._timers[number]
                    break
                at_us += period_us
                self._timers[number] = (at_us, period_us)
        self._due_us = self._next_us()

    def _take(self, data: bytes) -> None:
        """Bytes from the host reach the board."""
        self.on_received(data)
        if self._interrupt >= 0 and self._interrupt in data:
            self._interrupted = True
            data = data[data.rindex(self._interrupt) + 1 :]
        self._inbox += data

    def _next_us(self) -> int:
        """Return before when nothing happens, unless the board or the host does something."""
        times: list[float] = [at_us for at_us, _ in self._timers.values()]
        if self._arrivals:
            times.append(self._arrivals[0][0])
        if self._bites_us is not None:
            times.append(self._bites_us)
        for pin, chip in self.ready_pins.items():
            edge_us = chip.next_edge_us() if self._watched.get(pin, 0) & 2 else None
            if edge_us is not None:
                times.append(edge_us)
        return ceil(min(times)) if times else self.now_us + NEVER_US

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

    # --------------------------------------------------------------------------------------- operations

    def _table(self) -> dict[int, Callable[[int, int, bytes], tuple[int, bytes]]]:
        return {
            ops.SYNC: lambda a, b, data: (0, b""),
            ops.SLEEP: self._sleep,
            ops.I2C_INIT: self._open_bus,
            ops.I2C: self._transfer,
            ops.PIN_GET: lambda pin, b, data: (self._level(pin), b""),
            ops.PIN_SET: self._set_pin,
            ops.PIN_WATCH: self._watch,
            ops.TIMER: self._set_timer,
            ops.POLL: lambda a, b, data: (2 * len(self._inbox) + self._has_room(), b""),
            ops.READ: self._read,
            ops.WRITE: self._write,
            ops.LIGHTS: self._show,
            ops.CHANCE: lambda count, b, data: (0, self._chance.randbytes(count)),
            ops.UNIQUE_ID: lambda a, b, data: (0, self.unique_id),
            ops.MILLISECONDS: lambda a, b, data: (self._milliseconds(), b""),
            ops.WATCHDOG: self._feed_watchdog,
            ops.RESET: self._reset,
            ops.INTERRUPT: self._set_interrupt,
            ops.MEMORY: lambda a, b, data: (FREE_BYTES, b""),
        }

    def _open_bus(self, number: int, b: int, data: bytes) -> tuple[int, bytes]:
        scl, sda, freq_hz = struct.unpack("<III", data)
        bus = self.buses.setdefault(number, Bus(scl, sda))
        bus.opened, bus.freq_hz = (scl, sda), freq_hz
        return 0, b""

    def _transfer(self, number: int, address: int, data: bytes) -> tuple[int, bytes]:
        """One I2C transfer: bytes out, then bytes in; each byte is nine bits on the bus."""
        (count,) = struct.unpack_from("<H", data)
        out = data[2:]
        bus = self.buses.get(number)
        if bus is None or bus.opened is None or bus.hangs:
            self._go_on(self.now_us + I2C_TIMEOUT_US)
            return ops.HANGS, b""
        byte_us = 9e6 / bus.freq_hz
        at_us = self.now_us + I2C_OVERHEAD_US + byte_us
        wired = bus.opened == (bus.scl, bus.sda)
        chip = next((chip for chip in bus.chips if wired and chip.answers(address)), None)
        if chip is None:
            self._go_on(int(at_us))
            return ops.NOBODY, b""
        if out or not count:
            chip.start(False, at_us)
        for byte in out:
            at_us += byte_us
            chip.write(byte, at_us)
        answer = bytearray()
        if count:
            if out:
                at_us += byte_us
            chip.start(True, at_us)
            for _ in range(count):
                at_us += byte_us
                answer.append(chip.read(at_us))
        self._due_us = 0
        self._go_on(int(at_us))
        return ops.OK, bytes(answer)

    def _level(self, pin: int) -> int:
        chip = self.ready_pins.get(pin)
        if chip is None:
            return self.held.get(pin, self.pins.get(pin, 0) & 1)
        chip.run_to(self.now_us)
        return chip.ready_level()

    def _set_pin(self, pin: int, level: int, data: bytes) -> tuple[int, bytes]:
        self.pins[pin] = level
        return 0, b""

    def _watch(self, pin: int, edges: int, data: bytes) -> tuple[int, bytes]:
        chip = self.ready_pins.get(pin)
        if chip is not None:
            chip.run_to(self.now_us)
            chip.edges.clear()  # what rose before is no edge of this watch
        if edges:
            self._watched[pin] = edges
        else:
            self._watched.pop(pin, None)
        self._changed()
        return 0, b""

    def _set_timer(self, number: int, period_us: int, data: bytes) -> tuple[int, bytes]:
        if period_us:
            self._timers[number] = (self.now_us + period_us, period_us if data[0] else 0)
        else:
            self._timers.pop(number, None)
        self._changed()
        return 0, b""

    def _read(self, count: int, b: int, data: bytes) -> tuple[int, bytes]:
        taken = bytes(self._inbox[:count])
        del self._inbox[:count]
        return len(taken), taken

    def _write(self, a: int, b: int, data: bytes) -> tuple[int, bytes]:
        """Bytes for the host; who reads nothing makes the board wait, then give up."""
        if not self.attached:
            return len(data), b""  # as rp2 does: without a listener everything is taken and lost
        if self.host_reads:
            self._unread = 0
        else:
            room = USB_BYTES - self._unread
            if len(data) > room:
                self._go_on(self.now_us + USB_TIMEOUT_US)
            data = data[:room]
            self._unread += len(data)
        self._go_on(self.now_us + USB_US_PER_BYTE * len(data))
        self.on_sent(data)
        if self._or_sent:
            self._until_us = self.now_us
        return len(data), b""

    def _has_room(self) -> bool:
        return not self.attached or self.host_reads or self._unread < USB_BYTES

    def _show(self, pin: int, b: int, data: bytes) -> tuple[int, bytes]:
        self.lights[pin] = data
        self._go_on(self.now_us + LIGHT_US_PER_BYTE * len(data))
        return 0, b""

    def _feed_watchdog(self, timeout_ms: int, b: int, data: bytes) -> tuple[int, bytes]:
        self._bites_us = self.now_us + 1000 * timeout_ms
        self._changed()
        return 0, b""

    def _reset(self, how: int, b: int, data: bytes) -> tuple[int, bytes]:
        if how == 2:
            return self.reset_cause, b""
        self._cut = Reset(1, soft=how == 1)
        raise self._cut

    def _set_interrupt(self, control: int, b: int, data: bytes) -> tuple[int, bytes]:
        self._interrupt = control
        return 0, b""


def chips_of(buses: Mapping[int, Bus]) -> Iterable[Chip]:
    """Yield every chip on these buses."""
    for bus in buses.values():
        yield from bus.chips
