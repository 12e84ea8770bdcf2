"""The text for the record: what was done, how it went, beside what it may stand, and what is not certain."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from dexkit.assess.keeping import Earlier, Keeping, Patient
from dexkit.assess.profile import Profile
from dexkit.assess.screens import rulings_in_words, seat_in_words, time_in_words
from dexkit.assess.series import both_hands, counting, ftm14_class, hand_result
from dexkit.assess.trial import By, Score, Trial
from dexkit.assess.words import Words
from dexkit.score import change, norms
from dexkit.score.measure import REGISTRY
from dexkit.score.reading import Audience, Result, read

#: What published values of change are looked up by, for each object.
TESTS = {"pegboard": "nhpt"}
#: Words for the hand's role, as published values of change have them.
SIDES = {
    "affected": "affected",
    "unaffected": "less_affected",
    "dominant": "dominant",
    "non_dominant": "non_dominant",
}
#: Units that stand otherwise than they are called; those that are words are in the words, others are symbols.
UNITS = {"1": "", "deg": "°", "slips": "", "entries": "", "class": "", "group": "", "yes or no": ""}
#: How people who are simulated are called.
SIMULATED = "demo"


class Judged(Protocol):
    """A finished trial, when it began, and what its recording says of itself."""

    trial: Trial
    started_at: datetime
    meta: Mapping[str, str]


def note(profile: Profile, patient: Patient, done: Sequence[Judged], keeping: Keeping, words: Words) -> str:
    """Return the text for the record, to be pasted.

    Parameters
    ----------
    profile
        What was done.
    patient
        Who did it.
    done
        All trials of this test, in order.
    keeping
        Where earlier ones are.
    words
        Of the language; `dexkit.score.reading` must have it too.
    """
    return "\n".join(_Note(profile, patient, done, keeping, words).lines()) + "\n"


class _Note:
    """Writes one note."""

    def __init__(
        self, profile: Profile, patient: Patient, done: Sequence[Judged], keeping: Keeping, words: Words
    ) -> None:
        self.profile, self.patient, self.done, self.keeping = profile, patient, done, keeping
        self.words = words
        self.title = words[f"profiles.{profile.id}"]
        self.trials = tuple(each.trial for each in done)
        self.hands = tuple(dict.fromkeys(trial.seat.hand for trial in self.trials))

    def word(self, name: str) -> str:
        return self.words[f"note.{name}"]

    def lines(self) -> list[str]:
        """Return the note line by line."""
        lines = [*self._head(), "", f"{self.word('trials')}:"]
        for each in self.done:
            lines += self._trial(each.trial)
        for hand in self.hands:
            lines += ["", *self._hand(hand)]
        if (both := both_hands(self.profile, self.trials)) is not None:
            lines += ["", f"{self.word('both_hands')}: {self._named(both)}"]
        return [*lines, "", *self._unsure(), *self._device(), self.word("no_device")]

    def _head(self) -> list[str]:
        patient, hands = self.patient, self.patient.hands
        roles = [
            f"{self.words[f'hands.{hand}']}: {self._roles(hands.role(hand))}" for hand in ("left", "right")
        ]
        lines = [
            f"{self.title} [{self.profile.id}, {self.word('version')} {self.profile.version}]",
            f"{self.word('person')}: {patient.pseudonym}",
            f"{self.word('date')}: {self._day():%Y-%m-%d}",
            f"{self.word('hands')}: {'; '.join(roles)}",
        ]
        if patient.condition:
            lines.append(f"{self.word('condition')}: {patient.condition}")
        if patient.pseudonym == SIMULATED:
            lines.append(self.word("simulated"))
        return lines

    def _day(self) -> date:
        at = self.done[0].started_at if self.done else datetime.now().astimezone()
        return at.astimezone().date()

    def _roles(self, role: str) -> str:
        return ", ".join(self.word(each) for each in role.split())

    def _trial(self, trial: Trial) -> list[str]:
        """Return a trial with its splits, verdict and rulings; a practice has neither verdict nor grade."""
        words, practice = self.words, trial.seat.practice
        line = f"- {seat_in_words(words, trial)}: {time_in_words(words, trial)}"
        start_s = trial.go_s if trial.start_s is None else trial.start_s
        splits = [
            f"{self._split(name)} {at_s - (start_s or 0.0):.2f} s" for name, at_s in trial.splits.items()
        ]
        if splits:
            line += f" ({', '.join(splits)})"
        line += "." if practice else f". {words[f'verdicts.{trial.verdict}']}."
        if trial.stop_by is By.THERAPIST:
            line += f" {self.word('stop_by_therapist')}."
        unsaid = ("trial.time_s", "trial.grade") if practice else ("trial.time_s",)
        others = [score for score in trial.scores if score.measure not in unsaid]
        scores = [self._named(score) for score in others]
        rulings = [f"    {ruling}" for ruling in rulings_in_words(words, trial)]
        extra = [f"    {self.word('open')}"] if trial.is_open else []
        return [line, *([f"    {'; '.join(scores)}"] if scores else []), *rulings, *extra]

    def _split(self, name: str) -> str:
        return self.words.text.get(f"splits.{name}", name.removesuffix("_s"))

    def _named(self, score: Score) -> str:
        """Return a score with its plain name, and the part it is of."""
        measure = self._measure(score)
        part = score.measure.removeprefix(measure).removeprefix(".")
        of = f" ({self.words[f'part_names.{REGISTRY[measure].part_name}']} {part})" if part else ""
        return f"{self.words[f'scores.{measure}']}{of}: {self._score(score)}"

    def _measure(self, score: Score) -> str:
        """Return the id of a score's measure, without its part."""
        whole = f"scores.{score.measure}" in self.words.text
        return score.measure if whole else score.measure.rpartition(".")[0]

    def _score(self, score: Score) -> str:
        """Return a score's value in words, without its name."""
        words, value = self.words, score.value
        if value is None:
            return self.word("not_measurable") + (f" ({score.reason})" if score.reason else "")
        if score.measure == "trial.grade":
            meaning = words[f"grades.{self.profile.id}.{value:.0f}"]
            return f"{value:.0f}, {meaning} ({words[f'trust.{score.reason}']})"
        for label in (score.reason, f"{value:.0f}"):  # what a class means; its own reason says it better
            place = f"labels.{self._measure(score)}.{label}"
            if place in words.text:
                return words[place]
        unit = words.text.get(f"units.{score.unit}", UNITS.get(score.unit, score.unit))
        return f"{value:.4g} {unit}".strip()

    def _hand(self, hand: str) -> list[str]:
        """Return what a hand's trials come to, beside norms and earlier trials."""
        label = f"{self.word('result')}, {self.words[f'hands.{hand}']}"
        result = self._result(hand)
        if result is None:
            return [f"{label}: {self.word('no_result')}"]
        is_time = result.measure == "trial.time_s"
        lines = [f"{label}: {self._score(result) if is_time else self._named(result)}"]
        counted = counting(self.profile, self.trials, hand)
        if not is_time or not counted:
            return lines
        rule = self.word(f"start_{counted[0].start_rule}")
        lines.append(f"{self.word('start_rule')}: {rule}.")
        if result.value is None:
            return lines
        said = Result(
            self.title,
            hand,
            result.value,
            norms=self._norms(counted[-1], result.value),
            change=self._change(hand),
        )
        lines += read(said, Audience.TEAM, self.words.code)[1:]
        if any(isinstance(each, norms.Compared) for each in said.norms):
            lines.append(self.word("age_note"))
        if any(each.at.astimezone().date() > self._day() for each in self._earlier(hand) or ()):
            lines.append(self.word("still_to_come"))
        return lines

    def _result(self, hand: str) -> Score | None:
        if self.profile.id != "cup_ftm14":
            return hand_result(self.profile, self.trials, hand)
        # Classes 0 and 1 are told apart by the other hand.
        counted = {each: counting(self.profile, self.trials, each) for each in ("left", "right")}
        if not counted[hand]:
            return None
        other = counted["left" if hand == "right" else "right"]
        return ftm14_class(counted[hand][-1], other[-1] if other else None)

    def _norms(self, trial: Trial, time_s: float) -> tuple[norms.Compared | norms.NoNorm, ...]:
        """Return the time beside each table that the test may be compared with."""
        patient, meta = self.patient, self._meta(trial)
        sizes = {
            name.removeprefix(f"{trial.object}_"): [float(each) for each in text.split()]
            for name, text in meta.items()
            if name.startswith(f"{trial.object}_") and name.endswith("_mm")
        }
        born = patient.birth_year
        found: tuple[norms.Compared | norms.NoNorm, ...] = ()
        # A size that is given as a range must fit with both its ends.
        for end in (min, max):
            geometry = {name: end(values) for name, values in sizes.items() if values}
            found = norms.compare_all(
                time_s,
                comparable_with=self.profile.compare,
                age_y=None if born is None else float(self._day().year - born),
                sex=patient.sex,
                hand=trial.seat.hand,
                dominant_hand=patient.hands.dominant,
                mode=trial.mode,
                start_rule=trial.start_rule,
                completed=trial.completed,
                geometry=geometry or None,
            )
            if not any(isinstance(each, norms.Compared) for each in found):
                break
        return found

    def _earlier(self, hand: str) -> list[Earlier] | None:
        """Return a hand's earlier times by their days: what a crash left may be kept after later ones."""
        found = self.keeping.earlier(self.profile.id, hand, self.profile.mode)
        if found is None:
            return None
        return sorted((each for each in found if each.unit == "s"), key=lambda each: each.at)

    def _change(self, hand: str) -> change.Change | change.NoChange:
        """Return the word of the comparison with the person's earlier trials."""
        profile, today, earlier = self.profile, self._day(), self._earlier(hand)
        if earlier is None:
            return change.NoChange(change.WhyNot.NOT_KNOWN)

        def timed(value: float, at: datetime) -> change.TimedTrial:
            return change.TimedTrial(value, at.astimezone().date(), profile.id, profile.mode, hand)

        before = [timed(each.value, each.at) for each in earlier if each.at.astimezone().date() <= today]
        counted = counting(profile, self.trials, hand)
        now = [
            timed(done.trial.time_s, done.started_at)
            for done in self.done
            if done.trial in counted and done.trial.time_s is not None
        ]
        if any(trial.day != today for trial in before):  # the trials of a day stand together
            now = [trial for trial in before if trial.day == today] + now
            before = [trial for trial in before if trial.day != today]
        return change.compare(
            before,
            now,
            test=TESTS.get(profile.object, profile.id),
            condition=self.patient.condition,
            sides=[SIDES[role] for role in self.patient.hands.role(hand).split()],
        )

    def _meta(self, trial: Trial) -> Mapping[str, str]:
        return next(each.meta for each in self.done if each.trial == trial)

    def _unsure(self) -> list[str]:
        """Return the facts of the protocol that no source confirms."""
        marked: dict[str, list[str]] = {}
        for name, fact in self.profile.unsure:
            marked.setdefault(str(fact.mark), []).append(self.words[f"facts.{name}"])
        if not marked:
            return []
        told = [f"{self.words[f'trust.{mark}']} ({', '.join(names)})" for mark, names in marked.items()]
        return [f"{self.word('unsure')}: {'; '.join(told)}."]

    def _device(self) -> list[str]:
        """Return which devices were used, and how large they are, each once."""
        devices: dict[str, None] = {}
        sizes: dict[str, None] = {}
        for each in self.done:
            kind, meta = each.trial.object, each.meta
            firmware = f"{self.word('firmware')} {meta.get('firmware', '?')}"
            calibration = f"{self.word('calibration')} {meta.get('calibration', self.word('none'))}"
            beside = [
                f"{self._object(name.removesuffix('_uid'))} {uid}"
                for name, uid in meta.items()
                if name.endswith("_uid")
            ]
            boards = " + ".join([f"{self._object(kind)} {meta.get('uid', '?')}", *beside])
            devices[f"{boards}, {firmware}, {calibration}"] = None
            sizes |= {
                f"{self._size(name.removeprefix(f'{kind}_').removesuffix('_mm'))} {text} mm": None
                for name, text in meta.items()
                if name.startswith(f"{kind}_") and name.endswith("_mm")
            }
        lines = [f"{self.word('device')}: {line}." for line in devices]
        return [*lines, f"{self.word('size')}: {', '.join(sizes)}."] if sizes else lines

    def _object(self, kind: str) -> str:
        return self.words[f"objects.{kind}"]

    def _size(self, name: str) -> str:
        return self.words.text.get(f"sizes.{name}", name.replace("_", " "))
