"""How far a published number can be trusted, and how the CSV files that carry such numbers are read."""

import csv
from enum import StrEnum
from importlib.resources import files

from dexkit.errors import InputError


class Status(StrEnum):
    """Where a published number was read."""

    VERIFIED_PRIMARY = "verified_primary"  # in the printed table of the paper
    VERIFIED_CODED = "verified_coded"  # in other people's software, which says the same
    VERIFIED_ABSTRACT = "verified_abstract"  # in the paper's abstract or on a page that quotes the paper
    DERIVED = "derived"  # follows by arithmetic from numbers that were read
    RECALLED = "recalled"  # from memory, not confirmed
    BLOCKED = "blocked"  # speaks against other numbers that were read

    @property
    def usable(self) -> bool:
        """Whether a person may be compared with it."""
        return self not in (Status.RECALLED, Status.BLOCKED)


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of this package, each a value for each column.

    Parameters
    ----------
    name
        Path under ``dexkit/score``, such as ``norms/mathiowetz_1985.csv``.

    Raises
    ------
    InputError
        When the file is missing, or a row has too few or too many cells.
    """
    try:
        text = (files("dexkit.score") / name).read_text(encoding="utf-8")
    except OSError:
        raise InputError(
            f"This installation of dexkit has no file score/{name}. Probably it was built without it. "
            f"Install dexkit again."
        ) from None
    rows = list(csv.DictReader(text.splitlines()))
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(
                f"Line {line} of score/{name} has another number of cells than the heading. Probably a "
                f"comma was typed without quotation marks. Correct the line, or install dexkit again."
            )
    return rows
