"""The drive that an RP2040 is in boot mode: found, named, and copied onto piece by piece.

In boot mode (BOOTSEL held while it is plugged in, or nothing on its flash) the boot ROM shows itself as a
small drive with INFO_UF2.TXT. What is copied there goes to the flash block by block; after the last one the
board starts and the drive is gone, so the end of a good copy may well look like an error.
"""

import errno
import os
import re
import string
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dexkit.errors import InputError, LinkError

INFO = "INFO_UF2.TXT"
#: What the boot ROM of an RP2040 calls itself and its drive.
BOARD_ID = "RPI-RP2"
PIECE_BYTES = 1 << 15
MOUNTS = Path("/proc/mounts")
LABELS = Path("/dev/disk/by-label")
COPIED = "micropython.uf2"


@dataclass(frozen=True)
class Drive:
    """A board in boot mode.

    Parameters
    ----------
    folder
        Where its drive is mounted.
    model, board_id
        As INFO_UF2.TXT says.
    """

    folder: Path
    model: str
    board_id: str

    @property
    def url(self) -> str:
        """What to call it."""
        return str(self.folder)

    def words(self) -> str:
        """Say what is there."""
        return f"{self.folder}: a board in boot mode ({self.model}): new, or its BOOTSEL button was held"


def drives() -> list[Drive]:
    """Return the boards of this machine that are in boot mode, in the order of their folders."""
    found = [drive for place in sorted(set(_places())) if (drive := _look(place)) is not None]
    return [drive for drive in found if drive.board_id == BOARD_ID]


def drive_at(folder: Path) -> Drive:
    """Return the drive that somebody named.

    Parameters
    ----------
    folder
        Where it is mounted.

    Raises
    ------
    InputError
        When it is no RP2040's.
    """
    drive = _look(folder)
    if drive is None:
        raise InputError(
            f"{folder} is no board in boot mode: it has no {INFO}. Hold the board's BOOTSEL button while "
            "plugging it in, and name the drive that appears."
        )
    if drive.board_id != BOARD_ID:
        raise InputError(
            f"{folder} is a {drive.model} ({drive.board_id}), with which dexkit was not tried, so "
            "nothing was copied. The kit is made for a Raspberry Pi Pico or Pico W (RP2040)."
        )
    return drive


def unmounted() -> str:
    """Say that a board in boot mode is there whose drive nobody mounted; empty when there is none."""
    label = LABELS / BOARD_ID
    if not label.exists() or drives():
        return ""
    return (
        f"A board in boot mode is plugged in, but its drive is not mounted. Mount it, `udisksctl mount "
        f"-b {label}`, and try again, or name its folder: --drive FOLDER"
    )


def copy(drive: Drive, data: bytes, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Copy an image onto a board's drive; the board starts with its last block.

    Parameters
    ----------
    drive
        Where.
    data
        A whole UF2 file, checked.
    progress
        Called with the bytes copied and the bytes to copy.

    Raises
    ------
    LinkError
        When the drive may not be written to, or is gone before all was there.
    """
    done = 0
    try:
        with (drive.folder / COPIED).open("wb", buffering=0) as file:
            for at in range(0, len(data), PIECE_BYTES):
                last = at + PIECE_BYTES >= len(data)
                file.write(data[at : at + PIECE_BYTES])
                done = len(data) if last else done
                os.fsync(file.fileno())  # else it would only be in this computer's memory
                progress(min(at + PIECE_BYTES, len(data)), len(data))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise LinkError(
                f"The drive {drive.folder} may not be written to ({error.strerror}). Probably it was mounted "
                "by another user or read-only. Unmount it, then mount it yourself: udisksctl mount -b DEVICE"
            ) from None
        if done < len(data):
            raise LinkError(
                f"The drive {drive.folder} was gone before the copy was whole ({error.strerror or error}). "
                "Probably the cable was pulled. Hold the BOOTSEL button while plugging the board in, and "
                "give the same command again."
            ) from None


def _look(place: Path) -> Drive | None:
    """Return the drive that is mounted there, or None."""
    try:
        text = (place / INFO).read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    facts = dict(re.findall(r"^([\w-]+): *(.*?)\s*$", text, flags=re.MULTILINE))
    return Drive(place, facts.get("Model", "an unknown model"), facts.get("Board-ID", ""))


def _places() -> Iterator[Path]:
    """Yield where drives are mounted on this system."""
    if sys.platform == "win32":
        yield from (Path(f"{letter}:\\") for letter in string.ascii_uppercase[2:])
    elif sys.platform == "darwin":
        yield from Path("/Volumes").glob("*")
    else:
        try:
            lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError:
            return
        for _, place, system, *_ in (line.split(" ") for line in lines if line.count(" ") > 2):
            if system in ("vfat", "msdos"):  # a look at others could hang, or wake a server up
                yield Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place))
