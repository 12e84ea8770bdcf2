"""The names of kits, as this computer last heard them: one small file each in the user's config folder.

A board keeps its own name where only `dexkit flash` reads it; this is what `dexkit ports` shows.
"""

import contextlib
import json
from pathlib import Path

from dexkit.kit_files import config_folder
from dexkit.whole_file import write_whole


def _file(uid: str) -> Path:
    return config_folder() / "kits" / f"{uid}.json"


def remember(uid: str, object_kind: str, name: str) -> None:
    """Keep a kit's name; one that cannot be kept is not shown, which is all that happens.

    Parameters
    ----------
    uid
        The board's unique id.
    object_kind
        What it is in.
    name
        Its name; empty where it has none.
    """
    path = _file(uid)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"object": object_kind, "name": name}))


def name_of(uid: str) -> str:
    """Return the name of a kit; empty where none is known.

    Parameters
    ----------
    uid
        The board's unique id.
    """
    try:
        return str(json.loads(_file(uid).read_text(encoding="utf-8"))["name"]) if uid.isalnum() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
