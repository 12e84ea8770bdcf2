"""Where the kit's own files are: firmware sources and hardware files, in a checkout or an installed wheel."""

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
