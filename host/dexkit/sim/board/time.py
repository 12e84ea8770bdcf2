"""MicroPython's `time` on a virtual board."""

import ops
from _board import request, sleep_us, ticks_us

_HALF = (ops.TICKS_MASK + 1) // 2


def ticks_ms():
    """Return the millisecond clock."""
    return request(ops.MILLISECONDS)[0]


def ticks_cpu():
    """Return the finest clock there is."""
    return ticks_us()


def ticks_diff(end, start):
    """Return end - start of two ticks less than half a wrap apart."""
    return ((end - start + _HALF) & ops.TICKS_MASK) - _HALF


def ticks_add(ticks, delta):
    """Return ticks + delta, wrapped."""
    return (ticks + delta) & ops.TICKS_MASK


def sleep_ms(ms):
    """Sleep milliseconds."""
    sleep_us(ms * 1000)


def sleep(seconds):
    """Sleep seconds."""
    sleep_us(int(seconds * 1000000))


def time():
    """Return seconds since power-up: a board without a battery knows no date."""
    return request(ops.MILLISECONDS)[0] // 1000


def time_ns():
    """Return nanoseconds since power-up."""
    return request(ops.MILLISECONDS)[0] * 1000000
