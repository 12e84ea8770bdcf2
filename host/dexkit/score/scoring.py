"""From a file to its score: a pure function of one file, and the score as text that machines read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dexkit.errors import InputError
from dexkit.recording import Recording, read
from dexkit.recording.calibration import Calibration, calibrated, in_force, left_nominal, recorded
from dexkit.recording.words import clock_warnings, losses_in_words
from dexkit.score.budget import Budget, budget, standard
from dexkit.score.coaster import score_coaster
from dexkit.score.force import score_force
from dexkit.score.motion import score_motion
from dexkit.score.objects import score_button_board, score_cup, score_pegboard
from dexkit.score.scored import Scored
from dexkit.score.tapping import score_tapping

#: How each kind of recording is scored.
SCORERS: Mapping[str, Callable[[Recording], Scored]] = {
    "cup": score_cup,
    "coaster": score_coaster,
    "weight": score_coaster,
    "button_board": score_button_board,
    "pegboard": score_pegboard,
    "force": score_force,
    "motion": score_motion,
    "events": score_tapping,
}


@dataclass(frozen=True)
class Result:
    """The score of one recording.

    Parameters
    ----------
    recording
        What was scored.
    scored
        Values, events, traces, bands.
    notes
        What a reader must know: damage to the file, samples lost, and what the scorer found.
    budget
        How far each number may be off, by its id; empty where it was not asked for.
    """

    recording: Recording
    scored: Scored
    notes: tuple[str, ...]
    budget: Budget = field(default_factory=dict)

    @property
    def recovered(self) -> bool:
        """Whether the file was damaged, so that something may be missing."""
        return self.recording.losses.recovered


def score_file(path: str | Path, calibrations: Mapping[str, Calibration] | None = None) -> Result:
    """Score one recording; the same file with the same calibrations always gives the same result.

    Parameters
    ----------
    path
        The recording.
    calibrations
        By object, in place of those that were in force; an empty one: none at all, nominal units.

    Raises
    ------
    RecordingError
        When there is no such file or it is not a recording.
    InputError
        When the recording holds nothing that can be scored, or a calibration is of another board or of
        an object that was not recorded.
    """
    return score(read(path), calibrations)


def score(recording: Recording, calibrations: Mapping[str, Calibration] | None = None) -> Result:
    """Score a recording in memory; parameters and errors as in `score_file`."""
    scorer = SCORERS.get(recording.object_kind)
    if scorer is None:
        raise InputError(
            f"A recording of {recording.object_kind!r} cannot be scored. Probably it comes from a newer "
            f"dexkit. Known are: {', '.join(SCORERS)}."
        )
    used = in_force(recording, calibrations)
    scored = scorer(calibrated(recording, used))
    losses = recording.losses
    damage = losses_in_words(losses) if losses.recovered or losses.samples_lost_by_board else ()
    told = (*(line.strip() for line in damage), *left_nominal(recording, used), *clock_warnings(recording))
    return Result(recording, scored, (*told, *scored.notes))


def with_budget(result: Result, calibrations: Mapping[str, Calibration] | None = None) -> Result:
    """Return a result that also says how far each number may be off; it takes some thirty scorings.

    A number may rest on all objects of its recording, so nothing is said where one was not calibrated.

    Parameters
    ----------
    result
        Of `score`.
    calibrations
        What it was scored with, as for `score`.
    """
    recording = result.recording
    used = in_force(recording, calibrations)
    if not used or not used.keys() >= set(recorded(recording)):
        return result
    return replace(result, budget=budget(recording, used, result.scored, SCORERS[recording.object_kind]))


def _uncertainty(result: Result, value_id: str) -> dict[str, object]:
    shares = result.budget.get(value_id)
    return {"standard_uncertainty": standard(shares)} if shares else {}


def as_json(result: Result) -> str:
    """Return the score as JSON text, one line; a number that is not measurable is null and has a reason."""
    return json.dumps(as_dict(result), ensure_ascii=False, allow_nan=False)


def as_dict(result: Result) -> dict[str, object]:
    """Return the score as plain data; a scale counts as a coaster, and a damaged file as recovered."""
    kind = result.recording.object_kind
    return {
        "object": "coaster" if kind == "weight" else kind,
        "measures": [
            {
                "id": value.id,
                "value": value.value,
                "unit": value.measure.unit,
                "version": value.measure.version,
                "reason": value.reason or None,
                **_uncertainty(result, value.id),
            }
            for value in result.scored.values
        ],
        "events": [
            {
                "kind": kind,
                "channel": channel,
                "t_s": t_s,
                "t_known_s": t_known_s,
                "quality": quality,
            }
            for kind, channel, _, t_s, t_known_s, quality in result.scored.events.tolist()
        ],
        "notes": list(result.notes),
        "recovered": result.recovered,
    }
