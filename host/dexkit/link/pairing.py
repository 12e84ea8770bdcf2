"""Pairing: over USB a board gets a key and the network it is to join; this computer keeps the key."""

import os
import time
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar

from dexkit.errors import LinkError
from dexkit.link import pairs
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Hello, News, Refused, Reply
from dexkit.link.ports import Plug, plugs
from dexkit.link.sealed import KEY_BYTES

ANSWER_S = 10.0
#: A radio needs some seconds to join a network.
JOIN_S = 25.0
LOOK_S = 0.5
Found = TypeVar("Found")


def pair(port: str, ssid: str, password: str, *, join_s: float = JOIN_S) -> pairs.Pair:
    """Pair the board at a port with this computer; return what is kept of it.

    Parameters
    ----------
    port
        Over USB.
    ssid, password
        Of the network that the board is to join; an open one has an empty password.
    join_s
        How long to wait until it has joined.

    Raises
    ------
    LinkError
        When nobody answers, or the board refuses or does not join.
    InputError
        When the key cannot be kept.
    """
    key = os.urandom(KEY_BYTES)
    with _Asked(port) as board:
        hello = board.hello
        for part, value in (("key", key), ("ssid", ssid.encode()), ("password", password.encode())):
            if value:
                board.ask("pair", part, b64encode(value).decode())
        board.ask("pair", "on")
        end_s = time.monotonic() + join_s
        while True:
            state = board.ask("pair", "state")
            state = state if isinstance(state, dict) else {}
            found = pairs.Pair(
                hello.uid, hello.object_kind, key, str(state.get("name")), str(state.get("address") or "")
            )
            if found.address or time.monotonic() > end_s:
                break
            board.wait(LOOK_S)
        pairs.save(found)
        if not found.address:
            raise LinkError(
                f"The board has its key, but has not joined the network {ssid} ({state.get('wifi')}). "
                "Probably the name or the password is not right, or it is too far away; networks at 5 GHz "
                "are not heard. Pair it again."
            )
    return found


def in_the_network() -> list[Plug]:
    """Return the paired boards that are not plugged in: they may be in the network."""
    plugged = {plug.serial_number.lower() for plug in plugs()}
    return [Plug(f"net:{uid}") for uid in pairs.paired() if uid.lower() not in plugged]


def unpair(port: str) -> str:
    """Have the board at a port forget key and network, and forget it here; return its id.

    Parameters
    ----------
    port
        Over USB.

    Raises
    ------
    LinkError
        When nobody answers, or the board refuses.
    """
    with _Asked(port) as board:
        board.ask("pair", "off")
        pairs.forget(board.hello.uid)
        return board.hello.uid


class _Asked:
    """A board that is asked one thing after the other."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._connection = Connection(Plug(port))

    def __enter__(self) -> "_Asked":
        self._connection.open()
        try:
            self.hello = self._hello()
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def _hello(self) -> Hello:
        def known(news: News) -> Hello | None:
            if isinstance(news, Refused):
                raise LinkError(news.reason)
            return news.hello if isinstance(news, Attached) else None

        return self._until(known, "did not say who it is")

    def ask(self, word: str, *arguments: str) -> object:
        """Return the value that the board answers; LinkError where it refuses."""
        number = self._connection.session.request(word, *arguments, timeout_s=ANSWER_S)
        reply = self._until(
            lambda news: news if isinstance(news, Reply) and news.number == number else None, "did not answer"
        )
        if not reply.ok:
            raise LinkError(f"The board on {self._port} is not paired: {reply.error}")
        return reply.value

    def wait(self, seconds: float) -> None:
        """Keep the connection for a while."""
        end_ns = self._connection.now_ns() + round(1e9 * seconds)
        while self._connection.now_ns() < end_ns:
            self._connection.step()

    def _until(self, found: Callable[[News], Found | None], failed: str) -> Found:
        end_ns = self._connection.now_ns() + round(1e9 * (ANSWER_S + 1.0))
        while self._connection.now_ns() < end_ns:
            for news in self._connection.step():
                if (result := found(news)) is not None:
                    return result
        raise LinkError(
            f"The board on {self._port} {failed}. "
            f"{self._connection.trouble or 'Unplug it, plug it in and try again.'}"
        )
