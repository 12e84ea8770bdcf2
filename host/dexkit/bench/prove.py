"""Has a new application prove itself: it says hello, speaks our schema, and passes its self-test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dexkit.errors import LinkError
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Hello, News, Refused, Reply
from dexkit.link.ports import Plug

#: A board starts, configures its sensors and says hello in a few seconds; some computers take as long again.
HELLO_S = 20.0
SELFTEST_S = 15.0

T = TypeVar("T")


@dataclass(frozen=True)
class Proof:
    """What an application has shown.

    Parameters
    ----------
    hello
        Who the board is.
    faults
        What its self-test found, in words; none when it passed.
    kept
        Whether it is kept; else it is still on trial.
    """

    hello: Hello
    faults: tuple[str, ...]
    kept: bool


def prove(plug: Plug, *, on_trial: bool) -> Proof:
    """Say hello to the application of a board, and have it test itself.

    Parameters
    ----------
    plug
        Where the board is; it has just been reset, so its port may be away for a moment.
    on_trial
        Whether the application is new, and the board has another one to fall back to.

    Raises
    ------
    LinkError
        When it says no hello, is not the new one, or speaks another schema.
    """
    hello, reply = _converse(plug, "selftest")
    if on_trial and not hello.said.get("trial"):
        raise LinkError("The new application did not start.")
    assert reply is not None
    faults = _faults(reply.value) if reply.ok else (reply.error,)
    after, _ = _converse(plug)
    return Proof(hello, faults, kept=not after.said.get("trial"))


def greet(plug: Plug) -> Hello:
    """Return the hello of a board that was just reset, of whatever version: it need not speak our schema.

    Parameters
    ----------
    plug
        Where the board is.

    Raises
    ------
    LinkError
        When it says none.
    """
    connection = Connection(plug)
    try:
        return _wait(connection, HELLO_S, _any_hello)
    finally:
        connection.close()


def _converse(plug: Plug, word: str = "") -> tuple[Hello, Reply | None]:
    """Connect, take the board's hello, and have one command answered."""
    connection = Connection(plug)
    try:
        hello = _wait(connection, HELLO_S, _attached)
        if not word:
            return hello, None
        with connection.lock:
            number = connection.session.request(word, timeout_s=SELFTEST_S)
        return hello, _wait(connection, SELFTEST_S + 1, lambda news: _reply(news, number))
    finally:
        connection.close()


def _wait(connection: Connection, seconds: float, wanted: Callable[[News], T | None]) -> T:
    """Keep a connection until the news wanted has come."""
    began_ns = connection.now_ns()
    while connection.now_ns() - began_ns < 1e9 * seconds:
        for news in connection.step():
            if (found := wanted(news)) is not None:
                return found
            if isinstance(news, Refused):
                raise LinkError(news.reason)
    raise LinkError(
        f"The application did not answer within {seconds:.0f} s"
        + (f" ({connection.trouble})" if connection.trouble else "")
        + ". Probably it does not start. Unplug the board, plug it in, and look at it with `dexkit ports`."
    )


def _attached(news: News) -> Hello | None:
    return news.hello if isinstance(news, Attached) else None


def _any_hello(news: News) -> Hello | None:
    return news.hello if isinstance(news, (Attached, Refused)) else None


def _reply(news: News, number: int) -> Reply | None:
    return news if isinstance(news, Reply) and news.number == number else None


def _faults(found: object) -> tuple[str, ...]:
    """Return in words what is wrong with which sensor."""
    if not isinstance(found, Mapping) or not found:
        return ("it names no sensor",)
    return tuple(f"{name} {facts['words']}" for name, facts in found.items() if facts["words"] != "ok")
