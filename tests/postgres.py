"""A PostgreSQL server of our own, from the system's package: a user without rights, a socket in a folder."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

SETTINGS = (
    "-c listen_addresses='' -c unix_socket_permissions=0777 -c fsync=off -c shared_buffers=128MB "
    "-c logging_collector=off"
)


def binaries():
    """Return the folder with initdb and postgres, or None."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(
        (p for p in places if all((p / name).exists() for name in ("initdb", "pg_ctl", "postgres"))), None
    )


def unprivileged():
    """Return the user to run as: nobody in particular, where we are root, which a server refuses to be."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextlib.contextmanager
def server():
    """Start a server; yield the address of its socket folder and the folder of its files."""
    bin_folder, user = binaries(), unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="dexkit-pg-"))  # a socket's path must be short
    data, log = folder / "data", folder / "log"
    if user is not None:
        shutil.chown(folder, user)
    folder.chmod(0o755)

    def run(*words):
        done = subprocess.run(
            [str(word) for word in words], user=user, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    try:
        run(bin_folder / "initdb", "-D", data, "-U", "dexkit", "-A", "trust", "-E", "UTF8", "--no-locale")
        options = f"{SETTINGS} -k {folder}"
        run(bin_folder / "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)
        try:
            yield folder, data
        finally:
            run(bin_folder / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def database(folder, name):
    """Make an empty database; return its address."""
    import psycopg

    with psycopg.connect(f"host={folder} user=dexkit dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://dexkit@/{name}?host={folder}"
