"""What a standing cup shows: its foot bears it, and gravity has its size and direction."""

from collections.abc import Iterator, Mapping

import numpy as np

from dexkit.bench.lights import AMBER, GREEN, RED, Light, limits, within
from dexkit.bench.rest import Rest
from dexkit.hardware import Hardware
from dexkit.recording.calibration import Calibration

GRAVITY_MS2 = 9.80665
ACCEL = ("ax_ms2", "ay_ms2", "az_ms2")
LEVEL = "Stand it empty on a level table, nothing touching it, and repeat."


def standing(
    hardware: Hardware, rests: Mapping[str, Rest], calibration: Calibration | None
) -> Iterator[Light]:
    """Yield whether the foot bears the cup and what is in it: what swapped or dead cells cannot show."""
    foot, inner = rests["foot_n"], rests["inner_n"]
    if not np.isfinite(foot.level) or not np.isfinite(inner.level):
        return
    cup_g = hardware.mass_g["cup"]
    assert isinstance(cup_g, float)
    more_g = 1000.0 * (foot.level - inner.level) / GRAVITY_MS2
    expected = f"{cup_g:.0f} g more than the inner cell"
    said = f"foot bears {more_g:.0f} g more than the inner cell"
    if more_g < -0.5 * cup_g:
        yield Light(
            "channels",
            "foot_n, inner_n",
            RED,
            f"inner cell bears {-more_g:.0f} g more than the foot",
            expected,
            "Foot and inner cell are swapped: exchange their plugs, and repeat.",
            more_g,
            cup_g,
            "g",
        )
    elif more_g < 0.5 * cup_g:
        yield Light(
            "channels",
            "foot_n",
            RED,
            said,
            expected,
            "Stand the cup on the table. If it stays, the foot's cell is dead or free: check its wires.",
            more_g,
            cup_g,
            "g",
        )
    else:
        off_g = more_g - cup_g
        far = calibration is not None and abs(off_g) > 0.1 * cup_g
        yield Light(
            "channels",
            "foot_n, inner_n",
            AMBER if far else GREEN,
            said,
            expected,
            f"{LEVEL} If it stays, calibrate it again." if far else "",
            more_g,
            cup_g,
            "g",
        )


def upright(rests: Mapping[str, Rest], calibration: Calibration | None) -> Iterator[Light]:
    """Yield gravity's size and direction."""
    accel = np.array([rests[axis].level for axis in ACCEL])
    size = float(np.linalg.norm(accel))
    if not np.isfinite(size):
        return
    certified = calibration is not None and "cup/motion" in calibration.streams
    limit = GRAVITY_MS2 * np.sin(np.radians(limits().tilt_deg)) if certified else limits().accel_ms2
    limit = float(limit) + 0.03  # gravity differs so much between the equator and the poles
    well = abs(size - GRAVITY_MS2) <= limit
    yield Light(
        "gravity",
        "ax ay az",
        GREEN if well else RED,
        f"{size:.3f} m/s2",
        f"{GRAVITY_MS2:.2f} within {limit:.2f} m/s2",
        "" if well else "Keep it still and repeat. If it stays, calibrate it; else change the motion sensor.",
        size,
        limit,
        "m/s2",
    )
    tilt_deg = float(np.degrees(np.arccos(np.clip(accel[2] / size, -1.0, 1.0)))) if size > 1.0 else 180.0
    upright = limits().certified_upright_deg if certified else limits().upright_deg
    colour = within(tilt_deg, upright, limits().lying_deg)
    yield Light(
        "tilt",
        "ax ay az",
        colour,
        f"{tilt_deg:.1f} degrees from upright",
        f"within {upright:g} degrees",
        ""
        if colour == GREEN
        else f"{LEVEL} If it stays, the motion sensor is mounted turned or has come loose.",
        tilt_deg,
        upright,
        "deg",
    )
