"""`sim://pegboard?person=moderate&seed=3`: a virtual board behind the face of a serial port.

pyserial finds it once `serial.protocol_handler_packages` holds ``dexkit.sim``. The board is switched on when
its port is first opened and stays on: opening the same URL again is the same board, the cable plugged in
again.
"""

import atexit
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import serial

from dexkit.errors import InputError
from dexkit.sim.virtual import Line, VirtualBoard

#: What a URL may say besides the object.
WORDS = ("person", "seed", "engine", "damage", "chunks", "repeat_s", "clock_ppm", "fault")
_boards: dict[str, VirtualBoard] = {}


def board_of(url: str) -> VirtualBoard:
    """Return the paced virtual board that a URL names, switched on; the same URL is the same board.

    Raises
    ------
    InputError
        When the URL names no object, or says what no board knows.
    """
    if url in _boards:
        return _boards[url]
    parts = urlsplit(url)
    words = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    unknown = [name for name in words if name not in WORDS]
    if unknown:
        raise InputError(
            f"A virtual board knows no {unknown[0]!r}. Probably it is misspelt. Use: {', '.join(WORDS)}."
        )
    try:
        seed = int(words.get("seed", "1"))
        line = Line(float(words.get("damage", "0")), chunks=words.get("chunks", "0") == "1", seed=seed)
        repeat_s = float(words["repeat_s"]) if "repeat_s" in words else None
        clock_ppm = float(words.get("clock_ppm", "0"))
    except ValueError:
        raise InputError(f"A number in {url} cannot be read. Probably it is mistyped.") from None
    fault = words.get("fault", "")
    board = VirtualBoard(
        parts.netloc or parts.path.lstrip("/"),
        words.get("person", "moderate"),
        seed,
        engine=words.get("engine", "cpython"),
        paced=True,
        line=line,
        repeat_s=repeat_s,
        clock_ppm=clock_ppm,
        faults=dict([fault.split(":", 1)]) if ":" in fault else {},
    )
    _boards[url] = board.power_on()
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
    def in_waiting(self) -> int:
        """Bytes that wait to be read."""
        self._check()
        return len(self._inbox)

    def read(self, size: int = 1) -> bytes:
        """Return up to `size` bytes, waiting for them as long as the timeout says."""
        self._check()
        end_s = None if self.timeout is None else time.monotonic() + self.timeout
        with self._came:
            self._cancelled = False
            while len(self._inbox) < size and not self._cancelled and self.is_open:
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
