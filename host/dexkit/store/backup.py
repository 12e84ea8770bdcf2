"""Backups: written while everything runs, read again before they get their name, sealed person by person.

A backup holds no key. The keyring lies beside it in one copy that each new backup and each erasure renews,
so that an old backup cannot bring back who was erased.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import LargeBinary, Table
from sqlmodel import Session, SQLModel, UTCDateTime, col, select

from dexkit.errors import StoreError
from dexkit.store import files
from dexkit.store.audit import Audit
from dexkit.store.bundle import Bundle, BundleWriter, Section
from dexkit.store.clock import Clock
from dexkit.store.database import IN_PARTS, Database
from dexkit.store.keyring import NAME, Keyring
from dexkit.store.recordings import Recordings
from dexkit.store.sealing import SealBrokenError, seal, unseal
from dexkit.store.tables import (
    AuditRow,
    BackupRow,
    ErasureRow,
    ExportRow,
    NameRow,
    PersonRow,
    RecordingRow,
    TrialRow,
)

SUFFIX = ".dexkit-backup"
AUDIT_ENTRIES = 500


@dataclass(frozen=True)
class Check:
    """What a look through a backup found.

    Parameters
    ----------
    people, trials, recordings
        How many are whole.
    trials_hit
        What is damaged of trials, one sentence each.
    other
        What else is damaged; where something lies there twice, nothing is lost by it.
    """

    people: int
    trials: int
    recordings: int
    trials_hit: list[str]
    other: list[str]

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.trials_hit and not self.other

    def words(self) -> list[str]:
        """Return what to tell a person."""
        held = f"{self.people} people, {self.trials} trials, {self.recordings} recordings"
        return [
            f"{held} are whole." if self.whole else f"Damaged; {held} are whole.",
            *self.trials_hit,
            *self.other,
        ]


@dataclass(frozen=True)
class Written:
    """A backup that was written and read again.

    Parameters
    ----------
    path
        Where it is.
    check
        What is in it.
    damaged
        Recordings that are not, since they are damaged here already: one sentence each.
    """

    path: Path
    check: Check
    damaged: list[str]


class Backups:
    """The backups of one store.

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

    def needs_passphrase(self, folder: str | Path) -> bool:
        """Return whether the keyring for this folder has no passphrase yet.

        Parameters
        ----------
        folder
            For backups.
        """
        return not self._keyring.lock["salt"] and not (Path(folder) / NAME).exists()

    def write(self, folder: str | Path, passphrase: str = "") -> Written:
        """Write a backup into a folder, read it again, and put today's keyring beside it.

        Parameters
        ----------
        folder
            On another disk; made if it is not there.
        passphrase
            For the keyring there, where the records themselves have none.

        Raises
        ------
        InputError
            When there is no passphrase at all.
        StoreError
            When the disk refuses, or another store's backups are there; no half backup is left.
        """
        folder = Path(folder).resolve()
        files.make_folder(folder)
        now = self._now()
        with self._database.writing() as session:
            self._keyring.reload()
            self._keyring.copy_to(folder / NAME, passphrase)
            row = session.get(BackupRow, str(folder)) or BackupRow(folder=str(folder), written_at=now)
            row.written_at = now
            session.add(row)
            self._audit.add(session, "backup.write")
        path = _new_name(folder, now)
        with files.replacing(path) as file:
            writer = BundleWriter(file, self._keyring.key("backup"))
            with self._database.reading() as session:
                damaged = self._write(writer, session)
            with self._database.writing():  # nobody is added or erased while this lasts
                self._keyring.reload()
                self._keyring.copy_to(folder / NAME, passphrase)
            writer.finish()
            file.flush()
            seen = look_through(file, path, self._keyring)
            if not seen.whole:
                raise StoreError(
                    f"The backup {path} does not read as it was written, so it was not kept. Check that "
                    "disk, and "
                    "take another one."
                )
        return Written(path, seen, damaged)

    def _write(self, writer: BundleWriter, session: Session) -> list[str]:
        log = session.exec(select(AuditRow).order_by(col(AuditRow.number)), execution_options=IN_PARTS)
        for entries in _in_lots(log):
            name = f"audit entries {entries[0].number} to {entries[-1].number}"
            self._common(writer, "audit", name, {"audit": [as_json(row) for row in entries]})
        erased = [as_json(row) for row in session.exec(select(ErasureRow))]
        self._common(writer, "erasures", "the list of who was erased", {"erasures": erased})
        names = {row.person_id: row for row in session.exec(select(NameRow))}
        for person in session.exec(select(PersonRow)):
            named = names.get(person.person_id)
            exports = session.exec(select(ExportRow).where(ExportRow.person_id == person.person_id))
            rows = {
                "people": [as_json(person)],
                "names": [] if named is None else [as_json(named)],
                "exports": [as_json(row) for row in exports],
            }
            for _ in range(2):  # small, and all trials of the person hang on it
                self._personal(writer, "person", person.person_id, f"the person {person.person_id}", rows)
        recordings = {row.address: row for row in session.exec(select(RecordingRow))}
        trials = session.exec(select(TrialRow).order_by(col(TrialRow.number)), execution_options=IN_PARTS)
        for trial in trials:
            recording = recordings.get(trial.recording or "")
            rows = {
                "recordings": [] if recording is None else [as_json(recording)],
                "trials": [as_json(trial)],
            }
            self._personal(writer, "trial", trial.person_id, f"trial {trial.number}", rows)
        damaged = []
        for recording in recordings.values():
            try:  # what lies there is sealed already, with the person's key
                sealed = self._recordings.sealed(recording.person_id, recording.address)
                writer.add("recording", recording.person_id, recording.address, sealed)
            except StoreError as error:
                damaged.append(f"Not in this backup: {error}")
        return damaged

    def _common(self, writer: BundleWriter, kind: str, name: str, content: object) -> None:
        for _ in range(2):
            writer.add(kind, "", name, seal(self._keyring.key("backup"), json.dumps(content).encode(), kind))

    def _personal(self, writer: BundleWriter, kind: str, person: str, name: str, content: object) -> None:
        writer.add(kind, person, name, seal(self._keyring.of(person), json.dumps(content).encode(), kind))


def check(path: Path, keyring: Keyring) -> Check:
    """Read all of a backup and say what is damaged.

    Parameters
    ----------
    path
        The file.
    keyring
        Of its store.

    Raises
    ------
    StoreError
        When it is no backup of this store, or so damaged that nothing in it can be found.
    """
    with files.disk(path, "read"), path.open("rb") as file:
        return look_through(file, path, keyring)


def look_through(file: IO[bytes], path: Path, keyring: Keyring) -> Check:
    """Do what `check` does with an open file.

    Parameters
    ----------
    file
        Open for reading.
    path
        Name that messages give.
    keyring
        Of its store.

    Raises
    ------
    StoreError
        As in `check`.
    """
    bundle = Bundle(path, file, keyring.key("backup"))
    found = Found()
    for section in bundle.sections:
        if section.person not in keyring.erased:
            found.take(section, bundle.sealed(section), keyring)
    return found.check(bundle.damages)


class Found:
    """What was found whole and what damaged, while a backup is looked through in its order."""

    def __init__(self) -> None:
        self._whole: dict[tuple[str, str], int] = {}
        self._damaged: list[Section] = []
        self._trials_of: dict[str, list[str]] = {}
        self._person_of: dict[str, str] = {}

    def take(self, section: Section, sealed: bytes | None, keyring: Keyring) -> None:
        """Take the next section.

        Parameters
        ----------
        section
            What it is.
        sealed
            Its bytes; None where they are damaged.
        keyring
            Of the store.
        """
        if section.kind == "trial":
            self._person_of[section.name] = section.person
        if sealed is None:
            self._damaged.append(section)
            return
        key = section.kind, section.person if section.kind == "person" else section.name
        self._whole[key] = self._whole.get(key, 0) + 1
        if section.kind == "trial":
            for row in content_of(section, sealed, keyring)["recordings"]:
                self._trials_of.setdefault(row["address"], []).append(section.name)

    def check(self, damages: list[str]) -> Check:
        """Return the findings.

        Parameters
        ----------
        damages
            Outside of the sections.
        """
        hit, other = [], [f"Damaged: {what}. Nothing is lost by it." for what in damages]
        for section in self._damaged:
            again = (
                section.kind,
                section.person if section.kind == "person" else section.name,
            ) in self._whole
            if section.kind == "trial":
                hit.append(f"Damaged: {section.name}.")
            elif section.kind == "recording":
                whose = ", ".join(self._trials_of.get(section.name, ["no trial that is whole"]))
                hit.append(f"Damaged: the recording of {whose}; what came out of it is whole.")
            elif again:
                other.append(f"Damaged: {section.name}; it lies there twice, so nothing is lost by it.")
            else:
                other.append(f"Lost: {section.name}; both copies are damaged.")
        people = {person for kind, person in self._whole if kind == "person"}
        orphans = [
            name
            for name, person in self._person_of.items()
            if ("trial", name) in self._whole and person not in people
        ]
        hit += [f"Lost with its person: {name}." for name in orphans]
        trials = sum(kind == "trial" for kind, _ in self._whole) - len(orphans)
        return Check(
            len(people),
            trials,
            sum(kind == "recording" for kind, _ in self._whole),
            hit,
            list(dict.fromkeys(other)),
        )


def content_of(section: Section, sealed: bytes, keyring: Keyring) -> Any:
    """Return what a section holds.

    Parameters
    ----------
    section, sealed
        From a `Bundle`.
    keyring
        Of its store.

    Raises
    ------
    StoreError
        When the key does not open it, although its bytes are as they were written.
    """
    key = keyring.of(section.person) if section.person else keyring.key("backup")
    try:
        return json.loads(unseal(key, sealed, section.kind))
    except SealBrokenError:
        raise StoreError(
            f"The keyring does not open {section.name} of this backup: it belongs to other records."
        ) from None


def as_json(row: SQLModel) -> dict[str, Any]:
    """Return a row as JSON can hold it.

    Parameters
    ----------
    row
        Of any table.
    """
    values: dict[str, Any] = {}
    for column in row.__table__.columns:  # type: ignore[attr-defined]
        value = getattr(row, column.name)
        if isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, datetime):
            value = value.isoformat()
        values[column.name] = value
    return values


def from_json(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a row that `as_json` wrote.

    Parameters
    ----------
    table
        Which the row is of.
    values
        By column.
    """
    found = dict(values)
    for name, column in table.columns.items():
        if found[name] is not None and isinstance(column.type, LargeBinary):
            found[name] = bytes.fromhex(found[name])
        elif found[name] is not None and isinstance(column.type, UTCDateTime):
            found[name] = datetime.fromisoformat(found[name])
    return found


def _new_name(folder: Path, now: datetime) -> Path:
    stem = now.strftime("%Y-%m-%dT%H%M%SZ")
    path, number = folder / f"{stem}{SUFFIX}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{SUFFIX}", number + 1
    return path


def _in_lots(rows: Iterable[AuditRow]) -> Iterable[list[AuditRow]]:
    some: list[AuditRow] = []
    for row in rows:
        some.append(row)
        if len(some) == AUDIT_ENTRIES:
            yield some
            some = []
    if some:
        yield some
