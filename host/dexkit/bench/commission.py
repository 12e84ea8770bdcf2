"""The whole way of a board, from whatever is on it to a kit that has proved itself: `dexkit flash`.

Boot mode's drive -> MicroPython -> its port -> the application into the idle slot -> read back -> what the
kit is told -> started -> hello and self-test -> kept. Each step looks first at what is there already, so the
same command goes on wherever the way was cut off.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dexkit.bench import drive as boot_drive
from dexkit.bench import images
from dexkit.bench.drive import Drive
from dexkit.bench.flash import Installed, check_interpreter, confirm, install, plug_at
from dexkit.bench.identify import Found, identify
from dexkit.bench.identity import Told, read_told
from dexkit.bench.mpremote import Board
from dexkit.bench.prove import Proof
from dexkit.errors import InputError, LinkError
from dexkit.hardware import microcontrollers
from dexkit.link import names
from dexkit.link.ports import Plug, Port, plugs, where

#: A board that was given its image is a port within seconds; a system that looks for drivers takes longer.
APPEARS_S = 30.0
LOOK_S = 0.1
BOOTSEL = "hold the board's BOOTSEL button while plugging it in"


@dataclass(frozen=True)
class Wish:
    """What is wanted of a board.

    Parameters
    ----------
    told
        What the kit is told.
    board
        ``pico`` or ``pico_w``: which MicroPython a board in boot mode gets, since it cannot say what it is.
    uf2
        MicroPython's image as a file; None: the one kept here, or a download.
    anyway
        Take another image, replace another program, keep an application whose self-test finds a fault.
    """

    told: Told = field(default_factory=Told)
    board: str = "pico"
    uf2: Path | None = None
    anyway: bool = False

    def __post_init__(self) -> None:
        if self.board not in microcontrollers():
            raise InputError(
                f"There is no board {self.board!r} in the kit. Known: {', '.join(microcontrollers())}."
            )
        if self.uf2 is not None and not self.uf2.is_file():
            raise InputError(f"There is no file {self.uf2}. Probably it is misspelt. Check --uf2.")


@dataclass(frozen=True)
class Show:
    """How a person is told how far it is.

    Parameters
    ----------
    say
        Called with a line.
    progress
        Called with what is done, the bytes done, and the bytes to do.
    """

    say: Callable[[str], None] = lambda line: None
    progress: Callable[[str, int, int], None] = lambda what, done, total: None

    def of(self, what: str) -> Callable[[int, int], None]:
        """Return the progress of one step."""
        return lambda done, total: self.progress(what, done, total)


@dataclass(frozen=True)
class Clock:
    """The time that is waited by."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Commissioned:
    """A board that runs this dexkit.

    Parameters
    ----------
    plug
        Where it is.
    name
        Of the kit; empty where it was given none.
    installed, proof
        What was put on it, and what it has shown.
    """

    plug: Plug
    name: str
    installed: Installed
    proof: Proof

    def words(self) -> str:
        """Say it in a sentence."""
        hello = self.proof.hello
        called = f" {self.name!r}" if self.name else ""
        return (
            f"{self.installed.words()} The {hello.object_kind.replace('_', ' ')}{called} runs dexkit "
            f"{hello.firmware}."
        )


def places(port: str | None, folder: Path | None, *, every: bool) -> list[Drive | Plug]:
    """Return the boards that are meant.

    Parameters
    ----------
    port
        Name or URL of a port; None where nobody named one.
    folder
        The drive of a board in boot mode; None where nobody named one.
    every
        Whether all that are plugged in are meant.

    Raises
    ------
    InputError
        When nothing is there, or it is not clear which is meant.
    """
    if bool(port) + bool(folder) + every > 1:
        raise InputError("A port, --drive and --all each say which board is meant. Give one of them.")
    if port:
        return [plug_at(port)]
    if folder:
        return [boot_drive.drive_at(folder)]
    found: list[Drive | Plug] = [*boot_drive.drives(), *plugs()]
    if not found:
        raise InputError(
            boot_drive.unmounted()
            or "No board is plugged in. Plug one in; if it is new, or has no MicroPython, hold its "
            "BOOTSEL button meanwhile. Where its drive is not found, name it: --drive FOLDER"
        )
    if len(found) > 1 and not every:
        raise InputError(
            f"{len(found)} boards are plugged in: {', '.join(place.url for place in found)}. Name one, "
            "or take all of them: --all"
        )
    return found


def commission(
    place: Drive | Plug, wish: Wish, show: Show | None = None, clock: Clock | None = None
) -> Commissioned:
    """Bring a board to where it runs this dexkit, and has shown it.

    Parameters
    ----------
    place
        A board in boot mode, or at a port.
    wish
        What is wanted.
    show
        How a person is told.
    clock
        By which is waited.

    Raises
    ------
    InputError
        When it is not known what the board is in, it was told otherwise, or an image cannot be used.
    LinkError
        When the board cannot be reached, does not keep what is written, or does not prove itself.
    """
    show, clock = show or Show(), clock or Clock()
    was_in_boot_mode = isinstance(place, Drive)
    if isinstance(place, Drive):
        place = give_interpreter(place, wish, show, clock)
    with Board(where(place)) as board:
        found = identify(board)
        show.say(f"{place.url}: {found.words()}")
        if found.starts and not wish.anyway:
            raise InputError(
                f"On the board at {place.url} is another program ({', '.join(found.starts)}), which would be "
                "replaced. If nobody needs it any more: --anyway"
            )
        if not found.is_too_old:
            if not was_in_boot_mode and (wish.uf2 or wish.board != Wish.board):
                show.say(  # no refusal: the same command heals a board whose cable was pulled later on
                    f"{place.url}: --uf2 and --board were not used: they count only in boot mode. To replace "
                    f"its MicroPython, {BOOTSEL}, and say it again without a port."
                )
            return _install(board, place, found, wish, show)
        before = {drive.folder for drive in boot_drive.drives()}
        board.reset("bootloader")
    if "Pico W" in found.machine:  # it has said so; in boot mode it no longer can
        wish = replace(wish, board="pico_w")
    drive = _drive_that_appears(before, clock)
    place = give_interpreter(drive, wish, show, clock)
    with Board(where(place)) as board:
        return _install(board, place, identify(board), wish, show)


def _install(board: Board, plug: Plug, found: Found, wish: Wish, show: Show) -> Commissioned:
    """Install, start, and have it prove itself."""
    check_interpreter(found)
    installed = install(board, wish.told, progress=show.of("writing the application"))
    told = read_told(board)
    board.reset()
    show.say(f"{plug.url}: written and read back; it starts, and tests itself")
    proof = confirm(plug, installed, anyway=wish.anyway)
    names.remember(proof.hello.uid, told.object_kind, told.name)
    return Commissioned(plug, told.name, installed, proof)


def give_interpreter(drive: Drive, wish: Wish, show: Show, clock: Clock) -> Plug:
    """Put MicroPython on a board in boot mode; return the port at which it then is.

    Parameters
    ----------
    drive
        The board.
    wish
        Which image.
    show
        How a person is told.
    clock
        By which is waited.

    Raises
    ------
    InputError
        When the image cannot be used or fetched.
    LinkError
        When the drive is gone too soon, or no port comes.
    """
    kind = microcontrollers()[wish.board]
    others = " or ".join(f"--board {other}" for other in microcontrollers() if other != kind.kind)
    show.say(f"{drive.words()}; it cannot say what it is, and is taken for a {kind.kind} (else: {others})")
    data = images.image_for(kind, wish.uf2, anyway=wish.anyway, progress=show.of("fetching MicroPython"))
    before = {plug.url for plug in plugs()}
    boot_drive.copy(drive, data, show.of("copying MicroPython"))
    version = ".".join(map(str, kind.version))
    show.say(
        f"{drive.folder}: MicroPython {f'of {wish.uf2}' if wish.uf2 else version} for {kind.kind} was copied"
    )
    return _port_that_appears(before, clock)


def _port_that_appears(before: set[str], clock: Clock) -> Plug:
    """Wait for a port that was not there before, and that opens."""
    end_s, trouble = clock.now_s() + APPEARS_S, ""
    while clock.now_s() < end_s:
        new = [plug for plug in plugs() if plug.url not in before]
        if len(new) > 1:
            raise LinkError(
                f"Several boards have appeared: {', '.join(plug.url for plug in new)}. Each has its "
                "MicroPython; go on with all of them: dexkit flash --all"
            )
        if new:
            try:
                Port(new[0].url).close()
            except LinkError as error:  # rules for new ports take a moment
                trouble = str(error)
            else:
                return new[0]
        clock.sleep(LOOK_S)
    raise LinkError(
        trouble
        or f"MicroPython was copied, but no port has appeared within {APPEARS_S:.0f} s. Unplug the "
        f"board, plug it in without any button, and look with `dexkit ports`; if it is not there, "
        f"{BOOTSEL}, and give the same command again."
    )


def _drive_that_appears(before: set[Path], clock: Clock) -> Drive:
    """Wait for the drive of a board that was sent into boot mode."""
    end_s = clock.now_s() + APPEARS_S
    while clock.now_s() < end_s:
        new = [drive for drive in boot_drive.drives() if drive.folder not in before]
        if new:
            return new[0]
        clock.sleep(LOOK_S)
    raise LinkError(
        boot_drive.unmounted()
        or f"The board has an old MicroPython and was sent into boot mode, but no drive has appeared within "
        f"{APPEARS_S:.0f} s. Unplug it, {BOOTSEL}, and say `dexkit flash` without a port."
    )
