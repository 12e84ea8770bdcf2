"""The screens of a test, made from its profile, its words and how a trial stands."""

from collections.abc import Sequence
from dataclasses import replace

from dexkit.assess.live_trial import KEY_MARKS, PEG_KEYS
from dexkit.assess.profile import Profile
from dexkit.assess.referee import Question, State
from dexkit.assess.screen import Key, Screen
from dexkit.assess.trial import By, Ruling, Seat, Trial
from dexkit.assess.words import Words
from dexkit.score.measure import Mark as Trust

#: Pictures by object.
PICTURES = {"pegboard": "board", "button_board": "buttons", "cup": "cup"}


class Screens:
    """Makes the screens of one test in one language.

    Parameters
    ----------
    profile
        What is done.
    words
        Of the language.
    """

    def __init__(self, profile: Profile, words: Words) -> None:
        self.profile, self.words = profile, words

    def ready(self, seat: Seat, again: bool, first: bool, can_go_back: bool) -> Screen:
        """Return what is shown and said before a trial; with how to set up before a hand's first."""
        words = self.words
        lines = [self._text("setup")] if first else []
        unsure = self.profile.unsure
        recalled = [words[f"facts.{name}"] for name, fact in unsure if fact.mark is Trust.RECALLED]
        if first and recalled:
            lines.append(f"{words['runner.recalled']}: {', '.join(recalled)}")
        say = self._text("practice" if seat.practice else "before")
        names = [("space", "begin"), *([("u", "back")] if can_go_back else []), ("s", "skip"), ("q", "quit")]
        return self._of(
            seat,
            "ready",
            lines=tuple(lines),
            say=f"{words['steps.repeat']}. {say}" if again else say,
            picture="again" if again else f"hand_{seat.hand}",
            keys=self._keys(names),
        )

    def connecting(self, seat: Seat) -> Screen:
        """Return what is shown while boards are asked who they are."""
        return self._of(seat, "waiting", lines=(self.words["runner.connecting"],))

    def running(self, seat: Seat, state: State, heard: bool) -> Screen:
        """Return how a trial stands while it is recorded."""
        words = self.words
        stage = {"waiting": "waiting", "ready": "running", "running": "running"}.get(state.phase, "over")
        say, line = "", words[f"phases.{state.phase}"]
        if stage == "running":
            say = words[f"prompts.{state.prompt}"] if state.prompt else self._text("go")
            line += f" · {words[f'parts.{state.part}']}" if state.part else ""
        screen = self._of(
            seat,
            stage,
            lines=(line,) if heard else (line, words["runner.silent"]),
            say=say,
            picture={"waiting": PICTURES[self.profile.object], "running": "go"}.get(stage, "stop"),
            keys=self._keys(self._trial_keys(stage)),
        )
        screen = replace(
            screen,
            clock_s=state.clock_s,
            counts=tuple((words[f"counts.{name}"], number) for name, number in state.counts.items()),
            rulings=tuple(ruling_in_words(words, ruling, seat.practice) for ruling in state.rulings),
        )
        return self._asking(screen, state.questions[0] if state.questions and not seat.practice else None)

    def result(self, trial: Trial, question: Question | None, *, undoable: bool) -> Screen:
        """Return what is shown after a trial; undoable says whether there is a word to take back."""
        on = "leave_open" if trial.is_open else "next"
        screen = self._of(
            trial.seat,
            "result",
            lines=(trial_in_words(self.words, trial),),
            say=self._text("after"),
            picture="rest",
            keys=self._keys(
                [("space", on), ("o", "override"), *([("u", "undo")] if undoable else []), ("q", "quit")]
            ),
        )
        screen = replace(screen, clock_s=trial.time_s, rulings=rulings_in_words(self.words, trial))
        return self._asking(screen, question)

    def choose(self, seat: Seat, question: str, choices: Sequence[str]) -> Screen:
        """Return a screen on which one of several is chosen by its number."""
        screen = self._of(seat, "choose", keys=self._keys([("u", "back")]))
        return replace(screen, question=question, answers=tuple(choices))

    def text(self, seat: Seat, question: str) -> Screen:
        """Return a screen on which a text is written."""
        return replace(self._of(seat, "choose"), question=question, wants_text=True)

    def trouble(self, seat: Seat, what: str) -> Screen:
        """Return what is shown when a trial could not be recorded."""
        keys = self._keys([("space", "try_again"), ("s", "skip"), ("q", "quit")])
        return self._of(seat, "trouble", lines=(what,), keys=keys)

    def done(self) -> Screen:
        """Return the last screen."""
        words = self.words
        return Screen("done", words[f"profiles.{self.profile.id}"], words["steps.done"], picture="rest")

    def _of(
        self,
        seat: Seat,
        stage: str,
        *,
        lines: tuple[str, ...] = (),
        say: str = "",
        picture: str = "",
        keys: tuple[Key, ...] = (),
    ) -> Screen:
        """Return a screen of a trial."""
        words = self.words
        roles = ", ".join(words[f"roles.{role}"] for role in seat.role.split())
        kind = words["steps.practice"] if seat.practice else words["steps.timed"]
        total = self.profile.fact("practice" if seat.practice else "timed")
        again = f" · {words['steps.repeat']}" if seat.attempt > 1 else ""
        hand = words[f"hands.{seat.hand}"] + (f" ({roles})" if roles else "")
        title, heading = words[f"profiles.{self.profile.id}"], f"{hand} · {kind} {seat.number}/{total}{again}"
        return Screen(stage, title, heading, lines, say, picture, keys=keys)

    def _text(self, name: str) -> str:
        return self.words[f"texts.{self.profile.words}.{name}"]

    def _trial_keys(self, stage: str) -> list[tuple[str, str]]:
        if stage == "waiting":
            return [("space", "go"), ("u", "undo")]
        if stage != "running":
            return [("u", "undo")]
        pegs = self.profile.object == "pegboard"
        marks = [(key, mark) for key, mark in KEY_MARKS.items() if pegs or key not in PEG_KEYS]
        return [("space", "stop"), ("f", "finished"), *marks]

    def _asking(self, screen: Screen, question: Question | None) -> Screen:
        if question is None:
            return screen
        rule = f"rules.{question.rule}"
        answers = tuple(self.words[f"{rule}.answers.{answer}"] for answer in question.answers)
        return replace(screen, question=self.words[f"{rule}.question"], answers=answers)

    def _keys(self, names: Sequence[tuple[str, str]]) -> tuple[Key, ...]:
        text = self.words.text
        return tuple(Key(key, text.get(f"marks.{name}") or self.words[f"keys.{name}"]) for key, name in names)


def ruling_in_words(words: Words, ruling: Ruling, practice: bool = False) -> str:
    """Return one ruling as a line; of a practice what was seen alone, for it never counts."""
    detail = words.text.get(f"rules.{ruling.rule}.answers.{ruling.reason}", ruling.reason)
    what = words[f"rules.{ruling.rule}.name"] + (f" ({detail})" if detail else "")
    by = f", {words['runner.by_therapist']}" if ruling.by is By.THERAPIST else ""
    verdict = "" if practice else f": {words[f'verdicts.{ruling.verdict}']}"
    return f"{ruling.t_s:.1f} s  {what}{verdict}{by}"


def rulings_in_words(words: Words, trial: Trial) -> tuple[str, ...]:
    """Return each ruling of a finished trial as a line."""
    return tuple(ruling_in_words(words, ruling, trial.seat.practice) for ruling in trial.rulings)


def trial_in_words(words: Words, trial: Trial) -> str:
    """Return one finished trial as a line: which, its time, its verdict; a practice has none."""
    told = f"{seat_in_words(words, trial)}: {time_in_words(words, trial)}."
    return told if trial.seat.practice else f"{told} {words[f'verdicts.{trial.verdict}']}"


def seat_in_words(words: Words, trial: Trial) -> str:
    """Return which trial it is."""
    seat = trial.seat
    kind = words["steps.practice"] if seat.practice else f"{words['steps.timed']} {seat.number}"
    again = f" ({words['steps.repeat']})" if seat.attempt > 1 else ""
    return f"{words[f'hands.{seat.hand}']}, {kind}{again}"


def time_in_words(words: Words, trial: Trial) -> str:
    """Return how long a trial took, or how far the person came."""
    if trial.time_s is not None:
        return f"{trial.time_s:.2f} s"
    counts = ", ".join(f"{number} {words[f'counts.{name}']}" for name, number in trial.counts.items())
    return words["rules.not_completed.name"] + (f" ({counts})" if counts else "")
