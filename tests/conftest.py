"""What all tests share: real recordings and a PostgreSQL server, and a plain word where they are not."""

from pathlib import Path

import pytest

from . import postgres

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings beside the checkout; skips the test where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no shared data")
    return SHARED_DATA


@pytest.fixture(scope="session")
def pg_server():
    """A server for all tests of a session; skips where the machine has none."""
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    with postgres.server() as (folder, data):
        yield folder, data
