"""One board's self-test: its own words, a minute of rest, its history and, with a person, a walk."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dexkit import __version__
from dexkit.bench import belonging
from dexkit.bench.capture import Capture, Progress, ask, attach, attached, capture, restart
from dexkit.bench.history import TIME, Entry, alarms, keep, kept
from dexkit.bench.lights import GREY, RED, Light, worst
from dexkit.bench.rest import Rest, figures
from dexkit.bench.resting import clock, is_unsteady, resting
from dexkit.bench.standing import ACCEL
from dexkit.bench.walk import Walk, not_walked
from dexkit.errors import InputError, LinkError
from dexkit.hardware import load
from dexkit.link.connection import Connection
from dexkit.link.news import Hello
from dexkit.link.ports import Plug
from dexkit.protocol.tables import OBJECT_ID
from dexkit.recording.calibration import known

#: How long the untouched object is listened to; a walk ends when all was seen, at the latest after this long,
#: and when for so long nothing new was seen.
MINUTE_S, WALK_S, IDLE_S = 60.0, 300.0, 25.0
SELFTEST_S = 15.0

#: Is told what the person is to do, before a walk begins; returns whether it is to begin.
Begin = Callable[[Walk], bool]
#: Is shown a walk while it goes on; returns whether it goes on.
Look = Callable[[Walk], bool]


@dataclass(frozen=True)
class SelfTest:
    """What a self-test found.

    Parameters
    ----------
    port
        Where the board was.
    hello
        Who it is.
    time
        When, UTC.
    seconds
        How long it was listened to at rest.
    lights
        The lines.
    figures
        What was measured, by name; goes into the history.
    note
        What else a person must know; empty mostly.
    """

    port: str
    hello: Hello
    time: str
    seconds: float
    lights: tuple[Light, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def verdict(self) -> str:
        """The worst colour."""
        return worst(self.lights)

    def entry(self) -> Entry:
        """Return what its history keeps."""
        hello = self.hello
        return Entry(
            self.time,
            hello.uid,
            hello.object_kind,
            hello.firmware,
            hello.calibration,
            self.verdict,
            self.figures,
        )

    def facts(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "dexkit": __version__,
            "time": self.time,
            "port": self.port,
            "object": self.hello.object_kind,
            "uid": self.hello.uid,
            "firmware": self.hello.firmware,
            "calibration": self.hello.calibration,
            "seconds": round(self.seconds, 3),
            "verdict": self.verdict,
            "lights": [light.facts() for light in self.lights],
            "figures": dict(self.figures),
            "note": self.note,
        }


def selftest(
    plug: Plug,
    *,
    seconds: float = MINUTE_S,
    progress: Progress = lambda done_s, seconds: None,
    wanted: str | None = None,
    begin: Begin = lambda walk: False,
    look: Look = lambda walk: True,
    goes_on: Callable[[], bool] = lambda: True,
    anew: bool = True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SelfTest:
    """Test one board, and add what was found to its history.

    Parameters
    ----------
    plug
        Where it is; the object stands empty and nobody touches it.
    seconds
        How long to listen.
    progress
        Called with the seconds taken, and those wanted.
    wanted
        The object that a person says it is; None where nobody said.
    begin
        Is told what a walk asks for, and returns whether a person is ready for it.
    look
        Is shown the walk while it goes on, and returns whether it goes on.
    goes_on
        Asked all the time; False stops the test, and nothing of it is kept.
    anew
        Whether the board's application is started anew first, so that it sets up its sensors and says what it
        complains of; never over the network, nor while a new application is on trial.
    now
        The wall clock, UTC.

    Raises
    ------
    LinkError
        When the board does not answer or is refused, or the test was stopped.
    """
    with attached(plug) as connection:
        logs: list[str] = []
        hello = attach(connection)
        if anew and not hello.said.get("trial") and not plug.url.startswith(("net:", "replay:")):
            hello = restart(connection, logs)
        told = _own_words(lambda: ask(connection, "selftest", timeout_s=SELFTEST_S))
        minute = capture(connection, seconds, progress, goes_on=goes_on)
        walk = _walk(connection, hello, begin, look) if goes_on() else None
    if not goes_on():
        raise LinkError(f"The self-test at {plug.url} was stopped, so nothing of it is kept. Repeat it.")
    return _kept(plug, minute, told, logs, wanted, walk, now().strftime(TIME))


def _walk(connection: Connection, hello: Hello, begin: Begin, look: Look) -> Walk | None:
    """Let a person walk through the object; None where nobody does."""
    if hello.object_kind not in OBJECT_ID:
        return None
    walk = Walk(load(hello.object_kind))
    if not begin(walk):
        return None

    def goes_on() -> bool:
        return bool(walk.left()) and walk.idle_s < IDLE_S and look(walk)

    capture(connection, WALK_S, heard=walk.heard, goes_on=goes_on)
    return walk


def _own_words(ask_it: Callable[[], Any]) -> Mapping[str, Any]:
    """Return what the board's own self-test says, by sensor; nothing where it gives no answer."""
    try:
        said = ask_it()
    except LinkError:
        return {}
    return said if isinstance(said, Mapping) else {}


def _kept(
    plug: Plug,
    minute: Capture,
    told: Mapping[str, Any],
    logs: list[str],
    wanted: str | None,
    walk: Walk | None,
    time: str,
) -> SelfTest:
    """Judge what was taken, compare it with the history, and add it there; a note says where that fails."""
    earlier: tuple[Entry, ...] = ()
    try:
        past = kept(minute.hello.uid)
        earlier, note, may_keep = past.entries, past.words(), True
    except InputError as error:
        note, may_keep = f"This test was not kept, nor compared with earlier ones. {error}", False
    lights, found = judged(minute, told, logs, wanted, earlier, walk)
    test = SelfTest(plug.url, minute.hello, time, minute.seconds, lights, found, note)
    test = replace(test, lights=(*lights, *alarms(earlier, test.entry())))
    try:
        if may_keep:
            keep(test.entry())
    except InputError as error:
        test = replace(test, note=f"{note} This test was not kept. {error}".strip())
    return test


def judged(
    minute: Capture,
    told: Mapping[str, Any],
    logs: list[str],
    wanted: str | None,
    earlier: tuple[Entry, ...],
    walk: Walk | None,
) -> tuple[tuple[Light, ...], dict[str, float]]:
    """Return the lines and the figures of what was taken; the drift against the history apart.

    Parameters
    ----------
    minute
        Of the untouched object.
    told
        What the board's own self-test answered, by sensor.
    logs
        Lines that it said when it started.
    wanted
        The object that a person says it is.
    earlier
        Its history.
    walk
        What a person walked through; None where nobody did.
    """
    hello = minute.hello
    calibration, damage = None, ""
    try:
        calibration = known(hello.calibration)
    except InputError as error:
        damage = str(error)
    lights = [
        belonging.kind(hello, told, earlier[-1].object_kind if earlier else None, wanted),
        belonging.calibration(
            hello, calibration, [*logs, *minute.logs], (entry.calibration for entry in earlier), damage
        ),
        *belonging.sensors(hello, told),
    ]
    if hello.object_kind not in OBJECT_ID:
        return tuple(lights), {}
    hardware = load(hello.object_kind)
    if calibration is not None and calibration.uid != hello.uid:
        calibration = None
    rests = figures(minute, calibration)
    lights += resting(minute, told, hardware, rests, calibration)
    lights += [clock(minute), _battery(lights)]
    lights += walk.lights() if walk is not None else not_walked(hardware)
    return tuple(lights), _figures(minute, rests)


def _battery(lights: list[Light]) -> Light:
    """Return what is known of the supply: no board of this kit measures it, but a weak one shows."""
    weak = [light for light in lights if "supply is weak" in light.measured]
    if weak:
        return Light(
            "battery",
            "",
            RED,
            f"weak: {weak[0].of} {weak[0].measured}",
            "strong enough for the cells' converters",
            "Charge or change the battery, or use another cable or port; then plug the board in anew.",
        )
    return Light("battery", "", GREY, "not measurable: no sensor on this board", "", "")


def _figures(minute: Capture, rests: Mapping[str, Rest]) -> dict[str, float]:
    """Return what the history keeps."""
    found: dict[str, float] = {}
    for name, samples in minute.streams.items():
        if samples.rate_hz:
            found[f"{name} rate_hz"] = samples.rate_hz
    for channel, rest in rests.items():
        found[f"{channel} noise"] = rest.noise
        if channel.endswith("_n") and is_unsteady(rest):
            continue  # no later zero is to be held against this one
        found[f"{channel} level"] = rest.level
        found[f"{channel} drift"] = rest.slope_min
    if all(axis in rests for axis in ACCEL):
        found["gravity level"] = math.hypot(*(rests[axis].level for axis in ACCEL))
    if minute.clock is not None:
        found["clock_ppm"] = minute.clock.ppm
    return {name: value for name, value in found.items() if math.isfinite(value)}
