"""The network: paired over USB, found over TCP, and nobody between the two is ever believed."""

import hmac
import stat
from base64 import b64encode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import DexkitError, InputError, LinkError
from dexkit.link import pairs
from dexkit.link.news import Attached, Block, Gap
from dexkit.link.pairing import pair
from dexkit.link.ports import Plug, Port
from dexkit.link.record import record
from dexkit.link.sealed import Sealed, Tagger
from dexkit.link.session import Session
from dexkit.protocol.commands import Command, encode_command
from dexkit.protocol.frames import Decoder
from dexkit.protocol.tables import NET_GREETING, TAG_BYTES
from dexkit.recording import read
from dexkit.sim.ends import PtyEnd
from dexkit.sim.virtual import VirtualBoard
from tests.board import Host, Message

KEY = bytes(range(32))
STEP_S = 0.01


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def pair_by_hand(host, key=KEY, ssid="clinic", password="secret words"):
    """Pair a virtual board as a host does; return the answer to `pair on`."""
    for part, value in (("key", key), ("ssid", ssid.encode()), ("password", password.encode())):
        assert host.ask("pair", part, b64encode(value).decode())["ok"]
    said = host.ask("pair", "on")
    host.wait(0.5)
    return said


class Wire:
    """A host's socket to a board that runs in virtual time, and what a man in the middle does on it."""

    def __init__(self, board, key=KEY):
        self.board, self.sealed = board, Sealed(key)
        self.socket = board.desk.radio.call()
        self.socket.setblocking(False)
        self.closed = False
        self.to_board = self.to_host = lambda data: data
        self.send(self.sealed.greeting)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.send(self.to_board(data))
        except OSError:
            self.closed = True

    def take(self):
        """Return the bytes on the wire."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        self.closed |= not data
        return self.to_host(data)

    def step(self, seconds=STEP_S):
        """Let the board's time go on; return frames that were believed."""
        self.board.run(seconds)
        frames, answer = self.sealed.received(self.take())
        if answer:
            self.send(answer)
        return frames

    def greet(self):
        for _ in range(60):
            self.step()
            if self.sealed.ready:
                return self
        raise AssertionError("the board does not greet")

    def say(self, word, *arguments, number=1):
        self.send(self.sealed.seal(encode_command(Command(number, word, arguments))))


@pytest.fixture
def host():
    with Host("coaster") as host:
        host.wake()
        yield host


def test_a_board_is_paired_over_usb_and_then_answers_over_the_network(host):
    said = pair_by_hand(host)
    assert said["value"] == {"name": "dexkit-" + host.ask("hello")["uid"], "port": 7433}
    assert host.ask("pair", "state")["value"]["address"] == "127.0.0.1"
    host.wait(2.0)
    with Wire(host.board).greet() as wire:
        wire.say("hello")
        session = Session()
        session.connected(0)
        news = session.received(b"".join(wire.step() for _ in range(10)), 1)
        assert [n.hello.object_kind for n in news if isinstance(n, Attached)] == ["coaster"]


def test_pairing_lasts_over_power_and_is_forgotten_when_told(tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    with Host("coaster", flash=flash) as host:
        host.wake()
        pair_by_hand(host)
    assert "secret words" not in (flash / "network").read_text()
    with Host("coaster", flash=flash) as host:
        host.wake()
        host.wait(2.0)
        with Wire(host.board).greet():
            pass
        assert host.ask("pair", "off")["ok"]
        assert host.ask("pair", "state")["value"] is None
    assert not (flash / "network").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "pair takes"),
        (("dance",), "pair takes"),
        (("key", "AAAA"), "32 bytes"),
        (("password", "AAA"), "not base64"),
        (("on",), "first|Before"),
    ],
)
def test_a_wrong_pairing_is_refused_in_words(host, arguments, words):
    said = host.ask("pair", *arguments)
    assert not said["ok"]
    assert any(word in said["error"] for word in words.split("|"))
    assert host.ask("pair", "state")["value"] is None


def test_a_damaged_network_file_leaves_usb_as_it_is(tmp_path):
    (tmp_path / "network").write_bytes(b'{"uid": "x"}\n00000000\n')
    with Host("coaster", flash=tmp_path) as host:
        assert host.wake()["object"] == "coaster"
        assert any(b"Pair the board again" in m.said for m in host.of("log"))


def test_usb_goes_first_and_another_host_waits(host):
    pair_by_hand(host)
    with Wire(host.board) as wire:  # a host was heard over USB just now
        for _ in range(60):
            wire.step()
        assert wire.closed and not wire.sealed.ready
    host.wait(2.0)
    with Wire(host.board).greet() as first, Wire(host.board) as second:
        for number in range(60):
            first.say("ping", number=number)
            first.step()
            second.take()
        assert second.closed and not first.closed
        host.ask("ping")
        first.step()
        assert first.closed


class Asked(dict):
    """Networks that count how often they were asked for."""

    times = 0

    def get(self, *names):
        self.times += 1
        return super().get(*names)


def test_a_network_that_is_not_there_is_asked_for_again_but_not_while_a_host_is_at_the_cable(host):
    networks = host.board.desk.radio.networks = Asked()
    assert pair_by_hand(host)["ok"]
    for _ in range(40):
        host.ask("ping", seconds=1.0)
    assert networks.times == 1
    host.wait(40.0)
    assert networks.times == 3


def test_strangers_that_call_again_and_again_leave_its_place_to_the_host(host):
    pair_by_hand(host)
    host.wait(2.0)
    for _ in range(3):
        with Wire(host.board, bytes(32)) as wire, pytest.raises(LinkError):
            for _ in range(60):
                wire.step()
    with Wire(host.board).greet() as wire:
        wire.say("ping", number=7)
        assert "pong" in [m.kind for m in messages(b"".join(wire.step() for _ in range(10)))]


def test_a_wrong_key_gets_nowhere_and_is_counted(host):
    pair_by_hand(host)
    host.wait(2.0)
    with Wire(host.board, bytes(32)) as wire, pytest.raises(LinkError, match="pair it again"):
        for _ in range(60):
            wire.step()
    with Wire(host.board) as wire:
        for _ in range(60):
            wire.step()
            if wire.sealed.ready:
                wire.send(b"\0" * TAG_BYTES)
    assert host.ask("pair", "state")["value"]["rejected"] == 1


def test_what_the_network_takes_in_part_goes_out_whole(host):
    pair_by_hand(host)
    host.wait(2.0)
    chance = np.random.default_rng(3)
    with Wire(host.board).greet() as wire:
        host.board.desk.radio.passes = lambda data: data[: chance.integers(0, 40)]
        session = Session(number=1)
        session.own_time = True
        session.connected(0)
        session.start()
        news = []
        for step in range(600):
            now_ns = step * 10_000_000
            news += session.received(wire.step(), now_ns)
            wire.send(wire.sealed.seal(session.to_send(now_ns)))
        sequences = [n.sequence for n in news if isinstance(n, Block)]
        assert sequences == list(range(len(sequences))) and len(sequences) > 50
        assert not [n for n in news if isinstance(n, Gap)]


def test_a_host_that_leaves_while_the_network_takes_nothing_is_missed_by_nobody(host):
    pair_by_hand(host)
    host.ask("start")
    host.wait(4.0)
    with Wire(host.board).greet() as wire:
        host.board.desk.radio.passes = lambda data: b""
        wire.say("hello")
        wire.step(0.03)
    host.board.desk.radio.passes = bytes
    host.wait(1.0)
    assert host.ask("ping") is not None
    assert host.ask("stop")["ok"]


def test_quit_is_answered_over_the_network_too(host):
    pair_by_hand(host)
    host.wait(2.0)
    with Wire(host.board).greet() as wire:
        decoder, replies = Decoder(), []
        wire.say("quit", number=6)
        for _ in range(40):
            decoded = decoder.push(wire.step())
            came = [Message(block, decoded.payload_of(i)) for i, block in enumerate(decoded.blocks)]
            replies += [message.said for message in came if message.kind == "reply"]
        assert replies == [{"number": 6, "ok": True, "value": None}]


# ---- A man in the middle ---------------------------------------------------------------------------------


class Board:
    """The board's side of the greeting, as the protocol's page says it."""

    def __init__(self, key, greeting):
        self.greeting = NET_GREETING + bytes(range(16))
        both = greeting + self.greeting
        self.ours = Tagger(hmac.digest(key, b"board" + both, "sha256"))
        self.proof = self.ours.tag(b"")

    def frame(self, body):
        frame = body.replace(b"\0", b"\1") + b"\0"
        return frame + self.ours.tag(frame)


frames = st.lists(st.binary(max_size=60), min_size=1, max_size=8)


@given(frames=frames, data=st.data())
@settings(deadline=None, max_examples=300)
def test_a_host_takes_frames_in_order_up_to_the_first_that_was_touched(frames, data):
    host = Sealed(KEY)
    host.greeting = NET_GREETING + bytes(range(16, 32))  # no chance but what is drawn
    board = Board(KEY, host.greeting)
    host.received(board.greeting + board.proof)
    records = [board.frame(body) for body in frames]
    sent = [record[:-TAG_BYTES] for record in records]
    touched = tamper(records, data, host.seal(b"@1 ping*00000000\n"))
    got, wire = b"", b"".join(touched)
    try:
        while wire:
            cut = data.draw(st.integers(1, len(wire)))
            got += host.received(wire[:cut])[0]
            wire = wire[cut:]
    except LinkError:
        pass
    most = b"".join(sent[: whole(b"".join(touched), records)])
    assert most.startswith(got)


def whole(wire, records):
    """Return how many records stand on the wire as they were sent, from the first on."""
    return sum(wire.startswith(b"".join(records[: k + 1])) for k in range(len(records)))


def tamper(records, data, other):
    """Do to records on their way what somebody could."""
    records = list(records)
    at = data.draw(st.integers(0, len(records) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "add", "replay", "swap", "drop", "reflect", "inject"])):
        case "flip":
            bit = data.draw(st.integers(0, 8 * len(records[at]) - 1))
            changed = bytearray(records[at])
            changed[bit // 8] ^= 1 << bit % 8
            records[at] = bytes(changed)
        case "cut":
            records[at] = records[at][: data.draw(st.integers(0, len(records[at]) - 1))]
        case "add":
            place = data.draw(st.integers(0, len(records[at])))
            records[at] = records[at][:place] + data.draw(st.binary(min_size=1)) + records[at][place:]
        case "replay":
            records.insert(data.draw(st.integers(at + 1, len(records))), records[at])
        case "swap":
            records[at], records[-1] = records[-1], records[at]
        case "drop":
            del records[at]
        case "reflect":
            records.insert(at, other)
        case "inject":
            records.insert(at, data.draw(st.binary(min_size=1, max_size=80)))
    return records


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    with Host("coaster", flash=tmp_path_factory.mktemp("flash")) as host:
        host.wake()
        pair_by_hand(host)
        host.wait(2.0)
        yield host


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_board_does_what_was_said_in_order_up_to_the_first_line_that_was_touched(paired, data):
    with Wire(paired.board).greet() as wire:
        numbers = data.draw(st.lists(st.integers(1, 60000), min_size=1, max_size=5, unique=True))
        records = [wire.sealed.seal(encode_command(Command(n, "ping", ()))) for n in numbers]
        touched = tamper(records, data, wire.sealed.greeting)
        wire.send(b"".join(touched))
        out = b"".join(wire.step() for _ in range(12))
        pongs = [m.said["number"] for m in messages(out) if m.kind == "pong"]
        assert pongs == numbers[: whole(b"".join(touched), records)]


def messages(data):
    decoded = Decoder().push(data)
    return [Message(block, decoded.payload_of(i)) for i, block in enumerate(decoded.blocks)]


def test_a_recorded_conversation_played_again_is_nothing(paired):
    with Wire(paired.board) as wire:
        said = [wire.sealed.greeting]
        wire.to_board = lambda data: said.append(data) or data
        wire.greet()
        wire.say("ping", number=7)
        assert "pong" in [m.kind for m in messages(b"".join(wire.step() for _ in range(10)))]
    paired.board.run(0.5)
    with Wire(paired.board) as wire:
        wire.send = lambda data: None
        wire.socket.send(b"".join(said[1:]))
        taken = b"".join((paired.board.run(0.02), wire.take())[1] for _ in range(40))
        assert wire.closed
        assert len(taken) == len(NET_GREETING) + 16 + TAG_BYTES


# ---- Keys on the host ------------------------------------------------------------------------------------


def a_pair(uid="e6614c", **changes):
    return pairs.Pair(
        **{"uid": uid, "object_kind": "cup", "key": KEY, "name": "dexkit-x", "address": "::1"} | changes
    )


def test_a_key_is_kept_for_this_user_alone(config):
    path = pairs.save(a_pair())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pairs.load("e6614c") == a_pair()
    assert list(pairs.paired()) == ["e6614c"]
    assert KEY.hex() not in repr(a_pair())
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        pairs.load("e6614c")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"uid": "e6614c", "key": "AA=="}', "null"])
def test_a_damaged_key_file_is_told_with_the_remedy(config, content):
    pairs.save(a_pair()).write_text(content)
    with pytest.raises(InputError, match="dexkit pair PORT"):
        pairs.load("e6614c")


@pytest.mark.parametrize(
    ("url", "words"),
    [("net:none", "not paired"), ("net:../x", "no board's id"), ("net://e6614c@host:x", "UID@HOST")],
)
def test_a_board_that_cannot_be_reached_is_told_in_one_line(url, words):
    with pytest.raises(DexkitError, match=words):
        Port(url)


# ---- By the wall clock -----------------------------------------------------------------------------------


def test_paired_at_a_virtual_port_and_recorded_over_tcp(tmp_path):
    board = VirtualBoard("coaster", "healthy", paced=True)
    board.desk.radio.networks = {"clinic": "secret words"}
    with board.power_on(6.0), PtyEnd(board) as end:
        with pytest.raises(LinkError, match="password"):
            pair(end.url, "clinic", "wrong words", join_s=0.1)
        found = pair(end.url, "clinic", "secret words")
        assert found.address == "127.0.0.1"
        url = f"net://{found.uid}@127.0.0.1:{board.desk.radio.port}"
        [done] = record([Plug(url)], tmp_path / "out.mcap", seconds=2.0)
        assert done.samples_lost == 0
        stream = read(done.path).streams["coaster/load"]
        # How far a busy machine gets in two seconds is its own affair; what it got to is there, all of it.
        assert done.seconds > 0.3
        assert len(stream.t_s) == pytest.approx(320 * done.seconds, abs=64)
        assert np.allclose(np.diff(stream.t_s), 1 / 320, atol=1e-3)
