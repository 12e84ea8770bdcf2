"""Erasing a person: the key is destroyed first, then rows, files, free pages and the log are swept.

From the moment the key is gone no copy can be read again, so a crash after it only leaves sweeping to do,
which the next opening does.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from dexkit.errors import DexkitError, InputError
from dexkit.store import files
from dexkit.store.audit import Audit
from dexkit.store.clock import Clock
from dexkit.store.database import Database
from dexkit.store.keyring import NAME, Keyring
from dexkit.store.recordings import Recordings
from dexkit.store.tables import BackupRow, ErasureRow, PersonRow, metadata


@dataclass(frozen=True)
class Erased:
    """What an erasure did, and what is left to a person.

    Parameters
    ----------
    trials
        How many trials went.
    left
        Sentences about what could not be reached.
    """

    trials: int
    left: list[str]


class Eraser:
    """What erases people from one store.

    Parameters
    ----------
    database, keyring, audit, recordings, now
        Of the store.
    """

    def __init__(
        self, database: Database, keyring: Keyring, audit: Audit, recordings: Recordings, now: Clock
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._audit = audit
        self._recordings = recordings
        self._now = now

    def erase(self, person: str) -> Erased:
        """Erase a person for good: facts, name, trials, recordings, exports, and every backup's way to them.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        InputError
            When there is no such person.
        StoreError
            When the disk refuses: before the key is destroyed nothing has happened, after it the next opening
            ends the work.
        """
        with self._database.writing() as session:
            if session.get(PersonRow, person) is None:
                raise InputError(
                    "There is no such person: probably erased already. See `dexkit people list`."
                )
            self._keyring.reload()
            exports = self._recordings.exports(session, person)
            trials = self._delete(session, person)
            self._keyring.destroy(person)
        left = [sentence for place, sha256 in exports for sentence in _remove_export(place, sha256)]
        left += self._renew_copies()
        self._recordings.wipe_running(person)
        left += self.sweep()
        return Erased(trials, left)

    def finish(self) -> list[str]:
        """End what a crash broke off, and erase again whoever an old backup has brought back."""
        self._keyring.reload()
        with self._database.reading() as session:
            here = set(session.exec(select(PersonRow.person_id)))
            unswept = session.exec(select(ErasureRow).where(~col(ErasureRow.swept))).first() is not None
        back = here & self._keyring.erased
        if back:
            with self._database.writing() as session:
                for person in sorted(back):
                    self._delete(session, person)
                    self._recordings.wipe_running(person)
        return self.sweep() if back or unswept else []

    def sweep(self) -> list[str]:
        """Take what was deleted from the disk; return what is left to a person."""
        with self._database.writing() as session:
            self._recordings.tidy(session)
        if not self._database.sweep():
            return [
                "Another program has the records open, so free pages are swept at the next opening after "
                "it ends; "
                "what is in them is sealed with a key that is gone."
            ]
        with self._database.writing() as session:
            for row in session.exec(select(ErasureRow).where(~col(ErasureRow.swept))):
                row.swept = True
        return []

    def _delete(self, session: Session, person: str) -> int:
        """Delete all rows of a person, from every table that has some; return how many trials went."""
        if session.get(ErasureRow, person) is None:
            session.add(ErasureRow(erased_id=person, erased_at=self._now(), swept=False))
            session.flush()
        gone = 0
        for table in reversed(metadata.sorted_tables):
            if "person_id" in table.columns:
                done = session.execute(table.delete().where(table.columns["person_id"] == person))
                gone += done.rowcount if table.name == "trials" else 0  # type: ignore[attr-defined]
        self._audit.add(session, "person.erase", person)
        return gone

    def _renew_copies(self) -> list[str]:
        """Put today's keyring beside the backups; return which places could not be reached."""
        left = []
        with self._database.writing() as session:  # nobody is added meanwhile
            self._keyring.reload()
            for folder in map(Path, session.exec(select(BackupRow.folder))):
                try:
                    if not (folder / NAME).exists():
                        raise InputError("not there")
                    self._keyring.copy_to(folder / NAME, "")
                except DexkitError:
                    left.append(
                        f"The backups in {folder} cannot be reached, and the keyring there still opens this "
                        f"person. Plug that disk in and run: dexkit backup {folder}"
                    )
        return left


def _remove_export(place: Path, sha256: str) -> list[str]:
    """Remove a readable copy that is still as it was written; say so where it is not."""
    with contextlib.suppress(OSError):
        if not place.exists():
            return []
        if hashlib.sha256(place.read_bytes()).hexdigest() == sha256:
            with contextlib.suppress(DexkitError):
                files.wipe(place)
                return []
    return [f"{place} was exported and is changed or cannot be removed. Look at it, and remove it yourself."]
