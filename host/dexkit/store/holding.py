"""Which process has a running recording: a lock beside its file that the system lets go with the process."""

import contextlib
import os
from pathlib import Path
from typing import IO

from dexkit.store import files


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def hold(path: Path) -> IO[bytes] | None:
    """Hold a recording for as long as this process lives; None where another process has it.

    Parameters
    ----------
    path
        The recording's file; it need not be there yet.
    """
    with files.disk(path):
        file = _lock_of(path).open("ab")
    try:
        _lock(file)
    except OSError:
        file.close()
        return None
    return file


def let_go(path: Path, held: IO[bytes]) -> None:
    """Let a recording go.

    Parameters
    ----------
    path
        The recording's file.
    held
        What `hold` returned.
    """
    held.close()
    with contextlib.suppress(OSError):
        _lock_of(path).unlink()


if os.name == "nt":  # pragma: no cover

    def _lock(file: IO[bytes]) -> None:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:

    def _lock(file: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
