"""Kill a process that runs trials, at random moments: `python -m tests.store_kills`.

A child keeps trials one after the other, each with a recording that the real recorder writes. Through a pipe
it says what it was promised, and when each sample was handed over. It is killed; then the records are opened,
by a child that may be killed too, and at last for good: every trial that was promised is there, and of the
running one at most the last second is missing.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from dexkit import store
from dexkit.recording import StreamPlan, Writer, read
from dexkit.store import PersonFacts

from .records import facts

RATE_HZ = 100.0
TICK_S = 0.05
#: So much of a running trial may a kill cost.
LONGEST_S = 1.0


def trials_for_ever(folder, pipe):
    """Keep trials until the end comes from outside."""

    def told(**promise):
        os.write(pipe, json.dumps(promise).encode() + b"\n")

    with store.open(folder) as records:
        person = records.people.search()[0].id
        seed = int(time.monotonic_ns() % 1_000_000_007)
        while True:
            seed += 1
            running = records.recordings.start(person)
            plan = StreamPlan("pegboard/tray", ("tray_n",), RATE_HZ)
            with Writer(running.path, "pegboard", {"person": person}, [plan]) as writer:
                begun_s, sent = time.monotonic(), 0
                while time.monotonic() - begun_s < random.Random(seed).uniform(0.2, 3.0):
                    n = int(TICK_S * RATE_HZ)
                    t_s = np.arange(sent, sent + n) / RATE_HZ
                    writer.append(plan.name, t_s, np.full(n, 1.0, np.float32))
                    sent += n
                    told(kind="samples", trial=running.trial, sent=sent, at_s=time.monotonic())
                    time.sleep(TICK_S)  # a person moves meanwhile
            trial = records.trials.add(facts(person, seed), running)
            told(kind="trial", trial=trial.id, seed=seed)


def recover(folder, pipe):
    """Open the records and keep what was left behind."""
    with store.open(folder) as records:
        os.write(pipe, b'{"kind": "opened"}\n')
        for left in records.recordings.left_behind():
            trial = records.trials.add(facts(left.person, completed=False, verdict="ask"), left)
            os.write(pipe, json.dumps({"kind": "trial", "trial": trial.id, "seed": 0}).encode() + b"\n")


def killed(work, folder, after_s):
    """Fork a child that works, kill it after so long; return what it said, and the time of its end."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            work(folder, into)
        finally:
            os._exit(0)
    os.close(into)
    said = b""
    os.set_blocking(out, False)
    begun_s = time.monotonic()
    started_s = None
    while True:
        try:
            some = os.read(out, 1 << 16)
            if some:
                said += some
                started_s = started_s or time.monotonic()
            elif some == b"":
                break
        except BlockingIOError:
            pass
        since_s = started_s if work is trials_for_ever else begun_s
        if since_s is not None and time.monotonic() - since_s >= after_s:
            break
        time.sleep(0.002)
    end_s = time.monotonic()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(out, True)
    with os.fdopen(out, "rb") as rest:
        said += rest.read()
    lines = said.split(b"\n")[:-1]
    return [json.loads(line) for line in lines], end_s


def judge(folder, promises, last, end_s):
    """Hold the records against what was promised; return the seconds missing of the running trial."""
    with store.open(folder) as records:
        trials = {trial.id: trial for trial in records.trials.recent(100_000)}
        for promise in promises:
            trial = trials[promise["trial"]]
            if promise["seed"]:
                assert records.trials.outcome(trial.id)[0] == facts(trial.person, promise["seed"]).outcome
        assert not (findings := records.verify()), findings[0].words
        left = {running.trial: running for running in records.recordings.left_behind()}
        if last is None:
            return 0.0
        if last["trial"] in trials:
            stream = records.recordings.recording(trials[last["trial"]].recording).streams["pegboard/tray"]
        elif last["trial"] in left:
            stream = read(left[last["trial"]].path).streams["pegboard/tray"]
        else:
            raise AssertionError("the running trial is gone")
        kept = len(stream.t_s)
    sent_at_s = [p["at_s"] for p in last["history"] if p["sent"] > kept]
    return end_s - min(sent_at_s) if sent_at_s else 0.0


def sweep(folder, kills, recoveries, seed, show=lambda n: None):
    """Kill so often; return counts, the longest loss in seconds, and failures."""
    rng = random.Random(seed)
    with store.open(folder) as records:
        records.people.add(PersonFacts("P-1"))
    counts, failures, promises, worst_s = Counter(), [], [], 0.0
    for number in range(kills):
        said, end_s = killed(trials_for_ever, folder, rng.uniform(0, 4))
        promises += [promise for promise in said if promise["kind"] == "trial"]
        samples = [promise for promise in said if promise["kind"] == "samples"]
        last = None
        if samples:
            history = [p for p in samples if p["trial"] == samples[-1]["trial"]]
            last = {"trial": samples[-1]["trial"], "history": history}
        counts["killed"] += 1
        if number < recoveries:
            said, _ = killed(recover, folder, rng.uniform(0, 0.3))
            promises += [promise for promise in said if promise["kind"] == "trial"]
            counts["killed during recovery"] += 1
        try:
            lost_s = judge(folder, promises[-50:], last, end_s)
            worst_s = max(worst_s, lost_s)
        except Exception as error:
            failures.append(f"kill {number}: {type(error).__name__}: {error}")
        with store.open(folder) as records:
            for left in records.recordings.left_behind():
                records.recordings.discard(left, "no_trial")
        show(number)
    try:
        judge(folder, promises, None, 0.0)
    except Exception as error:
        failures.append(f"at the end: {type(error).__name__}: {error}")
    counts["trials promised"] = len(promises)
    return counts, worst_s, failures


def main():
    """Kill, print the counts, and exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--recoveries", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        counts, worst_s, failures = sweep(
            Path(folder) / "records", options.kills, options.recoveries, options.seed
        )
    print(f"{time.perf_counter() - start:.0f} s")
    for what, count in counts.items():
        print(f"  {count:6d}  {what}")
    print(f"  {worst_s:6.2f}  s of a running trial were lost at most")
    print(f"  {len(failures):6d}  failures")
    print("\n".join(failures[:20]))
    return 1 if failures or worst_s > LONGEST_S else 0


if __name__ == "__main__":
    sys.exit(main())
