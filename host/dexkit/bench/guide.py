"""A guided calibration at a port: asks for a step, captures it, tells what came of it, until all are done.

Who shows it (a terminal here, a page elsewhere) is a `Shows`.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.calibrate import Calibrator
from dexkit.bench.capture import Capture, attach, capture
from dexkit.bench.judge import Walk
from dexkit.bench.result import Outcome
from dexkit.bench.steps import Step
from dexkit.errors import InputError
from dexkit.link.connection import Connection
from dexkit.protocol.tables import STREAMS, TABLE

#: What a person can answer.
TAKE, BACK, LEAVE = "take", "back", "leave"


@dataclass
class View:
    """What is to be seen.

    Parameters
    ----------
    run
        Where the calibration stands.
    said, refused
        What the last capture said, or why it was refused.
    share
        How much of a capture is done; None where none runs.
    done
        Of a walk, how many places.
    readings
        By channel, its latest mean, nominal.
    past
        Steps that were taken, and what each said.
    """

    run: Calibrator
    said: str = ""
    refused: str = ""
    share: float | None = None
    done: int = 0
    readings: dict[str, float] = field(default_factory=dict)
    past: list[tuple[str, str]] = field(default_factory=list)


class Shows(Protocol):
    """Where a calibration is seen and answered."""

    def show(self, view: View) -> None:
        """Show it; called often while a capture runs."""
        ...

    def ask(self, view: View) -> str:
        """Show a step and return what is wanted: TAKE, BACK or LEAVE."""
        ...

    def close(self) -> None:
        """Give back what was taken to show it; called once, however it ended."""
        ...


def capture_step(
    connection: Connection,
    step: Step,
    show: Callable[[float, int, dict[str, float]], None] = lambda share, done, readings: None,
) -> Capture:
    """Return the capture of a step; that of a walk ends when all places have been seen.

    Parameters
    ----------
    connection
        Of the board; nobody else keeps it.
    step
        What is captured.
    show
        Called with the share that is done, the places of a walk, and the latest readings.

    Raises
    ------
    LinkError
        When the board does not answer.
    """
    hello = connection.session.hello
    walk = Walk(step.places, TABLE[hello.object_kind] if hello else ())
    readings: dict[str, float] = {}

    def heard(stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        if step.kind == "walk":
            walk.heard(stream, t_s, values)
        elif len(values):
            readings.update(zip(STREAMS[stream].columns, values.mean(axis=0).tolist(), strict=True))

    return capture(
        connection,
        step.seconds,
        lambda done_s, seconds: show(done_s / seconds, walk.done, readings),
        heard=heard,
        goes_on=lambda: step.kind != "walk" or not walk.is_over,
    )


def guide(
    connection: Connection,
    run: Calibrator,
    shows: Shows,
    arrange: Callable[[Step], None] = lambda step: None,
) -> Outcome | None:
    """Lead through a calibration; return what it found, or None when it was left.

    Parameters
    ----------
    connection
        Of the board; nobody else keeps it.
    run
        The calibration.
    shows
        Where it is seen and answered.
    arrange
        Does what a step asks, where no person does it.

    Raises
    ------
    LinkError
        When the board goes away.
    InputError
        When all steps together show a fault.
    """
    view = View(run)
    attach(connection)
    with contextlib.closing(shows):
        while (step := run.current) is not None:
            answer = shows.ask(view)
            if answer == LEAVE:
                return None
            view.refused = ""
            if answer == BACK:
                run.back()
                view.past, view.said = view.past[:-1], ""
                continue
            arrange(step)

            def show(share: float, done: int, readings: dict[str, float]) -> None:
                view.share, view.done, view.readings = share, done, readings
                shows.show(view)

            taken = capture_step(connection, step, show)
            view.share = None
            try:
                view.said = run.take(taken, 1e-9 * connection.now_ns())
                view.past.append((step.title, view.said))
            except InputError as error:
                view.said, view.refused = "", str(error)
        shows.show(view)
        return run.result()
