"""A host for tests of the firmware: speaks with a virtual board line by line, in the board's own time."""

import json
import struct

from dexkit.protocol.commands import Command, encode_command
from dexkit.protocol.frames import Decoder
from dexkit.protocol.tables import FIELDS, MESSAGE_ID, STREAMS
from dexkit.sim.virtual import VirtualBoard

NAME = {number: name for name, number in MESSAGE_ID.items()}
STREAM = {facts.id: name for name, facts in STREAMS.items()}


class Message:
    """One frame from the board, read."""

    def __init__(self, block, payload):
        self.kind = NAME[int(block["type"])]
        self.stream = STREAM.get(int(block["stream"]))
        self.rows, self.sequence = int(block["rows"]), int(block["sequence"])
        self.tick_us, self.lost = int(block["tick_us"]), int(block["lost"])
        self.payload = payload
        if self.kind in ("hello", "reply"):
            self.said = json.loads(payload)
        elif self.kind in FIELDS:
            self.said = dict(
                zip(FIELDS[self.kind], struct.unpack(f"<{len(FIELDS[self.kind])}I", payload), strict=True)
            )
        else:
            self.said = payload


class Host:
    """A host at a virtual board's line.

    Parameters
    ----------
    kind
        The object.
    settings
        As VirtualBoard takes them.
    """

    def __init__(self, kind, **settings):
        self.board = VirtualBoard(kind, **settings)
        self.number = 0
        self.messages = []
        self._decoder = Decoder()

    def __enter__(self):
        self.board.attach()
        self.board.power_on()
        return self

    def __exit__(self, *error):
        self.board.close()

    def wait(self, seconds):
        """Let time go on; return the messages that came."""
        decoded = self._decoder.push(self.board.run(seconds))
        new = [Message(block, decoded.payload_of(i)) for i, block in enumerate(decoded.blocks)]
        self.messages += new
        return new

    @property
    def counts(self):
        return self._decoder.counts

    def send(self, word, *arguments, number=None):
        """Send a command; return its number."""
        if number is None:
            self.number = number = self.number % 65535 + 1
        self.board.send(encode_command(Command(number, word, tuple(map(str, arguments)))))
        return number

    def ask(self, word, *arguments, seconds=0.05):
        """Send a command and return the reply's fields, or those of pong and hello."""
        number = self.send(word, *arguments)
        for message in self.wait(seconds):
            if message.kind == "hello" == word:
                return message.said
            if message.kind in ("reply", "pong") and message.said["number"] == number:
                return message.said
        return None

    def wake(self, seconds=10.0):
        """Wait until the board says hello by itself; return what it says."""
        for _ in range(int(seconds * 10)):
            for message in self.wait(0.1):
                if message.kind == "hello":
                    return message.said
        raise AssertionError("the board says no hello")

    def of(self, kind, stream=None):
        """Return the messages of this kind that came so far."""
        return [m for m in self.messages if m.kind == kind and m.stream == stream]
