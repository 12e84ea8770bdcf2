"""The simulated person whom standardised tests can be tried with, and the virtual boards for each trial."""

from collections.abc import Mapping, Sequence
from datetime import date

from dexkit.assess import Profile, Seat
from dexkit.assess.keeping import Patient
from dexkit.assess.note import SIMULATED
from dexkit.assess.runner import Boards
from dexkit.assess.series import Hands
from dexkit.errors import InputError
from dexkit.link.ports import Plug, add_urls
from dexkit.sim.protocol_sim import switch_off

#: How old the person is.
AGE_Y = 58
#: How severe it is, by hand: the left one is the affected one.
SEVERITY = {"right": "healthy", "left": "mild"}
#: Scenes by object and hand: for practice, then for each trial. They are people without a mishap.
SEEDS: Mapping[str, Mapping[str, Sequence[int]]] = {
    "pegboard": {"right": (3, 9, 10, 4), "left": (4, 8, 7, 2)},
    "button_board": {"right": (4, 3, 2, 5), "left": (4, 3, 2, 5)},
    "cup": {"right": (4, 3, 2, 1), "left": (4, 3, 5, 9)},
}
#: Which scene a task with the cup is, and which objects it needs.
CUP_SCENES = {"pour": "test=pours&length=1", "lift": "test=drink", "hold": "test=hold", "carry": "test=carry"}


def demo_patient(today: date) -> Patient:
    """Return the simulated person.

    Parameters
    ----------
    today
        To know the year of birth.
    """
    return Patient(SIMULATED, Hands("right", "left"), "stroke", "female", today.year - AGE_Y)


def demo_boards(profile: Profile, fast: bool) -> Boards:
    """Return what switches on the virtual boards of a trial, those of the trial before off.

    Parameters
    ----------
    profile
        What is done.
    fast
        Whether time goes as fast as it can, else as a clock's.

    Raises
    ------
    InputError
        When no simulated person can do the test.
    """
    if profile.fact("stop") == "all_pegs_out":
        raise InputError(
            f"No simulated person does {profile.id}: their pegs begin in the tray. Try nhpt_mathiowetz."
        )
    if "contents" in profile.task and profile.fact("contents") == "beads":
        raise InputError(
            f"No simulated person does {profile.id}: their cup holds water. Try it with water: cup_pour."
        )
    add_urls("dexkit.sim")
    scene, kinds = "", [profile.object]
    if profile.object == "cup":
        act = profile.fact("act")
        scene = "&test=ftm14" if profile.id == "cup_ftm14" else f"&{CUP_SCENES[act]}"
        kinds += ["coaster"] if act == "pour" else []

    def boards(seat: Seat) -> Sequence[Plug]:
        switch_off()
        seeds = SEEDS[profile.object][seat.hand]
        seed = seeds[(0 if seat.practice else seat.number + seat.attempt - 1) % len(seeds)]
        facts = f"person={SEVERITY[seat.hand]}&seed={seed}{scene}&speed={'fast' if fast else 'paced'}"
        return [Plug(f"sim:{kind}?{facts}") for kind in kinds]

    return boards
