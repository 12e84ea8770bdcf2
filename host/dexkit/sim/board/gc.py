"""MicroPython's `gc` for a board whose memory is not limited."""

import ops
from _board import request

_HEAP_BYTES = 192 * 1024


def collect():
    """Collect nothing that could be seen."""
    return 0


def enable():
    """Do nothing."""


def disable():
    """Do nothing."""


def isenabled():
    """Return True."""
    return True


def threshold(amount=-1):
    """Do nothing."""
    return -1


def mem_free():
    """Return the free bytes that the desk states."""
    return request(ops.MEMORY)[0]


def mem_alloc():
    """Return the bytes in use."""
    return _HEAP_BYTES - mem_free()
