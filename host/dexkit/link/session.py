"""One board from hello to the last block, as a pure core: bytes and times in, news and bytes out.

There is no thread, port or clock in here, so that a test can play any fault in virtual time. Who owns a port
calls `connected` when it is open, gives `received` what came, writes what `to_send` returns right away, and
calls `disconnected` when the port is gone; the session outlives the connection. Time is `host_ns` of
dexkit.link.clock.

Whether the board at the other end is still the one whose blocks are being put in order is known by `boot`, in
hello, pong and heartbeat. As long as it is not known (a connection has just been opened, sequences went back,
silence) its blocks are held and not acknowledged: either they are taken when the board proves to have gone
on, or they are dropped and the board, which keeps them, sends them again.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dexkit.errors import ProtocolError
from dexkit.link.clock import BURST, BURST_PERIOD_S, PROBE_PERIOD_S, Clock
from dexkit.link.news import (
    Attached,
    Block,
    Counts,
    Gap,
    Heartbeat,
    Hello,
    Log,
    News,
    Refused,
    Silent,
    numbers,
)
from dexkit.link.order import Order, signed
from dexkit.link.requests import Requests
from dexkit.protocol.blocks import Bytes
from dexkit.protocol.commands import Command, encode_command
from dexkit.protocol.frames import Decoder
from dexkit.protocol.tables import MESSAGE_ID, REPEAT_MS, RING_S, SCHEMA_HASH, STREAMS

#: So often the arrival of blocks is acknowledged.
ACK_NS = 100_000_000
HELLO_NS = REPEAT_MS * 1_000_000
#: A board that is well says something each second.
SILENT_NS = 3_000_000_000
#: A pong later than this answers nothing any more.
PING_KEPT_NS = 10_000_000_000
#: Blocks held while it is not known whose they are; the board sends again what is dropped.
HELD = 4096

STREAM_NAME = {facts.id: name for name, facts in STREAMS.items()}
KIND = {number: name for name, number in MESSAGE_ID.items()}
RING_FULL = f"the board keeps blocks that did not arrive for {RING_S} s, and had to overwrite these"
STARTED_ANEW = "the board has started anew; what it had not sent is gone"


@dataclass(frozen=True)
class _Arrived:
    """A block of samples as it came."""

    stream: int
    sequence: int
    tick_us: int
    lost: int
    payload: bytes


class Session:
    """What a host knows of one board and wants of it.

    Parameters
    ----------
    port
        What messages call its port.
    number
        Number of the first command; None for a random one, so that a board never takes a new host's first
        command for a repetition of the last host's.

    Attributes
    ----------
    own_time
        Whether the times it is told are of a world of their own, in which nobody sets the date.
    """

    def __init__(self, port: str = "PORT", number: int | None = None) -> None:
        self.clock = Clock()
        self.own_time = False
        self.counts = Counts()
        self.hello: Hello | None = None
        self.heartbeat: Heartbeat | None = None
        self._port = port
        self._requests = Requests(random.randrange(1, 1 << 16) if number is None else number)
        self._orders: dict[str, Order[_Arrived]] = {}
        self._wanted: tuple[str, ...] | None = None
        self._decoder, self._bad_before = Decoder(duplicates=True), 0
        self._is_open = False
        self._refused = False
        self._sure = False
        self._held: deque[_Arrived] = deque(maxlen=HELD)
        self._last_control: int | None = None
        self._heard_ns = self._hello_ns = self._ping_ns = self._ack_ns = 0
        self._silent = False
        self._burst = 0
        self._pings: dict[int, int] = {}
        self._to_ack: set[str] = set()

    # ---- Wishes --------------------------------------------------------------------------------------------

    def start(self, *streams: str) -> None:
        """Want samples of these streams, or of all: now, and again whenever the board has started anew.

        Parameters
        ----------
        streams
            Names as in the schema.
        """
        self._wanted = streams
        self._burst, self._ping_ns = BURST, 0  # so that a short recording has probes too
        if self.hello is not None:
            self._requests.add("start", streams)

    def stop(self) -> int:
        """Want no more samples; return the command's number."""
        self._wanted = None
        return self._requests.add("stop")

    def request(self, word: str, *arguments: str, timeout_s: float = 5.0) -> int:
        """Send a command, again until it is answered; return its number, which comes back in a `Reply`.

        Parameters
        ----------
        word, arguments
            As docs/protocol.md says.
        timeout_s
            When to give up, counted while there is a connection.

        Raises
        ------
        ProtocolError
            When there is no such command, or it does not fit in a line.
        """
        return self._requests.add(word, arguments, timeout_s)

    @property
    def attached(self) -> bool:
        """Whether the board is there and known."""
        return self._is_open and self._sure

    @property
    def waiting(self) -> int:
        """How many blocks have come and wait for one before them, or to be known."""
        return sum(len(order) for order in self._orders.values()) + len(self._held)

    # ---- The connection ------------------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        """Say that a connection is open.

        Parameters
        ----------
        now_ns
            The host's clock.
        """
        self._decoder, self._bad_before = Decoder(duplicates=True), self.counts.bad
        self._is_open, self._refused, self._silent = True, False, False
        self._heard_ns, self._ack_ns = now_ns, now_ns
        self._pings.clear()
        self._requests.again()
        self.counts.connections += 1
        self._doubt(now_ns)

    def disconnected(self) -> None:
        """Say that the connection is gone."""
        self._is_open = self._sure = False
        self._held.clear()

    def received(self, data: Bytes, now_ns: int) -> list[News]:
        """Take what came, or nothing: some news come by the mere passing of time.

        Parameters
        ----------
        data
            Bytes in any chunking.
        now_ns
            The host's clock right after reading.
        """
        news: list[News] = []
        if not self._is_open:
            return news
        if len(data):
            decoded = self._decoder.push(data)
            self.counts.bad = self._bad_before + decoded.counts.bad
            for index, block in enumerate(decoded.blocks.tolist()):
                self._heard_ns, self._silent = now_ns, False
                if not self._refused:
                    news += self._frame(block, decoded.payload_of(index), now_ns)
        news += self._requests.expired(now_ns, self._port)
        if now_ns - self._heard_ns >= SILENT_NS and not self._silent and not self._refused:
            self._silent = True
            self._doubt(now_ns)
            news.append(Silent(1e-9 * (now_ns - self._heard_ns)))
        return news

    def to_send(self, now_ns: int) -> bytes:
        """Return what is due; it must be written at once, since probes are timed by `now_ns`.

        Parameters
        ----------
        now_ns
            The host's clock right before writing.
        """
        if not self._is_open or self._refused:
            return b""
        lines = [*self._pings_due(now_ns)]
        if not self._sure and now_ns >= self._hello_ns:
            self._hello_ns = now_ns + HELLO_NS
            lines.append(self._line("hello", SCHEMA_HASH))
        if self._sure:
            lines += self._requests.due(now_ns)
            lines += self._acks_due(now_ns)
        return b"".join(lines)

    def finish(self) -> list[News]:
        """Wait for nothing more: return the blocks that waited for one before them, and the gaps."""
        return [news for name, order in self._orders.items() for news in self._out(name, order.give_up())]

    # ---- Frames --------------------------------------------------------------------------------------------

    def _frame(self, block: tuple[int, ...], payload: bytes, now_ns: int) -> Iterable[News]:
        kind, stream, _, sequence, tick_us, lost, *_ = block
        if KIND[kind] == "samples":
            arrived = _Arrived(stream, sequence, tick_us, lost, payload)
            if self._sure:
                return self._samples(arrived)
            self._held.append(arrived)
            return ()
        went_back = self._last_control is not None and signed(sequence - self._last_control) <= 0
        self._last_control = sequence
        if KIND[kind] == "hello":
            return self._hello(payload, tick_us, now_ns)
        if went_back:
            self._doubt(now_ns)
        match KIND[kind]:
            case "pong":
                return self._pong(numbers("pong", payload), tick_us, now_ns)
            case "heartbeat":
                return self._beat(numbers("heartbeat", payload), tick_us, now_ns)
            case "gone" if self._sure:
                return self._gone(numbers("gone", payload))
            case "reply":
                return self._requests.answered(payload)
            case "log":
                return (Log(payload.decode("utf-8", "replace")),)
        return ()

    def _hello(self, payload: bytes, tick_us: int, now_ns: int) -> Iterator[News]:
        try:
            hello = Hello.read(payload)
        except ProtocolError as error:
            yield self._refuse(None, str(error))
            return
        if reason := hello.unfit(self.hello, self._port):
            yield self._refuse(hello, reason)
            return
        if self.hello is not None and hello.boot == self.hello.boot:
            self.hello = hello
            self.clock.heard(tick_us, now_ns)
            yield from self._went_on(now_ns)
            return
        self._held.clear()
        if self.hello is not None:
            for name, order in self._orders.items():
                yield from self._out(name, order.give_up())
                if order.begun:
                    self.counts.gaps += 1
                    yield Gap(name, None, STARTED_ANEW)
            self.clock.restart()
            self._pings.clear()  # they waited for the board to start, so their answers tell no time
        self._orders = {name: Order() for name in hello.streams if name in STREAMS}
        self.hello = hello
        self.counts.boots += 1
        self.clock.heard(tick_us, now_ns)
        if self._wanted is not None:
            self._requests.add("start", self._wanted)
        yield Attached(hello, again=False)
        self._be_sure(now_ns)

    def _went_on(self, now_ns: int) -> Iterator[News]:
        """Go on with the board: it is the one it was, as are its sequences and ticks."""
        if self._sure or self.hello is None:
            return
        self._be_sure(now_ns)
        yield Attached(self.hello, again=True)
        while self._held:
            yield from self._samples(self._held.popleft())

    def _samples(self, arrived: _Arrived) -> Iterator[News]:
        name = STREAM_NAME[arrived.stream]
        order = self._orders.setdefault(name, Order())
        self._to_ack.add(name)
        if not order.put(arrived.sequence, arrived):
            self.counts.repeated += 1
        yield from self._out(name, order.take())

    def _gone(self, fields: dict[str, int]) -> Iterator[News]:
        name = STREAM_NAME.get(fields.get("stream", 0), "")
        if order := self._orders.get(name):
            self._to_ack.add(name)
            yield from self._out(name, order.skip_to(fields.get("oldest", 0)))
            yield from self._out(name, order.take())

    def _out(self, name: str, items: Iterable[int | tuple[int, _Arrived]]) -> Iterator[News]:
        for item in items:
            if isinstance(item, int):
                self.counts.gaps += 1
                self.counts.gone += item
                yield Gap(name, item, RING_FULL)
                continue
            sequence, arrived = item
            block = Block(name, sequence, self.clock.unwrap(arrived.tick_us), arrived.lost, arrived.payload)
            self.counts.blocks += 1
            self.counts.rows += block.rows
            yield block

    def _pong(self, fields: dict[str, int], tick_us: int, now_ns: int) -> Iterator[News]:
        sent_ns = self._pings.pop(fields.get("number", -1), None)
        if not self._same_boot(fields, now_ns) or sent_ns is None:
            return
        probe = self.clock.probe(sent_ns, tick_us, now_ns, now_ns if self.own_time else None)
        yield from self._went_on(now_ns)
        yield probe

    def _beat(self, fields: dict[str, int], tick_us: int, now_ns: int) -> Iterator[News]:
        if not self._same_boot(fields, now_ns):
            return
        self.clock.heard(tick_us, now_ns)
        yield from self._went_on(now_ns)
        self.heartbeat = Heartbeat(tick_us, fields)
        yield self.heartbeat

    # ---- Who is there --------------------------------------------------------------------------------------

    def _same_boot(self, fields: dict[str, int], now_ns: int) -> bool:
        """Whether a frame comes from the board as we know it; if not, ask who it is."""
        if self.hello is None:
            return False
        if fields.get("boot") != self.hello.boot:
            self._doubt(now_ns)
            return False
        return True

    def _doubt(self, now_ns: int) -> None:
        """Ask who is at the other end: it is not known any more."""
        self._sure = False
        self._held.clear()
        self._hello_ns = self._ping_ns = now_ns

    def _be_sure(self, now_ns: int) -> None:
        self._sure = True
        self._burst = BURST
        self._ping_ns = now_ns
        self._ack_ns = now_ns
        self._to_ack.update(self._orders)

    def _refuse(self, hello: Hello | None, reason: str) -> Refused:
        self._refused = True
        self._sure = False
        return Refused(hello, reason)

    # ---- Lines ---------------------------------------------------------------------------------------------

    def _line(self, word: str, *arguments: str) -> bytes:
        return encode_command(Command(self._requests.next_number(), word, arguments))

    def _pings_due(self, now_ns: int) -> Iterator[bytes]:
        if self.hello is None or now_ns < self._ping_ns:
            return
        number = self._requests.next_number()
        self._burst = max(self._burst - 1, 0)
        self._ping_ns = now_ns + round(
            1e9 * (BURST_PERIOD_S if self._burst or not self._sure else PROBE_PERIOD_S)
        )
        self._pings = {n: sent for n, sent in self._pings.items() if now_ns - sent < PING_KEPT_NS}
        self._pings[number] = now_ns
        yield encode_command(Command(number, "ping"))

    def _acks_due(self, now_ns: int) -> Iterator[bytes]:
        if now_ns < self._ack_ns:
            return
        self._ack_ns = now_ns + ACK_NS
        for name in sorted(self._to_ack):
            order = self._orders[name]
            mask = order.mask()
            told = (name, str(order.next % (1 << 32)), *([f"{mask:x}"] if mask else []))
            yield self._line("ack", *told)
        self._to_ack.clear()
