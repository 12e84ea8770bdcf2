"""Bad input to a board: damaged commands, broken sensors, hosts that go away. It says so and goes on."""

import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit import hardware
from dexkit.protocol.tables import COMMANDS, STREAMS
from dexkit.sim.chips.nau7802 import HIGHEST
from tests.board import Host

# ---- Sensors ---------------------------------------------------------------------------------------------

CHIPS = [(kind, name) for kind in ("cup", "button_board", "pegboard") for name in hardware.load(kind).sensors]


def values(host, stream, since=0):
    """Return the rows of a stream that came, as the host decodes them."""
    rows = []
    for message in host.of("samples", stream)[since:]:
        raw = np.frombuffer(message.payload, STREAMS[stream].row_dtype[0])
        facts = STREAMS[stream]
        raw = raw.reshape(message.rows, -1)
        if facts.wire.startswith("bits"):
            absent = (raw & np.array(facts.not_measured, raw.dtype)) != 0
            raw = raw >> np.arange(len(facts.columns), dtype=raw.dtype) & 1
        else:
            absent = raw == np.array(facts.not_measured, raw.dtype)
        rows.append(np.where(absent, np.nan, raw))
    return np.concatenate(rows) if rows else np.empty((0, len(STREAMS[stream].columns)))


def measured(host, stream, since=0):
    """Return the channels of a stream that were measured in at least one row."""
    rows = values(host, stream, since)
    return {
        c for c, column in zip(STREAMS[stream].columns, rows.T, strict=True) if not np.isnan(column).all()
    }


@pytest.mark.parametrize(("kind", "name"), CHIPS)
def test_a_sensor_that_is_not_there_is_named_and_the_rest_goes_on(kind, name):
    kit = hardware.load(kind)
    broken = kit.sensors[name]
    with Host(kind, faults={name: "missing"}) as host:
        words = host.wake()["sensors"]
        assert f"does not answer at 0x{broken.address:02X}" in words.pop(name)
        assert set(words.values()) <= {"ok"}
        host.ask("start")
        host.ask("ping", seconds=0.6)
        for stream in kit.streams:
            expected = {c for s in kit.of_stream(stream) if s is not broken for c in s.channels}
            assert measured(host, stream) == expected


def test_a_wrong_address_and_swapped_cables_are_told_apart():
    with Host("coaster", faults={"plate": "moved"}) as host:
        assert "something does at 0x2B" in host.wake()["sensors"]["plate"]
    with Host("cup") as host:
        zero, one = host.board.desk.buses[0], host.board.desk.buses[1]
        zero.chips, one.chips = one.chips, zero.chips
        words = host.wake()["sensors"]
        assert "on bus 0; probably the two cables are swapped" in words["motion"]


@pytest.mark.parametrize(
    ("kind", "name", "fault", "words"),
    [
        ("coaster", "plate", "stuck", "is stuck"),
        ("cup", "foot", "never_ready", "is not ready"),
        ("cup", "motion", "never_ready", "is not ready"),
        ("cup", "inner", "saturated", "is saturated"),
        ("cup", "motion", "saturated", "is saturated"),
        ("cup", "foot", "missing", "stopped answering"),
        ("pegboard", "seated", "missing", "stopped answering"),
        ("pegboard", "tray", "saturated", "is saturated"),
    ],
)
def test_a_sensor_that_fails_while_it_streams_is_named_and_marked(kind, name, fault, words):
    kit = hardware.load(kind)
    broken = kit.sensors[name]
    with Host(kind) as host:
        assert host.wake()["sensors"][name] == "ok"
        host.ask("start")
        host.wait(0.5)
        host.board.break_chip(name, fault)
        for _ in range(7 if fault == "stuck" else 1):
            host.ask("ping", seconds=1.0)
        assert words in host.ask("hello")["sensors"][name]
        since = {stream: len(host.of("samples", stream)) for stream in kit.streams}
        for _ in range(2):
            host.ask("ping", seconds=0.4)
        for stream in kit.streams:
            others = {c for s in kit.of_stream(stream) if s is not broken for c in s.channels}
            assert measured(host, stream, since[stream]) == others
        host.board.break_chip(name, "")
        host.ask("start", seconds=3.0)  # sets up what stopped answering
        assert host.ask("hello")["sensors"][name] == "ok"
        since = len(host.of("samples", broken.stream))
        host.ask("ping", seconds=0.3)
        assert measured(host, broken.stream, since) == set(STREAMS[broken.stream].columns)


def unaccounted(host, stream):
    """Return by how many samples rows and losses differ from the time that passed, block by block."""
    blocks = {m.sequence: m for m in host.of("samples", stream)}
    assert sorted(blocks) == list(range(len(blocks)))
    hz = STREAMS[stream].rate_hz
    return [
        (two.tick_us - one.tick_us) * hz / 1e6 - one.rows - (two.lost - one.lost)
        for one, two in pairwise(blocks[number] for number in sorted(blocks))
    ]


def test_a_start_while_what_leads_is_gone_invents_no_row_and_loses_none_unseen():
    with Host("pegboard") as host:
        host.wake()
        host.ask("start", seconds=0.2)
        host.board.break_chip("entry", "missing")
        for _ in range(4):
            host.ask("ping", seconds=0.4)
        for _ in range(3):
            host.ask("start", seconds=0.7)
            host.ask("ping", seconds=0.5)
        assert max(map(abs, unaccounted(host, "pegboard/contacts"))) < 0.3


def test_a_healthy_board_counts_nothing_as_lost_however_often_it_is_started():
    with Host("cup") as host:
        host.wake()
        for _ in range(200):  # at each moment between two looks at the sensors, which come every 250 ms
            host.ask("start", seconds=0.09)
            host.ask("stop", seconds=0.1613)
        assert {m.lost for m in host.messages if m.kind == "samples"} == {0}


@pytest.mark.parametrize("told", [True, False], ids=["told to start again", "by itself"])
def test_what_a_sensor_that_was_away_did_not_give_is_counted(told):
    with Host("coaster") as host:
        host.wake()
        host.ask("start", seconds=0.2)
        for fault in ("missing", "missing", ""):
            host.board.break_chip("plate", fault)
            for _ in range(3):
                host.ask("ping", seconds=0.4)
            if told:
                host.ask("start", seconds=2.0)
        host.ask("ping", seconds=0.4)
        assert host.ask("hello")["sensors"] == {"plate": "ok"}
        off = unaccounted(host, "coaster/load")
        assert max(map(abs, off)) < 4  # some edges were gone before it was missed
        assert host.of("samples", "coaster/load")[-1].lost > (2000 if told else 700)


def test_a_start_while_a_ready_wire_is_loose_loses_nothing_unseen():
    with Host("cup") as host:
        host.wake()
        host.board.chips["foot"].edges = Deaf()
        host.board.chips["foot"].next_edge_us = lambda: None
        host.ask("start", seconds=0.2)
        for _ in range(4):
            host.ask("ping", seconds=0.4)
        assert "is not ready" in host.ask("hello", seconds=0.4)["sensors"]["foot"]
        host.send("start")
        for _ in range(12):
            host.wait(0.2)
            host.send("ping")
        off = unaccounted(host, "cup/load")
        assert max(map(abs, off)) < 1.5  # converters have phases of their own


class Deaf(list):
    """The edges of a wire that is loose."""

    def append(self, edge):
        """Nothing comes through."""


def test_one_sample_at_the_end_of_the_range_is_no_sample():
    with Host("coaster") as host:
        host.wake()
        host.ask("start")
        host.ask("ping", seconds=0.2)
        host.board.break_chip("plate", "saturated")
        host.ask("ping", seconds=0.06)
        host.board.break_chip("plate", "")
        host.ask("ping", seconds=0.2)
        column = values(host, "coaster/load")[:, 0]
        assert 15 < np.isnan(column).sum() < 40
        assert np.nanmax(column) < HIGHEST // 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", "ok"),
        ("slow", "instead of 320"),
        ("stuck", "is stuck"),
        ("never_ready", "is not ready"),
        ("saturated", "is saturated"),
        ("missing", "does not answer"),
        ("lost", "stopped answering"),
    ],
)
def test_the_self_test_names_what_is_wrong(fault, words):
    with Host("coaster", faults={"plate": fault.replace("lost", "")}) as host:
        host.wake()
        if fault == "lost":
            host.board.break_chip("plate", "missing")
        found = host.ask("selftest", seconds=3.0)["value"]["plate"]
        assert words in found["words"]
        if fault == "slow":
            assert found["hz"] == pytest.approx(160, rel=0.01)


def test_the_self_test_measures_every_sensor():
    with Host("cup") as host:
        host.wake()
        found = host.ask("selftest", seconds=2.0)["value"]
        for sensor in hardware.load("cup").sensors.values():
            facts = found[sensor.name]
            assert facts["words"] == "ok"
            assert facts["hz"] == pytest.approx(sensor.rate_hz, rel=0.01)
            assert facts["unique"] > 2 and 0 < facts["noise"] < 20_000
            assert len(facts["lowest"]) == len(facts["highest"]) == len(sensor.channels)


# ---- Commands --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pegboard():
    with Host("pegboard") as host:
        host.wake()
        host.ask("set", "rest_s", 0)
        yield host


def state_of(host):
    """Return what a command could have changed."""
    hello = host.ask("hello")
    return hello["state"], hello["boot"], host.board.desk.lights, sorted(host.board.flash.iterdir())


WRONG = [
    "start pegboard/lod",
    "start cup/load",
    "start pegboard/tray pegboard/tray2",
    "stop now",
    "tare",
    "tare tray_x",
    "tray_n",
    "tare tray_n",
    "tare entry_0",
    "identify 1",
    "guide",
    "guide 9",
    "guide -1",
    "guide 1 pinkish",
    "guide 1 12345g",
    "guide 1 red 2",
    "set",
    "set rest_s",
    "set rest_s -1",
    "set rest_s 3601",
    "set rest_s 1e3",
    "set colour 3",
    "set rest_s 1 2",
    "selftest 1",
    "ack",
    "ack pegboard/tray",
    "ack pegboard/tray 1",
    "ack pegboard/tray x",
    "ack pegboard/tray -1",
    "ack pegboard/tray 99999999999",
    "ack pegboard/tray 4294967295",
    "ack pegboard/tray 0 xyz",
    "ack pegboard/tray 0 123456789",
    "ack pegboard/tray 0 1 1",
    "ack cup/load 0",
    "quit now",
    "hello a b",
    "dance",
    "PING",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_command_is_refused_and_changes_nothing(pegboard, text):
    before = state_of(pegboard)
    word, *arguments = text.split()
    if word in COMMANDS:
        reply = pegboard.ask(word, *arguments)
    else:
        body = f"77 {text}".encode()
        reply = raw(pegboard, b"@%b*%08x\n" % (body, zlib.crc32(body)))
        assert reply["number"] == 77
    assert reply["ok"] is False
    assert reply["error"].endswith(".") and len(reply["error"]) > 20
    assert state_of(pegboard) == before


def raw(host, data):
    """Send bytes; return the only reply."""
    host.board.send(data)
    replies = [m.said for m in host.wait(0.1) if m.kind == "reply"]
    assert len(replies) == 1
    return replies[0]


LINES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=60).map(lambda data: b"@" + data),
    st.sampled_from(sorted(COMMANDS)).map(lambda word: b"@5 %b*00000000" % word.encode()),
)


def test_anything_at_all_gets_an_error_reply_and_changes_nothing(pegboard):
    before = state_of(pegboard)

    @given(LINES)
    @settings(max_examples=60, deadline=None)
    def check(line):
        line = line.translate(None, b"\x03\n")  # Ctrl-C is not a command: it stops the application
        reply = raw(pegboard, line + b"\n")
        assert (reply["number"], reply["ok"]) == (0, False)

    check()
    assert state_of(pegboard) == before
    assert pegboard.ask("ping") is not None


# ---- Hosts -----------------------------------------------------------------------------------------------


def test_a_repeated_command_is_answered_again_and_not_done_twice():
    with Host("coaster") as host:
        host.wake()
        first = host.send("set", "brightness", 7)
        host.wait(0.05)
        written = (host.board.flash / "settings").stat().st_mtime_ns
        host.send("set", "brightness", 7, number=first)
        host.wait(0.05)
        replies = [m.said for m in host.of("reply")]
        assert replies == [{"number": first, "ok": True, "value": 7}] * 2
        assert (host.board.flash / "settings").stat().st_mtime_ns == written


def test_a_host_that_is_silent_gets_nothing_and_later_everything():
    with Host("coaster") as host:
        host.wake()
        host.ask("start")
        host.wait(5.0)
        said = len(host.messages)
        host.wait(5.0)
        assert len(host.messages) == said  # silent for longer than silence_ms
        host.ask("ping", seconds=1.0)
        blocks = {m.sequence: m for m in host.of("samples", "coaster/load")}
        assert sorted(blocks) == list(range(len(blocks)))
        assert max(blocks) > 195
        assert {m.lost for m in blocks.values()} == {0}


def test_a_cable_that_is_out_for_fifteen_seconds_costs_nothing():
    with Host("coaster") as host:
        boot = host.wake()["boot"]
        host.ask("start")
        host.ask("ping", seconds=0.5)
        host.board.detach()
        host.wait(15.0)
        host.board.attach()
        for _ in range(4):
            assert host.ask("ping", seconds=0.3)["boot"] == boot
            got = {m.sequence for m in host.of("samples", "coaster/load")}
            host.send("ack", "coaster/load", next(k for k in range(10_000) if k not in got))
        got = {m.sequence for m in host.of("samples", "coaster/load")}
        assert got == set(range(len(got)))
        assert len(got) > 16.0 * 20
        assert host.of("samples", "coaster/load")[-1].lost == 0
        host.wait(1.0)
        assert host.of("heartbeat")[-1].said["overwritten_blocks"] == 0


def test_what_the_ring_could_not_keep_is_counted_and_said_to_be_gone():
    with Host("coaster") as host:
        host.wake()
        host.ask("start")
        host.ask("ping", seconds=0.5)
        host.wait(30.0)
        host.send("ack", "coaster/load", 5)
        host.wait(2.0)
        gone = host.of("gone")[0].said
        kept = min(m.sequence for m in host.of("samples", "coaster/load") if m.sequence > 100)
        assert gone == {"stream": STREAMS["coaster/load"].id, "oldest": kept}
        heartbeat = host.of("heartbeat")[-1].said
        assert heartbeat["overwritten_blocks"] >= kept  # none had been acknowledged
        assert heartbeat["ring_blocks"] >= 400


def test_a_host_that_does_not_read_costs_half_a_second_and_it_is_counted():
    with Host("coaster") as host:
        host.wake()
        host.ask("start")
        host.ask("ping", seconds=1.0)
        host.board.desk.host_reads = False
        host.wait(5.0)
        host.board.desk.host_reads = True
        host.ask("ping", seconds=2.5)
        host.ask("ping", seconds=1.5)
        blocks = {m.sequence: m for m in host.of("samples", "coaster/load")}
        assert sorted(blocks) == list(range(len(blocks)))
        rows = sum(m.rows for m in blocks.values())
        last = blocks[max(blocks)]
        chip = host.board.chips["plate"]
        seconds = (last.tick_us - blocks[0].tick_us) / 1e6
        assert 150 < last.lost < 180  # half a second
        made = seconds * 1e6 / chip.period_us
        assert rows - last.rows + last.lost == pytest.approx(made, abs=2)
        assert host.of("heartbeat")[-1].said["short_writes"] >= 1


def test_the_tick_goes_on_where_the_boards_own_clock_wraps():
    with Host("coaster", ticks_start_us=2**30 - 6_000_000) as host:
        host.wake()
        host.ask("start")
        for _ in range(5):
            host.ask("ping", seconds=1.0)
        ticks = np.array([m.tick_us for m in host.of("samples", "coaster/load")])
        assert ticks[0] < 2**30 < ticks[-1]
        assert (np.abs(np.diff(ticks) - 50_000) < 200).all()
        assert (np.abs(np.diff([m.tick_us for m in host.of("pong")]) - 1_000_000) < 5000).all()
