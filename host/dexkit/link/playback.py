"""A board made of samples that are there already: speaks as firmware does, in any time, paced or not.

`replay:FILE` is one; tests make others. It keeps the wire's rules of docs/protocol.md: a ring of what is not
acknowledged, sent again while a host is there; one answer to each command; `gone` for what was overwritten.
"""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from dexkit.errors import ProtocolError
from dexkit.link.order import WRAP, signed
from dexkit.protocol.commands import Command, decode_command
from dexkit.protocol.frames import encode_frame
from dexkit.protocol.tables import (
    COMMAND_BYTES,
    FIELDS,
    HEARTBEAT_S,
    RESEND_MS,
    RING_S,
    SCHEMA_HASH,
    SILENCE_MS,
    STREAMS,
)

#: So much is sent again at a time, so that new blocks come first.
RESEND_BYTES = 4096
#: A block before one that has arrived is sent again after so long: it may just be on its way.
HOLE_MS = 60
#: The answers that are kept for a command that comes again.
ANSWERS = 8


class SourceBlock(NamedTuple):
    """A block of a stream that is to be played."""

    first_us: int  # when its first row was taken, since the stream's start
    ready_us: int  # when it is complete
    payload: bytes  # its rows as they stand on the wire
    lost: int = 0  # samples lost since the stream's start


#: Gives the block of each number, None behind the last.
Source = Callable[[int], SourceBlock | None]


@dataclass
class _Kept:
    """A block in the ring."""

    frame: bytes
    ready_us: int
    sent_us: int | None = None
    ahead: bool = False  # a later one has come


class _Stream:
    """One stream: what is to come, and the ring of what is not acknowledged."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.next = 0
        self.ring: dict[int, _Kept] = {}

    @property
    def oldest(self) -> int:
        """Sequence of the oldest block kept, or of the next one."""
        return min(self.ring, default=self.next)


class PlaybackBoard:
    """A board whose samples come from sources; times are its own clock in microseconds.

    Parameters
    ----------
    object_kind
        What it says it is.
    sources
        Of each stream.
    uid, boot, schema
        As in hello.
    now_us
        When it was switched on.
    """

    def __init__(
        self,
        object_kind: str,
        sources: Mapping[str, Source],
        *,
        uid: str = "0" * 16,
        boot: int = 1,
        schema: str = SCHEMA_HASH,
        now_us: int = 0,
    ) -> None:
        self._facts = {
            "object": object_kind,
            "uid": uid,
            "firmware": "playback",
            "schema": schema,
            "boot": boot,
        }
        self._boot = boot
        self._streams = {name: _Stream(source) for name, source in sources.items()}
        self._running = False
        self._start_us = now_us  # when the sources began
        self._line = b""
        self._answers: dict[int, bytes] = {}
        self._sequence = 0
        self._heard_us = now_us
        self._beat_us = now_us
        self._overwritten = 0
        self._resent = 0
        self._bad_lines = 0
        self._out = bytearray(b"\0")
        self._say("hello", self._hello(), now_us)

    def give(self, data: bytes, now_us: int) -> None:
        """Take what the host wrote.

        Parameters
        ----------
        data
            Command lines in any chunking.
        now_us
            The board's clock.
        """
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-COMMAND_BYTES:]
        for line in lines:
            try:
                command = decode_command(line)
            except ProtocolError as error:
                self._bad_lines += 1
                self._reply(0, now_us, error=str(error))
                continue
            self._heard_us = now_us
            if command.number in self._answers:
                self._out += self._answers[command.number]
            else:
                self._do(command, now_us)

    def take(self, now_us: int) -> bytes:
        """Return what the board sends until now.

        Parameters
        ----------
        now_us
            The board's clock.
        """
        if self._running:
            self._fill(now_us)
        if now_us - self._heard_us <= 1000 * SILENCE_MS:
            for stream in self._streams.values():
                self._send(stream, now_us)
            if now_us >= self._beat_us:
                self._beat_us = now_us + 1_000_000 * HEARTBEAT_S
                self._say("heartbeat", self._beat(now_us), now_us)
        out, self._out = bytes(self._out), bytearray()
        return out

    def unplug(self) -> None:
        """Lose what was on its way: the host's half line, and what was not taken."""
        self._line = b""
        self._out.clear()

    @property
    def done(self) -> bool:
        """Whether the sources have ended and all that is kept has been acknowledged."""
        return all(s.source(s.next) is None and not s.ring for s in self._streams.values())

    @property
    def next_us(self) -> int | None:
        """When the next block will be complete; None where there is none."""
        if not self._running:
            return None
        coming = (stream.source(stream.next) for stream in self._streams.values())
        return min((self._start_us + block.ready_us for block in coming if block), default=None)

    def _fill(self, now_us: int) -> None:
        """Put what is complete into the ring; forget what is too old for it."""
        for name, stream in self._streams.items():
            while (block := stream.source(stream.next)) and self._start_us + block.ready_us <= now_us:
                frame = encode_frame(
                    "samples",
                    block.payload,
                    stream=name,
                    rows=len(block.payload) // STREAMS[name].row_dtype.itemsize,
                    sequence=stream.next,
                    tick_us=self._start_us + block.first_us,
                    lost=block.lost,
                )
                stream.ring[stream.next] = _Kept(frame, self._start_us + block.ready_us)
                stream.next += 1
            for sequence in list(stream.ring):
                if stream.ring[sequence].ready_us >= now_us - 1_000_000 * RING_S:
                    break
                del stream.ring[sequence]
                self._overwritten += 1

    def _send(self, stream: _Stream, now_us: int) -> None:
        """Send what is new, and again what was not acknowledged."""
        again = 0
        for kept in stream.ring.values():
            if kept.sent_us is None:
                self._out += kept.frame
                kept.sent_us = now_us
            elif again < RESEND_BYTES and now_us - kept.sent_us > 1000 * (
                HOLE_MS if kept.ahead else RESEND_MS
            ):
                self._out += kept.frame
                kept.sent_us = now_us
                again += len(kept.frame)
                self._resent += 1

    def _do(self, command: Command, now_us: int) -> None:
        """Do a command and answer it."""
        match command:
            case Command(_, "hello"):
                self._say("hello", self._hello(), now_us)
            case Command(number, "ping"):
                self._say("pong", struct.pack("<2I", number, self._boot), now_us)
            case Command(number, "ack", arguments):
                try:
                    self._ack(*arguments, now_us=now_us)
                except (KeyError, ValueError, TypeError):
                    self._reply(number, now_us, error=f"ack {' '.join(arguments)} names no stream and block.")
            case Command(number, "start", names):
                if set(names) - set(self._streams):
                    self._reply(number, now_us, error=f"This board has no {', '.join(names)}; ask hello.")
                    return
                self._start(now_us)
                self._reply(number, now_us, value={name: STREAMS[name].rate_hz for name in self._streams})
            case Command(number, "stop"):
                self._running = False
                self._reply(number, now_us)
            case Command(number, word):
                self._reply(number, now_us, error=f"A recording cannot {word}; connect a real board.")

    def _start(self, now_us: int) -> None:
        if not self._running:
            coming = (stream.source(stream.next) for stream in self._streams.values())
            self._start_us = now_us - min((block.first_us for block in coming if block), default=0)
        self._running = True

    def _ack(self, name: str, following: str, mask: str = "0", *, now_us: int) -> None:
        stream = self._streams[name]
        until = stream.next + signed(int(following) - stream.next)
        bits = int(mask, 16)
        for sequence in [s for s in stream.ring if s < until]:
            del stream.ring[sequence]
        last = until + bits.bit_length()
        for sequence in [s for s in stream.ring if s <= last]:
            if sequence > until and bits >> (sequence - until - 1) & 1:
                del stream.ring[sequence]
            else:
                stream.ring[sequence].ahead = bits > 0  # one behind it has come
        if stream.oldest > until:
            self._say("gone", struct.pack("<2I", STREAMS[name].id, stream.oldest % WRAP), now_us)

    def _hello(self) -> bytes:
        facts: dict[str, Any] = dict(self._facts)
        facts["streams"] = {name: STREAMS[name].rate_hz for name in self._streams}
        facts |= {"calibration": None, "sensors": {}, "state": "streaming" if self._running else "stopped"}
        return json.dumps(facts, separators=(",", ":")).encode()

    def _beat(self, now_us: int) -> bytes:
        known = {
            "ring_blocks": sum(len(stream.ring) for stream in self._streams.values()),
            "overwritten_blocks": self._overwritten,
            "resent_blocks": self._resent,
            "bad_lines": self._bad_lines,
            "tick_high": now_us // WRAP,
            "boot": self._boot,
        }
        return struct.pack(f"<{len(FIELDS['heartbeat'])}I", *(known.get(f, 0) for f in FIELDS["heartbeat"]))

    def _reply(self, number: int, now_us: int, *, value: Any = None, error: str = "") -> None:
        said = {"number": number, "ok": not error, "error": error, "value": value}
        frame = self._say("reply", json.dumps(said).encode(), now_us)
        if number:
            self._answers[number] = frame
            for old in list(islice(self._answers, max(len(self._answers) - ANSWERS, 0))):
                del self._answers[old]

    def _say(self, message: str, payload: bytes, now_us: int) -> bytes:
        frame = encode_frame(message, payload, sequence=self._sequence, tick_us=now_us)
        self._sequence += 1
        self._out += frame
        return frame
