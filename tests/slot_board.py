"""A board of CPython for the boot code: flash is littlefs in RAM, time is virtual, the watchdog bites."""

import binascii
import builtins
import gc
import hashlib
import io
import json
import random
import struct
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from littlefs import FileHandle, LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

BOOT = Path(__file__).resolve().parent.parent / "firmware" / "boot"
BOOT_FILES = ("slots.py", "boot.py", "main.py")
PAGE, BLOCK = 256, 4096  # what an RP2040's flash programs and erases at once


class Flash(UserContext):
    """A flash chip in RAM that remembers what was done to it, one page or block at a time."""

    def __init__(self, blocks: int = 64, image: bytes | None = None) -> None:
        super().__init__(
            buffer=bytearray(image) if image is not None else bytearray(b"\xff" * blocks * BLOCK)
        )
        self.done: list[tuple[int, bytes | None]] = []  # address, page or None for an erased block

    def read(self, cfg, block, off, size):
        return self.buffer[block * BLOCK + off : block * BLOCK + off + size]

    def prog(self, cfg, block, off, data):
        start = block * BLOCK + off
        for at in range(0, len(data), PAGE):
            self.program(start + at, bytes(data[at : at + PAGE]))
        return 0

    def erase(self, cfg, block):
        self.buffer[block * BLOCK : (block + 1) * BLOCK] = b"\xff" * BLOCK
        self.done.append((block * BLOCK, None))
        return 0

    def program(self, address: int, page: bytes) -> None:
        """Program as flash does: bits are only ever cleared."""
        before = int.from_bytes(self.buffer[address : address + len(page)], "little")
        after = before & int.from_bytes(page, "little")
        self.buffer[address : address + len(page)] = after.to_bytes(len(page), "little")
        self.done.append((address, page))


def not_done(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return before


def half_done(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return after[: len(after) // 2] + before[len(after) // 2 :]


def half_erased(before: bytes, after: bytes, rng: random.Random) -> bytes:
    """Every bit that was to change has changed, or not."""
    mask = rng.randbytes(len(before))
    return bytes(b ^ ((b ^ a) & m) for b, a, m in zip(before, after, mask, strict=True))


def random_bits(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(len(before))


CUTS: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    not_done,
    half_done,
    half_erased,
    random_bits,
)


def cuts(image: bytes, done: list[tuple[int, bytes | None]]) -> Iterator[tuple[str, bytes]]:
    """Yield what the flash holds when the power goes at each operation, in each of the four ways."""
    now = Flash(image=image)
    for number, (address, page) in enumerate(done):
        size = BLOCK if page is None else len(page)
        before = bytes(now.buffer[address : address + size])
        if page is None:
            now.erase(None, address // BLOCK)
        else:
            now.program(address, page)
        after = bytes(now.buffer[address : address + size])
        for cut in CUTS:
            torn = bytearray(now.buffer)
            torn[address : address + size] = cut(before, after, random.Random(number))
            yield f"{cut.__name__} at operation {number}", torn


class Open:
    """An open file whose errors are the board's; it is closed once, with or without success."""

    def __init__(self, files: "Files", handle: FileHandle) -> None:
        self.files, self.handle = files, handle

    def __enter__(self) -> "Open":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, count: int = -1) -> bytes:
        return self.handle.read(count)

    def readinto(self, buffer: bytearray) -> int:
        return self.handle.readinto(buffer)

    def write(self, data: bytes) -> int:
        with self.files.errors():
            return self.handle.write(data)

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            try:
                with self.files.errors():
                    handle.close()
            finally:
                handle.close = lambda: None  # not once more when it is collected


class Files:
    """The names of `os`, and `open`, on littlefs as MicroPython sets it up on an RP2040."""

    def __init__(self, flash: Flash) -> None:
        self.fs = LittleFS(
            context=flash,
            block_size=BLOCK,
            block_count=len(flash.buffer) // BLOCK,
            read_size=32,
            prog_size=PAGE,
            cache_size=4 * PAGE,
            lookahead_size=32,
            block_cycles=100,
            mount=False,
        )

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except LittleFSError as error:
            raise OSError(-error.code, error.name) from None
        except FileNotFoundError:
            raise OSError(2, "ENOENT") from None

    def open(self, path: str, mode: str = "r"):
        with self.errors():
            handle = self.fs.open(path, mode.replace("b", "") + "b", buffering=0)
        return Open(self, handle)

    def listdir(self, path: str = "/") -> list[str]:
        with self.errors():
            return self.fs.listdir(path)

    def stat(self, path: str) -> tuple[int, ...]:
        with self.errors():
            found = self.fs.stat(path)
        return (0x4000 if found.type == 2 else 0x8000, 0, 0, 0, 0, 0, found.size, 0, 0, 0)

    def ilistdir(self, path: str = "/") -> list[tuple[str, int, int, int]]:
        with self.errors():
            return [(e.name, 0x4000 if e.type == 2 else 0x8000, 0, e.size) for e in self.fs.scandir(path)]

    def rename(self, source: str, target: str) -> None:
        with self.errors():
            self.fs.rename(source, target)

    def remove(self, path: str) -> None:
        with self.errors():
            self.fs.remove(path)

    rmdir = remove

    def mkdir(self, path: str) -> None:
        with self.errors():
            self.fs.mkdir(path)

    def write(self, path: str, data: bytes) -> None:
        """Put a file there for a test, folders included."""
        with self.errors():
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self.open(path, "wb") as file:
            file.write(data)

    def tree(self, folder: str = "/") -> dict[str, bytes]:
        """Every file below a folder, for a test to compare."""
        found = {}
        for root, _, names in self.fs.walk(folder):
            for name in names:
                path = f"{root.rstrip('/')}/{name}"
                with self.open(path, "rb") as file:
                    found[path] = file.read()
        return found


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
                board.free_bytes -= arguments[0] if arguments and isinstance(arguments[0], int) else 0
                if board.free_bytes < 0:
                    raise MemoryError("memory allocation failed")
                super().__init__(*arguments)

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
