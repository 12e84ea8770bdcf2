"""A kit on a bad line, in virtual time: is every sample there, once, in order, and none invented?

`python -m tests.soak 30` plays half an hour of four objects with 1 % damaged bytes in both directions, pieces
of any size and five unplugs; `python -m tests.soak unplugs 1000` pulls the cable a thousand times, anywhere.
The boards are the real firmware; the truth is what it wrote on its own end of the line, and what its sensors
measured: the time itself, so that each conversion can be told from the next.
"""

import itertools
import json
import random
import sys
from dataclasses import dataclass, field
from multiprocessing import Pool
from types import SimpleNamespace

import numpy as np

from dexkit.link.news import Attached, Block, Gap
from dexkit.link.session import Session
from dexkit.protocol.frames import Decoder
from dexkit.protocol.tables import MESSAGE_ID, RING_S, STREAMS, TABLE
from dexkit.sim.clockwork import Reset
from dexkit.sim.line import Line
from dexkit.sim.virtual import VirtualBoard

KINDS = ("cup", "coaster", "button_board", "pegboard")
PPM = {"cup": 120.0, "coaster": -80.0, "button_board": 30.0, "pegboard": -150.0}
STEP_S = 0.01
LONGEST_UNPLUG_S = 15.0
AGAIN_WITHIN_S = 2.0
MS_PER_S = 1000.0
STREAM_NAME = {facts.id: name for name, facts in STREAMS.items()}


class TellsTheTime:
    """A world whose forces say the time in raw counts, of milliseconds; its contacts count in Gray code."""

    def __init__(self, kind, per_s=MS_PER_S):
        self.per_s = per_s
        self.columns = TABLE[kind]
        self.n_per_count = {
            column: float(scale)
            for name, facts in STREAMS.items()
            if name.startswith(f"{kind}/")
            for column, scale in zip(facts.columns, facts.scales, strict=True)
        }

    def read(self, t_s, wanted=None):
        count = np.floor(np.maximum(t_s, 0.0) * self.per_s)
        gray = (t_s * 40).astype(np.int64)
        gray ^= gray >> 1
        columns = []
        for k, column in enumerate(self.columns):
            if column.endswith("_n"):
                columns.append(count * self.n_per_count[column])
            elif column.startswith(("touch_", "entry_", "seated_")):
                columns.append((gray >> k) & 1)
            else:  # sixteen bits hold half a minute
                columns.append((count % 30_000 - 15_000) * self.n_per_count[column])
        table = np.column_stack(columns).astype(np.float32)
        return table if wanted is None else table[:, wanted]


@dataclass
class Counts:
    """What became of samples."""

    sent: int = 0  # written by the board, each once
    once: int = 0  # given out by the session, equal to what was written
    again: int = 0  # came a second time and were left out
    gone: int = 0  # overwritten in the ring, and told as a gap
    missing: int = 0  # neither given out nor told
    invented: int = 0  # given out and never written, or out of order
    uncounted: int = 0  # conversions that no block holds and no board counted as lost
    lost: int = 0  # conversions that the board counted as lost
    damaged: int = 0  # bytes
    bad_frames: int = 0
    unplugs: int = 0

    def __iadd__(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def __str__(self):
        return (
            f"{self.sent} samples sent, {self.once} received once, {self.again} blocks again, {self.missing} "
            f"missing, {self.invented} invented; {self.gone} in marked gaps, {self.lost} lost by the boards, "
            f"{self.uncounted} uncounted"
        )

    @property
    def sound(self):
        return not (self.missing or self.invented or self.uncounted) and self.once + self.gone == self.sent


@dataclass
class Kept:
    """A block as the board wrote it."""

    tick_us: int
    lost: int
    payload: bytes
    rows: int


@dataclass
class Desk:
    """One board with its session, the cable between them, and what both ends saw."""

    kind: str
    seed: int = 1
    damage: float = 0.0
    per_s: float = MS_PER_S
    program: str | None = None  # instead of the object's firmware
    stood_s: float = 0.0  # how long the board stood still while the host went on
    boots: dict = field(default_factory=dict)  # number of a boot -> (stream, sequence) -> Kept
    numbers: dict = field(default_factory=dict)  # what hello calls a boot -> its number
    news: list = field(default_factory=list)

    def __post_init__(self):
        self.chance = random.Random(f"soak {self.kind} {self.seed}")
        scene = SimpleNamespace(worlds={self.kind: TellsTheTime(self.kind, self.per_s)}, duration_s=1e9)
        line = Line(self.damage, chunks=True, seed=self.seed)
        self.board = VirtualBoard(
            self.kind,
            scene=scene,
            seed=self.seed,
            line=line,
            clock_ppm=PPM[self.kind],
            program=self.program,
        )
        self.session = Session(self.kind, number=self.chance.randrange(1, 1 << 16))
        self.session.own_time = True
        self.session.start()
        self.decoder, self.pieces, self.plugged = Decoder(duplicates=True), [], False
        to_line = self.board.desk.on_sent

        def on_sent(data):
            self._written(data)
            to_line(data)

        self.board.desk.on_sent = on_sent

    def __enter__(self):
        self.board.power_on()
        return self

    def __exit__(self, *args):
        self.board.close()

    @property
    def now_ns(self):
        return round(1e9 * (self.board.world_s + self.stood_s))

    def _written(self, data):
        """Keep what the board writes, before the line gets at it."""
        decoded = self.decoder.push(data)
        for k, block in enumerate(decoded.blocks):
            if block["type"] == MESSAGE_ID["hello"]:
                self.numbers[json.loads(decoded.payload_of(k))["boot"]] = self.board.boots
            if block["type"] != MESSAGE_ID["samples"]:
                continue
            key = (STREAM_NAME[int(block["stream"])], int(block["sequence"]))
            kept = Kept(int(block["tick_us"]), int(block["lost"]), decoded.payload_of(k), int(block["rows"]))
            before = self.boots.setdefault(self.board.boots, {}).setdefault(key, kept)
            assert before == kept, f"{key}: the board wrote another block under the same number"

    def plug(self):
        self.board.attach(lambda piece: self.pieces.append((self.now_ns, piece)))
        self.session.connected(self.now_ns)
        self.plugged = True

    def attach(self):
        """Plug in and wait for the first samples on a good line: a first hello is too long for a bad one."""
        damage, self.board.line.damage = self.board.line.damage, 0.0
        self.plug()
        self.until_samples()
        self.board.line.damage = damage

    def unplug(self, power=False):
        """Pull the cable at any byte of what is on its way; with it the power, where there is no battery."""
        self.board.run(STEP_S)
        data = b"".join(piece for _, piece in self.pieces)
        self.pieces.clear()
        self.board.detach()
        self.news += self.session.received(data[: self.chance.randrange(len(data) + 1)], self.now_ns)
        self.session.disconnected()
        self.plugged = False
        if power:
            self.decoder = Decoder(duplicates=True)
            self.board.desk.power_off(Reset())

    def step(self):
        self.board.run(STEP_S)
        if not self.plugged:
            return
        for at_ns, piece in self.pieces:
            self.news += self.session.received(piece, at_ns)
        self.pieces.clear()
        now_ns = self.now_ns
        self.news += self.session.received(b"", now_ns)
        self.board.send(self.session.to_send(now_ns))

    def run(self, seconds, until=lambda: False):
        """Play so long, or until something is true; return how long it took."""
        began_s = self.board.world_s
        while self.board.world_s - began_s < seconds and not until():
            self.step()
        return self.board.world_s - began_s

    def until_samples(self):
        """Play until the next block is given out; return how long it took."""
        before = self.session.counts.blocks
        return self.run(10.0, lambda: self.session.counts.blocks > before)

    def drain(self):
        """Stop and let all that is on the board arrive."""
        self.session.stop()
        while (
            self.run(5.0, lambda before=self.session.counts.blocks: self.session.counts.blocks > before) < 5.0
        ):
            pass
        self.news += self.session.finish()

    def judge(self):
        """Hold what the session gave out against what the board wrote."""
        counts = Counts(
            damaged=self.board.line.damaged,
            bad_frames=self.session.counts.bad,
            again=self.session.counts.repeated,
            unplugs=self.session.counts.connections - 1,
        )
        truth, given, anew = {}, {}, set()
        for news in self.news:
            match news:
                case Attached(hello, again=False):
                    for name in {name for name, _ in truth}:
                        told = name in anew or not given.get(name)
                        close(name, truth, given, counts, "gone" if told else "missing")
                    truth, given, anew = self.boots.get(self.numbers[hello.boot], {}), {}, set()
                case Block(name, sequence, tick_us, lost, payload):
                    kept, next_one = truth.get((name, sequence)), 1 + last(given, name)
                    same = kept is not None and (kept.lost, kept.payload) == (lost, payload)
                    same = same and (tick_us - kept.tick_us) % (1 << 32) == 0
                    if not same or sequence != next_one:
                        counts.invented += news.rows
                    given.setdefault(name, {})[sequence] = "once"
                case Gap(name, int(blocks)):
                    first = 1 + last(given, name)
                    given.setdefault(name, {}).update(dict.fromkeys(range(first, first + blocks), "gone"))
                case Gap(name, None):
                    anew.add(name)
        for name in {name for name, _ in truth}:
            close(name, truth, given, counts, "missing")
        return counts


def last(given, name):
    """Return the number of the last block of a stream that was given out or told as gone."""
    return next(reversed(given.get(name, {-1: ""})))


def close(name, truth, given, counts, rest):
    """Count what one boot of a board wrote of a stream; of what did not come, `rest` says what it is."""
    blocks = {sequence: kept for (stream, sequence), kept in sorted(truth.items()) if stream == name}
    usual = int(np.median([kept.rows for kept in blocks.values()]))
    for sequence in range(max(blocks) + 1):
        rows = blocks[sequence].rows if sequence in blocks else usual
        counts.sent += rows
        how = given.get(name, {}).get(sequence, rest)
        setattr(counts, how, getattr(counts, how) + rows)
    if not STREAMS[name].wire.startswith("bits"):
        conversions(name, blocks, counts)


def conversions(name, blocks, counts):
    """Count conversions that are in no row and that no board counted as lost."""
    facts = STREAMS[name]
    period_ms = MS_PER_S / facts.rate_hz
    before = None
    for sequence, kept in blocks.items():
        ms = np.frombuffer(kept.payload, facts.row_dtype)[facts.columns[0]].astype(np.int64)
        ms += 0 if facts.wire == "i32" else 15_000
        if before is None or before[0] + 1 != sequence:
            before = None
        here = ms if before is None else np.concatenate(([before[1]], ms))
        steps = np.diff(here) if facts.wire == "i32" else np.mod(np.diff(here), 30_000)
        lost = kept.lost - before[2] if before is not None else 0
        if ms[0] > 2:  # the time has begun
            missed = int(np.sum(np.rint(steps / period_ms).astype(int) - 1))
            counts.uncounted += abs(missed - lost)
        counts.lost += lost
        before = (sequence, ms[-1], kept.lost)


def soak(kind, minutes, seed=1, unplugs=5):
    """Return what became of the samples of one object in so many minutes."""
    with Desk(kind, seed, damage=0.01) as desk:
        desk.attach()
        begins = sorted(desk.chance.uniform(0.0, 1.0) for _ in range(unplugs))
        spare_s = max(60.0 * minutes - unplugs * (LONGEST_UNPLUG_S + 5.0), 10.0)
        for before, begin in itertools.pairwise([0.0, *begins]):
            desk.run(5.0 + (begin - before) * spare_s)
            desk.unplug()
            desk.run(desk.chance.uniform(0.5, LONGEST_UNPLUG_S))
            desk.plug()
        desk.run(max(60.0 * minutes - desk.board.world_s, 5.0))
        desk.drain()
        return desk.judge()


@dataclass
class Again:
    """How soon samples flowed again after the cable was plugged in."""

    seconds: list
    anew_s: list  # where the power was away too, the board's start included
    counts: Counts


def pull(kind, times, seed=1):
    """Pull the cable so many times at any byte, now and then for longer than the ring; the power on top."""
    with Desk(kind, seed) as desk:
        desk.plug()
        desk.until_samples()
        again = Again([], [], Counts())
        pulls = [power for k in range(times) for power in ((False, True) if k % 9 == 4 else (False,))]
        for k, power in enumerate(pulls):
            desk.run(desk.chance.uniform(0.05, 1.5))
            desk.unplug(power)
            desk.run(RING_S + 5.0 if k % 50 == 49 else desk.chance.uniform(0.02, 3.0))
            desk.plug()
            (again.anew_s if power else again.seconds).append(desk.until_samples())
        desk.drain()
        again.counts = desk.judge()
        return again


def soak_kit(minutes):
    """Print what became of the samples of the whole kit; return whether none is missing or invented."""
    with Pool(2) as pool:
        found = pool.starmap(soak, [(kind, minutes) for kind in KINDS], chunksize=1)
    total = Counts()
    for counts in found:
        total += counts
    print(
        f"{len(KINDS)} objects, {minutes:g} min, {total.unplugs} unplugs, {total.damaged} bytes damaged: "
        f"{total}"
    )
    return total.sound and not total.gone


def pull_kit(times):
    """Print how soon samples flow again after each of so many unplugs; return whether all is well."""
    with Pool(2) as pool:
        found = pool.starmap(pull, [(kind, -(-times // len(KINDS))) for kind in KINDS], chunksize=1)
    total = Counts()
    for again in found:
        total += again.counts
    seconds = [took for again in found for took in again.seconds]
    anew_s = [took for again in found for took in again.anew_s]
    late = sum(took > AGAIN_WITHIN_S for took in seconds)
    print(
        f"{len(seconds)} unplugs: samples again after {np.median(seconds):.2f} s (median), "
        f"{max(seconds):.2f} s (longest), {late} later than {AGAIN_WITHIN_S:g} s; {len(anew_s)} with the "
        f"power: {max(anew_s, default=0.0):.2f} s (longest, the board's start included): {total}"
    )
    return total.sound and not late


if __name__ == "__main__":
    if sys.argv[1:2] == ["unplugs"]:
        sys.exit(not pull_kit(int(sys.argv[2]) if len(sys.argv) > 2 else 1000))
    sys.exit(not soak_kit(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))
