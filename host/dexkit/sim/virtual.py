"""A virtual board: one object with its firmware, a person who uses it, and a line to the host.

`VirtualBoard` is what tests, `dexkit sim` and `sim:` URLs use. Unpaced, its time stands still until `run`
lets it go on, so a test of an hour takes no hour and the same test gives the same bytes. Paced, it keeps to
the wall clock by itself.

The person waits until the board is told to `start`, and begins START_S later; after a `stop` the next `start`
finds the person at the beginning again.
"""

import ctypes
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from dexkit.errors import InputError
from dexkit.hardware import load
from dexkit.kit_files import folder
from dexkit.protocol.tables import OBJECT_ID
from dexkit.sim.build import make_desk
from dexkit.sim.chips.chip import FAULTS
from dexkit.sim.clockwork import Bite, PowerOff, Reset
from dexkit.sim.desk import Desk
from dexkit.sim.engines.micropython import MicroPython
from dexkit.sim.engines.pico import Pico, PicoW
from dexkit.sim.feed import Stage
from dexkit.sim.line import Line
from dexkit.sim.loader import Loader, missing_drivers
from dexkit.sim.scene import Scene, make_scene

#: From the `start` of the first stream until the person begins.
START_S = 1.0
#: So long after power-up every board has said hello: its sensors take that long to be set up.
READY_S = 6.0
#: So long after the person has finished nothing more is to come.
END_S = 1.0
#: A board from which nothing is heard for so long, by the wall clock, hangs.
HANGS_S = 5.0

#: Runs one boot of a board: desk, flash folder. Returns when the program has ended.
Engine = Callable[[Desk, Path], None]
Sink = Callable[[bytes], None]


class VirtualBoard:
    """One object of the kit that exists only here.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster``, ``button_board`` or ``pegboard``.
    person
        Severity of the person who uses it, one of SEVERITIES.
    seed
        Which person, which luck, which board.
    engine
        What runs the firmware: ``cpython``, ``micropython``, ``pico``, ``pico_w``.
    paced
        Whether the board keeps to the wall clock; else `run` lets its time go on.
    scene
        What happens, instead of the person's usual test.
    repeat_s
        Rest after which the person does it again; None: once.
    flash
        Folder that is the board's flash; None for one of its own, which goes with it.
    program
        Source of the main program instead of the object's firmware.
    line
        What happens to bytes on the way.
    faults
        What is wrong with which chip: its name in the hardware file, one of FAULTS.
    clock_ppm
        How much faster the board's clock runs than the world's.
    ticks_start_us
        What its tick clock says at power-up.

    Raises
    ------
    InputError
        When there is no such object, person, engine, chip or fault.
    """

    def __init__(
        self,
        object_kind: str,
        person: str = "moderate",
        seed: int = 1,
        *,
        engine: str = "cpython",
        paced: bool = False,
        scene: Scene | None = None,
        repeat_s: float | None = None,
        flash: Path | None = None,
        program: str | None = None,
        line: Line | None = None,
        faults: Mapping[str, str] | None = None,
        clock_ppm: float = 0.0,
        ticks_start_us: int = 0,
    ) -> None:
        self._engine = engine_of(engine, object_kind, program)
        self.scene = scene or make_scene(object_kind, person, seed)
        self.stage = Stage(self.scene.duration_s, repeat_s, clock_ppm)
        self.desk, self.chips = make_desk(
            load(object_kind),
            self.scene.worlds[object_kind],
            self.stage,
            seed=seed,
            ticks_start_us=ticks_start_us,
        )
        for name, fault in (faults or {}).items():
            self.break_chip(name, fault)
        self.object_kind, self.paced = object_kind, paced
        self.line = line or Line()
        self._own_flash = tempfile.TemporaryDirectory(prefix="dexkit-flash-") if flash is None else None
        self.flash = Path(self._own_flash.name) if self._own_flash else Path(flash or "")
        self._thread: threading.Thread | None = None
        self._sink: Sink | None = None
        self._sent = bytearray()
        self._heard = b""
        self._begun = False
        self.boots = 0
        #: What broke the virtual board itself: never the program's own exceptions, which it prints.
        self.failure: Exception | None = None
        self.desk.on_sent = self._from_board
        self.desk.on_received = self._to_board
        self.desk.attach(False)

    # ------------------------------------------------------------------------------------------- power

    def power_on(self, since_s: float = 0.0) -> Self:
        """Switch the board on; a paced one begins to run.

        Parameters
        ----------
        since_s
            How long it has been on already: so much of its time passes at once.
        """
        if self._thread is None:
            for chip in self.chips.values():
                chip.power_up()
            self.desk.power_up(1)
            self.desk.hold(self.desk.now_us)
            name = f"virtual {self.object_kind}"
            self._thread = threading.Thread(target=self._boots, name=name, daemon=True)
            self._thread.start()
            if since_s:
                self.run(since_s)
            if self.paced:
                self.desk.pace()
        return self

    def power_off(self) -> None:
        """Cut the power."""
        if self._thread is not None:
            self.desk.power_off()
            self._thread.join(HANGS_S)
            if self._thread.is_alive():
                self._strike(PowerOff)
                self._thread.join(HANGS_S)
            self._thread = None
            self.desk.radio.power_off()

    def close(self) -> None:
        """Cut the power and throw the board's own flash away."""
        self.power_off()
        if self._own_flash is not None:
            self._own_flash.cleanup()

    def __enter__(self) -> Self:
        return self.power_on()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _boots(self) -> None:
        """Run one boot after the other until the power is cut."""
        try:
            while True:
                self.boots += 1
                try:
                    self._engine(self.desk, self.flash)
                except Reset as reset:
                    self.desk.power_up(reset.cause)
                else:
                    return  # the engine has left: only new power starts it again
        except PowerOff:
            return
        except Exception as error:
            self.failure = error
            self.desk.power_off()

    def _strike(self, kind: type[PowerOff]) -> None:
        """End a program that asks the desk for nothing any more."""
        if self._thread is not None and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(kind)
            )

    # -------------------------------------------------------------------------------------------- time

    def run(self, seconds: float, *, or_sent: bool = False) -> bytes:
        """Let the board's time go on by so much; return what it sent to a host that has no sink.

        Parameters
        ----------
        seconds
            As the world counts them.
        or_sent
            Whether time stops as soon as the board has sent something.

        Raises
        ------
        TimeoutError
            When the board hangs and no watchdog is on; with one it is reset, as it would be.
        """
        # Not from `now_us`: whether a board that was just switched on has taken its first step is chance.
        until_us = self.desk.reached_us + round(seconds / self.stage.world_s_per_us)
        asked = -1
        while not self.desk.run_until(until_us, HANGS_S, or_sent=or_sent):
            if self.desk.is_off or self._thread is None or not self._thread.is_alive():
                break
            if asked == self.desk.requests:
                if not self.desk.bite():
                    raise TimeoutError(f"the {self.object_kind}'s program hangs, and no watchdog is on")
                self._strike(Bite)
            asked = self.desk.requests
        if self.failure is not None:
            raise self.failure
        return self.received()

    @property
    def done(self) -> bool:
        """Whether the person has finished, END_S ago at least, and does not begin again."""
        return self.stage.is_over(self.desk.now_us - END_S / self.stage.world_s_per_us)

    @property
    def world_s(self) -> float:
        """Time since power-up as the world counts it."""
        return self.desk.now_us * self.stage.world_s_per_us

    def wait(self) -> None:
        """Wait while a paced board runs; return when its engine has left.

        A program that hangs is reset by its watchdog, if one is on.
        """
        asked = -1
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(HANGS_S)
            if asked == self.desk.requests and self.desk.bite():
                self._strike(Bite)
            asked = self.desk.requests
        if self.failure is not None:
            raise self.failure

    # -------------------------------------------------------------------------------------------- line

    def attach(self, sink: Sink | None = None) -> None:
        """Plug the cable in; what the board sends goes to `sink`, or is kept for `received`."""
        self._sink = sink
        self.desk.attach(True)

    def detach(self) -> None:
        """Pull the cable out."""
        self.desk.attach(False)
        self._sink = None

    def send(self, data: bytes) -> None:
        """Send bytes to the board."""
        for piece in self.line.pieces(data):
            self.desk.send(piece)

    def received(self) -> bytes:
        """Return what the board has sent since the last call, where there is no sink."""
        data, self._sent = bytes(self._sent), bytearray()
        return data

    def _from_board(self, data: bytes) -> None:
        for piece in self.line.pieces(data):
            (self._sink or self._sent.extend)(piece)

    def _to_board(self, data: bytes) -> None:
        """Watch what the host says: the person begins when sampling does."""
        self._heard = (self._heard + data)[-200:]
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            words = line.partition(b"*")[0].split()
            if len(words) > 1 and words[1] == b"start" and not self._begun:
                self._begun = True
                self.begin(START_S)
            elif len(words) > 1 and words[1] == b"stop":
                self._begun = False

    # ------------------------------------------------------------------------------------------- world

    def begin(self, in_s: float = 0.0) -> None:
        """Let the person begin so many seconds from now."""
        self.stage.begin(self.desk.now_us + in_s / self.stage.world_s_per_us)

    def break_chip(self, name: str, fault: str) -> None:
        """Break a chip, or mend it with an empty fault.

        Raises
        ------
        InputError
            When there is no such chip or fault.
        """
        for value, known in ((name, tuple(self.chips)), (fault, FAULTS)):
            if value not in known:
                raise InputError(
                    f"There is no chip or fault {value!r} here. Probably it is misspelt. "
                    f"Use one of: {', '.join(filter(None, known))}."
                )
        self.chips[name].fault = fault


def engine_of(name: str, object_kind: str, program: str | None = None) -> Engine:
    """Return what runs the firmware of an object, or a program of one's own.

    Raises
    ------
    InputError
        When there is no such engine or object, or what the firmware imports is not installed.
    """
    if object_kind not in OBJECT_ID:
        raise InputError(f"There is no object {object_kind!r}. Use one of: {', '.join(OBJECT_ID)}.")
    if name not in ENGINES:
        raise InputError(
            f"There is no engine {name!r}. Probably it is misspelt. Use one of: {', '.join(ENGINES)}."
        )
    if program is None and (lacks := missing_drivers()):
        raise InputError(
            f"A virtual board runs the published sensor drivers, and {', '.join(lacks)} are not installed. "
            "Install them: pip install 'dexkit[flash]'."
        )
    return ENGINES[name](program or firmware_program(object_kind))


def firmware_program(object_kind: str) -> str:
    """Return the main program that starts an object's firmware."""
    return f"from app.main import run\n\nrun({object_kind!r})\n"


class CPython:
    """The engine that needs nothing: firmware sources run by this very interpreter.

    Parameters
    ----------
    program
        Source of the main program, where the flash has none.
    """

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, desk: Desk, flash: Path) -> None:
        """Run one boot: main.py of the flash or the program, then the prompt."""
        firmware = folder("firmware")
        raw = False
        while True:
            raw = Loader(desk, flash, [firmware, firmware / "compat"]).boot(self.program, raw)


#: What can run a board's firmware; each is made from the source of its main program.
ENGINES: dict[str, Callable[[str], Engine]] = {
    "cpython": CPython,
    "micropython": MicroPython,
    "pico": Pico,
    "pico_w": PicoW,
}
