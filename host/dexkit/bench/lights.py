"""Traffic lights: what was checked, what was measured, what was expected, and the remedy."""

import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

GREEN, AMBER, RED, GREY = "green", "amber", "red", "grey"
#: Colours from the least to the worst; each has a word, since not everybody sees colours.
WORDS = {GREY: "not known", GREEN: "well", AMBER: "look", RED: "fault"}


@dataclass(frozen=True)
class Light:
    """One line of a self-test.

    Parameters
    ----------
    check
        What was checked: ``rate``, ``noise``, ...
    of
        Sensor, channel or place; empty for the whole board.
    colour
        ``green``, ``amber``, ``red``; ``grey`` where nothing can be said.
    measured, expected
        In words, with units.
    remedy
        The next step; empty where none is needed.
    value, limit
        The figure and what it was held against, in `unit`; None where there is none.
    unit
        As in the schema.
    """

    check: str
    of: str
    colour: str
    measured: str
    expected: str = ""
    remedy: str = ""
    value: float | None = None
    limit: float | None = None
    unit: str = ""

    def facts(self) -> dict[str, Any]:
        """Return it for machines, its word included."""
        return {**asdict(self), "word": WORDS[self.colour]}


def worst(lights: Iterable[Light]) -> str:
    """Return the worst colour; green where all is well or nothing can be said."""
    order = list(WORDS)
    found = max((order.index(light.colour) for light in lights), default=0)
    return order[max(found, order.index(GREEN))]


def within(value: float, amber: float, red: float) -> str:
    """Return the colour of a size that is to be small."""
    size = abs(value)
    return RED if not size <= red else AMBER if size > amber else GREEN


@dataclass(frozen=True)
class Limits:
    """What limits.toml says; each with its unit in its name."""

    settle_s: float
    rate_amber: float
    rate_red: float
    missing_red: float
    unique_load: int
    unique_motion: int
    drift_s: float
    gyro_rads: float
    accel_ms2: float
    upright_deg: float
    certified_upright_deg: float
    lying_deg: float
    clock_amber_ppm: float
    clock_red_ppm: float
    clock_residual_s: float
    press_n: float
    dropout_s: float
    apart_s: float
    order_s: float
    mass_g: float
    tilt_deg: float
    warn_share: float
    warn_days: float
    trend_days: float
    disk_red_mb: float
    disk_amber_mb: float
    ahead_s: float


@cache
def limits() -> Limits:
    """Return the limits."""
    return Limits(**tomllib.loads((Path(__file__).parent / "limits.toml").read_text(encoding="utf-8")))
