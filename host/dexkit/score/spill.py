"""At which tilt the liquid in a round cup reaches the lip: geometry alone, the liquid at rest."""

import numpy as np

#: Grams of water in a cubic millimetre.
G_PER_MM3 = 1e-3


def spill_angle_deg(liquid_g: float, radius_mm: float, height_mm: float) -> float:
    """Return the tilt at which this much water reaches the lip of an upright cylinder.

    Parameters
    ----------
    liquid_g
        Grams of water in it, 0 to full.
    radius_mm, height_mm
        Inner radius and height.

    Notes
    -----
    While the bottom stays covered the surface turns about the axis: tan(angle) = (height - level) / radius.
    Below that the rest is a cylindrical hoof, whose volume falls with the angle; solved by bisection.
    """
    area_mm2 = np.pi * radius_mm**2
    level_mm = min(max(liquid_g / G_PER_MM3 / area_mm2, 0.0), height_mm)
    if level_mm >= height_mm / 2:
        return float(np.degrees(np.arctan2(height_mm - level_mm, radius_mm)))
    if level_mm <= 0:
        return 90.0
    low, high = 1e-6, 2.0 * radius_mm  # how far the liquid covers the bottom, from the lip's side
    for _ in range(60):
        middle = (low + high) / 2
        if _hoof_mm3(middle, radius_mm, height_mm) < level_mm * area_mm2:
            low = middle
        else:
            high = middle
    return float(np.degrees(np.arctan2(height_mm, low)))


def _hoof_mm3(covered_mm: float, radius_mm: float, height_mm: float) -> float:
    """Return the volume under a surface from the lip down to a bottom covered for covered_mm.

    The classical volume of a cylindrical hoof (ungula): h/(3b) * (a(3r^2 - a^2) + 3r^2(b - r)phi), where b is
    the covered depth, a its half chord and phi its half angle.
    """
    r, b = radius_mm, covered_mm
    cos_phi = np.clip((r - b) / r, -1.0, 1.0)
    phi, a = float(np.arccos(cos_phi)), r * float(np.sqrt(1.0 - cos_phi**2))
    return height_mm / (3.0 * b) * (a * (3.0 * r**2 - a**2) + 3.0 * r**2 * (b - r) * phi)
