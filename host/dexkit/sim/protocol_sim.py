"""`sim:pegboard?person=moderate&seed=3`: a virtual board behind the face of a serial port.

pyserial finds it once `serial.protocol_handler_packages` holds ``dexkit.sim``. The board is switched on when
its port is first opened and stays on: opening the same URL again is the same board, the cable plugged in
again. With ``speed=fast`` the board's time goes on only while the port is read; `now_ns` tells it.
"""

import atexit
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import serial

from dexkit.errors import InputError
from dexkit.sim.bench import bench_scene, mistuned
from dexkit.sim.line import Line
from dexkit.sim.scene import make_scene
from dexkit.sim.virtual import READY_S, VirtualBoard, firmware_program

#: What a URL may say besides the object, and how it is read.
WORDS: dict[str, Callable[[str], Any]] = {
    "person": str,
    "seed": int,
    "test": str,
    "length": int,
    "engine": str,
    "speed": {"paced": "paced", "fast": "fast"}.__getitem__,
    "again_s": float,
    "clock_ppm": float,
    "damage": float,
    "chunks": {"0": False, "1": True}.__getitem__,
    "fault": lambda text: dict([text.split(":")]),
    "errors": int,
    "flash": Path,
    "firmware": str,
}
#: How far the time of a board that is not paced goes on when somebody asks whether bytes wait.
ASK_S = 0.005
_boards: dict[str, VirtualBoard] = {}


def board_of(url: str) -> VirtualBoard:
    """Return the virtual board that a URL names, switched on; the same URL is the same board.

    Parameters
    ----------
    url
        ``sim://OBJECT?WORD=VALUE&...`` with the words of WORDS; ``fault=foot:stuck`` breaks a chip,
        ``errors=7`` hides errors in its sensors, ``test=bench`` is the object on an engineer's bench,
        ``flash=FOLDER`` keeps what is written on the board, ``firmware=cup`` is that of another object.

    Raises
    ------
    InputError
        When the URL names no object, or says what no board knows.
    """
    if url in _boards:
        return _boards[url]
    parts = urlsplit(url)
    said = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in WORDS:
            raise InputError(
                f"A virtual board knows no {name!r}. Probably it is misspelt. Use: {', '.join(WORDS)}."
            )
        try:
            said[name] = WORDS[name](text)
        except (ValueError, KeyError):
            raise InputError(f"A virtual board cannot have {name}={text}. Probably it is mistyped.") from None
    kind, seed = parts.netloc or parts.path.lstrip("/"), said.get("seed", 1)
    if said.get("test") == "bench":
        scene = bench_scene(kind, said.get("errors", seed))
    else:
        person = said.get("person", "moderate")
        scene = make_scene(kind, person, seed, test=said.get("test", ""), length=said.get("length"))
        scene = mistuned(scene, said["errors"]) if "errors" in said else scene
    board = VirtualBoard(
        kind,
        seed=seed,
        scene=scene,
        engine=said.get("engine", "cpython"),
        paced=said.get("speed") != "fast",
        line=Line(said.get("damage", 0.0), chunks=said.get("chunks", False), seed=seed),
        repeat_s=said.get("again_s"),
        clock_ppm=said.get("clock_ppm", 0.0),
        faults=said.get("fault"),
        flash=said.get("flash"),
        program=firmware_program(said["firmware"]) if "firmware" in said else None,
    )
    _boards[url] = board.power_on(READY_S)
    return board


def switch_off() -> None:
    """Switch every board off that a URL has switched on."""
    while _boards:
        _boards.popitem()[1].close()


atexit.register(switch_off)


class Serial(serial.SerialBase):  # type: ignore[misc]
    """A virtual board as pyserial shows ports."""

    def open(self) -> None:
        """Plug the cable in."""
        self._board = board_of(self.portstr)
        self._inbox = bytearray()
        self._came = threading.Condition()
        self._cancelled = False
        self._board.attach(self._take)
        self.is_open = True
        if not self._board.paced:
            self.now_ns = lambda: round(1e9 * self._board.world_s)

    def close(self) -> None:
        """Pull the cable out."""
        if self.is_open:
            self.is_open = False
            self._board.detach()
            self.cancel_read()

    def _take(self, data: bytes) -> None:
        with self._came:
            self._inbox += data
            self._came.notify_all()

    @property
    def board(self) -> VirtualBoard:
        """The board at the other end."""
        return self._board

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come: the person has finished."""
        return self._board.done

    @property
    def in_waiting(self) -> int:
        """Bytes that wait to be read; who only asks, until some come, lets time go on, too."""
        self._check()
        if not self._board.paced and not self._inbox:
            self._board.run(ASK_S, or_sent=True)
        return len(self._inbox)

    def read(self, size: int = 1) -> bytes:
        """Return up to `size` bytes, waiting for them as long as the timeout says."""
        self._check()
        if not self._board.paced and len(self._inbox) < size and self.timeout:
            self._board.run(self.timeout, or_sent=True)
        end_s = None if self.timeout is None else time.monotonic() + self.timeout
        with self._came:
            self._cancelled = False
            while len(self._inbox) < size and not self._cancelled and self.is_open and self._board.paced:
                left_s = None if end_s is None else end_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    break
                self._came.wait(left_s)
            data = bytes(self._inbox[:size])
            del self._inbox[:size]
            return data

    def write(self, data: Any) -> int:
        """Send bytes to the board."""
        self._check()
        self._board.send(bytes(data))
        return len(data)

    def cancel_read(self) -> None:
        """End a read that waits."""
        with self._came:
            self._cancelled = True
            self._came.notify_all()

    def reset_input_buffer(self) -> None:
        """Forget what waits."""
        with self._came:
            self._inbox.clear()

    def reset_output_buffer(self) -> None:
        """Do nothing: what was written is gone already."""

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def _check(self) -> None:
        if not self.is_open:
            raise serial.PortNotOpenError

    def _reconfigure_port(self) -> None:
        """Do nothing: a virtual line has no speed."""

    _update_rts_state = _update_dtr_state = _update_break_state = _reconfigure_port
