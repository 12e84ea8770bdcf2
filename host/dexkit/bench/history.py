"""Each board's earlier self-tests, a line each, and the alarm before drift eats the error budget."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dexkit.bench.lights import AMBER, GREEN, RED, Light, limits
from dexkit.bench.standing import GRAVITY_MS2
from dexkit.errors import InputError
from dexkit.kit_files import cannot_keep, config_folder

TIME = "%Y-%m-%dT%H:%M:%SZ"
DAY_S = 86_400.0
REMEDY = (
    "Empty and dry it, take everything off and repeat. If it stays, calibrate it again: dexkit calibrate. If "
    "it goes on so, change the cell."
)


@dataclass(frozen=True)
class Entry:
    """One self-test.

    Parameters
    ----------
    time
        When, UTC, as ``2026-11-30T12:00:00Z``.
    uid, object_kind, firmware, calibration
        As hello said.
    verdict
        Worst colour.
    figures
        What was measured, by name: ``foot_n level``, ...
    """

    time: str
    uid: str
    object_kind: str
    firmware: str
    calibration: str | None
    verdict: str
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def at_s(self) -> float:
        """Seconds since 1970."""
        return datetime.strptime(self.time, TIME).replace(tzinfo=UTC).timestamp()

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        facts = {**vars(self), "figures": dict(self.figures)}
        return json.dumps(facts, sort_keys=True, allow_nan=False).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Entry":
        """Return what a line says; ValueError where it cannot be one."""
        said = json.loads(line)
        try:
            figures = {str(name): float(value) for name, value in said["figures"].items()}
            calibration = said["calibration"]
            entry = cls(
                str(said["time"]),
                str(said["uid"]),
                str(said["object_kind"]),
                str(said["firmware"]),
                None if calibration is None else str(calibration),
                str(said["verdict"]),
                figures,
            )
            entry.at_s  # noqa: B018  a time that is none is damage too
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from None
        return entry


@dataclass(frozen=True)
class Kept:
    """What is kept of one board.

    Parameters
    ----------
    entries
        In the order of their lines.
    damaged
        Numbers of the lines that cannot be read, from 1.
    path
        The file.
    """

    entries: tuple[Entry, ...]
    damaged: tuple[int, ...]
    path: Path

    def words(self) -> str:
        """Return what to say of damaged lines; empty when there is none."""
        if not self.damaged:
            return ""
        numbers = ", ".join(map(str, self.damaged))
        return (
            f"{self.path}, line {numbers}: cannot be read and was passed over. Probably a write was cut off. "
            "The other lines count; nothing need be done."
        )


def folder() -> Path:
    """Return where this computer keeps self-tests."""
    return config_folder() / "selftests"


def kept(uid: str) -> Kept:
    """Return the earlier self-tests of a board.

    Parameters
    ----------
    uid
        Its unique id.

    Raises
    ------
    InputError
        When the file is there and cannot be opened, or the id is none.
    """
    if not uid.isalnum():
        raise InputError(f"{uid!r} is no board's id. Probably its hello was damaged. Plug it in again.")
    path = folder() / f"{uid}.jsonl"
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise InputError(
            f"Cannot read {path} ({error.strerror}). Probably it belongs to somebody else. `dexkit doctor` "
            "says what can be done about it."
        ) from None
    entries, damaged = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append(Entry.read(line))
        except ValueError:
            damaged.append(number)
    return Kept(tuple(entries), tuple(damaged), path)


def keep(entry: Entry) -> Path:
    """Add a self-test to its board's history; return the file.

    Parameters
    ----------
    entry
        The self-test.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    path = folder() / f"{entry.uid}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
            whole = not end or file.read(1) == b"\n"
            file.write(
                (b"" if whole else b"\n") + entry.line()
            )  # one write: a line is there wholly or cut at its end
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_keep(path, error) from None
    return path


def budget(name: str) -> float | None:
    """Return how far a figure may go before it eats the measure's error budget; None where it does not."""
    if name.endswith("_n level"):
        return 1e-3 * limits().mass_g * GRAVITY_MS2
    if name == "gravity level":
        return GRAVITY_MS2 * float(np.sin(np.radians(limits().tilt_deg)))
    return None


def alarms(earlier: Sequence[Entry], now: Entry) -> list[Light]:
    """Return how far each figure has gone since the board's calibration was first tested, and where it goes.

    Parameters
    ----------
    earlier
        Self-tests of the board, oldest first.
    now
        This one.
    """
    same = [
        entry
        for entry in earlier
        if entry.calibration == now.calibration
        and entry.object_kind == now.object_kind
        and entry.verdict != RED
    ]
    lights = []
    for name in now.figures:
        allowed = budget(name)
        past = [entry for entry in same if name in entry.figures]
        if allowed is not None and past:
            course = [(entry.at_s, entry.figures[name]) for entry in [*past, now]]
            lights.append(_alarm(name, course, allowed, past[0].time))
    return lights


def _alarm(name: str, course: list[tuple[float, float]], allowed: float, since: str) -> Light:
    """Return how one figure has gone."""
    channel = name.split()[0]
    unit = "N" if channel.endswith("_n") else "m/s2"
    at_s, values = np.array(course).T
    gone = float(values[-1] - values[0])
    share = abs(gone) / allowed
    measured = f"{gone:+.4f} {unit} since {since[:10]}"
    expected = f"within {limits().warn_share * allowed:.4f} of {allowed:.4f} {unit}"
    colour, days = GREEN, _days_left(at_s / DAY_S, values - values[0], allowed)
    if share >= 1.0:
        colour = RED
    elif share >= limits().warn_share:
        colour = AMBER
    elif days is not None and days < limits().warn_days:
        colour = AMBER
        measured += f", and at the budget in {days:.0f} days"
    return Light(
        "history", channel, colour, measured, expected, REMEDY if colour != GREEN else "", gone, allowed, unit
    )


def _days_left(day: np.ndarray, gone: np.ndarray, allowed: float) -> float | None:
    """Return in how many days a trend reaches the budget; None where there is no trend."""
    if len(day) < 4 or day[-1] - day[0] < limits().trend_days:
        return None
    slope, start = np.polyfit(day - day[-1], gone, 1)
    rest = gone - (slope * (day - day[-1]) + start)
    spread = float(np.sqrt(np.sum(rest**2) / (len(day) - 2) / np.sum((day - day.mean()) ** 2)))
    if abs(slope) < 4.0 * spread or slope * start <= 0:
        return None
    return max((allowed - abs(float(start))) / abs(float(slope)), 0.0)
