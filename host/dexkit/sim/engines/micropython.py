"""The MicroPython ring: the same sources on MicroPython itself (WebAssembly in Node), before the same desk.

The child asks, the desk answers, one request at a time, so time and bytes are those of the CPython ring. Not
there: native and viper code, a heap of the board's size (memory grows), and garbage is collected only when
the program ends; the Pico ring has all three.
"""

import importlib.util
import os
import struct
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from dexkit.errors import DexkitError
from dexkit.sim.desk import Desk
from dexkit.sim.engines import node
from dexkit.sim.loader import BOARD, DRIVERS

GROUND = Path(__file__).parent / "ground"
#: What MicroPython finds under the name of one of its own modules would be its own; these stand aside.
_BUILT_IN = ("gc", "machine", "micropython", "neopixel", "select", "time")


class ProgramError(DexkitError):
    """The board's program ended with an error; the message is its traceback."""


class MicroPython:
    """Runs firmware on MicroPython for one desk.

    Parameters
    ----------
    desk
        The board's surroundings.
    flash
        Folder that is the board's flash; what the program writes is there at once.
    sources
        Further folders to import from, after the flash; `.py` or `.mpy`.
    heap_bytes
        What the heap begins with.
    """

    def __init__(
        self, desk: Desk, flash: Path, sources: Sequence[Path] = (), heap_bytes: int = 192 * 1024
    ) -> None:
        self.desk, self.flash, self.sources, self.heap_bytes = desk, flash, list(sources), heap_bytes
        #: Requests answered so far.
        self.requests = 0

    def run(self, name: str) -> None:
        """Import a module of the firmware by its name, as `import name` on the board does.

        Raises
        ------
        PowerOff
            When the board loses its power or resets.
        ProgramError
            When the program ends with an error.
        InputError
            Where Node or its packages are missing.
        """
        with tempfile.TemporaryDirectory() as folder:
            line = [*node.command("micropython.mjs"), str(self.flash), str(GROUND / "start.py"), name]
            line += [str(self.heap_bytes), f"{_board_files(Path(folder))}=/board"]
            line += [f"{source}=/" for source in self.sources]
            line += [f"{path}=/lib/{path.name}" for path in map(_driver, DRIVERS) if path]
            self._serve(line)

    def _serve(self, line: list[str]) -> None:
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as child:
            assert child.stdin and child.stdout and child.stderr
            said: list[bytes] = []
            reader = threading.Thread(target=lambda: said.extend(child.stderr or ()), daemon=True)
            reader.start()
            try:
                answer(self, child.stdout.fileno(), child.stdin.fileno())
            except BaseException:
                child.kill()
                raise
            finally:
                child.stdin.close()
                code = child.wait()
                reader.join()
        if code:
            raise ProgramError(
                b"".join(said).decode(errors="replace").strip() or f"MicroPython ended: {code}"
            )


def answer(board: MicroPython, asked: int, told: int) -> None:
    """Answer a child's requests until it ends."""
    while True:
        message = _read(asked, 4)
        if len(message) < 4:
            return
        request = _read(asked, struct.unpack("<I", message)[0])
        reply = board.desk.call(request)
        board.requests += 1
        os.write(told, struct.pack("<I", len(reply)) + reply)


def _read(pipe: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(pipe, count - len(data))
        if not more:
            break
        data += more
    return data


def _board_files(folder: Path) -> Path:
    """Lay out what a board's programs find before everything else."""
    for path in (*BOARD.glob("*.py"), *GROUND.glob("*.py")):
        name = f"board_{path.name}" if path.stem in _BUILT_IN else path.name
        (folder / name).write_bytes(path.read_bytes())
    return folder


def _driver(top: str) -> Path | None:
    """Return where a published driver is installed: its folder, or its only file."""
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin)
    return path.parent if path.name == "__init__.py" else path
