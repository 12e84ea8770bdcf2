"""What goes into the store and comes out of it, as plain data."""

import json
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from dexkit.errors import InputError

HANDS = ("", "left", "right")
SEXES = ("", "female", "male", "other")
OLDEST_YEARS = 120
#: What tests call their simulated person; `assess.note` has it too, which works without records.
SIMULATED = "demo"


@dataclass(frozen=True)
class PersonFacts:
    """What is known of a person, without the name.

    Parameters
    ----------
    pseudonym
        Under which the person is known here; each is there once.
    condition
        As in ``stroke``, ``ms``, ``parkinson``, ``healthy``; empty where not told.
    affected_hand, dominant_hand
        ``left``, ``right``, or empty where not told.
    sex
        ``female``, ``male``, ``other``, or empty: norms are published by sex.
    birth_year
        Or None where not told.
    notes
        Free text.
    """

    pseudonym: str
    condition: str = ""
    affected_hand: str = ""
    dominant_hand: str = ""
    sex: str = ""
    birth_year: int | None = None
    notes: str = ""

    def checked(self, this_year: int) -> "PersonFacts":
        """Return these facts if they can be true.

        Parameters
        ----------
        this_year
            To know which years of birth are possible.

        Raises
        ------
        InputError
            When one cannot.
        """
        if not self.pseudonym.strip() or len(self.pseudonym) > 64 or not self.pseudonym.isprintable():
            raise InputError(
                f"{self.pseudonym!r} cannot be a pseudonym: it has 1 to 64 characters on one line, as in "
                "P-017."
            )
        if self.pseudonym != self.pseudonym.strip():
            raise InputError(
                f"The pseudonym {self.pseudonym!r} begins or ends with a blank. Probably it slipped in: take "
                f"{self.pseudonym.strip()!r}."
            )
        if folded(self.pseudonym) == SIMULATED:
            raise InputError(
                f"The tests of {self.pseudonym!r} are done by a simulated person. Take another pseudonym, as "
                "in P-017."
            )
        for what, hand in (("affected", self.affected_hand), ("dominant", self.dominant_hand)):
            if hand not in HANDS:
                raise InputError(f"The {what} hand is {hand!r}: say left or right, or leave it out.")
        if self.sex not in SEXES:
            raise InputError(f"The sex is {self.sex!r}: say female, male or other, or leave it out.")
        if self.birth_year is not None and not this_year - OLDEST_YEARS <= self.birth_year <= this_year:
            raise InputError(
                f"Nobody alive was born in {self.birth_year}: give the year of birth between "
                f"{this_year - OLDEST_YEARS} and {this_year}, or leave it out."
            )
        return self

    def text(self) -> bytes:
        """Return these facts as JSON."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class Person:
    """A person in the store.

    Parameters
    ----------
    id
        Random; says nothing.
    facts
        What is known.
    added_at, changed_at
        UTC.
    """

    id: str
    facts: PersonFacts
    added_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class TrialFacts:
    """What came out of one trial; the store judges nothing of it.

    Parameters
    ----------
    person
        Id of the person.
    profile_id
        Which test, in which variant.
    hand
        ``left``, ``right`` or ``both``.
    mode
        ``free``, ``ordered``, ``guided``, ...; modes never share a trend.
    practice
        Whether it was for practice only.
    started_at
        With its time zone.
    verdict
        ``valid``, ``annulled`` or ``ask``.
    completed
        Whether it was carried through.
    value
        Of its main measure; None where not measurable.
    unit
        Of the value.
    outcome
        All of it, as JSON.
    """

    person: str
    profile_id: str
    hand: str
    mode: str
    practice: bool
    started_at: datetime
    verdict: str
    completed: bool
    value: float | None
    unit: str
    outcome: str

    def checked(self) -> "TrialFacts":
        """Return these facts if they can be kept.

        Raises
        ------
        InputError
            When one is of the wrong kind.
        """
        if self.started_at.utcoffset() is None:
            raise InputError("The start of a trial has no time zone. Give it in UTC.")
        for what, text, longest in (
            ("test", self.profile_id, 64),
            ("hand", self.hand, 16),
            ("mode", self.mode, 32),
            ("verdict", self.verdict, 32),
        ):
            if not text or len(text) > longest:
                raise InputError(f"The {what} of a trial is {text!r}: it has 1 to {longest} characters.")
        if len(self.unit) > 32:
            raise InputError(f"The unit of a trial is {self.unit!r}: it has at most 32 characters.")
        if self.value is not None and not abs(self.value) < float("inf"):
            raise InputError("The value of a trial is not a number. Say None where it is not measurable.")
        try:
            json.loads(self.outcome)
        except ValueError:
            raise InputError("The outcome of a trial is not JSON. Write it with json.dumps.") from None
        return self


@dataclass(frozen=True)
class Trial:
    """A finished trial in the store.

    Parameters
    ----------
    id
        Random.
    number
        Its place in the order in which trials were kept; no clock has a part in it.
    person, profile_id, hand, mode, practice, started_at, verdict, completed, value, unit
        As in `TrialFacts`.
    recorded_at
        When it was kept, UTC.
    clock_back_s
        How far the clock stood behind the trial before, in seconds: above 0 somebody set it back.
    recording
        Address of its recording, or None.
    corrects
        Id of the trial that it corrects, or None.
    """

    id: str
    number: int
    person: str
    profile_id: str
    hand: str
    mode: str
    practice: bool
    started_at: datetime
    recorded_at: datetime
    clock_back_s: float
    verdict: str
    completed: bool
    value: float | None
    unit: str
    recording: str | None
    corrects: str | None


@dataclass(frozen=True)
class Activity:
    """What a list of people shows beside each.

    Parameters
    ----------
    trials
        How many there are.
    last_at
        Start of the one kept last, UTC; None without any.
    """

    trials: int
    last_at: datetime | None


def folded(pseudonym: str) -> str:
    """Return what is the same for pseudonyms that differ only in capitals or in how a letter is coded.

    Parameters
    ----------
    pseudonym
        Any.
    """
    # A caseless match as Unicode has it (D145): folding may take apart what was put together, and back.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", pseudonym).casefold())


def utc(at: datetime) -> datetime:
    """Return a time in UTC.

    Parameters
    ----------
    at
        With a time zone.
    """
    return at.astimezone(UTC)
