"""One database through one door: SQLite, SQLCipher or PostgreSQL; a refusal is one sentence."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from dexkit.errors import InputError, StoreError

NAME = "dexkit.db"
BUSY_S = 30.0
#: Pages that were read once stay unsealed in memory; SQLCipher would unseal them again each time.
CACHE_KIB = 65536
#: Any number; whoever writes to a PostgreSQL database of dexkit takes this lock first.
_PG_LOCK = 0x6465786B
#: Of long tables, so many rows are in memory at a time.
IN_PARTS = {"yield_per": 1000}
#: After all others, where a transaction has something to do once it is kept.
AFTER = "after"


class Database:
    """The database of one store.

    Parameters
    ----------
    engine
        SQLAlchemy's.
    path
        The file of an SQLite database, else None.
    """

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self.engine = engine
        self.path = path
        self._writer = engine.execution_options(dexkit_writes=True)
        self._where = str(path) if path else engine.url.render_as_string(hide_password=True)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database.

        Raises
        ------
        StoreError
            When the database cannot be read.
        """
        with self.words(), Session(self.engine) as session:
            if self.path is None:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that is alone in writing; at the end it is on the disk, or nothing of it is.

        Raises
        ------
        StoreError
            When the database cannot be written; nothing of it was written then.
        """
        with self.words(), Session(self._writer, expire_on_commit=False) as session:
            if self.path is None:
                session.connection().exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PG_LOCK})")
            yield session
            session.commit()
            after: list[Callable[[], None]] = session.info.get(AFTER, [])
            for work in after:
                work()

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open a writing transaction for a migration."""
        with self.words(), self._writer.begin() as connection:
            if self.path is None:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PG_LOCK})")
            yield connection

    def sweep(self) -> bool:
        """Take from the database's files what was deleted; return whether nobody else had them open.

        SQLite writes the whole file anew and cuts the log. PostgreSQL writes the tables anew; its own log
        holds what was deleted until it comes round, sealed as it was in the tables.
        """
        with self.words(), self.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            if self.path is None:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("VACUUM FULL")
                if connection.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = user").scalar():
                    connection.exec_driver_sql("CHECKPOINT")
                return True
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy: tuple[Any, ...] = cursor.fetchone() or (1,)
            cursor.close()
            return not busy[0]

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextlib.contextmanager
    def words(self) -> Iterator[None]:
        """Turn what the database says into one sentence with the next step; parameters are never shown."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            if not isinstance(error, DBAPIError | sqlite3.Error):
                raise
            raise StoreError(self._sentence(str(getattr(error, "orig", error)))) from None
        except Exception as error:
            if type(error).__module__.split(".")[0] in ("sqlcipher3", "psycopg"):
                raise StoreError(self._sentence(str(error))) from None
            raise

    def _sentence(self, said: str) -> str:
        said = said.strip().splitlines()[0] if said.strip() else "no reason given"
        for part, sentence in _SENTENCES.items():
            if part in said.lower():
                return sentence.format(where=self._where)
        return f"The database {self._where} refused: {said}. Nothing was changed; see docs/records.md."


_SENTENCES = {
    "append-only": "Refused: trials and audit entries are only ever added, never changed or removed. "
    "Correct a trial with a new one; erase a person with `dexkit people erase`.",
    "disk is full": "The disk is full: nothing of this was written to {where}, all before is whole. Free "
    "some "
    "space and do it again.",
    "no space left": "The disk is full: nothing of this was written to {where}, all before is whole. Free "
    "some "
    "space and do it again.",
    "disk i/o error": "The disk refused while {where} was in use: nothing of this was written, all before is "
    "whole. Check the disk and its free space, and do it again.",
    "not a database": "{where} is not a database that this keyring opens: it belongs to other records or is "
    "damaged. Put the keyring that belongs to it in its place, or restore a backup: dexkit restore",
    "malformed": "{where} is damaged. Keep it as it is, and restore the last backup into another folder: "
    "dexkit restore",
    "locked": "{where} is in use by another program for too long. End that program, and do it again.",
    "readonly": "{where} may only be read. Make it and its folder writable.",
    "read-only": "{where} may only be read. Make it and its folder writable.",
    "unable to open": "{where} cannot be opened. Check that it is there and that you may read and write it.",
    "connection": "The database {where} does not answer. Check that the server runs, and "
    "DEXKIT_DATABASE_URL.",
    "password": "The database {where} does not let this user in. Check DEXKIT_DATABASE_URL.",
    "does not exist": "The database {where} or this user does not exist. Make it, or check "
    "DEXKIT_DATABASE_URL.",
}


def sqlite(path: Path, key: bytes | None) -> Database:
    """Return an SQLite database.

    Parameters
    ----------
    path
        Its file.
    key
        32 bytes for SQLCipher; None for a plain one.
    """
    module: ModuleType = sqlite3
    if key is not None:
        from sqlcipher3 import dbapi2

        module = dbapi2

    def connect() -> Any:
        connection = module.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        cursor = connection.cursor()
        if key is not None:
            cursor.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        # FULL: a finished trial is on the disk before anyone is told so.
        # secure_delete: what goes is overwritten.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        cursor.close()
        return connection

    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, module=module, creator=connect, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("dexkit_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(engine, path)


def postgresql(address: str) -> Database:
    """Return a PostgreSQL database.

    Parameters
    ----------
    address
        As in ``postgresql://user@host/name``.

    Raises
    ------
    InputError
        When it is not the address of one, or the driver is not installed.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        url = URL.create("unknown")
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InputError(
            "DEXKIT_DATABASE_URL is not the address of a PostgreSQL database, as in "
            "postgresql://user:password@host/name. Correct it, or remove it to use a file of your own."
        )
    try:
        engine = create_engine(url.set(drivername="postgresql+psycopg"), hide_parameters=True)
    except (ImportError, NoSuchModuleError):
        raise InputError(
            "The driver for PostgreSQL is not installed. Install it: pip install 'dexkit[postgres]'"
        ) from None

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute("SET synchronous_commit = on")
        connection.commit()

    return Database(engine, None)
