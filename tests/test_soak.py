"""A short soak of the real firmware on a bad line; `make soak` and `make unplugs` are the long ones."""

import zlib

import pytest

from tests.soak import KINDS, Desk, pull, soak


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_line_loses_nothing_and_invents_nothing(kind):
    counts = soak(kind, 0.2, unplugs=2)
    assert counts.sent > 1000
    assert counts.once == counts.sent
    assert counts.missing == counts.invented == counts.uncounted == counts.gone == 0
    assert counts.damaged > 100


def test_samples_flow_again_after_every_unplug_and_what_is_lost_is_told():
    again = pull("coaster", 12)
    assert max(again.seconds) < 2.0
    assert again.counts.sound


def command(line):
    return b"@%s*%08x\n" % (line, zlib.crc32(line))


def streams_on(desk):
    """Return whether blocks still come."""
    return desk.until_samples() < 1.0


@pytest.mark.parametrize(
    "noise",
    [
        command(b"5 ping").replace(b"i", b"\x03"),  # inside a command
        command(b"5 ping").replace(b"@", b"\x03"),  # its first byte
        command(b"5 ping").replace(b"\n", b"\x03"),  # its end
        command(b"5 ping").replace(b"in", b"\x03\x04"),  # and another control byte after it
        b"@5 ping" + bytes(range(4, 10)) + b"\x03 and so on\n",
        b"@" * 500 + b"\r" * 500 + b"\n",
        bytes(range(32, 256)) * 3 + b"\n",
        b"\r\n" * 100 + b"\x00" * 300,
    ],
    ids=("inside", "first", "last", "two", "controls", "long", "high", "empty"),
)
def test_no_noise_stops_a_board(noise):
    with Desk("coaster") as desk:
        desk.plug()
        assert streams_on(desk) or streams_on(desk)
        desk.board.send(noise)
        desk.run(3.0)
        assert streams_on(desk)
        assert desk.board.boots == 1
        assert desk.session.counts.boots == 1


@pytest.mark.parametrize("keys", [b"\r\x03", b"\r\x03\r\x01", b"\x03\x03", b"\n\x03"])
def test_ctrl_c_stops_a_board_as_soon_as_nothing_else_is_said(keys):
    with Desk("coaster") as desk:
        desk.plug()
        desk.until_samples()
        desk.pieces.clear()
        desk.board.send(keys)
        desk.board.run(1.5)
        assert b"KeyboardInterrupt" in b"".join(piece for _, piece in desk.pieces)
