"""Ports as they are: pseudo terminals, TCP, recordings that play themselves; found, listed, taken away."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from dexkit.errors import InputError, LinkError, RecordingError
from dexkit.link import ports
from dexkit.link.connection import Connections
from dexkit.link.listing import look
from dexkit.link.news import Attached, Block
from dexkit.link.ports import Plug, Port, plugs, rules_file, where, why_closed
from dexkit.link.record import record
from dexkit.link.session import KIND
from dexkit.protocol.frames import Decoder
from dexkit.protocol.tables import STREAMS
from dexkit.recording import read, write
from dexkit.sim import make_scene
from tests.kit import KINDS, ROWS
from tests.served import Served

BOTH = pytest.mark.parametrize("tcp", [False, True], ids=["pty", "tcp"])
ROOT = Path(__file__).resolve().parent.parent


def collect(links, enough, wait_s=20):
    """Take news until there is enough of them; the wait is bounded by time without any."""
    news = []
    empty = 0
    while not enough(news):
        batch = [item for _, item in links.news(0.1)]
        news += batch
        empty = 0 if batch else empty + 1
        assert empty < wait_s / 0.1, "nothing comes any more"
    return news


def blocks(news):
    return [item for item in news if isinstance(item, Block)]


# ---- Plugged and unplugged -------------------------------------------------------------------------------


@BOTH
def test_a_connection_survives_unplugs_without_losing_a_block(tcp, tmp_path):
    with Served("coaster", tmp_path, tcp=tcp) as board, Connections([Plug(board.url)]) as links:
        with links.all[0].lock:
            links.all[0].session.start()
        news = collect(links, lambda news: len(blocks(news)) >= 5)
        for _ in range(2):
            board.unplug()
            news += collect(links, lambda _: bool(links.all[0].trouble))
            board.plug()
            had = len(blocks(news))
            news += collect(links, lambda more: len(blocks(more)) >= 5)
            assert len(blocks(news)) > had
    assert [block.sequence for block in blocks(news)] == list(range(len(blocks(news))))
    assert [item.again for item in news if isinstance(item, Attached)] == [False, True, True]


def test_a_port_belongs_to_one_host(tmp_path):
    with Served("coaster", tmp_path) as board:
        first = Port(board.url)
        with pytest.raises(LinkError, match="in use by another program"):
            Port(board.url)
        first.close()
        Port(board.url).close()


def test_whoever_has_the_port_is_named(tmp_path):
    holder = "import sys; held = open(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with Served("coaster", tmp_path) as board:
        thief = subprocess.Popen(
            [sys.executable, "-c", holder, os.path.realpath(board.url)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert thief.stdout.readline() == "held\n"
        words = why_closed(board.url, OSError(errno.EBUSY, "busy"))
        thief.communicate(timeout=10)
    assert f"(process {thief.pid}). Close it there." in words


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOENT, "not plugged in"),
        (errno.EACCES, "70-dexkit.rules"),
        (errno.ECONNREFUSED, "Nobody listens"),
    ],
)
def test_why_a_port_does_not_open_is_said_with_the_next_step(number, word):
    words = why_closed("/dev/ttyACM7", OSError(number, "refused"))
    assert "/dev/ttyACM7" in words
    assert word in words


def test_the_udev_rule_comes_with_the_package_and_tells_modemmanager_off():
    rules = rules_file().read_text(encoding="utf-8")
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules
    assert f"{ports.VENDOR:04x}" in rules
    assert int(rules_file().name[:2]) < 73  # where udev grants what uaccess asks for
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "link/*.rules" in project["tool"]["setuptools"]["package-data"]["dexkit"]


# ---- Found and listed ------------------------------------------------------------------------------------


def usb(device, vid, pid, serial_number):
    info = ListPortInfo(device, skip_link_detection=True)
    info.vid, info.pid, info.serial_number = vid, pid, serial_number
    return info


def test_boards_are_found_by_their_plugs_and_followed_to_another_name(monkeypatch):
    there = [
        usb("/dev/ttyACM10", 0x2E8A, 0x0005, "B"),
        usb("/dev/ttyACM2", 0x2E8A, 0x0005, "A"),
        usb("/dev/ttyACM3", 0x2E8A, 0x000C, "probe"),
        usb("/dev/ttyUSB0", 0x0403, 0x6001, "modem"),
        usb("/dev/ttyS0", None, None, None),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: there)
    found = plugs()
    assert found == [Plug("/dev/ttyACM2", "A"), Plug("/dev/ttyACM10", "B")]
    there[:] = [usb("/dev/ttyACM0", 0x2E8A, 0x0005, "A")]
    assert where(found[0]) == "/dev/ttyACM0"
    assert where(found[1]) == "/dev/ttyACM10"
    assert where(Plug("socket://localhost:1")) == "socket://localhost:1"


def test_boards_are_listed_in_words_with_the_remedy(tmp_path):
    names = ("free", "other", "mute")
    for name in names:
        (tmp_path / name).mkdir()
    with (
        Served("cup", tmp_path / "free", uid="cafe") as free,
        Served("pegboard", tmp_path / "other", schema="0" * 64) as other,
        Served("coaster", tmp_path / "mute") as mute,
    ):
        mute.board.give = lambda data, now_us: None
        mute.board.take = lambda now_us: b""
        held = Port(free.url)
        taken = look([Plug(free.url)])
        held.close()
        seen = look([Plug(url) for url in (free.url, other.url, mute.url, "/dev/nowhere")], answer_s=1.0)
    assert [board.state for board in (*taken, *seen)] == ["closed", "free", "refused", "silent", "closed"]
    words = ["\n".join(board.words()) for board in (*taken, *seen)]
    assert "in use by another program" in words[0]
    assert "cup cafe, firmware playback, uncalibrated, free" in words[1]
    assert f"dexkit flash {other.url}" in words[2]
    assert f"dexkit flash {mute.url}" in words[3]
    assert all(len(board.words()) > 1 for board in (*taken, *seen[1:]))
    assert "There is no port /dev/nowhere" in words[4]


# ---- Replay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pegboard", "button_board", "cup"])
def test_a_recording_that_is_played_and_recorded_is_the_same(kind, tmp_path):
    scene = make_scene(kind, "healthy", 3, length=1)
    write(tmp_path / "first.mcap", scene.recording())
    for number, source in enumerate((tmp_path / "first.mcap", tmp_path / "again0.mcap")):
        urls = [f"replay:{source}?speed=fast&object={k}" for k in scene.worlds]
        (done,) = record([Plug(url) for url in urls], tmp_path / f"again{number}.mcap")
        assert done.samples_lost == 0
    first, second = (
        read(tmp_path / "again0.mcap", as_stored=True),
        read(tmp_path / "again1.mcap", as_stored=True),
    )
    original = read(tmp_path / "first.mcap")
    assert second.object_kind == kind
    for name, stream in original.streams.items():
        assert np.array_equal(first.streams[name].values, second.streams[name].values, equal_nan=True), name
        coarse = np.abs(first.streams[name].values - stream.values).max(axis=0)
        assert np.all(coarse <= 0.6 * np.array(STREAMS[name].scales)), name
        spacing = np.diff(second.streams[name].t_s)
        assert np.allclose(spacing, 1.0 / stream.rate_hz, atol=2e-5), name


def test_a_gap_is_played_as_a_gap(tmp_path):
    recording = make_scene("coaster", "healthy", 3, length=1).recording()
    stream = recording.streams["coaster/load"]
    keep = (stream.t_s < 2.02) | (stream.t_s > 2.52)  # within what would be one block
    holed = type(stream)(stream.name, stream.columns, stream.t_s[keep], stream.values[keep], stream.rate_hz)
    write(tmp_path / "holed.mcap", type(recording)("coaster", {}, {stream.name: holed}))
    (done,) = record([Plug(f"replay:{tmp_path / 'holed.mcap'}?speed=fast")], tmp_path / "again.mcap")
    again = read(tmp_path / "again.mcap", as_stored=True)
    t_s = again.streams[stream.name].t_s
    assert len(t_s) == keep.sum()
    (gap,) = np.flatnonzero(np.diff(t_s) > 0.1)
    assert t_s[gap + 1] - t_s[gap] == pytest.approx(161 / 320, abs=1e-4)
    assert done.samples_lost == again.losses.samples_lost_by_board == 160


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nowhere.mcap", "no file"),
        ("weight.mcap", "cannot be played"),
        ("good.mcap?speed=slow", "speed=fast"),
        ("good.mcap?object=cup", "holds no samples of a cup"),
    ],
)
def test_what_cannot_be_played_is_said(name, word, tmp_path):
    good = make_scene("coaster", "healthy", 3, length=1).recording()
    write(tmp_path / "good.mcap", good)
    stream = good.streams["coaster/load"]
    weight = type(stream)("weight", ("weight_g",), stream.t_s, stream.values, None)
    write(tmp_path / "weight.mcap", type(good)("weight", {}, {"weight": weight}))
    with pytest.raises(LinkError, match=word):
        Port(f"replay:{tmp_path / name}")


# ---- Recording live --------------------------------------------------------------------------------------


@BOTH
def test_a_live_recording_holds_every_sample_once_through_an_unplug(tcp, tmp_path):
    with Served("pegboard", tmp_path, tcp=tcp) as board:
        threading.Timer(1.2, board.unplug).start()
        threading.Timer(1.9, board.plug).start()
        (done,) = record([Plug(board.url)], tmp_path / "live.mcap", seconds=3.0, meta={"person": "P1"})
    recording = read(tmp_path / "live.mcap")
    assert not board.board._running  # it was stopped, and emptied of what it kept
    assert not any(stream.ring for stream in board.board._streams.values())
    assert (done.samples_lost, done.restarts) == (0, 0)
    assert recording.meta["person"] == "P1"
    for name in KINDS["pegboard"]:
        stored = read(tmp_path / "live.mcap", as_stored=True).streams[name]
        assert len(stored.t_s) % ROWS[name] == 0
        assert stored.t_s[-1] > 2.8
        assert np.all(np.diff(stored.t_s) < 1.5 / stored.rate_hz), "a gap"
    tray = recording.streams["pegboard/tray"].values[:, 0] / 4.57e-6
    assert np.array_equal(np.rint(tray), np.arange(len(tray)))
    (clock,) = recording.clocks.values()
    assert clock.probes > 8


def test_a_board_that_does_not_come_back_is_named_and_what_it_has_is_missing(tmp_path):
    path = tmp_path / "live-cup.mcap"
    with Served("cup", tmp_path, uid="a1") as cup, Served("coaster", tmp_path, uid="b2") as coaster:
        threading.Timer(1.0, coaster.unplug).start()
        (done,) = record([Plug(cup.url), Plug(coaster.url)], path, seconds=2.5)
    recording = read(path)
    coaster_s = recording.streams["coaster/load"].t_s[-1]
    assert recording.streams["cup/load"].t_s[-1] > 2.3 and coaster_s < 2.0
    assert done.samples_lost == recording.losses.samples_missing
    assert done.samples_lost == pytest.approx((2.5 - coaster_s) * 320, abs=10)
    assert recording.losses.recovered
    (reason,) = recording.losses.reasons
    assert reason in done.words() and "coaster went away" in reason and "did not come back" in reason


def test_a_board_that_starts_anew_in_a_recording_is_a_gap_that_is_counted(tmp_path):
    with Served("coaster", tmp_path) as board:

        def reset():
            with board.lock:
                board.board = type(board.board)(
                    "coaster", {"coaster/load": board.source}, boot=2, now_us=board.now_us
                )

        board.source = board.board._streams["coaster/load"].source
        threading.Timer(1.0, reset).start()
        (done,) = record([Plug(board.url)], tmp_path / "live.mcap", seconds=2.5)
    assert done.restarts == 1
    assert done.samples_lost > 0
    recording = read(tmp_path / "live.mcap")
    assert recording.losses.samples_lost_by_board == done.samples_lost
    t_s = recording.streams["coaster/load"].t_s
    assert t_s[-1] > 2.0
    assert (t_s[-1] - t_s[0]) * 320 == pytest.approx(len(t_s) + done.samples_lost, abs=0.02 * len(t_s))


def test_a_block_that_never_comes_leaves_a_gap_and_not_the_end_of_the_recording(tmp_path, monkeypatch):
    """What waits for it is written when the recording ends, and what is missing is counted."""
    monkeypatch.setattr("dexkit.link.record.DRAIN_S", 0.5)
    never = 12

    def without_it(data):
        frames = [frame + b"\0" for frame in data.split(b"\0")[:-1]]
        kept = []
        for frame in frames:
            blocks = Decoder().push(frame).blocks
            if not any(KIND[int(b["type"])] == "samples" and b["sequence"] == never for b in blocks):
                kept.append(frame)
        return b"".join(kept)

    with Served("coaster", tmp_path) as board:
        take = board.board.take
        board.board.take = lambda now_us: without_it(take(now_us))
        (done,) = record([Plug(board.url)], tmp_path / "live.mcap", seconds=1.5)
    recording = read(tmp_path / "live.mcap")
    numbers = np.rint(recording.streams["coaster/load"].values[:, 0] / 4.57e-6).astype(int)
    rows = ROWS["coaster/load"]
    gone = set(range(never * rows, (never + 1) * rows))
    assert set(range(numbers[0], numbers[-1] + 1)) - set(numbers.tolist()) == gone
    assert numbers[-1] > (never + 8) * rows
    assert done.samples_lost == recording.losses.samples_lost_by_board == rows


def test_cup_and_coaster_are_one_file_and_others_have_their_own(tmp_path):
    with (
        Served("cup", tmp_path, uid="a1") as cup,
        Served("coaster", tmp_path, uid="b2") as coaster,
        Served("pegboard", tmp_path, uid="c3") as pegboard,
    ):
        all_plugs = [Plug(board.url) for board in (coaster, pegboard, cup)]
        files = record(all_plugs, tmp_path / "kit.mcap", seconds=0.5)
    assert [done.path.name for done in files] == ["kit-cup.mcap", "kit-pegboard.mcap"]
    recording = read(tmp_path / "kit-cup.mcap")
    assert recording.object_kind == "cup"
    assert set(recording.streams) >= {"cup/load", "cup/motion", "coaster/load", "clock/cup", "clock/coaster"}
    assert (recording.meta["uid"], recording.meta["coaster_uid"]) == ("a1", "b2")
    assert set(recording.clocks) == {"cup", "coaster"}


def test_nothing_is_written_when_a_board_cannot_be_recorded(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        Served("coaster", tmp_path / "a") as first,
        Served("coaster", tmp_path / "b") as twin,
        Served("cup", tmp_path / "b", schema="0" * 64, uid="x") as old,
    ):
        for urls, word in (
            (["/dev/nowhere"], "There is no port"),
            ([first.url, old.url], "dexkit flash"),
            ([first.url, twin.url], "the same board"),
        ):
            with pytest.raises(LinkError, match=word):
                record([Plug(url) for url in urls], out / "x.mcap", seconds=0.2)
        (out / "there.mcap").write_bytes(b"mine")
        (tmp_path / "c").mkdir()
        with Served("pegboard", tmp_path / "c", uid="y") as pegboard:
            (out / "two-pegboard.mcap").write_bytes(b"mine")
            with pytest.raises(InputError, match="exists already"):
                record([Plug(first.url), Plug(pegboard.url)], out / "two.mcap", seconds=0.2)
            (out / "two-pegboard.mcap").unlink()
        with pytest.raises(InputError, match="exists already"):
            record([Plug(first.url)], out / "there.mcap", seconds=0.2)
        with pytest.raises(RecordingError, match="make that folder first"):
            record([Plug(first.url)], out / "no folder" / "x.mcap", seconds=0.2)
    assert [path.name for path in out.iterdir()] == ["there.mcap"]
    assert (out / "there.mcap").read_bytes() == b"mine"


def test_a_board_that_does_not_start_is_said(tmp_path):
    with Served("coaster", tmp_path) as board:
        do, reply = board.board._do, board.board._reply
        board.board._do = lambda command, now_us: (
            reply(command.number, now_us, error="The plate is missing.")
            if command.word == "start"
            else do(command, now_us)
        )
        with pytest.raises(LinkError, match=r"The coaster does not start\. The plate is missing\."):
            record([Plug(board.url)], tmp_path / "x.mcap", seconds=0.5)


def test_a_full_disk_ends_the_recording_in_words_and_leaves_what_was_written(tmp_path):
    out = tmp_path / "live.mcap"
    with Served("cup", tmp_path) as board:
        run = subprocess.run(
            [sys.executable, "-m", "dexkit", "record", "--out", str(out), "--port", board.url],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (24_000, 24_000)),
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert "Cannot write" in line
    recording = read(out)
    assert recording.losses.recovered
    assert len(recording.streams["cup/load"].t_s) > 200


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_recording_that_is_ended_or_killed_is_readable(signal_name, tmp_path):
    out = tmp_path / "live.mcap"
    with Served("coaster", tmp_path) as board:
        command = [sys.executable, "-m", "dexkit", "record", "--out", str(out), "--port", board.url]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started = threading.Event()
        give = board.board.give
        board.board.give = lambda data, now_us: (b" start" in data and started.set(), give(data, now_us))
        assert started.wait(20)
        board.closing.wait(1.7)  # some seconds of samples
        run.send_signal(getattr(signal, signal_name))
        stdout, stderr = run.communicate(timeout=20)
    recording = read(out)
    seconds = len(recording.streams["coaster/load"].t_s) / 320
    if signal_name != "SIGKILL":
        assert run.returncode == 0, stderr
        assert "nothing is missing" in stdout
        assert not recording.losses.recovered
        assert seconds > 1.4
    else:
        assert recording.losses.recovered
        assert seconds > 0.5


def test_the_lock_is_one_that_other_programs_see(tmp_path):
    with Served("coaster", tmp_path) as board:
        port = Port(board.url)
        with Path(board.url).open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        port.close()
