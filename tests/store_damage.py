"""Flip bits of a backup, one at a time: `python -m tests.store_damage`. Each is found, what it hit is named.

A case restores the rest and compares it with what was there; most only check, since that is what tells.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dexkit import store
from dexkit.errors import StoreError
from dexkit.store.backup import check
from dexkit.store.bundle import Bundle
from dexkit.store.keyring import Keyring

from .records import PASSPHRASE, fill


class Victim:
    """A backup, what was in it, and which section each byte belongs to."""

    def __init__(self, folder, people=3, trials=4):
        self.folder = folder
        with store.open(folder / "records") as records:
            ids = fill(records, people, trials)
            self.trials = {f"trial {t.number}": t for person in ids for t in records.trials.of(person, 1000)}
            self.path = records.backups.write(folder / "backups", PASSPHRASE).path
        self.data = self.path.read_bytes()
        self.keyring = Keyring.load(folder / "backups" / "keyring.json", PASSPHRASE)
        with self.path.open("rb") as file:
            self.sections = Bundle(self.path, file, self.keyring.key("backup")).sections

    def hit_by(self, at):
        """Return which trials a flip at this byte must name, by the contents' own places."""
        section = next((s for s in self.sections if s.start <= at < s.start + s.size), None)
        if section is None or section.kind not in ("trial", "recording"):
            return set()
        if section.kind == "trial":
            return {section.name}
        return {name for name, trial in self.trials.items() if trial.recording == section.name}

    def flip(self, at, bit):
        """Return the path of a copy with one bit flipped."""
        data = bytearray(self.data)
        data[at] ^= 1 << bit
        path = self.path.with_name("flipped.dexkit-backup")
        path.write_bytes(data)
        return path

    def judge(self, at, bit):
        """Flip a bit, and hold what is said against what was hit; return what it was."""
        found = check(self.flip(at, bit), self.keyring)
        named = set(re.findall(r"trial \d+", " ".join(found.trials_hit)))
        assert not found.whole, "not found"
        assert named == self.hit_by(at), f"named {named}, hit {self.hit_by(at)}"
        return "a trial" if named else "what lies there twice"

    def restores_the_rest(self, at, bit):
        """Restore a flipped copy, and compare all that was not hit."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            done = store.restore(self.flip(at, bit), folder, PASSPHRASE)
            lost = set(re.findall(r"Damaged: (trial \d+)", " ".join(done.check.trials_hit)))
            with store.open(folder, PASSPHRASE) as records:
                kept = {f"trial {t.number}": t for t in records.trials.recent(1000)}
                assert kept == {name: t for name, t in self.trials.items() if name not in lost}
                for name, trial in kept.items():
                    records.trials.outcome(trial.id)
                    if trial.recording and name not in self.hit_by(at):
                        records.recordings.read(trial.recording)
        return "restored"


def sweep(victim, flips, restores, seed, show=lambda n: None):
    """Judge random flips, and restore some; return counts and failures."""
    rng = random.Random(seed)
    counts, failures = Counter(), []
    for number in range(flips):
        at, bit = rng.randrange(len(victim.data)), rng.randrange(8)
        try:
            counts[victim.judge(at, bit)] += 1
            if number < restores:
                counts[victim.restores_the_rest(at, bit)] += 1
        except (AssertionError, StoreError) as error:
            failures.append(f"bit {bit} of byte {at}: {error}")
        show(number)
    return counts, failures


def main():
    """Flip, print the counts, and exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--restores", type=int, default=50, help="of them, how many are restored too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        victim = Victim(Path(folder))
        size = len(victim.data)
        counts, failures = sweep(victim, options.flips, options.restores, options.seed)
    print(f"{options.flips} flipped bits of a backup of {size} bytes, {time.perf_counter() - start:.0f} s")
    for what, count in sorted(counts.items()):
        print(f"  {count:6d}  {what}")
    print(f"  {len(failures):6d}  failures")
    print("\n".join(failures[:20]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
