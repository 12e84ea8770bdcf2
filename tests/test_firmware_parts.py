"""The firmware's parts alone: frames, clock, ring, command lines, settings, against the host's own."""

import json
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import ProtocolError
from dexkit.kit_files import folder
from dexkit.protocol.commands import Command, decode_command, encode_command
from dexkit.protocol.frames import decode
from dexkit.protocol.frames_reference import cobs_stuff
from dexkit.protocol.tables import COMMANDS
from dexkit.sim.desk import Desk
from dexkit.sim.loader import Loader

LINES = (Path(__file__).parent / "golden" / "frames.txt").read_text(encoding="utf-8").splitlines()
GOOD = [line.split()[1:] for line in LINES if line.startswith("good ")]
GOLDEN_COMMANDS = [line.removeprefix("command ") for line in LINES if line.startswith("command ")]


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Return the function that imports a module of the firmware, on a board with nothing on it."""
    flash = tmp_path_factory.mktemp("flash")
    loader = Loader(Desk({}, {}), flash, [folder("firmware"), folder("firmware") / "compat"])
    return loader.run


# ---- Frames ----------------------------------------------------------------------------------------------


def body_of(facts):
    """Return header and payload of a golden frame, from its bytes on the wire."""
    return frame_of(bytes.fromhex(facts[-1]))[:-4]


def frame_of(wire):
    """Return what a frame on the wire stands for."""
    out, at = bytearray(), 0
    while wire[at]:
        code = wire[at]
        out += wire[at + 1 : at + code]
        at += code
        if code < 255 and wire[at]:
            out.append(0)
    return bytes(out)


@pytest.mark.parametrize("facts", GOOD, ids=lambda facts: facts[0])
def test_golden_frames(load, facts):
    body, wire = body_of(facts), bytes.fromhex(facts[-1])
    inner = load("app.inner_plain")
    begin = inner.room(len(body))
    frame = bytearray(begin) + body + bytes(5)
    length = inner.seal(frame, 0, len(body))
    assert frame[:length] == wire


def test_any_frame(load):
    inner = load("app.inner_plain")
    bodies = st.one_of(
        st.binary(min_size=1, max_size=249),
        st.binary(max_size=1040).map(lambda body: bytes(len(body))),
        st.lists(st.binary(max_size=300).map(lambda body: body.replace(b"\0", b"x"))).map(b"\0".join),
        st.integers(240, 1040).map(lambda size: b"x" * size),
    )

    @given(bodies, st.integers(0, 20))
    @settings(max_examples=500, deadline=None)
    def check(body, at):
        begin, size = at + inner.room(len(body)), len(body)
        memory = bytearray(random.Random(1).randbytes(begin + size + 40))
        memory[begin : begin + size] = body
        before = bytes(memory)
        length = inner.seal(memory, at, size)
        whole = body + zlib.crc32(body).to_bytes(4, "little")
        assert bytes(memory[at : at + length]) == cobs_stuff(whole) + b"\0"
        end = begin + size + 5
        assert memory[:at] == before[:at] and memory[end:] == before[end:]

    check()


def test_machine_code_is_the_choice_where_it_runs(load):
    """Here it does not run, so the plain one is taken; on the board the Pico ring compares both."""
    assert load("app.inner").seal is load("app.inner_plain").seal


# ---- The clock -------------------------------------------------------------------------------------------


def test_ticks_have_32_bits(load):
    ticks = load("app.ticks").Ticks()
    wrap = 1 << 30

    @given(st.integers(wrap, 40 * wrap), st.integers(1 - wrap // 2, wrap // 2 - 1))
    @settings(max_examples=200, deadline=None)
    def check(now_us, late_us):
        ticks.last, ticks.wraps = now_us % wrap, now_us // wrap
        out = bytearray(6)
        ticks.write(out, 1, (now_us - late_us) % wrap)
        assert out[1:5] == ((now_us - late_us) % 2**32).to_bytes(4, "little")
        assert out[0] == out[5] == 0

    check()


# ---- The ring --------------------------------------------------------------------------------------------


class Ticks:
    last = 0

    def write(self, to, at, stamp):
        to[at : at + 4] = stamp.to_bytes(4, "little")


class Port:
    """Keeps what it is given."""

    def __init__(self):
        self.frames = []

    def write(self, data, at, length):
        self.frames.append(bytes(data[at : at + length]))
        return True


STEPS = st.lists(
    st.tuples(st.sampled_from(["block", "block", "block", "ack", "one", "again", "due"]), st.integers(0, 40)),
    max_size=120,
)


def test_the_ring_keeps_what_the_host_lacks_and_nothing_else(load):
    make = load("app.ring").Ring

    @given(STEPS, st.integers(2, 12))
    @settings(max_examples=300, deadline=None)
    def check(steps, slots):
        ring, port = make(3, 4, 5, slots), Port()
        kept, lost, made = {}, 0, 0
        for step, number in steps:
            first = min(kept, default=made)
            if step == "block":
                if made - first == slots:  # the oldest makes room
                    lost += 1
                    del kept[first]
                rows = 1 + number % 5
                at = ring.begin(Ticks(), made)
                content = bytes((made + k) % 256 for k in range(4 * rows))
                ring.memory[at : at + 4 * rows] = content
                ring.end(rows, 7)
                kept[made] = content
                made += 1
            elif step == "ack":
                arrived = min(first + number % 6, made)
                ring.arrived(arrived)
                kept = {k: rows for k, rows in kept.items() if k >= arrived}
            elif step == "one":
                ring.arrived_one(first + number)
                kept.pop(first + number, None)
            elif step == "again":
                ring.start_again()
            elif (due := ring.due()) >= 0:
                assert due in kept
            assert (ring.next, ring.overwritten) == (made, lost)
            assert ring.oldest == min(kept, default=made)
            ring.send_all()
            port.frames.clear()
            while (due := ring.due()) >= 0:
                ring.send(port, due)
            decoded = decode(b"".join(port.frames))
            blocks = {int(b["sequence"]): decoded.payload_of(i) for i, b in enumerate(decoded.blocks)}
            assert blocks == kept
            assert all(
                b["stream"] == 3 and b["lost"] == 7 and b["tick_us"] == b["sequence"] for b in decoded.blocks
            )

    check()


def test_blocks_are_sent_again_after_a_while_and_before_a_hole_at_once(load):
    ring = load("app.ring").Ring(3, 4, 5, 100)

    def blocks(count):
        for _ in range(count):
            ring.begin(Ticks(), 0)
            ring.end(1, 0)

    def due():
        return list(iter(ring.due, -1))

    blocks(5)
    ring.start_again()
    assert due() == []  # sent only now
    blocks(3)
    ring.start_again()
    assert due() == [0, 1, 2, 3, 4]
    ring.arrived(2)
    ring.arrived_one(6)
    assert due() == [2, 3, 4, 5]  # 6 has arrived, so 5 is overdue
    ring.start_again()
    ring.arrived(4)
    assert due() == [4, 5, 7]
    ring.keep_last(1)
    assert (ring.oldest, due()) == (7, [])


# ---- Commands --------------------------------------------------------------------------------------------


def read(load, line):
    """Return what the board reads in a line, its newline taken off; None where it refuses it."""
    buffer = bytearray(128)
    buffer[: len(line)] = line[:128]
    command = load("app.commands").Command(buffer)
    if not command.read(len(line)):
        return None
    return Command(command.number, command.word(), tuple(command.arguments()))


@pytest.mark.parametrize("line", GOLDEN_COMMANDS)
def test_golden_commands(load, line):
    assert read(load, line.encode()) == decode_command(line.encode())


def test_board_and_host_refuse_the_same_lines(load):
    words = st.text(st.characters(min_codepoint=32, max_codepoint=127), max_size=12)
    bodies = st.one_of(
        st.tuples(st.integers(0, 70_000), st.sampled_from([*COMMANDS, "dance"]), words).map(
            lambda parts: " ".join(map(str, parts))
        ),
        words,
        st.binary(max_size=30).map(lambda data: data.decode("latin-1")),
    )

    @given(bodies, st.booleans(), st.integers(0, 200), st.integers(0, 255))
    @settings(max_examples=300, deadline=None)
    def check(body, sound, at, byte):
        raw = body.encode("latin-1")
        line = bytearray(b"@%b*%08x" % (raw, zlib.crc32(raw)))
        if not sound and at < len(line):
            line[at] = byte
        try:
            expected = decode_command(bytes(line))
        except ProtocolError as error:
            expected = "unknown" if "There is no command" in str(error) else None
        found = read(load, bytes(line).removesuffix(b"\n"))
        if expected == "unknown":
            assert found is not None and found.word not in COMMANDS
        else:
            assert found == expected

    check()


def test_numbers_and_masks(load):
    command = load("app.commands").Command(bytearray(128))
    line = encode_command(Command(5, "ack", ("cup/load", "123456789", "8000a001")))
    command.line[: len(line)] = line
    assert command.read(len(line) - 1)
    assert command.word_is(b"ack") and not command.word_is(b"ac") and not command.word_is(b"ackk")
    assert command.next() and command.is_(b"cup/load") and not command.is_(b"cup/loa")
    assert command.next() and command.decimal() == 123456789
    assert command.next() and command.is_mask() and command.decimal() == -1
    assert [command.four_bits(k) for k in range(10)] == [1, 0, 0, 10, 0, 0, 0, 8, 0, 0]
    assert not command.next()


# ---- Settings --------------------------------------------------------------------------------------------


def test_settings_are_of_this_board_and_whole(load):
    kept = load("app.settings")
    kept.write("/settings", {"uid": "ab", "rest_s": 5})
    assert kept.read("/settings", "ab") == {"uid": "ab", "rest_s": 5}
    with pytest.raises(ValueError, match="another board"):
        kept.read("/settings", "cd")
    with pytest.raises(OSError):
        kept.read("/nothing", "ab")
    flash = load.__self__.flash
    sealed = kept.seal(json.dumps({"uid": "ab", "rest_s": 5}).encode())
    for at in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[at] ^= 1
        (flash / "settings").write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            kept.read("/settings", "ab")
