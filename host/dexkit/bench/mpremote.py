"""The one place that knows mpremote: a board at its prompt, its files, and a way to get there.

mpremote says that its interface will change, so its version is pinned and nothing else imports it. What is
worked around: it prints when it fails (kept from the terminal here); its waits end silently, or never with a
timeout of None (always given here); writing a file is neither atomic nor checked (`put` is).
"""

import ast
import contextlib
import errno
import hashlib
import io
import re
import struct
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from dexkit.errors import InputError, LinkError
from dexkit.link.ports import Port, as_url, why_closed
from dexkit.protocol.commands import Command, encode_command

BAUD = 115_200  # USB does not care
TIMEOUT_S = 10.0  # of silence, after which a board is given up
PROMPT_S = 2.0  # how long a running application may take to leave
TRIES = 3
CHUNK_BYTES = 2048  # of a file in one piece; a board needs about four times as much memory
#: For the board. An error's number says little: not every MicroPython counts as POSIX does.
DIGEST = """
def digest(path):
    import binascii, hashlib
    whole, part = hashlib.sha256(), memoryview(bytearray(512))
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(part)
                if not count:
                    return binascii.hexlify(whole.digest()).decode()
                whole.update(part[:count])
    except OSError:
        return ""
"""
#: How a full flash is told: littlefs says ENAMETOOLONG where not even a file's name has room, and MicroPython
#: has no word for that number.
FULL = re.compile(r"ENOSPC|ENAMETOOLONG|OSError: (\[Errno )?36\b")
STAY = (
    "Connect pins 29 and 28 of the board (GP22 to ground), plug it in anew, and try again; a board without "
    "MicroPython: hold its BOOTSEL button while plugging it in, and say `dexkit flash` without a port."
)


class Board:
    """A board at its prompt, from entering the context to leaving it.

    Parameters
    ----------
    port
        Name or URL of the port.
    timeout_s
        Silence after which the board is given up [TIMEOUT_S].

    Raises
    ------
    LinkError
        When the port cannot be opened, or no prompt comes.
    """

    def __init__(self, port: str, *, timeout_s: float | None = None) -> None:
        self.port, self.timeout_s = port, timeout_s or TIMEOUT_S
        self._transport: Any = None

    def __enter__(self) -> Self:
        self._transport = _open(self.port, self.timeout_s)
        try:
            self._reach_prompt()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._transport is not None:
            if not isinstance(error, Exception):  # Ctrl-C may have come while the board was busy
                with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=PROMPT_S)
            self.reset()  # whatever was refused, failed or stopped, the board goes on with what it has
        self._close()

    def run(self, code: str) -> str:
        """Run code on the board; return what it printed.

        Raises
        ------
        LinkError
            When the code fails, or the board falls silent.
        """
        with self._watched(f"running {code.strip().splitlines()[-1]!r}"):
            printed: bytes = self._transport.exec(code)
        return printed.decode("utf-8", "replace").replace("\r\n", "\n").strip()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression on the board: a number, text, list or dict."""
        printed = self.run(f"print(repr({expression}))")
        try:
            return ast.literal_eval(printed)
        except (SyntaxError, ValueError):
            raise LinkError(
                f"The board answered {printed[:80]!r} to {expression!r}. Probably its answer was damaged. "
                "Try again."
            ) from None

    def write(self, path: str, data: bytes) -> None:
        """Write a file on the board: neither at once nor checked; its folder exists.

        Raises
        ------
        LinkError
            When the board cannot.
        """
        with self._watched(f"writing {path}"):
            self._transport.fs_writefile(path, data, chunk_size=CHUNK_BYTES)

    def put(self, path: str, data: bytes) -> None:
        """Write a file on the board at once: it is the old one until the new one has been read back.

        Raises
        ------
        LinkError
            When what the board reads back is not what was written.
        """
        try:
            self.write(path + ".new", data)
        except LinkError:
            with contextlib.suppress(LinkError):
                self.run(f"f.close()\nimport os\nos.remove({path + '.new'!r})")  # f: mpremote's, left open
            raise
        if self.digest(path + ".new") != hashlib.sha256(data).hexdigest():
            raise LinkError(
                f"The board did not keep {path} as it was written. Probably its flash is full or worn out. "
                "Try again; if it stays so, use another board."
            )
        self.run(f"import os\nos.rename({path + '.new'!r}, {path!r})")

    def put_if_other(self, path: str, data: bytes) -> None:
        """Write a file at once, unless it is there already.

        Raises
        ------
        LinkError
            When what the board reads back is not what was written.
        """
        if self.digest(path) != hashlib.sha256(data).hexdigest():
            self.put(path, data)

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file on the board, in hexadecimal; empty when it cannot be read."""
        return self.run(f"{DIGEST}print(digest({path!r}))")

    def free_blocks(self) -> tuple[int, int]:
        """Return how many blocks of the board's flash are free, and how many bytes one has."""
        facts = self.run("import os\nprint(os.statvfs('/')[3], os.statvfs('/')[1])").split()
        return int(facts[0]), int(facts[1])

    def full(self) -> str:
        """Say that the flash is full, and what to do."""
        return (
            "The flash of the board is full, so the board stays as it was. Probably files of your own are on "
            f"it: look with `mpremote connect {self.port} ls`, remove them with `mpremote connect "
            f"{self.port} rm :NAME`, and try again."
        )

    def reset(self, how: str = "reset") -> None:
        """Have the board start anew, as after power-up; the connection ends with it.

        Parameters
        ----------
        how
            ``bootloader``: in boot mode, where it takes an image.
        """
        with contextlib.suppress(LinkError), self._watched("starting anew"):
            self._transport.exec_raw_no_follow(f"import machine\nmachine.{how}()")
        self._close()

    def _reach_prompt(self) -> None:
        """Ask the application to leave, then interrupt it, then start the interpreter anew."""
        failed: Exception | None = None
        # At a pseudo terminal mpremote reads without looking first, so one read must not take long.
        self._transport.serial.timeout = PROMPT_S
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    self._transport.serial.write(encode_command(Command(attempt + 1, "quit")))
                    time.sleep(0.05)
                    self._transport.enter_raw_repl(soft_reset=last, timeout_overall=PROMPT_S * (1 + 4 * last))
            except Exception as error:  # mpremote raises whatever comes
                failed = error
            else:
                self._transport.serial.timeout = self.timeout_s
                return
        raise LinkError(
            f"No MicroPython prompt at {self.port} ({_in_words(failed)}). Probably another program "
            f"holds the port, the board has no MicroPython yet, or its application does not let go. {STAY}"
        )

    def _close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(Exception):
                self._transport.exit_raw_repl()
            with contextlib.suppress(Exception):
                self._transport.close()
            self._transport = None

    @contextlib.contextmanager
    def _watched(self, doing: str) -> Iterator[None]:
        """Turn whatever mpremote raises into our error, and keep what it prints from the terminal."""
        from mpremote.transport import TransportError, TransportExecError

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except TransportExecError as error:
            if FULL.search(error.error_output):
                raise LinkError(self.full()) from None
            last = (error.error_output.strip().splitlines() or ["no reason given"])[-1]
            raise LinkError(
                f"The board failed at {doing}: {last}. Unplug it, plug it in, and try again."
            ) from None
        except (TransportError, OSError, struct.error, SyntaxError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.ENAMETOOLONG):
                raise LinkError(self.full()) from None
            raise LinkError(
                f"The board at {self.port} fell silent at {doing} ({_in_words(error)}). Probably the cable "
                "was pulled or the board started anew. Check the cable and try again."
            ) from None


def _open(port: str, timeout_s: float) -> Any:
    """Open mpremote's transport."""
    try:
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise InputError("mpremote is not installed. Run `pip install 'dexkit[flash]'`.") from None
    Port(port).close()  # mpremote does not say why a port does not open; ours does
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return SerialTransport(as_url(port), baudrate=BAUD, timeout=timeout_s)
    except (TransportError, OSError, ValueError) as error:
        raise LinkError(why_closed(port, error)) from None


def _in_words(error: BaseException | None) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[-1]
