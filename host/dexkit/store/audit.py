"""The audit log: who saw or changed what, each entry held to the one before by a keyed hash.

The number and hash of the last entry also lie in a small file outside the database, the anchor, so that
a log whose end was cut off is found too.
"""

import contextlib
import getpass
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import Session, col, select

from dexkit.errors import StoreError
from dexkit.store import files
from dexkit.store.clock import Clock
from dexkit.store.database import AFTER, IN_PARTS, Database
from dexkit.store.tables import ACTOR_LENGTH, AuditRow

ANCHOR = "audit-anchor.json"
#: The same look again within this time is the same look.
SAME_LOOK_S = 900.0
#: The action of an entry that says that the anchor was gone.
NO_ANCHOR = "audit.no-anchor"
_NO_ANCHOR = "The anchor was missing or changed, so a cut end before it would not be seen."
_START = "0" * 64
_actor: ContextVar[str] = ContextVar("actor", default="")


@dataclass(frozen=True)
class Entry:
    """One entry of the audit log.

    Parameters
    ----------
    number
        From 1, without gaps.
    at
        UTC, by the clock of then.
    actor
        Who.
    action
        What was done.
    subject
        The id of the person or trial it was done to; empty for all.
    detail
        More, never a person's data.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the records.

    Parameters
    ----------
    number
        The audit entry where it is; 0 for the anchor, or where it is not an entry.
    words
        What to tell a person.
    """

    number: int
    words: str


@contextlib.contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Say who is at work, for the audit log; without it, the user of this computer.

    Parameters
    ----------
    actor
        A name or a short sign.
    """
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def actor() -> str:
    """Return who is at work."""
    if _actor.get():
        return _actor.get()[:ACTOR_LENGTH]
    try:
        return getpass.getuser()[:ACTOR_LENGTH]
    except (OSError, KeyError, ImportError):  # a process without a user's name
        return "unknown"


class Audit:
    """The audit log of one store.

    Parameters
    ----------
    database
        Where the entries are.
    folder
        Where the anchor is.
    key
        For the chain.
    now
        The clock.
    """

    def __init__(self, database: Database, folder: Path, key: bytes, now: Clock) -> None:
        self._database = database
        self._anchor = folder / ANCHOR
        self._key = key
        self._now = now
        self._lock = threading.Lock()
        self._looks: dict[tuple[str, str, str], float] = {}

    def add(self, session: Session, action: str, subject: str = "", detail: str = "") -> None:
        """Add an entry to what a transaction writes.

        Parameters
        ----------
        session
            A writing transaction.
        action, subject, detail
            As in `Entry`.
        """
        self.add_all(session, [(action, subject, detail)])

    def add_all(self, session: Session, entries: Iterable[tuple[str, str, str]]) -> None:
        """Add several entries.

        Parameters
        ----------
        session
            A writing transaction.
        entries
            Action, subject and detail of each.
        """
        number, chain = self._head(session)
        rows = []
        who = actor()
        for action, subject, detail in entries:
            number += 1
            entry = Entry(number, self._now(), who, action, subject, detail)
            chain = self.chain(chain, entry)
            rows.append({**vars(entry), "chain": chain})
        if rows:
            session.execute(insert(AuditRow), rows)
            session.info["audit"] = (number, chain)
            session.info[AFTER] = [lambda: self.anchor(*session.info["audit"])]

    def saw(self, action: str, subject: str = "") -> None:
        """Note that somebody looks at something; the same look again within a quarter of an hour is one.

        Parameters
        ----------
        action, subject
            As in `Entry`.
        """
        look, now_s = (actor(), action, subject), time.monotonic()
        if now_s - self._looks.get(look, -SAME_LOOK_S) < SAME_LOOK_S:
            return
        with self._database.writing() as session:
            self.add(session, action, subject)
        self._looks[look] = now_s

    def entries(
        self, limit: int = 100, *, before: int | None = None, subject: str | None = None
    ) -> list[Entry]:
        """Return entries, the newest first.

        Parameters
        ----------
        limit
            How many at most.
        before
            Only those with a smaller number.
        subject
            Only those about this person or trial.
        """
        query = select(AuditRow).order_by(col(AuditRow.number).desc()).limit(limit)
        if before is not None:
            query = query.where(col(AuditRow.number) < before)
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        with self._database.reading() as session:
            return [
                Entry(row.number, row.at, row.actor, row.action, row.subject, row.detail)
                for row in session.exec(query)
            ]

    def verify(self) -> list[Finding]:
        """Return what was done to the log: each entry changed, swapped, removed or cut off, and where."""
        findings: list[Finding] = []
        anchor = self._anchored()
        number, chain, before = 0, _START, "right"
        with self._database.reading() as session:
            for row in session.exec(
                select(AuditRow).order_by(col(AuditRow.number)), execution_options=IN_PARTS
            ):
                gap = row.number != number + 1
                if gap:
                    findings.append(Finding(number + 1, _gap(number + 1, row.number - 1)))
                right = hmac.compare_digest(row.chain, self.chain(chain, row))
                if not right and not gap:  # across a gap nothing is left to hold an entry against
                    doubt = "" if before == "right" else ", or the one before it"
                    findings.append(Finding(row.number, f"Entry {row.number} was changed{doubt}."))
                if row.action == NO_ANCHOR:
                    findings.append(Finding(row.number, f"{_NO_ANCHOR} This was at entry {row.number}."))
                if anchor is not None and anchor[0] == row.number and anchor[1] != row.chain:
                    findings.append(Finding(row.number, f"Entry {row.number} is not the one that was there."))
                number, chain, before = row.number, row.chain, "right" if right else "wrong"
        if anchor is None:
            findings.append(Finding(0, f"{_NO_ANCHOR} Look into {self._anchor}."))
        elif anchor[0] > number:
            findings.append(Finding(number + 1, _gap(number + 1, anchor[0])))
        return sorted(findings, key=lambda finding: finding.number)

    def chain(self, before: str, row: AuditRow | Entry) -> str:
        """Return the hash of an entry (HMAC-SHA-256), which covers the hash before it.

        Parameters
        ----------
        before
            The hash of the entry before.
        row
            The entry.
        """
        text = json.dumps(
            [before, row.number, row.at.isoformat(), row.actor, row.action, row.subject, row.detail]
        )
        return hmac.digest(self._key, text.encode(), hashlib.sha256).hex()

    @property
    def begun(self) -> int | None:
        """Number of the last entry that is remembered outside the database; None where nothing is."""
        anchor = self._anchored()
        return None if anchor is None else anchor[0]

    def begin_if_new(self) -> None:
        """Make the anchor of a log without entries, so that later a missing one tells something.

        Raises
        ------
        StoreError
            When the disk refuses.
        """
        if self.begun is None:
            with self._database.reading() as session:
                if _last(session) is None:
                    self._write_anchor(0, _START)

    def anchor(self, number: int, chain: str) -> None:
        """Remember the last entry outside the database; never an earlier one than is remembered.

        Parameters
        ----------
        number, chain
            Of the entry.
        """
        with self._lock, contextlib.suppress(StoreError):
            # The entry is kept already. Where the disk refuses here, the next entry, or opening, catches up.
            known = self._anchored()
            if known is None or known[0] < number:
                self._write_anchor(number, chain)

    def catch_up(self) -> None:
        """Remember entries that were kept just before a crash; a lost anchor stays lost until noted."""
        with self._database.reading() as session:
            last = _last(session)
        if last is not None and self._anchored() is not None:
            self.anchor(last.number, last.chain)

    def _head(self, session: Session) -> tuple[int, str]:
        """Return number and hash to go on from: where the end was cut off, a gap stays to be seen."""
        if "audit" in session.info:
            number, chain = session.info["audit"]
            return int(number), str(chain)
        last, anchor = _last(session), self._anchored()
        if anchor is not None and (last is None or anchor[0] > last.number):
            return anchor
        if last is None:
            return 0, _START
        if anchor is None:  # noted in the log itself, where it stays
            session.info["audit"] = (last.number, last.chain)
            self.add(session, NO_ANCHOR)
            return self._head(session)
        return last.number, last.chain

    def _write_anchor(self, number: int, chain: str) -> None:
        body: dict[str, object] = {"number": number, "chain": chain}
        files.write(self._anchor, json.dumps({**body, "seal": self._seal(body)}).encode())

    def _anchored(self) -> tuple[int, str] | None:
        """Return number and hash that are remembered; None where the file is missing, changed or damaged."""
        try:
            facts = json.loads(self._anchor.read_bytes())
            said = str(facts.pop("seal"))
            if hmac.compare_digest(said, self._seal(facts)):
                return int(facts["number"]), str(facts["chain"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def _seal(self, body: dict[str, object]) -> str:
        return hmac.digest(self._key, json.dumps(body, sort_keys=True).encode(), hashlib.sha256).hex()


def _gap(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."


def _last(session: Session) -> AuditRow | None:
    return session.exec(select(AuditRow).order_by(col(AuditRow.number).desc()).limit(1)).first()
