"""A whole test: which trial comes next, which trials count, and what they come to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from dexkit.assess.profile import Profile
from dexkit.assess.trial import Score, Seat, Trial, Verdict
from dexkit.errors import InputError

LEFT, RIGHT = "left", "right"


@dataclass(frozen=True)
class Hands:
    """What the person's hands are to them.

    Parameters
    ----------
    dominant
        ``left`` or ``right``: the hand they wrote with before.
    affected
        ``left``, ``right``, or empty where none is.
    """

    dominant: str
    affected: str = ""

    def __post_init__(self) -> None:
        """Refuse hands that nobody has."""
        if self.dominant not in (LEFT, RIGHT) or self.affected not in (LEFT, RIGHT, ""):
            raise InputError(
                f"The hands are {self.dominant!r} and {self.affected!r}. Probably one is misspelt. Say left "
                "or right, and leave the affected one empty where none is."
            )

    def role(self, hand: str) -> str:
        """Return what a hand is to the person, as a trial keeps it."""
        roles = ["dominant" if hand == self.dominant else "non_dominant"]
        if self.affected:
            roles.append("affected" if hand == self.affected else "unaffected")
        return " ".join(roles)

    @classmethod
    def of(cls, seat: Seat) -> "Hands":
        """Return what the hands are to the person of a trial, by the roles that it keeps."""
        roles, other = seat.role.split(), _other(seat.hand)
        affected = {"affected": seat.hand, "unaffected": other}.get(roles[-1] if roles else "", "")
        return cls(other if "non_dominant" in roles else seat.hand, affected)

    def order(self, profile: Profile) -> tuple[str, str]:
        """Return both hands in the order of the test; unaffected first where the profile says so."""
        first = self.dominant
        if self.affected and profile.fact("hand_order") == "unaffected_first":
            first = _other(self.affected)
        return first, _other(first)


def in_order(profile: Profile, hands: Hands, wanted: str) -> tuple[str, ...]:
    """Return the hands to test, in the order of the test.

    Parameters
    ----------
    profile, hands
        What is done, and what the hands are to the person.
    wanted
        ``both``, ``left`` or ``right``.

    Raises
    ------
    InputError
        When it is none of these.
    """
    if wanted not in ("both", LEFT, RIGHT):
        raise InputError(f"There is no hand {wanted!r}. Probably it is misspelt. Say both, left or right.")
    return hands.order(profile) if wanted == "both" else (wanted,)


@dataclass(frozen=True)
class Step:
    """What comes next.

    Parameters
    ----------
    kind
        ``practice``, ``timed``, ``repeat``, ``decide`` (the last trial still needs the therapist's word) or
        ``done``.
    seat
        Which trial it is; None when all is done.
    """

    kind: str
    seat: Seat | None = None


def next_step(profile: Profile, order: Sequence[str], hands: Hands, trials: Iterable[Trial]) -> Step:
    """Return what comes next in a test.

    Parameters
    ----------
    profile
        What is done.
    order
        The hands to test, in their order: ``hands.order(profile)``, or one hand.
    hands
        What they are to the person.
    trials
        The trials so far, in the order in which they were done.
    """
    done = tuple(trials)
    for hand in order:
        for practice, wanted in ((True, profile.fact("practice")), (False, profile.fact("timed"))):
            for number in range(1, wanted + 1):
                tries = _tries(done, hand, practice, number)
                seat = Seat(hand, hands.role(hand), number, practice, len(tries) + 1)
                if not tries:
                    return Step("practice" if practice else "timed", seat)
                if practice:
                    continue
                if tries[-1].verdict is Verdict.ASK:
                    return Step("decide", tries[-1].seat)
                if tries[-1].verdict is Verdict.ANNULLED and len(tries) <= profile.fact("repeats"):
                    return Step("repeat", seat)
    return Step("done")


def next_seats(profile: Profile, order: Sequence[str], done: Sequence[Seat]) -> tuple[Seat, ...]:
    """Return which trials may come next, whatever was ruled: the first not done yet, or the last one again.

    Parameters
    ----------
    profile
        What is done.
    order
        The hands to test, in their order.
    done
        The trials so far, in the order in which they were done.
    """
    places = [
        Seat(hand, "", number, practice)
        for hand in order
        for practice in (True, False)
        for number in range(1, profile.fact("practice" if practice else "timed") + 1)
    ]
    were = {(seat.hand, seat.practice, seat.number) for seat in done}
    found = [seat for seat in places if (seat.hand, seat.practice, seat.number) not in were][:1]
    if done and not done[-1].practice and done[-1].attempt <= profile.fact("repeats"):
        found.append(replace(done[-1], role="", attempt=done[-1].attempt + 1))
    return tuple(found)


def counting(profile: Profile, trials: Iterable[Trial], hand: str) -> tuple[Trial, ...]:
    """Return a hand's trials that count: of each number the last valid one, none where all were annulled."""
    done = tuple(trials)
    found = []
    for number in range(1, profile.fact("timed") + 1):
        valid = [t for t in _tries(done, hand, False, number) if t.verdict is Verdict.VALID]
        found += valid[-1:]
    return tuple(found)


def hand_result(profile: Profile, trials: Iterable[Trial], hand: str) -> Score | None:
    """Return what a hand's trials come to: the mean of the main scores that count.

    A trial that was not finished has no time; the hand then has none either, since a mean of the rest would
    be better than the hand is. None where no trial counts.
    """
    mains = [trial.main for trial in counting(profile, trials, hand)]
    scores = [score for score in mains if score is not None]
    if not scores:
        return None
    first = scores[0]
    values = [score.value for score in scores]
    if len(scores) < profile.fact("timed"):
        too_few = f"Too few trials count: {len(scores)} of {profile.fact('timed')}."
        return Score(first.measure, None, first.unit, first.version, too_few)
    if any(value is None for value in values):
        reason = next(score.reason for score in scores if score.value is None)
        return Score(first.measure, None, first.unit, first.version, reason)
    known = [value for value in values if value is not None]
    return Score(
        first.measure, fmean(known), first.unit, first.version, first.reason if len(known) == 1 else ""
    )


def both_hands(profile: Profile, trials: Iterable[Trial]) -> Score | None:
    """Return the score that needs both hands; None where the test has none such.

    MSFC: the mean of the reciprocals of both hands' mean times (nationalmssociety.org). For
    Fahn-Tolosa-Marin item 14 see `ftm14_class`.
    """
    if profile.fact("result") != "msfc":
        return None
    done = tuple(trials)
    results = [hand_result(profile, done, hand) for hand in (LEFT, RIGHT)]
    times_s = [result.value for result in results if result is not None and result.value is not None]
    if len(times_s) < 2:
        return Score("trial.msfc_per_s", None, "1/s", 1, "Both hands' times are needed.")
    return Score("trial.msfc_per_s", fmean(1.0 / time_s for time_s in times_s), "1/s", 1)


#: A pour without a spill that takes so many times the other hand's took more care than normal (PROPOSED).
MORE_CARE = 1.5


def ftm14_class(trial: Trial, other: Trial | None) -> Score:
    """Return the class of item 14, where 0 and 1 are told apart by the other hand's time.

    Parameters
    ----------
    trial
        A pour of the test ``cup_ftm14``.
    other
        The other hand's; None where there is none, so that 0 and 1 stay one.

    Returns
    -------
    score
        Where the two are told apart, its reason is ``normal`` or ``careful``.
    """
    score = trial.score("pour.ftm14_class")
    if score is None or score.value != 0.0:
        return score or Score("pour.ftm14_class", None, "class", 1, "The trial is of another test.")
    if other is None or trial.time_s is None or other.time_s is None:
        return score
    careful = trial.time_s > MORE_CARE * other.time_s
    reason = "careful" if careful else "normal"
    return Score(score.measure, float(careful), score.unit, score.version, reason)


def _tries(trials: Iterable[Trial], hand: str, practice: bool, number: int) -> list[Trial]:
    return [
        trial
        for trial in trials
        if (trial.seat.hand, trial.seat.practice, trial.seat.number) == (hand, practice, number)
    ]


def _other(hand: str) -> str:
    return RIGHT if hand == LEFT else LEFT
