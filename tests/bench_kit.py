"""Virtual kits on a bench for the self-test: at rest, walked through, with a calibration, with a fault."""

import zlib
from datetime import UTC, datetime

import numpy as np

from dexkit.bench.selftest import selftest
from dexkit.hardware import load
from dexkit.link.ports import Plug, add_urls
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording.calibration import Axes, Calibration, keep
from dexkit.sim.bench import Errors
from dexkit.sim.protocol_sim import board_of

add_urls("dexkit.sim")

#: When a walk presses what: the first contact, from one to the next, how long it is held, and each cell.
FIRST_S, EACH_S, HELD_S, PRESS_S, PRESS_N = 1.5, 1.2, 0.8, 0.5, 2.0
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Walked:
    """A world at rest until a person walks through it: each place once, with bounce, then each cell."""

    def __init__(self, kind, world, seed):
        self.names, self.world, self.truth = TABLE[kind], world, world.truth
        self.walking = False
        self.disturbed_n = None  # by time in s: what else weighs on its cells
        chance = np.random.default_rng([7, seed])
        places = sorted({name.rpartition("_")[2] for name in self.names if name.startswith("entry_")})
        self.edges, start_s = {}, FIRST_S
        for place in places:
            for lead, delay_s in (("touch", -0.1), ("entry", 0.0), ("seated", 0.1)):
                begin_s, end_s = start_s + delay_s, start_s + HELD_S - delay_s
                self.edges[f"{lead}_{place}"] = np.sort([*bounced(chance, begin_s), *bounced(chance, end_s)])
            start_s += EACH_S
        self.press_s = start_s

    def read(self, t_s, columns=None):
        wanted = list(range(len(self.names))) if columns is None else list(columns)
        values = self.world.read(t_s, wanted)
        if self.disturbed_n:
            cells = [self.names[column].endswith("_n") for column in wanted]
            values[:, cells] += self.disturbed_n(t_s)[:, None]
        if not self.walking:
            return values
        for at, column in enumerate(wanted):
            name = self.names[column]
            if name in self.edges:
                values[:, at] = np.searchsorted(self.edges[name], t_s, "right") % 2
            elif name.endswith("_n"):
                values[:, at] += PRESS_N * ((t_s > self.press_s) & (t_s < self.press_s + PRESS_S))
        return values


def bounced(chance, at_s):
    """Return when a contact that changes over at this time does so: an odd number of times."""
    return [at_s, *(at_s + np.sort(chance.uniform(0.001, 0.03, 2 * int(chance.integers(0, 3)))))]


class Kit:
    """One board on a bench.

    Parameters
    ----------
    kind, seed
        Which object, which luck.
    firmware
        The object that its firmware takes it for.
    fault
        Of a chip, as the URL says it.
    calibrated
        Whether it has a calibration, which this computer knows.
    """

    def __init__(self, kind, seed, *, firmware=None, fault=None, calibrated=False):
        self.kind, self.seed = kind, seed
        words = {"speed": "fast", "test": "bench", "seed": seed, "clock_ppm": 13.0 * (seed % 5 - 2)}
        words |= {"firmware": firmware} if firmware else {}
        words |= {"fault": fault} if fault else {}
        self.url = f"sim://{kind}?" + "&".join(f"{name}={text}" for name, text in words.items())
        self.board = board_of(self.url)
        self.world = Walked(kind, self.board.scene.worlds[kind], seed)
        for chip in self.board.chips.values():
            (chip.feed if hasattr(chip, "feed") else chip.contacts).world = self.world
        self.uid = self.board.desk.unique_id.hex()
        if calibrated:
            made = calibration(kind, self.uid, seed)
            keep(made)
            self.write("calibration", {"uid": self.uid, "id": made.id})

    def write(self, name, facts):
        """Write a sealed file on the board."""
        line = str(facts).replace("'", '"').encode()
        (self.board.flash / name).write_bytes(line + b"\n%08x\n" % zlib.crc32(line))

    def test(self, seconds=8.0, *, walk=False, now=NOW, **more):
        self.world.walking = False

        def begin(steps):
            self.world.walking = walk
            self.until_s = self.board.world_s + self.world.press_s + 6.0
            return walk

        def look(steps):
            return self.board.world_s < self.until_s

        return selftest(Plug(self.url), seconds=seconds, begin=begin, look=look, now=lambda: now, **more)


def calibration(kind, uid, seed):
    """Return the calibration that takes a kit's hidden errors away, as `dexkit calibrate` would find it."""
    errors = Errors.of(kind, seed)
    streams = {}
    for name in load(kind).streams:
        columns = STREAMS[name].columns
        if columns[0].endswith("_n"):
            cells = [errors.cells[column] for column in columns]
            matrix = np.diag([cell.gain for cell in cells])
            streams[name] = axes(matrix, [cell.offset_n for cell in cells], [0.002] * len(cells))
        elif columns[0] == "ax_ms2":
            matrix = np.eye(6)
            matrix[:3, :3] = np.linalg.inv(errors.accel_matrix)
            offset = [*-(matrix[:3, :3] @ errors.accel_offset_ms2), *-errors.gyro_bias_rads]
            streams[name] = axes(matrix, offset, [0.02] * 3 + [0.002] * 3)
    return Calibration(uid, kind, "2026-11-01T12:00:00Z", streams)


def axes(matrix, offset, uncertainty):
    rows = tuple(tuple(map(float, row)) for row in matrix)
    return Axes(rows, tuple(map(float, offset)), tuple(map(float, uncertainty)))
