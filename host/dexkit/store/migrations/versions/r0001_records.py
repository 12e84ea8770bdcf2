"""The first tables, and what keeps trials and the audit log append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
ERASED = "EXISTS (SELECT 1 FROM erasures WHERE erased_id = OLD.person_id)"
#: Table, what is never done to it, and unless when.
NEVER = (
    ("audit", "UPDATE", ""),
    ("audit", "DELETE", ""),
    ("erasures", "DELETE", ""),
    ("trials", "UPDATE", ""),
    ("trials", "DELETE", ERASED),
    ("recordings", "UPDATE", ""),
    ("recordings", "DELETE", ERASED),
)


def upgrade() -> None:
    """Make the tables and their triggers."""
    op.create_table("store", sa.Column("keyring_id", sa.String(32), primary_key=True))
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("tag", sa.String(64), nullable=False, unique=True),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("added_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
    )
    op.create_table(
        "names",
        sa.Column("person_id", sa.String(32), sa.ForeignKey("people.person_id"), primary_key=True),
        sa.Column("name", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "recordings",
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(32), sa.ForeignKey("people.person_id"), nullable=False, index=True),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("added_at", UTC, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("trial_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("person_id", sa.String(32), sa.ForeignKey("people.person_id"), nullable=False),
        sa.Column("profile_id", sa.String(64), nullable=False),
        sa.Column("hand", sa.String(16), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("practice", sa.Boolean, nullable=False),
        sa.Column("started_at", UTC, nullable=False, index=True),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.Column("clock_back_s", sa.Float, nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("completed", sa.Boolean, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("recording", sa.String(64), sa.ForeignKey("recordings.address"), index=True),
        sa.Column("corrects", sa.String(32), unique=True),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_trials_person", "trials", ["person_id", "number"])
    op.create_index("ix_trials_person_started", "trials", ["person_id", "started_at"])
    op.create_index("ix_trials_trend", "trials", ["person_id", "profile_id", "hand", "mode", "number"])
    op.create_index(
        "ix_trials_repeats",
        "trials",
        ["profile_id", "hand", "mode", "verdict", "practice", "person_id", "number", "value", "trial_id"],
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "number"])
    op.create_table(
        "erasures",
        sa.Column("erased_id", sa.String(32), primary_key=True),
        sa.Column("erased_at", UTC, nullable=False),
        sa.Column("swept", sa.Boolean, nullable=False),
    )
    op.create_table(
        "exports",
        sa.Column("export_id", sa.String(32), primary_key=True),
        sa.Column("person_id", sa.String(32), sa.ForeignKey("people.person_id"), nullable=False, index=True),
        sa.Column("place", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "backups",
        sa.Column("folder", sa.String, primary_key=True),
        sa.Column("written_at", UTC, nullable=False),
    )
    _forbid()


def _forbid() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, deed, unless in NEVER:
        name = f"{table}_no_{deed.lower()}"
        if not postgresql:
            when = f"WHEN NOT {unless}" if unless else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {deed} ON {table} {when} "
                "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
            )
            continue
        # A trigger's own condition cannot hold a query there, so its function asks.
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {unless or 'false'} THEN RETURN OLD; END IF; RAISE EXCEPTION 'append-only'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if postgresql:
        op.execute(
            "CREATE FUNCTION never_truncate() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'append-only'; END $$"
        )
        for table in sorted({table for table, _, _ in NEVER}):
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "EXECUTE FUNCTION never_truncate()"
            )
