"""Some seconds of a board's samples: whole on a bad line, at the measured rate, again and again."""

import numpy as np
import pytest

from dexkit.bench.capture import ask, attached, capture, restart
from dexkit.errors import LinkError
from dexkit.link.ports import Plug, add_urls
from dexkit.sim.engines import node
from dexkit.sim.protocol_sim import board_of, switch_off

add_urls("dexkit.sim")


@pytest.fixture(autouse=True)
def off():
    yield
    switch_off()


def url(said):
    return f"sim://{said}&speed=fast"


def test_every_stream_comes_whole_although_the_line_is_bad():
    progress = []
    with attached(Plug(url("pegboard?seed=4&damage=0.0003&chunks=1"))) as connection:
        taken = capture(connection, 4.0, lambda done_s, seconds: progress.append((done_s, seconds)))
        assert connection.session.counts.bad > 0
    assert set(taken.streams) == {"pegboard/contacts", "pegboard/tray"}
    for samples, rate_hz in zip(taken.streams.values(), (200, 320), strict=True):
        assert samples.lost == 0
        assert len(samples.t_s) == len(samples.values) == pytest.approx(4.0 * rate_hz, abs=0.1 * rate_hz)
        assert np.diff(samples.t_s) == pytest.approx(1 / rate_hz, rel=0.3)
    assert progress[-1][0] == pytest.approx(4.0, abs=0.1)
    assert {seconds for _, seconds in progress} == {4.0}


def test_the_rate_is_that_of_the_chips_own_oscillator():
    where = url("coaster?seed=9")
    taken = capture(Plug(where), 5.0)
    true_hz = 320 * (1 + 1e-6 * board_of(where).chips["plate"].rate_ppm)
    assert taken.streams["coaster/load"].rate_hz == pytest.approx(true_hz, rel=5e-5)


def test_captures_follow_each_other_on_one_connection_and_commands_go_between():
    with attached(Plug(url("button_board?seed=2"))) as connection:
        first = capture(connection, 1.0)
        found = ask(connection, "selftest", timeout_s=10.0)
        second = capture(connection, 1.0)
        with pytest.raises(LinkError, match="no channel"):
            ask(connection, "tare", "foot_n")
    assert found["panel"]["words"] == "ok"
    for taken in (first, second):
        for samples in taken.streams.values():
            assert 0.0 <= samples.t_s[0] < 0.1
            assert 0.9 < samples.t_s[-1] < 1.1


def test_it_ends_when_who_looks_on_has_seen_enough():
    heard = []
    taken = capture(
        Plug(url("coaster?seed=3")),
        60.0,
        heard=lambda stream, t_s, values: heard.append((stream, len(t_s))),
        goes_on=lambda: sum(rows for _, rows in heard) < 320,
    )
    assert taken.seconds < 2.0
    assert {stream for stream, _ in heard} == {"coaster/load"}


def test_nobody_at_the_other_end_is_said():
    with pytest.raises(LinkError, match="no port"):
        capture(Plug("/dev/no-such-board"), 1.0)


def test_a_cup_that_falls_asleep_is_woken_and_little_is_missing():
    with attached(Plug(url("cup?seed=5&test=bench"))) as connection:
        ask(connection, "set", "rest_s", "3")
        taken = capture(connection, 9.0)
    assert any("At rest" in line for line in taken.logs)
    for samples, rate_hz in zip(taken.streams.values(), (320, 208), strict=True):
        assert len(samples.t_s) > 0.9 * 9.0 * rate_hz
        assert samples.rate_hz == pytest.approx(rate_hz, rel=0.005)


@pytest.mark.parametrize("engine", ["cpython", "micropython"])
def test_a_board_started_anew_says_what_it_complains_of(engine):
    if engine == "micropython" and node.missing():
        pytest.skip(node.missing())
    where = url(f"coaster?seed=6&engine={engine}")
    (board_of(where).flash / "settings").write_bytes(b"{}\n00000000\n")
    logs = []
    with attached(Plug(where)) as connection:
        before = connection.session.hello.boot
        hello = restart(connection, logs)
        assert hello.boot != before
        assert capture(connection, 1.0).streams["coaster/load"].rate_hz == pytest.approx(320, rel=0.01)
    assert any("/settings is not used: it is damaged" in line for line in logs)
