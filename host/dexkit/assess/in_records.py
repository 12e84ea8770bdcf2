"""Trials go into the records of the clinic or home: finished ones, and what a crash has left of one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dexkit.assess.again import recovered
from dexkit.assess.keeping import Earlier, Patient
from dexkit.assess.series import Hands
from dexkit.assess.trial import Seat, Trial
from dexkit.errors import InputError
from dexkit.recording import read

if TYPE_CHECKING:  # records need packages of their own; tests run without them
    from dexkit.store import Running, Store, TrialFacts


def patient_of(store: "Store", pseudonym: str, dominant: str = "", affected: str = "") -> Patient:
    """Return a person of the records as a test needs them.

    Parameters
    ----------
    store
        Open records.
    pseudonym
        All of it.
    dominant, affected
        Hands, for this test; empty for what is noted.

    Raises
    ------
    InputError
        When nobody is called so, or it is not known which hand is dominant.
    """
    person = store.people.find(pseudonym)
    facts = person.facts
    dominant, affected = dominant or facts.dominant_hand, affected or facts.affected_hand
    if not dominant:
        raise InputError(
            f"It is not noted which hand {pseudonym} writes with, and the tests begin with one of the two. "
            "Add --dominant right, or left."
        )
    hands = Hands(dominant, affected)
    return Patient(pseudonym, hands, facts.condition, facts.sex, facts.birth_year, person.id)


class InRecords:
    """Trials and recordings in the store.

    Parameters
    ----------
    store
        Open records.
    patient
        Who is tested.
    """

    def __init__(self, store: "Store", patient: Patient) -> None:
        self._store, self._patient = store, patient
        self._running: Running | None = None
        self._kept: set[str] = set()

    def place(self, profile_id: str, seat: Seat) -> Path:
        """Return where the recorder is to write; the store finds it again after a crash."""
        self._running = self._store.recordings.start(self._patient.id)
        return self._running.path

    def keep(self, trial: Trial, started_at: datetime, recording: Path) -> str:
        """Keep the trial with its recording."""
        kept = self._store.trials.add(self._facts(trial, started_at), self._running).id
        self._kept.add(kept)
        return kept

    def correct(self, kept: str, trial: Trial, started_at: datetime, reason: str) -> str:
        """Keep the new outcome as a correction."""
        newer = self._store.trials.correct(kept, self._facts(trial, started_at), reason).id
        self._kept.add(newer)
        return newer

    def earlier(self, profile_id: str, hand: str, mode: str) -> tuple[Earlier, ...]:
        """Return the trials that count and are none of this test."""
        found = self._store.trials.trend(self._patient.id, profile_id, hand, mode)
        return tuple(
            Earlier(trial.started_at, trial.value, trial.unit)
            for trial in found
            if trial.value is not None and trial.completed and trial.id not in self._kept
        )

    def _facts(self, trial: Trial, started_at: datetime) -> "TrialFacts":
        return _facts(self._patient.id, trial, started_at)


def left_trial(running: "Running") -> Trial:
    """Return what a recording that a crash has left would be kept as; see `keep_left_behind`."""
    return recovered(read(running.path))


def keep_left_behind(store: "Store", running: "Running", answer: str = "") -> Trial:
    """Keep what a crash has left of a trial as a trial of its person, marked as recovered; return it.

    Parameters
    ----------
    store
        Open records.
    running
        One of ``store.recordings.left_behind()``.
    answer
        What the therapist says of it: see `again.recovered`.

    Raises
    ------
    InputError, RecordingError
        When nothing of it can be judged: it can still be discarded.
    """
    recording = read(running.path)
    trial = recovered(recording, answer)
    started_s = 1e-9 * int(recording.meta["start_ns"]) if "start_ns" in recording.meta else 0.0
    started_at = datetime.fromtimestamp(started_s or running.path.stat().st_mtime, UTC)
    store.trials.add(_facts(running.person, trial, started_at), running)
    return trial


def _facts(person: str, trial: Trial, started_at: datetime) -> "TrialFacts":
    from dexkit.store import TrialFacts

    main = trial.main
    return TrialFacts(
        person=person,
        profile_id=trial.profile,
        hand=trial.seat.hand,
        mode=trial.mode,
        practice=trial.seat.practice,
        started_at=started_at,
        verdict=str(trial.verdict),
        completed=trial.completed,
        value=None if main is None else main.value,
        unit="" if main is None else main.unit,
        outcome=trial.to_json(),
    )
