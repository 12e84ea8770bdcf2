"""The MicroPython ring: the same sources on MicroPython itself (WebAssembly in Node), before the same desk.

The child asks, the desk answers, one request at a time, so time and bytes are those of the CPython ring. Not
there: native and viper code, a heap of the board's size (memory grows), and garbage is collected only when
the program ends; the Pico ring has all three.
"""

import importlib.util
import struct
import tempfile
from functools import partial
from pathlib import Path

from dexkit import kit_files
from dexkit.sim.board import ops
from dexkit.sim.desk import Desk
from dexkit.sim.engines import node
from dexkit.sim.engines.child import serve
from dexkit.sim.loader import BOARD, DRIVERS

#: A child that ends at the raw prompt says so.
_RAW = 10
GROUND = Path(__file__).parent / "ground"
#: What MicroPython finds under the name of one of its own modules would be its own; these stand aside.
_BUILT_IN = ("gc", "machine", "micropython", "neopixel", "select", "time")


class MicroPython:
    """The engine that is MicroPython itself.

    Parameters
    ----------
    program
        Source of the main program, where the flash has none.
    heap_bytes
        What the heap begins with.

    Raises
    ------
    InputError
        Where Node or its packages are missing.
    """

    def __init__(self, program: str, heap_bytes: int = 192 * 1024) -> None:
        self.program, self.heap_bytes = program, heap_bytes
        self._command = node.command("micropython.mjs")

    def __call__(self, desk: Desk, flash: Path) -> None:
        """Run one boot: main.py of the flash or the program, then the prompt.

        Raises
        ------
        PowerOff
            When the board loses its power or resets.
        ProgramError
            When MicroPython itself breaks.
        """
        raw = False
        while True:
            with tempfile.TemporaryDirectory() as folder:
                raw = self._boot(desk, flash, Path(folder), raw)

    def _boot(self, desk: Desk, flash: Path, ground: Path, raw: bool) -> bool:
        """Run until a soft reset; return whether it goes on at the raw prompt."""
        for path in (*BOARD.glob("*.py"), *GROUND.glob("*.py")):
            (ground / (f"board_{path.name}" if path.stem in _BUILT_IN else path.name)).write_bytes(
                path.read_bytes()
            )
        (ground / "program.py").write_text(self.program, encoding="utf-8")
        firmware = kit_files.folder("firmware")
        copies = [(firmware, "/"), (firmware / "compat", "/"), (ground, "/board")]
        copies += [(path, f"/lib/{path.name}") for path in map(driver, DRIVERS) if path]
        line = [*self._command, str(flash), str(self.heap_bytes), str(int(raw))]
        line += [f"{source}={place}" for source, place in copies if source.exists()]
        return serve(line, partial(answer, desk), (0, _RAW)) == _RAW


def answer(desk: Desk, asked: bytes) -> bytes:
    """Answer a request that came over the pipe."""
    op, spent_us, a, b = struct.unpack_from(ops.REQUEST, asked)
    *head, events, data = desk.call(op, spent_us, a, b, asked[ops.REQUEST_BYTES :])
    laid_out = b"".join(struct.pack(ops.EVENT, *event) for event in events)
    return struct.pack(ops.REPLY, *head, len(events)) + laid_out + data


def driver(top: str) -> Path | None:
    """Return where a published driver is installed: its folder, or its only file."""
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin)
    return path.parent if path.name == "__init__.py" else path
