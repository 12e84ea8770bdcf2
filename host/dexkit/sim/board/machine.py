"""MicroPython's `machine` on a virtual board: pins, buses, timers, watchdog, reset."""

import struct

import ops
from _board import doze, handlers, request

PWRON_RESET, WDT_RESET = 1, 3


class Pin:
    """A pin of the board."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 4, 8

    def __init__(self, id, mode=-1, pull=-1, value=None, alt=-1):
        self.id = 25 if id == "LED" else id
        if not 0 <= self.id <= 29:
            raise ValueError("unknown pin")
        if mode != -1:
            self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, value=None, alt=-1):
        """Set up the pin."""
        if pull in (self.PULL_UP, self.PULL_DOWN):
            request(ops.PIN_SET, self.id, 3 if pull == self.PULL_UP else 2)
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Return the level, or set it."""
        if level is None:
            return request(ops.PIN_GET, self.id)[0]
        request(ops.PIN_SET, self.id, 1 if level else 0)
        return None

    __call__ = value

    def on(self):
        """Set the pin high."""
        self.value(1)

    def off(self):
        """Set the pin low."""
        self.value(0)

    def toggle(self):
        """Turn the level round."""
        self.value(not self.value())

    high, low = on, off

    def irq(self, handler=None, trigger=12, hard=False):
        """Call handler(pin) at edges."""
        key = (ops.EDGE, self.id)
        if handler is None:
            handlers.pop(key, None)
            trigger = 0
        else:
            handlers[key] = (handler, self, hard)
        request(ops.PIN_WATCH, self.id, trigger >> 2)


class Timer:
    """A timer that calls back."""

    ONE_SHOT, PERIODIC = 0, 1
    _count = 0

    def __init__(self, id=-1, **settings):
        if id != -1:
            raise ValueError("Timer doesn't exist")  # rp2 has software timers only
        Timer._count += 1
        self._number = Timer._count
        if settings:
            self.init(**settings)

    def init(self, mode=1, callback=None, period=-1, freq=-1, hard=False):
        """Start: period in ms, or freq in Hz."""
        period_us = int(1000000 / freq) if freq != -1 else period * 1000
        if period_us <= 0:
            raise ValueError("period too small")
        if callback is not None:
            handlers[(ops.TICK, self._number)] = (callback, self, hard)
        request(ops.TIMER, self._number, period_us, bytes([mode]))

    def deinit(self):
        """Stop."""
        handlers.pop((ops.TICK, self._number), None)
        request(ops.TIMER, self._number, 0, b"\0")


class I2C:
    """An I2C bus of the board."""

    #: What the bus takes when no pins are given.
    _PINS = ((9, 8), (7, 6))

    def __init__(self, id, scl=None, sda=None, freq=400000, timeout=50000):
        if id not in (0, 1):
            raise ValueError("I2C(%d) doesn't exist" % id)
        self._bus = id
        pins = (scl.id if scl else self._PINS[id][0], sda.id if sda else self._PINS[id][1])
        for pin, first in zip(pins, (3, 2)):
            if pin % 4 != first - 2 * (1 - id):
                raise ValueError("bad pin for this bus")
        request(ops.I2C_INIT, id, 0, struct.pack("<IIII", pins[0], pins[1], freq, timeout))

    def _transfer(self, address, out, count):
        result, data = request(ops.I2C, self._bus, address, struct.pack("<H", count) + out)
        if result:
            raise _os_error(result)
        return data

    def writeto(self, addr, buf, stop=True):
        """Write bytes; return how many were taken."""
        self._transfer(addr, bytes(buf), 0)
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        """Write several pieces as one."""
        return self.writeto(addr, b"".join([bytes(piece) for piece in vector]))

    def readfrom(self, addr, nbytes, stop=True):
        """Return bytes."""
        return self._transfer(addr, b"", nbytes)

    def readfrom_into(self, addr, buf, stop=True):
        """Read into a buffer."""
        _fill(buf, self._transfer(addr, b"", len(buf)))

    def readfrom_mem(self, addr, memaddr, nbytes, addrsize=8):
        """Return registers."""
        return self._transfer(addr, bytes([memaddr]), nbytes)

    def readfrom_mem_into(self, addr, memaddr, buf, addrsize=8):
        """Read registers into a buffer."""
        _fill(buf, self._transfer(addr, bytes([memaddr]), len(buf)))

    def writeto_mem(self, addr, memaddr, buf, addrsize=8):
        """Write registers."""
        self._transfer(addr, bytes([memaddr]) + bytes(buf), 0)

    def scan(self):
        """Return the addresses that answer."""
        found = []
        for address in range(0x08, 0x78):
            try:
                self._transfer(address, b"", 1)
                found.append(address)
            except OSError:
                pass
        return found


class WDT:
    """The watchdog: cannot be stopped."""

    def __init__(self, id=0, timeout=5000):
        if not 0 < timeout <= 8388:
            raise ValueError("timeout out of range")
        self._timeout_ms = timeout
        self.feed()

    def feed(self):
        """Say that all is well."""
        request(ops.WATCHDOG, self._timeout_ms)


def _os_error(number):
    """Return an error that looks the same on MicroPython and on CPython, which is not told the name."""
    error = OSError(number)
    return error if error.errno == number else OSError(number, {5: "EIO", 110: "ETIMEDOUT"}[number])


def _fill(buf, data):
    for index in range(len(data)):
        buf[index] = data[index]


def idle():
    """Wait for what happens next, one millisecond at most, as rp2 does."""
    doze()


def lightsleep(ms=1):
    """Sleep; the peripherals go on."""
    from _board import sleep_us

    sleep_us(ms * 1000)


def unique_id():
    """Return the eight bytes that name this board."""
    return request(ops.UNIQUE_ID)[1]


def reset():
    """Start anew, as after power-up."""
    request(ops.RESET, 0)


def soft_reset():
    """Start the interpreter anew."""
    request(ops.RESET, 1)


def reset_cause():
    """Return why the board started."""
    return request(ops.RESET, 2)[0]


def freq(hz=None):
    """Return or set the processor's clock."""
    return 125000000


def disable_irq():
    """Hold handlers back."""
    return 0


def enable_irq(state):
    """Let handlers run."""
