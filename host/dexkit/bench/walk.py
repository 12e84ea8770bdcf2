"""A walk: a person presses every contact and every cell once, and what the board saw of it is judged."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.lights import AMBER, GREEN, GREY, RED, Light, limits
from dexkit.hardware import Hardware, Sensor
from dexkit.protocol.tables import SETTINGS

Changes = list[tuple[float, bool]]
HOW = {"pegboard": "Put a peg into every hole, all the way, and take it out again"}
HOW_BUTTONS = "Close every button and open it again, with a finger on it"
HOW_CELL = {
    "foot_n": "press the cup onto the table",
    "inner_n": "press with a finger into the empty cup",
    "load_n": "press on the coaster",
    "panel_n": "pull or press the panel",
    "tray_n": "press into the tray",
}


class Walk:
    """Sees the samples of a walk as they come.

    Parameters
    ----------
    hardware
        Of the object.
    """

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self._contacts = {
            channel: sensor
            for sensor in hardware.sensors.values()
            if sensor.chip_pins
            for channel in sensor.channels
        }
        self._cells = {
            channel: sensor
            for sensor in hardware.sensors.values()
            for channel in sensor.channels
            if channel.endswith("_n")
        }
        self._changes: dict[str, Changes] = {channel: [] for channel in self._contacts}
        self._last: dict[str, float] = {}
        self._at_rest: dict[str, float] = {}
        self._pressed: set[str] = set()
        self._end_s = 0.0
        self._left, self._new_s = len(self.left()), 0.0

    @property
    def idle_s(self) -> float:
        """How long nothing new has been seen."""
        return self._end_s - self._new_s

    def words(self) -> str:
        """Return what the person is to do."""
        kind = self.hardware.object
        contacts = [HOW.get(kind, HOW_BUTTONS)] if self._contacts else []
        cells = " and ".join(HOW_CELL[channel] for channel in self._cells)
        words = ". Then ".join([*contacts, cells])
        return f"{words[0].upper()}{words[1:]}."

    def heard(self, stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples.

        Parameters
        ----------
        stream
            Its name.
        t_s
            float64 (n,): seconds.
        values
            float32 (n, columns), nominal.
        """
        sensors = self.hardware.of_stream(stream)
        columns = [channel for sensor in sensors for channel in sensor.channels]
        if len(t_s):
            self._end_s = max(self._end_s, float(t_s[-1]))
        for column, channel in enumerate(columns):
            there = np.isfinite(values[:, column])
            if channel in self._contacts:
                self._contact(channel, t_s[there], values[there, column])
            elif channel in self._cells and there.any():
                rest_n = self._at_rest.setdefault(channel, float(np.median(values[there, column])))
                if np.median(np.abs(values[there, column] - rest_n)) > limits().press_n:
                    self._pressed.add(channel)
        if len(self.left()) < self._left:
            self._left, self._new_s = len(self.left()), self._end_s

    def _contact(self, channel: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        if not len(values):
            return
        before = self._last.get(channel, float(values[0]))
        steps = np.flatnonzero(np.diff(values, prepend=before))
        self._changes[channel] += [(float(t_s[at]), bool(values[at])) for at in steps]
        self._last[channel] = float(values[-1])

    def left(self) -> list[str]:
        """Return what has not been seen yet: contacts that did not close and open, cells nobody pressed."""
        contacts = [
            channel
            for channel, changes in self._changes.items()
            if {closed for _, closed in changes} != {True, False} or self._last.get(channel)
        ]
        return [*contacts, *(channel for channel in self._cells if channel not in self._pressed)]

    def lights(self) -> list[Light]:
        """Return what the walk has shown."""
        return [*self._moved(), *self._ordered(), *self._bore()]

    def _moved(self) -> Iterator[Light]:
        for channel, changes in self._changes.items():
            states = {closed for _, closed in changes}
            if states != {True, False}:
                always = "closed" if self._last.get(channel) else "open"
                yield Light(
                    "walk",
                    channel,
                    RED,
                    f"stayed {always}" if not states else "changed once only",
                    "closed and opened",
                    _stuck(self._contacts[channel], always),
                )
                continue
            drops = self._drops(changes)
            loose = drops > 0
            yield Light(
                "walk",
                channel,
                (RED if drops > 1 else AMBER) if loose else GREEN,
                f"let go {drops} times while it was held" if loose else "closed and opened",
                "closed and opened",
                "It is loose: press its plug home, solder its wire anew, bend its spring straight; repeat."
                if loose
                else "",
                float(drops),
                0.0,
            )

    def _drops(self, changes: Changes) -> int:
        """Return how often a contact let go, for shorter than a hand can, away from its beginning and end."""
        bounce_s = SETTINGS[self.hardware.object]["bounce_s"]
        openings = [
            (opened_s, closes_s)
            for (opened_s, was), (closes_s, _) in zip(
                changes, [*changes[1:], (self._end_s, True)], strict=True
            )
            if not was
        ]
        ends = [opened_s for opened_s, closes_s in openings if closes_s - opened_s >= limits().apart_s]
        begins = [changes[0][0], *(c for o, c in openings if c - o >= limits().apart_s)]
        return sum(
            closes_s - opened_s < limits().dropout_s
            and all(abs(opened_s - edge_s) > bounce_s for edge_s in (*begins, *ends))
            for opened_s, closes_s in openings
        )

    def _ordered(self) -> Iterator[Light]:
        """Yield the places where seated came before entry: their two channels are swapped."""
        for channel in self._changes:
            if not channel.startswith("entry_"):
                continue
            seated = channel.replace("entry", "seated")
            first = [
                next((t_s for t_s, closed in self._changes[each] if closed), None)
                for each in (channel, seated)
            ]
            if first[0] is not None and first[1] is not None and first[1] < first[0] - limits().order_s:
                early_ms = 1000.0 * (first[0] - first[1])
                yield Light(
                    "channels",
                    f"{channel}, {seated}",
                    RED,
                    f"seated came {early_ms:.0f} ms before entry",
                    "entry before seated",
                    f"{channel} and {seated} are swapped: exchange their wires, and repeat.",
                    early_ms,
                    0.0,
                    "ms",
                )

    def _bore(self) -> Iterator[Light]:
        for channel in self._cells:
            felt = channel in self._pressed
            yield Light(
                "walk",
                channel,
                GREEN if felt else RED,
                "felt the press" if felt else "felt nothing",
                f"more than {limits().press_n:g} N",
                ""
                if felt
                else f"{HOW_CELL[channel].capitalize()}, firmly. If it stays, the cell is dead or free: "
                "check its wires.",
            )


def _stuck(sensor: Sensor, always: str) -> str:
    """Return what to do about a contact that does not change."""
    if sensor.stream.startswith("pegboard/"):
        return (
            "Put a peg in and take it out. If it stays, the barrier is stuck: clean its window, check its "
            f"LED and the wire of its {'receiver' if always == 'closed' else 'pin'}."
        )
    if sensor.chip == "mpr121":
        return "Touch it with a bare, dry finger. If it stays, its electrode's wire is off."
    return (
        "Close and open it. If it stays, the contact is stuck: look for a bent spring or a wire that is off."
    )


def not_walked(hardware: Hardware) -> list[Light]:
    """Return the grey lines of what only a walk can show."""
    left = Walk(hardware).left()
    contacts = [channel for channel in left if not channel.endswith("_n")]
    what = [f"{len(contacts)} contacts"] if contacts else []
    what += [channel for channel in left if channel.endswith("_n")]
    measured = f"not walked: {', '.join(what)}"
    return [Light("walk", "", GREY, measured, "", "dexkit selftest PORT --walk")] if left else []
