"""The button board as a function of time: fingers, slips, bounce and glitches at five buttons."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dexkit.sim.movement import LINEAR, Contact, Ramps
from dexkit.sim.noise import PANEL_CELL, wander
from dexkit.sim.person import Fact, Person
from dexkit.sim.severity import CHEONG_LIMIT_S

Floats = NDArray[np.float64]

BUTTONS = 5
#: How much longer a button takes than the middle one; button 0 is the largest (PROPOSED).
SIZE_PACE = (0.80, 0.90, 1.0, 1.15, 1.35)
#: A healthy person's mean times at the middle button (PROPOSED; four buttons in less than 20 s is Sollerman's
#: best grade, so one takes well below 5 s).
REACH_S, FIND_S, PUSH_S, RELEASE_S, PULL_S = 0.6, 1.0, 0.7, 0.25, 0.9


def bounce(person: Person, contact: Contact, t_s: float, longest_s: float = 0.11) -> None:
    """Change this contact over at t_s with chatter: short mostly, long now and then."""
    contact.change(t_s)
    span_s = min(longest_s, float(person.rng.choice((0.0, 0.008, 0.03, 0.11), p=(0.25, 0.45, 0.2, 0.1))))
    pairs = int(person.rng.integers(1, 4)) if span_s > 0 else 0
    for moment_s in np.sort(person.rng.uniform(0.2, 1.0, 2 * pairs)) * span_s:
        contact.change(t_s + float(moment_s))


class ButtonsWorld:
    """A person who closes the buttons from large to small and opens them again."""

    def __init__(self, person: Person, seed: int, buttons: int = BUTTONS) -> None:
        self.person = person
        self.seed = seed
        self.truth: list[tuple[float, str, int]] = []
        self._touch = [Contact() for _ in range(BUTTONS)]
        self._entry = [Contact() for _ in range(BUTTONS)]
        self._seated = [Contact() for _ in range(BUTTONS)]
        self._pull = Ramps(0.0)
        self._free: set[int] = set()
        self._slips = 0
        self._close_s: list[float] = []
        self._open_s: list[float] = []
        self._clock_s = person.between(1.0, 2.0)
        order = self._order(min(buttons, BUTTONS))
        start_s = self._clock_s
        closed = [button for i, button in enumerate(order) if self._close(button, i / len(order))]
        closing_s = self._clock_s - start_s
        self._clock_s += person.between(1.0, 2.0)
        for button in closed:
            self._open(button)
        self.duration_s = self._clock_s + 1.0
        self._glitches()
        self.truth.sort()
        self.facts: dict[str, Fact] = {
            "total_s": closing_s,
            "close_s": tuple(self._close_s),
            "open_s": tuple(self._open_s),
            "completed": float(len(closed)),
            "slips": float(self._slips),
            "cheong_class": self._cheong(len(closed) == len(order)),
        }

    def _order(self, buttons: int) -> list[int]:
        """Return the order in which the buttons are closed."""
        order = list(range(buttons))
        if self.person.chance(0.3 * (self.person.severity.slips > 1)) and len(order) > 1:
            order[-2:] = order[:-3:-1]  # the last two in the wrong order
        return order

    def _cheong(self, completed: bool) -> str:
        """Return the group of Cheong 2018: time to fasten a button, here the mean of the board's buttons."""
        if not completed:
            return "A"
        return "B" if np.mean(self._close_s) > CHEONG_LIMIT_S else "C"

    def _finger(self, button: int, start_s: float, end_s: float) -> None:
        """Let a finger lie on a button; short gaps, when it shifts, still are one touch."""
        p = self.person
        self.truth.append((start_s, "touch", button))
        t_s, begin_s = start_s, start_s
        while True:
            t_s += p.between(0.15, 2.5)
            if t_s + 0.3 > end_s:
                break
            gap_s = p.between(0.02, 0.145)
            self._touch[button].pulse(begin_s, t_s)
            t_s += gap_s
            begin_s = t_s
        self._touch[button].pulse(begin_s, end_s)

    def _work(self, start_s: float, end_s: float) -> None:
        """Let the cloth be pulled from start_s to end_s."""
        self._pull.to(start_s, 0.1, self.person.between(1.0, 6.0))
        self._pull.to(max(end_s - 0.1, start_s + 0.1), 0.1, 0.0, LINEAR)

    def _close(self, button: int, progress: float) -> bool:
        """Close one button; return whether it was done."""
        p = self.person
        pace = p.severity.button_pace * SIZE_PACE[button] * p.tired(progress)
        small = button / (BUTTONS - 1)
        gives_up = p.chance(p.severity.gives_up * small**2)
        failures = int(p.rng.poisson(p.severity.slips * SIZE_PACE[button] ** 2))
        failures += 2 if gives_up else 0
        self._clock_s += p.lasting(REACH_S * (1.0 + 0.3 * pace))
        started_s = self._clock_s
        finger_s = started_s
        share = 1.0 / (1.0 + 0.35 * failures)  # those who slip try faster
        for _ in range(failures):
            self._clock_s += max(0.15, p.lasting(FIND_S * pace * share, 0.4))
            if self._slip(button):
                self._slips += 1
            self._clock_s += p.between(0.15, 0.4)
            if p.chance(0.6):  # the finger lets go before it tries again
                self._finger(button, finger_s, self._clock_s)
                self._clock_s += p.between(0.3, 0.8)
                finger_s = self._clock_s
            else:
                self._clock_s += 0.3
        if gives_up:
            self._clock_s += p.lasting(FIND_S * pace)
            self._finger(button, finger_s, self._clock_s)
            self._work(started_s, self._clock_s)
            self._clock_s += 0.4
            return False
        self._clock_s += max(0.15, p.lasting(FIND_S * pace, 0.4))
        self.truth.append((self._clock_s, "entry", button))
        bounce(p, self._entry[button], self._clock_s)
        self._clock_s += max(0.2, p.lasting(PUSH_S * pace, 0.4))
        self.truth.append((self._clock_s, "seated", button))
        self._close_s.append(self._clock_s - started_s)
        bounce(p, self._seated[button], self._clock_s)
        self._work(started_s, self._clock_s)
        self._clock_s += 0.05 + p.lasting(RELEASE_S)
        self._finger(button, finger_s, self._clock_s)
        if p.chance(0.2):  # the button slides through the hole and leaves the entry free
            self._free.add(button)
            bounce(p, self._entry[button], self._clock_s + 0.05)
        self._clock_s += 0.15
        return True

    def _slip(self, button: int) -> bool:
        """Get the button into the hole and lose it again, or not even in; return whether it was in."""
        p = self.person
        if p.chance(0.15):
            return False
        self.truth.append((self._clock_s, "entry", button))
        bounce(p, self._entry[button], self._clock_s)
        self._clock_s += p.between(0.16, 1.5)
        if p.chance(0.4):
            flicker_s = p.between(0.012, 0.065)
            self._seated[button].pulse(self._clock_s, self._clock_s + flicker_s)
            self._clock_s += flicker_s + p.between(0.02, 0.09)
        self.truth.append((self._clock_s, "slip", button))
        bounce(p, self._entry[button], self._clock_s)
        return True

    def _open(self, button: int) -> None:
        """Open one button; now and then it catches again."""
        p = self.person
        pace = 0.5 * p.severity.button_pace + 0.5
        self._clock_s += p.lasting(REACH_S * (1.0 + 0.2 * pace))
        started_s = self._clock_s
        again = p.chance(0.04 * p.severity.button_pace)
        for attempt in range(2 if again else 1):
            self._clock_s += max(0.7, p.lasting(PULL_S * pace * SIZE_PACE[button], 0.3))
            self.truth.append((self._clock_s, "opened", button))
            bounce(p, self._seated[button], self._clock_s)
            if attempt < again:
                self._clock_s += p.between(0.42, 1.2)
                self.truth.append((self._clock_s, "seated", button))
                bounce(p, self._seated[button], self._clock_s)
        self._open_s.append(self._clock_s - started_s)
        self._clock_s += p.between(0.05, 0.4)
        if button not in self._free:
            bounce(p, self._entry[button], self._clock_s)
        self._work(started_s, self._clock_s)
        self._clock_s += 0.15
        self._finger(button, started_s, self._clock_s)
        self._clock_s += 0.2

    def _glitches(self) -> None:
        """Add a glitch of up to 10 ms to an idle contact, open or closed, about every ten seconds."""
        p = self.person
        contacts = self._touch + self._entry + self._seated
        for _ in range(int(p.rng.poisson(self.duration_s / 10.0))):
            contact = contacts[int(p.rng.integers(len(contacts)))]
            t_s = p.between(0.2, self.duration_s - 0.2)
            changes = contact.changes()
            if len(changes) == 0 or np.abs(changes - t_s).min() > 0.5:
                contact.pulse(t_s, t_s + p.between(0.001, 0.0095))

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the board says at these times: float32 (n, 16), or these columns of the schema's."""
        t_s = np.asarray(t_s, np.float64)
        known = [*(c.at for c in self._touch + self._entry + self._seated), self._panel_n]
        wanted = range(len(known)) if columns is None else columns
        return np.stack([known[column](t_s) for column in wanted], axis=1).astype(np.float32)

    def _panel_n(self, t_s: Floats) -> Floats:
        pull_n = self._pull.at(t_s) * (1.0 + 0.3 * wander(self.seed, 700, t_s, 0.4))
        shake = self.person.tremor_ms2 * 0.2 * self.person.tremor.value(t_s)
        return pull_n * (1.0 + 0.1 * shake) + PANEL_CELL.errors(self.seed, 80, t_s)
