"""The MicroPython ring: the same sources on MicroPython itself (WebAssembly in Node), before the same desk.

The child asks, the desk answers, one request at a time, so time and bytes are those of the CPython ring. Not
there: native and viper code, a heap of the board's size (memory grows), and garbage is collected only when
the program ends; the Pico ring has all three.
"""

import importlib.util
import os
import select
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from dexkit import kit_files
from dexkit.errors import DexkitError
from dexkit.sim.desk import Desk
from dexkit.sim.engines import node
from dexkit.sim.loader import BOARD, DRIVERS

GROUND = Path(__file__).parent / "ground"
#: What MicroPython finds under the name of one of its own modules would be its own; these stand aside.
_BUILT_IN = ("gc", "machine", "micropython", "neopixel", "select", "time")
#: A child that asks nothing is looked at this often.
LOOK_S = 0.2


class ProgramError(DexkitError):
    """MicroPython itself broke; the message is what it said."""


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
        """Run one boot: main.py of the flash or the program, then a bare prompt.

        Raises
        ------
        PowerOff
            When the board loses its power or resets.
        ProgramError
            When MicroPython itself breaks.
        """
        while True:
            with tempfile.TemporaryDirectory() as folder:
                self._boot(desk, flash, Path(folder))

    def _boot(self, desk: Desk, flash: Path, ground: Path) -> None:
        for path in (*BOARD.glob("*.py"), *GROUND.glob("*.py")):
            (ground / (f"board_{path.name}" if path.stem in _BUILT_IN else path.name)).write_bytes(
                path.read_bytes()
            )
        (ground / "program.py").write_text(self.program, encoding="utf-8")
        firmware = kit_files.folder("firmware")
        copies = [(firmware, "/"), (firmware / "compat", "/"), (ground, "/board")]
        copies += [(path, f"/lib/{path.name}") for path in map(_driver, DRIVERS) if path]
        line = [*self._command, str(flash), str(self.heap_bytes)]
        line += [f"{source}={place}" for source, place in copies if source.exists()]
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as child:
            assert child.stdin and child.stdout and child.stderr
            said: list[bytes] = []
            listener = threading.Thread(target=said.extend, args=(child.stderr,), daemon=True)
            listener.start()
            try:
                _serve(desk, child.stdout.fileno(), child.stdin.fileno())
            except BaseException:
                child.kill()
                raise
            finally:
                child.stdin.close()
                code = child.wait()
                listener.join()
        if code:
            words = b"".join(said).decode(errors="replace").strip()
            raise ProgramError(f"MicroPython ended with {code}: {words}")


def _serve(desk: Desk, asked: int, told: int) -> None:
    """Answer a child's requests until it ends."""
    while True:
        head = _read(asked, 4)
        if len(head) < 4:
            return
        reply = desk.call(_read(asked, struct.unpack("<I", head)[0]))
        os.write(told, struct.pack("<I", len(reply)) + reply)


def _read(pipe: int, count: int) -> bytes:
    """Read so many bytes, fewer at the end; a thread that waits here can be struck."""
    data = b""
    while len(data) < count:
        while not select.select([pipe], [], [], LOOK_S)[0]:
            pass
        more = os.read(pipe, count - len(data))
        if not more:
            break
        data += more
    return data


def _driver(top: str) -> Path | None:
    """Return where a published driver is installed: its folder, or its only file."""
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin)
    return path.parent if path.name == "__init__.py" else path
