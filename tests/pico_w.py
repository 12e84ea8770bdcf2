"""A Pico W over its network: what it has left, what it loses; `python -m tests.pico_w` prints the figures."""

import struct
import sys
from base64 import b64encode
from dataclasses import dataclass

from dexkit.link.news import Attached, Block, Gap, Heartbeat
from dexkit.link.sealed import Sealed
from dexkit.link.session import Session
from tests.board import Host

KEY = bytes(range(32))
STEP_S = 0.02


class Caller:
    """A host that has called a board over its network, in the board's time: a session on a sealed line."""

    def __init__(self, board, key=KEY):
        self.board, self.sealed, self.session = board, Sealed(key), Session(number=1)
        self.socket = board.desk.radio.call()
        self.socket.setblocking(False)
        self.session.own_time = True
        self.socket.send(self.sealed.greeting)
        self.news, self.closed, self._known = [], False, False
        self.touch = bytes  # what becomes of bytes on their way to the host

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    @property
    def now_ns(self):
        """The board's time."""
        return self.board.desk.now_us * 1000

    def step(self):
        """Let the board's time go on; return what is new."""
        self.board.run(STEP_S)
        try:
            data = self.socket.recv(1 << 16)
            self.closed |= not data
        except BlockingIOError:
            data = b""
        except ConnectionResetError:
            data, self.closed = b"", True
        frames, answer = self.sealed.received(self.touch(data))
        self._send(answer)
        if not self.sealed.ready:
            return []
        if not self._known:
            self._known = True
            self.session.connected(self.now_ns)
        news = self.session.received(frames, self.now_ns)
        if lines := self.session.to_send(self.now_ns):
            self._send(self.sealed.seal(lines))
        self.news += news
        return news

    def _send(self, data):
        """Send what there is; that the board has ended the connection may be noticed here first."""
        if data and not self.closed:
            try:
                self.socket.send(data)
            except (BrokenPipeError, ConnectionResetError):
                self.closed = True

    def until(self, kind, most_s=4.0):
        """Go on until there is news of this kind; return it."""
        for _ in range(round(most_s / STEP_S)):
            for news in self.step():
                if isinstance(news, kind):
                    return news
        raise AssertionError(f"no {kind.__name__} came over the network")

    def play(self, seconds):
        """Go on for so long; return what is new."""
        return [news for _ in range(round(seconds / STEP_S)) for news in self.step()]


def pair_by_hand(host, key=KEY):
    """Pair a board in virtual time and wait until it is in the network; return how it is there."""
    for part, value in (("key", key), ("ssid", b"clinic"), ("password", b"secret words")):
        assert host.ask("pair", part, b64encode(value).decode(), seconds=1.0)["ok"]
    number = host.send("pair", "on")
    while not any(m.kind == "reply" and m.said["number"] == number for m in host.wait(0.1)):
        pass
    for _ in range(20):
        state = host.ask("pair", "state", seconds=1.0)["value"]
        if state["address"]:
            return state
        host.wait(0.1)
    raise AssertionError(f"the board does not join: {state}")


def dns_question(name):
    """Return a question of mDNS for a name's address (RFC 6762, 1035)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in (name, "local")) + b"\0"
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1)


def dns_answers(message):
    """Return the addresses that a message of mDNS tells: name to address."""
    _, flags, _, answers, _, _ = struct.unpack_from(">6H", message)
    found, at = {}, 12
    for _ in range(answers if flags & 0x8000 else 0):
        name, at = dns_name(message, at)
        kind, _, _, size = struct.unpack_from(">HHIH", message, at)
        if kind == 1:
            found[name] = ".".join(map(str, message[at + 10 : at + 10 + size]))
        at += 10 + size
    return found


def dns_name(message, at):
    """Return the name that stands there, and where it ends."""
    if message[at] >= 0xC0:
        return dns_name(message, struct.unpack_from(">H", message, at)[0] & 0x3FFF)[0], at + 2
    if not message[at]:
        return "", at + 1
    rest, end = dns_name(message, at + 1 + message[at])
    return ".".join(filter(None, (message[at + 1 : at + 1 + message[at]].decode(), rest))), end


@dataclass
class Figures:
    """What one object's board has left on a Pico W."""

    kind: str
    free_usb: int
    free_net: int
    busy: float
    longest_ms: float
    rows: int
    lost: int


def measure(kind, seconds=3.0):
    """Measure one object: free heap over USB and in the network, and all streams over the network."""
    with Host(kind, engine="pico_w") as host:
        host.wake(20.0)
        host.ask("ping")
        host.wait(1.1)
        free_usb = host.of("heartbeat")[-1].said["free_bytes"]
        pair_by_hand(host)
        host.wait(1.6)
        with Caller(host.board) as caller:
            caller.until(Attached)
            caller.session.start()
            caller.until(Block)
            caller.play(1.0)
            news = caller.play(seconds)
        beats = [n.fields for n in news if isinstance(n, Heartbeat)]
        blocks = [n for n in news if isinstance(n, Block)]
        lost = {}
        for block in blocks:
            lost.setdefault(block.stream, []).append(block.lost)
        assert not [n for n in caller.news if isinstance(n, Gap)]
    return Figures(
        kind,
        free_usb,
        beats[-1]["free_bytes"],
        max(beat["busy_permille"] for beat in beats) / 1000,
        max(beat["longest_loop_us"] for beat in beats) / 1000,
        sum(block.rows for block in blocks),
        sum(counts[-1] - counts[0] for counts in lost.values()),
    )


def main():
    """Measure and print."""
    for kind in sys.argv[1:] or ("coaster", "cup"):
        print(measure(kind), flush=True)


if __name__ == "__main__":
    main()
