"""The power fails during updates, at every step and in four ways; `python -m tests.powercut` does it all.

The update is the host's own code, with a board of CPython whose flash is littlefs in RAM. From each flash
that a cut leaves behind the board is started: does it start an application, is that the old or the new one,
whole, is the calibration what it was? Where starting writes to the flash itself, the power fails there again.
"""

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from dexkit.bench.application import Application, build
from dexkit.bench.flash import install
from dexkit.bench.mpremote import CHUNK_BYTES
from dexkit.bench.mpremote import Board as AtPrompt
from tests.ram_flash import CUTS, Flash, cuts
from tests.slot_board import Board

CALIBRATION = random.Random(1).randbytes(700)
SETTINGS = b'{"uid": "3132333435363738", "rest_s": 30}\n89abcdef\n'
KEPT = {"/calibration": CALIBRATION, "/settings": SETTINGS, "/object": b"cup\n"}
MAIN = "import slots\n\ndef run():\n    slots.feed()\n    print({!r})\n"


class Direct(AtPrompt):
    """A board that is spoken to without a line: mpremote's part is done by hand, as mpremote does it."""

    def __init__(self, board: Board) -> None:
        super().__init__("RAM")
        self.board = board

    def run(self, code):
        before = len(self.board.prints)
        self.board.run(code)
        return "\n".join(self.board.prints[before:]).strip()

    def write(self, path, data):
        with self.board.files.open(path, "wb") as file:
            for at in range(0, len(data), CHUNK_BYTES):
                file.write(data[at : at + CHUNK_BYTES])


def versions(count: int, files: dict[str, bytes]) -> list[Application]:
    """Return applications that follow each other: each changes a third of the files, drops one, adds one."""
    rng = random.Random(2)
    found = []
    for number in range(count):
        names = sorted(name for name in files if not name.startswith("app/main."))
        for name in rng.sample(names, max(1, len(names) // 3)):
            files = {**files, name: rng.randbytes(rng.choice([10, len(files[name]), len(files[name]) + 300]))}
        files = {name: data for name, data in files.items() if name != rng.choice(names)}
        files |= {
            f"app/new_{number}.mpy": rng.randbytes(500),
            "app/main.py": MAIN.format(f"{number}").encode(),
        }
        found.append(Application(files, version=str(number)))
    return found


def board_with(application: Application) -> Board:
    """Return a board on which an application has proved itself, with calibration and settings."""
    board = Board(Flash(blocks=212))  # a Pico W's, which has less room than a Pico's
    board.format()
    for path, data in KEPT.items():
        board.files.write(path, data)
    update(board, application)
    return board


def update(board: Board, application: Application) -> None:
    """Put an application on a board and have it kept, as `dexkit flash` does."""
    board.power_up()
    install(Direct(board), application=application)
    board.power_up()
    board.run("import slots\nslots.confirm()")


@dataclass
class Found:
    """What the cuts have shown."""

    operations: int = 0
    cuts: int = 0
    second_cuts: int = 0
    repaired: int = 0
    started: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"{self.operations} writes and erases, {self.cuts} cuts ({len(CUTS)} kinds), "
            f"{self.second_cuts} second cuts while starting; started old {self.started['old']}, "
            f"new {self.started['new']}, wrong {len(self.wrong)}; {self.repaired} updated afterwards"
        )


def cut_update(
    board: Board, old: Application, new: Application, found: Found, repair_each: int = 200
) -> None:
    """Update a board, with the power failing at each step of it; the board is updated at the end."""
    image = bytes(board.flash.buffer)
    board.flash.done.clear()
    update(board, new)
    done = list(board.flash.done)
    found.operations += len(done)
    both = {old.manifest: ("old", old), new.manifest: ("new", new)}
    for what, torn in cuts(image, done):
        found.cuts += 1
        after = Board(Flash(image=torn))
        problem = started(after, both, found)
        for again, torn_again in cuts(torn, list(after.flash.done)) if not problem else ():
            found.second_cuts += 1
            problem = problem or started(Board(Flash(image=torn_again)), both, found)
            what = f"{what}, then {again}" if problem else what
        if not problem and found.cuts % repair_each == 0:
            update(after, new)
            after.power_up()
            if after.prints[-1:] == [new.version]:
                found.repaired += 1
            else:
                problem = "cannot be updated any more"
        if problem:
            found.wrong.append(f"{what}: {problem}")


def started(board: Board, both: dict[bytes, tuple[str, Application]], found: Found) -> str:
    """Start a board after a cut; return what is wrong with it, in words.

    That a slot is whole is what the boot code says; each tenth time its files are compared byte for byte.
    """
    ended = board.power_up()
    slot = board.starts[-1]
    if ended != "prompt" or slot is None:
        return f"does not start: {ended}, {board.prints}"
    with board.files.open(f"/{slot}/manifest.json", "rb") as file:
        which, application = both.get(file.read(), ("neither", None))
    if application is None or board.prints != [application.version]:
        return f"started what is neither old nor new: {board.prints}"
    found.started[which] += 1
    if found.started.total() % 10 == 0:
        wanted = {**application.files, "manifest.json": application.manifest}
        if board.files.tree(f"/{slot}") != {f"/{slot}/{name}": data for name, data in wanted.items()}:
            return f"started a mixture in {slot}"
    for path, data in KEPT.items():
        with board.files.open(path, "rb") as file:
            if file.read() != data:
                return f"{path} has changed"
    return ""


def refused(board: Board, application: Application, bits: int) -> tuple[int, int]:
    """Change each byte of the manifest and one bit of each file on a board; count changes and refusals."""
    slot = board.starts[-1]
    rng = random.Random(3)
    files = {**application.files, "manifest.json": application.manifest}
    places = [("manifest.json", at, 1 << rng.randrange(8)) for at in range(len(application.manifest))]
    for name, data in application.files.items():
        places += [
            (name, rng.randrange(len(data)), 1 << rng.randrange(8)) for _ in range(bits if data else 0)
        ]
    count = 0
    for name, at, mask in places:
        data = bytearray(files[name])
        data[at] ^= mask
        board.files.write(f"/{slot}/{name}", bytes(data))
        count += not board.run(f"import slots\nwhole = slots.is_whole({slot!r})")["whole"]
        board.files.write(f"/{slot}/{name}", files[name])
    return len(places), count


def main() -> int:
    """Run the whole proof; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=6)
    arguments = parser.parse_args()
    began_s = time.monotonic()
    found = Found()
    first, *rest = versions(arguments.updates + 1, build().files)
    board = board_with(first)
    for old, new in pairwise([first, *rest]):
        cut_update(board, old, new, found)
        print(found.line(), f"({time.monotonic() - began_s:.0f} s)", flush=True)
    changes, refusals = refused(board, rest[-1], bits=4)
    print(f"{changes} bytes of the manifest and bits of files changed, {refusals} refused")
    for words in found.wrong[:20]:
        print(words, file=sys.stderr)
    return 1 if found.wrong or refusals != changes else 0


if __name__ == "__main__":
    sys.exit(main())
