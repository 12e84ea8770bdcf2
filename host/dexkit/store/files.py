"""Files that survive a power cut: written beside their place, synced, renamed, and the folder synced too."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dexkit.errors import StoreError
from dexkit.whole_file import sync_folder

_STEPS = {
    errno.ENOSPC: "Free some space and do it again.",
    errno.EDQUOT: "Free some space and do it again.",
    errno.EFBIG: "Free some space and do it again.",
    errno.EACCES: "Choose a folder that you may write to.",
    errno.EPERM: "Choose a folder that you may write to.",
    errno.EROFS: "Choose a folder that you may write to.",
    errno.ENOENT: "Check the name, and make that folder first.",
    errno.ENOTDIR: "Check the name, and make that folder first.",
}


@contextlib.contextmanager
def disk(path: Path, what: str = "write") -> Iterator[None]:
    """Turn what the disk refuses into one sentence with the next step.

    Parameters
    ----------
    path
        The file that is being worked on.
    what
        The work as a verb.

    Raises
    ------
    StoreError
        When the disk refuses.
    """
    try:
        yield
    except OSError as error:
        step = _STEPS.get(error.errno or 0, "Check the disk and the path.")
        if what == "read" and isinstance(error, FileNotFoundError):
            step = "Check the name."
        raise StoreError(f"Cannot {what} {path}: {error.strerror or error}. {step}") from error


def make_folder(folder: Path) -> None:
    """Make a folder that only this user may look into; one that is there stays as it is.

    Parameters
    ----------
    folder
        The folder; its parents are made too.
    """
    if not folder.is_dir():
        with disk(folder, "make"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder.parent)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name only when it is whole and on the disk.

    Parameters
    ----------
    path
        Its name in the end; what is there under this name goes then.

    Raises
    ------
    StoreError
        When the disk refuses; what was there before stays.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with disk(path):
            with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write(path: Path, data: bytes) -> None:
    """Write a whole file: the old one or the new one is there at any moment.

    Parameters
    ----------
    path
        Its name.
    data
        All of it.

    Raises
    ------
    StoreError
        When the disk refuses; what was there before stays.
    """
    with replacing(path) as file:
        file.write(data)


def wipe(path: Path) -> None:
    """Overwrite a file and remove it; one that is not there is well.

    The disk may have kept older copies of its blocks: docs/records.md says what follows from that.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    StoreError
        When the disk refuses.
    """
    with disk(path, "remove"), contextlib.suppress(FileNotFoundError):
        with path.open("r+b") as file:
            _overwrite(file)
        path.unlink()
        sync_folder(path.parent)


def write_and_wipe_old(path: Path, data: bytes) -> None:
    """Write a whole file as `write` does, and overwrite what was under this name before.

    Parameters
    ----------
    path
        Its name.
    data
        All of it.

    Raises
    ------
    StoreError
        When the disk refuses; what was there before stays.
    """
    old = path.open("r+b") if path.exists() else None
    try:
        write(path, data)
        if old is not None:
            with contextlib.suppress(OSError):  # the new file is whole; the old one has no name any more
                _overwrite(old)
    finally:
        if old is not None:
            with contextlib.suppress(OSError):  # a full disk refuses again what could not be overwritten
                old.close()


def _overwrite(file: IO[bytes]) -> None:
    left = os.fstat(file.fileno()).st_size
    while left > 0:
        left -= file.write(bytes(min(left, 1 << 20)))
    file.flush()
    os.fsync(file.fileno())
