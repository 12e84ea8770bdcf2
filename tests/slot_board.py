"""A board of CPython for the boot code: flash is littlefs in RAM, time is virtual, the watchdog bites."""

import binascii
import builtins
import gc
import hashlib
import io
import json
import struct
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.ram_flash import Files, Flash

BOOT = Path(__file__).resolve().parent.parent / "firmware" / "boot"
BOOT_FILES = ("slots.py", "boot.py", "main.py")


@cache
def compiled(source: bytes, path: str) -> types.CodeType:
    return compile(source, path, "exec")


class Reset(BaseException):
    """The board starts anew: asked for, or bitten by its watchdog."""


class Board:
    """One board from power-up to power-up: runs boot.py and main.py from its flash.

    Each step of an application takes its time; so does sleeping, and nothing else. Timers and watchdog
    follow that time.
    """

    HEAP_BYTES = 200_000
    STEP_US = 1

    def __init__(self, flash: Flash, given: dict[str, object] | None = None) -> None:
        self.flash = flash
        self.files = Files(flash)
        self.given = given or {}  # further modules, by name
        self.stay = False  # whether the pin that asks for the prompt is held
        self.now_us = 0
        self.starts: list[str | None] = []  # which slot each start ran

    def format(self) -> None:
        self.files.fs.format()
        self.files.fs.mount()
        for name in BOOT_FILES:
            self.files.write(f"/{name}", (BOOT / name).read_bytes())
        self.flash.done.clear()

    def power_up(self) -> str:
        """Run one start; return how it ended: `reset`, `watchdog`, or `prompt` where it waits for people."""
        self.files.fs.mount()
        self.prints: list[str] = []
        self.modules: dict[str, types.ModuleType] = {}
        self.timers: dict[int, tuple[int, int, Callable]] = {}
        self.bites_us: int | None = None
        self.free_bytes = self.HEAP_BYTES
        self.sys = types.SimpleNamespace(path=["", "/lib"], modules=self.modules, exit=sys.exit)
        self.sys.implementation = types.SimpleNamespace(
            name="micropython", version=(1, 24, 1, ""), _mpy=4870, _machine="an RP2040"
        )
        self.sys.print_exception = lambda error: self.prints.append(repr(error))
        self.globals = {"__name__": "__main__", "__builtins__": self.make_builtins()}
        try:
            with self.watched():
                for name in ("/boot.py", "/main.py"):
                    exec(self.compiled(name), self.globals)
        except Reset as reset:
            return str(reset)
        except SystemExit:
            return "reset"
        except (Exception, KeyboardInterrupt) as error:
            self.prints.append(repr(error))
        finally:
            self.starts.append(self.sys.path[0].strip("/") or None)
        return "prompt"

    def run(self, code: str) -> dict[str, object]:
        """Run code at the prompt, in what power_up left behind."""
        with self.watched():
            exec(compile(code, "<prompt>", "exec"), self.globals)
        return self.globals

    # What the interpreter gives its programs

    def make_builtins(self) -> dict[str, object]:
        board = self

        class Bytes(bytearray):
            """A bytearray that counts against the heap."""

            def __init__(self, *arguments: object) -> None:
                self.taken = arguments[0] if arguments and isinstance(arguments[0], int) else 0
                board.free_bytes -= self.taken
                if board.free_bytes < 0:
                    raise MemoryError("memory allocation failed")
                super().__init__(*arguments)

            def __del__(self) -> None:
                board.free_bytes += self.taken

        names = {"open": self.files.open, "__import__": self.find, "bytearray": Bytes}
        names["print"] = lambda *words, **_: self.prints.append(" ".join(map(str, words)))
        return {**vars(builtins), **names}

    def module(self, name: str) -> object | None:
        """One of the modules that are in the interpreter itself."""
        whole = {"binascii": binascii, "gc": gc, "hashlib": hashlib, "io": io, "json": json, "struct": struct}
        if name in self.given or name in whole:
            return self.given.get(name) or whole[name]
        if name == "sys":
            return self.sys
        if name == "os":
            return self.files
        if name == "time":
            return types.SimpleNamespace(
                ticks_ms=lambda: self.now_us // 1000,
                ticks_add=lambda a, b: a + b,
                ticks_diff=lambda a, b: a - b,
                sleep_ms=lambda ms: self.pass_time(1000 * ms),
            )
        if name == "machine":
            return types.SimpleNamespace(
                WDT=self.watchdog,
                Timer=self.timer(),
                Pin=self.pin(),
                reset=self.reset,
                unique_id=lambda: b"12345678",
            )
        return None

    def find(self, name: str, globals=None, locals=None, wanted=(), level: int = 0) -> object:
        inside = self.module(name)
        if inside is not None:
            return inside
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            loaded = self.load(".".join(parts[:depth]))
            if depth > 1:
                setattr(self.modules[".".join(parts[: depth - 1])], parts[depth - 1], loaded)
        return loaded if wanted else self.modules[parts[0]]

    def load(self, name: str) -> types.ModuleType:
        if name in self.modules:
            return self.modules[name]
        for root in self.sys.path:
            stem = f"{root}/{name.replace('.', '/')}"
            for path in (f"{stem}/__init__.py", f"{stem}.py", stem):
                try:
                    folder = self.files.stat(path)[0] == 0x4000
                except OSError:
                    continue
                if folder != (path == stem):
                    continue
                module = self.modules[name] = types.ModuleType(name)
                module.__dict__["__builtins__"] = self.globals["__builtins__"]
                if not folder:
                    try:
                        exec(self.compiled(path), module.__dict__)
                    except BaseException:
                        del self.modules[name]
                        raise
                return module
        raise ImportError(f"no module named '{name}'")

    def compiled(self, path: str) -> types.CodeType:
        with self.files.open(path, "rb") as file:
            return compiled(file.read(), path)

    # Time

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have each step of an application take its time."""
        before = sys.gettrace()

        def step(frame, event, argument):
            if not frame.f_code.co_filename.startswith(("/a/", "/b/")):
                return None
            frame.f_trace_opcodes = True  # a loop within one line makes no event of its own
            if event == "opcode":
                self.pass_time(self.STEP_US)
            return step

        sys.settrace(step)
        try:
            yield
        finally:
            sys.settrace(before)

    def pass_time(self, us: int) -> None:
        end_us = self.now_us + us
        while True:
            due = min((t for t in self.timers.values() if t[0] <= end_us), default=None, key=lambda t: t[0])
            bite = self.bites_us is not None and self.bites_us <= (due[0] if due else end_us)
            if bite:
                self.now_us = self.bites_us
                raise Reset("watchdog")
            if due is None:
                break
            key = next(k for k, t in self.timers.items() if t is due)
            self.now_us = max(self.now_us, due[0])
            self.timers[key] = (due[0] + due[1], due[1], due[2])
            due[2](None)
        self.now_us = end_us

    def watchdog(self, timeout: int) -> types.SimpleNamespace:
        def feed() -> None:
            self.bites_us = self.now_us + 1000 * timeout

        feed()
        return types.SimpleNamespace(feed=feed)

    def timer(board) -> type:  # noqa: N805
        class Timer:
            PERIODIC = 1

            def init(self, period: int, mode: int, callback: Callable) -> None:
                board.timers[id(self)] = (board.now_us + 1000 * period, 1000 * period, callback)

            def deinit(self) -> None:
                board.timers.pop(id(self), None)

        return Timer

    def pin(board) -> type:  # noqa: N805
        class Pin:
            IN, PULL_UP = 0, 1

            def __init__(self, *arguments: int) -> None:
                pass

            def value(self) -> int:
                return 0 if board.stay else 1

        return Pin

    def reset(self) -> None:
        raise Reset("reset")
