"""What a kit was told once: the object that it is in, and its name; kept on the board, outside the slots.

/kit holds both, sealed, with the board's unique id; only the host reads it. /object is the one word that the
application reads, and is written last: where the two differ, a change was cut off, and is finished here.
"""

import hashlib
import json
from dataclasses import dataclass

from dexkit.bench.mpremote import Board
from dexkit.errors import InputError
from dexkit.protocol.tables import OBJECT_ID

KIT_FILE, OBJECT_FILE, CALIBRATION_FILE = "/kit", "/object", "/calibration"
NAME_LETTERS = 40
#: Prints a file, or nothing where there is none.
READ = """
try:
    with open("{}") as file:
        print(file.read().strip())
except OSError:
    pass
"""
SET_ASIDE = """
import os
try:
    os.rename({0!r}, {0!r} + ".{1}")
except OSError:
    pass
"""


@dataclass(frozen=True)
class Told:
    """What a kit is told, or was.

    Parameters
    ----------
    object_kind
        The object that it is in; empty: as it was told before.
    name
        Its name; empty: as it was told before, or none.
    rename
        Whether it is in another object from now on, although it was told before.
    """

    object_kind: str = ""
    name: str = ""
    rename: bool = False

    def __post_init__(self) -> None:
        if self.object_kind and self.object_kind not in OBJECT_ID:
            raise InputError(
                f"There is no object {self.object_kind!r}; probably it is misspelt. Known: "
                f"{', '.join(OBJECT_ID)}."
            )
        if self.name and (
            len(self.name) > NAME_LETTERS or not self.name.isprintable() or self.name.isspace()
        ):
            raise InputError(
                f"{self.name[:NAME_LETTERS]!r} cannot be a kit's name: it is printed on lines and "
                f"labels. Take up to {NAME_LETTERS} letters."
            )


def unique_id(board: Board) -> str:
    """Return a board's unique id in hexadecimal, as its hello says it."""
    board.run("import binascii, machine")
    return str(board.ask("binascii.hexlify(machine.unique_id()).decode()"))


def read_told(board: Board) -> Told:
    """Return what a kit was told before; nothing where it was not, or nothing of it can be trusted.

    Parameters
    ----------
    board
        At its prompt.
    """
    facts = _unsealed(board.run(READ.format(KIT_FILE)))
    if facts.get("uid") == unique_id(board) and facts.get("object") in OBJECT_ID:
        return Told(str(facts["object"]), str(facts.get("name", "")))
    word = board.run(READ.format(OBJECT_FILE))
    return Told(word if word in OBJECT_ID else "")


def agree(board: Board, wanted: Told) -> Told:
    """Return what a kit is to know from now on, wholly; nothing is written yet.

    Parameters
    ----------
    board
        At its prompt.
    wanted
        What to tell it.

    Raises
    ------
    InputError
        When it was told another object before, or was never told one.
    """
    before = read_told(board)
    kind, name = wanted.object_kind or before.object_kind, wanted.name or before.name
    if not kind:
        raise InputError(
            "The board was never told which object it is in. Say so: "
            f"dexkit flash {board.port} --object {' | '.join(OBJECT_ID)}"
        )
    if before.object_kind not in ("", kind) and not wanted.rename:
        whose = f"{_plain(before.object_kind)}{f' {before.name!r}' if before.name else ''}"
        raise InputError(
            f"The board at {board.port} is a {whose}, so it was not flashed as a {_plain(kind)}. "
            f"Probably it is the wrong board. If it is in a {_plain(kind)} from now on, say "
            f"--rename-object {kind}; its calibration is then set aside."
        )
    return Told(kind, name)


def tell(board: Board, told: Told) -> None:
    """Tell a kit what it is in, and its name.

    Parameters
    ----------
    board
        At its prompt.
    told
        What was agreed.

    Raises
    ------
    LinkError
        When it does not keep it.
    """
    facts = {"uid": unique_id(board), "object": told.object_kind, "name": told.name}
    board.put_if_other(KIT_FILE, _sealed(facts))
    word = board.run(READ.format(OBJECT_FILE))
    if word in OBJECT_ID and word != told.object_kind:
        board.run(SET_ASIDE.format(CALIBRATION_FILE, word))
    board.put_if_other(OBJECT_FILE, f"{told.object_kind}\n".encode())


def _plain(kind: str) -> str:
    return kind.replace("_", " ")


def _sealed(facts: dict[str, str]) -> bytes:
    """Return a line of JSON, and a line with its SHA-256."""
    line = json.dumps(facts).encode()  # ASCII
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def _unsealed(text: str) -> dict[str, str]:
    """Return the facts of a sealed file; none where a letter of it is another."""
    line, _, seal = text.partition("\n")
    if hashlib.sha256(line.encode()).hexdigest() != seal.strip():
        return {}
    facts = json.loads(line)
    return facts if isinstance(facts, dict) else {}
