"""The network on a Pico W: the maker's image, its own driver and network stack; only the radio's chip is a model."""

import socket
import time

import pytest

from dexkit.errors import LinkError
from dexkit.link import pairing
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Block, Gap, Heartbeat, Reply
from dexkit.link.pairing import pair
from dexkit.link.ports import Plug
from dexkit.link.sealed import Sealed
from dexkit.link.urls import protocol_net
from dexkit.protocol.commands import Command, encode_command
from dexkit.sim.ends import PtyEnd
from dexkit.sim.engines import pico
from dexkit.sim.virtual import VirtualBoard
from tests.pico_w import dns_answers, dns_question

#: An emulated board is many times slower than a real one, and the host waits by the wall clock.
PATIENCE_S = 100.0
#: A coaster in its network has so much of its heap left: docs/link.md.
LEAST_FREE_BYTES = 60_000


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """A coaster on a Pico W that the host's own code has paired over USB; what the host keeps of it, its network."""
    if pico.missing("RPI_PICO_W"):
        pytest.skip(pico.missing("RPI_PICO_W"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setattr(pairing, "ANSWER_S", PATIENCE_S)
        patch.setattr(protocol_net, "ANSWER_S", PATIENCE_S)
        board = VirtualBoard("coaster", "healthy", engine="pico_w", paced=True)
        with board.power_on(), PtyEnd(board) as end:
            found = pair(end.url, "clinic", "secret words", join_s=PATIENCE_S)
            yield found, board.desk.radio


@pytest.fixture
def connection(paired):
    """The host's own connection over TCP; the board has said who it is."""
    found, radio = paired
    connection = Connection(Plug(f"net://{found.uid}@127.0.0.1:{radio.port}"))
    connection.open()
    yield connection
    connection.close()


def until(connection, kind, count=1):
    """Keep the connection until there is so much news of a kind; return all news."""
    end_s, news = time.monotonic() + PATIENCE_S, []
    while sum(isinstance(n, kind) for n in news) < count:
        assert time.monotonic() < end_s, f"no {kind.__name__} came; {connection.trouble}"
        news += connection.step()
    return news


class Line:
    """A host's socket and what it believes, for tests that touch what goes over it."""

    def __init__(self, paired, key=None):
        found, radio = paired
        self.sealed = Sealed(found.key if key is None else key)
        self.socket = socket.create_connection(("127.0.0.1", radio.port), PATIENCE_S)
        self.socket.sendall(self.sealed.greeting)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def greet(self):
        """Wait until the board has shown its key, and show ours."""
        answer = b""
        while not self.sealed.ready:
            _, answer = self.sealed.received(self.read())
        self.socket.sendall(answer)
        return self

    def say(self, word, *arguments):
        """Return a command as it goes over the network."""
        return self.sealed.seal(encode_command(Command(7, word, arguments)))

    def read(self):
        """Return bytes; none where the board has ended the connection."""
        try:
            return self.socket.recv(1 << 16)
        except ConnectionResetError:
            return b""


def flipped(data, at):
    """Return bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def rejected(connection):
    """Ask the board how many connections it has ended because of a wrong tag."""
    connection.session.request("pair", "state")
    return next(n.value["rejected"] for n in until(connection, Reply) if isinstance(n, Reply))


def test_the_host_takes_samples_over_tcp_from_a_board_that_it_has_paired(paired, connection):
    found, _ = paired
    assert found.address == "10.0.0.2" and found.object_kind == "coaster"
    attached = next(n for n in until(connection, Attached) if isinstance(n, Attached))
    assert (attached.hello.uid, attached.hello.sensors) == (found.uid, {"plate": "ok"})
    connection.session.start()
    news = until(connection, Block, 20)
    assert not [n for n in news if isinstance(n, Gap)]
    sequences = [n.sequence for n in news if isinstance(n, Block)]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    heartbeats = [n for n in news + until(connection, Heartbeat) if isinstance(n, Heartbeat)]
    assert heartbeats[-1].fields["free_bytes"] > LEAST_FREE_BYTES


def test_a_line_that_was_touched_ends_the_connection_and_is_counted(paired, connection):
    until(connection, Attached)
    before = rejected(connection)
    connection.close()
    with Line(paired).greet() as line:
        line.socket.sendall(flipped(line.say("identify"), 10))
        while data := line.read():
            line.sealed.received(data)  # a heartbeat may come before the board has read it
    connection.open()
    until(connection, Attached)
    assert rejected(connection) == before + 1


def test_a_frame_that_was_touched_is_not_taken(paired):
    with Line(paired).greet() as line:
        line.socket.sendall(line.say("hello"))
        data = line.read()
        with pytest.raises(LinkError, match="was changed"):
            while True:
                line.sealed.received(flipped(data, len(data) // 2))
                data = line.read()


def test_another_key_gets_nothing(paired):
    with Line(paired, bytes(32)) as line, pytest.raises(LinkError, match="does not have the key"):
        while data := line.read():
            line.sealed.received(data)


def test_the_board_answers_to_its_name(paired, connection):
    found, radio = paired
    until(connection, Attached)
    radio.names.clear()
    radio.queries.append(dns_question(found.name))
    while not [a for a in map(dns_answers, radio.names) if a]:
        until(connection, Heartbeat)
    assert dns_answers(radio.names[-1])[f"{found.name}.local"] == found.address
