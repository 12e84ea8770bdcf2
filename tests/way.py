"""The whole way, sensor to score, on every engine: `python -m tests.way` plays it and prints one table.

What a virtual board's recording scores is what the world itself scores. The world is read at the times of
the board's samples, so what is left between the two is the way itself (chips, firmware, frames, link, clock,
file) and the noise, which is another one within each microsecond.

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
from dexkit.recording import Recording, Stream, read, write
from dexkit.score.scoring import as_json, score_file
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
#: How often a flow turns, and its highest moment, are mostly noise: one pour gives 78 to 86 g/s when its
#: world is read at other microseconds.
NOISY = {"pour.flow_reversals", "coaster.flow_reversals.1", "coaster.flow_peak_g_s.1", "coaster.spikes"}
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
    """Return the recording that the world itself gives at the times of a board's samples.

    What samples themselves differ in, where it is more than noise and bounces, is added to the faults.
    """
    streams = {}
    for kind in kinds:
        world, load = scene.worlds[kind], recorded.streams[LOAD[kind]]
        start_s = begin_s(load, world, [TABLE[kind].index(column) for column in load.columns])
        if load.t_s[-1] - start_s < scene.duration_s:
            faults.append(f"the {kind} was not recorded to its end; probably this machine is too slow")
        for name, stream in recorded.streams.items():
            if name.startswith(f"{kind}/"):
                columns = [TABLE[kind].index(column) for column in stream.columns]
                values = world.read(stream.t_s - start_s, columns)
                streams[name] = Stream(name, stream.columns, stream.t_s, values, stream.rate_hz)
                off = np.abs(values - stream.values)
                if name.endswith(("contacts", "touch")):
                    if np.mean(off > 0) >= BOUNCES:
                        faults.append(f"{name}: {np.mean(off > 0):.2%} of the samples differ")
                elif np.any(np.median(off, axis=0) >= 0.05):
                    faults.append(f"{name}: samples are off by {np.median(off, axis=0).max():.3f}")
    return Recording(recorded.object_kind, dict(recorded.meta), streams)


def compare(board, world, tolerances):
    """Hold a board's score against the world's, both as read from JSON; return the outcome."""
    outcome = Outcome(events=len(board["events"]))
    if [event["kind"] for event in board["events"]] != [event["kind"] for event in world["events"]]:
        outcome.faults.append("other events")
        return outcome
    if len(board["events"]) < 2:
        outcome.faults.append("hardly an event")
    for ours, true in zip(board["events"], world["events"], strict=True):
        outcome.event_s = max(outcome.event_s, abs(ours["t_s"] - true["t_s"]))
    if outcome.event_s > tolerances["s"]:
        outcome.faults.append(f"an event is {outcome.event_s:.4f} s off")
    same = ("id", "unit", "reason")
    if [[m[key] for key in same] for m in board["measures"]] != [
        [m[key] for key in same] for m in world["measures"]
    ]:
        outcome.faults.append("other measures, or not measurable for other reasons")
        return outcome
    compared = 0
    for ours, true in zip(board["measures"], world["measures"], strict=True):
        unit = true["unit"]
        if true["value"] is None or true["id"] in NOISY:
            continue
        compared += 1
        apart, allowed = abs(ours["value"] - true["value"]), tolerances.get(unit, 1e-9)
        outcome.apart[unit] = (max(apart, outcome.apart.get(unit, (0.0,))[0]), allowed)
        if apart > allowed:
            outcome.faults.append(f"{true['id']}: {ours['value']:.4g} instead of {true['value']:.4g} {unit}")
    if compared <= 5:
        outcome.faults.append(f"only {compared} measures could be compared")
    return outcome


def judge(play, path, board):
    """Return the outcome of a recording that scored so; the world's recording is written beside it."""
    recorded, faults = read(path), []
    beside = path.with_name(f"{path.stem}-world.mcap")
    write(beside, direct(recorded, play.scene(), play.kinds, faults))
    outcome = compare(board, json.loads(as_json(score_file(beside))), play.tolerances)
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
    outcome = judge(play, done.path, json.loads(as_json(score_file(done.path))))
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
