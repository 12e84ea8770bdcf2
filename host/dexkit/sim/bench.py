"""An engineer's bench: an object at rest with masses on it, turned, walked through, with hidden errors.

The world is changed by `BenchWorld.arrange`, as hands change it; between two changes it is a function of
time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.sim.cup import ACCEL_NOISE_MS2, FOOT_PLATE_KG, GYRO_NOISE_RADS
from dexkit.sim.cup_plan import CUP_KG
from dexkit.sim.noise import uniform, walk, white
from dexkit.sim.scene import Scene, World

Floats = NDArray[np.float64]

#: Load the cells are made for, and white noise of a conversion; a NAU7802's own is about 3 mN on a 1 kg cell.
FULL_N = {"foot_n": 6.0, "inner_n": 4.0, "load_n": 6.0, "panel_n": 10.0, "tray_n": 1.0}
NOISE_N = {"foot_n": 0.003, "inner_n": 0.003, "load_n": 0.003, "panel_n": 0.004, "tray_n": 0.0005}
ACCEL, GYRO = ("ax_ms2", "ay_ms2", "az_ms2"), ("gx_rads", "gy_rads", "gz_rads")
#: Where on earth a bench may stand: gravity at the equator and near the poles.
GRAVITY_MS2 = (9.780, 9.832)
#: How level a table is, and how square the block that holds a cup.
TABLE_DEG, BLOCK_DEG = 0.2, 0.15
#: How much a weight of class M1 may be off, about: OIML R 111.
MASS_ERROR = 5e-5
#: Hands let go, and it swings out.
SHAKE_S, SHAKE_HZ = 0.15, 7.0
CREEP_S = 25.0
#: Of the walk through contacts: when the first closes, how long one takes.
WALK_S, PLACE_S = 1.5, 1.6
#: So long a step takes a person, capture included.
STEP_S = 25.0


@dataclass(frozen=True)
class CellErrors:
    """What a load cell has that nobody told: true = gain * nominal + offset_n for a cell without faults.

    Parameters
    ----------
    gain, offset_n
        As said.
    bend, loop, creep
        Parts of the full load: deviation from the line at half load, half the width between up and down, and
        what comes late.
    drift_n_s
        How the zero runs away.
    aside_n
        What the cell says beside when its object lies on its side.
    """

    gain: float
    offset_n: float
    bend: float
    loop: float
    creep: float
    drift_n_s: float
    aside_n: float


@dataclass(frozen=True)
class Errors:
    """The hidden errors of one object.

    Parameters
    ----------
    seed
        Which.
    cells
        By column.
    accel_matrix, accel_offset_ms2
        nominal = matrix @ true + offset.
    gyro_bias_rads
        What it says at rest.
    gravity_ms2
        Where the bench stands.
    """

    seed: int
    cells: Mapping[str, CellErrors]
    accel_matrix: Floats
    accel_offset_ms2: Floats
    gyro_bias_rads: Floats
    gravity_ms2: float

    @classmethod
    def of(cls, object_kind: str, seed: int) -> "Errors":
        """Return the errors that a seed hides."""
        chance = np.random.default_rng([seed, len(object_kind)])
        cells = {}
        for column, full_n in FULL_N.items():
            share = chance.uniform(-1.0, 1.0, 7)
            cells[column] = CellErrors(
                gain=1.0 + 0.06 * share[0],
                offset_n=0.05 * full_n * share[1],
                bend=3e-4 * share[2],
                loop=2e-4 * abs(share[3]),
                creep=4e-4 * share[4],
                drift_n_s=1e-6 * full_n * share[5],
                aside_n=0.004 * full_n * share[6],
            )
        matrix = np.eye(3) + chance.uniform(-0.02, 0.02, (3, 3))
        return cls(
            seed,
            cells,
            matrix,
            chance.uniform(-0.3, 0.3, 3),
            np.radians(chance.uniform(-1.0, 1.0, 3)),
            float(chance.uniform(*GRAVITY_MS2)),
        )

    def nominal(self, true: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return what the sensors say of true values; contacts say what is."""
        said = dict(true)
        for column in FULL_N.keys() & true.keys():
            cell, full_n = self.cells[column], FULL_N[column]
            bent_n = cell.bend * full_n * np.sin(np.pi * true[column] / full_n)
            said[column] = (true[column] + bent_n - cell.offset_n) / cell.gain
        if ACCEL[0] in true:
            accel = np.stack([true[axis] for axis in ACCEL], axis=1) @ self.accel_matrix.T
            for place, axis in enumerate(ACCEL):
                said[axis] = accel[:, place] + self.accel_offset_ms2[place]
        if GYRO[0] in true:
            for place, axis in enumerate(GYRO):
                said[axis] = true[axis] + self.gyro_bias_rads[place]
        return said


@dataclass(frozen=True)
class Setting:
    """How an object stands on the bench.

    Parameters
    ----------
    load_g
        What is written on the masses that lie on it, all together; with pegs in the tray, their true mass.
    up
        Which axis of the object looks up, as a unit vector.
    free
        Whether the cup's foot touches nothing.
    walk
        Places whose contacts a hand walks through, in this order.
    """

    load_g: float = 0.0
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    free: bool = False
    walk: tuple[int, ...] = ()


class BenchWorld:
    """One object on a bench.

    Parameters
    ----------
    object_kind
        Which.
    errors
        What is hidden in its sensors.

    Attributes
    ----------
    peg_g
        Mass of each of its pegs.
    accident
        What goes wrong until the next setting: ``moved``, ``drifting`` or nothing.
    now_s
        When the setting began, by the bench's own clock.
    """

    def __init__(self, object_kind: str, errors: Errors) -> None:
        self.object_kind, self.errors = object_kind, errors
        self.truth: list[tuple[float, str, int]] = []
        self.setting = Setting()
        self.peg_g = (1.0, 1.7, 3.4)[errors.seed % 3] * (1.0 + 0.01 * (errors.seed % 5 - 2))
        self.accident = ""
        self.now_s = 0.0
        self._turned = 0
        self._before_n = dict.fromkeys(FULL_N, 0.0)
        self._now_n = self._loads()
        self._top_n = dict.fromkeys(FULL_N, 1e-3)  # where the loop between up and down closes

    def arrange(self, setting: Setting, accident: str = "") -> None:
        """Change how it stands; who reads ahead must be told (`Stage.version`).

        Parameters
        ----------
        setting
            How it stands from now on.
        accident
            What goes wrong meanwhile.
        """
        self.now_s += STEP_S
        self._turned += 1
        self.setting, self.accident = setting, accident
        self._before_n, self._now_n = self._now_n, self._loads()
        self._top_n = {column: max(top_n, self._now_n[column]) for column, top_n in self._top_n.items()}

    def up(self) -> Floats:
        """Return the true direction of up in the object's axes: the table is not quite level."""
        turn = np.radians(TABLE_DEG) * (
            2.0 * uniform(self.errors.seed, 1, np.arange(2, dtype=np.int64)) - 1.0
        )
        block = 2.0 * uniform(self.errors.seed, 2, np.arange(3, dtype=np.int64) + 3 * self._turned) - 1.0
        up = np.array(self.setting.up) + np.radians(BLOCK_DEG) * block + np.array([turn[0], turn[1], 0.0])
        return np.asarray(up / np.linalg.norm(up))

    def load_kg(self) -> float:
        """Return the true mass that lies on it: weights are not quite what is written on them."""
        wrong = 2.0 * uniform(self.errors.seed, 3, np.array([round(10 * self.setting.load_g)]))[0] - 1.0
        return 1e-3 * self.setting.load_g * (1.0 + MASS_ERROR * float(wrong))

    def _loads(self) -> dict[str, float]:
        """Return the true force on each cell at rest."""
        gravity = self.errors.gravity_ms2
        along = float(self.up()[2])
        load_n = self.load_kg() * gravity
        stands = not self.setting.free and along > 0.9
        hangs_n = FOOT_PLATE_KG * gravity * (1.0 - along)
        return {
            "foot_n": CUP_KG * gravity + load_n if stands else hangs_n,
            "inner_n": load_n * along,
            "load_n": load_n,
            "panel_n": load_n,
            "tray_n": load_n,
        }

    def runs_n(self, column: str, bench_s: Floats) -> Floats:
        """Return how far a cell's zero has run away by these times of the bench."""
        wandered = 1e-4 * FULL_N[column] * walk(self.errors.seed, 60, bench_s)
        return np.asarray(self.errors.cells[column].drift_n_s * bench_s + wandered)

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the sensors say at these times: float32 (n, columns of the schema)."""
        t_s = np.asarray(t_s, np.float64)
        names = TABLE[self.object_kind]
        wanted = range(len(names)) if columns is None else columns
        said = self.errors.nominal(self._true(t_s, {names[column] for column in wanted}))
        bench_s, seed = self.now_s + t_s, self.errors.seed
        for place, (column, noise_n) in enumerate(NOISE_N.items()):
            if column in said:
                said[column] = said[column] + noise_n * white(seed, 20 + place, bench_s)
        for place, axis in enumerate((*ACCEL, *GYRO)):
            if axis in said:
                noise = ACCEL_NOISE_MS2 if axis in ACCEL else GYRO_NOISE_RADS
                said[axis] = said[axis] + noise * white(seed, 40 + place, bench_s)
        return np.stack([said[names[column]] for column in wanted], axis=1).astype(np.float32)

    def _true(self, t_s: Floats, wanted: set[str]) -> dict[str, Floats]:
        """Return what is, and what a cell's own laziness makes of it."""
        bench_s = self.now_s + t_s
        swing = np.exp(-np.maximum(t_s, 0.0) / SHAKE_S) * np.sin(2.0 * np.pi * SHAKE_HZ * t_s)
        if self.accident == "moved":
            swing = swing + np.exp(-(((t_s - 3.0) / 0.2) ** 2)) * np.sin(2.0 * np.pi * SHAKE_HZ * t_s)
        true: dict[str, Floats] = {}
        for column in FULL_N.keys() & wanted:
            cell, full_n, load_n = self.errors.cells[column], FULL_N[column], self._now_n[column]
            step_n = load_n - self._before_n[column]
            late_n = cell.creep * step_n * np.exp(-np.maximum(t_s, 0.0) / CREEP_S)
            loop_n = cell.loop * full_n * np.sin(np.pi * max(load_n / self._top_n[column], 0.0))
            runs_n = self.runs_n(column, bench_s)
            if self.accident == "drifting":
                runs_n = runs_n + 0.004 * full_n * t_s
            aside_n = cell.aside_n * (1.0 - abs(self.setting.up[2]))
            resting_n = load_n + aside_n - late_n - np.sign(step_n) * loop_n
            true[column] = resting_n + runs_n + 0.1 * load_n * swing
        if wanted & {*ACCEL, *GYRO}:
            up = self.up()
            for place, axis in enumerate(ACCEL):
                true[axis] = self.errors.gravity_ms2 * up[place] + swing
            for axis in GYRO:
                true[axis] = 0.5 * swing
        for name in wanted - true.keys():
            true[name] = self._contact(name, t_s)
        return true

    def _contact(self, name: str, t_s: Floats) -> Floats:
        """Return a contact: a hand comes, goes all the way, and leaves again, place after place."""
        kind, _, number = name.partition("_")
        closed = np.zeros_like(t_s)
        reach = {"touch": (0.1, 1.4), "entry": (0.3, 1.2), "seated": (0.5, 1.0)}[kind]
        for turn, place in enumerate(self.setting.walk):
            if place == int(number):
                since_s = t_s - WALK_S - PLACE_S * turn
                closed += (since_s >= reach[0]) & (since_s < reach[1])
        return closed


class Mistuned:
    """A world whose sensors have hidden errors.

    Parameters
    ----------
    object_kind
        Which object it is.
    world
        The true one.
    errors
        What is hidden.
    """

    def __init__(self, object_kind: str, world: World, errors: Errors) -> None:
        self.object_kind, self.world, self.errors = object_kind, world, errors
        self.truth = world.truth

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the sensors say at these times: float32 (n, columns of the schema)."""
        names = TABLE[self.object_kind]
        wanted = list(range(len(names)) if columns is None else columns)
        axes = [names.index(axis) for axis in ACCEL if axis in names]
        needed = wanted + [axis for axis in axes if set(axes) & set(wanted) and axis not in wanted]
        true = self.world.read(t_s, needed).astype(np.float64)
        said = self.errors.nominal({names[column]: true[:, at] for at, column in enumerate(needed)})
        return np.stack([said[names[column]] for column in wanted], axis=1).astype(np.float32)


def bench_scene(object_kind: str, seed: int) -> Scene:
    """Return an object on a bench, with the hidden errors of a seed.

    Raises
    ------
    InputError
        When there is no such object.
    """
    if object_kind not in TABLE:
        raise InputError(f"There is no object {object_kind!r}. Use one of: {', '.join(TABLE)}.")
    world = BenchWorld(object_kind, Errors.of(object_kind, seed))
    rate_hz = max(facts.rate_hz for name, facts in STREAMS.items() if name.startswith(f"{object_kind}/"))
    return Scene(object_kind, rate_hz, 1e9, {object_kind: world}, {}, {}, {}, {"test": "bench"})


def mistuned(scene: Scene, seed: int) -> Scene:
    """Return a scene whose sensors have the hidden errors of a seed; its tables and truth stay true."""
    worlds: dict[str, World] = {
        kind: Mistuned(kind, world, Errors.of(kind, seed)) for kind, world in scene.worlds.items()
    }
    return replace(scene, worlds=worlds)
