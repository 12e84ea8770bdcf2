"""Puts an application on a board: into the idle slot, checked, on trial, and kept once it proved itself.

At every moment the board starts the old application or the new one, wholly: firmware/boot/slots.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dexkit.bench.application import MANIFEST, Application, build
from dexkit.bench.identify import OLDEST, Found, identify
from dexkit.bench.identity import READ, Told, agree, tell
from dexkit.bench.mpremote import Board
from dexkit.bench.prove import Proof, prove
from dexkit.errors import LinkError
from dexkit.kit_files import folder
from dexkit.link.ports import Plug, plugs, where

#: In the order in which they are written: what is imported before what imports it.
BOOT_FILES = ("slots.py", "boot.py", "main.py")
#: Left free by an update, for the boot code's notes, settings and folders.
SPARE_BLOCKS = 8

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
        Where the application lies that is started next.
    on_trial
        Whether it is new, and there is another one to fall back to.
    sent, copied, kept
        How many of its files travelled, lay in the other slot, and lay in place already.
    """

    object_kind: str
    slot: str
    on_trial: bool
    sent: int
    copied: int
    kept: int

    def words(self) -> str:
        """Say it in a sentence."""
        if not self.sent + self.copied:
            return "Nothing to do: the application was there already."
        return f"{self.sent} files sent, {self.copied} copied from the other slot, {self.kept} kept."


def flash(
    port: str,
    object_kind: str | None = None,
    *,
    anyway: bool = False,
    application: Application | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Installed, Proof]:
    """Put an application on a board, start it, and keep it once it has proved itself.

    Parameters
    ----------
    port
        Name or URL of the board's port.
    object_kind
        What the board is in; None for what it was told before.
    anyway
        Keep the application although its self-test finds a fault.
    application
        What to put there; None for this dexkit's.
    progress
        Called with the bytes done and the bytes to do.

    Raises
    ------
    InputError
        When it is not known what the board is in, or a package is missing.
    LinkError
        When the board cannot be reached, does not keep what is written, or its new application does not prove
        itself: then the board goes on with the one it had.
    """
    plug = plug_at(port)
    with Board(port) as board:
        installed = install(board, object_kind, application, progress)
        board.reset()
    return installed, confirm(plug, installed, anyway=anyway)


def plug_at(port: str) -> Plug:
    """Return the plug at a port now, so that it is found again when the port's name has changed."""
    return next((plug for plug in plugs() if plug.url == port), Plug(port))


def confirm(plug: Plug, installed: Installed, *, anyway: bool = False) -> Proof:
    """Have an application that was just started prove itself; put it back when it does not.

    Parameters
    ----------
    plug
        Where the board is.
    installed
        What was installed.
    anyway
        Keep the application although its self-test finds a fault.

    Raises
    ------
    LinkError
        When it does not prove itself: then the board goes on with the one it had.
    """
    try:
        proof = prove(plug, on_trial=installed.on_trial)
    except LinkError as error:
        raise LinkError(f"{error} {put_back(plug)}") from None
    if not proof.kept and proof.faults and anyway:
        keep(plug, installed.slot)
    elif not proof.kept:
        found = "; ".join(proof.faults) or "nothing, but the board could not write that down"
        raise LinkError(
            f"Its self-test found: {found}. {put_back(plug)} To keep the new one all the same: --anyway"
        )
    return proof


def keep(plug: Plug, slot: str) -> None:
    """Keep an application although it did not prove itself."""
    with Board(where(plug)) as board:
        board.run(f"import slots\nslots.write_state({slot!r}, 0, {slot!r})")
        board.reset()


def put_back(plug: Plug) -> str:
    """End a trial that failed; return in words how, and what the board does now."""
    try:
        with Board(where(plug)) as board:
            failure = board.run(READ.format("/failure"))
            board.run("import slots\nslots.give_up()")
            whole = board.ask("slots.is_whole(slots.state()['use'])")
            board.reset()
    except LinkError as error:
        return f"By its third start the board goes back by itself. {error}"
    words = f"On the board: {failure}. " if failure else ""
    return words + ("The board goes on with the application it had." if whole else "The board has no other.")


def install(
    board: Board,
    told: Told | str | None = None,
    application: Application | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Installed:
    """Put an application into the idle slot and have it started next, on trial.

    Parameters
    ----------
    board
        A board at its prompt.
    told
        What the board is in, or more that it is told; None for what it was told before.
    application
        What to put there; None for this dexkit's.
    progress
        Called with the bytes done and the bytes to do.

    Raises
    ------
    InputError
        When it is not known what the board is in, or it was told otherwise before.
    LinkError
        When the board cannot take it, or did not keep what was written.
    """
    found = identify(board)
    check_interpreter(found)
    agreed = agree(board, told if isinstance(told, Told) else Told(told or ""))
    kind = agreed.object_kind
    application = application or build(compiled=found.compiled)
    for name in BOOT_FILES:
        board.put_if_other(f"/{name}", (folder("firmware") / "boot" / name).read_bytes())
    board.run("import slots\nslots.give_up()")
    good = board.ask("slots.state()")["good"]
    there = listed(board)
    if there[good] == application.digests:
        tell(board, agreed)
        return Installed(kind, good, False, 0, 0, len(application.digests))
    slot = board.ask(f"slots.other({good!r})")
    sent, copied, kept = fill(board, slot, there[slot], there[good], application, progress)
    tell(board, agreed)
    board.run(f"import os\ntry:\n os.remove('/failure')\nexcept OSError:\n pass\nslots.begin_trial({slot!r})")
    return Installed(kind, slot, board.ask("slots.state()")["tries"] > 0, sent, copied, kept)


def check_interpreter(found: Found) -> None:
    """Refuse a board that is no RP2040 with MicroPython, or with one that is too old."""
    if not found.is_micropython or found.is_too_old:
        raise LinkError(
            f"The board runs {found.words().removesuffix(', without dexkit')}; dexkit needs MicroPython "
            f"{'.'.join(map(str, OLDEST))} or newer on an RP2040. If it is a Pico or Pico W, hold its "
            "BOOTSEL button while plugging it in, and say `dexkit flash` without a port."
        )


def fill(
    board: Board,
    slot: str,
    there: Mapping[str, str],
    elsewhere: Mapping[str, str],
    application: Application,
    progress: Callable[[int, int], None],
) -> tuple[int, int, int]:
    """Make a slot hold an application, exactly; send only what the board has in neither slot.

    Parameters
    ----------
    board
        A board at its prompt, with the boot code.
    slot
        Which.
    there, elsewhere
        SHA-256 of each file in this slot and in the other.
    application
        What it is to hold.
    progress
        Called with the bytes done and the bytes to do.

    Returns
    -------
    tuple
        How many files were sent, copied, and kept.

    Raises
    ------
    LinkError
        When there is no room for it, or the board did not keep what was written.
    """
    files = {**application.files, MANIFEST: application.manifest}
    kept = {name for name, digest in application.digests.items() if there.get(name) == digest}
    for name in sorted(there.keys() - kept):
        board.run(f"import os\nos.remove('/{slot}/{name}')")
    missing = sorted(files.keys() - kept)
    free, block_bytes = board.free_blocks()
    if sum(-(-len(files[name]) // block_bytes) for name in missing) + SPARE_BLOCKS > free:
        raise LinkError(board.full())
    for path in sorted({f"/{slot}/{name}".rpartition("/")[0] for name in missing}):
        make_folders(board, path)
    board.run(COPY)
    twins = {digest: name for name, digest in elsewhere.items()}
    total, done, sent = sum(len(files[name]) for name in missing), 0, 0
    for name in missing:
        if twin := twins.get(application.digests[name]):
            board.run(f"copy('/{'ab'.replace(slot, '')}/{twin}', '/{slot}/{name}')")
        else:
            sent += 1
            board.write(f"/{slot}/{name}", files[name])
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
