"""From a port to a calibrated board: the right board, its steps, the register, and the file on the board."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dexkit.bench.calibrate import Calibrator
from dexkit.bench.capture import attached
from dexkit.bench.fit import ROOT2
from dexkit.bench.guide import Shows, guide
from dexkit.bench.on_board import store
from dexkit.bench.register import Circumstances, certificate, check_room, enter
from dexkit.bench.result import Outcome
from dexkit.bench.steps import CELL_WORDS, Step
from dexkit.bench.weights import N_PER_G, Weight
from dexkit.errors import InputError, LinkError
from dexkit.link.listing import look
from dexkit.link.ports import Plug, plugs


@dataclass(frozen=True)
class Calibrated:
    """What became of a calibration.

    Parameters
    ----------
    outcome
        What was found.
    facts
        Its certificate.
    trouble
        Why it is not kept both here and on the board, and what to do; empty when it is.
    is_here
        Whether this computer keeps it.
    """

    outcome: Outcome
    facts: Mapping[str, Any]
    trouble: str
    is_here: bool = True

    def words(self) -> str:
        """Say it in a few lines."""
        calibration, facts = self.outcome.calibration, self.facts
        kind = calibration.object_kind.replace("_", " ")
        lines = [f"Calibration {calibration.id} of the {kind} {calibration.uid}, k = 2:"]
        for column, cell in facts["cells"].items():
            mass_g = ROOT2 * cell["expanded_n"] / N_PER_G
            lines.append(f"  {CELL_WORDS[column]}: a mass that is put on is right to {mass_g:.2g} g")
        if "motion" in facts:
            lines.append(f"  a tilt at rest is right to {facts['motion']['tilt_expanded_deg']:.2g}°")
        if "pegs" in facts:
            lines.append(f"  a peg weighs {facts['pegs']['mass_g']:.2f} g")
        return "\n".join(lines)


def find(object_kind: str) -> Plug:
    """Return where the one board of a kind is plugged in.

    Parameters
    ----------
    object_kind
        Which object.

    Raises
    ------
    InputError
        When none or several are there.
    """
    seen = [
        each for each in look(plugs()) if each.hello is not None and each.hello.object_kind == object_kind
    ]
    if len(seen) != 1:
        ports = ", ".join(each.plug.url for each in seen)
        found = (
            f"{len(seen)} boards of that kind are plugged in ({ports})" if seen else "No such board answers"
        )
        raise InputError(f"{found}. Say which one: --port PORT. `dexkit ports` lists what there is.")
    return seen[0].plug


def calibrate_board(
    plug: Plug,
    object_kind: str,
    weights: Sequence[Weight],
    around: Circumstances,
    shows: Shows,
    arrange: Callable[[Step], None] = lambda step: None,
) -> Calibrated | None:
    """Lead through the calibration of a board; keep it here and on the board. None when it was left.

    Where one of the two cannot keep it, the other still does.

    Parameters
    ----------
    plug
        Where the board is.
    object_kind
        What it must be in.
    weights
        Known masses.
    around
        What the operator says.
    shows
        Where steps are seen and answered.
    arrange
        Does what a step asks, where no person does it.

    Raises
    ------
    InputError
        When nothing can be kept here, it is another object, or the steps together show a fault.
    LinkError
        When the board cannot be reached.
    """
    check_room()
    with attached(plug) as connection:
        hello = connection.session.hello
        assert hello is not None
        if hello.object_kind != object_kind:
            raise InputError(
                f"On {plug.url} is a {hello.object_kind.replace('_', ' ')}, not a "
                f"{object_kind.replace('_', ' ')}. Probably the plugs were exchanged. `dexkit ports` lists "
                "all."
            )
        run = Calibrator(hello, weights)
        outcome = guide(connection, run, shows, arrange)
    if outcome is None:
        return None
    facts = certificate(run, outcome, around)
    not_here = ""
    try:
        enter(facts, outcome)
    except InputError as error:
        not_here = str(error)
    try:
        store(plug, outcome.calibration)
    except (InputError, LinkError) as error:
        if not_here:
            raise InputError(f"{not_here} {error} So it is kept nowhere: calibrate again.") from None
        again = f"dexkit calibrate --write {outcome.calibration.id} --port {plug.url}"
        return Calibrated(outcome, facts, f"{error} It is kept here; write it on the board with: {again}")
    if not_here:
        not_here += (
            " It is on the board, without its certificate. Once that is mended, take it over: dexkit "
            f"calibrate --fetch {plug.url}"
        )
    return Calibrated(outcome, facts, not_here, is_here=not not_here)
