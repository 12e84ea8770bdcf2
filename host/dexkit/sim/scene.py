"""A scene: one person at one object, as tables, truth, facts and a recording."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.protocol.tables import SCHEMA_HASH, STREAMS, TABLE
from dexkit.recording.model import Recording, Stream
from dexkit.sim.buttons import BUTTONS, ButtonsWorld
from dexkit.sim.cup import CoasterWorld, CupWorld
from dexkit.sim.cup_tests import act
from dexkit.sim.liquid import HEIGHT_M, RADIUS_M
from dexkit.sim.pegs import HOLES, PegsWorld
from dexkit.sim.person import Fact, Person
from dexkit.sim.script import ScriptedButtons, ScriptedPegs
from dexkit.sim.severity import PRESETS, SEVERITIES

#: One true event: what, where, its first sample and its exact time.
TRUTH_DTYPE = np.dtype([("kind", "U12"), ("channel", np.int32), ("index", np.int64), ("t_s", np.float64)])

#: The tests each object knows, the usual one first.
TESTS: Mapping[str, tuple[str, ...]] = {
    "cup": ("pours", "ftm14", "drink", "hold", "carry"),
    "coaster": ("pours", "ftm14", "drink", "hold", "carry"),
    "button_board": ("buttons",),
    "pegboard": ("nhpt",),
}
#: Pours, buttons or pegs of a scene: when no length is given, and at most.
LENGTHS = {
    "cup": (12, 200),
    "coaster": (12, 200),
    "button_board": (BUTTONS, BUTTONS),
    "pegboard": (HOLES, HOLES),
}


class World(Protocol):
    """An object as a function of time."""

    truth: list[tuple[float, str, int]]

    def read(self, t_s: NDArray[np.float64], columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the sensors say at these times, in any order: float32 (n, columns).

        ``columns`` are numbers of the schema's columns; None: all.
        """
        ...


@dataclass(frozen=True)
class Scene:
    """One person at one object.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster``, ``button_board`` or ``pegboard``.
    rate_hz
        Rate of the tables.
    duration_s
        Length of the scene.
    worlds
        Each object as a function of time; a cup's scene has its coaster too.
    tables
        float32 (n, columns) in the schema's column order.
    truth
        TRUTH_DTYPE, sorted by time: what really happened. ``t_s`` is exact, ``index`` the first sample at or
        after it.
    facts
        True numbers: grams, seconds, hertz, counts.
    meta
        What a recording of this scene says of itself.
    """

    object_kind: str
    rate_hz: float
    duration_s: float
    worlds: Mapping[str, World]
    tables: Mapping[str, NDArray[np.float32]]
    truth: Mapping[str, NDArray[np.void]]
    facts: Mapping[str, Fact]
    meta: Mapping[str, str]

    def recording(self) -> Recording:
        """Return the scene as its sensors would have recorded it, each stream at its native rate."""
        streams = {}
        for name, facts in STREAMS.items():
            kind = name.split("/")[0]
            if kind in self.worlds:
                t_s = np.arange(int(self.duration_s * facts.rate_hz)) / facts.rate_hz
                picked = [TABLE[kind].index(column) for column in facts.columns]
                values = self.worlds[kind].read(t_s, picked)
                streams[name] = Stream(name, facts.columns, t_s, values, facts.rate_hz)
        return Recording(self.object_kind, dict(self.meta), streams)


def true_events(marks: list[tuple[float, str, int]], rate_hz: float) -> NDArray[np.void]:
    """Return what happened (time, kind, channel) as TRUTH_DTYPE."""
    rows = [(kind, channel, int(np.ceil(t_s * rate_hz - 1e-6)), t_s) for t_s, kind, channel in sorted(marks)]
    return np.array(rows, TRUTH_DTYPE)


def make_scene(
    object_kind: str,
    severity: str = "moderate",
    seed: int = 1,
    *,
    rate_hz: float = 200.0,
    length: int | None = None,
    test: str = "",
    hand: str = "right",
    script: Mapping[str, int] | None = None,
) -> Scene:
    """Return a person of this severity at this object.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster`` (the same scene as the cup's, told from the coaster), ``button_board``,
        ``pegboard``.
    severity
        One of SEVERITIES.
    seed
        Which person, and which luck; the same seed gives the same scene.
    rate_hz
        Rate of the tables.
    length
        Pours (default 12), buttons (5) or pegs (9).
    test
        Cup and coaster only: ``pours`` (default), ``ftm14`` (Fahn-Tolosa-Marin item 14: all liquid, once),
        ``drink`` (one drink), ``hold`` (ten seconds in the air) or ``carry``.
    hand
        The hand that does it, for the recording's facts.
    script
        The mistakes that are made, and at which peg, button or lift: see `dexkit.sim.script.MISTAKES`. An
        empty one is a person without mistakes; without one, people make the mistakes of their severity.

    Raises
    ------
    InputError
        When there is no such object, severity, test, length or seed.
    """
    if severity not in PRESETS:
        raise InputError(
            f"There is no severity {severity!r}. Probably it is misspelt. "
            f"Use one of: {', '.join(SEVERITIES)}."
        )
    if object_kind not in TABLE:
        raise InputError(
            f"There is no object {object_kind!r}. Probably it is misspelt. Use one of: {', '.join(TABLE)}."
        )
    test = test or TESTS[object_kind][0]
    if test not in TESTS[object_kind]:
        raise InputError(
            f"There is no test {test!r} with a {object_kind}. Probably it is another object's. "
            f"Use one of: {', '.join(TESTS[object_kind])}."
        )
    usual, most = LENGTHS[object_kind]
    length = usual if length is None else length
    if not 1 <= length <= most or not 0 <= seed < 2**63:
        raise InputError(
            f"A {object_kind} scene cannot have length {length} and seed {seed}. Probably the two are mixed "
            f"up. Use one of: length 1 to {most}, seed 0 or more."
        )
    # Cup and coaster are one scene: the same person, the same luck.
    person = Person.of(PRESETS[severity], seed, "cup" if object_kind == "coaster" else object_kind)
    worlds: dict[str, World]
    if object_kind == "button_board":
        buttons = (
            ButtonsWorld(person, seed, length) if script is None else ScriptedButtons(person, seed, script)
        )
        worlds, duration_s, facts = {object_kind: buttons}, buttons.duration_s, buttons.facts
    elif object_kind == "pegboard":
        pegs = PegsWorld(person, seed, length) if script is None else ScriptedPegs(person, seed, script)
        worlds, duration_s, facts = {object_kind: pegs}, pegs.duration_s, pegs.facts
    else:
        plan, facts = act(person, seed, test, length, script)
        worlds, duration_s = {"coaster": CoasterWorld(plan, seed)}, plan.clock_s
        if object_kind == "cup":
            worlds = {"cup": CupWorld(plan, seed), **worlds}
    facts = {
        "tremor_hz": person.tremor.frequency_hz,
        "tremor_ms2": person.tremor_ms2,
        "tremor_deg": person.tremor_deg,
        **facts,
    }
    t_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    meta = {
        "person": f"simulated-{severity}-{seed}",
        "severity": severity,
        "hand": hand,
        "test": test,
        "firmware": "simulated",
        "schema_hash": SCHEMA_HASH,
        "calibration": "simulated",
        "seed": str(seed),
    }
    if object_kind == "cup":
        meta |= {"cup_radius_mm": f"{1000 * RADIUS_M:g}", "cup_height_mm": f"{1000 * HEIGHT_M:g}"}
    return Scene(
        object_kind,
        rate_hz,
        duration_s,
        worlds,
        {kind: world.read(t_s) for kind, world in worlds.items()},
        {kind: true_events(world.truth, rate_hz) for kind, world in worlds.items()},
        facts,
        meta,
    )
