"""The weights an engineer uses: how far each may be off by its class, and where that is said."""

import math
from dataclasses import dataclass
from itertools import pairwise

from dexkit.errors import InputError

#: Newtons here are conventional: a gram presses with so much, wherever on earth it was calibrated.
STANDARD_MS2 = 9.80665
N_PER_G = 1e-3 * STANDARD_MS2

SOURCE = "OIML R 111-1:2004, table 1, maximum permissible errors, as tabled by KERN (oiml), read 2026-11"
#: Nominal mass in g to the limit of each class in mg.
CLASSES = ("E1", "E2", "F1", "F2", "M1", "M2", "M3")
LIMITS_MG = {
    1: (0.010, 0.03, 0.10, 0.3, 1.0, 3.0, 10.0),
    2: (0.012, 0.04, 0.12, 0.4, 1.2, 4.0, 12.0),
    5: (0.016, 0.05, 0.16, 0.5, 1.6, 5.0, 16.0),
    10: (0.020, 0.06, 0.20, 0.6, 2.0, 6.0, 20.0),
    20: (0.025, 0.08, 0.25, 0.8, 2.5, 8.0, 25.0),
    50: (0.03, 0.10, 0.3, 1.0, 3.0, 10.0, 30.0),
    100: (0.05, 0.16, 0.5, 1.6, 5.0, 16.0, 50.0),
    200: (0.10, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    500: (0.25, 0.8, 2.5, 8.0, 25.0, 80.0, 250.0),
    1000: (0.5, 1.6, 5.0, 16.0, 50.0, 160.0, 500.0),
}


@dataclass(frozen=True)
class Weight:
    """A known mass.

    Parameters
    ----------
    mass_g
        Its conventional mass.
    limit_g
        By how much it may be off, either way.
    class_name
        Its class, or how its limit is known.
    """

    mass_g: float
    limit_g: float
    class_name: str

    @property
    def standard_g(self) -> float:
        """Standard uncertainty: any value within the limits is as likely (GUM 4.3.7)."""
        return self.limit_g / math.sqrt(3.0)

    @property
    def words(self) -> str:
        """Say which it is."""
        return f"{self.mass_g:g} g"


def weight(mass_g: float, class_name: str) -> Weight:
    """Return a weight with the limit of its class.

    Parameters
    ----------
    mass_g
        What is written on it; between two nominal masses the limit of the larger one holds.
    class_name
        A class of OIML R 111, or a limit in grams such as ``0.1g`` of a mass that was weighed.

    Raises
    ------
    InputError
        When there is no such class, or no such weight in it.
    """
    name = class_name.strip()
    if name.upper() in CLASSES:
        for nominal_g, limits_mg in LIMITS_MG.items():
            if 0 < mass_g <= nominal_g:
                limit_g = 1e-3 * limits_mg[CLASSES.index(name.upper())]
                return Weight(mass_g, limit_g, f"OIML {name.upper()}")
    else:
        try:
            limit_g = float(name.lower().removesuffix("g").lstrip("±+-"))
        except ValueError:
            limit_g = math.nan
        if 0 < limit_g < mass_g < math.inf:
            return Weight(mass_g, limit_g, f"weighed, ±{limit_g:g} g")
    raise InputError(
        f"A weight of {mass_g:g} g and class {class_name!r} is not known. Probably one is mistyped. Classes "
        f"are {', '.join(CLASSES)} up to 1000 g; of masses that you weighed, say how far they may be off, as "
        "in --class 0.1g."
    )


def weights(text: str, class_name: str) -> tuple[Weight, ...]:
    """Return the weights of a list such as ``50,100,200``, in g, growing.

    Parameters
    ----------
    text
        Masses in grams.
    class_name
        As for `weight`.

    Raises
    ------
    InputError
        When fewer than two different masses are there, one is no mass, or two may be the same.
    """
    try:
        masses_g = sorted({float(part) for part in text.replace("g", "").split(",")})
    except ValueError:
        masses_g = []
    if len(masses_g) < 2:
        raise InputError(
            f"--masses {text!r} names fewer than two different masses. Probably it is mistyped. Say for "
            "instance --masses 50,100,200."
        )
    known = tuple(weight(mass_g, class_name) for mass_g in masses_g)
    for less, more in pairwise(known):
        if more.mass_g - less.mass_g <= less.limit_g + more.limit_g:
            raise InputError(
                f"{less.words} and {more.words} cannot be told apart: within their limits both may be the "
                "same. Probably one is mistyped. Take masses that are farther apart."
            )
    return known
