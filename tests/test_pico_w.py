"""The network on a Pico W: the maker's image with driver and network stack; the radio's chip is a model."""

import pytest

from dexkit.errors import LinkError
from dexkit.link.news import Attached, Block, Gap, Heartbeat, Reply
from dexkit.link.pairing import pair
from dexkit.link.ports import add_urls
from dexkit.protocol.commands import Command, encode_command
from dexkit.sim import protocol_sim, virtual
from dexkit.sim.engines import pico
from tests.pico_w import Caller, dns_answers, dns_question

add_urls("dexkit.sim")
URL = "sim:coaster?engine=pico_w&speed=fast"
#: From the last word over USB until the network's turn comes, and some more.
QUIET_S = 1.8
#: A coaster in its network has so much of its heap left: docs/link.md.
LEAST_FREE_BYTES = 60_000


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """Pair a coaster on a Pico W over USB by the host's own code; return what is kept of it, and it."""
    if pico.missing("pico_w"):
        pytest.skip(pico.missing("pico_w"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setattr(protocol_sim, "READY_S", 3.0)
        patch.setattr(virtual, "HANGS_S", 60.0)  # it is compiled first, and the machine may be busy
        found = pair(URL, "clinic", "secret words", join_s=200.0)
        board = protocol_sim.board_of(URL.replace(":", "://", 1))
        board.attach()
        board.run(QUIET_S)
        yield found, board
        protocol_sim.switch_off()


@pytest.fixture
def caller(paired):
    found, board = paired
    with Caller(board, found.key) as caller:
        yield caller


def flipped(data, at):
    """Return bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def rejected(caller):
    """Ask the board how many connections it has ended because of a wrong tag."""
    caller.session.request("pair", "state")
    return caller.until(Reply).value["rejected"]


def test_samples_come_over_tcp_from_a_board_that_was_paired_over_usb(paired, caller):
    found, _ = paired
    assert (found.object_kind, found.address) == ("coaster", "10.0.0.2")
    hello = caller.until(Attached).hello
    assert hello.uid == found.uid
    caller.session.start()
    caller.until(Block)
    caller.play(0.4)
    news = caller.play(1.0)
    blocks = [n for n in news if isinstance(n, Block)]
    assert not [n for n in caller.news if isinstance(n, Gap)]
    assert [n.sequence for n in blocks] == list(range(blocks[0].sequence, blocks[0].sequence + len(blocks)))
    assert sum(n.rows for n in blocks) > 250
    # A turn in which the radio takes a frame may last longer than a conversion: docs/link.md.
    assert blocks[-1].lost - blocks[0].lost <= 0.01 * sum(n.rows for n in blocks)
    beat = [n for n in news if isinstance(n, Heartbeat)][-1].fields
    assert beat["free_bytes"] > LEAST_FREE_BYTES


def test_a_line_that_was_touched_ends_the_connection_and_is_counted(paired, caller):
    found, board = paired
    caller.until(Attached)
    before = rejected(caller)
    line = caller.sealed.seal(encode_command(Command(7, "identify", ())))
    caller.socket.send(flipped(line, 4))
    for _ in range(100):
        if caller.closed:
            break
        caller.step()
    assert caller.closed
    with Caller(board, found.key) as again:
        again.until(Attached)
        assert rejected(again) == before + 1


def test_a_frame_that_was_touched_is_not_taken(caller):
    caller.until(Attached)
    caller.touch = lambda data: flipped(data, len(data) // 2) if data else data
    with pytest.raises(LinkError, match="was changed"):
        caller.play(4.0)


def test_a_board_with_another_key_is_not_believed(paired):
    with Caller(paired[1], bytes(32)) as caller, pytest.raises(LinkError, match="does not have the key"):
        caller.play(4.0)


def test_the_board_answers_to_its_name(paired):
    found, board = paired
    radio = board.desk.radio
    radio.names.clear()
    radio.queries.append(dns_question(found.name))
    board.run(2.0)  # who has just told its name waits for a second before it tells it again (RFC 6762, 6)
    told = [answers for answers in map(dns_answers, radio.names) if answers]
    assert told and told[-1][f"{found.name}.local"] == found.address
