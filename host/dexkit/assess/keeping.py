"""Where finished trials go: into the records, or into a folder as JSON beside their recordings."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from dexkit.assess.series import Hands
from dexkit.assess.trial import Seat, Trial
from dexkit.errors import InputError
from dexkit.whole_file import write_whole


@dataclass(frozen=True)
class Patient:
    """Who is tested, as far as a test needs to know.

    Parameters
    ----------
    pseudonym
        Under which the person is known.
    hands
        What they are to the person.
    condition, sex
        As in the records; empty where not told.
    birth_year
        None where not told.
    id
        In the records; empty where there are none.
    """

    pseudonym: str
    hands: Hands
    condition: str = ""
    sex: str = ""
    birth_year: int | None = None
    id: str = ""


@dataclass(frozen=True)
class Earlier:
    """An earlier trial that counts: when it began, its main value and the value's unit."""

    at: datetime
    value: float
    unit: str


class Keeping(Protocol):
    """What a test needs of the place where its trials are kept."""

    def place(self, profile_id: str, seat: Seat) -> Path:
        """Return where the next trial's recording is to be written; nothing is there yet."""
        ...

    def keep(self, trial: Trial, started_at: datetime, recording: Path) -> str:
        """Keep a finished trial at once; return what it is kept as."""
        ...

    def correct(self, kept: str, trial: Trial, started_at: datetime, reason: str) -> str:
        """Keep another outcome beside an earlier one, and why; return what it is kept as."""
        ...

    def earlier(self, profile_id: str, hand: str, mode: str) -> tuple[Earlier, ...] | None:
        """Return the person's trials from before this test that count, oldest first; None: not known."""
        ...


class InFolder:
    """Trials as JSON beside their recordings, in one folder.

    Parameters
    ----------
    folder
        Is made when the first trial is.
    patient
        Who is tested.
    """

    def __init__(self, folder: Path, patient: Patient) -> None:
        self._folder, self._patient = folder, patient

    def place(self, profile_id: str, seat: Seat) -> Path:
        """Return a name that says which trial it is; a number is added where it is taken."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(self._folder, error) from None
        kind = "practice" if seat.practice else "trial"
        name = f"{profile_id}-{seat.hand}-{kind}{seat.number}" + (
            f"-again{seat.attempt - 1}" if seat.attempt > 1 else ""
        )
        path, more = self._folder / f"{name}.mcap", 2
        while path.exists():
            path, more = self._folder / f"{name}-{more}.mcap", more + 1
        return path

    def keep(self, trial: Trial, started_at: datetime, recording: Path) -> str:
        """Write the trial beside its recording."""
        return self._write(recording.with_suffix(".trial.json"), trial, started_at, "", "")

    def correct(self, kept: str, trial: Trial, started_at: datetime, reason: str) -> str:
        """Write the new outcome beside the old one."""
        before = Path(kept)
        stem, number = before.name.split(".trial")[0], 2
        while (path := before.with_name(f"{stem}.trial-{number}.json")).exists():
            number += 1
        return self._write(path, trial, started_at, before.name, reason)

    def earlier(self, profile_id: str, hand: str, mode: str) -> None:
        """Return that nobody knows: a folder is one test."""

    def write_note(self, text: str) -> None:
        """Write the text for the record beside the trials."""
        path, more = self._folder / "note.txt", 2
        while path.exists():  # of another test in the same folder
            path, more = self._folder / f"note-{more}.txt", more + 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
        except OSError as error:
            raise _cannot_write(path, error) from None

    def _write(self, path: Path, trial: Trial, started_at: datetime, corrects: str, reason: str) -> str:
        """Write a file that is whole or not there."""
        facts = {
            "person": self._patient.pseudonym,
            "started_at": started_at.astimezone(UTC).isoformat(),
            "corrects": corrects,
            "reason": reason,
            "trial": json.loads(trial.to_json()),
        }
        try:
            write_whole(path, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            raise _cannot_write(path, error) from None
        return str(path)


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(
        f"Cannot write {path}: {error.strerror}. Probably the disk is full or the folder is another's. Free "
        "some space, or name another folder with --out."
    )
