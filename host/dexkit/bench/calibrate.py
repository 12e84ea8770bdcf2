"""The guided calibration: what comes next, and whether a capture can be used.

It knows neither terminal nor page nor port: who drives it shows `current`, captures, gives the capture to
`take`, and shows the words or the refusal; `result` follows from all of them.
"""

from collections.abc import Sequence

import numpy as np

from dexkit.bench.capture import Capture
from dexkit.bench.judge import AGAIN, Rest, at_rest, check_streams, check_walk
from dexkit.bench.result import ACCEL, GYRO, Outcome, Taken, conclude
from dexkit.bench.steps import CELL_WORDS, Step, cells_of, steps_of
from dexkit.bench.weights import N_PER_G, Weight
from dexkit.errors import InputError
from dexkit.hardware import load
from dexkit.link.news import Hello
from dexkit.protocol.tables import STREAMS

#: Stillness: a share of the largest load; for the motion sensor as it is.
STILL_SHARE, STILL_MS2, STILL_RADS = 5e-4, 0.01, 0.002
#: How far a cell may be from nominal before anything is known, and then from its own line, of the load.
GAIN_SHARE, MASS_SHARE = 0.15, 0.025
#: How well the axis that is asked must look up.
AIM_COS = 0.9


class Calibrator:
    """One run through an object's steps.

    Parameters
    ----------
    hello
        Who the board is.
    weights
        Two or more known masses, growing.

    Attributes
    ----------
    steps, at
        All of them, and which comes next.
    refusals
        Steps that were refused, and why, for the certificate.

    Raises
    ------
    InputError
        When the object is not known or does not carry the masses.
    """

    def __init__(self, hello: Hello, weights: Sequence[Weight]) -> None:
        self.hello, self.weights = hello, tuple(weights)
        self.steps = steps_of(hello.object_kind, weights)
        self.at = 0
        self.refusals: list[tuple[str, str]] = []
        self._taken: list[Taken] = []
        streams = load(hello.object_kind).streams
        self._contacts = tuple(name for name in streams if STREAMS[name].wire.startswith("bits"))
        self._cells = cells_of(hello.object_kind)

    @property
    def current(self) -> Step | None:
        """What comes next; None after the last step."""
        return self.steps[self.at] if self.at < len(self.steps) else None

    def back(self) -> None:
        """Take the step before again; at the first one nothing happens."""
        if self.at:
            self.at -= 1
            self._taken.pop()

    def take(self, capture: Capture, t_s: float) -> str:
        """Take the capture of the current step and go on; return what it said, in words.

        Parameters
        ----------
        capture
            Of the whole board.
        t_s
            When it was taken, by any clock that runs evenly.

        Raises
        ------
        InputError
            When it cannot be used: says why, and what to do. The step stays.
        """
        step = self.current
        if step is None:
            raise InputError("All steps are done already. Go back to take one again.")
        if capture.hello.uid != self.hello.uid:
            raise InputError("This is another board than before. Plug the first one in, or begin anew.")
        try:
            if step.kind == "walk":
                taken, words = self._walk(step, capture, t_s)
            else:
                taken, words = self._rest(step, capture, t_s)
        except InputError as error:
            self.refusals.append((step.title, str(error)))
            raise
        self._taken.append(taken)
        self.at += 1
        return words

    def _rest(self, step: Step, capture: Capture, t_s: float) -> tuple[Taken, str]:
        """Return what a capture at rest says."""
        still_n = STILL_SHARE * N_PER_G * self.weights[-1].mass_g
        cells: dict[str, dict[str, float]] = {}
        for stream, column in self._cells:
            cells.setdefault(stream, {})[column] = still_n
        wanted = dict(cells)
        if self.hello.object_kind == "cup":
            wanted["cup/motion"] = {**dict.fromkeys(ACCEL, STILL_MS2), **dict.fromkeys(GYRO, STILL_RADS)}
        check_streams(capture, wanted)
        words = {column: f"{name} cell" for column, name in CELL_WORDS.items()}
        words |= dict.fromkeys((*ACCEL, *GYRO), "cup")
        rest: dict[str, Rest] = {}
        for stream in reversed(wanted):  # the motion sensor feels a hand best
            rest |= at_rest(capture.streams[stream], stream, wanted[stream], words)
        taken = Taken(step, t_s, rest)
        self._check_position(taken)
        if step.kind == "load":
            self._check_mass(taken)
        return taken, ", ".join(
            f"{CELL_WORDS[column]} {rest[column].mean:.3f} N" for _, column in self._cells
        )

    def _walk(self, step: Step, capture: Capture, t_s: float) -> tuple[Taken, str]:
        check_streams(capture, self._contacts)
        called = "hole" if self.hello.object_kind == "pegboard" else "button"
        contacts = check_walk({name: capture.streams[name] for name in self._contacts}, step.places, called)
        return Taken(step, t_s, contacts=contacts), f"{len(contacts)} contacts open, closed and open again"

    def _check_position(self, taken: Taken) -> None:
        """Refuse a cup that lies otherwise than asked."""
        if ACCEL[0] not in taken.rest:
            return
        accel = np.array([taken.rest[axis].mean for axis in ACCEL])
        if float(accel @ taken.step.up) < AIM_COS * float(np.linalg.norm(accel)):
            axis = int(np.argmax(np.abs(accel)))
            raise InputError(
                f"The cup lies otherwise: its {'+' if accel[axis] > 0 else '-'}{'xyz'[axis]} looks up. "
                f"{taken.step.do} {AGAIN}"
            )

    def _check_mass(self, taken: Taken) -> None:
        """Refuse a mass that does not fit what the cells said before."""
        zeros = [each for each in self._taken if each.step.kind == "load" and each.step.mass is None]
        known = [each for each in self._taken if each.step.kind == "load" and each.step.mass is not None]
        if not zeros:
            return
        load_g = taken.step.mass.mass_g if taken.step.mass else 0.0
        for _, column in self._cells:
            zero_n = zeros[-1].rest[column].mean
            says_n = taken.rest[column].mean - zero_n
            gain = 1.0
            if known:
                loads_n = np.array([each.step.mass.mass_g * N_PER_G for each in known if each.step.mass])
                said_n = np.array([each.rest[column].mean - zero_n for each in known])
                gain = float(loads_n @ said_n / (said_n @ said_n))
            says_g = gain * says_n / N_PER_G
            share = MASS_SHARE if known else GAIN_SHARE
            if abs(says_g - load_g) > share * max(load_g, self.weights[0].mass_g):
                asked = f"{load_g:g} g" if load_g else "nothing"
                raise InputError(
                    f"On the {CELL_WORDS[column]} lies what weighs {says_g:.1f} g, where {asked} is asked. "
                    "Probably it is another mass, it touches something beside, or a step before was taken "
                    f"with another one: then go back. {AGAIN}"
                )

    def result(self, made: str | None = None) -> Outcome:
        """Return the calibration and what it stands on.

        Parameters
        ----------
        made
            When, UTC, as ``2026-11-30T12:00:00Z`` [now].

        Raises
        ------
        InputError
            When steps are missing, or together they show a fault: says which.
        """
        if self.current is not None:
            raise InputError(f"The step {self.current.title!r} is still missing. Take it first.")
        return conclude(self.hello, self._taken, made)
