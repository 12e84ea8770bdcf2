"""One virtual board's surroundings: its buses with chips, pins, timers, lights, and its end of the line.

Whatever runs the board's Python (an engine) calls `Desk.call` with a request of `board/ops.py` and gets the
reply. Time is virtual and depends on what the board does, never on the machine, so the same
firmware with the same scene and the same bytes from the host sends the same bytes, on any engine.
"""

import random
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dexkit.sim.board import ops
from dexkit.sim.chips import Chip
from dexkit.sim.clockwork import Clockwork, Reset
from dexkit.sim.radio import Radio

#: What one bit of overhead costs: start, stop, the driver's own work.
I2C_OVERHEAD_US = 12
#: USB at full speed moves about one byte in a microsecond; the board's buffer holds this many.
USB_US_PER_BYTE, USB_BYTES, USB_TIMEOUT_US = 1, 256, 500_000
#: One light takes 24 bits of 1.25 us.
LIGHT_US_PER_BYTE = 10
#: The board must look up at least this often, so that bytes from the host and the wall clock are seen.
LOOK_US = 1000
FREE_BYTES = 120_000

#: What `Desk.call` answers: ticks, microseconds until it must be asked again, result, flags, events as (kind,
#: number, ticks), bytes.
Reply = tuple[int, int, int, int, list[tuple[int, int, int]], bytes]
_NOTHING = (0, b"")
_CONTROL = re.compile(rb"[\x00-\x1f]")


@dataclass
class Bus:
    """One I2C bus: where it comes out of the board, and what hangs on it."""

    scl: int
    sda: int
    chips: list[Chip] = field(default_factory=list)
    #: What the firmware has set up; other pins than those above reach no chip.
    opened: tuple[int, int] | None = None
    freq_hz: int = 400_000
    #: A transfer that hangs is given up after this long (rp2's default).
    timeout_us: int = 50_000
    hangs: bool = False


class Desk(Clockwork):
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
        self.buses, self.unique_id = dict(buses), unique_id
        self.lights: dict[int, bytes] = {}
        #: What a Pico W has besides; it is silent until the board uses it.
        self.radio = Radio()
        self.pins: dict[int, int] = {}
        #: Pins that somebody holds at a level, as a button does.
        self.held: dict[int, int] = {}
        self._unread = 0
        self._chance = random.Random(seed)
        self._operations = self._table()
        super().__init__(ready_pins, ticks_start_us, us_per_wall_s)

    def power_up(self, cause: int = 1) -> None:
        """Set the board up as after power-up; chips keep their power, as at a reset."""
        super().power_up(cause)
        with self._state:
            self.pins.clear()
            for bus in self.buses.values():
                bus.opened = None

    # ----------------------------------------------------------------------------------- for the board

    def call(self, op: int, spent_us: int, a: int, b: int, data: bytes) -> Reply:
        """Answer one request of the board.

        Parameters
        ----------
        op, a, b, data
            What it asks for, as `board/ops.py` says.
        spent_us
            How far its time has gone since the last request.

        Raises
        ------
        PowerOff
            When the board loses its power, resets, or is bitten by its watchdog.
        """
        with self._lock:
            self.requests += 1
            if op == ops.SYNC:
                self._go_on(self.now_us + spent_us)
                result, answer = _NOTHING
            else:
                self._go_on(self.now_us + spent_us + ops.REQUEST_US)
                result, answer = self._operations[op](a, b, data)
            if self._until_us is not None:
                self._stand()
            until_us = self._until_us  # another thread lifts it at any time, also while the board stood
            due_us = self._due_us if until_us is None else min(self._due_us, until_us)
            now_us = self.now_us
            left_us = max(1, min(LOOK_US, due_us - now_us))
            flags = ops.WAITS if self._inbox else 0
            if self.host_reads or self._has_room():
                flags |= ops.ROOM
            if self._interrupted:
                self._interrupted = False
                flags |= ops.INTERRUPTED
            events = []
            if self._events:
                events = [(kind, number, self.ticks(at_us)) for at_us, kind, number in sorted(self._events)]
                self._events.clear()
            return self.ticks(), left_us, result, flags, events, answer

    # --------------------------------------------------------------------------------------- operations

    def _table(self) -> dict[int, Callable[[int, int, bytes], tuple[int, bytes]]]:
        return {
            ops.SLEEP: self._sleep,
            ops.I2C_INIT: self._open_bus,
            ops.I2C: self._transfer,
            ops.PIN_GET: lambda pin, b, data: (self._level(pin), b""),
            ops.PIN_SET: self._set_pin,
            ops.PIN_WATCH: self._watch,
            ops.TIMER: self._set_timer,
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
        scl, sda, freq_hz, timeout_us = struct.unpack("<IIII", data)
        bus = self.buses.setdefault(number, Bus(scl, sda))
        bus.opened, bus.freq_hz, bus.timeout_us = (scl, sda), freq_hz, timeout_us
        return 0, b""

    def _transfer(self, number: int, address: int, data: bytes) -> tuple[int, bytes]:
        """One I2C transfer: bytes out, then bytes in; each byte is nine bits on the bus."""
        (count,) = struct.unpack_from("<H", data)
        out = data[2:]
        bus = self.buses.get(number)
        if bus is None or bus.opened is None or bus.hangs:
            self._go_on(self.now_us + (bus.timeout_us if bus else Bus.timeout_us))
            return ops.HANGS, b""
        byte_us = 9e6 / bus.freq_hz
        at_us = self.now_us + I2C_OVERHEAD_US + byte_us
        for chip in bus.chips if bus.opened == (bus.scl, bus.sda) else ():
            if chip.answers(address):
                break
        else:
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
        """Bytes from the host, up to a control byte."""
        control = _CONTROL.search(self._inbox, 0, count)
        taken = bytes(self._inbox[: control.end() if control else count])
        del self._inbox[: len(taken)]
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
