"""One backup file: sealed sections, then twice the sealed list of them; each byte is accounted for."""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from dexkit.errors import StoreError
from dexkit.store.sealing import SealBrokenError, seal, unseal

MAGIC = b"dexkit backup 1\n"
END = b"\ndexkit end 1"
_CONTEXT = "backup contents"


@dataclass(frozen=True)
class Section:
    """One sealed piece of a backup.

    Parameters
    ----------
    kind
        ``person``, ``trial``, ``recording``, ``audit``, ``erasures``.
    person
        Id of the person whose key seals it; empty for the store's key.
    name
        What it is called when it is damaged.
    start, size
        Where it lies, in bytes.
    sha256
        Of its sealed bytes.
    """

    kind: str
    person: str
    name: str
    start: int
    size: int
    sha256: str


class BundleWriter:
    """Write a backup file.

    Parameters
    ----------
    file
        Empty.
    key
        For the table of contents.
    """

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        self._file = file
        self._key = key
        self._sections: list[Section] = []
        self._at = file.write(MAGIC)

    def add(self, kind: str, person: str, name: str, sealed: bytes) -> None:
        """Add a section.

        Parameters
        ----------
        kind, person, name
            As in `Section`.
        sealed
            Its bytes.
        """
        digest = hashlib.sha256(sealed).hexdigest()
        self._sections.append(Section(kind, person, name, self._at, len(sealed), digest))
        self._at += self._file.write(sealed)

    def finish(self) -> None:
        """Write the table of contents, twice: a damage in one of them loses nothing."""
        table = json.dumps([list(asdict(section).values()) for section in self._sections]).encode()
        sealed = seal(self._key, zlib.compress(table), _CONTEXT)
        for _ in range(2):
            self._file.write(sealed + len(sealed).to_bytes(8, "little") + END)


class Bundle:
    """Read a backup file.

    Parameters
    ----------
    path
        The file.
    file
        Open for reading.
    key
        For the table of contents.

    Attributes
    ----------
    damages
        What is damaged outside of the sections.

    Raises
    ------
    StoreError
        When it is no backup, another store's, or both tables of contents are damaged.
    """

    def __init__(self, path: Path, file: IO[bytes], key: bytes) -> None:
        self._file = file
        self.damages: list[str] = []
        size = file.seek(0, 2)
        found = self._table(size, key)
        if found is None:
            raise StoreError(
                f"{path} is no backup of these records, or is damaged at its end, where its contents are "
                "listed "
                "twice. Take another backup."
            )
        self.sections, sealed = found
        last = max((section.start + section.size for section in self.sections), default=len(MAGIC))
        end = sealed + len(sealed).to_bytes(8, "little") + END
        if self._at(0, len(MAGIC)) != MAGIC:
            self.damages.append("the first line of the file")
        if self._at(last, len(end)) != end:
            self.damages.append("the first list of its contents")
        if self._at(last + len(end), size) != end:
            self.damages.append("the second list of its contents")

    def sealed(self, section: Section) -> bytes | None:
        """Return a section's bytes; None where they are damaged.

        Parameters
        ----------
        section
            Of this file.
        """
        data = self._at(section.start, section.size)
        return data if hashlib.sha256(data).hexdigest() == section.sha256 else None

    def _at(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def _table(self, size: int, key: bytes) -> tuple[list[Section], bytes] | None:
        """Return the contents and how they lay sealed, from the first of the two lists that is whole."""
        tail_start = max(size - (1 << 28), 0)
        tail = self._at(tail_start, size)
        end = len(tail)
        while (end := tail.rfind(END, 0, end)) >= 0:
            length = int.from_bytes(tail[max(end - 8, 0) : end], "little")
            sealed = tail[max(end - 8 - length, 0) : max(end - 8, 0)]
            try:
                table = json.loads(zlib.decompress(unseal(key, sealed, _CONTEXT)))
            except SealBrokenError:
                continue
            return [Section(*entry) for entry in table], sealed
        return None
