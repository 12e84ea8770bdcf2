"""Calibrates random kits with hidden errors and says how often they are found within the stated uncertainty.

Run as ``python -m tests.calibration_trials 100``. Captures come from the world through the sensors' counts;
the firmware's way is the tests' business.
"""

import math
import sys
from collections import Counter, defaultdict

import numpy as np

from dexkit.bench.calibrate import Calibrator
from dexkit.bench.capture import Capture, Samples
from dexkit.bench.fit import K
from dexkit.bench.steps import MASSES
from dexkit.bench.weights import N_PER_G, STANDARD_MS2, weights
from dexkit.demo_bench import setting_of
from dexkit.link.news import Hello
from dexkit.protocol.tables import OBJECT_ID, STREAMS, TABLE
from dexkit.sim.bench import ACCEL, BenchWorld, Errors, Setting

#: What must hold after calibration: 0.5 g or 0.3 %, whichever is more; tilt.
MASS_G, MASS_SHARE, TILT_DEG = 0.5, 0.003, 0.5
WEIGHINGS, DIRECTIONS = 8, 40


def captured(world, seconds):
    """Return a capture of a world: what it says, in whole counts."""
    kind = world.object_kind
    rates_hz = {name: facts.rate_hz for name, facts in STREAMS.items() if name.startswith(f"{kind}/")}
    hello = Hello(kind, f"{world.errors.seed:016x}", "simulated", "", 1, rates_hz, None)
    streams = {}
    for name, rate_hz in rates_hz.items():
        facts = STREAMS[name]
        t_s = np.arange(round(seconds * rate_hz)) / rate_hz
        values = world.read(t_s, [TABLE[kind].index(column) for column in facts.columns])
        counts = np.rint(values / np.array(facts.scales))
        values = (counts * np.array(facts.scales)).astype(np.float32)
        streams[name] = Samples(facts.columns, t_s, values, rate_hz, 0)
    return Capture(hello, seconds, streams, None)


def run_of(world):
    """Return the start of a calibration of this world's object."""
    return Calibrator(captured(world, 0.1).hello, weights(MASSES[world.object_kind], "M1"))


def world_of(kind, seed=7):
    """Return an object of this kind on the bench."""
    return BenchWorld(kind, Errors.of(kind, seed))


def led_to(world, is_there):
    """Return a calibration of a world, led without accidents to the first step that is wanted."""
    run = run_of(world)
    while not is_there(run.current):
        take(run, world)
    return run


def take(run, world, accident="", setting=None, seconds=None):
    """Take the current step, perhaps with an accident or another setting than asked."""
    step = run.current
    world.arrange(setting or setting_of(step, world), accident)
    capture = captured(world, seconds or (20.0 if step.kind == "walk" else step.seconds))
    return run.take(capture, world.now_s)


def is_load_of(mass_g):
    """Return what says whether a step is the one with this mass."""
    return lambda step: step.mass is not None and step.mass.mass_g == mass_g


def calibrate(world, arrange=lambda world, step: world.arrange(setting_of(step, world))):
    """Go through all steps; return what came of it."""
    run = run_of(world)
    while (step := run.current) is not None:
        arrange(world, step)
        run.take(captured(world, 20.0 if step.kind == "walk" else step.seconds), world.now_s)
    return run.result()


def cell_truth(world, outcome, column):
    """Return gain, offset and drift of the line that fits the hidden cell best where it was calibrated."""
    scale = STANDARD_MS2 / world.errors.gravity_ms2
    loads_n, times_s = [], []
    for each in outcome.taken:
        free = column == "foot_n" and each.step.kind == "position" and each.step.up[2] == 1
        if each.step.kind == "load" or free:
            mass_g = each.step.mass.mass_g if each.step.mass else 0.0
            loads_n.append(0.0 if free else outcome.cells[column].own_n + N_PER_G * mass_g)
            times_s.append(each.t_s)
    nominal = world.errors.nominal({column: np.array(loads_n) / scale})[column]
    gain, offset_n = np.polyfit(nominal, loads_n, 1)
    runs_n = scale * world.runs_n(column, np.array(times_s) + 4.0)
    return gain, offset_n - runs_n.mean(), np.polyfit(times_s, runs_n, 1)[0] * np.ptp(times_s)


def check(world, outcome):
    """Yield each parameter of a calibrated object: name, error, expanded uncertainty."""
    for column, fit in outcome.cells.items():
        gain, offset_n, drift_n = cell_truth(world, outcome, column)
        yield f"{column} gain", fit.gain - gain, K * fit.gain_standard
        yield f"{column} offset", fit.offset_n - offset_n, K * fit.offset_standard_n
        yield f"{column} drift", fit.drift_n - drift_n, K * fit.drift_standard_n
    if outcome.pegs:
        yield "peg mass", outcome.pegs.mass_g - world.peg_g, K * outcome.pegs.standard_g
    if (motion := outcome.motion) is None:
        return
    scale = STANDARD_MS2 / world.errors.gravity_ms2
    matrix = scale * np.linalg.inv(world.errors.accel_matrix)
    offset_ms2 = -matrix @ world.errors.accel_offset_ms2
    for row in range(3):
        for column in range(3):
            what = "scale" if row == column else "cross"
            error = motion.matrix[row, column] - matrix[row, column]
            yield f"accel {what} {row}{column}", error, K * motion.matrix_standard[row, column]
        error = motion.offset_ms2[row] - offset_ms2[row]
        yield f"accel offset {row}", error, K * motion.offset_standard_ms2[row]
        error = motion.bias_rads[row] - world.errors.gyro_bias_rads[row]
        yield f"gyro bias {row}", error, K * motion.bias_standard_rads[row]


def weighed(world, outcome, chance):
    """Yield column, true mass, error in g and stated uncertainty in g of masses put on after the run."""
    full_g = float(MASSES[world.object_kind].rsplit(",", 1)[1])
    for _ in range(WEIGHINGS):
        world.arrange(Setting())
        empty = captured(world, 4.0)
        world.arrange(Setting(float(chance.uniform(0.02, 1.0)) * full_g))
        taken = captured(world, 4.0)
        for stream, axes in outcome.calibration.streams.items():
            if stream == "cup/motion":
                continue
            force_n, zero_n = (
                axes.correct(each.streams[stream].values[len(each.streams[stream].t_s) // 2 :]).mean(axis=0)
                for each in (taken, empty)
            )
            mass_g = 1e3 * world.load_kg()
            for place, column in enumerate(taken.streams[stream].columns):
                error_g = (force_n[place] - zero_n[place]) / N_PER_G - mass_g
                yield column, mass_g, error_g, K * math.sqrt(2.0) * axes.uncertainty[place] / N_PER_G


def tilted(world, outcome, chance):
    """Return how far tilts after calibration are off, in degrees."""
    axes, errors = outcome.calibration.streams["cup/motion"], world.errors
    up = chance.normal(size=(DIRECTIONS, 3))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    said = errors.nominal({axis: errors.gravity_ms2 * up[:, place] for place, axis in enumerate(ACCEL)})
    rows = np.zeros((DIRECTIONS, 6), np.float32)
    rows[:, :3] = np.stack([said[axis] for axis in ACCEL], axis=1)
    accel = axes.correct(rows)[:, :3].astype(float)
    accel /= np.linalg.norm(accel, axis=1, keepdims=True)
    return np.degrees(2.0 * np.arcsin(np.minimum(np.linalg.norm(accel - up, axis=1) / 2.0, 1.0)))


class Tally:
    """What came of all kits."""

    def __init__(self):
        self.inside, self.kits = defaultdict(Counter), 0
        self.largest = defaultdict(float)
        self.whole, self.good = Counter(), Counter()
        self.weighings = defaultdict(list)

    def add(self, kind, seed):
        """Calibrate one object of one kit and check it."""
        world, chance = BenchWorld(kind, Errors.of(kind, seed)), np.random.default_rng(seed)
        outcome = calibrate(world)
        all_inside = good = True
        for name, error, expanded in check(world, outcome):
            self.inside[kind][name] += abs(error) <= expanded
            all_inside &= abs(error) <= expanded
            self.largest[kind, name] = max(self.largest[kind, name], abs(error) / expanded)
        for column, mass_g, error_g, expanded_g in weighed(world, outcome, chance):
            key = (kind, f"{column} mass, g")
            self.largest[key] = max(self.largest[key], abs(error_g))
            key = (kind, f"{column} mass")
            self.weighings[key].append(abs(error_g) / expanded_g)
            good &= abs(error_g) <= max(MASS_G, MASS_SHARE * mass_g)
        if outcome.motion is not None:
            off_deg = float(tilted(world, outcome, chance).max())
            self.largest[kind, "tilt, deg"] = max(self.largest[kind, "tilt, deg"], off_deg)
            good &= off_deg <= TILT_DEG
        self.whole[kind] += all_inside
        self.good[kind] += good

    def show(self, kits):
        """Print one table."""
        print(f"{'object':14}{'parameter':34}{'within its U (k=2)':>20}{'largest error / U':>20}")
        for kind, names in self.inside.items():
            for name, count in names.items():
                print(f"{kind:14}{name:34}{f'{count} of {kits}':>20}{self.largest[kind, name]:20.2f}")
            print(f"{kind:14}{'all of them in one kit':34}{f'{self.whole[kind]} of {kits}':>20}")
            for (other, name), shares in self.weighings.items():
                if other == kind:
                    count = f"{sum(share <= 1.0 for share in shares)} of {len(shares)}"
                    print(f"{kind:14}{name + ', put on after':34}{count:>20}{max(shares):20.2f}")
            for (other, name), largest in self.largest.items():
                if other == kind and name not in names:
                    print(f"{kind:14}{'largest error of ' + name:54}{largest:20.3f}")
            words = f"mass within {MASS_G} g or {100 * MASS_SHARE:g} %"
            words += f", tilt within {TILT_DEG}°" if kind == "cup" else ""
            print(f"{kind:14}{words:54}{f'{self.good[kind]} of {kits}':>20}\n")

    def holds(self, kits):
        """Return whether the promise is kept: 95 of 100, and no error beyond what is allowed."""
        enough = math.floor(0.95 * kits)
        return all(self.whole[kind] >= enough and self.good[kind] == kits for kind in self.inside)


def trials(kits):
    """Calibrate so many kits."""
    tally = Tally()
    for seed in range(kits):
        for kind in OBJECT_ID:
            tally.add(kind, seed)
    return tally


def main():
    kits = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    tally = trials(kits)
    tally.show(kits)
    return 0 if tally.holds(kits) else 1


if __name__ == "__main__":
    sys.exit(main())
