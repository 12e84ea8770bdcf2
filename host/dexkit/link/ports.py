"""Ports: which may lead to a board, how one is opened, and in words why one cannot be.

A kit is found by the numbers of its USB plug and then by its hello, never by a port's name, which changes.
`socket://HOST:PORT`, `replay:FILE` and what else pyserial opens by URL are ports like others.
"""

import contextlib
import errno
import os
import re
import select
import sys
from dataclasses import dataclass
from pathlib import Path

import serial
from serial.tools import list_ports

from dexkit.errors import DexkitError, LinkError
from dexkit.link.clock import host_ns

#: Raspberry Pi's plugs; official MicroPython on its microcontrollers is product 0005, and others may be ours
#: too, but not its two debug probes (RECALLED from raspberrypi/usb-pid).
VENDOR = 0x2E8A
DEBUG_PROBES = (0x0004, 0x000C)
#: A board must take what a host writes; one that hangs does not.
WRITE_S = 1.0
READ_BYTES = 1 << 16
RULES = "70-dexkit.rules"


def add_urls(package: str) -> None:
    """Let pyserial open the URLs of a package: its module `protocol_NAME` serves NAME://.

    Parameters
    ----------
    package
        Its full name.
    """
    if package not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(package)


add_urls("dexkit.link.urls")


@dataclass(frozen=True)
class Plug:
    """A port that may lead to a board.

    Parameters
    ----------
    url
        What opens it.
    serial_number
        Of its USB plug, which stays when the port's name changes; empty where there is none.
    """

    url: str
    serial_number: str = ""


def plugs() -> list[Plug]:
    """Return the ports of this machine whose USB plug may be a board's, in the order of their names."""
    found = [
        Plug(port.device, port.serial_number or "")
        for port in list_ports.comports()
        if port.vid == VENDOR and port.pid not in DEBUG_PROBES
    ]
    return sorted(
        found, key=lambda plug: [int(n) if n.isdigit() else n for n in re.split(r"(\d+)", plug.url)]
    )


def where(plug: Plug) -> str:
    """Return the URL at which a plug is now: its port may have got another name.

    Parameters
    ----------
    plug
        As it was found.
    """
    if plug.serial_number:
        return next((p.url for p in plugs() if p.serial_number == plug.serial_number), plug.url)
    return plug.url


class Port:
    """An open port.

    Parameters
    ----------
    url
        ``/dev/ttyACM0``, ``COM3``, ``socket://HOST:PORT``, ``replay:FILE``, ...

    Raises
    ------
    LinkError
        When it cannot be opened; says why, and what to do.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._serial = serial.serial_for_url(
                as_url(url), timeout=0, write_timeout=WRITE_S, exclusive=_locks(url)
            )
        except DexkitError as error:  # our own URLs know better what is wrong
            raise LinkError(str(error)) from error
        except (OSError, ValueError) as error:
            raise LinkError(why_closed(url, error)) from error
        self._fd: int | None = None
        with contextlib.suppress(OSError, AttributeError):
            self._fd = None if sys.platform == "win32" else self._serial.fileno()

    @property
    def own_time(self) -> bool:
        """Whether this port has a time of its own, which goes on while it is read."""
        return hasattr(self._serial, "now_ns")

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, as at the end of a recording."""
        return bool(getattr(self._serial, "ended", False))

    def now_ns(self) -> int:
        """Return the time by which this port's board is to be timed."""
        return int(self._serial.now_ns()) if self.own_time else host_ns()

    def read(self, wait_s: float) -> bytes:
        """Return what has come; wait for it up to wait_s.

        Parameters
        ----------
        wait_s
            Seconds.

        Raises
        ------
        OSError
            When the port is gone.
        """
        if self._fd is not None:
            ready, _, _ = select.select([self._fd], [], [], wait_s)
            return bytes(self._serial.read(READ_BYTES)) if ready else b""
        if self._serial.timeout != wait_s:
            self._serial.timeout = wait_s
        first = bytes(self._serial.read(1))
        return first + bytes(self._serial.read(self._serial.in_waiting)) if first else b""

    def write(self, data: bytes) -> None:
        """Write all of it.

        Parameters
        ----------
        data
            Command lines.

        Raises
        ------
        OSError
            When the port is gone, or the board takes nothing.
        """
        if data:
            self._serial.write(data)

    def close(self) -> None:
        """Close it, whatever state it is in."""
        line = getattr(self._serial, "_socket", None)  # pyserial leaves it open where the other side is gone
        with contextlib.suppress(OSError):
            self._serial.close()
        if line is not None:
            line.close()


def as_url(url: str) -> str:
    """Return a port's name as pyserial takes it: ``replay:FILE`` becomes ``replay://FILE``.

    Parameters
    ----------
    url
        As a person types it.
    """
    scheme, colon, rest = url.partition(":")
    if colon and len(scheme) > 1 and scheme.isalpha() and not rest.startswith("//"):
        return f"{scheme}://{rest}"
    return url


def _locks(url: str) -> bool | None:
    """Whether to take the port for us alone; a URL cannot be locked."""
    return None if "://" in as_url(url) or os.name != "posix" else True


def why_closed(url: str, error: Exception) -> str:
    """Return in words why a port does not open, and the next step.

    Parameters
    ----------
    url
        The port.
    error
        What opening it raised.
    """
    number = getattr(error, "errno", None)
    if number is None and (match := re.search(r"\[Errno (\d+)\]", str(error))):
        number = int(match[1])
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"There is no port {url}. Probably the board is not plugged in. `dexkit ports` lists all."
    if number in (errno.EACCES, errno.EPERM) and os.name == "posix":
        return (
            f"You may not open {url}. Probably your account is not in the group of serial ports. Install the "
            f"rule that comes with dexkit (sudo cp {rules_file()} /etc/udev/rules.d/, then plug the board in "
            "again), or join the group: sudo usermod -a -G dialout $USER, and log in anew."
        )
    if number in (errno.EBUSY, errno.EAGAIN, errno.EACCES, errno.EPERM):
        return f"{url} is in use by another program{_thief(url)}"
    if number == errno.ECONNREFUSED:
        return (
            f"Nobody listens at {url}. Probably the virtual kit is not running. Start it, or check the name."
        )
    return f"Cannot open {url} ({error}). Check the name; `dexkit ports` lists what there is."


def _thief(url: str) -> str:
    """Say who has a port, as far as it can be seen, and how to get it back."""
    holders, manager = set(), False
    with contextlib.suppress(OSError):
        device = str(Path(url).resolve())
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                name = (process / "comm").read_text().strip()
                manager |= name == "ModemManager"
                if any(str(handle.readlink()) == device for handle in (process / "fd").iterdir()):
                    holders.add(f"{name} (process {process.name})")
    if holders:
        return f": {', '.join(sorted(holders))}. Close it there."
    if manager:
        return (
            ", probably ModemManager, which takes every new serial port for a modem for some seconds. Wait "
            "ten seconds; to keep it away for good: sudo cp "
            f"{rules_file()} /etc/udev/rules.d/, then plug the board in again."
        )
    return ". Probably another window of dexkit, or a serial monitor. Close it there."


def rules_file() -> Path:
    """Return the udev rule that keeps ModemManager away and lets users open a board's port."""
    return Path(__file__).resolve().parent / RULES
