"""Files that are whole or not there, also after a power cut; and no device taken for a file."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from dexkit.errors import InputError


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file: what was there before, or the new one, is there at any moment.

    Parameters
    ----------
    path
        Its name; its folder exists.
    data
        All of it; text becomes UTF-8.

    Raises
    ------
    InputError
        When the name is a device's.
    OSError
        When the disk refuses.
    """
    refuse_device(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut; not every system lets a folder be opened.

    Parameters
    ----------
    folder
        The folder itself.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refuse_device(path: Path) -> None:
    """Raise InputError where a path is a device: reading it may never end, and replacing it removes it.

    Parameters
    ----------
    path
        What was named.
    """
    if path.is_char_device() or path.is_block_device():
        raise InputError(f"{path} is a device, not a file; probably it was named by mistake. Name a file.")


def save(work: Callable[[], None], path: Path) -> None:
    """Do work that writes; raise InputError where the disk refuses.

    Parameters
    ----------
    work
        Writes.
    path
        Where to.
    """
    try:
        work()
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> InputError:
    """Return what to tell a person when the disk refuses.

    Parameters
    ----------
    path
        Where to.
    error
        Why not.
    """
    return InputError(
        f"Cannot write {path}: {error.strerror}. Check that the folder exists and may be written to."
    )
