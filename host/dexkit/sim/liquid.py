"""Liquid in a tilted cup: when it leaves, how fast, and where it lands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The cup of Fahn-Tolosa-Marin item 14 is 8 cm tall and filled to 1 cm from the top.
RADIUS_M = 0.035
HEIGHT_M = 0.08
FULL_KG = np.pi * RADIUS_M**2 * (HEIGHT_M - 0.01) * 1000.0

#: Step of the flow's integration; between steps the mass is a straight line, so it is a function of time.
STEP_S = 0.001


def _retained() -> tuple[Floats, Floats]:
    """Return tilts (deg) and the largest mass (kg) that stays in the cup at each."""
    tilt_deg = np.linspace(0.0, 90.0, 361)
    y = (np.arange(400) + 0.5) / 400 * 2 * RADIUS_M  # distance from the lip's side across the cup
    chord_m = 2.0 * np.sqrt(RADIUS_M**2 - (y - RADIUS_M) ** 2)
    slope = np.tan(np.radians(np.minimum(tilt_deg, 89.99)))
    depth_m = np.clip(HEIGHT_M - y[None, :] * slope[:, None], 0.0, HEIGHT_M)
    return tilt_deg, (depth_m * chord_m).sum(axis=1) * (2 * RADIUS_M / 400) * 1000.0


_TILT_DEG, _RETAINED_KG = _retained()
_EVEN_KG = np.linspace(0.0, float(_RETAINED_KG[0]), 2000)
_EVEN_DEG = np.interp(_EVEN_KG, _RETAINED_KG[::-1], _TILT_DEG[::-1])


def spill_deg(mass_kg: float) -> float:
    """Return the tilt at which this mass of water reaches the lip."""
    return float(np.interp(mass_kg, _EVEN_KG, _EVEN_DEG))


@dataclass(frozen=True)
class Flow:
    """What one pour did.

    Parameters
    ----------
    t_s, mass_kg
        Liquid in the cup on the integration grid.
    rate_kg_s
        Main flow over the lip on the same grid.
    spans_s
        Begin and end of each time the flow ran; interruptions under 0.2 s belong to it, the stream in the air
        hides them.
    """

    t_s: Floats
    mass_kg: Floats
    rate_kg_s: Floats
    spans_s: tuple[tuple[float, float], ...]


def pour(t_s: Floats, tilt_deg: Floats, mass_kg: float) -> Flow:
    """Return the flow from a cup of this mass under these tilts, on a grid of STEP_S.

    Liquid bulges over the lip before it breaks away (the capillary length of water is 2.7 mm, about 2 degrees
    of this cup); once it runs, a head of h over a weir whose width grows with the root of h flows with h
    squared, about 1.5 g/s per degree squared here.
    """
    masses, rates = np.empty_like(t_s), np.zeros_like(t_s)
    per_kg = (len(_EVEN_KG) - 1) / _EVEN_KG[-1]
    limits: list[float] = _EVEN_DEG.tolist()
    running, wet = False, False
    spans: list[list[float]] = []
    for i, (time_s, tilt) in enumerate(zip(t_s.tolist(), tilt_deg.tolist(), strict=True)):
        place = mass_kg * per_kg
        low = min(int(place), len(limits) - 2)
        limit = limits[low] + (place - low) * (limits[low + 1] - limits[low])
        excess = tilt - limit
        if not running and excess > (1.0 if wet else 2.2) and mass_kg > 0.0005:
            running = wet = True
            if spans and time_s - spans[-1][1] < 0.2:
                spans[-1][1] = time_s
            else:
                spans.append([time_s, time_s])
        elif running and (excess < 0.3 or mass_kg <= 0.0005):
            running = False
            spans[-1][1] = time_s
        rate = min(0.0015 * excess * excess, 0.15) if running else 0.0
        masses[i], rates[i] = mass_kg, rate
        mass_kg -= rate * STEP_S
    if running:
        spans[-1][1] = float(t_s[-1])
    return Flow(t_s, masses, rates, tuple((on, off) for on, off in spans))


def landing(rate_kg_s: Floats, delay_s: float, smear_s: float) -> Floats:
    """Return the flow where it lands: later by the fall, and drawn out by the stream."""
    late = np.zeros_like(rate_kg_s)
    steps = round(delay_s / STEP_S)
    late[steps:] = rate_kg_s[:-steps]
    keep = float(np.exp(-STEP_S / smear_s))
    value = 0.0
    landed = np.empty_like(late)
    for i, rate in enumerate(late.tolist()):
        value = keep * value + (1.0 - keep) * rate
        landed[i] = value
    return landed
