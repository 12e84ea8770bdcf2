"""Gets MicroPython's image for a board: a file that is given, the one kept here, or a download; checked."""

import hashlib
import http.client
import urllib.request
from collections.abc import Callable
from pathlib import Path

from dexkit.bench.uf2 import read_uf2
from dexkit.errors import InputError
from dexkit.hardware import Microcontroller, microcontrollers
from dexkit.kit_files import image_folder

ANSWER_S = 30.0  # a server that says nothing for so long is given up
PIECE_BYTES = 1 << 14
#: No image is larger than the flash it is for, twice over as UF2; who sends more sends something else.
LARGEST_BYTES = 8 << 20

Progress = Callable[[int, int], None]


def image_for(
    board: Microcontroller, given: Path | None, *, anyway: bool, progress: Progress = lambda done, total: None
) -> bytes:
    """Return the UF2 file to copy onto a board's drive, checked.

    Parameters
    ----------
    board
        Whose image.
    given
        A file to take; None for the one that is kept here, or else a download.
    anyway
        Take the given file although its SHA-256 is not the pinned one.
    progress
        Called with the bytes fetched and the bytes to fetch.

    Raises
    ------
    InputError
        When it cannot be read or fetched, is damaged, or is not the image that dexkit was tried with.
    """
    kept = image_folder() / board.image
    if given is not None:
        data = _read(given)
        read_uf2(data, str(given), board.flash_bytes)  # before the hash: it knows better what is wrong
        if not anyway:
            _compare(data, str(given), board)
        return data
    data = _read(kept) if kept.is_file() else b""
    if _sha256(data) != board.sha256:
        data = _fetch(board, kept, progress)
    read_uf2(data, board.image, board.flash_bytes)
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. Check its name.") from None


def _compare(data: bytes, name: str, board: Microcontroller) -> None:
    """Refuse a file that is not the one that dexkit was tried with."""
    digest = _sha256(data)
    if digest == board.sha256:
        return
    for other in microcontrollers().values():
        if digest == other.sha256:
            raise InputError(
                f"{name} is MicroPython for {other.kind}, and the board is taken for {board.kind}. If it "
                f"is a {other.kind}, say so: --board {other.kind}"
            )
    raise InputError(
        f"{name} is not {board.image}, with which dexkit was tried (its SHA-256 is {digest[:12]}..., not "
        f"{board.sha256[:12]}...), so it was not copied. Fetch {board.url}, or take this one on your own "
        "account: --anyway"
    )


def _fetch(board: Microcontroller, kept: Path, progress: Progress) -> bytes:
    """Download the image into the cache folder; a part of it is never left there."""
    by_hand = f"Fetch {board.url} where there is internet, and add: --uf2 {board.image}"
    try:
        with urllib.request.urlopen(board.url, timeout=ANSWER_S) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            pieces, size = [], 0
            while piece := answer.read(PIECE_BYTES):
                pieces.append(piece)
                size += len(piece)
                progress(size, total)
                if size > LARGEST_BYTES:
                    break
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", "") or error or type(error).__name__).splitlines()[0]
        raise InputError(f"MicroPython cannot be fetched here ({reason}). {by_hand}") from None
    data = b"".join(pieces)
    if _sha256(data) != board.sha256:
        raise InputError(
            f"What came from {board.url} is not {board.image}: its SHA-256 is {_sha256(data)[:12]}..., not "
            f"{board.sha256[:12]}..., so it was thrown away. Probably the network put a page in its place. "
            f"{by_hand}"
        )
    fresh = kept.with_suffix(".part")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(data)
        fresh.replace(kept)
    except OSError:  # it is there, and is fetched again the next time
        fresh.unlink(missing_ok=True)
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
