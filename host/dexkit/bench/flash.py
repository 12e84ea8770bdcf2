"""Puts an application on a board: into the idle slot, checked, on trial, and kept once it proved itself.

At every moment the board starts the old application or the new one, wholly: firmware/boot/slots.py.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from dexkit.bench.application import MANIFEST, Application, build
from dexkit.bench.mpremote import Board
from dexkit.errors import InputError, LinkError
from dexkit.kit_files import folder
from dexkit.protocol.tables import OBJECT_ID

#: In the order in which they are written: what is imported before what imports it.
BOOT_FILES = ("slots.py", "boot.py", "main.py")
OBJECT_FILE = "/object"
#: The oldest MicroPython that was tried.
OLDEST = (1, 24)

#: Prints path and SHA-256 of every file in both slots.
LIST = """
import slots
for slot in slots.SLOTS:
    try:
        for name in slots.listing("/" + slot):
            print(slot, name, slots.digest("/" + slot + "/" + name))
    except OSError:
        pass
"""
READ_OBJECT = f"""
try:
    with open("{OBJECT_FILE}") as file:
        print(file.read().strip())
except OSError:
    pass
"""
COPY = """
def copy(source, target):
    part = bytearray(512)
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            count = old.readinto(part)
            if not count:
                break
            new.write(memoryview(part)[:count])
"""


@dataclass(frozen=True)
class Installed:
    """What became of an installation.

    Parameters
    ----------
    object_kind
        Of the board.
    slot
        Where the new application lies; it is started next, on trial.
    sent, copied, kept
        How many of its files travelled, lay in the other slot, and lay in place already.
    """

    object_kind: str
    slot: str
    sent: int
    copied: int
    kept: int


def install(
    board: Board,
    object_kind: str | None = None,
    application: Application | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Installed:
    """Put an application into the idle slot and have it started next, on trial.

    Parameters
    ----------
    board
        A board at its prompt.
    object_kind
        What the board is in; None for what it was told before.
    application
        What to put there; None for this dexkit's.
    progress
        Called with the bytes done and the bytes to do.

    Raises
    ------
    InputError
        When it is not known what the board is in.
    LinkError
        When the board cannot take it, or did not keep what was written.
    """
    compiled = check_interpreter(board)
    kind = object_of(board, object_kind)
    application = application or build(compiled=compiled)
    for name in BOOT_FILES:
        put_if_other(board, f"/{name}", (folder("firmware") / "boot" / name).read_bytes())
    board.run("import slots\nslots.give_up()")
    good = board.ask("slots.state()")["good"]
    slot = board.ask(f"slots.other({good!r})")
    sent, copied, kept = fill(board, slot, good, application, progress)
    put_if_other(board, OBJECT_FILE, f"{kind}\n".encode())
    board.run(f"slots.begin_trial({slot!r})")
    return Installed(kind, slot, sent, copied, kept)


def check_interpreter(board: Board) -> bool:
    """Return whether the board runs bytecode for an RP2040; refuse what is no MicroPython, or too old."""
    board.run("import sys")
    board.run("here = sys.implementation")
    name, version, mpy = board.ask("(here.name, tuple(here.version)[:2], getattr(here, '_mpy', 0))")
    if name != "micropython" or tuple(version) < OLDEST:
        raise LinkError(
            f"The board runs {name} {'.'.join(map(str, version))}; dexkit needs MicroPython "
            f"{'.'.join(map(str, OLDEST))} or newer. Hold its BOOTSEL button while plugging it in, and copy "
            "the current RPI_PICO .uf2 file from micropython.org onto the drive that appears."
        )
    return bool(mpy)


def object_of(board: Board, object_kind: str | None) -> str:
    """Return what the board is in, as it was told now or before."""
    told = board.run(READ_OBJECT) if object_kind is None else object_kind
    if told not in OBJECT_ID:
        said = f"says {told!r}, which dexkit does not know" if told else "was never told"
        raise InputError(
            f"The board {said}: which object is it in? Say so: "
            f"dexkit flash {board.port} --object {' | '.join(OBJECT_ID)}"
        )
    return told


def put_if_other(board: Board, path: str, data: bytes) -> None:
    """Write a file at once, unless it is there already."""
    if board.digest(path) != hashlib.sha256(data).hexdigest():
        board.put(path, data)


def fill(
    board: Board, slot: str, good: str, application: Application, progress: Callable[[int, int], None]
) -> tuple[int, int, int]:
    """Make a slot hold an application, exactly; send only what the board has in neither slot."""
    files = {**application.files, MANIFEST: application.manifest}
    there = listed(board)
    kept = {name for name, digest in application.digests.items() if there[slot].get(name) == digest}
    for name in sorted(there[slot].keys() - kept):
        board.run(f"import os\nos.remove('/{slot}/{name}')")
    for path in sorted({f"/{slot}/{name}".rpartition("/")[0] for name in files}):
        make_folders(board, path)
    board.run(COPY)
    source = {digest: name for name, digest in there[good].items()}
    missing = sorted(files.keys() - kept)
    total = sum(len(files[name]) for name in missing)
    done = sent = 0
    for name in missing:
        twin = source.get(application.digests[name])
        if twin:
            board.run(f"copy('/{good}/{twin}', '/{slot}/{name}')")
        else:
            sent += 1
            start = done
            written = 0

            def step(count: int, start: int = start) -> None:
                nonlocal written
                written += count
                progress(start + written, total)

            board.write(f"/{slot}/{name}", files[name], step)
        done += len(files[name])
        progress(done, total)
    if listed(board)[slot] != application.digests:
        raise LinkError(
            "The board did not keep the application as it was written, so it goes on with the one it has. "
            "Probably its flash is full or worn out. Try again; if it stays so, use another board."
        )
    return sent, len(missing) - sent, len(kept)


def listed(board: Board) -> dict[str, dict[str, str]]:
    """Return path and SHA-256 of every file, by slot."""
    found: dict[str, dict[str, str]] = {"a": {}, "b": {}}
    for line in board.run(LIST).splitlines():
        slot, name, digest = line.split()
        found[slot][name] = digest
    return found


def make_folders(board: Board, path: str) -> None:
    """Make a folder and those above it."""
    parts = path.strip("/").split("/")
    for depth in range(1, len(parts) + 1):
        one = "/" + "/".join(parts[:depth])
        board.run(f"import os\ntry:\n os.mkdir({one!r})\nexcept OSError:\n os.stat({one!r})")
