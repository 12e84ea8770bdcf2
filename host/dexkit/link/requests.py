"""Commands that want an answer: one at a time, again until it comes, done once however often it is sent."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from dexkit.link.news import News, Reply
from dexkit.protocol.commands import Command, encode_command
from dexkit.protocol.tables import REPEAT_MS

REPEAT_NS = REPEAT_MS * 1_000_000


@dataclass
class _Request:
    command: Command
    timeout_ns: int
    first_ns: int | None = None  # on this connection
    last_ns: int = 0


class Requests:
    """The queue of commands to one board; pings, hellos and acks only take their numbers from it.

    Parameters
    ----------
    number
        Of the first command, 1 to 65535: 0 is what a board answers to a line it could not read.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._queue: deque[_Request] = deque()

    def __len__(self) -> int:
        """Return how many commands are not answered yet."""
        return len(self._queue)

    def next_number(self) -> int:
        """Return a number that was not used lately."""
        number = self._number
        self._number = number % 65535 + 1
        return number

    def add(self, word: str, arguments: tuple[str, ...] = (), timeout_s: float = 5.0) -> int:
        """Queue a command and return its number.

        Parameters
        ----------
        word, arguments
            The command.
        timeout_s
            When to give up.

        Raises
        ------
        ProtocolError
            When there is no such command, or it does not fit in a line.
        """
        command = Command(self.next_number(), word, arguments)
        encode_command(command)
        self._queue.append(_Request(command, round(1e9 * timeout_s)))
        return command.number

    def again(self) -> None:
        """Send what is not answered again, with its number: the connection is a new one."""
        for request in self._queue:
            request.first_ns = None

    def due(self, now_ns: int) -> Iterator[bytes]:
        """Yield the line to be written now, if any."""
        if not self._queue:
            return
        request = self._queue[0]
        if request.first_ns is None or now_ns - request.last_ns >= REPEAT_NS:
            request.first_ns = now_ns if request.first_ns is None else request.first_ns
            request.last_ns = now_ns
            yield encode_command(request.command)

    def answered(self, payload: bytes) -> Iterator[News]:
        """Take a reply; yield it when it answers the command that is waiting.

        Parameters
        ----------
        payload
            JSON, as the board sent it.
        """
        try:
            said = json.loads(payload)
            number, ok, error, value = (said.get(key) for key in ("number", "ok", "error", "value"))
        except (ValueError, AttributeError):
            return
        if self._queue and number == self._queue[0].command.number:
            word = self._queue.popleft().command.word
            yield Reply(number, word, bool(ok), str(error or ""), value)

    def expired(self, now_ns: int, port: str) -> Iterator[News]:
        """Yield a reply of our own for a command whose time is over.

        Parameters
        ----------
        now_ns
            The host's clock.
        port
            What to call the port.
        """
        while self._queue:
            request = self._queue[0]
            if request.first_ns is None or now_ns - request.first_ns < request.timeout_ns:
                return
            self._queue.popleft()
            command = request.command
            error = (
                f"The board on {port} did not answer `{command.word}` for {request.timeout_ns / 1e9:g} s. "
                "Probably its firmware hangs or the cable is bad. Unplug it, plug it in and try again."
            )
            yield Reply(command.number, command.word, False, error, None)
