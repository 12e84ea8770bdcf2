"""A flash in RAM with littlefs as MicroPython has it on an RP2040, and a power that fails at any step."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from littlefs import FileHandle, LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

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

    def __init__(self, files: "Files", handle: FileHandle, text: bool) -> None:
        self.files, self.handle, self.text = files, handle, text

    def __enter__(self) -> "Open":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, count: int = -1) -> bytes | str:
        data = self.handle.read(count)
        return data.decode() if self.text else data

    def readinto(self, buffer: bytearray) -> int:
        return self.handle.readinto(buffer)

    def write(self, data: bytes | str) -> int:
        with self.files.errors():
            return self.handle.write(data.encode() if isinstance(data, str) else data)

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
        return Open(self, handle, text="b" not in mode)

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

    def statvfs(self, path: str = "/") -> tuple[int, ...]:
        with self.errors():
            blocks, free = self.fs.block_count, self.fs.block_count - self.fs.used_block_count
        return (BLOCK, BLOCK, blocks, free, free, 0, 0, 0, 0, 255)

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
