"""How a database of any age becomes one of today; Alembic runs these."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dexkit.errors import StoreError


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> bool:
    """Bring a database up to date, or make its tables; return whether there was anything to do.

    Parameters
    ----------
    connection
        In a transaction: all of it happens, or nothing.

    Raises
    ------
    StoreError
        When the database is from a newer version.
    """
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return False
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"These records were written by a newer dexkit (their form is {current}). Nothing was changed. "
            "Install that version or a newer one: pip install --upgrade dexkit"
        )
    command.upgrade(config, "head")
    return True
