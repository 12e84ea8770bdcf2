"""MicroPython's `micropython` for a board that CPython runs."""

import ops
from _board import request, schedule

__all__ = ["schedule"]


def const(value):
    """Return the value: a hint for the compiler only."""
    return value


def native(function):
    """Return the function: a hint for the compiler only."""
    return function


viper = native


def kbd_intr(control):
    """Choose the control byte that raises KeyboardInterrupt; -1 for none."""
    request(ops.INTERRUPT, control)


def alloc_emergency_exception_buf(size):
    """Do nothing: CPython needs none."""


def heap_lock():
    """Lock nothing: CPython has no such heap."""
    return 0


def heap_unlock():
    """Unlock nothing."""
    return 0


def mem_info(verbose=0):
    """Say nothing."""
