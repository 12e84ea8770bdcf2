"""All that the doctor asks of a computer, in one place, so that every fault can be planted; what it found."""

import getpass
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dexkit import __version__
from dexkit.bench.lights import Light
from dexkit.core import lib
from dexkit.errors import LinkError
from dexkit.kit_files import config_folder
from dexkit.link.listing import Seen, look
from dexkit.link.ports import Plug, plugs

#: Commands that macOS has as well.
UNIX = ("chmod", "chown")


@dataclass(frozen=True)
class Finding:
    """One line of what was found.

    Parameters
    ----------
    light
        What, how bad, the remedy.
    commands
        What mends it, as a person would type it; empty where only hands can.
    fix
        Mends it; None where only hands can.
    """

    light: Light
    commands: tuple[str, ...] = ()
    fix: Callable[[], None] | None = None


def login() -> str:
    """Return who runs this: the name, or the number where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if sys.platform != "win32" else "unknown"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _requires() -> list[str]:
    try:
        return importlib.metadata.requires("dexkit") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _groups() -> frozenset[str]:
    """Return the groups that this very process has."""
    if sys.platform == "win32":
        return frozenset()
    import grp

    names = set()
    for number in {*os.getgroups(), os.getgid()}:
        with suppress(KeyError):
            names.add(grp.getgrgid(number).gr_name)
    return frozenset(names)


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(list(command), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LinkError(
            f"`{shlex.join(command)}` failed ({error}). Probably it needs an administrator. Type it yourself."
        ) from None


@dataclass(frozen=True)
class Machine:
    """All that is asked of the computer.

    Parameters
    ----------
    platform, python, dexkit
        Operating system as ``sys.platform``; version of Python; version of dexkit.
    root
        Of the file system.
    user, groups, is_admin
        Who runs this, in which groups, and whether as an administrator.
    config
        This user's folder of dexkit.
    here
        Where recordings go.
    plugs, look
        Ports that may lead to a board; who is behind them.
    may
        Whether a path may be read or written, as ``os.access``.
    group_of
        Group of a path.
    version, requires
        Version of an installed package or None; what dexkit requires.
    has_core
        Whether the C core is there.
    free_bytes
        Of the disk under a path.
    now_s, steady_s
        The wall clock, since 1970; the clock that is never set.
    run
        Runs a command.
    """

    platform: str = sys.platform
    python: tuple[int, ...] = sys.version_info[:3]
    dexkit: str = __version__
    root: Path = Path("/")
    user: str = field(default_factory=login)
    groups: frozenset[str] = field(default_factory=_groups)
    is_admin: bool = field(default_factory=lambda: sys.platform != "win32" and os.geteuid() == 0)
    config: Path = field(default_factory=config_folder)
    here: Path = field(default_factory=Path.cwd)
    plugs: Callable[[], Sequence[Plug]] = plugs
    look: Callable[[Sequence[Plug]], Sequence[Seen]] = look
    may: Callable[[Path, int], bool] = os.access
    group_of: Callable[[Path], str] = _group_of
    version: Callable[[str], str | None] = _version
    requires: Callable[[], list[str]] = _requires
    has_core: bool = lib is not None
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    now_s: Callable[[], float] = time.time
    steady_s: Callable[[], float] = time.monotonic
    run: Callable[[Sequence[str]], None] = _run

    def mending(self, light: Light, *commands: Sequence[str]) -> Finding:
        """Return a finding that these commands mend, where there are such; with sudo where it is needed."""
        if self.platform == "win32" or (commands[0][0] not in UNIX and not self.platform.startswith("linux")):
            return Finding(light)
        full = [command if self.is_admin else ("sudo", *command) for command in commands]

        def fix() -> None:
            for command in full:
                self.run(command)

        return Finding(light, tuple(shlex.join(command) for command in full), fix)
