"""One simulated person and a therapist at a trial: live, piece by piece, and judged again afterwards."""

from dataclasses import dataclass, replace

import numpy as np

from dexkit.assess import Mark, Referee, Seat, Trial, judge
from dexkit.recording.table import table
from dexkit.score.take import Take, take_of
from dexkit.segment import ButtonsSegmenter, CoasterSegmenter, CupSegmenter, PegsSegmenter

SEGMENTER = {
    "pegboard": PegsSegmenter,
    "button_board": ButtonsSegmenter,
    "cup": CupSegmenter,
    "coaster": CoasterSegmenter,
}
GO_S = 0.8
#: A therapist answers this long after a question came up.
ANSWERS_AFTER_S = 1.0


class Feed:
    """An object's samples as they come, segmented live; the grid is the recording's."""

    def __init__(self, recording, kind):
        self.kind = kind
        self.samples, self.rate_hz, self.t0_s = table(recording, kind)
        self.whole = take_of(recording, kind)
        self.segmenter = SEGMENTER[kind](self.rate_hz)
        self.events = [self.whole.events[:0]]
        self.at = 0

    def until(self, now_s):
        """Return the take as it is known at a time."""
        end = int(np.clip((now_s - self.t0_s) * self.rate_hz, self.at, len(self.samples)))
        self._found(self.segmenter.push(self.samples[self.at : end]))
        self.at = end
        if end == len(self.samples):
            self._found(self.segmenter.finish())
        events = np.concatenate(self.events)
        events = events[np.argsort(events["t_s"], kind="stable")]
        return Take(
            self.whole.samples[:end],
            self.whole.missing[:end],
            self.rate_hz,
            events,
            self.t0_s,
            self.whole.meta,
        )

    def _found(self, events):
        events["t_s"] += self.t0_s
        events["t_known_s"] += self.t0_s
        self.events.append(events)


@dataclass
class Outcome:
    """What came of a trial: live, and from the recording; rulings that were shown and taken back."""

    live: Trial
    again: Trial
    withdrawn: set
    at_once: str  # the verdict before the therapist had answered anything
    shown: set  # places of the words that a screen needed
    late_s: float  # how long after it happened a ruling was shown, at most


def play(scene, profile, answers=(), marks=(), seat=None, step_s=0.1):
    """Judge a scene live; answer what is asked; say the marks (kind, t_s, ...) when their time comes."""
    recording, seat = scene.recording(), seat or Seat("right", "dominant")
    kinds = [
        kind for kind in (profile.object, "coaster") if any(n.startswith(kind) for n in recording.streams)
    ]
    feeds = [Feed(recording, kind) for kind in kinds]
    referee, answers = Referee(profile, seat), dict(answers)
    waiting = sorted([Mark("go", GO_S), *(Mark(*mark) for mark in marks)], key=lambda mark: mark.t_s)
    asked, shown, withdrawn, late_s, untold = {}, set(), set(), 0.0, ""
    words = set()
    end_s = max(feed.whole.end_s for feed in feeds)
    for now_s in [*np.arange(step_s, end_s, step_s).tolist(), end_s + 2.0, end_s + 4.0]:
        for feed in feeds if now_s <= end_s + 2.0 else ():
            referee.see(feed.kind, feed.until(now_s))
        while waiting and waiting[0].t_s <= now_s:
            referee.mark(waiting.pop(0))
        referee.pass_time(now_s)
        state = referee.state()
        for question in state.questions:
            place = (question.rule, question.t_s)
            if question.rule in answers and asked.setdefault(place, now_s) <= now_s - ANSWERS_AFTER_S:
                untold = untold or str(state.verdict)
                referee.mark(Mark("answer", now_s, rule=question.rule, answer=answers[question.rule]))
        words |= {f"phases.{state.phase}", *(f"counts.{name}" for name in state.counts)}
        words |= {f"parts.{state.part}"} if state.part else set()
        words |= {f"prompts.{state.prompt}"} if state.prompt else set()
        now = {
            (ruling.rule, ruling.t_s, ruling.verdict) for ruling in state.rulings if ruling.decides is None
        }
        late_s = max([late_s, *(now_s - t_s for _, t_s, _ in now - shown)])
        withdrawn |= shown - now
        shown |= now
    live = referee.trial()
    again = judge(recording, profile, live.marks, seat)
    return Outcome(live, again, withdrawn, untold or str(live.verdict), words, late_s)


def limited(profile, seconds):
    """Return a profile with another time limit."""
    fact = replace(profile.facts["time_limit_s"], value=float(seconds))
    return replace(profile, facts={**profile.facts, "time_limit_s": fact})
