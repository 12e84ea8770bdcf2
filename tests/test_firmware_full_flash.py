"""A flash that is full: what was to be kept is refused in words, the old stays as it was, samples go on."""

import json
from base64 import b64encode

import pytest

from dexkit.bench.application import build
from dexkit.bench.flash import flash
from dexkit.bench.mpremote import Board
from dexkit.errors import LinkError
from dexkit.kit_files import folder
from dexkit.protocol.tables import SCHEMA_HASH
from dexkit.sim.ends import PtyEnd
from dexkit.sim.loader import BLOCK_BYTES, BLOCKS, blocks_taken
from dexkit.sim.virtual import VirtualBoard
from tests.board import Host
from tests.installed import install, sealed
from tests.ram_flash import Flash
from tests.slot_board import Board as RamBoard


def fill(place, leave_blocks=0):
    """Leave no more than some blocks of a virtual board's flash free."""
    filler = place / "filler"
    room = BLOCKS - blocks_taken(place, but=filler) - leave_blocks
    filler.write_bytes(bytes(room * BLOCK_BYTES))


def tree(place):
    """Return every file on a virtual board's flash."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_a_setting_that_cannot_be_kept_is_refused_and_the_board_goes_on():
    with Host("coaster") as host:
        host.wake()
        host.ask("set", "brightness", 7)
        fill(host.board.flash)
        before = tree(host.board.flash)
        for name, value in (("brightness", 200), ("rest_s", 9)):
            reply = host.ask("set", name, value)
            assert not reply["ok"] and "flash is full" in reply["error"]
        assert tree(host.board.flash) == before
        host.ask("guide", 0, "white")
        assert max(host.board.desk.lights[16]) == 7  # as bright as it was set before
        host.ask("start")
        for _ in range(4):
            host.ask("ping", seconds=0.5)
        host.ask("stop")
        blocks = {m.sequence: m for m in host.of("samples", "coaster/load")}
        assert sorted(blocks) == list(range(len(blocks))) and len(blocks) > 35
        assert {m.lost for m in blocks.values()} == {0}
        (host.board.flash / "filler").unlink()
        assert host.ask("set", "rest_s", 5)["value"] == 5
        kept = json.loads((host.board.flash / "settings").read_bytes().split(b"\n")[0])
        assert (kept["brightness"], kept["rest_s"]) == (7, 5)


def test_a_pairing_that_cannot_be_kept_leaves_the_one_before():
    with Host("coaster") as host:
        host.wake()

        def pair(key):
            for part, value in (("key", key), ("ssid", b"clinic"), ("password", b"secret words")):
                host.ask("pair", part, b64encode(value).decode())
            return host.ask("pair", "on", seconds=0.5)

        assert pair(bytes(32))["ok"]
        before = host.ask("pair", "state")["value"]
        fill(host.board.flash)
        files = tree(host.board.flash)
        reply = pair(bytes(range(32)))
        assert not reply["ok"] and "flash is full" in reply["error"]
        assert host.ask("pair", "state")["value"] == before
        assert tree(host.board.flash) == files


# ---- littlefs itself -------------------------------------------------------------------------------------

SETTINGS = (folder("firmware") / "app" / "settings.py").read_bytes()
#: Tries to keep facts in every file that the application writes; tells what became of each.
KEEP = """
import app.settings as settings
told = []
for path in (settings.SETTINGS_FILE, settings.CALIBRATION_FILE, settings.NETWORK_FILE):
    try:
        settings.write(path, {"uid": "ab", "words": WORDS})
        told.append("kept")
    except OSError as error:
        told.append(error.args[0])
"""


@pytest.mark.parametrize("words", ["new", "new" * 700], ids=["short", "longer than a page"])
def test_on_littlefs_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_else(words):
    board = RamBoard(Flash(blocks=24))
    board.format()
    board.files.write("/app/settings.py", SETTINGS)
    board.power_up()
    assert board.run(KEEP.replace("WORDS", "'old'"))["told"] == ["kept"] * 3
    sizes = iter([4000, 500, 60, 10])
    size, number = next(sizes), 0
    while size:
        try:
            board.files.write(f"/filler{number}", bytes(size))
            number += 1
        except OSError:
            size = next(sizes, 0)
    before = board.files.tree()
    told = board.run(KEEP.replace("WORDS", repr(words)))["told"]
    assert set(told) <= {28, 36}  # ENOSPC; ENAMETOOLONG where not even the name has room
    assert board.files.tree() == before
    board.power_up()
    assert board.run("import app.settings as settings\nread = settings.read('/settings', 'ab')")["read"] == {
        "uid": "ab",
        "words": "old",
    }


# ---- Updates ---------------------------------------------------------------------------------------------


def test_a_trial_that_cannot_be_ended_goes_on_and_is_given_up_in_the_end():
    host = Host("coaster")
    place, application = host.board.flash, build(compiled=False)
    install(place, "coaster", {"a": application, "b": application}, {"use": "b", "tries": 2, "good": "a"})
    with host:
        assert host.wake()["trial"] is True
        fill(place)
        assert host.ask("selftest", seconds=2.0)["value"]["plate"]["words"] == "ok"
        said = host.ask("hello", SCHEMA_HASH, seconds=0.2)
        assert said["trial"] is True
        assert host.ask("start")["ok"]
        host.ask("ping", seconds=1.0)
        assert host.of("samples", "coaster/load")[-1].lost == 0
        assert host.board.boots == 1
        assert (place / "slot").read_bytes() == sealed({"use": "b", "tries": 1, "good": "a"})
        host.wait(140.0)  # a trial's two minutes, and what the watchdog waits
        assert host.board.boots == 2
        assert host.ask("hello")["trial"] is False  # the old one


def test_flashing_a_board_that_is_full_is_refused_and_leaves_what_it_had():
    with VirtualBoard("coaster", paced=True, program="") as board, PtyEnd(board) as end:
        install(board.flash, "coaster")
        (board.flash / "settings").write_bytes(b"mine")
        fill(board.flash, leave_blocks=20)
        before = tree(board.flash)
        with pytest.raises(LinkError, match=r"flash of the board is full.*mpremote connect .* rm"):
            flash(end.url)
        assert tree(board.flash) == before
        fill(board.flash)
        (board.flash / "boot.py").write_text("# an older one\n")
        before = tree(board.flash)
        with pytest.raises(LinkError, match="flash of the board is full"):
            flash(end.url)
        assert tree(board.flash) == before
        with Board(end.url) as prompt, pytest.raises(LinkError, match="flash of the board is full"):
            prompt.run("with open('/note', 'w') as file:\n file.write('x' * 5000)")
        with Board(end.url) as prompt, pytest.raises(LinkError, match="flash of the board is full"):
            prompt.run("raise OSError(36, 'ENAMETOOLONG')")  # not even a name has room
