"""Trials: only ever added. A correction is a new row that names the row it corrects, and why."""

import contextlib
import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, insert, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from dexkit.errors import InputError, StoreError
from dexkit.store.audit import Audit
from dexkit.store.clock import Clock
from dexkit.store.database import Database
from dexkit.store.keyring import Keyring
from dexkit.store.recordings import Recordings, Running
from dexkit.store.records import Activity, Trial, TrialFacts, utc
from dexkit.store.sealing import SealBrokenError, seal, unseal
from dexkit.store.tables import PersonRow, TrialRow

#: A clock is not called set back for less: computers correct their clocks by parts of a second.
CLOCK_S = 1.0
_NOBODY = "There is no such person. See `dexkit people list`."
_COLUMNS = {"id": "trial_id", "person": "person_id"}
_SELECTED = [getattr(TrialRow, _COLUMNS.get(field.name, field.name)) for field in fields(Trial)]


class Trials:
    """The trials of one store.

    Parameters
    ----------
    database, keyring, audit, recordings, now
        Of the store.
    """

    def __init__(
        self, database: Database, keyring: Keyring, audit: Audit, recordings: Recordings, now: Clock
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._audit = audit
        self._recordings = recordings
        self._now = now

    def add(self, facts: TrialFacts, recording: Running | Path | None = None) -> Trial:
        """Keep a finished trial; when this returns, it is on the disk with its recording.

        Parameters
        ----------
        facts
            What came out.
        recording
            What ran meanwhile; or a file, which stays where it is.

        Raises
        ------
        InputError
            When there is no such person, a fact cannot be kept, or the recording runs for another person.
        StoreError
            When the disk refuses; nothing of the trial is kept then, and a running recording stays.
        """
        return self._keep(facts.checked(), recording, None, "")

    def correct(self, trial: str, facts: TrialFacts, reason: str) -> Trial:
        """Correct a trial: the old one stays, and is left out of trends.

        Parameters
        ----------
        trial
            Id of the one to be corrected.
        facts
            All of them, old and new; of the same person.
        reason
            Why, for the record.

        Raises
        ------
        InputError
            When there is no such trial, it was corrected already, or there is no reason.
        """
        before = self.get(trial)
        if not reason.strip():
            raise InputError("A correction needs a reason. Say why, in a few words.")
        if before.person != facts.person:
            raise InputError("A correction is of the same person. Annul this trial, and keep another one.")
        with self._database.reading() as session:
            later = session.execute(
                select(col(TrialRow.number)).where(col(TrialRow.corrects) == trial)
            ).first()
        if later is not None:
            raise InputError(
                f"Trial {before.number} was corrected already, by trial {later[0]}. Correct that one instead."
            )
        return self._keep(facts.checked(), None, before, reason)

    def add_all(self, many: Iterable[TrialFacts]) -> None:
        """Keep many trials without recordings at once, or none of them, as an import does.

        Parameters
        ----------
        many
            What came out of each.

        Raises
        ------
        InputError, StoreError
            As in `add`.
        """
        with self._database.writing() as session:
            here: set[str] = set(session.execute(select(col(PersonRow.person_id))).scalars())
            rows = []
            for facts in many:
                if facts.person not in here:
                    raise InputError(_NOBODY)
                rows.append(self._made(session, facts.checked(), uuid.uuid4().hex, None, None, ""))
            if rows:
                session.execute(insert(TrialRow), rows)
                self._audit.add_all(
                    session, [("trial.add", row["person_id"], row["trial_id"]) for row in rows]
                )

    def get(self, trial: str) -> Trial:
        """Return a trial.

        Parameters
        ----------
        trial
            The id.

        Raises
        ------
        InputError
            When there is none.
        """
        found = self._trials(select(*_SELECTED).where(col(TrialRow.trial_id) == trial))
        if not found:
            raise InputError("There is no such trial: its person was probably erased.")
        self._audit.saw("trials.see", found[0].person)
        return found[0]

    def outcome(self, trial: str) -> tuple[str, str]:
        """Return all that came out of a trial, as JSON, and the reason if it is a correction.

        Parameters
        ----------
        trial
            The id.

        Raises
        ------
        InputError
            When there is none.
        StoreError
            When anything of the trial was changed since it was kept.
        """
        with self._database.reading() as session:
            row = session.get(TrialRow, trial)
            if row is None:
                raise InputError("There is no such trial: its person was probably erased.")
            inside = self.unsealed(row)
        self._audit.saw("trials.see", row.person_id)
        return inside

    def of(self, person: str, limit: int = 50, *, before: int | None = None) -> list[Trial]:
        """Return a person's trials, the newest first.

        Parameters
        ----------
        person
            The id.
        limit
            How many at most.
        before
            Only those with a smaller number.
        """
        query = select(*_SELECTED).where(col(TrialRow.person_id) == person)
        if before is not None:
            query = query.where(col(TrialRow.number) < before)
        self._audit.saw("trials.see", person)
        return self._trials(query.order_by(col(TrialRow.number).desc()).limit(limit))

    def trend(self, person: str, profile_id: str, hand: str, mode: str) -> list[Trial]:
        """Return the trials that may share a trend, the oldest first: valid, for real, not corrected.

        Parameters
        ----------
        person
            The id.
        profile_id, hand, mode
            What they have in common.
        """
        query = select(*_SELECTED).where(
            col(TrialRow.person_id) == person, *_counted(profile_id, hand, mode), _uncorrected()
        )
        self._audit.saw("trials.see", person)
        return self._trials(query.order_by(col(TrialRow.number)))

    def repeats(self, profile_id: str, hand: str, mode: str) -> list[tuple[str, int, float]]:
        """Return person, number and value of all trials that may be compared, for the clinic's reliability.

        Parameters
        ----------
        profile_id, hand, mode
            What they have in common.
        """
        query = (
            select(col(TrialRow.person_id), col(TrialRow.number), col(TrialRow.value))
            .where(*_counted(profile_id, hand, mode), col(TrialRow.value).is_not(None), _uncorrected())
            .order_by(col(TrialRow.person_id), col(TrialRow.number))
        )
        with self._database.reading() as session:
            return [(row[0], row[1], float(row[2] or 0.0)) for row in session.execute(query)]

    def recent(self, limit: int = 50) -> list[Trial]:
        """Return the trials that were kept last, the newest first.

        Parameters
        ----------
        limit
            How many at most.
        """
        self._audit.saw("trials.recent")
        return self._trials(select(*_SELECTED).order_by(col(TrialRow.number).desc()).limit(limit))

    def between(self, start: datetime, end: datetime) -> list[Trial]:
        """Return the trials that began from one time until before another, in the order they were kept.

        Parameters
        ----------
        start, end
            With their time zones.
        """
        query = select(*_SELECTED).where(
            col(TrialRow.started_at) >= utc(start), col(TrialRow.started_at) < utc(end)
        )
        self._audit.saw("trials.recent")
        return self._trials(query.order_by(col(TrialRow.number)))

    def activity(self, people: Collection[str]) -> dict[str, Activity]:
        """Return how many trials people have, and when the last one was.

        Parameters
        ----------
        people
            Their ids; those on one page.
        """
        counts = (
            select(col(TrialRow.person_id), func.count(), func.max(col(TrialRow.number)))
            .where(col(TrialRow.person_id).in_(people))
            .group_by(col(TrialRow.person_id))
        )
        with self._database.reading() as session:
            rows = session.execute(counts).all()
            lasts = select(col(TrialRow.number), col(TrialRow.started_at)).where(
                col(TrialRow.number).in_([row[2] for row in rows])
            )
            started: dict[Any, datetime] = {row[0]: row[1] for row in session.execute(lasts)}
        found = {row[0]: Activity(int(row[1]), started[row[2]]) for row in rows}
        return {person: found.get(person, Activity(0, None)) for person in people}

    def unsealed(self, row: TrialRow) -> tuple[str, str]:
        """Return outcome and reason of a row, if the row is as it was kept.

        Parameters
        ----------
        row
            All of it.

        Raises
        ------
        StoreError
            When anything of it was changed.
        """
        try:
            inside = json.loads(unseal(self._keyring.of(row.person_id), row.outcome, _context(vars(row))))
        except SealBrokenError:
            raise StoreError(
                f"Trial {row.number} was changed outside of dexkit, or is damaged, so it is not shown. "
                "Restore a "
                "backup into another folder and compare: dexkit restore"
            ) from None
        return inside["outcome"], inside["reason"]

    def _keep(
        self, facts: TrialFacts, recording: Running | Path | None, corrects: Trial | None, reason: str
    ) -> Trial:
        running = recording if isinstance(recording, Running) else None
        if running is not None and running.person != facts.person:
            raise InputError("This recording is of another person than the trial. Check who was recorded.")
        trial = running.trial if running is not None else uuid.uuid4().hex
        with self._database.writing() as session:
            address = corrects.recording if corrects is not None else None
            if recording is not None:
                path = recording.path if isinstance(recording, Running) else recording
                address = self._recordings.put(session, facts.person, path)
            if session.get(PersonRow, facts.person) is None:
                raise InputError(_NOBODY)
            row = self._made(session, facts, trial, address, corrects.id if corrects else None, reason)
            session.execute(insert(TrialRow), [row])
            self._audit.add(session, "trial.correct" if corrects else "trial.add", facts.person, trial)
            if row["clock_back_s"]:
                words = f"{row['clock_back_s']:.0f} s at trial {row['number']}"
                self._audit.add(session, "clock.back", "", words)
            kept = Trial(*(row[column.key] for column in _SELECTED))
        if running is not None:
            with contextlib.suppress(StoreError):
                # The trial is kept; what may be left of its running file goes at the next opening.
                self._recordings.done(running)
        return kept

    def _made(
        self,
        session: Session,
        facts: TrialFacts,
        trial: str,
        address: str | None,
        corrects: str | None,
        reason: str,
    ) -> dict[str, Any]:
        """Return the next row, its outcome sealed."""
        now = self._now()
        last = (
            session.info.get("trial")
            or session.execute(
                select(col(TrialRow.number), col(TrialRow.recorded_at))
                .order_by(col(TrialRow.number).desc())
                .limit(1)
            ).first()
        )
        back_s = 0.0 if last is None else (last[1] - now).total_seconds()
        row = {
            "trial_id": trial,
            "number": 1 if last is None else last[0] + 1,
            "person_id": facts.person,
            "profile_id": facts.profile_id,
            "hand": facts.hand,
            "mode": facts.mode,
            "practice": facts.practice,
            "started_at": utc(facts.started_at),
            "recorded_at": now,
            "clock_back_s": back_s if back_s > CLOCK_S else 0.0,
            "verdict": facts.verdict,
            "completed": facts.completed,
            "value": None if facts.value is None else float(facts.value),
            "unit": facts.unit,
            "recording": address,
            "corrects": corrects,
        }
        inside = json.dumps({"outcome": facts.outcome, "reason": reason}).encode()
        session.info["trial"] = (row["number"], now)
        return {**row, "outcome": seal(self._keyring.of(facts.person), inside, _context(row))}

    def _trials(self, query: Select[Any]) -> list[Trial]:
        with self._database.reading() as session:
            return [Trial(*tuple[Any, ...](row)) for row in session.execute(query)]


def _counted(profile_id: str, hand: str, mode: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(TrialRow.profile_id) == profile_id,
        col(TrialRow.hand) == hand,
        col(TrialRow.mode) == mode,
        col(TrialRow.verdict) == "valid",
        ~col(TrialRow.practice),
    )


def _uncorrected() -> ColumnElement[bool]:
    later = aliased(TrialRow)
    return ~exists().where(col(later.corrects) == col(TrialRow.trial_id))


def _context(row: Mapping[str, Any]) -> str:
    """Return all columns in clear as text: the seal holds them too."""
    values = (row[column.key] for column in _SELECTED)
    return json.dumps([value.isoformat() if isinstance(value, datetime) else value for value in values])
