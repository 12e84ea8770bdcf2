"""The short names' tests as a person types them, on virtual boards: `python -m tests.way_of_a_test`.

`dexkit test TEST --person demo` runs from the first instruction to the text for the record, practice and
timed trials, and `dexkit judge` judges each recording again. Times are held against the world that the
boards felt; what stands in the trial, live, against what the recording alone says.

When a flow begins and ends is known only as well as the noise of the cup's load cell allows (some 10 ms rms).
So these two are held against what the segmenter finds in the world itself, too, with other noises.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from dexkit.assess import Trial, load_profile
from dexkit.assess.screens import rulings_in_words, trial_in_words
from dexkit.assess.words import load_words
from dexkit.cli_test import SHORT
from dexkit.demo_tests import demo_boards
from dexkit.protocol.tables import TABLE
from dexkit.segment import segment_cup
from dexkit.sim import make_scene

DEXKIT = (sys.executable, "-m", "dexkit")
HANDS = ("right", "left")
#: The promised error of any time, in milliseconds.
SAME_MS = 20.0
#: Which true event begins a trial, which ends it, and which ends its parts; of each the first or the last.
BEGIN = {"pegboard": "touch", "button_board": "touch", "cup": "lift"}
END = {"pegboard": "return", "button_board": "opened", "cup": "put"}
PARTS = {"placed_s": "seat", "fastened_s": "seated"}
#: Splits that are a boundary of a flow, and how often the world is read to see what noise does to them.
FLOW = ("pour_on_s", "pour_off_s")
NOISES = 24
CUP_HZ = 320.0


@dataclass(frozen=True)
class Done:
    """One finished trial: as it was kept, its recording, and how far its times are from the true ones."""

    trial: Trial
    recording: Path
    off_ms: dict[str, float]
    #: How far the boundaries of its flow lie outside of what other noises make of the same world.
    beyond_noise_ms: dict[str, float]


def dexkit(*words):
    """Run a command as a person types it; return what it printed, or say why it failed."""
    run = subprocess.run(
        [*DEXKIT, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def run_test(test, hand, folder):
    """Run a test with the simulated person; return its note and its trials in their order."""
    note = dexkit("test", test, "--person", "demo", "--hand", hand, "--out", folder)
    found = []
    for path in folder.glob("*.trial.json"):
        trial = Trial.from_json(json.dumps(json.loads(path.read_text())["trial"]))
        recording = path.with_name(path.name.replace(".trial.json", ".mcap"))
        scene = scene_of(trial)
        found.append(Done(trial, recording, off_ms(trial, scene), beyond_noise_ms(trial, scene)))
    profile = load_profile(SHORT[test])
    assert len(found) == profile.fact("practice") + profile.fact("timed")
    return note, sorted(found, key=lambda done: (not done.trial.seat.practice, done.trial.seat.number))


def scene_of(trial):
    """Return the world that a trial was done in."""
    (first, *_) = demo_boards(load_profile(trial.profile), fast=True)(trial.seat)
    parts = urlsplit(first.url)
    said = dict(parse_qsl(parts.query))
    more = {"test": said.get("test", ""), "length": int(said["length"]) if "length" in said else None}
    return make_scene(parts.path, said["person"], int(said["seed"]), **more)


def off_ms(trial, scene):
    """Return how far the times of a trial are from those of its world."""
    kind, truth = trial.object, scene.truth[trial.object]

    def at_s(event, place):
        return float(truth["t_s"][truth["kind"] == event][place])

    begin_s = at_s(END[kind], -1) - scene.facts["total_s"] if kind == "pegboard" else at_s(BEGIN[kind], 0)
    true_s = {"time": at_s(END[kind], -1) - begin_s}
    took_s = {"time": trial.time_s}
    for name, split_s in trial.splits.items():
        true_s[name] = at_s(PARTS.get(name, name.removesuffix("_s")), -1) - begin_s
        took_s[name] = split_s - trial.start_s
    return {name: 1e3 * (took_s[name] - true_s[name]) for name in true_s}


def beyond_noise_ms(trial, scene):
    """Return how far a flow's boundaries lie outside of those found in its world with other noises."""
    splits = {name: at_s - trial.start_s for name, at_s in trial.splits.items() if name in FLOW}
    found = {name: [] for name in splits}
    for noise in range(NOISES if splits else 0):
        t_s = np.arange(0.0, scene.duration_s, 1.0 / CUP_HZ) + 1.3e-4 * noise
        rows = scene.worlds["cup"].read(t_s, list(range(len(TABLE["cup"]))))
        events = segment_cup(rows.astype(np.float32), CUP_HZ)
        lift_s = events["t_s"][events["kind"] == "lift"][0]
        for name, times_s in found.items():
            at_s = events["t_s"][events["kind"] == name.removesuffix("_s")]
            times_s.append(at_s[0 if name == FLOW[0] else -1] - lift_s)
    return {name: 1e3 * max(min(found[name]) - s, s - max(found[name]), 0.0) for name, s in splits.items()}


def too_far(off):
    """Return the times that are further from the true ones than is promised."""
    return {name: ms for name, ms in off.items() if abs(ms) > SAME_MS}


def judged_again(done):
    """Return what `dexkit judge` says of a trial's recording, and what was kept of it, as lines."""
    words, trial = load_words("en"), done.trial
    kept = [trial_in_words(words, trial), *(f"  {ruling}" for ruling in rulings_in_words(words, trial))]
    return dexkit("judge", done.recording).splitlines(), kept


def main():
    """Run each test with each hand and print one line for each; return 1 when one is not right."""
    wrong = 0
    for test, hand in product(SHORT, HANDS):
        with tempfile.TemporaryDirectory() as folder:
            note, trials = run_test(test, hand, Path(folder))
            same = all(again == kept for again, kept in map(judged_again, trials))
        off = [(abs(ms), name) for done in trials for name, ms in done.off_ms.items()]
        largest_ms = max(ms for ms, name in off if "pour" not in name)
        flow_ms = max((ms for ms, name in off if "pour" in name), default=0.0)
        beyond_ms = max((ms for done in trials for ms in done.beyond_noise_ms.values()), default=0.0)
        flow = f", flow {flow_ms:.1f} ms, {beyond_ms:.1f} ms of it not noise" if flow_ms else ""
        right = same and not any(too_far(done.off_ms) for done in trials) and f"Result, {hand} hand" in note
        wrong += not right
        said = "recordings say the same" if same else "RECORDINGS SAY OTHERWISE"
        print(
            f"{test:8}{hand:6} {len(trials)} trials  {len(off):2} times, at most {largest_ms:4.1f} ms off"
            f"{flow}  {said}  {'right' if right else 'WRONG'}",
            flush=True,
        )
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
