"""Where files are: the kit's own, in a checkout or an installed wheel, and this user's settings."""

import os
import sys
from pathlib import Path

from dexkit.errors import InputError

#: Folders of the checkout that a wheel carries as well, inside the package.
FOLDERS = ("firmware", "hardware")
PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of firmware sources (``firmware``) or hardware files (``hardware``).

    Raises
    ------
    InputError
        When the installation lacks it.
    """
    place = PACKAGE.parent.parent if PACKAGE.parent.name == "host" else PACKAGE / "kit"
    if (place / name).is_dir():
        return place / name
    raise InputError(
        f"This installation of dexkit has no folder {name!r}. Probably the wheel was built without it. "
        f"Install dexkit again, or work in a checkout."
    )


def config_folder() -> Path:
    """Return where this user's settings of dexkit are."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "dexkit"


def cannot_keep(path: Path, error: OSError) -> InputError:
    """Return what to tell a person when something in this user's folder cannot be written.

    Parameters
    ----------
    path
        What.
    error
        Why not.
    """
    return InputError(
        f"Cannot write {path} ({error.strerror}). Probably the disk is full or the folder is not yours. "
        "`dexkit doctor` says what can be done about it."
    )


def cache_folder() -> Path:
    """Return dexkit's folder for what can be fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dexkit"


def image_folder() -> Path:
    """Return where MicroPython's images are kept once they were fetched."""
    return cache_folder() / "micropython"
