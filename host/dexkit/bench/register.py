"""The register of calibrations on a computer: a certificate each, with all that it stands on."""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dexkit import __version__
from dexkit.bench.calibrate import Calibrator
from dexkit.bench.fit import BLOCK_DEG, TABLE_DEG, K, local_gravity_ms2
from dexkit.bench.result import Outcome
from dexkit.bench.weights import N_PER_G, SOURCE, STANDARD_MS2
from dexkit.errors import InputError
from dexkit.kit_files import cannot_keep, config_folder
from dexkit.protocol.tables import SCHEMA_HASH
from dexkit.recording.calibration import folder, keep, known
from dexkit.whole_file import write_whole

Facts = dict[str, Any]
#: No calibration and its certificate take more.
ROOM_BYTES = 1 << 18
#: What an operator can have said of a bench: from, to, and in what.
LIMITS = {
    "temperature_c": (-20.0, 60.0, "degrees Celsius"),
    "latitude_deg": (-90.0, 90.0, "degrees"),
    "altitude_m": (-500.0, 9000.0, "m"),
}


@dataclass(frozen=True)
class Circumstances:
    """What only the operator knows.

    Parameters
    ----------
    operator
        Who did it.
    serials
        Serial numbers or certificates of the masses, as they were typed.
    temperature_c
        Of the room; None when nobody looked.
    latitude_deg, altitude_m
        Where; None when it was not said.
    simulated
        Whether the object was a virtual one.
    """

    operator: str = ""
    serials: str = ""
    temperature_c: float | None = None
    latitude_deg: float | None = None
    altitude_m: float = 0.0
    simulated: bool = False

    def __post_init__(self) -> None:
        for name, (least, most, unit) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise InputError(
                    f"The {name.partition('_')[0]} of {value:g} cannot be: {least:g} to {most:g} {unit} can. "
                    "Probably it is mistyped. Correct it, or leave it out."
                )


def certificate(run: Calibrator, outcome: Outcome, around: Circumstances) -> Facts:
    """Return all that is known of a calibration, as JSON takes it: keys as docs/bench.md says.

    Parameters
    ----------
    run
        How it went.
    outcome
        What it found.
    around
        What the operator says.
    """
    calibration, hello = outcome.calibration, run.hello
    facts: Facts = {
        "id": calibration.id,
        "uid": calibration.uid,
        "object": calibration.object_kind,
        "made": calibration.made,
        **asdict(around),
        "weights": [asdict(weight) for weight in run.weights],
        "weights_source": SOURCE,
        "versions": {
            "dexkit": __version__,
            "firmware": hello.firmware,
            "schema": SCHEMA_HASH[:12],
            "python": sys.version.split()[0],
        },
        "coverage_factor": K,
        "standard_gravity_ms2": STANDARD_MS2,
        "cells": {column: asdict(fit) for column, fit in outcome.cells.items()},
        "aside_n": outcome.aside_n,
        "points": _points(outcome),
        "contacts": {name: t_s for each in outcome.taken for name, t_s in each.contacts.items()},
        "refused": [{"step": title, "why": why} for title, why in run.refusals],
        "calibration": json.loads(calibration.text),
    }
    if around.latitude_deg is not None:
        facts["local_gravity_ms2"] = local_gravity_ms2(around.latitude_deg, around.altitude_m)
    for column, fit in outcome.cells.items():
        facts["cells"][column] |= {"standard_n": fit.standard_n, "expanded_n": K * fit.standard_n}
    if (motion := outcome.motion) is not None:
        facts["motion"] = {
            "matrix": motion.matrix.tolist(),
            "offset_ms2": motion.offset_ms2.tolist(),
            "matrix_standard": motion.matrix_standard.tolist(),
            "offset_standard_ms2": motion.offset_standard_ms2.tolist(),
            "bias_rads": motion.bias_rads.tolist(),
            "bias_standard_rads": motion.bias_standard_rads.tolist(),
            "accel_noise_ms2": motion.accel_noise_ms2.tolist(),
            "gyro_noise_rads": motion.gyro_noise_rads.tolist(),
            "residual_ms2": motion.residual_ms2.tolist(),
            "positions": [each.step.title for each in outcome.taken if each.step.kind == "position"],
            "budget": [asdict(each) for each in motion.budget],
            "standard_ms2": motion.standard_ms2,
            "tilt_expanded_deg": K * motion.tilt_standard_deg,
            "table_deg": TABLE_DEG,
            "block_deg": BLOCK_DEG,
        }
    if outcome.pegs is not None:
        facts["pegs"] = {**asdict(outcome.pegs), "expanded_g": K * outcome.pegs.standard_g}
    return facts


def _points(outcome: Outcome) -> Facts:
    """Return, by cell, the loads in the order in which they were put on, with what was left over."""
    points: Facts = {}
    for column, fit in outcome.cells.items():
        steps = [
            each.step
            for each in outcome.taken
            if each.step.kind == "load"
            or (column == "foot_n" and each.step.kind == "position" and each.step.up[2] == 1)
        ]
        points[column] = [
            {
                "step": step.title,
                "load_g": step.mass.mass_g if step.mass else 0.0,
                "way": step.way,
                "residual_g": residual_n / N_PER_G,
            }
            for step, residual_n in zip(steps, fit.residual_n, strict=True)
        ]
    return points


def path_of(calibration_id: str) -> Path:
    """Return the file of a certificate."""
    return _folder() / f"{calibration_id}.json"


def check_room() -> None:
    """Raise InputError where no calibration could be kept: before its first step, not after its last."""
    for place in (folder(), _folder()):
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(bytes(ROOM_BYTES))
        except OSError as error:
            raise cannot_keep(place, error) from None


def enter(facts: Mapping[str, Any], outcome: Outcome) -> Path:
    """Keep a calibration and its certificate on this computer; return the certificate's file.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    keep(outcome.calibration)
    path = path_of(outcome.calibration.id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(facts, indent=1, sort_keys=True, allow_nan=False) + "\n")
    except OSError as error:
        raise cannot_keep(path, error) from None
    return path


def look_up(calibration_id: str) -> Facts:
    """Return a certificate of this computer's register.

    Parameters
    ----------
    calibration_id
        Its id, or so many of its first digits that it is the only one.

    Raises
    ------
    InputError
        When there is none, several, or it is damaged or of another calibration.
    """
    named = [path for path in _paths() if path.name.startswith(calibration_id)]
    if len(named) != 1:
        here = ", ".join(path.stem for path in named or _paths()) or "none"
        raise InputError(
            f"{len(named) or 'No'} certificates are called {calibration_id!r} on this computer. Probably it "
            f"is misspelt, or was made on another computer. Here are: {here}."
        )
    return _read(named[0])


def listing(uid: str = "") -> list[Facts]:
    """Return the certificates of a board, or of all, the newest first."""
    found = [_read(path) for path in _paths()]
    return sorted(
        (each for each in found if uid in each["uid"]), key=lambda each: str(each["made"]), reverse=True
    )


def _folder() -> Path:
    return config_folder() / "certificates"


def _paths() -> list[Path]:
    return sorted(_folder().glob("*.json"))


def _read(path: Path) -> Facts:
    """Return a certificate whose calibration is the one that it says."""
    try:
        facts: Facts = json.loads(path.read_text(encoding="utf-8"))
        calibration = known(str(facts["id"]))
        whole = calibration is not None and json.loads(calibration.text) == facts["calibration"]
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError(
            f"The certificate {path} cannot be read, or is of another calibration than it says. Probably it "
            "is damaged. Take a copy back, or move it away and calibrate again."
        )
    return facts
