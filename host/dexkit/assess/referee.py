"""The referee: from events, the therapist's marks and the time to a state for a screen, and to a trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dexkit.assess.buttons import ButtonReferee
from dexkit.assess.cup import CupReferee
from dexkit.assess.grade import scores_of
from dexkit.assess.pegs import PegReferee
from dexkit.assess.profile import Profile
from dexkit.assess.reading import ObjectReferee, Reading, Window
from dexkit.assess.rulings import Said, rulings_of, verdict_of
from dexkit.assess.trial import By, Mark, Ruling, Seat, Trial, Verdict
from dexkit.errors import InputError
from dexkit.recording.calibration import in_true_units
from dexkit.recording.model import Recording
from dexkit.score.take import Take, take_of

#: Events become known late; a trial that is over is settled after this long.
SETTLE_S = 1.5
#: What the sensors saw is read at most so often, until it stays.
READS = 4

REFEREES: Mapping[str, ObjectReferee] = {
    "pegboard": PegReferee(),
    "button_board": ButtonReferee(),
    "cup": CupReferee(),
}
#: Objects that are looked at beside the one a profile names.
BESIDE: Mapping[str, tuple[str, ...]] = {"cup": ("coaster",)}

#: Marks that end a trial, and the rule they stand for.
ENDS: Mapping[str, str] = {"stop": "not_completed", "person_stopped": "stopped", "pause": "interrupted"}
#: Answer of a mark `stop` by which the therapist says that the task is finished, though no sensor saw it.
COMPLETED = "completed"


@dataclass(frozen=True)
class Question:
    """Something only the therapist can know.

    Parameters
    ----------
    rule
        The rule it belongs to; the words have its text.
    answers
        What can be answered.
    t_s
        When it came up; None for questions asked after each trial.
    """

    rule: str
    answers: tuple[str, ...]
    t_s: float | None = None


@dataclass(frozen=True)
class State:
    """What a screen shows now.

    Parameters
    ----------
    phase
        ``waiting`` for the word, ``ready`` for the start, ``running``, ``finished``, ``time_up`` or
        ``stopped``.
    part
        What the person is at, as in the words: placing, removing, ...
    clock_s
        What the big clock shows.
    start_s
        Where the clock started; None while it has not.
    counts
        How far the person came.
    rulings
        All so far.
    verdict
        What they come to.
    questions
        What the therapist must be asked: first what came up, then what is asked after each trial.
    prompt
        What to say to the person now, as in the words: push_it_in, out_again, stop; empty for nothing.
    lit
        Holes to light.
    settled
        Whether nothing that is still on its way can change the trial: the recording may be ended.
    """

    phase: str
    part: str
    clock_s: float
    start_s: float | None
    counts: Mapping[str, int]
    rulings: tuple[Ruling, ...]
    verdict: Verdict
    questions: tuple[Question, ...]
    prompt: str
    lit: tuple[int, ...]
    settled: bool

    @property
    def last(self) -> Ruling | None:
        """The last ruling."""
        return self.rulings[-1] if self.rulings else None


@dataclass
class Referee:
    """Judges one trial while it goes on, or afterwards: the same input gives the same trial.

    All that it is told is kept and looked at as a whole in order of time, so that nothing depends on when or
    in which pieces it came in.

    Parameters
    ----------
    profile
        What is done.
    seat
        Which trial it is.
    """

    profile: Profile
    seat: Seat
    takes: dict[str, Take] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    now_s: float = 0.0

    def see(self, kind: str, take: Take) -> None:
        """Take over what an object has felt so far: all its samples and events since the recording began.

        Parameters
        ----------
        kind
            Kind of object.
        take
            Samples may be a view of a growing buffer; events in order of ``t_s``.

        Raises
        ------
        InputError
            When the profile's test is not done with such an object.
        """
        if kind != self.profile.object and kind not in BESIDE.get(self.profile.object, ()):
            raise InputError(
                f"{self.profile.id} is done with a {self.profile.object}, not with a {kind}. Probably the "
                f"other object is plugged in. Connect the {self.profile.object}."
            )
        self.takes[kind] = take
        self.pass_time(take.end_s)

    def mark(self, mark: Mark) -> None:
        """Take over a word of the therapist."""
        if mark.kind in ("answer", "override") and mark.rule not in self.profile.rules:
            raise InputError(
                f"{self.profile.id} has no rule {mark.rule!r}. Probably it belongs to another test. Known "
                f"are: {', '.join(self.profile.rules)}."
            )
        if mark.kind == "answer" and mark.answer not in self.profile.rules[mark.rule].answers:
            known = ", ".join(self.profile.rules[mark.rule].answers) or "none"
            raise InputError(
                f"{mark.answer!r} is no answer to {mark.rule}. Probably it is misspelt. Known are: {known}."
            )
        self.marks.append(mark)
        self.pass_time(mark.t_s)

    def pass_time(self, now_s: float) -> None:
        """Say what time it is, in seconds from the recording's start; it never goes back."""
        self.now_s = max(self.now_s, now_s)

    def state(self) -> State:
        """Return what a screen shows now."""
        return _Look(self).state()

    def trial(self) -> Trial:
        """Return the trial as it stands."""
        return _Look(self).trial()


def judge(
    recorded: Recording | Mapping[str, Take], profile: Profile, marks: tuple[Mark, ...], seat: Seat
) -> Trial:
    """Judge a recorded trial as it was judged live.

    Parameters
    ----------
    recorded
        The recording, or its takes by kind of object.
    profile
        What was done.
    marks
        What the therapist said, as kept with the trial.
    seat
        Which trial it was.

    Raises
    ------
    InputError
        When the recording lacks the object, or a mark cannot be meant.
    """
    return referee_of(recorded, profile, marks, seat).trial()


def referee_of(
    recorded: Recording | Mapping[str, Take], profile: Profile, marks: tuple[Mark, ...], seat: Seat
) -> Referee:
    """Return a referee who has seen a recorded trial; parameters and errors as in `judge`."""
    if isinstance(recorded, Recording):
        recorded = takes_of(in_true_units(recorded), profile)
    referee = Referee(profile, seat)
    for kind, take in recorded.items():
        referee.see(kind, take)
    for mark in marks:
        referee.mark(mark)
    return referee


def takes_of(recording: Recording, profile: Profile) -> Mapping[str, Take]:
    """Return the takes of all objects that a profile's trials are judged by; errors as in `judge`."""
    beside = [kind for kind in BESIDE.get(profile.object, ()) if _has(recording, kind)]
    return {kind: take_of(recording, kind) for kind in (profile.object, *beside)}


def _has(recording: Recording, kind: str) -> bool:
    return any(name.startswith(f"{kind}/") for name in recording.streams)


class _Look:
    """One look at all that a referee knows."""

    def __init__(self, referee: Referee) -> None:
        self.referee = referee
        self.profile = referee.profile
        self.object = REFEREES[self.profile.object]
        self.said = Said(referee.marks)
        self.go_s = self.said.first("go")
        self.ending = self.said.ending(ENDS, self.go_s)
        self.phase, self.reading = "waiting", Reading()
        self.end_s: float | None = None
        self.window: Window | None = None
        self.seen: list[tuple[str, float, str]] = []
        if self.go_s is not None and self.profile.object in referee.takes:
            until_s = referee.now_s if self.ending is None else min(self.ending.t_s, referee.now_s)
            self._read(self.go_s, until_s)
        self.rulings = rulings_of(self.profile, self.reading.seen, self.said)
        self.verdict = verdict_of(self.rulings)

    def _read(self, go_s: float, until_s: float) -> None:
        """Read the trial up to its end: finished, stopped, out of time, or now."""
        limit_s = self.profile.fact("time_limit_s")
        window = Window(self.profile, self.referee.takes, go_s, until_s, self._told)
        reading = self._settled(window)
        begin_s = go_s if reading.start_s is None else reading.start_s
        self.phase = "ready" if reading.start_s is None else "running"
        if (
            limit_s
            and until_s > begin_s + limit_s
            and (reading.stop_s is None or reading.stop_s > begin_s + limit_s)
        ):
            window = replace(window, end_s=begin_s + limit_s)
            reading = self._settled(window)
            if reading.stop_s is None:
                self.phase, self.end_s = "time_up", window.end_s
                reading.see("time_limit", window.end_s)
        if reading.stop_s is not None:
            self.phase, self.end_s = "finished", reading.stop_s
        elif self.end_s is None and self.ending is not None:
            self.phase, self.end_s = self._end_by_hand(reading, self.ending), self.ending.t_s
        if self.end_s is not None:
            window = replace(window, end_s=self.end_s)
        self.reading, self.window = reading, window

    def _told(self, rule: str, t_s: float) -> str:
        return self.said.told(rule, t_s, [at_s for name, at_s, _ in self.seen if name == rule])

    def _settled(self, window: Window) -> Reading:
        """Read; again where a rule came up twice: which of its rulings an answer is to depends on all."""
        for _ in range(READS):
            reading = self.object.read(window)
            before, self.seen = self.seen, list(reading.seen)
            if self.seen == before or len({rule for rule, _, _ in self.seen}) == len(self.seen):
                break
        return reading

    def _end_by_hand(self, reading: Reading, mark: Mark) -> str:
        """End a trial whose end no sensor saw with the therapist's mark; return its phase."""
        if mark.kind == "stop" and mark.answer == COMPLETED and reading.start_s is not None:
            reading.stop_s, reading.stop_told = mark.t_s, True
            reading.see("stopped_by_hand", mark.t_s, mark.reason)
            return "finished"
        reading.see(ENDS[mark.kind], mark.t_s, mark.reason)
        return "stopped"

    # ------------------------------------------------------------------------------------------- what it says

    def questions(self) -> tuple[Question, ...]:
        """Return what the therapist must be asked."""
        rules = self.profile.rules
        decided = {ruling.decides for ruling in self.rulings}
        came_up = [
            Question(ruling.rule, tuple(rules[ruling.rule].answers), ruling.t_s)
            for place, ruling in enumerate(self.rulings)
            if ruling.verdict is Verdict.ASK and place not in decided
        ]
        after: tuple[str, ...] = self.profile.asks if self.end_s is not None else ()
        return (
            *came_up,
            *(Question(rule, tuple(rules[rule].answers)) for rule in after if not self.said.told(rule)),
        )

    def state(self) -> State:
        """Return the state for a screen."""
        reading, now_s = self.reading, self.referee.now_s
        prompt = "stop" if self.verdict is Verdict.ANNULLED else reading.prompt
        shown_s = now_s if self.end_s is None else self.end_s
        return State(
            self.phase,
            reading.part,
            0.0 if reading.start_s is None else max(shown_s - reading.start_s, 0.0),
            reading.start_s,
            reading.counts,
            self.rulings,
            self.verdict,
            self.questions(),
            prompt if self.end_s is None else "",
            reading.lit if self.end_s is None else (),
            self.end_s is not None and now_s >= self.end_s + max(SETTLE_S, self.object.tail_s),
        )

    def trial(self) -> Trial:
        """Return the trial."""
        reading = self.reading
        completed = reading.stop_s is not None
        answers = {rule: self.said.told(rule) for rule in self.profile.asks}
        trial = Trial(
            profile=self.profile.id,
            profile_version=self.profile.version,
            object=self.profile.object,
            mode=self.profile.mode,
            seat=self.referee.seat,
            start_rule=reading.start_rule or self.profile.fact("start_rule"),
            go_s=self.go_s,
            start_s=reading.start_s,
            stop_s=reading.stop_s,
            end_s=self.end_s,
            stop_by=By.THERAPIST if reading.stop_told else By.REFEREE,
            splits=reading.splits,
            completed=completed,
            counts=reading.counts,
            rulings=self.rulings,
            verdict=self.verdict,
            marks=tuple(self.referee.marks),
        )
        values = () if self.window is None else self.object.values(self.window)
        return replace(trial, scores=scores_of(self.profile, trial, values, answers))
