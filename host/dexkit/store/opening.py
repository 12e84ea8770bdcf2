"""The store: people, trials, recordings, audit, erasing and backups behind one door."""

import os
import sys
from pathlib import Path
from types import TracebackType

from sqlalchemy import insert
from sqlmodel import col, select

from dexkit.errors import StoreError
from dexkit.store import database as databases
from dexkit.store import files, migrating
from dexkit.store.audit import Audit, Finding
from dexkit.store.backup import Backups
from dexkit.store.clock import Clock, utc_now
from dexkit.store.database import IN_PARTS, Database
from dexkit.store.erase import Erased, Eraser
from dexkit.store.keyring import NAME as KEYRING
from dexkit.store.keyring import Keyring, needs_passphrase, refuse_short
from dexkit.store.people import People
from dexkit.store.recordings import Recordings
from dexkit.store.tables import AuditRow, StoreRow, TrialRow
from dexkit.store.trials import Trials
from dexkit.whole_file import sync_folder

#: There while a restore is at work; what it leaves when it is broken off is no store.
RESTORING = "restore-unfinished"


class Store:
    """All records of one clinic or home; made by `open`.

    Parameters
    ----------
    folder
        Where its files are.
    database
        Up to date.
    keyring
        Of this database.
    now
        The clock.

    Attributes
    ----------
    people, trials, recordings, audit, backups
        What can be done, each in its own class.
    unfinished
        Sentences about what opening could not end.
    """

    def __init__(self, folder: Path, database: Database, keyring: Keyring, now: Clock) -> None:
        self.folder = folder
        self.database = database
        self.keyring = keyring
        self.audit = Audit(database, folder, keyring.key("audit"), now)
        self.people = People(database, keyring, self.audit, now)
        self.recordings = Recordings(database, keyring, self.audit, folder, now)
        self.trials = Trials(database, keyring, self.audit, self.recordings, now)
        self.backups = Backups(database, keyring, self.audit, self.recordings, now)
        self._eraser = Eraser(database, keyring, self.audit, self.recordings, now)
        self.unfinished: list[str] = []

    def erase(self, person: str) -> Erased:
        """Erase a person for good; see `Eraser.erase`.

        Parameters
        ----------
        person
            The id.
        """
        done = self._eraser.erase(person)
        self.people.forget(person)
        return done

    def verify(self) -> list[Finding]:
        """Return all that is wrong with audit log, trials and recordings: changed, missing, not noted."""
        findings = self.audit.verify()
        noted: dict[str, tuple[int, str]] = {}
        with self.database.reading() as session:
            added = select(AuditRow).where(col(AuditRow.action).in_(("trial.add", "trial.correct")))
            for entry in session.exec(added):
                noted[entry.detail] = (entry.number, entry.subject)
            for row in session.exec(select(TrialRow), execution_options=IN_PARTS):
                number, person = noted.pop(row.trial_id, (0, ""))
                try:
                    self.trials.unsealed(row)
                except StoreError as error:
                    findings.append(Finding(number, str(error)))
                if person != row.person_id:
                    findings.append(Finding(0, f"Trial {row.number} is not in the audit log."))
        for trial, (number, person) in noted.items():
            if person not in self.keyring.erased:
                findings.append(Finding(number, f"The trial {trial} of entry {number} is missing."))
        findings += [Finding(0, words) for _, words in self.recordings.damaged()]
        return findings

    def close(self) -> None:
        """Close the database; a recording that runs is left to whoever opens the store next."""
        self.recordings.let_go()
        self.database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get_ready(self) -> None:
        """End what a crash has broken off."""
        self.audit.catch_up()
        with self.database.writing() as session:
            self.recordings.tidy(session)
        self.unfinished = self._eraser.finish()


def open(
    folder: str | Path | None = None,
    passphrase: str = "",
    *,
    database_url: str = "",
    now: Clock = utc_now,
) -> Store:
    """Open the records, or make new ones where there are none.

    Parameters
    ----------
    folder
        Where the files are; the default is `data_folder`.
    passphrase
        Which the records have, or are to have; empty for none: then they are not encrypted as a whole.
    database_url
        Address of a PostgreSQL database; empty for a file in the folder.
    now
        The clock.

    Raises
    ------
    InputError
        When the passphrase is missing or wrong, or the address is none.
    StoreError
        When the records are damaged, from a newer version, or the disk refuses.
    """
    folder = Path(folder) if folder is not None else data_folder()
    if (folder / RESTORING).exists():
        raise StoreError(
            f"A restore into {folder} was broken off, so these records are not complete. Run it again: "
            "dexkit restore"
        )
    ring, file = folder / KEYRING, folder / databases.NAME
    if ring.exists():
        keyring = Keyring.load(ring, passphrase)
    elif file.exists():
        raise StoreError(
            f"There are records in {folder} but no keyring to read them. Put a copy of {KEYRING} there; "
            "`dexkit backup` keeps one beside its backups."
        )
    else:
        refuse_short(passphrase)  # before there is a folder
        files.make_folder(folder)
        keyring = Keyring.create(ring, passphrase, encrypted=bool(passphrase) and not database_url)
    store = prepare(folder, keyring, database_url, now)
    try:
        store.get_ready()
    except BaseException:
        store.close()
        raise
    return store


def prepare(
    folder: Path, keyring: Keyring, database_url: str, now: Clock, *, restoring: bool = False
) -> Store:
    """Return a store whose tables are there and of today.

    Parameters
    ----------
    folder, database_url, now
        As in `open`.
    keyring
        Of the folder.
    restoring
        Whether the database may be gone.
    """
    if database_url:
        database = databases.postgresql(database_url)
    else:
        key = keyring.key("database") if keyring.encrypted else None
        database = databases.sqlite(folder / databases.NAME, key)
    try:
        store = Store(folder, database, keyring, now)
        if not restoring:
            _refuse_gone(store)
        _migrate(store, database)
        store.audit.begin_if_new()
    except BaseException:
        database.close()
        raise
    return store


def _refuse_gone(store: Store) -> None:
    """Raise StoreError where there was a database file, and now there is none."""
    file = store.database.path
    if file is not None and not file.exists() and store.audit.begun:
        raise StoreError(
            f"The database {file} is gone, but there was one. Put it back, restore a backup (dexkit "
            "restore), or set DEXKIT_DATABASE_URL if it is on a server."
        )


def _migrate(store: Store, database: Database) -> None:
    with database.connection() as connection:
        migrating.upgrade(connection)
        known = connection.execute(select(StoreRow.keyring_id)).scalar()
        if known is None:
            connection.execute(insert(StoreRow).values(keyring_id=store.keyring.id))
        elif known != store.keyring.id:
            raise StoreError(
                "The keyring belongs to other records than this database. Put the right copy of "
                "keyring.json into "
                f"{store.folder}, or name the right folder with --data."
            )
    sync_folder(store.folder)


def data_folder() -> Path:
    """Return where this user's records are: DEXKIT_DATA, or the system's place for them."""
    if os.environ.get("DEXKIT_DATA"):
        return Path(os.environ["DEXKIT_DATA"])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "dexkit"


def are_in(folder: Path) -> bool:
    """Return whether there are records in a folder, whole or not.

    Parameters
    ----------
    folder
        To look into; nothing in it is touched.
    """
    return any((folder / name).exists() for name in (KEYRING, databases.NAME, RESTORING))


def ask_passphrase(folder: Path) -> bool:
    """Return whether the records of a folder need a passphrase; raise where it cannot be known.

    Parameters
    ----------
    folder
        Of the records.
    """
    return needs_passphrase(folder / KEYRING)
