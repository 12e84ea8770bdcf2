"""What turns nominal units into true ones: a board's calibration, as text, and applied to samples.

A recording keeps the nominal values and the calibration that was in force, so that a score can be computed
again with another. This computer keeps every calibration that was made or met here, one file each.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.kit_files import cannot_keep, config_folder
from dexkit.protocol.tables import OBJECT_ID, STREAMS
from dexkit.recording.model import Recording
from dexkit.whole_file import write_whole

#: Of a recording's facts: the calibration's text; for the second board of a recording with its kind before.
FACT = "calibration_text"
UNCALIBRATED = "uncalibrated"
#: No id is longer; longer words cannot be looked up as a file's name.
LONGEST_ID = 64


@dataclass(frozen=True)
class Axes:
    """How the columns of one stream are corrected: true = matrix @ nominal + offset.

    Parameters
    ----------
    matrix
        Rows of (columns, columns): scale on the diagonal, cross-axis beside it.
    offset
        (columns): in the unit of each column.
    uncertainty
        (columns): standard uncertainty of a corrected value, in its unit; empty where it was not determined.
    """

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]
    uncertainty: tuple[float, ...] = ()

    def correct(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values (n, columns) in true units; NaN where a column that counts was not measured."""
        true = np.empty_like(values)
        for column, (row, offset) in enumerate(zip(self.matrix, self.offset, strict=True)):
            counts = np.flatnonzero(row)  # zero times NaN would be NaN
            true[:, column] = values[:, counts].astype(np.float64) @ np.array(row)[counts] + offset
        return true


@dataclass(frozen=True)
class Calibration:
    """The calibration of one board.

    Parameters
    ----------
    uid
        The board's unique id.
    object_kind
        What it is in.
    made
        When, UTC, as ``2026-11-30T12:00:00Z``.
    streams
        By name, as in docs/protocol.md; streams that are not named stay nominal.
    """

    uid: str
    object_kind: str
    made: str
    streams: Mapping[str, Axes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What hello and recordings name it by: the first twelve digits of its SHA-256."""
        return hashlib.sha256(_line(self._facts())).hexdigest()[:12]

    @property
    def text(self) -> str:
        """The calibration as one line of JSON, its id included."""
        return _line({**self._facts(), "id": self.id}).decode()

    def _facts(self) -> dict[str, object]:
        streams = {
            name: {"matrix": axes.matrix, "offset": axes.offset, "uncertainty": axes.uncertainty}
            for name, axes in self.streams.items()
        }
        return {"uid": self.uid, "object": self.object_kind, "made": self.made, "streams": streams}

    @classmethod
    def read(cls, text: str, source: str = "The calibration") -> "Calibration":
        """Return the calibration that a text says.

        Parameters
        ----------
        text
            As `text` gives it.
        source
            What to call it in a message.

        Raises
        ------
        InputError
            When it is damaged, was changed by hand, or does not fit its object.
        """
        try:
            said = json.loads(text)
            streams = {str(name): _axes(said["object"], name, axes) for name, axes in said["streams"].items()}
            found = cls(str(said["uid"]), str(said["object"]), str(said["made"]), MappingProxyType(streams))
            told = str(said["id"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{source} cannot be read ({error!r}). Probably it is damaged or no calibration of dexkit. "
                "Take another copy, or calibrate the object again."
            ) from None
        if told != found.id:
            raise InputError(
                f"{source} says it is {told}, but its numbers are those of {found.id}. Probably it was "
                "changed by hand or damaged. Take another copy, or calibrate the object again."
            )
        return found

    def correct(self, stream: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a stream's values (n, columns) in true units; of a stream it does not name, as they are."""
        axes = self.streams.get(stream)
        return values if axes is None else axes.correct(values)


def _line(facts: Mapping[str, object]) -> bytes:
    """Return facts as the one text that they have."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _axes(kind: str, name: str, said: Mapping[str, object]) -> Axes:
    """Return what a text says of a stream; ValueError where it cannot be of that stream."""
    if kind not in OBJECT_ID or name not in STREAMS or not name.startswith(f"{kind}/"):
        raise ValueError(f"{kind} has no stream {name}")
    matrix = np.array(said["matrix"], np.float64)
    offset = np.array(said["offset"], np.float64)
    uncertainty = np.array(said["uncertainty"], np.float64)
    columns = len(STREAMS[name].columns)
    if matrix.shape != (columns, columns) or offset.shape != (columns,):
        raise ValueError(f"{name} has {columns} columns")
    if uncertainty.shape not in ((columns,), (0,)):
        raise ValueError(f"{name} has {columns} columns")
    if not (np.isfinite(matrix).all() and np.isfinite(offset).all() and np.isfinite(uncertainty).all()):
        raise ValueError(f"{name} has a number that is none")
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError(f"{name} is turned into nothing")
    rows = tuple(tuple(float(each) for each in row) for row in matrix)
    return Axes(rows, tuple(map(float, offset)), tuple(map(float, uncertainty)))


def _fact(recording: Recording, kind: str, name: str) -> str:
    """Return a fact of one board of a recording; empty where it is not known."""
    return recording.meta.get(name if kind == recording.object_kind else f"{kind}_{name}", "")


def recorded(recording: Recording) -> tuple[str, ...]:
    """Return the kit's objects that a recording has streams of; foreign data have none."""
    kinds = {name.partition("/")[0] for name in recording.streams}
    return tuple(kind for kind in OBJECT_ID if kind in kinds)


def in_force(recording: Recording, chosen: Mapping[str, Calibration] | None = None) -> dict[str, Calibration]:
    """Return the calibrations that a recording's values are corrected by, by object.

    Parameters
    ----------
    recording
        With those that it carries.
    chosen
        By object, in place of those; an empty one: none at all.

    Raises
    ------
    InputError
        When one is damaged, or is chosen for an object that was not recorded.
    """
    if chosen is not None and not chosen:
        return {}
    found = dict(chosen or {})
    there = recorded(recording)
    for kind in found.keys() - set(there):
        raise InputError(
            f"Calibration {found[kind].id} is of a {kind}, but what was recorded is "
            f"{' and '.join(there) or 'no object of the kit'}. Probably another file was meant. Name a "
            "calibration of what was recorded."
        )
    for kind in OBJECT_ID:
        text = _fact(recording, kind, FACT)
        if text and kind not in found:
            found[kind] = Calibration.read(text, f"The calibration of the {kind} in this recording")
    return found


def left_nominal(recording: Recording, used: Mapping[str, Calibration]) -> Iterator[str]:
    """Yield a sentence for each object of a recording that is none of those used; what to do about it."""
    for kind in recorded(recording):
        said, words = _fact(recording, kind, "calibration"), kind.replace("_", " ")
        if kind in used or not said:  # of no board, as a simulated world's true values
            continue
        if said == UNCALIBRATED:
            yield (
                f"The {words} was not calibrated, so its values are nominal, and how far the numbers may be "
                f"off is not known. Calibrate it: dexkit calibrate {kind}"
            )
        elif _fact(recording, kind, FACT):
            yield f"Calibration {said} of the {words} was set aside, as asked: its values are nominal."
        else:
            yield (
                f"Calibration {said} of the {words} is not in this recording, so its values are nominal. Get "
                f"it from the board: dexkit calibrate --fetch PORT; then score with --calibration {said}"
            )


def calibrated(recording: Recording, calibrations: Mapping[str, Calibration]) -> Recording:
    """Return a recording whose streams are in true units.

    Parameters
    ----------
    recording
        In nominal units, as it was read.
    calibrations
        By object; an object without one stays nominal.

    Raises
    ------
    InputError
        When a calibration is of another board than the one that was recorded.
    """
    streams = dict(recording.streams)
    for kind, calibration in calibrations.items():
        uid = _fact(recording, kind, "uid")
        if uid and uid != calibration.uid:
            raise InputError(
                f"Calibration {calibration.id} is of the {kind} {calibration.uid}; this was recorded with "
                f"{uid}. Probably two files were exchanged. Take the calibration of {uid}."
            )
        for name in calibration.streams.keys() & streams.keys():
            streams[name] = replace(streams[name], values=calibration.correct(name, streams[name].values))
    return replace(recording, streams=streams)


def in_true_units(recording: Recording) -> Recording:
    """Return a recording whose streams are in true units, by the calibrations that it carries.

    Raises
    ------
    InputError
        When one of them is damaged or of another board.
    """
    return calibrated(recording, in_force(recording))


def chosen(*names: str) -> dict[str, Calibration]:
    """Return the calibrations that a person named, by object.

    Parameters
    ----------
    names
        ``nominal`` alone for none; else as for `named`.

    Raises
    ------
    InputError
        When there is none of a name, one is damaged, or two are of one object.
    """
    if names == ("nominal",):
        return {}
    found: dict[str, Calibration] = {}
    for name in names:
        if name == "nominal":
            raise InputError(
                "`nominal` is no calibration at all, so it stands alone. Leave it or the others out."
            )
        calibration = named(name)
        kind = calibration.object_kind
        if kind in found:
            raise InputError(f"These are two calibrations of the {kind}. Name the one that is meant.")
        found[kind] = calibration
    return found


def named(name: str) -> Calibration:
    """Return the calibration that a person named.

    Parameters
    ----------
    name
        The id of one that this computer knows, or a file.

    Raises
    ------
    InputError
        When there is none of that name, or it is damaged.
    """
    found = known(name)
    if found is None:
        try:
            found = Calibration.read(Path(name).read_text(), f"The file {name}")
        except (OSError, UnicodeDecodeError) as error:
            here = ", ".join(sorted(path.stem for path in folder().glob("*.json"))) or "none"
            raise InputError(
                f"There is no calibration {name!r} ({error}). Probably it is misspelt, or was made on "
                f"another computer. Known here are: {here}."
            ) from None
    return found


def folder() -> Path:
    """Return where this computer keeps calibrations."""
    return config_folder() / "calibrations"


def keep(calibration: Calibration) -> Path:
    """Keep a calibration on this computer; return its file.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    path = folder() / f"{calibration.id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, calibration.text + "\n")
    except OSError as error:
        raise cannot_keep(path, error) from None
    return path


def known(calibration_id: str | None) -> Calibration | None:
    """Return a calibration that this computer knows, or None.

    Raises
    ------
    InputError
        When its file is damaged or may not be read.
    """
    if not calibration_id or not calibration_id.isalnum() or len(calibration_id) > LONGEST_ID:
        return None
    path = folder() / f"{calibration_id}.json"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read ({error.strerror}). Probably it belongs to somebody else. "
            "`dexkit doctor` says what can be done about it."
        ) from None
    return Calibration.read(text, f"The file {path}")
