"""The boards that were paired: one file each in the user's config folder, which nobody else may read."""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dexkit.errors import InputError
from dexkit.kit_files import config_folder
from dexkit.link.sealed import KEY_BYTES
from dexkit.protocol.tables import NET_PORT

_AGAIN = "Plug the board in and pair it again: dexkit pair PORT --ssid NAME"


@dataclass(frozen=True)
class Pair:
    """What this computer knows of a paired board.

    Parameters
    ----------
    uid
        The board's unique id.
    object_kind
        What it is in.
    key
        32 bytes that only the board and this user have.
    name
        Under which it answers in the local network.
    address
        Where it was last.
    """

    uid: str
    object_kind: str
    key: bytes
    name: str
    address: str
    port: int = NET_PORT

    def __repr__(self) -> str:
        """Return who it is, without the key."""
        return f"Pair({self.uid!r}, {self.object_kind!r})"


def _file(uid: str) -> Path:
    if not uid.isalnum():
        raise InputError(f"{uid!r} is no board's id. Take one that `dexkit ports` shows, as in net:UID.")
    return config_folder() / "boards" / f"{uid}.json"


def save(pair: Pair) -> Path:
    """Keep a pair; return the file.

    Parameters
    ----------
    pair
        All of it.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    path = _file(pair.uid)
    facts = {**vars(pair), "key": b64encode(pair.key).decode()}
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(facts, file)
        fresh.replace(path)
    except OSError as error:
        raise InputError(
            f"The key cannot be kept in {path} ({error.strerror}), so the board was not paired. Make "
            "room, or make the folder writable."
        ) from None
    return path


def load(uid: str) -> Pair:
    """Return what is known of a board.

    Parameters
    ----------
    uid
        Its id.

    Raises
    ------
    InputError
        When it was not paired here, or the file is damaged or open to others.
    """
    path = _file(uid)
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(
                f"Others may read the key in {path}, so it is not used. Close it: chmod 600 {path}; if "
                "somebody may have read it, pair the board again."
            )
        facts = json.loads(path.read_text(encoding="utf-8"))
        pair = Pair(**{**facts, "key": b64decode(facts["key"], validate=True)})
    except FileNotFoundError:
        raise InputError(f"The board {uid} is not paired with this computer. {_AGAIN}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"The key file {path} cannot be read or is damaged. {_AGAIN}") from None
    if pair.uid != uid or len(pair.key) != KEY_BYTES:
        raise InputError(f"The key file {path} is of another board or damaged. {_AGAIN}")
    return pair


def forget(uid: str) -> None:
    """Throw a board's key away.

    Parameters
    ----------
    uid
        Its id.
    """
    _file(uid).unlink(missing_ok=True)


def paired() -> Iterator[str]:
    """Yield the ids of all paired boards."""
    yield from sorted(path.stem for path in (config_folder() / "boards").glob("*.json"))
