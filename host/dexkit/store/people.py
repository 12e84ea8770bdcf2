"""People under a pseudonym, and their names apart from them; both sealed with the person's own key."""

import contextlib
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, insert
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from dexkit.errors import InputError, StoreError
from dexkit.store.audit import Audit
from dexkit.store.clock import Clock
from dexkit.store.database import Database
from dexkit.store.keyring import Keyring
from dexkit.store.records import Person, PersonFacts, folded
from dexkit.store.sealing import SealBrokenError, seal, tag, unseal
from dexkit.store.tables import NameRow, PersonRow, TrialRow

_SEALED = sql_select(col(PersonRow.person_id), col(PersonRow.facts))
_NOTHING = b"", Person("", PersonFacts(""), datetime.min, datetime.min)


def _checked(name: str) -> str:
    """Return a name if it can be kept; raise InputError where it is no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"The name {name!r} is no text. Probably this terminal does not write UTF-8: use another one."
        ) from None
    return name


class People:
    """The people of one store.

    Parameters
    ----------
    database, keyring, audit, now
        Of the store.
    """

    def __init__(self, database: Database, keyring: Keyring, audit: Audit, now: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._audit = audit
        self._now = now
        self._tag_key = keyring.key("pseudonyms")
        #: People whose facts were unsealed before, by id, with the sealed facts.
        self._known: dict[str, tuple[bytes, Person]] = {}

    def add(self, facts: PersonFacts, name: str = "") -> Person:
        """Add a person.

        Parameters
        ----------
        facts
            With a pseudonym that nobody has.
        name
            Empty to keep none.

        Raises
        ------
        InputError
            When a fact cannot be true, or the pseudonym is taken or too much like one that is.
        StoreError
            When it cannot be kept; nothing of it is then.
        """
        return self.add_all([(facts, name)])[0]

    def add_all(self, people: Iterable[tuple[PersonFacts, str]]) -> list[Person]:
        """Add several people at once, or none of them.

        Parameters
        ----------
        people
            Facts and name of each, as in `add`.

        Raises
        ------
        InputError, StoreError
            As in `add`.
        """
        now, added, rows, names = self._now(), [], [], []
        wanted = [(facts.checked(now.year), _checked(name)) for facts, name in people]
        with self._database.writing() as session:
            self._keyring.reload()
            self._refuse_taken(session, [facts.pseudonym for facts, _ in wanted])
            for facts, name in wanted:
                person = uuid.uuid4().hex
                key = self._keyring.add(person)
                rows.append(
                    {
                        "person_id": person,
                        "tag": tag(self._tag_key, facts.pseudonym),
                        "facts": seal(key, facts.text(), _facts_of(person)),
                        "added_at": now,
                        "changed_at": now,
                    }
                )
                if name:
                    names.append({"person_id": person, "name": seal(key, name.encode(), _name_of(person))})
                added.append(Person(person, facts, now, now))
            for table, some in ((PersonRow, rows), (NameRow, names)):
                if some:
                    session.execute(insert(table), some)
            self._audit.add_all(session, [("person.add", person.id, "") for person in added])
            self._keyring.save()  # before the commit: no row may be without its key
        return added

    def change(self, person: str, facts: PersonFacts, name: str | None = None) -> Person:
        """Change what is known of a person.

        Parameters
        ----------
        person
            The id.
        facts
            All of them, old and new.
        name
            A new one; empty to remove it, None to leave it.

        Raises
        ------
        InputError
            When there is no such person, or a fact or the pseudonym is refused as in `add`.
        """
        now = self._now()
        facts.checked(now.year)
        _checked(name or "")
        with self._database.writing() as session:
            row = self._row(session, person)
            before, key = self._person(row).facts, self._keyring.of(person)
            if facts.pseudonym != before.pseudonym:
                self._refuse_taken(session, [facts.pseudonym], but=person)
            row.tag = tag(self._tag_key, facts.pseudonym)
            row.facts, row.changed_at = seal(key, facts.text(), _facts_of(person)), now
            changed = [what for what in vars(facts) if vars(facts)[what] != vars(before)[what]]
            if name is not None:
                changed.append("name")
                old = session.get(NameRow, person)
                if old is not None:
                    session.delete(old)
                    session.flush()
                if name:
                    session.add(NameRow(person_id=person, name=seal(key, name.encode(), _name_of(person))))
            self._audit.add(session, "person.change", person, " ".join(changed))
            return Person(person, facts, row.added_at, now)

    def get(self, person: str) -> Person:
        """Return a person.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        InputError
            When there is none.
        """
        with self._database.reading() as session:
            found = self._person(self._row(session, person))
        self._audit.saw("person.see", person)
        return found

    def find(self, pseudonym: str) -> Person:
        """Return the person with this pseudonym.

        Parameters
        ----------
        pseudonym
            All of it.

        Raises
        ------
        InputError
            When nobody has it.
        """
        query = select(PersonRow).where(PersonRow.tag == tag(self._tag_key, pseudonym))
        with self._database.reading() as session:
            row = session.exec(query).first()
            if row is None:
                raise InputError(
                    f"Nobody here is called {pseudonym!r}. `dexkit people list` shows who is; add a person "
                    "with "
                    "`dexkit people add PSEUDONYM`."
                )
            found = self._person(row)
        self._audit.saw("person.see", found.id)
        return found

    def search(self, part: str = "") -> list[Person]:
        """Return all people whose pseudonym holds these letters, sorted by pseudonym.

        Parameters
        ----------
        part
            Letters, large or small; empty for all.
        """
        with self._database.reading() as session:
            sealed = [(str(row[0]), bytes(row[1])) for row in session.execute(_SEALED)]
            # Facts are sealed anew with each change: equal ones are the same, and were unsealed already.
            if all(self._known.get(person, _NOTHING)[0] == facts for person, facts in sealed):
                found = [self._known[person][1] for person, _ in sealed]
            else:
                found = [self._person(row) for row in session.exec(select(PersonRow))]
        self._audit.saw("people.list")
        wanted = [person for person in found if part.lower() in person.facts.pseudonym.lower()]
        return sorted(wanted, key=lambda person: person.facts.pseudonym)

    def name(self, person: str) -> str:
        """Return a person's name; empty where none is kept.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        InputError
            When there is no such person.
        """
        with self._database.reading() as session:
            self._row(session, person)
            row = session.get(NameRow, person)
            name = "" if row is None else self._open(person, row.name, _name_of(person)).decode()
        self._audit.saw("name.see", person)
        return name

    def names(self) -> dict[str, str]:
        """Return all names by the ids of their people."""
        with self._database.reading() as session:
            found = {
                row.person_id: self._open(row.person_id, row.name, _name_of(row.person_id)).decode()
                for row in session.exec(select(NameRow))
            }
        self._audit.saw("names.list")
        return found

    def unseen_for(self, years: float) -> list[Person]:
        """Return the people without a trial or a change for so long: those to be erased, if that is the rule.

        Parameters
        ----------
        years
            Of 365.25 days.
        """
        try:
            since: datetime = self._now() - timedelta(days=365.25 * years)
        except OverflowError:
            return []  # nobody was seen before the calendar begins
        recent = exists().where(
            col(TrialRow.person_id) == col(PersonRow.person_id), col(TrialRow.started_at) >= since
        )
        query = select(PersonRow).where(col(PersonRow.changed_at) < since, ~recent)
        with self._database.reading() as session:
            return [self._person(row) for row in session.exec(query)]

    def _person(self, row: PersonRow) -> Person:
        sealed, person = self._known.get(row.person_id, _NOTHING)
        if sealed != row.facts:
            text = self._open(row.person_id, row.facts, _facts_of(row.person_id))
            person = Person(row.person_id, PersonFacts(**json.loads(text)), row.added_at, row.changed_at)
            self._known[row.person_id] = (row.facts, person)
        return person

    def _open(self, person: str, sealed: bytes, context: str) -> bytes:
        try:
            return unseal(self._keyring.of(person), sealed, context)
        except SealBrokenError:
            raise StoreError(
                f"What is kept of the person {person} was changed or is damaged. Restore a backup into "
                "another "
                "folder and compare: dexkit restore"
            ) from None

    def forget(self, person: str) -> None:
        """Drop what this object remembers of a person who was erased.

        Parameters
        ----------
        person
            The id.
        """
        self._known.pop(person, None)

    def _refuse_taken(self, session: Session, pseudonyms: Sequence[str], but: str = "") -> None:
        """Refuse what somebody is called already, or nearly so; `but` this person."""
        taken = {}
        for row in session.exec(select(PersonRow).where(PersonRow.person_id != but)):
            with contextlib.suppress(StoreError):  # of whom nothing can be read, the tag alone is known
                there = self._person(row).facts.pseudonym
                taken[folded(there)] = there
        for pseudonym in pseudonyms:
            query = select(PersonRow.person_id).where(PersonRow.tag == tag(self._tag_key, pseudonym))
            there = taken.get(folded(pseudonym), "")
            if there == pseudonym or session.exec(query).first() is not None:
                raise InputError(
                    f"{pseudonym} is somebody here already. Take another pseudonym, or see `dexkit people "
                    "show`."
                )
            if there:
                raise InputError(
                    f"{pseudonym} is too much like {there}, who is here already: only capitals or the coding "
                    "of a letter differ. Take another pseudonym, or see `dexkit people show`."
                )
            taken[folded(pseudonym)] = pseudonym

    @staticmethod
    def _row(session: Session, person: str) -> PersonRow:
        row = session.get(PersonRow, person)
        if row is None:
            raise InputError("There is no such person: probably erased meanwhile. See `dexkit people list`.")
        return row


def _facts_of(person: str) -> str:
    return f"facts of {person}"


def _name_of(person: str) -> str:
    return f"name of {person}"
