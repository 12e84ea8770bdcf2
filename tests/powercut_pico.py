"""The power fails during an update of MicroPython's official image; `python -m tests.powercut_pico` does it.

An emulated Pico is updated over a real pseudo terminal, every erase and programming of its flash is noted,
and then each is cut in four ways. From each flash that is left the boot code chooses: is it the old
application or the new one, byte for byte, and is the calibration what it was?
"""

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dexkit.bench import mpremote, prove
from dexkit.bench.application import Application, build, collect, cross_compile
from dexkit.bench.flash import BOOT_FILES, install
from dexkit.link.ports import Plug
from dexkit.sim.ends import PtyEnd
from dexkit.sim.engines import image, pico
from dexkit.sim.virtual import VirtualBoard
from tests.ram_flash import BLOCK, PAGE, Flash, cuts
from tests.slot_board import BOOT, Board

KEPT = {"object": b"coaster\n", "calibration": random.Random(1).randbytes(700)}
PATIENCE_S = 600.0  # an emulated board is many times slower than a real one


def older(new: Application) -> Application:
    """Return an application of an older version, which runs, with other modules of other objects."""
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "schema_table.py"
        text = collect()["app/schema_table.py"].read_text(encoding="utf-8")
        source.write_text(text.replace(f'"{new.version}"', '"0.0.9"'), encoding="utf-8")
        files = {
            **new.files,
            "app/schema_table.mpy": cross_compile(source, "app/schema_table.py", source.parent),
        }
    for name, data in new.files.items():
        if name.startswith(("adafruit_lsm6ds", "adafruit_mpr", "adafruit_mcp", "objects/cup", "objects/peg")):
            files[name] = rng.randbytes(len(data))
    return Application({**files, "app/gone.mpy": rng.randbytes(700)}, version="0.0.9")


def update(old: Application, new: Application) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Update an emulated Pico; return its flash before, and what was written to it: place and content."""
    mpremote.TIMEOUT_S = mpremote.PROMPT_S = prove.HELLO_S = prove.SELFTEST_S = PATIENCE_S
    with tempfile.TemporaryDirectory() as folder:
        flash = Path(folder)
        files = {name: (BOOT / name).read_bytes() for name in BOOT_FILES} | KEPT
        files |= {f"a/{name}": data for name, data in {**old.files, "manifest.json": old.manifest}.items()}
        for name, data in files.items():
            (flash / name).parent.mkdir(parents=True, exist_ok=True)
            (flash / name).write_bytes(data)
        engine = pico.Pico("")
        before = engine.blank(flash)
        (flash / "flash.bin").write_bytes(before)
        done: list[tuple[int, bytes]] = []
        engine.on_flash = lambda at, data: done.append((at, data))
        board = VirtualBoard("coaster", engine="pico", paced=True, program="", flash=flash)
        board._engine = engine
        with board, PtyEnd(board) as end:
            with mpremote.Board(end.url) as prompt:
                print(install(prompt, application=new).words(), flush=True)
                prompt.reset()
            print(prove.prove(Plug(end.url), on_trial=True), flush=True)
    return before, done


def operations(done: list[tuple[int, bytes]], at: int) -> list[tuple[int, bytes | None]]:
    """Return the pages programmed and the blocks erased, in the file system that begins there."""
    found: list[tuple[int, bytes | None]] = []
    for place, data in done:
        if len(data) % BLOCK == 0 and not data.strip(b"\xff"):
            found += [(place - at + offset, None) for offset in range(0, len(data), BLOCK)]
        else:
            found += [(place - at + o, data[o : o + PAGE]) for o in range(0, len(data), PAGE)]
    return found


def chosen(torn: bytes, both: dict[bytes, tuple[str, Application]]) -> str:
    """Return which application a board starts from this flash: old, new, or what is wrong, in words."""
    board = Board(Flash(image=torn))
    board.stay = True  # nothing is run: bytecode is not for CPython
    board.power_up()
    slot = board.run("import slots\nslot = slots.choose()")["slot"]
    if slot is None:
        return "starts nothing"
    tree = board.files.tree()
    which, application = both.get(tree[f"/{slot}/manifest.json"], ("neither", None))
    if application is None:
        return "starts neither the old one nor the new one"
    wanted = {f"/{slot}/{name}": data for name, data in application.files.items()}
    wanted[f"/{slot}/manifest.json"] = application.manifest
    if {name: data for name, data in tree.items() if name.startswith(f"/{slot}/")} != wanted:
        return "starts a mixture"
    if any(tree.get(f"/{name}") != data for name, data in KEPT.items()):
        return "lost its calibration"
    return which


def main() -> int:
    """Run the whole proof; return the exit code."""
    if pico.missing():
        print(f"No Pico can be emulated here: {pico.missing()}")
        return 0
    began_s = time.monotonic()
    new = build()
    old = older(new)
    before, done = update(old, new)
    uf2 = image.find()
    assert uf2 is not None
    at = image.files_at(uf2)
    both = {old.manifest: ("old", old), new.manifest: ("new", new)}
    steps = operations(done, at)
    found = Counter(chosen(torn, both) for _, torn in cuts(before[at:], steps))
    wrong = found.total() - found["old"] - found["new"]
    print(
        f"{uf2.stem}: {len(steps)} pages and blocks, {found.total()} cuts; started old {found['old']}, "
        f"new {found['new']}, wrong {wrong} ({time.monotonic() - began_s:.0f} s)"
    )
    print(dict(found), file=sys.stderr) if wrong else None
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
