"""Recordings: while one runs, a file that the recorder writes; then sealed, under the hash of what it holds.

The hash is keyed with the person's key (HMAC), so that after an erasure not even the hash tells anything.
A running file's name says whose it is and which trial it becomes, so a crash leaves nothing to guess.
"""

import contextlib
import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlmodel import Session, select

from dexkit.errors import InputError, StoreError
from dexkit.recording import Recording
from dexkit.recording.reader import read_bytes
from dexkit.store import files
from dexkit.store.audit import Audit
from dexkit.store.clock import Clock
from dexkit.store.database import Database
from dexkit.store.holding import hold, let_go
from dexkit.store.keyring import Keyring
from dexkit.store.sealing import SealBrokenError, seal, tag, unseal
from dexkit.store.tables import ExportRow, PersonRow, RecordingRow, TrialRow

FOLDER, RUNNING = "recordings", "running"
_EXPORT = "export"
#: Why a recording may be thrown away. The audit log keeps the word, and never free text, which could tell of
#: a person.
REASONS = ("no_trial", "disturbed", "wrong_person", "damaged", "not_wanted")


@dataclass(frozen=True)
class Running:
    """A recording that runs, or that a crash has left behind.

    Parameters
    ----------
    path
        The file that the recorder writes.
    person
        Id of the person.
    trial
        Id that its trial will have.
    """

    path: Path
    person: str
    trial: str


class Recordings:
    """The recordings of one store.

    Parameters
    ----------
    database, keyring, audit, folder, now
        Of the store.
    """

    def __init__(self, database: Database, keyring: Keyring, audit: Audit, folder: Path, now: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._audit = audit
        self._folder = folder / FOLDER
        self._running = folder / RUNNING
        #: What tells other processes that a recording runs, by its path.
        self._held: dict[Path, IO[bytes]] = {}
        self._now = now

    def start(self, person: str) -> Running:
        """Return where the recorder is to write a trial of a person; the file itself is not made yet.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        InputError
            When there is no such person.
        """
        with self._database.reading() as session:
            if session.get(PersonRow, person) is None:
                raise InputError("There is no such person. See `dexkit people list`.")
        files.make_folder(self._running)
        trial = uuid.uuid4().hex
        path = self._running / f"{person}-{trial}.mcap"
        held = hold(path)
        if held is not None:
            self._held[path] = held
        return Running(path, person, trial)

    def left_behind(self) -> list[Running]:
        """Return the recordings of trials that a crash broke off: to be kept with a trial, or discarded."""
        found = []
        for path in sorted(self._running.glob("*.mcap")):
            held = None if path in self._held else hold(path)
            if held is not None:
                let_go(path, held)
                found.append(_from_name(path))
        return found

    def discard(self, running: Running, reason: str) -> None:
        """Remove a running recording, or one left behind, for good.

        Parameters
        ----------
        running
            The recording.
        reason
            One of REASONS, for the audit log.

        Raises
        ------
        InputError
            When the reason is none of these.
        """
        if reason not in REASONS:
            raise InputError(f"The reason {reason!r} is none of: {', '.join(REASONS)}. Say one of them.")
        with self._database.writing() as session:
            self._audit.add(session, "recording.discard", running.person, f"{running.trial} {reason}")
        self.done(running)

    def done(self, running: Running) -> None:
        """Remove the running file of a trial that is kept.

        Parameters
        ----------
        running
            The recording.
        """
        files.wipe(running.path)
        if running.path in self._held:
            let_go(running.path, self._held.pop(running.path))

    def put(self, session: Session, person: str, path: Path) -> str:
        """Seal a file into the store within a transaction; return its address.

        Parameters
        ----------
        session
            A writing transaction.
        person
            Whose it is.
        path
            A readable recording; it stays.

        Raises
        ------
        StoreError
            When the disk refuses.
        """
        with files.disk(path, "read"):
            clear = path.read_bytes()
        key = self._keyring.of(person)
        address = tag(key, _sum(clear))
        if session.get(RecordingRow, address) is None:
            self.bring_back(address, seal(key, clear, _context(address)))
            session.add(
                RecordingRow(address=address, person_id=person, size_bytes=len(clear), added_at=self._now())
            )
            session.flush()
        return address

    def read(self, address: str) -> bytes:
        """Return a recording's bytes as they were recorded.

        Parameters
        ----------
        address
            As a trial names it.

        Raises
        ------
        InputError
            When there is none.
        StoreError
            When its file is missing or damaged.
        """
        with self._database.reading() as session:
            row = session.get(RecordingRow, address)
            if row is None:
                raise InputError("There is no such recording: its person was probably erased.")
            clear = self._open(row.person_id, address)
        self._audit.saw("recording.see", row.person_id)
        return clear

    def recording(self, address: str) -> Recording:
        """Return a recording, to be scored again or looked at.

        Parameters
        ----------
        address
            As a trial names it.

        Raises
        ------
        InputError, StoreError
            As in `read`.
        RecordingError
            When it is none.
        """
        return read_bytes(self.read(address), f"the recording {address[:12]}")

    def export(self, address: str, path: Path) -> None:
        """Write a readable copy outside the store; erasing the person removes it if it is still as it was.

        Parameters
        ----------
        address
            As a trial names it.
        path
            A new file.

        Raises
        ------
        InputError
            When the file exists, or there is no such recording.
        StoreError
            When the recording is damaged, or the disk refuses.
        """
        if path.exists():
            raise InputError(f"{path} exists already: name another file, or remove it if it may go.")
        with self._database.writing() as session:
            row = session.get(RecordingRow, address)
            if row is None:
                raise InputError("There is no such recording: its person was probably erased.")
            key = self._keyring.of(row.person_id)
            clear = self._open(row.person_id, address)
            place = seal(key, f"{_sum(clear)} {path.resolve()}".encode(), _EXPORT)
            session.add(ExportRow(export_id=uuid.uuid4().hex, person_id=row.person_id, place=place))
            self._audit.add(session, "recording.export", row.person_id)
        # Noted before it is written: an export that is not there does no harm, one that is not noted does.
        files.write(path, clear)

    def exports(self, session: Session, person: str) -> list[tuple[Path, str]]:
        """Return where readable copies of a person's recordings went, and their SHA-256.

        Parameters
        ----------
        session
            A transaction.
        person
            The id.
        """
        found = []
        for row in session.exec(select(ExportRow).where(ExportRow.person_id == person)):
            with contextlib.suppress(SealBrokenError):
                text = unseal(self._keyring.of(person), row.place, _EXPORT).decode()
                sha256, _, place = text.partition(" ")
                found.append((Path(place), sha256))
        return found

    def wipe_running(self, person: str) -> None:
        """Remove the running files of a person.

        Parameters
        ----------
        person
            The id.
        """
        for path in sorted(self._running.glob(f"{person}-*.mcap")):
            self.done(_from_name(path))

    def let_go(self) -> None:
        """Leave what runs to whoever opens the store next."""
        for path, held in self._held.items():
            let_go(path, held)
        self._held.clear()

    def damaged(self) -> list[tuple[RecordingRow, str]]:
        """Read every recording; return those that are missing or damaged, with what is wrong."""
        found = []
        with self._database.reading() as session:
            for row in session.exec(select(RecordingRow)):
                try:
                    self._open(row.person_id, row.address)
                except StoreError as error:
                    found.append((row, str(error)))
        return found

    def bring_back(self, address: str, sealed: bytes) -> None:
        """Put a sealed recording of a backup in its place.

        Parameters
        ----------
        address
            As its row says.
        sealed
            As it lay there.
        """
        place = self.place(address)
        files.make_folder(self._folder)
        files.make_folder(place.parent)
        files.write(place, sealed)

    def tidy(self, session: Session) -> None:
        """Remove what a crash or an erasure has left: files without a row, and running files that are kept.

        Parameters
        ----------
        session
            A writing transaction: nobody else is putting a file there now.
        """
        kept = {path.stem for path in self._folder.glob("*/*.sealed")}
        rows = set(session.exec(select(RecordingRow.address)))
        for address in kept - rows:
            with files.disk(self.place(address), "remove"):
                self.place(address).unlink(missing_ok=True)
        for part in self._folder.glob("*/.*.part"):
            with files.disk(part, "remove"):
                part.unlink(missing_ok=True)
        for path in self._running.glob("*.mcap"):
            running = _from_name(path)
            if session.get(TrialRow, running.trial) is not None:
                self.done(running)

    def place(self, address: str) -> Path:
        """Return where a recording lies.

        Parameters
        ----------
        address
            As its row says.
        """
        return self._folder / address[:2] / f"{address}.sealed"

    def sealed(self, person: str, address: str) -> bytes:
        """Return a recording as it lies there, sealed, if it is whole.

        Parameters
        ----------
        person, address
            Of the recording.

        Raises
        ------
        StoreError
            When its file is missing or damaged.
        """
        return self._both(person, address)[0]

    def _open(self, person: str, address: str) -> bytes:
        return self._both(person, address)[1]

    def _both(self, person: str, address: str) -> tuple[bytes, bytes]:
        place = self.place(address)
        try:
            with files.disk(place, "read"):
                sealed = place.read_bytes()
            return sealed, unseal(self._keyring.of(person), sealed, _context(address))
        except SealBrokenError:
            raise StoreError(
                f"The recording {place} is damaged, so it is not shown. Its trial is whole; restore the "
                "recording "
                "from a backup: dexkit restore"
            ) from None


def _sum(clear: bytes) -> str:
    return hashlib.sha256(clear).hexdigest()


def _context(address: str) -> str:
    return f"recording {address}"


def _from_name(path: Path) -> Running:
    person, _, trial = path.stem.partition("-")
    return Running(path, person, trial)
