"""Runs a test from the first instruction to the last trial: screens out, keys in; anything may show it."""

import contextlib
import json
import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from dexkit.assess.again import DIFFERS, RECOVERED, differences, is_whole, not_whole, with_differences
from dexkit.assess.keeping import Keeping, Patient
from dexkit.assess.live_trial import SEAT, LiveTrial
from dexkit.assess.profile import Profile
from dexkit.assess.referee import Question, State, judge, referee_of, takes_of
from dexkit.assess.rulings import Said
from dexkit.assess.screen import Screen
from dexkit.assess.screens import Screens, ruling_in_words, trial_in_words
from dexkit.assess.series import Step, next_step
from dexkit.assess.therapist import Therapist
from dexkit.assess.trial import Mark, Ruling, Seat, Trial, Verdict
from dexkit.assess.words import Words
from dexkit.errors import DexkitError, InputError
from dexkit.link.clock import host_ns
from dexkit.link.ports import Plug
from dexkit.link.record import record
from dexkit.recording import read
from dexkit.score.take import Take

#: So long is waited for a key before the screen is shown again.
WAIT_S = 0.5
#: Rules that are about a recording, asked beside the referee's.
OURS = (DIFFERS, RECOVERED)

#: Returns where the boards of a trial are.
Boards = Callable[[Seat], Sequence[Plug]]
Show = Callable[[Screen], None]


@dataclass
class Done:
    """A finished trial.

    Parameters
    ----------
    trial
        As it stands now.
    takes
        What its objects felt, by kind.
    differs
        What the recording says otherwise than was ruled live.
    whole
        Whether all of it was recorded.
    kept
        What it is kept as.
    started_at
        When its recording began.
    meta
        What the recording says of itself.
    """

    trial: Trial
    takes: Mapping[str, Take]
    differs: tuple[str, ...]
    whole: bool
    kept: str
    started_at: datetime
    meta: Mapping[str, str]


class EndedError(Exception):
    """The therapist ends the test."""


class Runner:
    """One person does one test.

    Parameters
    ----------
    profile
        What is done.
    patient
        Who does it.
    order
        Hands to test, in their order: ``patient.hands.order(profile)``, or one.
    boards
        Where the boards of a trial are.
    keeping
        Where finished trials go.
    words
        Of the language.
    show
        Is given each screen.
    therapist
        Who presses keys besides `press`; None for nobody.

    Attributes
    ----------
    screen
        What is shown now.
    done
        Finished trials, in order.
    left_out
        What stands in the place of trials that are not done, or were left open.
    """

    def __init__(
        self,
        profile: Profile,
        patient: Patient,
        order: Sequence[str],
        boards: Boards,
        keeping: Keeping,
        words: Words,
        show: Show,
        therapist: Therapist | None = None,
    ) -> None:
        self.profile, self.patient, self.order, self.words = profile, patient, tuple(order), words
        self.screen = Screen("ready")
        self.done: list[Done] = []
        self._screens = Screens(profile, words)
        self.show = show
        self._boards, self._keeping, self._therapist = boards, keeping, therapist
        self._keys: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.left_out: list[Trial] = []
        self._scripted = ""

    def press(self, key: str) -> None:
        """Press a key, or give a text where the screen wants one; from any thread.

        Parameters
        ----------
        key
            One character, ``space``, or a text.
        """
        self._keys.put((key, host_ns()))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All finished trials as they stand, in order."""
        return tuple(done.trial for done in self.done)

    def run(self) -> tuple[Trial, ...]:
        """Run the test to its end, or until the therapist ends it; return its trials.

        Raises
        ------
        DexkitError
            When something cannot go on and there is nobody to ask.
        """
        with contextlib.suppress(EndedError):
            while (step := self._next()).seat is not None:
                chosen = "s" if step.kind == "decide" else self._ready(step, step.seat)
                if chosen == "space":
                    self._trial(step.seat)
                elif chosen == "s":
                    self._leave_out(step.seat)
                else:
                    self._result()
        self._shown(self._screens.done())
        return self.trials

    def _next(self) -> Step:
        course = (*self.trials, *self.left_out)
        return next_step(self.profile, self.order, self.patient.hands, course)

    def _ready(self, step: Step, seat: Seat) -> str:
        """Show what comes next; return ``space`` to begin, ``s`` to leave it out, ``u`` to go back."""
        first = not any(trial.seat.hand == seat.hand for trial in self.trials)
        screen = self._screens.ready(seat, step.kind == "repeat", first, bool(self.done))
        while (key := self._ask(screen)) not in [each.key for each in screen.keys]:
            pass
        return key

    def _leave_out(self, seat: Seat) -> None:
        """Let a trial stand as done, for the order of trials alone."""
        profile = self.profile
        self.left_out.append(
            Trial(profile.id, profile.version, profile.object, profile.mode, seat, profile.fact("start_rule"))
        )

    def _trial(self, seat: Seat) -> None:
        """Record and judge one trial; what goes wrong is said, and the trial can be tried again."""
        try:
            self._record(seat)
        except DexkitError as error:
            if self._therapist is not None:
                raise
            if self._ask(self._screens.trouble(seat, str(error))) == "s":
                self._leave_out(seat)
        else:
            self._result()

    def _record(self, seat: Seat) -> None:
        """Record one trial, judge it again from the recording, and keep it."""
        self._shown(self._screens.connecting(seat))

        def show(state: State, now_s: float, heard: bool) -> None:
            self._shown(self._screens.running(seat, state, heard))
            if self._therapist is not None:
                self._scripted = self._therapist.key(self.screen, now_s)

        watch = LiveTrial(self.profile, seat, self._pressed, show, self.words["runner.cut_short"])
        path = self._keeping.place(self.profile.id, seat)
        started_at = datetime.now(UTC)
        facts = {
            "person": self.patient.pseudonym,
            "test": self.profile.id,
            "hand": seat.hand,
            SEAT: json.dumps(asdict(seat)),
        }
        record(self._boards(seat), path, meta=facts, watch=watch)
        if not watch.begun:
            raise InputError(
                "The recording ended before the word was said, so there is no trial. Probably a board was "
                "unplugged, or the recording was stopped. Begin the trial again."
            )
        recording = read(path)
        takes, live = takes_of(recording, self.profile), watch.referee.trial()
        again = judge(takes, self.profile, watch.marks, seat)
        differs = differences(self.words, live, again)
        whole = is_whole(recording, again)
        trial = _asked(again, differs, whole)
        kept = self._keeping.keep(trial, started_at, path)
        self.done.append(Done(trial, takes, differs, whole, kept, started_at, recording.meta))

    def _pressed(self) -> list[tuple[str, float]]:
        """Return the keys pressed since the last call, and how long ago each was."""
        found = [(self._scripted, 0.0)] if self._scripted else []
        self._scripted = ""
        with contextlib.suppress(queue.Empty):
            while True:
                key, at_ns = self._keys.get_nowait()
                found.append((key, 1e-9 * (host_ns() - at_ns)))
        return found

    def _result(self) -> None:
        """Show the last trial, ask what is open, and let rulings be set aside, until it may go on."""
        while True:
            trial = self.done[-1].trial
            question = self._open_question(trial)
            undoable = _last_word(trial) in ("answer", "override")
            key = self._ask(self._screens.result(trial, question, undoable=undoable))
            if key == "space":
                return
            if key == "o":
                self._override(trial)
            elif key == "u" and undoable:
                self._say(Mark("undo", _after(trial)), self.words["marks.undo"])
            elif question is not None and key.isdecimal() and 1 <= int(key) <= len(question.answers):
                answer = question.answers[int(key) - 1]
                self._say(Mark("answer", _after(trial), question.rule, answer), answer)

    def _open_question(self, trial: Trial) -> Question | None:
        """Return what the therapist must still be asked of the last trial; after practice, nothing."""
        if trial.seat.practice:
            return None
        referee = referee_of(self.done[-1].takes, self.profile, trial.marks, trial.seat)
        questions = referee.state().questions
        for ruling in _standing(trial):
            if ruling.rule in OURS and ruling.verdict is Verdict.ASK:
                questions += (Question(ruling.rule, tuple(self.profile.rules[ruling.rule].answers)),)
        return questions[0] if questions else None

    def _override(self, trial: Trial) -> None:
        """Let the therapist set a ruling aside, with a reason."""
        words, seat = self.words, trial.seat
        standing = [ruling for ruling in _standing(trial) if ruling.rule not in OURS]
        choices = [ruling_in_words(words, ruling) for ruling in standing]
        choices.append(f"{words['rules.interrupted.name']}: {words['verdicts.annulled']}")
        place = self._choose(seat, words["runner.which_ruling"], choices)
        if place is None:
            return
        rule, verdict, meant = "interrupted", str(Verdict.ANNULLED), ""
        if place < len(standing):
            rule, meant = standing[place].rule, repr(standing[place].t_s)
            other = [v for v in (Verdict.VALID, Verdict.ANNULLED) if v is not standing[place].verdict]
            picked = self._choose(
                seat, words["runner.what_instead"], [words[f"verdicts.{each}"] for each in other]
            )
            if picked is None:
                return
            verdict = str(other[picked])
        reason = self._ask(self._screens.text(seat, words["runner.why"])).strip()
        if reason:
            self._say(Mark("override", _after(trial), rule, meant, verdict, reason), reason)

    def _say(self, mark: Mark, reason: str) -> None:
        """Judge the last trial again with one more word of the therapist; both outcomes are kept."""
        done = self.done[-1]
        seat = done.trial.seat
        again = judge(done.takes, self.profile, (*done.trial.marks, mark), seat)
        trial = _asked(again, done.differs, done.whole)
        done.kept = self._keeping.correct(done.kept, trial, done.started_at, reason)
        done.trial = trial
        # What was said may ask for a trial that had been left open.
        place = (seat.hand, seat.practice, seat.number)
        self.left_out = [
            each for each in self.left_out if (each.seat.hand, each.seat.practice, each.seat.number) != place
        ]

    def _choose(self, seat: Seat, question: str, choices: Sequence[str]) -> int | None:
        """Let one of several be chosen; None for none."""
        screen = self._screens.choose(seat, question, choices)
        while True:
            key = self._ask(screen)
            if key == "u":
                return None
            if key.isdecimal() and 1 <= int(key) <= len(choices):
                return int(key) - 1

    def _ask(self, screen: Screen) -> str:
        """Show a screen until a key is pressed; return it."""
        self._shown(screen)
        if self._therapist is not None and (key := self._therapist.key(self.screen, 0.0)):
            return key
        while True:
            with contextlib.suppress(queue.Empty):
                key, _ = self._keys.get(timeout=WAIT_S)
                if key == "q" and not screen.wants_text:
                    raise EndedError
                return key
            self._shown(screen)

    def _shown(self, screen: Screen) -> None:
        """Show a screen, with the results so far on it."""
        results = tuple(trial_in_words(self.words, trial) for trial in self.trials)
        self.screen = replace(screen, results=results)
        self.show(self.screen)


def _asked(trial: Trial, differs: tuple[str, ...], whole: bool) -> Trial:
    """Return a trial with what is to be asked of its recording."""
    trial = with_differences(trial, differs)
    return trial if whole else not_whole(trial)


def _standing(trial: Trial) -> list[Ruling]:
    """Return the rulings that no later one has decided."""
    decided = {ruling.decides for ruling in trial.rulings}
    return [ruling for place, ruling in enumerate(trial.rulings) if place not in decided]


def _last_word(trial: Trial) -> str:
    """Return the kind of the last mark that stands."""
    standing = Said(trial.marks).standing
    return standing[-1].kind if standing else ""


def _after(trial: Trial) -> float:
    """Return a time after all that was said of a trial."""
    return max([trial.end_s or 0.0, *(mark.t_s for mark in trial.marks)]) + 1e-3
