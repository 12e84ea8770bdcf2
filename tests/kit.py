"""Boards with known samples, and the cable to a session: damage, chunks, unplugs, in virtual time."""

import numpy as np

from dexkit.link.news import Attached, Block, Gap
from dexkit.link.playback import PlaybackBoard, SourceBlock
from dexkit.link.session import Session
from dexkit.protocol.tables import STREAMS

ROWS = {name: int(facts.rate_hz * 0.05) for name, facts in STREAMS.items()}
KINDS = {
    "cup": ("cup/load", "cup/motion"),
    "coaster": ("coaster/load",),
    "button_board": ("button_board/contacts", "button_board/touch", "button_board/panel"),
    "pegboard": ("pegboard/contacts", "pegboard/tray"),
}
STEP_US = 10_000


def counted(stream, blocks=None):
    """Return a source whose rows carry their own number, as far as the type has room."""
    facts, rows = STREAMS[stream], ROWS[stream]
    period_us = 1e6 / facts.rate_hz

    def block(k):
        if blocks is not None and k >= blocks:
            return None
        numbers = np.arange(k * rows, (k + 1) * rows)
        dtype = facts.row_dtype
        table = np.zeros(rows, dtype)
        for name in dtype.names:
            table[name] = numbers & (2 ** (8 * dtype[name].itemsize - 2) - 1)
        return SourceBlock(round(k * rows * period_us), round((k + 1) * rows * period_us), table.tobytes())

    return block


class Desk:
    """One board, one session, and the cable between them; `step` plays 10 ms."""

    def __init__(self, kind, *, seed=1, damage=0.0, uid="e660c0d1c7", blocks=None, ppm=0.0):
        self.kind, self.uid, self.blocks = kind, uid, blocks
        self.rng = np.random.default_rng(seed)
        self.damage = damage
        self.ppm = ppm
        self.now_us = 5_000_000
        self.host_behind_us = 0
        self.board = self.power_up(1)
        self.session = Session("PORT", number=100 + seed)
        self.session.own_time = True
        self.plugged = False
        self.news = []

    def power_up(self, boot, age_us=0):
        sources = {name: counted(name, self.blocks) for name in KINDS[self.kind]}
        self.born_us = self.now_us - age_us
        self.board = PlaybackBoard(self.kind, sources, uid=self.uid, boot=boot, now_us=age_us)
        return self.board

    @property
    def now_ns(self):
        return 1000 * (self.now_us - self.host_behind_us)

    @property
    def tick_us(self):
        return round((self.now_us - self.born_us) * (1 + 1e-6 * self.ppm))

    def plug(self):
        self.plugged = True
        self.session.connected(self.now_ns)

    def unplug(self):
        self.plugged = False
        self.board.unplug()
        self.session.disconnected()

    def on_its_way(self, data):
        """Damage some bytes."""
        if not self.damage or not data:
            return data
        array = np.frombuffer(data, np.uint8).copy()
        hit = self.rng.random(len(array)) < self.damage
        array[hit] = self.rng.integers(0, 256, int(hit.sum()))
        return array.tobytes()

    def chunks(self, data):
        """Cut bytes into pieces of any length."""
        while data:
            n = int(self.rng.integers(1, max(len(data), 2) + 1))
            yield data[:n]
            data = data[n:]

    def step(self, keep_bytes=None):
        """Play 10 ms; of what the board sends only so many bytes arrive, where given."""
        self.now_us += STEP_US
        sent = self.board.take(self.tick_us)
        if not self.plugged:
            return
        for chunk in self.chunks(self.on_its_way(sent[:keep_bytes])):
            self.news += self.session.received(chunk, self.now_ns)
        self.news += self.session.received(b"", self.now_ns)
        self.board.give(self.on_its_way(self.session.to_send(self.now_ns)), self.tick_us)

    def run(self, seconds, until=None):
        """Play some seconds, or until something is true; return whether it came true."""
        for _ in range(round(seconds * 1e6 / STEP_US)):
            if until is not None and until():
                return True
            self.step()
        return until is not None and until()

    def of(self, kind):
        return [news for news in self.news if isinstance(news, kind)]

    def judge(self):
        """Hold what came out against what the sources made: in order, once, nothing invented, each gap told.

        Return for each start of the board the number of blocks and of known missing ones, by stream.
        """
        boots = []
        for news in self.news:
            match news:
                case Attached(again=False):
                    boots.append({name: [0, 0] for name in KINDS[self.kind]})
                    begun = set()
                case Block(name, sequence, _, _, payload):
                    came, gone = boots[-1][name]
                    first = name not in begun
                    assert first or sequence == came + gone, f"{name}: block {sequence} out of order"
                    assert payload == counted(name)(sequence).payload, f"{name}: block {sequence} invented"
                    begun.add(name)
                    boots[-1][name] = [came + 1, sequence - came]
                case Gap(name, int(blocks)):
                    boots[-1][name][1] += blocks
        return boots

    def gaps(self):
        return self.of(Gap)
