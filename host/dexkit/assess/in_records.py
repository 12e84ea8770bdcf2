"""Finished trials go into the records of the clinic or home."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dexkit.assess.keeping import Earlier, Patient
from dexkit.assess.series import Hands
from dexkit.assess.trial import Seat, Trial
from dexkit.errors import InputError

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
        from dexkit.store import TrialFacts

        main = trial.main
        return TrialFacts(
            person=self._patient.id,
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
