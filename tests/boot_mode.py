"""A USB socket with one Pico in it, as the operating system shows it: a drive in boot mode, else a port.

The boot ROM takes what is copied onto its drive block by block, by itself and without asking the host's own
reading of UF2; when the last block is there, the board starts what it was given, and the drive is gone.
"""

import gc
import shutil
import struct
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from dexkit.bench import drive as boot_drive
from dexkit.bench import mpremote, prove
from dexkit.link.ports import VENDOR
from dexkit.sim.ends import PtyEnd
from dexkit.sim.virtual import VirtualBoard

INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
#: How long the host waits: for an answer, and for a prompt (then it asks again, as of a board that just
#: starts). This computer may have much else to do, and an emulated board is slow.
PATIENCE_S = {"cpython": (120.0, 10.0), "pico": (600.0, 600.0)}
ERASED = b"\xff"
NOTHING = "pass\n"


def uf2(content=bytes(4096), at=0x10000000, family=0xE48BFF56):
    """Return a UF2 file."""
    pages = [content[start : start + 256].ljust(256, b"\0") for start in range(0, len(content), 256)]
    head = [
        struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, at + 256 * n, 256, n, len(pages), family)
        for n in range(len(pages))
    ]
    end = struct.pack("<I", 0x0AB16F30)
    return b"".join(h + page + bytes(220) + end for h, page in zip(head, pages, strict=True))


class Socket:
    """One board and its cable.

    Parameters
    ----------
    folder
        Where its drive and its flash are kept.
    object_kind
        What is soldered to it.
    engine
        What runs it: on ``pico`` the very image that was copied, on ``cpython`` any image is a MicroPython.
    """

    def __init__(self, folder, object_kind="coaster", engine="cpython"):
        self.drive, self.flash, self.mounts = folder / "RPI RP2", folder / "flash", folder / "mounts"
        self.object_kind, self.engine = object_kind, engine
        self.mounts.write_text("")
        self.flash.mkdir()
        self.board = self.end = None
        self.has_image = False
        self.program = NOTHING  # what runs at power-up where the flash has no main.py

    def plug(self, bootsel=False):
        """Give it power: it starts, or is in boot mode where it has nothing to start or is held there."""
        if bootsel or not self.has_image:
            self.drive.mkdir()
            (self.drive / "INFO_UF2.TXT").write_text(INFO)
            self.mounts.write_text(f"/dev/sdb1 {str(self.drive).replace(' ', chr(92) + '040')} vfat rw 0 0\n")
        else:
            self._start()
        return self

    def pull(self):
        """Take its power away, at whatever it is."""
        if self.drive.is_dir():
            self._take()
            self._unmount()
        if self.board is not None:
            end, board, self.end, self.board = self.end, self.board, None, None
            board.power_off()
            end.close()
            board.close()
            with warnings.catch_warnings():  # whatever file it had open
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()

    def ports(self):
        """Return the serial ports that the system lists."""
        self.look()
        if self.end is None:
            return []
        number = self.flash.parent.name  # of its plug
        return [SimpleNamespace(device=self.end.url, serial_number=number, vid=VENDOR, pid=5)]

    def look(self):
        """Let time go on for the board: into boot mode where its program asked for that, and out of it."""
        if (self.flash / "bootsel").is_file():
            (self.flash / "bootsel").unlink()
            self.pull()
            self.plug(bootsel=True)
        elif self.drive.is_dir() and self._take():
            self._unmount()
            self.program = NOTHING
            self._start()

    def _start(self):
        self.board = VirtualBoard(
            self.object_kind, engine=self.engine, paced=True, program=self.program, flash=self.flash
        ).power_on()
        self.end = PtyEnd(self.board).open()

    def _unmount(self):
        shutil.rmtree(self.drive)
        self.mounts.write_text("")

    def _take(self):
        """Write the blocks that have come to the flash; return whether that was the last one."""
        blocks = {}
        for path in self.drive.glob("*.uf2"):
            data = path.read_bytes()
            for start in range(0, len(data) - 511, 512):
                address, size, number, total = struct.unpack_from("<4I", data, start + 12)
                blocks[number] = (address - 0x10000000, data[start + 32 : start + 32 + size], total)
        self.has_image = bool(blocks) and len(blocks) == next(iter(blocks.values()))[2]
        if self.engine != "cpython" and blocks:
            memory = self.flash / "flash.bin"
            flash = bytearray(memory.read_bytes() if memory.is_file() else ERASED * (2 << 20))
            for at, content, _ in blocks.values():
                flash[at : at + len(content)] = content
            memory.write_bytes(flash)
        return self.has_image


@contextmanager
def system(*sockets):
    """Have the system show what is in these sockets, and a person wait as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_ports, "comports", lambda: [port for socket in sockets for port in socket.ports()])
        patch.setattr(boot_drive, "MOUNTS", Mounts(sockets))
        answer_s, prompt_s = max(PATIENCE_S[socket.engine] for socket in sockets)
        patch.setattr(mpremote, "PROMPT_S", prompt_s)
        for module, name in ((prove, "HELLO_S"), (prove, "SELFTEST_S"), (mpremote, "TIMEOUT_S")):
            patch.setattr(module, name, answer_s)
        patch.setenv("XDG_CONFIG_HOME", str(sockets[0].mounts.parent / "config"))
        try:
            yield
        finally:
            for socket in sockets:
                socket.pull()


class Mounts:
    """What /proc/mounts says of several sockets."""

    def __init__(self, sockets):
        self.sockets = sockets

    def read_text(self, **_):
        for socket in self.sockets:
            socket.look()
        return "/dev/sda1 / ext4 rw 0 0\n" + "".join(socket.mounts.read_text() for socket in self.sockets)


def command(*words):
    """Run `dexkit flash` with these words, as it is typed; return its exit code."""
    from dexkit import cli

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["dexkit", "flash", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return left.value.code or 0
