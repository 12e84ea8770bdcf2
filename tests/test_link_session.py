"""A session loses nothing and invents nothing: damage, unplugs, restarts, strange boards, in virtual time."""

import itertools
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.link.news import Attached, Block, Gap, Heartbeat, Log, Refused, Reply, Silent
from dexkit.link.order import Order
from dexkit.link.playback import PlaybackBoard
from dexkit.link.session import Session
from dexkit.protocol.commands import decode_command
from dexkit.protocol.frames import encode_frame, encode_samples
from dexkit.protocol.tables import FIELDS, RING_S, SCHEMA_HASH
from tests.kit import KINDS, Desk

MS = 1_000_000


def attached_desk(kind="pegboard", **options):
    desk = Desk(kind, **options)
    desk.session.start()
    desk.plug()
    assert desk.run(60, lambda: desk.session.attached)
    return desk


# ---- In order --------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=120), st.sampled_from([0, 5, 2**32 - 20]))
def test_each_comes_out_once_and_in_order_whatever_comes_in(arrivals, first):
    order = Order()
    list(order.skip_to(first))
    order.next = first
    came, out = set(), []
    for at in arrivals:
        assert order.put((first + at) % 2**32, at) == (at not in came)
        came.add(at)
        out += [item for _, item in order.take()]
        awaited = next(k for k in range(62) if k not in came)
        assert out == list(range(awaited))
        assert order.mask() == sum(1 << k for k in range(32) if awaited + 1 + k in came)
    rest = list(order.give_up())
    blocks = [item[1] for item in rest if not isinstance(item, int)]
    assert out + blocks == sorted(came)
    if out:
        assert len(came) + sum(item for item in rest if isinstance(item, int)) == max(came) + 1


# ---- Nothing is lost -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_block_comes_once_and_in_order(kind):
    desk = attached_desk(kind, blocks=40)
    assert desk.run(5, lambda: desk.board.done)
    assert desk.judge() == [{name: [40, 0] for name in KINDS[kind]}]
    assert desk.session.counts.repeated == desk.session.counts.bad == 0


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_cost_time_but_no_sample(kind):
    desk = attached_desk(kind, blocks=200, damage=0.01, seed=2)
    assert desk.run(40, lambda: desk.board.done)
    assert desk.judge() == [{name: [200, 0] for name in KINDS[kind]}]
    assert desk.session.counts.bad > 100


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.01, 6), st.integers(0, 3000)), max_size=5),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.002]),
)
def test_unplugs_at_any_byte_lose_nothing(unplugs, seed, damage):
    desk = attached_desk(blocks=150, seed=seed, damage=damage)
    for before_s, away_s, at_byte in unplugs:
        desk.run(before_s)
        desk.step(keep_bytes=at_byte)
        desk.unplug()
        desk.run(away_s)
        desk.plug()
    assert desk.run(60, lambda: desk.board.done)
    assert desk.judge() == [{name: [150, 0] for name in KINDS["pegboard"]}]


def test_samples_flow_again_within_two_seconds_of_a_plug():
    desk = attached_desk()
    for away_s in (0.1, 1.0, 15.0):
        desk.unplug()
        desk.run(away_s)
        desk.plug()
        before = len(desk.of(Block))
        assert desk.run(2, lambda before=before: len(desk.of(Block)) > before)
        desk.run(3)
    assert desk.gaps() == []
    assert desk.session.counts.boots == 1


def test_what_the_ring_overwrote_is_a_gap_of_the_right_length():
    desk = attached_desk(blocks=800)
    desk.run(3)
    desk.unplug()
    desk.run(RING_S + 7)
    desk.plug()
    assert desk.run(60, lambda: desk.board.done)
    (boot,) = desk.judge()
    for name, (came, gone) in boot.items():
        assert came + gone == 800, name
        assert 100 < gone < 200, name
    gaps = desk.gaps()
    assert {gap.stream for gap in gaps} == set(KINDS["pegboard"])
    assert len(gaps) == 2


def test_a_board_that_starts_anew_is_started_again_and_the_gap_is_marked():
    desk = attached_desk(blocks=100)
    desk.run(2)
    desk.power_up(boot=2)
    assert desk.run(60, lambda: desk.board.done)
    first, second = desk.judge()
    assert second == {name: [100, 0] for name in KINDS["pegboard"]}
    assert all(came > 20 and gone == 0 for came, gone in first.values())
    assert [(gap.stream, gap.blocks) for gap in desk.gaps()] == [(name, None) for name in KINDS["pegboard"]]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["unplug", "reset", "both"]), st.floats(0.01, 4)), max_size=6),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.001]),
)
def test_restarts_and_unplugs_in_any_order_mix_nothing(faults, seed, damage):
    desk = attached_desk("coaster", seed=seed, damage=damage)
    boot = 1
    for fault, seconds in faults:
        desk.run(seconds)
        if fault != "reset":
            desk.unplug()
            desk.run(seconds / 2)
        if fault != "unplug":
            boot += 1
            desk.power_up(boot)
        if fault != "reset":
            desk.plug()
    before = len(desk.of(Block))
    assert desk.run(20, lambda: len(desk.of(Block)) > before + 20)
    boots = desk.judge()
    # Resets that followed each other faster than the host could hear of them are one.
    assert len(boots) <= boot
    assert sum(gap.blocks is None for gap in desk.gaps()) <= len(boots) - 1
    assert sum(boots[-1]["coaster/load"]) > 0


# Where no clock of the host counts through sleep, a board's tick is known over half a wrap of it, 35 minutes.
@pytest.mark.parametrize(("clock_counts_on", "asleep_s"), [(True, 2400), (False, 1800)])
def test_a_host_that_slept_goes_on_and_tells_what_the_ring_could_not_keep(clock_counts_on, asleep_s):
    desk = attached_desk("coaster")
    desk.run(5)
    asleep_us = 1_000_000 * asleep_s
    desk.now_us += asleep_us
    if not clock_counts_on:
        desk.host_behind_us = asleep_us
    before = len(desk.of(Block))
    assert desk.run(5, lambda: len(desk.of(Block)) > before)
    desk.run(5)
    (gap,) = desk.gaps()
    assert gap.blocks == pytest.approx((asleep_s - RING_S) * 320 / 16, rel=0.01)
    desk.judge()
    ticks_us = [block.tick_us for block in desk.of(Block)]
    assert ticks_us == sorted(ticks_us)
    assert max(b - a for a, b in itertools.pairwise(ticks_us)) == pytest.approx(
        asleep_us - 1e6 * RING_S, rel=0.01
    )
    state = desk.session.clock.state()
    assert state.leaps == (0 if clock_counts_on else 1)


def test_what_was_kept_for_an_earlier_host_is_no_gap():
    desk = attached_desk(blocks=1000)
    desk.run(3)
    desk.unplug()
    desk.run(30)
    desk.session, desk.news = Session("PORT", number=9), []
    desk.session.start()
    desk.plug()
    assert desk.run(60, lambda: desk.board.done)
    (boot,) = desk.judge()
    assert desk.gaps() == []
    for came, before in boot.values():
        assert came + before == 1000
        assert before > 100


def test_blocks_that_wait_come_out_at_the_end_with_their_gaps():
    desk = attached_desk("coaster")
    desk.run(1)
    lost = desk.board.take(desk.tick_us)  # one block never arrives
    while not lost:
        desk.now_us += 10_000
        lost = desk.board.take(desk.tick_us)
    assert desk.run(0.5, lambda: desk.session.waiting)
    desk.news += desk.session.finish()
    assert [gap.blocks for gap in desk.gaps()] == [1]
    desk.judge()


# ---- Who is there ----------------------------------------------------------------------------------------


def test_a_board_with_another_schema_is_refused_with_the_remedy_and_left_alone():
    desk = Desk("coaster")
    desk.board = PlaybackBoard("coaster", {}, schema="0" * 64)
    desk.session.start()
    desk.plug()
    desk.run(3)
    (refused,) = desk.news
    assert isinstance(refused, Refused)
    assert refused.reason.endswith("dexkit flash PORT")
    assert desk.session.to_send(desk.now_ns) == b""


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"object": 1, "uid": 2, "schema": null}'])
def test_a_hello_that_cannot_be_read_is_refused(payload):
    session = Session()
    session.connected(0)
    (news,) = session.received(encode_frame("hello", payload, sequence=0, tick_us=0), 1)
    assert isinstance(news, Refused)
    assert "dexkit flash" in news.reason


def test_another_board_on_the_same_port_is_refused():
    desk = attached_desk("coaster")
    desk.unplug()
    desk.uid = "another"
    desk.power_up(boot=5)
    desk.plug()
    desk.run(2)
    assert [type(news) for news in desk.news[-1:]] == [Refused]
    assert "another" in desk.news[-1].reason


def test_silence_is_told_once_and_ends():
    desk = attached_desk("coaster")
    silent, desk.board = desk.board, PlaybackBoard("coaster", {}, now_us=0)
    desk.board.take = lambda now_us: b""
    desk.run(10)
    assert len(desk.of(Silent)) == 1
    assert not desk.session.attached
    desk.board = silent
    assert desk.run(5, lambda: desk.session.attached)
    desk.run(5)
    assert len(desk.judge()) == 1
    assert desk.gaps() == []


class Scripted:
    """A coaster that says what it is told to, and a session that hears it."""

    def __init__(self):
        self.session = Session(number=1)
        self.session.start()
        self.now_ns = 0

    def connect(self):
        self.session.connected(self.now_ns)

    def hears(self, frame):
        self.now_ns += 10 * MS
        return self.session.received(frame, self.now_ns)

    def hello(self, boot, sequence):
        facts = {"object": "coaster", "uid": "1", "firmware": "x", "schema": SCHEMA_HASH, "boot": boot}
        payload = json.dumps({**facts, "streams": {"coaster/load": 320}}).encode()
        return self.hears(encode_frame("hello", payload, sequence=sequence, tick_us=self.now_ns // 1000))

    def beat(self, boot, sequence):
        fields = {**dict.fromkeys(FIELDS["heartbeat"], 0), "boot": boot}
        payload = struct.pack(f"<{len(fields)}I", *fields.values())
        return self.hears(encode_frame("heartbeat", payload, sequence=sequence, tick_us=self.now_ns // 1000))

    def block(self, sequence, count):
        tick_us = self.now_ns // 1000
        return self.hears(encode_samples("coaster/load", [[count]], sequence=sequence, tick_us=tick_us))

    def says(self, seconds=1.0):
        """Return the words that the session sends in some time."""
        words = []
        for _ in range(round(seconds * 100)):
            self.now_ns += 10 * MS
            words += [decode_command(line).word for line in self.session.to_send(self.now_ns).splitlines()]
        return words


def counts(news):
    return [round(float(item.values[0, 0]) / 4.57e-6) for item in news if isinstance(item, Block)]


def attached_script():
    script = Scripted()
    script.connect()
    script.hello(boot=1, sequence=0)
    assert counts([item for k in range(10) for item in script.block(k, 100 + k)]) == list(range(100, 110))
    return script


def test_blocks_are_neither_taken_nor_acknowledged_before_it_is_known_whose_they_are():
    script = attached_script()
    script.session.disconnected()
    script.connect()
    assert script.block(10, 110) == []
    words = script.says()
    assert {"hello", "ping"} <= set(words)
    assert "ack" not in words
    assert counts(script.beat(boot=1, sequence=1)) == [110]
    assert "ack" in script.says()


def test_the_blocks_of_a_new_life_are_never_those_of_the_old_one():
    script = attached_script()
    script.session.disconnected()
    script.connect()
    assert script.block(10, 7) == []  # of another life, though its number would fit
    news = script.hello(boot=2, sequence=4)
    assert script.session.clock.boots == 1
    assert [item.again for item in news if isinstance(item, Attached)] == [False]
    assert counts(news) == []
    sent_again = [script.block(k, k) for k in range(11)]
    assert counts([item for items in sent_again for item in items]) == list(range(11))


def test_numbers_that_go_back_raise_the_question_who_is_there():
    script = attached_script()
    script.beat(boot=1, sequence=5)
    assert "hello" not in script.says(0.5)
    script.hears(encode_frame("log", b"here I am", sequence=2, tick_us=0))
    assert script.block(10, 0) == []
    assert "hello" in script.says(0.5)


def test_a_heartbeat_of_another_life_raises_it_too():
    script = attached_script()
    script.beat(boot=2, sequence=5)
    assert not script.session.attached
    assert "hello" in script.says(0.5)


def test_a_board_that_went_on_is_told_at_once_what_has_arrived():
    script = attached_script()
    script.says(2.0)
    script.session.disconnected()
    script.connect()
    script.beat(boot=1, sequence=1)
    assert "ack" in script.says(0.2)


# ---- Commands --------------------------------------------------------------------------------------------


def test_a_command_is_repeated_until_it_is_answered_and_done_once():
    desk = attached_desk("coaster", damage=0.005, seed=5)
    done = []
    do = desk.board._do
    desk.board._do = lambda command, now_us: (done.append(command.number), do(command, now_us))
    numbers = [desk.session.request("identify", timeout_s=60) for _ in range(20)]
    assert desk.run(120, lambda: len([r for r in desk.of(Reply) if r.word == "identify"]) == 20)
    replies = [r for r in desk.of(Reply) if r.word == "identify"]
    assert [reply.number for reply in replies] == numbers
    assert all("cannot identify" in reply.error for reply in replies)
    assert [number for number in done if number in numbers] == numbers


def test_a_command_without_an_answer_ends_in_words():
    desk = attached_desk("coaster")
    desk.board.give = lambda data, now_us: None
    number = desk.session.request("tare", "load_n", timeout_s=1.0)
    assert desk.run(2, lambda: any(reply.number == number for reply in desk.of(Reply)))
    (reply,) = [reply for reply in desk.of(Reply) if reply.number == number]
    assert not reply.ok
    assert "did not answer `tare`" in reply.error


def test_a_command_outlives_an_unplug():
    desk = attached_desk("coaster")
    number = desk.session.request("identify")
    give, desk.board.give = desk.board.give, lambda data, now_us: None
    desk.run(0.5)
    desk.board.give = give
    desk.unplug()
    desk.run(20)
    desk.plug()
    assert desk.run(2, lambda: any(reply.number == number for reply in desk.of(Reply)))


def test_the_lines_are_sound_commands_and_a_probe_is_never_written_twice():
    desk = attached_desk("cup")
    lines = []
    give = desk.board.give
    desk.board.give = lambda data, now_us: (lines.extend(data.splitlines()), give(data, now_us))
    desk.run(20)
    commands = [decode_command(line) for line in lines]
    pings = [command.number for command in commands if command.word == "ping"]
    assert len(pings) == len(set(pings)) >= 20
    acks = [command for command in commands if command.word == "ack"]
    assert 100 < len(acks) <= 2 * 20 / 0.1 + 2
    assert len(desk.of(Heartbeat)) >= 19


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.binary(max_size=60),
    st.sampled_from(["reply", "log", "pong", "gone", "heartbeat"]),
)
def test_nothing_that_a_board_says_breaks_a_session(noise, payload, message):
    session = Session(number=1)
    session.connected(0)
    facts = {
        "object": "cup",
        "uid": "1",
        "firmware": "x",
        "schema": SCHEMA_HASH,
        "boot": 3,
        "streams": {"cup/load": 320},
    }
    frames = [
        encode_frame("hello", json.dumps(facts).encode(), sequence=0, tick_us=0),
        encode_frame(message, payload, sequence=1, tick_us=5),
        noise + b"\0",
        encode_frame("log", b"still here", sequence=2, tick_us=6),
    ]
    news = [n for k, frame in enumerate(frames) for n in session.received(frame, k * MS)]
    session.to_send(10 * MS)
    assert isinstance(news[0], Attached)
    assert Log("still here") in news


def test_a_block_carries_its_tick_across_wraps():
    desk = Desk("coaster")
    desk.power_up(boot=1, age_us=2**32 - 3_000_000)
    desk.session.start()
    desk.plug()
    desk.run(10)
    ticks = [block.tick_us for block in desk.of(Block)]
    assert ticks == sorted(ticks)
    assert ticks[-1] > 2**32
    assert len(desk.of(Gap)) == 0
