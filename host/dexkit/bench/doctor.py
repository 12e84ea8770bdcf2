"""What ails the computer: permissions, udev, ModemManager, port holders, versions, disk, clock; and remedies.

Nothing is changed here unless a finding's `fix` is called.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dexkit.bench.history import TIME
from dexkit.bench.lights import AMBER, GREEN, GREY, RED, Light, limits
from dexkit.bench.machine import Finding, Machine
from dexkit.link.ports import RULES, Plug, rules_file

PYTHON = (3, 11)
#: Where udev looks for rules; what is written goes into the first.
RULE_FOLDERS = ("etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d")
#: No dexkit is older.
FIRST_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def examine(machine: Machine, ports: Sequence[Plug] | None = None) -> list[Finding]:
    """Return what was found, the healthy included; nothing is changed.

    Parameters
    ----------
    machine
        The computer.
    ports
        The ports to look at; None: all that may lead to a board.
    """
    found = machine.plugs() if ports is None else ports
    return [finding for check in CHECKS for finding in check(machine, found)]


def _well(check: str, measured: str, of: str = "") -> Finding:
    return Finding(Light(check, of, GREEN, measured))


def check_python(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield whether Python and dexkit go together, and whether the fast core is there."""
    said, wanted = ".".join(map(str, machine.python)), ".".join(map(str, PYTHON))
    if machine.python < PYTHON:
        remedy = f"Install Python {wanted} or newer, and dexkit into it."
        yield Finding(Light("python", "", RED, said, f"at least {wanted}", remedy))
    else:
        yield _well("python", f"Python {said}, dexkit {machine.dexkit}")
    if not machine.has_core:
        yield Finding(
            Light(
                "core",
                "",
                AMBER,
                "the C core is missing; the slow Python twin does its work",
                "built",
                "Install it again from a wheel, or with a C compiler: pip install --force-reinstall dexkit",
            )
        )


def check_drivers(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield whether what flashing needs is installed, in the very versions."""
    wrong = []
    for requirement in machine.requires():
        match = re.match(r"([\w.-]+)\s*==\s*([\w.*]+)\s*;.*extra == ['\"]flash['\"]", requirement)
        if not match:
            continue
        name, wanted = match.groups()
        there = machine.version(name)
        if there is None:
            wrong.append(f"{name} is missing")
        elif there != wanted and not (wanted.endswith("*") and f"{there}.".startswith(wanted[:-1])):
            wrong.append(f"{name} {there} instead of {wanted}")
    if not wrong:
        yield _well("drivers", "what flashing needs is installed")
        return
    remedy = "pip install 'dexkit[flash]'"
    light = Light("drivers", "", AMBER, "; ".join(wrong), "as pinned: boards run them", remedy)
    command = (sys.executable, "-m", "pip", "install", "dexkit[flash]")
    yield Finding(light, (remedy,), lambda: machine.run(command))


def check_rule(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield whether udev has the rule, and whether ModemManager takes ports because it has not."""
    if not machine.platform.startswith("linux"):
        return
    ours = rules_file().read_text(encoding="utf-8")
    there = [machine.root / folder / RULES for folder in RULE_FOLDERS]
    first = next((path for path in there if path.is_file()), None)
    same = first is not None and first.read_text(encoding="utf-8", errors="replace") == ours
    manager = next((pid for pid, name in _processes(machine) if name == "ModemManager"), None)
    if same:
        yield _well("udev rule", f"{first}")
    else:
        target = machine.root / RULE_FOLDERS[0] / RULES
        yield machine.mending(
            Light(
                "udev rule",
                "",
                AMBER,
                f"{first} is of another version" if first else "not installed",
                "installed",
                "Install it; then plug the board in again.",
            ),
            ("cp", str(rules_file()), str(target)),
            ("udevadm", "control", "--reload"),
            ("udevadm", "trigger", "--subsystem-match=tty"),
        )
    if manager is not None and not same:
        yield Finding(
            Light(
                "ModemManager",
                "",
                AMBER,
                f"runs (process {manager}) and takes every new port for some seconds",
                "keeps away from boards",
                "Install the udev rule above; it tells ModemManager that boards are no modems.",
            )
        )


def check_ports(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield for each port whether it may be read and written, and who holds it."""
    if not ports:
        remedy = "Plug one in, with a cable that carries data; `dexkit ports` lists what is seen."
        yield Finding(Light("port", "", GREY, "no board is plugged in", "", remedy))
    holders = _holders(machine)
    for plug in ports:
        path = machine.root / plug.url.lstrip("/")
        if "://" in plug.url or not plug.url.startswith("/"):
            continue
        if not path.exists():
            remedy = "Plug the board in; `dexkit ports` lists what is seen."
            yield Finding(Light("port", plug.url, RED, "is not there", "there", remedy))
            continue
        yield from _permission(machine, plug.url, path)
        device = f"/{path.resolve().relative_to(machine.root.resolve())}"  # a link such as by-id leads there
        for pid, name in holders.get(device, ()):
            yield Finding(
                Light(
                    "port holder",
                    plug.url,
                    RED,
                    f"{name} (process {pid}) holds it",
                    "free",
                    f"Close {name}, or end it: kill {pid}",
                )
            )


def _permission(machine: Machine, url: str, path: Path) -> Iterator[Finding]:
    read, write = machine.may(path, os.R_OK), machine.may(path, os.W_OK)
    if read and write:
        yield _well("permission", "may be read and written", url)
        return
    measured = (
        "may be read, but not written: nothing can be said to the board" if read else "may not be opened"
    )
    group = machine.group_of(path)
    if group == "root":  # nobody joins it for a board's sake
        remedy = "Install the udev rule, and plug the board in again."
        yield Finding(Light("permission", url, RED, measured, "read and write", remedy))
    elif group in machine.groups:
        remedy = f"Its group {group} lacks the right too: install the udev rule, and plug the board in again."
        light = Light("permission", url, RED, measured, "read and write", remedy)
        yield machine.mending(light, ("chmod", "g+rw", str(path)))
    elif machine.user in _members(machine, group):
        remedy = f"You are in the group {group} since you logged in: log out and in again."
        yield Finding(Light("permission", url, RED, measured, "read and write", remedy))
    else:
        remedy = f"Install the udev rule, or join the group {group}; then log out and in again."
        light = Light("permission", url, RED, measured, "read and write", remedy)
        yield machine.mending(light, ("usermod", "-a", "-G", group, machine.user))


def _members(machine: Machine, group: str) -> list[str]:
    with suppress(OSError):
        for line in (machine.root / "etc/group").read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split(":")
            if len(fields) == 4 and fields[0] == group:  # others are blank, or lead to a directory service
                return fields[3].split(",")
    return []


def _processes(machine: Machine) -> Iterator[tuple[int, str]]:
    with suppress(OSError):
        for entry in (machine.root / "proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):  # the kernel cuts a name after 15 bytes, also within a letter
                    name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    yield int(entry.name), name


def _holders(machine: Machine) -> dict[str, list[tuple[int, str]]]:
    """Return by device who has it open, as far as this user may see."""
    found: dict[str, list[tuple[int, str]]] = {}
    for pid, name in _processes(machine):
        if pid == os.getpid():
            continue
        with suppress(OSError):
            for handle in (machine.root / "proc" / str(pid) / "fd").iterdir():
                with suppress(OSError):
                    target = str(handle.readlink())
                    if target.startswith("/dev/") and (pid, name) not in found.setdefault(target, []):
                        found[target].append((pid, name))
    return found


def check_boards(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield who answers on each port, and whether its firmware is this dexkit's."""
    for seen in machine.look(ports) if ports else ():
        of = seen.plug.url
        if seen.hello is None or seen.state != "free":
            yield Finding(Light("board", of, RED, seen.state, "answers", seen.remedy))
            continue
        said = f"{seen.hello.object_kind} {seen.hello.uid}, firmware {seen.hello.firmware}"
        if seen.hello.firmware != machine.dexkit:
            remedy = f"dexkit flash {of}"
            yield Finding(Light("board", of, AMBER, said, f"firmware {machine.dexkit}", remedy))
        elif seen.hello.ailing:
            wrong = "; ".join(f"{name} {words}" for name, words in seen.hello.ailing.items())
            yield Finding(Light("board", of, AMBER, f"{said}: {wrong}", "well", f"dexkit selftest {of}"))
        else:
            yield _well("board", said, of)


def check_disk(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield whether there is room, and whether dexkit's own folder may be written."""
    for what, folder in (("recordings", machine.here), ("dexkit's folder", _nearest(machine.config))):
        free_mb = machine.free_bytes(folder) / 1e6
        colour = (
            RED if free_mb < limits().disk_red_mb else AMBER if free_mb < limits().disk_amber_mb else GREEN
        )
        remedy = f"Remove what is not needed from the disk of {folder}, or record to another one."
        yield Finding(
            Light(
                "disk",
                what,
                colour,
                f"{free_mb / 1000:.1f} GB free",
                f"at least {limits().disk_amber_mb / 1000:g} GB",
                "" if colour == GREEN else remedy,
                free_mb,
                limits().disk_amber_mb,
                "MB",
            )
        )
    nearest = _nearest(machine.config)
    if not nearest.is_dir():
        remedy = "Move it away; or say in XDG_CONFIG_HOME where dexkit's folder is to be."
        yield Finding(Light("folder", "", RED, f"{nearest} is a file", "a folder", remedy))
        return
    if not machine.may(nearest, os.W_OK):
        closed = [nearest]
    else:  # one `sudo dexkit` leaves folders in it that are root's
        inside = sorted(nearest.glob("*/")) if nearest == machine.config else []
        closed = [folder for folder in inside if not machine.may(folder, os.W_OK)]
    said = f"{' and '.join(map(str, closed))} may not be written"
    if not closed:
        yield _well("folder", f"{machine.config} may be written")
    elif nearest != machine.config:  # above it everything is somebody else's, and is never taken over
        remedy = (
            f"Make the folder {machine.config}, and make it yours; or say in XDG_CONFIG_HOME where it is."
        )
        yield Finding(Light("folder", "", RED, said, "yours", remedy))
    else:
        light = Light("folder", "", RED, said, "yours", "Make it yours.")
        yield machine.mending(light, ("chown", "-R", machine.user, *map(str, closed)))


def _nearest(path: Path) -> Path:
    """Return the path, or the first folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def check_clock(machine: Machine, ports: Sequence[Plug]) -> Iterator[Finding]:
    """Yield whether the wall clock can be right, and the steady one steady."""
    now_s, steady_s = machine.now_s(), machine.steady_s()
    said = datetime.fromtimestamp(now_s, UTC).strftime(TIME)
    latest_s = max(_tested(machine), default=0.0)
    ntp = ("timedatectl", "set-ntp", "true")
    sync = machine.root / "run/systemd/timesync"
    remedy = "Set the clock by the network; what was recorded meanwhile has a wrong date."
    if now_s < FIRST_S:
        yield machine.mending(Light("clock", "", RED, said, "today", remedy), ntp)
    elif latest_s > now_s + limits().ahead_s:
        last = datetime.fromtimestamp(latest_s, UTC).strftime(TIME)
        measured = f"{said}, but a board was tested at {last}"
        yield machine.mending(Light("clock", "", RED, measured, "after that", remedy), ntp)
    elif sync.is_dir() and not (sync / "synchronized").exists():
        yield machine.mending(
            Light("clock", "", AMBER, f"{said}, not set by the network", "set", remedy), ntp
        )
    else:
        yield _well("clock", said)
    if machine.steady_s() < steady_s:
        again = "Start the computer anew; if it stays, its system is damaged: do not record with it."
        yield Finding(Light("steady clock", "", RED, "goes backwards", "never", again))


def _tested(machine: Machine) -> Iterator[float]:
    """Yield the times of all self-tests that this computer keeps."""
    for path in (machine.config / "selftests").glob("*.jsonl"):
        with suppress(OSError):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    yield datetime.strptime(json.loads(line)["time"], TIME).replace(tzinfo=UTC).timestamp()


CHECKS = (check_python, check_drivers, check_rule, check_ports, check_boards, check_disk, check_clock)
