"""Restoring: a backup becomes records again; what is damaged is named, who was erased stays erased."""

from dataclasses import dataclass
from pathlib import Path

from sqlmodel import select

from dexkit.errors import InputError
from dexkit.store import files
from dexkit.store.backup import Check, check, content_of, from_json
from dexkit.store.bundle import Bundle
from dexkit.store.clock import Clock, utc_now
from dexkit.store.keyring import NAME, Keyring
from dexkit.store.opening import RESTORING, Store, prepare
from dexkit.store.tables import AuditRow, PersonRow, metadata
from dexkit.whole_file import sync_folder


@dataclass(frozen=True)
class Restored:
    """What a restore brought back.

    Parameters
    ----------
    check
        What was found in the backup.
    erased
        How many people of the backup stay erased.
    """

    check: Check
    erased: int


def restore(
    backup: str | Path,
    folder: str | Path,
    passphrase: str,
    *,
    keyring: str | Path | None = None,
    database_url: str = "",
    now: Clock = utc_now,
) -> Restored:
    """Restore a backup into a place without records; a restore that was broken off is begun again.

    Parameters
    ----------
    backup
        The file.
    folder
        Where the records are to be. A keyring that is there already is kept, with who was erased since.
    passphrase
        Of the keyring; the restored records have it too.
    keyring
        Which keyring opens the backup; the default lies beside it.
    database_url
        Address of an empty PostgreSQL database; empty for a file in the folder.
    now
        The clock.

    Raises
    ------
    InputError
        When there are records already, or the passphrase is wrong.
    StoreError
        When the backup is damaged throughout or another store's, or the disk refuses.
    """
    backup, folder = Path(backup), Path(folder)
    beside = Path(keyring) if keyring is not None else backup.parent / NAME
    ring = _ring(folder, beside, passphrase, encrypted=not database_url)
    seen = check(backup, ring)
    files.make_folder(folder)
    mark = folder / RESTORING
    begun, fresh = mark.exists(), not ring.path.exists()
    if fresh:  # from here on nobody takes this folder for records
        files.write(mark, b"")
    ring.save()
    try:
        store = prepare(folder, ring, database_url, now, restoring=True)
        with store:
            erased = _into(store, backup, mark, begun)
            store.get_ready()
    except InputError:
        if fresh:
            files.wipe(ring.path)
            files.wipe(mark)
        raise
    with files.disk(mark, "remove"):
        mark.unlink(missing_ok=True)
        sync_folder(folder)
    return Restored(seen, erased)


def _into(store: Store, backup: Path, mark: Path, begun: bool) -> int:
    """Bring everything back, unless a restore before this one came so far; return who stays erased."""
    with store.database.reading() as session:
        empty = all(session.exec(select(row).limit(1)).first() is None for row in (AuditRow, PersonRow))
    if not empty and not begun:
        raise InputError(
            f"There are records in {store.folder} already. Name an empty folder with --data, look at what "
            "was restored there, and then decide which to keep."
        )
    if not empty:
        return 0
    files.write(mark, b"")
    with files.disk(backup, "read"), backup.open("rb") as file:
        return _bring_back(store, Bundle(backup, file, store.keyring.key("backup")))


def _ring(folder: Path, beside: Path, passphrase: str, *, encrypted: bool) -> Keyring:
    """Return the keys for the folder, from all copies that are at hand; nothing is written yet."""
    here = folder / NAME
    if not here.exists() and not beside.exists():
        raise InputError(
            f"No keyring is beside the backup ({beside}), and without it nobody can read it. Name the "
            "keyring with --keyring."
        )
    ring = Keyring.load(here if here.exists() else beside, passphrase)
    if not here.exists():
        ring.path, ring.encrypted = here, encrypted
    elif beside.exists():
        ring.take(beside)
    return ring


def _bring_back(store: Store, bundle: Bundle) -> int:
    """Write all that is whole in one transaction; return how many people stay erased."""
    done: set[tuple[str, str]] = set()
    erased: set[str] = set()
    people: set[str] = set()
    hashes: set[str] = set()
    with store.database.writing() as session:
        for section in bundle.sections:
            if section.person in store.keyring.erased:
                erased.add(section.person)
                continue
            # All but trials and recordings lie there twice; once is taken.
            key = section.kind, section.name
            sealed = None if key in done else bundle.sealed(section)
            if sealed is None or (section.kind == "trial" and section.person not in people):
                continue
            done.add(key)
            if section.kind == "recording":
                if section.name in hashes:
                    store.recordings.bring_back(section.name, sealed)
                continue
            people.add(section.person)
            rows = content_of(section, sealed, store.keyring)
            new = [row for row in rows.get("recordings", ()) if row["address"] not in hashes]
            hashes |= {row["address"] for row in new}
            for name, some in {**rows, "recordings": new}.items():
                table = metadata.tables[name]
                if some:
                    session.execute(table.insert(), [from_json(table, row) for row in some])
        store.audit.add(session, "backup.restore")
    return len(erased)
