"""One trial while it is recorded: samples to the referee, keys to marks, and the end of the recording."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from dexkit.assess.profile import Profile
from dexkit.assess.referee import BESIDE, COMPLETED, Referee, State
from dexkit.assess.trial import Mark, Seat
from dexkit.link.record import Reach, Watch
from dexkit.score.live import LiveTake

#: Where nothing has happened, the referee looks again after so long.
LOOK_S = 0.1
#: A board of which nothing is heard for longer does not let the trial's time pass: what it felt is to come.
LAG_S = 3.0
#: Facts of a recording by which it can be judged again: the marks, and which trial it is.
MARKS, SEAT = "marks", "seat"

#: What a key means while a trial runs; the space bar says the word, and later ends the trial.
KEY_MARKS: Mapping[str, str] = {
    "x": "person_stopped",
    "p": "pause",
    "u": "undo",
    "h": "helped_by_other_hand",
    "d": "dropped_off_table",
    "t": "picked_up",
}
#: Keys that belong to pegs alone.
PEG_KEYS = ("d", "t")

#: Returns the keys that were pressed since the last call, and how long ago each was, in seconds.
Pressed = Callable[[], Sequence[tuple[str, float]]]
#: Is shown how the trial stands: state, time in the recording, whether all objects are heard.
ShowState = Callable[[State, float, bool], None]


class LiveTrial(Watch):
    """Watches one trial's recording, judges it live and ends it.

    Parameters
    ----------
    profile, seat
        What is done, and which trial it is.
    pressed
        Where keys come from.
    show
        Where the state goes.
    cut_short
        What is said of a trial that was not over when its recording ended.
    """

    def __init__(
        self, profile: Profile, seat: Seat, pressed: Pressed, show: ShowState, cut_short: str = ""
    ) -> None:
        self.referee = Referee(profile, seat)
        self._pressed, self._show, self._cut_short = pressed, show, cut_short
        self._lives: dict[str, LiveTake] = {}
        self._reach = Reach(lambda name, text: None, lambda kind, word, *arguments: None)
        self._lit, self._lit_s = -1, 0.0
        self._now_s = self._looked_s = 0.0
        self._ended = False

    @property
    def begun(self) -> bool:
        """Whether the word was said."""
        return self.referee.state().phase != "waiting"

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All that the therapist said."""
        return tuple(self.referee.marks)

    def begin(self, streams: Mapping[str, Sequence[str]], facts: Mapping[str, str], reach: Reach) -> None:
        """Learn what is recorded."""
        wanted = (self.referee.profile.object, *BESIDE.get(self.referee.profile.object, ()))
        self._lives |= {
            kind: LiveTake(kind, names, facts) for kind, names in streams.items() if kind in wanted
        }
        self._reach = reach

    def samples(self, stream: str, t_s: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """Take samples that were written."""
        live = self._lives.get(stream.split("/")[0])
        if live is not None:
            live.add(stream, t_s, values)

    def goes_on(self, now_s: float) -> bool:
        """Look at what came and was said; return whether the trial is not settled yet."""
        before_s, self._now_s = self._now_s, max(now_s, self._now_s)
        said = [self._press(key, max(self._now_s - ago_s, before_s)) for key, ago_s in self._pressed()]
        if self._now_s - self._looked_s < LOOK_S and not any(said):
            return not self._ended
        self._looked_s = self._now_s
        for live in self._lives.values():
            live.advance()
        return not self._look(self._now_s).settled

    def leave(self) -> None:
        """Leave no light on."""
        self._light(-1)

    def end(self) -> None:
        """Take what has come last; a trial that is not over when its recording ends is stopped there."""
        for live in self._lives.values():
            live.finish()
        state = self._look(self._now_s)
        if state.phase in ("ready", "running"):
            self.mark(Mark("stop", self._end_s(), reason=self._cut_short))

    def mark(self, mark: Mark) -> None:
        """Take over a word of the therapist, and write it into the recording."""
        self.referee.mark(mark)
        self._reach.tell(MARKS, json.dumps([asdict(each) for each in self.referee.marks]))

    # ------------------------------------------------------------------------------------------------ inside

    def _end_s(self) -> float:
        """Return the time of the last sample."""
        return max((take.end_s for take in self.referee.takes.values()), default=self._now_s)

    def _look(self, now_s: float) -> State:
        """Show the referee all there is."""
        referee = self.referee
        for kind, live in self._lives.items():
            if live.take is not None:
                referee.see(kind, live.take)
        heard_s = min((take.end_s for take in referee.takes.values()), default=0.0)
        silent = now_s > heard_s + LAG_S
        referee.pass_time(heard_s + LAG_S if silent else now_s)
        state = referee.state()
        self._ended = state.settled
        if referee.profile.mode.startswith("guided"):
            self._light(state.lit[0] if state.lit else -1)
        self._show(state, now_s, not silent)
        return state

    def _light(self, hole: int) -> None:
        """Light the next hole, as long as the profile says; -1 for none."""
        task = self.referee.profile.task
        light_s = task["light_s"].value if "light_s" in task else 0.0
        if hole != self._lit:
            self._lit, self._lit_s = hole, self._now_s
            self._reach.command("pegboard", "guide", "off" if hole < 0 else str(hole))
        elif light_s and hole >= 0 and self._lit_s >= 0.0 and self._now_s > self._lit_s + light_s:
            self._lit_s = -1.0
            self._reach.command("pegboard", "guide", "off")

    def _press(self, key: str, at_s: float) -> bool:
        """Turn a key into a mark; return whether it is one."""
        state = self.referee.state()
        mark: Mark | None = None
        if key == "space":
            mark = Mark("go", at_s) if state.phase == "waiting" else Mark("stop", at_s)
        elif key == "f" and state.phase == "running":
            mark = Mark("stop", at_s, answer=COMPLETED)
        elif key in KEY_MARKS and not (key in PEG_KEYS and self.referee.profile.object != "pegboard"):
            mark = Mark(KEY_MARKS[key], at_s)
        elif key.isdecimal() and state.questions:
            question = state.questions[0]
            if 1 <= int(key) <= len(question.answers):
                mark = Mark("answer", at_s, question.rule, question.answers[int(key) - 1])
        if mark is None:
            return False
        self.mark(mark)
        return True
