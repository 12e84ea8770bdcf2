"""The cable is pulled at each step of `dexkit flash`; `make flash-pulls` does it all.

From blank to confirmed, and from an older dexkit to this one, the command is run once for each step of the
host: a piece copied onto the drive, a port opened, something told to the board. At that step the power goes,
before it or right after it; the cable is plugged in again, and the same command is given. Is the board
confirmed then, with its name, and the application whole, byte for byte?
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport
from rich.progress import track

from dexkit.bench import drive as boot_drive
from dexkit.bench import prove
from dexkit.bench.application import Application, build
from dexkit.link.ports import Port
from dexkit.link.session import Session
from dexkit.sim.engines import image, pico
from tests.boot_mode import Socket, command, system, uf2
from tests.installed import install

KIND, NAME = "coaster", "Blue"
#: How long a board that was unplugged is waited for, for its hello and for an answer.
WAIT_S = {"cpython": 20.0, "pico": 150.0}


class Puller:
    """Counts the host's steps, and pulls the cable at one of them, before or after."""

    def __init__(self, socket, at=0, after=False):
        self.socket, self.at, self.after, self.count = socket, at, after, 0

    def around(self, original):
        def step(*arguments, **more):
            self.count += 1
            here = self.count == self.at
            if here and not self.after:
                self.pull()
            done = original(*arguments, **more)
            if here and self.after:
                self.pull()
            return done

        return step

    def pull(self):
        is_drive = self.socket.drive.is_dir()
        self.socket.pull()
        if is_drive:
            raise OSError(5, "Input/output error")

    @contextmanager
    def watching(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boot_drive.os, "fsync", self.around(os.fsync))
            for kind, name in (
                (SerialTransport, "exec_raw_no_follow"),
                (Port, "__init__"),
                (Session, "request"),
            ):
                patch.setattr(kind, name, self.around(getattr(kind, name)))
            yield


class Way:
    """One way that is gone again and again: from what, on which engine, by which command."""

    def __init__(self, name, engine, words, older=None):
        self.name, self.engine, self.words, self.older = name, engine, words, older
        self.wanted = build(compiled=engine != "cpython")
        self.found = Counter()
        self.wrong = []

    def steps(self):
        """Return how many steps the host makes when nobody pulls."""
        return self.go(0, after=False)

    def go(self, at, *, after):
        """Go it, pulled at a step, and again; return the steps of the first time."""
        with tempfile.TemporaryDirectory() as folder:
            socket = Socket(Path(folder), KIND, self.engine)
            if self.older:
                install(socket.flash, KIND, {"a": self.older}, {"use": "a", "tries": 0, "good": "a"})
                socket.has_image = True
            with system(socket), pytest.MonkeyPatch.context() as patch:
                for name in ("HELLO_S", "SELFTEST_S"):
                    patch.setattr(prove, name, WAIT_S[self.engine])
                puller = Puller(socket.plug(), at, after)
                with puller.watching():
                    code, said = quietly(*self.words)
                if at:
                    self._judge(at, after, code, said, socket)
                elif code:
                    raise SystemExit(f"{self.name}: unpulled it ends with {code}: {said}")
        return puller.count

    def _judge(self, at, after, code, said, socket):
        self.found["pulled"] += 1
        self.found[f"ended with {code}"] += 1
        where = f"{self.name}, {'after' if after else 'before'} step {at}"
        if code not in (0, 2) or "Traceback" in said:
            self.wrong.append(f"{where}: ended with {code}: {said}")
        socket.pull()
        socket.plug()
        code, said = quietly(*self.words)
        socket.pull()
        problem = f"ended with {code}: {said}" if code else self._unwell(socket)
        self.found["healed"] += not problem
        if problem:
            self.wrong.append(f"{where}, the next run: {problem}")

    def _unwell(self, socket):
        """Return what is wrong with a board's files, in words."""
        files = files_of(socket)
        state = json.loads(files["slot"].split(b"\n")[0])
        slot = state["use"]
        wanted = {f"{slot}/{name}": data for name, data in self.wanted.files.items()}
        wanted[f"{slot}/manifest.json"] = self.wanted.manifest
        if state != {"use": slot, "tries": 0, "good": slot}:
            return f"not confirmed: {state}"
        if {name: data for name, data in files.items() if name.startswith(f"{slot}/")} != wanted:
            return f"slot {slot} is not the application"
        kit = json.loads(files["kit"].split(b"\n")[0])
        if (kit["object"], kit["name"], files["object"]) != (KIND, NAME, f"{KIND}\n".encode()):
            return f"it was told {kit}"
        return ""


def gone(way, at, after):
    """Go a way pulled at a step, in a process of its own; return what was found, and what is wrong."""
    way.go(at, after=after)
    return way.found, way.wrong


def files_of(socket):
    """Return the files on a board's flash: path to bytes."""
    memory = socket.flash / "flash.bin"
    if memory.is_file():
        return image.get_files(memory.read_bytes(), image.files_at(image.find()))
    paths = [path for path in socket.flash.rglob("*") if path.is_file()]
    return {path.relative_to(socket.flash).as_posix(): path.read_bytes() for path in paths}


def quietly(*words):
    """Run the command; return its exit code, and all that it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command(*words)
    return code, said.getvalue()


def from_blank(folder):
    """Return the way from a blank board, on CPython: any image is a MicroPython there."""
    file = Path(folder) / "some.uf2"
    file.write_bytes(uf2(bytes(100_000)))
    told = ("--object", KIND, "--name", NAME)
    return Way("from blank", "cpython", (*told, "--uf2", file, "--anyway"))


def from_older():
    """Return the way from a dexkit of which each fifth file is another."""
    files = build(compiled=False).files
    old = {
        name: data + b"\n# older\n" if n % 5 == 0 else data for n, (name, data) in enumerate(files.items())
    }
    return Way("from an older dexkit", "cpython", ("--name", NAME), Application(old, version="0.0.9"))


def on_a_pico():
    """Return the way from a blank board, on an emulated Pico with the official image."""
    return Way("from blank", "pico", ("--object", KIND, "--name", NAME))


def main():
    """Run the whole proof; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="pull at every nth step only")
    parser.add_argument("--pico", type=int, default=6, help="the same on an emulated Pico; 0: never")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many pull at once")
    arguments = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for way in (from_blank(folder), from_older()):
            wrong += pulled_all_along(way, arguments.every, arguments.processes)
        if pico.missing():
            print(f"No Pico can be emulated here: {pico.missing()}")
        elif arguments.pico:  # an emulated one takes more than a core
            wrong += pulled_all_along(on_a_pico(), arguments.pico, 1)
    for words in wrong[:20]:
        print(words, file=sys.stderr)
    return 1 if wrong else 0


def pulled_all_along(way, every, processes):
    """Pull at every nth step, before and after it, on a Pico in turn; print a line, return what is wrong."""
    began_s, found, wrong = time.monotonic(), Counter(), []
    steps = range(1, way.steps() + 1, every)
    sides = (lambda _: (False, True)) if way.engine == "cpython" else (lambda n: (n % 2 == 1,))
    name = f"{way.name} ({way.engine})"
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        going = [pool.submit(gone, way, at, after) for n, at in enumerate(steps) for after in sides(n)]
        for done in track(as_completed(going), name, len(going)):
            more, problems = done.result()
            found += more
            wrong += problems
    print(
        f"{name}: {found['pulled']} pulls, {found['healed']} healed by the next run of the same command, "
        f"{len(wrong)} wrong ({time.monotonic() - began_s:.0f} s)",
        flush=True,
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
