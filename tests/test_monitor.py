"""The monitor: traces are true, each board is shown at any size, events and troubles are told, keys work."""

import asyncio
import os
import pty
import queue
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.bench.monitor.braille import curve, limits
from dexkit.bench.monitor.draw import as_text, difference, draw
from dexkit.bench.monitor.history import BIN_S, BINS, History
from dexkit.bench.monitor.model import Monitor
from dexkit.bench.monitor.panel import fit
from dexkit.bench.monitor.screen import MonitorApp
from dexkit.link.connection import Connection, Connections
from dexkit.link.news import Attached, Gap, Heartbeat, Hello, Log, Refused, Reply, Silent
from dexkit.link.ports import Plug, add_urls
from dexkit.protocol.tables import SCHEMA_HASH, STREAMS
from dexkit.recording import write
from dexkit.recording.calibration import Axes, Calibration, keep
from dexkit.score.take import take_of
from dexkit.sim import make_scene
from dexkit.sim.protocol_sim import board_of, switch_off
from tests.kit import KINDS
from tests.served import Served

add_urls("dexkit.sim")


@pytest.fixture(autouse=True)
def boards_go_off():
    yield
    switch_off()


def until(monitor, end_s):
    """Let boards with a time of their own go on."""
    while monitor.advance() < end_s and not all(board.ended for board in monitor.shown.boards):
        pass


def text_of(monitor, width=80, height=24):
    return as_text(draw(monitor.shown, width, height))


# ---- Traces ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from([1, 2, 3, 7]), st.floats(-3.0, 100.0), st.sampled_from([0, 2, 300])
)
def test_a_trace_spans_what_was_measured(seed, bins_a_dot, begin_s, ahead):
    rng = np.random.default_rng(seed)
    steps = rng.exponential(0.004, 3000) * (1 + 1000 * (rng.random(3000) < 0.001))
    t_s = begin_s + np.cumsum(steps)
    values = rng.normal(size=(3000, 2)).astype(np.float32)
    values[rng.random(3000) < 0.1, 0] = np.nan
    history, at = History(2), 0
    while at < len(t_s):
        size = int(rng.integers(1, 40))
        history.add(t_s[at : at + size], values[at : at + size])
        at += size
    dots = BINS // bins_a_dot // 2
    last = int(np.floor(t_s[-1] / BIN_S))
    assert history.last_bin == last
    known, last = np.floor(t_s / BIN_S) > last - BINS, last + ahead  # other streams may have come further
    low, high = (of_column[0] for of_column in history.bounds(last, dots, bins_a_dot))
    of_dot = np.floor(np.floor(t_s / BIN_S) / bins_a_dot)
    for dot in range(dots):
        mine = values[known & (of_dot == (last + 1) // bins_a_dot - dots + dot), 0]
        mine = mine[np.isfinite(mine)]
        if len(mine):
            assert (low[dot], high[dot]) == (mine.min(), mine.max())
        else:
            assert np.isnan(low[dot]) and np.isnan(high[dot])


def dots_of(lines):
    """Return which dots of braille text are set, bool (height, width), the lowest first."""
    bits = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    rows = [
        [bool(ord(cell) - 0x2800 & bits[y][x]) for cell in line for x in range(2)]
        for line in lines
        for y in range(4)
    ]
    return np.array(rows[::-1])


def test_a_curve_is_drawn_where_its_values_are():
    low = np.array([0, 1, 2, 3, 4, 5, 6, 7, np.nan, 0, 7, 7], np.float32)
    high = np.array([0, 1, 2, 3, 4, 5, 6, 7, np.nan, 2, 7, 7], np.float32)
    drawn = dots_of(curve(low, high, 0.0, 7.0, 2))
    assert drawn.shape == (8, 12)
    for column in range(8):
        assert np.flatnonzero(drawn[:, column]).tolist() == [column]
    assert not drawn[:, 8].any()
    assert np.flatnonzero(drawn[:, 9]).tolist() == [0, 1, 2]
    assert np.flatnonzero(drawn[:, 10]).tolist() == [3, 4, 5, 6, 7]  # a jump is a line
    assert np.flatnonzero(drawn[:, 11]).tolist() == [7]


@given(
    st.floats(-1e4, 1e4, allow_subnormal=False),
    st.floats(0, 1e4, allow_subnormal=False),
    st.sampled_from([0.2, 0.5, 1.0]),
)
def test_limits_hold_the_values_and_are_not_too_near(low, span, least):
    bottom, top = limits(low, low + span, least)
    assert bottom <= low and top >= low + span
    assert top - bottom >= least * 0.999
    assert top - bottom <= 2.5 * max(span, least)


# ---- What is shown ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kit():
    """Return what is shown of four virtual boards in the middle of their work."""
    urls = [f"sim:{kind}?person=moderate&seed=3&speed=fast" for kind in KINDS]
    with Connections([Plug(url) for url in urls]) as links:
        monitor = Monitor(links)
        until(monitor, 9.0)
        return monitor


def test_a_small_screen_shows_one_board_and_a_line_of_each_other(kit):
    lines = text_of(kit).splitlines()
    (panel,) = [line for line in lines if "sim:" in line]
    assert panel.startswith("▶ 1 Cup") and "streaming" in panel
    for place, name in ((2, "Coaster"), (3, "Button board"), (4, "Pegboard")):
        (line,) = [line for line in lines if line.startswith(f" {place} {name}")]
        assert "streaming" in line and "nothing lost" in line
    text = "\n".join(lines)
    for label in ("foot", "inner", "accel x", "accel y", "accel z", "gyro x", "gyro y", "gyro z"):
        assert f"\n  {label} " in text
    assert "nominal, uncalibrated" in text
    assert "load 320." in text and "of 320" in text and "motion 208." in text
    assert "ppm" in text and "busy" in text and "kB" in text
    assert "events" in text


def test_a_large_screen_shows_every_board(kit):
    text = text_of(kit, 200, 56)
    for place, name in enumerate(("Cup", "Coaster", "Button board", "Pegboard"), 1):
        assert f" {place} {name}  sim:" in text
    assert "1●  2●  3◐  4○" in text.replace("3○", "3◐")  # the third peg is about to go in
    assert "hole 9" in text and "button 5" in text  # with room, each place has its own trace
    assert "hole 2 seated" in text


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 260), st.integers(1, 90), st.integers(0, 3))
def test_every_size_is_filled_exactly(kit, width, height, chosen):
    kit.choose(chosen)
    rows = draw(kit.shown, width, height)
    kit.choose(0)
    assert len(rows) == height
    assert {sum(len(text) for text, _ in row) for row in rows} == {width}


def test_a_number_is_what_the_world_weighs(kit):
    stream = kit.shown.boards[2].streams["button_board/panel"]
    assert stream.measured_hz == pytest.approx(320, rel=0.06)
    cup = kit.shown.boards[0].streams["cup/motion"]
    size_ms2 = np.linalg.norm(cup.means[:3])
    assert size_ms2 == pytest.approx(9.81, abs=1.0)  # gravity, whichever way it is turned


def test_the_log_tells_the_events_of_the_whole_test(tmp_path):
    scene = make_scene("pegboard", "healthy", 3)
    path = tmp_path / "pegs.mcap"
    write(path, scene.recording())
    with Connections([Plug(f"replay:{path}?speed=fast")]) as links:
        monitor = Monitor(links)
        until(monitor, scene.duration_s + 20.0)
        assert monitor.shown.boards[0].ended
        words = [line.words for line in monitor.shown.log]
    for hole in range(1, 10):
        assert words.count(f"hole {hole} seated") == words.count(f"hole {hole} taken out") == 1
    assert words.count("peg taken") == words.count("peg back") == 9
    assert "is there" in words[0]


def cells(row):
    return [(letter, style) for text, style in row for letter in text]


spans = st.lists(
    st.tuples(st.sampled_from(["", "a", "ab", "abc", "b"]), st.sampled_from(["", "bad"])), max_size=6
)


@given(spans, spans)
def test_what_is_not_sent_again_is_the_same(old, new):
    width = max(len(cells(old)), len(cells(new)))
    old, new = fit(old, width), fit(new, width)
    first, end = difference(old, new)
    assert 0 <= first <= end <= width
    assert cells(old)[:first] == cells(new)[:first]
    assert cells(old)[end:] == cells(new)[end:]


def test_the_end_of_a_replay_is_told_although_a_stream_ended_before(tmp_path):
    recording = make_scene("pegboard", "healthy", 3).recording()
    seat = next(event for event in take_of(recording, "pegboard").events if event["kind"] == "seat")
    streams = {}
    for name, stream in recording.streams.items():
        end_s = seat["t_known_s"] + (0.2 if name == "pegboard/contacts" else -1.0)
        end = int(np.searchsorted(stream.t_s, end_s))
        streams[name] = replace(stream, t_s=stream.t_s[:end], values=stream.values[:end])
    write(tmp_path / "cut.mcap", replace(recording, streams=streams))
    with Connections([Plug(f"replay:{tmp_path / 'cut.mcap'}?speed=fast")]) as links:
        monitor = Monitor(links)
        until(monitor, seat["t_s"] + 20.0)
        words = [line.words for line in monitor.shown.log]
    assert words.count(f"hole {seat['channel'] + 1} seated") == 1


# ---- Troubles --------------------------------------------------------------------------------------------


def hello(kind="coaster", calibration=None, sensors=None, boot=1):
    said = {"sensors": sensors or {}, "state": "stopped"}
    streams = {name: STREAMS[name].rate_hz for name in KINDS[kind]}
    return Hello(kind, "ab" * 8, "1.2.3", SCHEMA_HASH, boot, streams, calibration, said)


class Told:
    """Connections whose news a test makes."""

    def __init__(self, *urls):
        self.all = [Connection(Plug(url)) for url in urls]
        self.coming = queue.SimpleQueue()

    def news(self, wait_s):
        while not self.coming.empty():
            yield self.all[0], self.coming.get()

    def tell(self, *news):
        for item in news:
            self.coming.put(item)


def test_what_goes_wrong_is_told_in_words():
    links = Told("/dev/ttyACM7")
    monitor = Monitor(links)
    links.tell(
        Attached(hello(sensors={"load": "does not answer"}), again=False),
        Heartbeat(1, {"resent_blocks": 5, "free_bytes": 9000, "busy_permille": 950}),
        Heartbeat(2, {"resent_blocks": 8, "free_bytes": 9000, "busy_permille": 950}),
        Gap("coaster/load", 4, "the ring was full"),
        Silent(3.0),
        Reply(7, "identify", False, "No light is there.", None),
        Log("watchdog"),
    )
    links.all[0].session.counts.gaps = 1
    links.all[0].session.counts.bad = 2
    monitor.advance()
    text = text_of(monitor, 100, 40)
    assert text.count("load: does not answer") == 2  # beside the board and in the log
    assert "1 gap, 2 damaged frames, 3 blocks resent" in text
    assert "busy 95 %" in text and "free 9 kB" in text
    for words in ("4 blocks of coaster/load will not come: the ring was full", "has said nothing for 3 s"):
        assert words in text
    assert "identify: No light is there." in text and "says: watchdog" in text
    assert (
        "load         none" in " ".join(text.split(" ")) or "none" in text
    )  # nothing is measured, so no number


def test_a_refused_board_says_why_and_the_next_step():
    links = Told("/dev/ttyACM7")
    monitor = Monitor(links)
    links.tell(
        Refused(hello(), "It speaks another version. Put this dexkit's firmware on it: dexkit flash X")
    )
    monitor.advance()
    text = text_of(monitor)
    assert "refused" in text and "1 of 1 boards cannot be used" in text
    assert text.count("dexkit flash X") == 2  # beside the board as long as it is so, and in the log


def test_a_calibrated_board_is_shown_in_true_units(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    calibration = Calibration(
        "0" * 16, "coaster", "2026-11-30T12:00:00Z", {"coaster/load": Axes(((1.0,),), (100.0,), (0.001,))}
    )
    keep(calibration)
    scene = make_scene("coaster", "healthy", 3)
    write(tmp_path / "c.mcap", scene.recording())
    with Connections([Plug(f"replay:{tmp_path / 'c.mcap'}?speed=fast&object=coaster")]) as links:
        monitor = Monitor(links)
        until(monitor, 1.0)
        nominal = float(monitor.shown.boards[0].streams["coaster/load"].means[0])
        assert monitor.shown.boards[0].units == "nominal, uncalibrated"
    for known, words in (
        (calibration.id, f"calibration {calibration.id} of 2026-11-30"),
        ("f00", "not on this"),
    ):
        links = Told("/dev/ttyACM7")
        monitor = Monitor(links)
        links.tell(Attached(hello(calibration=known), again=False))
        monitor.advance()
        assert words in text_of(monitor)
    assert nominal < 50.0


def test_an_unplugged_board_is_told_and_goes_on_when_it_is_back(tmp_path):
    with Served("coaster", tmp_path) as served, Connections([Plug(served.url)]) as links:
        monitor = Monitor(links)
        board = monitor.shown.boards[0]

        def wait(condition):
            end_s = time.monotonic() + 20
            while not condition():
                assert time.monotonic() < end_s, text_of(monitor)
                monitor.advance(0.1)

        wait(lambda: board.state(monitor.shown.now_s) == "streaming")
        served.unplug()
        wait(lambda: board.state(monitor.shown.now_s) == "unplugged")
        assert "its port is gone" in text_of(monitor)
        before = board.streams["coaster/load"].history.last_bin
        served.plug()
        wait(lambda: board.state(monitor.shown.now_s) == "streaming")
        wait(lambda: board.streams["coaster/load"].history.last_bin > before)
        assert "answers again" in text_of(monitor)
        assert "nothing lost" in text_of(monitor)


# ---- Keys ------------------------------------------------------------------------------------------------


def lights(url):
    """Return the colours of a virtual board's lights."""
    return board_of(url.replace("sim:", "sim://")).desk.lights


def played(urls, play, size=(80, 24)):
    """Run the screen over virtual boards; `play` presses keys and lets time go on."""

    async def run():
        with Connections([Plug(url) for url in urls]) as links:
            app = MonitorApp(links, paced=False)
            async with app.run_test(size=size) as pilot:

                async def press(*keys, seconds=0.0):
                    await pilot.press(*keys)
                    if seconds:
                        until(app.monitor, app.monitor.advance() + seconds)
                    app.picture()
                    await pilot.pause()
                    canvas = app.query_one("Canvas")
                    return "\n".join(canvas.render_line(y).text.rstrip() for y in range(canvas.size.height))

                await play(SimpleNamespace(app=app, pilot=pilot, press=press))
            app.monitor.end()
            return app

    return asyncio.run(run())


def test_keys_choose_a_board_tare_it_and_take_the_zero_back():
    urls = ["sim:coaster?seed=3&speed=fast", "sim:pegboard?seed=3&speed=fast"]

    async def play(screen):
        text = await screen.press("1", seconds=2.5)
        assert "▶ 1 Coaster" in text
        load = screen.app.monitor.shown.boards[0].streams["coaster/load"]
        weight_n = float(load.means[0])
        assert weight_n > 1.0
        text = await screen.press("t", seconds=0.3)
        assert "zero taken, on this screen only: load" in text
        (line,) = [line for line in text.splitlines() if "load  " in line and "Δ" in line]
        assert abs(float(line.split("Δ")[1].split()[0])) < 0.05
        text = await screen.press("T", seconds=0.3)
        assert "zero taken back" in text and "Δ" not in text
        assert "▶ 2 Pegboard" in await screen.press("tab")
        assert "▶ 1 Coaster" in await screen.press("tab")
        assert "▶ 2 Pegboard" in await screen.press("2")
        assert "▶ 2 Pegboard" in await screen.press("9")

    played(urls, play)


def test_keys_light_places_and_the_end_puts_them_out_and_stops_the_board():
    url = "sim:pegboard?seed=4&speed=fast"

    async def play(screen):
        await screen.press("1", seconds=1.0)
        text = await screen.press("g", seconds=0.5)
        assert "lights hole 1" in text
        (shown,) = lights(url).values()
        assert any(shown[:4]) and not any(shown[4:])
        await screen.press("g", seconds=0.5)
        (shown,) = lights(url).values()
        assert any(shown)
        text = await screen.press("l")
        assert "blinks" in text
        seen = set()
        for _ in range(30):
            await screen.press(seconds=0.1)
            seen.add(bytes(next(iter(lights(url).values()))))
        assert len(seen) > 1

    played([url], play)
    assert not any(next(iter(lights(url).values())))
    assert state_of(url) == "stopped"


def state_of(url):
    """Return what a board says it does."""
    with Connections([Plug(url)]) as links:
        while True:
            for _, news in links.news(0.1):
                if isinstance(news, Attached):
                    return news.hello.said["state"]


def test_a_board_that_was_streaming_before_is_left_streaming():
    url = "sim:coaster?seed=5&speed=fast"
    with Connections([Plug(url)]) as links:
        links.all[0].session.start()
        while not links.all[0].session.counts.blocks:
            list(links.news(0.1))
    assert state_of(url) == "streaming"

    async def play(screen):
        assert "streaming" in await screen.press("1", seconds=2.0)

    played([url], play)
    assert state_of(url) == "streaming"


def test_a_frozen_picture_stands_still_while_the_board_goes_on():
    async def play(screen):
        await screen.press("1", seconds=3.0)
        held = await screen.press("space")
        assert "held" in held
        assert await screen.press(seconds=2.0) == held
        text = await screen.press("space")
        assert "held" not in text
        assert screen.app.monitor.shown.now_s > 4.9
        streams = screen.app.monitor.shown.boards[0].streams.values()
        assert all(stream.history.last_bin * BIN_S > 4.5 for stream in streams)

    played(["sim:pegboard?seed=3&speed=fast"], play)


def test_a_wider_terminal_shows_both_boards():
    async def play(screen):
        text = await screen.press("1", seconds=1.0)
        assert text.count("sim:") == 1
        await screen.pilot.resize_terminal(170, 50)
        await screen.pilot.pause()
        text = await screen.press()
        assert text.count("sim:") == 2 and "▶ 1 Cup" in text and " 2 Pegboard" in text

    played(["sim:cup?seed=3&speed=fast", "sim:pegboard?seed=3&speed=fast"], play)


# ---- As a person types it --------------------------------------------------------------------------------


def command(*words):
    return [sys.executable, "-m", "dexkit", "monitor", *words]


def test_without_a_terminal_it_is_one_line_and_exit_code_2():
    done = subprocess.run(
        command("--port", "sim:coaster"), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "terminal" in done.stderr and "ssh -t" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
@pytest.mark.parametrize("how", ["q", "terminate"])
def test_a_terminal_is_left_as_it_was(tmp_path, how):
    path = tmp_path / "pegs.mcap"
    write(path, make_scene("pegboard", "healthy", 3).recording())
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("--port", f"replay:{path}"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    ) as process:
        os.close(theirs)
        read_until(ours, "peg taken")
        if how == "q":
            os.write(ours, b"q")
        else:
            process.send_signal(signal.SIGTERM)
        read_until(ours, "\x1b[?1049l")  # back to the screen before
        assert process.wait(30) == 0
    os.close(ours)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
def test_a_port_that_is_not_there_is_one_line():
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("--port", "/dev/ttyACM99"), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = read_until(ours, "dexkit ports")
        assert process.wait(30) == 2
    os.close(ours)
    assert shown.strip().count("\n") == 0 and "There is no port /dev/ttyACM99" in shown


def read_until(terminal, mark, at_most_s=60.0):
    """Read what a terminal shows until a mark comes."""
    seen, end_s = "", time.monotonic() + at_most_s
    while mark not in seen:
        assert time.monotonic() < end_s, seen[-2000:]
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
    return seen
