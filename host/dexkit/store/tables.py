"""The tables. What tells who somebody is lies sealed with that person's key; the rest hangs on a random id.

A table with a column ``person_id`` is emptied of a person by erasing, without being named there.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

ID_LENGTH = 32
ACTOR_LENGTH = 128
REPEATS = ("profile_id", "hand", "mode", "verdict", "practice", "person_id", "number", "value", "trial_id")


class Row(SQLModel, registry=registry()):
    """What all tables share: a list of tables of their own, so that nobody else's are among them."""


metadata = Row.metadata


class StoreRow(Row, table=True):
    """Which keyring this database belongs to: one row."""

    __tablename__ = "store"
    keyring_id: str = Field(primary_key=True, max_length=ID_LENGTH)


class PersonRow(Row, table=True):
    """A person under a random id; `tag` stands for the pseudonym, so that each is there once."""

    __tablename__ = "people"
    person_id: str = Field(primary_key=True, max_length=ID_LENGTH)
    tag: str = Field(unique=True, max_length=64)
    facts: bytes = Field(sa_type=LargeBinary)
    added_at: datetime
    changed_at: datetime


class NameRow(Row, table=True):
    """A person's name and nothing else."""

    __tablename__ = "names"
    person_id: str = Field(primary_key=True, foreign_key="people.person_id", max_length=ID_LENGTH)
    name: bytes = Field(sa_type=LargeBinary)


class RecordingRow(Row, table=True):
    """A sealed file under the keyed hash of what was recorded."""

    __tablename__ = "recordings"
    address: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(foreign_key="people.person_id", index=True, max_length=ID_LENGTH)
    size_bytes: int
    added_at: datetime


class TrialRow(Row, table=True):
    """A finished trial; `outcome` is sealed together with all the other columns, so none can be changed."""

    __tablename__ = "trials"
    __table_args__ = (
        Index("ix_trials_person", "person_id", "number"),
        Index("ix_trials_person_started", "person_id", "started_at"),
        Index("ix_trials_trend", "person_id", "profile_id", "hand", "mode", "number"),
        # All that comparing a clinic's own repeats needs, so that no row is looked up.
        Index("ix_trials_repeats", *REPEATS),
    )
    trial_id: str = Field(primary_key=True, max_length=ID_LENGTH)
    number: int = Field(unique=True)
    person_id: str = Field(foreign_key="people.person_id", max_length=ID_LENGTH)
    profile_id: str = Field(max_length=64)
    hand: str = Field(max_length=16)
    mode: str = Field(max_length=32)
    practice: bool
    started_at: datetime = Field(index=True)
    recorded_at: datetime
    clock_back_s: float
    verdict: str = Field(max_length=32)
    completed: bool
    value: float | None
    unit: str = Field(max_length=32)
    recording: str | None = Field(foreign_key="recordings.address", index=True, max_length=64)
    corrects: str | None = Field(unique=True, max_length=ID_LENGTH)
    outcome: bytes = Field(sa_type=LargeBinary)


class AuditRow(Row, table=True):
    """Who saw or changed what; `chain` holds it to the entry before."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject", "number"),)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime
    actor: str = Field(max_length=ACTOR_LENGTH)
    action: str = Field(max_length=32)
    subject: str = Field(max_length=64)
    detail: str
    chain: str = Field(max_length=64)


class ErasureRow(Row, table=True):
    """A person who was erased: the permit to delete, and whether the files are swept."""

    __tablename__ = "erasures"
    erased_id: str = Field(primary_key=True, max_length=ID_LENGTH)
    erased_at: datetime
    swept: bool


class ExportRow(Row, table=True):
    """A readable file that left the store, so that erasing finds it; where it is lies sealed."""

    __tablename__ = "exports"
    export_id: str = Field(primary_key=True, max_length=ID_LENGTH)
    person_id: str = Field(foreign_key="people.person_id", index=True, max_length=ID_LENGTH)
    place: bytes = Field(sa_type=LargeBinary)


class BackupRow(Row, table=True):
    """A folder that backups were written to, so that erasing renews the keyring there."""

    __tablename__ = "backups"
    folder: str = Field(primary_key=True)
    written_at: datetime
