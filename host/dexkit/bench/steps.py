"""What an engineer is asked to do to calibrate an object, step by step, as data."""

from collections.abc import Sequence
from dataclasses import dataclass

from dexkit.bench.weights import N_PER_G, Weight
from dexkit.errors import InputError
from dexkit.hardware import load
from dexkit.protocol.tables import OBJECT_ID

#: How long a step is captured; only its end counts, so that hands have time to let go.
STILL_S, WALK_S = 6.0, 90.0
#: So long the largest load stays once, to see what comes late.
CREEP_S = 40.0
#: Masses that fit what an object carries, in g.
MASSES = {
    "cup": "50,100,200",
    "coaster": "100,200,500",
    "button_board": "100,200,500",
    "pegboard": "10,20,50",
}
#: Where masses go, and what the load cells are called.
PLACES = {
    "cup": "into the cup, in the middle of its floor",
    "coaster": "onto the plate, in the middle",
    "button_board": "onto the panel, in the middle",
    "pegboard": "into the tray, in the middle",
}
CELL_WORDS = {
    "foot_n": "foot",
    "inner_n": "inner vessel",
    "load_n": "plate",
    "panel_n": "panel",
    "tray_n": "tray",
}
#: Ups and downs: a second round shows what repeats.
ROUNDS = 2
#: The six positions of a cup in its block.
POSITIONS = (
    ("upright", (0.0, 0.0, 1.0), "upright, its foot free"),
    ("right side up", (1.0, 0.0, 0.0), "on its left side: +x looks up"),
    ("left side up", (-1.0, 0.0, 0.0), "on its right side: -x looks up"),
    ("far side up", (0.0, 1.0, 0.0), "on its near side: +y looks up"),
    ("near side up", (0.0, -1.0, 0.0), "on its far side: -y looks up"),
    ("upside down", (0.0, 0.0, -1.0), "upside down: its mouth looks down"),
)


@dataclass(frozen=True)
class Step:
    """One thing to do, and what is captured then.

    Parameters
    ----------
    kind
        ``load``: masses lie on it; ``position``: it is turned; ``pegs``: its pegs are in the tray; ``walk``:
        contacts are walked through.
    part
        Part of the calibration, for the eye.
    title, do
        What this is, and what to do.
    seconds
        How long is captured, at most.
    mass
        What lies on it; None for nothing.
    way
        1 on the way up, -1 on the way down, 0 before both.
    up
        Which axis looks up.
    free
        Whether the cup's foot touches nothing.
    pegs
        How many pegs lie in the tray.
    places
        Buttons or holes, in the order of the walk.
    """

    kind: str
    part: str
    title: str
    do: str
    seconds: float = STILL_S
    mass: Weight | None = None
    way: int = 0
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    free: bool = False
    pegs: int = 0
    places: tuple[int, ...] = ()


def cells_of(object_kind: str) -> tuple[tuple[str, str], ...]:
    """Return the stream and the channel of each load cell of an object."""
    return tuple(
        (sensor.stream, column)
        for sensor in load(object_kind).sensors.values()
        if sensor.chip == "nau7802"
        for column in sensor.channels
    )


def steps_of(object_kind: str, weights: Sequence[Weight]) -> tuple[Step, ...]:
    """Return the steps that calibrate an object.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster``, ``button_board`` or ``pegboard``.
    weights
        Two or more known masses, growing.

    Raises
    ------
    InputError
        When there is no such object, or the masses are more than its cell carries.
    """
    if object_kind not in OBJECT_ID:
        raise InputError(f"There is no object {object_kind!r}. Use one of: {', '.join(OBJECT_ID)}.")
    carries_g = min(
        sensor.range[1] / N_PER_G
        for sensor in load(object_kind).sensors.values()
        if sensor.range and sensor.chip == "nau7802"
    )
    if weights[-1].mass_g > carries_g:
        raise InputError(
            f"{weights[-1].words} is more than the {object_kind.replace('_', ' ')} carries ({carries_g:.0f} "
            "g). Probably the masses are for another object. Use for instance --masses "
            f"{MASSES[object_kind]}."
        )
    steps = list(_loads(object_kind, weights))
    if object_kind == "cup":
        steps = [*_positions(), *steps, _upright("The zero again")]
    if object_kind == "pegboard":
        steps += _pegs()
    steps += _walk(object_kind)
    return tuple(steps)


def _loads(object_kind: str, weights: Sequence[Weight]) -> list[Step]:
    """Return the masses up and down, in rounds; the empty object before and between."""
    place = PLACES[object_kind]
    stands = " on the table" if object_kind == "cup" else ""
    part = "known masses"
    steps = [Step("load", part, "Nothing on it", f"Let it stand{stands}, level and empty; hands off.")]
    for turn in range(ROUNDS):
        again = f", round {turn + 1} of {ROUNDS}"
        for weight in weights:
            words = f"Put {weight.words} {place}; nothing else. Hands off."
            seconds = CREEP_S if weight is weights[-1] and not turn else STILL_S
            words += f" Leave it for {seconds:.0f} seconds." if seconds > STILL_S else ""
            steps.append(Step("load", part, f"{weight.words} up{again}", words, seconds, weight, 1))
        for weight in reversed(weights[:-1]):
            words = f"Take it off, put {weight.words} {place}. Hands off."
            steps.append(Step("load", part, f"{weight.words} down{again}", words, mass=weight, way=-1))
        steps.append(Step("load", part, f"Empty{again}", "Take all masses off. Hands off.", way=-1))
    return steps


def _upright(title: str) -> Step:
    return Step(
        "position",
        "six positions",
        title,
        "Put the empty cup into its block, upright, so that its foot touches nothing.",
        free=True,
    )


def _positions() -> list[Step]:
    """Return the cup in its block, each axis up and down."""
    steps = [_upright("Upright")]
    for title, up, words in POSITIONS[1:]:
        do = f"Lay the block so that the cup is {words}. Hands off."
        steps.append(Step("position", "six positions", title.capitalize(), do, up=up, free=True))
    return steps


def _pegs() -> list[Step]:
    """Return the pegs in the tray, weighed together."""
    part = "peg mass"
    return [
        Step("pegs", part, "The tray without pegs", "Empty the tray. Hands off."),
        Step("pegs", part, "Nine pegs", "Put all nine pegs into the tray. Hands off.", pegs=9),
    ]


def _walk(object_kind: str) -> list[Step]:
    """Return the walk through all contacts."""
    if object_kind == "button_board":
        do = "Close each button wholly and open it again: 1 to 5, from the large one to the small one."
        return [Step("walk", "walk", "Five buttons", do, WALK_S, places=tuple(range(5)))]
    if object_kind == "pegboard":
        do = "Put a peg into each hole down to its floor and take it out again: hole 1 to 9."
        return [Step("walk", "walk", "Nine holes", do, WALK_S, places=tuple(range(9)))]
    return []
