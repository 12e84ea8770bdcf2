"""Makes MicroPython (WebAssembly) a virtual board, then runs its program.

What a board has besides the language (`machine`, `time`, the console ...) is dexkit.sim.board, as on CPython;
the heap's lock and the compiler are MicroPython's own.
"""

import builtins
import io
import os
import sys
from sys import print_exception as _print_exception

import _pipe
import micropython

sys.path[:] = ["/board", "", "/lib"]
for name in ("micropython", "gc", "machine", "neopixel", "select", "time"):
    sys.modules[name] = __import__("board_" + name)

import _board
import board_machine
import board_micropython
import board_neopixel
import board_select
import board_time
import ops
import stdio

_ABSENT = object()
_locks = 0


def heap_lock():
    """Forbid the program to allocate, as on the board; what the board itself does is exempt."""
    global _locks
    _locks += 1
    micropython.heap_lock()


def heap_unlock():
    """Undo one heap_lock; return how many are left."""
    global _locks
    if _locks:
        _locks -= 1
        micropython.heap_unlock()
    return _locks


def exempt(function):
    """Return the function, able to allocate while the program may not: on the board it is not Python."""

    def unlocked(a=_ABSENT, b=_ABSENT, c=_ABSENT, d=_ABSENT):
        global _locks
        locks, _locks = _locks, 0  # one that calls another may unlock once only
        for _ in range(locks):
            micropython.heap_unlock()
        try:
            if a is _ABSENT:
                return function()
            if b is _ABSENT:
                return function(a)
            if c is _ABSENT:
                return function(a, b)
            if d is _ABSENT:
                return function(a, b, c)
            return function(a, b, c, d)
        finally:
            for _ in range(locks):
                micropython.heap_lock()
            _locks = locks

    return unlocked


for thing, names in (
    (board_machine.I2C, ("writeto", "readfrom_into", "readfrom_mem_into", "writeto_mem")),
    (board_machine.Pin, ("value", "on", "off")),
    (board_machine.WDT, ("feed",)),
    (board_machine, ("idle",)),
    (board_time, ("ticks_us", "ticks_ms")),
    (board_neopixel.NeoPixel, ("fill", "write", "__setitem__")),
    (board_select._Poll, ("poll", "ipoll")),
    (stdio._Bytes, ("read", "readinto", "write")),
):
    for name in names:
        setattr(thing, name, exempt(getattr(thing, name)))
board_micropython.heap_lock, board_micropython.heap_unlock = heap_lock, heap_unlock
for name in ("opt_level", "stack_use", "mem_info", "const"):
    setattr(board_micropython, name, getattr(micropython, name))


class Sys:
    """`sys` of a board: its console is the line to the host."""

    stdin, stdout, stderr = stdio.stdin, stdio.stdout, stdio.stderr
    platform, argv, maxsize = "rp2", [], 0x7FFFFFFF
    path, modules, byteorder = sys.path, sys.modules, sys.byteorder
    version, version_info, implementation = sys.version, sys.version_info, sys.implementation

    @staticmethod
    def exit(code=None):
        """End the program."""
        raise SystemExit(code)

    @staticmethod
    def print_exception(error, file=None):
        """Show an exception."""
        show_exception(error, file)


def show(*values, sep=" ", end="\n", file=None):
    """Print to the console."""
    (file or stdio.stdout).write(sep.join([str(value) for value in values]) + end)


def show_exception(error, file=None):
    """Show an exception with its traceback on the console."""
    text = io.StringIO()
    _print_exception(error, text)
    show(text.getvalue(), end="", file=file)


def urandom(count):
    """Return bytes of the desk's chance."""
    return _board.request(ops.CHANCE, count)[1]


sys.modules["sys"] = Sys
builtins.print = show
os.urandom = urandom
os.sync = lambda: None
os.uname = lambda: ("rp2", "rp2", "1.24.1", "v1.24.1", "Raspberry Pi Pico with RP2040")
os.statvfs = lambda path: (4096, 4096, 352, 300, 300, 0, 0, 0, 0, 255)


def run(path, names, otherwise=None):
    """Run a file, or what stands for it where there is none; leave the heap unlocked."""
    try:
        with open(path) as file:
            text = file.read()
    except OSError:
        if otherwise is None:
            return
        with open(otherwise) as file:
            text = file.read()
    try:
        try:
            exec(compile(text, path[1:], "exec"), names)
        finally:
            while heap_unlock():
                pass
    except SystemExit:
        pass
    except (Exception, KeyboardInterrupt) as error:
        show_exception(error)


main = {"__name__": "__main__"}
run("/boot.py", main)
if not _pipe.raw:
    run("/main.py", main, "/board/program.py")

import prompt

_pipe.ended(prompt.serve(main, _pipe.raw))
