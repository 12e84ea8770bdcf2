"""Which boards are there, and how each is: asked by hello, told in words."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dexkit.errors import LinkError
from dexkit.link import names
from dexkit.link.connection import Connection
from dexkit.link.news import Attached, Hello, Refused
from dexkit.link.ports import Plug

#: A board that runs answers in some milliseconds; a cup that was just plugged in sets up for five seconds.
ANSWER_S = 7.0
#: What is said of a port that no board can be used on.
STATES = {"closed": "cannot be opened", "refused": "cannot be used", "silent": "no answer"}


@dataclass(frozen=True)
class Seen:
    """What is behind a port.

    Parameters
    ----------
    plug
        The port.
    hello
        Who answered; None when nobody did.
    state
        ``free``, ``closed`` (it does not open), ``refused`` (another schema, or no dexkit), ``silent``.
    remedy
        What is wrong and the next step; empty for a free one.
    """

    plug: Plug
    hello: Hello | None
    state: str
    remedy: str

    def words(self) -> list[str]:
        """Return what to tell a person: one line, and the remedy below it."""
        if self.state != "free" or self.hello is None:
            return [f"{self.plug.url}: {STATES[self.state]}", f"  {self.remedy}"]
        ailing = [f"  {sensor}: {state}" for sensor, state in self.hello.ailing.items()]
        return [f"{self.plug.url}: {_who(self.hello)}, free", *ailing]


def look(plugs: Iterable[Plug], answer_s: float = ANSWER_S) -> list[Seen]:
    """Ask who is behind each port, all at once.

    Parameters
    ----------
    plugs
        The ports.
    answer_s
        How long to wait for an answer.
    """
    plugs = list(plugs)
    if not plugs:
        return []
    with ThreadPoolExecutor(len(plugs)) as pool:
        return list(pool.map(lambda plug: _look(plug, answer_s), plugs))


def _look(plug: Plug, answer_s: float) -> Seen:
    connection = Connection(plug)
    try:
        connection.open()
    except LinkError as error:
        return Seen(plug, None, "closed", str(error))
    try:
        end_ns = connection.now_ns() + round(1e9 * answer_s)
        while connection.now_ns() < end_ns and connection.is_open:
            for news in connection.step():
                if isinstance(news, Attached):
                    return Seen(plug, news.hello, "free", "")
                if isinstance(news, Refused):
                    return Seen(plug, news.hello, "refused", news.reason)
    finally:
        connection.close()
    return Seen(plug, None, "silent", connection.trouble or _silent(plug.url))


def _silent(url: str) -> str:
    """Return what may be wrong where a port is open and nobody answers."""
    if url.startswith("socket:"):
        return "Probably another program is connected to it, or the board does not run. Close the other one."
    return (
        "Probably dexkit's firmware is not on the board, or it does not run. Unplug it and plug it in again; "
        f"if that does not help, put the firmware on it: dexkit flash {url}"
    )


def _who(hello: Hello) -> str:
    name = hello.object_kind.replace("_", " ")
    if called := names.name_of(hello.uid):
        name += f" {called!r}"
    calibration = f"calibration {hello.calibration}" if hello.calibration else "uncalibrated"
    return f"{name} {hello.uid}, firmware {hello.firmware}, {calibration}"
