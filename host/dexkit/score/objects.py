"""Scoring each of the kit's objects: its take, its measures, and what a page draws of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording
from dexkit.score import buttons, hold, peg_measures, pour, pour_motion
from dexkit.score.buttons import BUTTONS, PANEL, Board
from dexkit.score.cup import ACCEL, FOOT, G_PER_N, GYRO, INNER, Carry, carries
from dexkit.score.measure import Measure, values
from dexkit.score.pegs import HOLES, Pegs
from dexkit.score.pour import Pours
from dexkit.score.scored import Band, Scored, Trace
from dexkit.score.take import EDGE_S, Take, lost_bands, take_of
from dexkit.score.tray import TRAY

POUR_MEASURES: tuple[type[Measure[Pours]], ...] = (*pour.MEASURES, *pour_motion.MEASURES)

#: Parts of a pour that a page names behind the curves.
SHOWN_PARTS = ("lift", "transport", "tilt", "pour", "return")
SIZES = ("largest", "large", "middle", "small", "smallest")
COASTER = "coaster/load"


def score_cup(recording: Recording) -> Scored:
    """Score a recording of the cup, and of its coaster where it was recorded too."""
    cup = take_of(recording, "cup")
    coaster, notes = _coaster(recording)
    found = carries(cup, coaster)
    pours = Pours(tuple(carry for carry in found if carry.poured), cup.meta)
    holds = Pours(tuple(carry for carry in found if not carry.poured), cup.meta)
    events = cup.events
    bands = lost_bands(cup)
    if coaster is not None:
        events = np.concatenate([events, coaster.events])
        events = events[np.argsort(events["t_s"], kind="stable")]
        bands += lost_bands(coaster)
        bands += [Band(t, t + 0.5, "disturbed", "a hand at the glass") for t in coaster.times("disturbed")]
    bands += [band for carry in holds.carries for band in _parts(carry, "")]
    for place, carry in enumerate(pours.carries, 1):
        bands += _parts(carry, str(place) if len(pours.carries) > 1 else "")
    return Scored(
        (*values(POUR_MEASURES, pours), *values(hold.MEASURES, holds)),
        events,
        partial(_cup_traces, cup, coaster),
        tuple(bands),
        (*notes, *cup.lost_notes(), *_coaster_lost(coaster, found)),
    )


def _coaster(recording: Recording) -> tuple[Take | None, tuple[str, ...]]:
    """Return the coaster beside the cup; where it cannot be used, why: the cup is scored still."""
    if COASTER not in recording.streams:
        return None, ()
    try:
        return take_of(recording, "coaster"), ()
    except InputError as error:
        return None, (f"The coaster is left out: {error}",)


def _coaster_lost(coaster: Take | None, found: tuple[Carry, ...]) -> Iterator[str]:
    """Say where the coaster measured nothing beside the cup."""
    if coaster is None:
        return
    yield from coaster.lost_notes(" by the coaster")
    if found and found[0].lift_s < coaster.t0_s:
        yield f"Nothing was measured by the coaster before {coaster.t0_s:.1f} s."
    if found and found[-1].end_s > coaster.end_s + EDGE_S:
        yield f"Nothing was measured by the coaster after {coaster.end_s:.1f} s."


def _parts(carry: Carry, place: str) -> Iterator[Band]:
    """Yield the parts of a carry as bands; where there are several, each as one, with its number."""
    if place:
        yield Band(carry.lift_s, carry.end_s, "phase", f"pour {place}")
        return
    for part in SHOWN_PARTS if carry.poured else ("lift", "whole"):
        span = carry.span(part)
        if isinstance(span, tuple) and span[1] > span[0]:
            yield Band(*span, "phase", "in the air" if part == "whole" else part)


def _cup_traces(cup: Take, coaster: Take | None) -> Iterator[Trace]:
    """Return the curves of a cup: table, liquid, glass, tilt, turning."""
    grid = (cup.t0_s, cup.rate_hz)
    kinds: tuple[str, ...] = ("lift", "put", "bump", "failed_lift")
    yield Trace("Cup on the table (N)", grid, cup.samples[:, FOOT], (), kinds)
    if coaster is not None:
        grams = coaster.samples[:, 0] * np.float32(G_PER_N)
        kinds = ("receive_on", "receive_off", "disturbed")
        yield Trace("Glass on the coaster (g)", (coaster.t0_s, coaster.rate_hz), grams, (), kinds)
    force_ms2 = np.maximum(cup.samples[:, ACCEL.stop - 1], np.float32(2.0))
    yield Trace("Liquid in the cup (g)", grid, np.float32(1000.0) * cup.samples[:, INNER] / force_ms2)
    flow = ("pour_on", "pour_off")
    ax, ay, az = cup.samples[:, ACCEL].T
    yield Trace("Tilt of the cup (deg)", grid, np.degrees(np.arctan2(np.hypot(ax, ay), az)), (), flow)
    turning = np.sqrt((cup.samples[:, GYRO] ** 2).sum(axis=1))
    yield Trace("Turning of the cup (deg/s)", grid, np.degrees(turning))


def score_button_board(recording: Recording) -> Scored:
    """Score a recording of the button board."""
    take = take_of(recording, "button_board")
    board = Board(take)
    bands = lost_bands(take)
    bands += [Band(t.start_s, t.done_s, "phase", f"button {b}") for b, t in board.closings.items()]
    bands += [Band(t.start_s, t.done_s, "phase", f"open {b}") for b, t in board.openings.items()]
    return Scored(
        values(buttons.MEASURES, board),
        take.events,
        partial(_button_traces, take),
        tuple(bands),
        take.lost_notes(),
    )


def _button_traces(take: Take) -> Iterator[Trace]:
    grid = (take.t0_s, take.rate_hz)
    yield Trace("Pull on the panel (N)", grid, take.samples[:, PANEL])
    for button, size in enumerate(SIZES):
        contacts = [take.samples[:, offset + button] for offset in (0, BUTTONS, 2 * BUTTONS)]
        kinds = ("touch", "entry", "seated", "slip", "opened")
        name = f"Button {button} ({size})"
        yield Trace(name, grid, _levels(contacts), ("touched", "entered", "fastened"), kinds, button)


def _levels(contacts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the number of the last of these contacts that is closed, counted from 1; 0 where none is."""
    level = np.zeros(len(contacts[0]), np.float32)
    for number, contact in enumerate(contacts, 1):
        level[contact > 0.5] = number
    return level


def score_pegboard(recording: Recording) -> Scored:
    """Score a recording of the pegboard."""
    take = take_of(recording, "pegboard")
    pegs = Pegs(take)
    bands = lost_bands(take)
    if pegs.start_s is not None and pegs.pegs:
        bands.append(Band(pegs.start_s, pegs.placing_end_s, "phase", "placing"))
        if pegs.returns_s:
            bands.append(Band(pegs.placing_end_s, pegs.returns_s[-1], "phase", "removing"))
    return Scored(
        values(peg_measures.MEASURES, pegs),
        take.events,
        partial(_peg_traces, take),
        tuple(bands),
        take.lost_notes(),
    )


def _peg_traces(take: Take) -> Iterator[Trace]:
    grid = (take.t0_s, take.rate_hz)
    yield Trace("Tray (N)", grid, take.samples[:, TRAY], (), ("pick", "return", "missing"))
    for hole in range(HOLES):
        contacts = [take.samples[:, hole], take.samples[:, HOLES + hole]]
        kinds = ("enter", "seat", "bounce", "unseat")
        yield Trace(f"Hole {hole}", grid, _levels(contacts), ("entered", "seated"), kinds, hole)


#: Measures of each object, in the order in which a person would read them.
MEASURES: dict[str, tuple[type[Measure[Any]], ...]] = {
    "cup": (*POUR_MEASURES, *hold.MEASURES),
    "button_board": buttons.MEASURES,
    "pegboard": peg_measures.MEASURES,
}
