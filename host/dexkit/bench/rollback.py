"""Back to the application in the other slot, where it is whole, and it says hello."""

import json
from dataclasses import dataclass

from dexkit.bench.mpremote import Board
from dexkit.bench.prove import greet
from dexkit.errors import LinkError
from dexkit.link.ports import Plug, where

NONE = "There is nothing to go back to, so the board stays as it is: "


@dataclass(frozen=True)
class RolledBack:
    """What became of going back.

    Parameters
    ----------
    object_kind
        Of the board.
    slot
        Where the application lies that runs now.
    version, before
        Of the dexkit that runs now, and of the one that ran before.
    """

    object_kind: str
    slot: str
    version: str
    before: str

    def words(self) -> str:
        """Say it in a sentence."""
        kind = self.object_kind.replace("_", " ")
        return (
            f"The {kind} runs dexkit {self.version} of slot {self.slot} now; before it ran "
            f"{self.before}, which is kept in the other slot."
        )


def roll_back(plug: Plug) -> RolledBack:
    """Have a board run the application of its other slot.

    Parameters
    ----------
    plug
        Where the board is.

    Raises
    ------
    LinkError
        When there is no other whole application, or it says no hello: then the board goes on as before.
    """
    with Board(where(plug)) as board:
        if "slots.py" not in board.ask("__import__('os').listdir('/')"):
            raise LinkError(f"{NONE}dexkit was never on it. Put it there: dexkit flash {board.port}")
        board.run("import slots")
        state = board.ask("slots.state()")
        now = state["use"]
        # A trial is given up for the one that proved itself last, which may be in either slot.
        other = state["good"] if now != state["good"] else board.ask(f"slots.other({now!r})")
        if not board.ask(f"slots.is_whole({other!r})"):
            raise LinkError(
                f"{NONE}slot {other} holds no whole application. Probably it was flashed once only, or "
                f"its last update was cut off. Put this dexkit on it: dexkit flash {board.port}"
            )
        before, after = _version(board, now), _version(board, other)
        # It is final only after its hello: whatever breaks off before that, the board falls back by itself.
        proved = other == state["good"]
        _start(board, "slots.give_up()" if proved else f"slots.begin_trial({other!r})")
    try:
        greet(plug)
        _confirm(plug, other)
    except (LinkError, KeyboardInterrupt) as error:
        then = "goes on"
        try:
            with Board(where(plug)) as board:
                _start(board, f"slots.begin_trial({now!r})" if proved else "slots.give_up()")
        except LinkError:
            then = "by its third start at the latest goes on"
        if isinstance(error, KeyboardInterrupt):
            raise
        raise LinkError(
            f"dexkit {after} of slot {other} does not say hello, so the board {then} with {before}. {error}"
        ) from None
    return RolledBack(greet(plug).object_kind, other, after, before)


def _confirm(plug: Plug, slot: str) -> None:
    """Make an application on trial final: one of another schema cannot do that by itself."""
    with Board(where(plug)) as board:
        if board.ask("__import__('slots').state()['use']") != slot:
            raise LinkError("It broke off, and the board fell back.")
        _start(board, f"slots.write_state({slot!r}, 0, {slot!r})")


def _start(board: Board, choice: str) -> None:
    """Have the boot code choose a slot, and start it."""
    board.run(f"import slots\n{choice}")
    board.reset()


def _version(board: Board, slot: str) -> str:
    """Return the version in a slot's manifest; a question mark where there is none that can be trusted."""
    said = board.run(
        f"import slots\ntry:\n print(slots.unseal(slots.read('/{slot}/manifest.json')).decode())\n"
        "except (OSError, ValueError):\n pass"
    )
    return str(json.loads(said)["version"]) if said else "?"
