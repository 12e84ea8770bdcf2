"""Power cuts and full disks: `python -m tests.store_power`. A session with records is watched at every write.

Then, for each moment of it, the disk is put together as a power cut may leave it: what was not synced is
all there, gone, torn, or there in part; a name is only sure once its folder was synced. Each disk is opened,
and all that the session was told is kept must be there. A missing sync is planted in several places, and must
be found.
"""

import argparse
import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dexkit import store
from dexkit.errors import DexkitError
from dexkit.store import PersonFacts, keyring
from dexkit.store.backup import check
from dexkit.store.files import disk

from .records import PASSPHRASE, Clock, facts

SPY = Path(__file__).with_name("spy.c")
SECTOR = 512
#: Disks that are made up need no real one.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
KINDS = ("kept", "dropped", "torn", "in part")
#: Where a sync is left out on purpose; each must be found.
PLANTS = {
    "the database's log": r"dexkit\.db-wal$",
    "a recording": r"records/recordings/.*\.part$",
    "the keyring": r"\.keyring\.json\..*part$",
    "a running recording": r"\.mcap$",
    "the folder of a recording": r"records/recordings/..$",
    "the folder of the records": r"records$",
    "a backup": r"\.dexkit-backup\..*part$",
}


def build(folder):
    """Compile the spy; return the library, or None where this machine cannot."""
    if not sys.platform.startswith("linux") or shutil.which("cc") is None:
        return None
    library = Path(folder) / "spy.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SPY, "-ldl"], check=True)
    return library


def session(world, acks, passphrase=""):
    """Work with records as a day does, and write down what was promised, each time it was."""
    keyring.ARGON2 = {"iterations": 1, "lanes": 1, "memory_cost": 8}
    file = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def told(**promise):
        os.write(file, json.dumps(promise).encode() + b"\n")

    clock = Clock()
    for part in range(2):
        with store.open(world / "records", passphrase, now=clock) as records:
            told(kind="open")
            people = [records.people.add(PersonFacts(f"P-{part}{i}"), f"Name {i}").id for i in range(2)]
            for person in people:
                told(kind="person", person=person)
            for seed in range(10 * part, 10 * part + 3):
                running = None
                if seed % 2:
                    running = records.recordings.start(people[0])
                    with (
                        disk(running.path, "write"),
                        running.path.open("xb") as moves,
                    ):  # as the recorder does
                        moves.write(random.Random(seed).randbytes(3000))
                        moves.flush()
                        os.fsync(moves.fileno())
                        sync(running.path.parent)
                    told(kind="running", trial=running.trial, seed=seed)
                trial = records.trials.add(facts(people[0], seed), running)
                told(kind="trial", trial=trial.id, seed=seed)
            fixed = records.trials.correct(trial.id, facts(people[0], 100 + seed), "a slip")
            told(kind="trial", trial=fixed.id, seed=100 + seed)
            backup = records.backups.write(world / "backups", PASSPHRASE).path
            told(kind="backup", name=backup.name)
            told(kind="erasing", person=people[1])
            records.erase(people[1])
            told(kind="erased", person=people[1])


def sync(folder):
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def judge(world, promises, passphrase=""):
    """Open the records of a world, and hold them against what was promised."""
    with store.open(world / "records", passphrase) as records:
        here = {person.id for person in records.people.search()}
        names = records.people.names()
        erasing = {p["person"] for p in promises if p["kind"] == "erasing"}
        trials = {trial.id: trial for trial in records.trials.recent(1000)}
        left = {running.trial: running for running in records.recordings.left_behind()}
        seeds = set()
        for promise in promises:
            if promise["kind"] == "person" and promise["person"] not in erasing:
                assert promise["person"] in here and promise["person"] in names, "a person is lost"
            elif promise["kind"] == "erased":
                assert promise["person"] not in here | set(records.keyring.people), "an erased person is back"
            elif promise["kind"] == "trial":
                trial = trials[promise["trial"]]
                seeds.add(promise["seed"])
                expected = facts(trial.person, promise["seed"])
                assert (trial.value, records.trials.outcome(trial.id)[0]) == (
                    expected.value,
                    expected.outcome,
                )
            elif promise["kind"] == "running":
                if promise["trial"] in trials:
                    moves = records.recordings.read(trials[promise["trial"]].recording)
                else:
                    assert promise["trial"] in left, "what was recorded is lost"
                    moves = left[promise["trial"]].path.read_bytes()
                assert moves == random.Random(promise["seed"]).randbytes(3000), "what was recorded is damaged"
            elif promise["kind"] == "backup":
                assert check(world / "backups" / promise["name"], records.keyring).whole, (
                    "a backup is damaged"
                )
        assert len(trials) - len(seeds) <= 1, "a trial was invented"
        assert not (findings := records.verify()), findings[0].words


class Disk:
    """What a power cut may leave: synced data and other data, names that are sure and names that are not."""

    def __init__(self):
        self.now, self.sure = {}, {}  # names: path -> number of a file, None for a folder
        self.waiting = []  # what a sync of a folder will make sure: (folder, path, number or "gone")
        self.data, self.synced, self.pending = {}, {}, {}
        self._next = 0

    def play(self, kind, one, two, at, missing=None):
        """Do what was done, one step of it."""
        if one.endswith(" (deleted)"):  # it has no name any more
            return
        if kind == "d":
            self.now[one] = None
            self.waiting.append((parent(one), one, None))
        elif kind == "c":
            number = self._next = self._next + 1
            self.now[one] = number
            self.data[number], self.synced[number], self.pending[number] = bytearray(), b"", []
            self.waiting.append((parent(one), one, number))
        elif kind in "wt":
            number = self.now[one]
            change(self.data[number], kind, at, two)
            self.pending[number].append((kind, at, two))
        elif kind == "u":
            self.now.pop(one, None)
            self.waiting.append((parent(one), one, "gone"))
        elif kind == "r":
            name = two.decode()
            self.now[name] = self.now.pop(one)
            self.waiting.append((parent(one), one, "gone"))
            self.waiting.append((parent(name), name, self.now[name]))
        elif kind == "s" and not (missing and re.search(missing, one)):
            if self.now.get(one) is None:
                for folder, name, number in self.waiting:
                    if folder == one:
                        rename(self.sure, name, number)
                self.waiting = [entry for entry in self.waiting if entry[0] != one]
            else:
                number = self.now[one]
                self.synced[number], self.pending[number] = bytes(self.data[number]), []

    def after_a_cut(self, how, rng):
        """Return names and contents as a power cut may leave them; None where it is the same as dropped."""
        if how == "kept":
            return {name: None if n is None else bytes(self.data[n]) for name, n in self.now.items()}
        names = dict(self.sure)
        keep = {"dropped": 0, "torn": len(self.waiting), "in part": rng.randint(0, len(self.waiting))}[how]
        for _, name, number in self.waiting[:keep]:
            rename(names, name, number)
        return {
            name: None if number is None else self._content(number, how, rng)
            for name, number in names.items()
        }

    def _content(self, number, how, rng):
        data = bytearray(self.synced[number])
        pending = [] if how == "dropped" else self.pending[number]
        for i, (kind, at, some) in enumerate(pending):
            if kind == "t":
                if how == "torn" or rng.random() < 0.5:
                    change(data, kind, at, some)
                continue
            for start in range(0, len(some), SECTOR):
                last = i == len(pending) - 1 and start >= len(some) // 2
                if not last if how == "torn" else rng.random() < 0.5:
                    change(data, kind, at + start, some[start : start + SECTOR])
        return bytes(data)


def parent(name):
    return name.rpartition("/")[0]


def change(data, kind, at, some):
    if kind == "t":
        del data[at:]
        data.extend(bytes(max(at - len(data), 0)))
    else:
        data.extend(bytes(max(at - len(data), 0)))
        data[at : at + len(some)] = some


def rename(names, name, number):
    if number == "gone":
        names.pop(name, None)
    else:
        names[name] = number


def steps(log):
    """Yield what the spy wrote down."""
    data = Path(log).read_bytes()
    at = 0
    while at < len(data):
        kind = chr(data[at])
        length, size, place = struct.unpack_from("<IIQ", data, at + 1)
        at += 17
        one, two = data[at : at + length].decode(), data[at + length : at + length + size]
        at += length + size
        yield kind, one, two, place


def watched(folder, library, passphrase=""):
    """Run the session under the spy; return its steps, with paths in the world made relative."""
    world, log = Path(folder) / "world", Path(folder) / "log"
    world.mkdir()
    words = [sys.executable, "-m", "tests.store_power", "--session", str(world), "--passphrase", passphrase]
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "DEXKIT_SPY_FOLDER": str(world),
        "DEXKIT_SPY_LOG": str(log),
    }
    subprocess.run(words, env=environment, check=True)
    start = len(str(world)) + 1
    made = []
    for kind, one, two, at in steps(log):
        made.append((kind, one[start:], two if kind != "r" else two[start:], at))
    return made


def sweep(made, scratch, *, every=1, chosen=None, missing=None, first=False, passphrase="", seed=1):
    """Cut the power after every so manieth step, in each way; return counts and failures."""
    disk, promises = Disk(), []
    disk.now[""] = disk.sure[""] = None
    counts, failures, seen = Counter(), [], set()
    for number, (kind, one, two, at) in enumerate(made):
        if one == "acks":
            promises += [json.loads(line) for line in two.splitlines()] if kind == "w" else []
            continue
        disk.play(kind, one, two, at, missing)
        if number % every or (chosen is not None and number not in chosen):
            continue
        for how in KINDS:
            names = disk.after_a_cut(how, random.Random(f"{seed} {number} {how}"))
            digest = hashlib.sha256(repr((sorted(names.items()), len(promises))).encode()).digest()
            if digest in seen:
                counts[f"{how}, as one before"] += 1
                continue
            seen.add(digest)
            counts[how] += 1
            world = Path(scratch) / "cut"
            shutil.rmtree(world, ignore_errors=True)
            for name, content in sorted(names.items()):
                if content is None:
                    (world / name).mkdir(parents=True, exist_ok=True)
                elif (world / name).parent.is_dir():
                    (world / name).write_bytes(content)
            try:
                judge(world, promises, passphrase)
            except (AssertionError, DexkitError, KeyError, OSError) as error:
                failures.append(f"{how} after step {number} ({kind} {one}): {type(error).__name__}: {error}")
                if first:
                    return counts, failures
    return counts, failures


def full_disks(folder, every=1, first=1, last=None):
    """In this process, with the spy loaded: run the session on disks that are full from each write on."""
    spy = ctypes.CDLL(None)
    counts, failures = Counter(), []
    number = first
    while last is None or number <= last:
        world = Path(folder) / "world" / str(number)
        acks = Path(folder) / f"acks-{number}"
        world.mkdir(parents=True)
        child = os.fork()
        if child == 0:
            spy.spy_full_from(ctypes.c_long(number))
            try:
                session(world, acks)
                code = 0
            except DexkitError as error:
                code = 1 if "\n" not in str(error) else 3
                (Path(folder) / "said").write_text(str(error))
            except BaseException as error:
                (Path(folder) / "said").write_text(repr(error))
                code = 2
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        promises = [json.loads(line) for line in acks.read_text().splitlines()] if acks.exists() else []
        if code > 1:
            failures.append(f"full from write {number}: {(Path(folder) / 'said').read_text()}")
        try:
            judge(world, promises)
        except (AssertionError, DexkitError, KeyError, OSError) as error:
            failures.append(f"full from write {number}: afterwards {type(error).__name__}: {error}")
        counts["said in one line" if code == 1 else "not noticed"] += 1
        shutil.rmtree(world)
        if code == 0:  # the disk was larger than the session
            break
        number += every
    return counts, failures


def main():
    """Do all of it, print the counts, and exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so many steps")
    parser.add_argument("--session", help="only run the session in this folder")
    parser.add_argument("--full", help="only run on full disks below this folder")
    parser.add_argument("--first", type=int, default=1, help="of the writes that full disks refuse")
    parser.add_argument("--last", type=int)
    parser.add_argument("--passphrase", default="")
    options = parser.parse_args()
    if options.session:
        session(Path(options.session), Path(options.session) / "acks", options.passphrase)
        return 0
    if options.full:
        counts, failures = full_disks(options.full, options.every, options.first, options.last)
        print(json.dumps([counts, failures]))
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        library = build(folder)
        if library is None:
            print("This needs Linux and a C compiler.")
            return 0
        for passphrase in ("", PASSPHRASE):
            start = time.perf_counter()
            place = Path(tempfile.mkdtemp(dir=folder))
            made = watched(place, library, passphrase)
            counts, failures = sweep(made, place, every=options.every, passphrase=passphrase)
            what = "encrypted" if passphrase else "not encrypted"
            print(f"Power cuts, {what}: {len(made)} steps, {time.perf_counter() - start:.0f} s")
            failed += report(counts, failures)
            if not passphrase:
                plain = made
        for name, pattern in PLANTS.items():
            start = time.perf_counter()
            _, found = sweep(plain, place, missing=pattern, first=True)
            failed += not found
            verdict = "found" if found else "NOT FOUND"
            print(f"Planted, no sync of {name}: {verdict}, {time.perf_counter() - start:.0f} s")
            print("\n".join(f"    {line}" for line in found[:1]))
        start = time.perf_counter()
        counts, failures = on_full_disks(folder, library, every=options.every)
        print(f"Full disks, {time.perf_counter() - start:.0f} s")
        failed += report(counts, failures)
    return 1 if failed else 0


def on_full_disks(folder, library, **options):
    """Run `full_disks` in a process with the spy; return counts and failures."""
    place = tempfile.mkdtemp(dir=folder)
    environment = {**os.environ, "LD_PRELOAD": str(library), "DEXKIT_SPY_FOLDER": f"{place}/world"}
    words = [sys.executable, "-m", "tests.store_power", "--full", place]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def report(counts, failures):
    for what, count in sorted(counts.items()):
        print(f"  {count:6d}  {what}")
    print(f"  {len(failures):6d}  failures")
    print("\n".join(failures[:20]), flush=True)
    return len(failures)


if __name__ == "__main__":
    sys.exit(main())
