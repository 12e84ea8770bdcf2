"""The whole way, sensor to score, on every engine: `python -m tests.way` plays it and prints one table.

What a virtual board's recording scores is what the world itself scores. The world is read at the times of
the board's samples, so what is left between the two is the way itself (chips, firmware, frames, link, clock,
file) and the noise, which is another one in each microsecond: so the world is read several times, a little
apart, and the board is held against all that the world might have said.

CPython and MicroPython run in real time, with the commands as a person types them: `dexkit sim` for each
board, `dexkit record`, `dexkit score`. The emulated Pico is slower than the wall clock, so its port tells its
own time (`speed=fast`).
"""

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dexkit.link.ports import Plug, add_urls
from dexkit.link.record import record
from dexkit.protocol.tables import TABLE
from dexkit.recording import Recording, Stream, read
from dexkit.score import scoring
from dexkit.sim import make_scene, protocol_sim
from dexkit.sim.engines import node, pico
from dexkit.sim.virtual import START_S

LOAD = {
    "cup": "cup/load",
    "coaster": "coaster/load",
    "button_board": "button_board/panel",
    "pegboard": "pegboard/tray",
}
#: How far a measure may be off, by its unit; docs/world.md says why.
CONTACTS = {"s": 0.0075, "N": 0.1, "s/size": 0.01, "1/s": 0.002}
FORCES = {"s": 0.1, "g": 1.0, "g/s": 3.0, "%": 0.6, "deg": 1.0, "1": 0.15, "Hz": 0.05, "log10(deg/s)": 0.01}
#: An event, which is one end of a duration, may be off by no more than this, whatever durations may.
EVENT_S = 0.05
#: Counts that noise decides may be so many more or less.
ROUGH = {"pour.flow_reversals": 3, "coaster.flow_reversals.1": 3, "coaster.spikes": 1}
#: The world is read so much later, each time with another noise. A millisecond to each side: so far off its
#: stamp may a contact be read, which bounces meanwhile; so little decides whether a sample meets a spike.
DRAWS_S = tuple(88e-6 * draw for draw in range(-12, 13))
#: Contacts may differ in so many samples: a bounce may lie between stamp and reading.
BOUNCES = 0.002
#: The scene begins this long after the recording, about: a host is quick to ask for samples.
BEGINS_S = START_S + 0.02
DEXKIT = (sys.executable, "-m", "dexkit")


@dataclass(frozen=True)
class Play:
    """One person at one object, on one engine."""

    kind: str
    person: str
    seed: int
    length: int
    engine: str = "cpython"

    @property
    def kinds(self):
        """Return the boards that take part: a cup stands on its coaster."""
        return ("cup", "coaster") if self.kind == "cup" else (self.kind,)

    @property
    def tolerances(self):
        """Return how far measures may be off, by their unit."""
        return CONTACTS if self.kind in ("pegboard", "button_board") else FORCES

    def scene(self):
        """Return what happens."""
        return make_scene(self.kind, self.person, self.seed, length=self.length)

    def urls(self):
        """Return ports whose boards run at the speed of this machine."""
        who = f"person={self.person}&seed={self.seed}&length={self.length}&engine={self.engine}"
        return [f"sim:{kind}?{who}&speed=fast" for kind in self.kinds]


@dataclass
class Outcome:
    """How far a board's score is from the world's."""

    events: int = 0
    lost: int = 0
    event_s: float = 0.0
    #: Largest difference of a measure, by its unit; and what it may be.
    apart: dict[str, tuple[float, float]] = field(default_factory=dict)
    #: What is wrong, in words.
    faults: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------ comparing


def begin_s(stream, world, columns):
    """Return when the scene begins in a recording's time: where the world fits a stream best."""
    best_s = BEGINS_S
    for step_s, steps in ((5e-3, 60), (5e-4, 12), (1e-4, 12)):
        tried = best_s + step_s * np.arange(-steps, steps + 1)
        errors = [np.square(world.read(stream.t_s - s, columns) - stream.values).sum() for s in tried]
        best_s = float(tried[np.argmin(errors)])
    return best_s


def direct(recorded, scene, kinds, faults):
    """Yield the recordings that the world itself gives at the times of a board's samples, one for each draw.

    What samples themselves differ in, where it is more than noise and bounces, is added to the faults.
    """
    starts_s = {}
    for kind in kinds:
        world, load = scene.worlds[kind], recorded.streams[LOAD[kind]]
        starts_s[kind] = begin_s(load, world, [TABLE[kind].index(column) for column in load.columns])
        if load.t_s[-1] - starts_s[kind] < scene.duration_s:
            faults.append(f"the {kind} was not recorded to its end; probably this machine is too slow")
    for later_s in DRAWS_S:
        streams = {}
        for name, stream in recorded.streams.items():
            kind = name.split("/")[0]
            if kind in kinds:
                columns = [TABLE[kind].index(column) for column in stream.columns]
                values = scene.worlds[kind].read(stream.t_s - starts_s[kind] + later_s, columns)
                streams[name] = Stream(name, stream.columns, stream.t_s, values, stream.rate_hz)
                if later_s == 0.0:
                    faults += sample_faults(name, np.abs(values - stream.values))
        yield Recording(recorded.object_kind, dict(recorded.meta), streams)


def sample_faults(name, off):
    """Return in words where samples are off by more than noise and bounces."""
    if name.endswith(("contacts", "touch")):
        share = np.mean(off > 0)
        return [f"{name}: {share:.2%} of the samples differ"] if share >= BOUNCES else []
    most = np.median(off, axis=0).max()
    return [f"{name}: samples are off by {most:.3f}"] if most >= 0.05 else []


def kinds_of(score):
    return [event["kind"] for event in score["events"]]


def measurable(score):
    return [[measure[key] for key in ("id", "unit", "reason")] for measure in score["measures"]]


def compare(board, worlds, tolerances):
    """Hold a board's score against the world's draws, all as read from JSON; return the outcome."""
    outcome = Outcome(events=len(board["events"]))
    same = [world for world in worlds if kinds_of(world) == kinds_of(board)]
    if not same:
        outcome.faults.append("other events")
        return outcome
    if len(board["events"]) < 2:
        outcome.faults.append("hardly an event")
    for ours, *true in zip(board["events"], *(world["events"] for world in same), strict=True):
        outcome.event_s = max(outcome.event_s, beyond(ours["t_s"], [event["t_s"] for event in true]))
    if outcome.event_s > min(tolerances["s"], EVENT_S):
        outcome.faults.append(f"an event is {outcome.event_s:.4f} s off")
    same = [world for world in same if measurable(world) == measurable(board)]
    if not same:
        outcome.faults.append("other measures, or not measurable for other reasons")
        return outcome
    compared = 0
    for ours, *true in zip(board["measures"], *(world["measures"] for world in same), strict=True):
        unit, values = ours["unit"], [measure["value"] for measure in true]
        if ours["value"] is None:
            continue
        compared += 1
        apart = beyond(ours["value"], values)
        allowed = ROUGH.get(ours["id"], tolerances.get(unit, 1e-9))
        outcome.apart[unit] = (max(apart, outcome.apart.get(unit, (0.0,))[0]), allowed)
        if apart > allowed:
            low, high = min(values), max(values)
            outcome.faults.append(
                f"{ours['id']}: {ours['value']:.4g} instead of {low:.4g} to {high:.4g} {unit}"
            )
    if compared <= 5:
        outcome.faults.append(f"only {compared} measures could be compared")
    return outcome


def beyond(value, others):
    """Return how far a value lies outside of what the others span."""
    return max(min(others) - value, value - max(others), 0.0)


def judge(play, path, board):
    """Return the outcome of a recording that scored so."""
    recorded, faults = read(path), []
    worlds = [
        json.loads(scoring.as_json(scoring.score(world)))
        for world in direct(recorded, play.scene(), play.kinds, faults)
    ]
    outcome = compare(board, worlds, play.tolerances)
    outcome.faults += faults
    outcome.lost = recorded.losses.samples_lost_by_board
    if outcome.lost:
        outcome.faults.append(f"{outcome.lost} samples are missing")
    return outcome


def lacking(play):
    """Say what this machine lacks to play this, or return an empty string."""
    return {"cpython": "", "micropython": node.missing(), "pico": pico.missing()}[play.engine]


def by_ports(play, folder):
    """Play and record here, at the speed of this machine, and score; return the outcome."""
    add_urls("dexkit.sim")
    random.seed(1)  # a session begins with a random number, whose length moves the scene by microseconds
    scene = play.scene()
    try:
        (done,) = record([Plug(url) for url in play.urls()], folder / "board.mcap", meta=scene.meta)
    finally:
        protocol_sim.switch_off()
    outcome = judge(play, done.path, json.loads(scoring.as_json(scoring.score_file(done.path))))
    if done.restarts or done.seconds <= scene.duration_s:
        outcome.faults.append(f"{done.restarts} restarts, {done.seconds} of {scene.duration_s} s")
    return outcome


# ------------------------------------------------------------------------------------------------- commands


def command(*words):
    """Run a command of dexkit; return its exit code and what it printed."""
    done = subprocess.run([*DEXKIT, *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.strip()


@contextlib.contextmanager
def boards(play, folder):
    """Switch virtual boards on, each by a command of its own; give their ports."""
    with contextlib.ExitStack() as running:
        ports = []
        for kind in play.kinds:
            link = folder / kind
            words = ["--object", kind, "--person", play.person, "--seed", play.seed, "--length", play.length]
            words += ["--engine", play.engine, "--port-link", link]
            board = running.enter_context(
                subprocess.Popen(
                    [*DEXKIT, "sim", *map(str, words)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            running.callback(board.send_signal, signal.SIGINT)
            ports.append((link, board))
        for link, board in ports:
            if str(link) not in board.stdout.readline():
                raise RuntimeError(f"`dexkit sim` ended with {board.wait()}")
        yield [str(link) for link, _ in ports]


def by_commands(play, folder):
    """Play, record and score with commands; return the outcome."""
    out = folder / "board.mcap"
    with contextlib.ExitStack() as running:
        words, ports = [], play.urls()
        if play.engine != "pico":
            ports = running.enter_context(boards(play, folder))
            words = ["--seconds", play.scene().duration_s + START_S + 1.5]
        for port in ports:
            words += ["--port", port]
        code, said, complaint = command("record", "--out", out, "--test", play.scene().meta["test"], *words)
    if code not in (0, 3):
        return Outcome(faults=[complaint])
    scored, told, complaint = command("score", out, "--json")
    if scored:
        return Outcome(faults=[complaint])
    outcome = judge(play, out, json.loads(told))
    if code:
        outcome.faults.append(said.strip())
    return outcome


# ---------------------------------------------------------------------------------------------------- table

PLAYS = [
    Play(kind, person, seed, length, engine)
    for engine in ("cpython", "micropython", "pico")
    for kind, person, seed, length in (
        ("cup", "mild", 5, 1),
        ("coaster", "mild", 2, 1),
        ("button_board", "mild", 2, 2),
        ("pegboard", "moderate", 3, 2),
    )
]


ROW = "{:12} {:11} {:9} {:>6} {:>9} {:>4} {:3}  {}"


def row(play, outcome):
    """Return a line of the table, and one more for each fault."""
    apart = ", ".join(f"{most:.2g}/{allowed:g} {unit}" for unit, (most, allowed) in outcome.apart.items())
    told = [
        ROW.format(
            "cup+coaster" if play.kind == "cup" else play.kind,
            play.engine,
            "its own" if play.engine == "pico" else "real time",
            outcome.events,
            f"{1000 * outcome.event_s:.2f} ms",
            outcome.lost,
            "NO" if outcome.faults else "yes",
            apart,
        )
    ]
    return "\n".join(told + [f"    {fault}" for fault in outcome.faults])


def main(names):
    """Play what is named (objects, engines; nothing: everything) and print the table."""
    wrong = 0
    print(
        ROW.format("object", "engine", "speed", "events", "off by", "lost", "ok", "measures: off by/allowed")
    )
    for play in PLAYS:
        if not {play.kind, play.engine} >= set(names):
            continue
        lacks = lacking(play)
        with tempfile.TemporaryDirectory() as folder:
            outcome = Outcome(faults=[lacks]) if lacks else by_commands(play, Path(folder))
        wrong += bool(outcome.faults)
        print(row(play, outcome), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
