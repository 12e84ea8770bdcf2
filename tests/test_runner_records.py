"""A test whose trials go into the records, and what a killed process leaves."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dexkit.assess import Trial, load_profile
from dexkit.assess.again import judged
from dexkit.assess.runner import Runner
from dexkit.assess.therapist import Therapist
from dexkit.assess.words import load_words
from dexkit.errors import DexkitError, InputError
from dexkit.link.ports import Plug
from dexkit.recording import read, write
from dexkit.sim import make_scene

pytest.importorskip("sqlmodel", reason="records need the extra `store`")

from dexkit import store as records
from dexkit.assess.in_records import InRecords, patient_of


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Return the port of a board that plays one good trial."""
    path = tmp_path_factory.mktemp("boards") / "pegs.mcap"
    write(path, make_scene("pegboard", "healthy", 3).recording())
    return path


@pytest.fixture
def clinic(tmp_path):
    with records.open(tmp_path / "data") as store:
        store.people.add(records.PersonFacts("P-017", "stroke", "left", "right", "female", 1966))
        yield store


class Says(Therapist):
    """A therapist who sets the first finished trial aside."""

    def __init__(self):
        super().__init__()
        self.keys = ["o", "1", "the telephone rang"]

    def key(self, screen, now_s):
        if (
            screen.stage in ("result", "choose")
            and self.keys
            and not (screen.stage == "result" and screen.question)
        ):
            return self.keys.pop(0)
        return super().key(screen, now_s)


def test_finished_trials_and_decisions_are_in_the_records(clinic, board):
    patient = patient_of(clinic, "P-017")
    assert (patient.hands.dominant, patient.hands.affected, patient.condition) == ("right", "left", "stroke")
    profile = load_profile("nhpt_msfc")
    keeping = InRecords(clinic, patient)
    ports = [Plug(f"replay:{board}?speed=fast")]
    runner = Runner(
        profile, patient, ("left",), lambda seat: ports, keeping, load_words("en"), lambda s: None, Says()
    )
    trials = runner.run()
    assert [str(trial.verdict) for trial in trials] == ["annulled", "valid", "valid"]
    kept = clinic.trials.of(patient.id)
    assert len(kept) > 3  # what was decided later stands in rows of its own
    counted = clinic.trials.trend(patient.id, profile.id, "left", profile.mode)
    assert [trial.value for trial in counted] == [trial.time_s for trial in trials[1:]]
    outcome, _ = clinic.trials.outcome(counted[-1].id)
    assert Trial.from_json(outcome) == trials[-1]
    assert clinic.recordings.left_behind() == []
    assert clinic.verify() == []
    assert keeping.earlier(profile.id, "left", profile.mode) == ()  # what is new is no earlier trial
    again = InRecords(clinic, patient).earlier(profile.id, "left", profile.mode)
    assert [each.value for each in again] == [trial.time_s for trial in trials[1:]]
    assert all(datetime.now(UTC) - each.at < timedelta(hours=1) for each in again)


def test_nobody_is_made_up(clinic):
    with pytest.raises(InputError, match="P-018"):
        patient_of(clinic, "P-018")
    clinic.people.add(records.PersonFacts("P-019"))
    with pytest.raises(DexkitError, match="--dominant"):
        patient_of(clinic, "P-019")
    assert patient_of(clinic, "P-019", "left").hands.dominant == "left"


def test_a_killed_process_leaves_the_words_and_all_but_the_last_second(tmp_path, board):
    """The word was said and some seconds are on the disk; then the process is killed."""
    command = [
        sys.executable,
        "-m",
        "dexkit",
        "test",
        "nhpt",
        "--person",
        "P7",
        "--dominant",
        "right",
        "--auto",
    ]
    command += ["--no-store", "--hand", "right", "--port", f"replay:{board}", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not (seen := go_and_seconds(tmp_path / "out")):
            assert process.poll() is None, process.stderr.read()
        os.kill(process.pid, signal.SIGKILL)
    (path,) = (tmp_path / "out").glob("*.mcap")
    left = read(path)
    assert json.loads(left.meta["marks"])[0]["kind"] == "go"
    assert max(stream.t_s[-1] for stream in left.streams.values()) >= seen
    trial = judged(left)
    assert trial.go_s is not None and not trial.completed
    assert trial.seat.practice


def go_and_seconds(folder):
    """Return up to where a recording is on the disk once the word was said and four seconds are there."""
    for path in folder.glob("*.mcap"):
        try:
            found = read(path)
        except DexkitError:
            continue
        end_s = max((stream.t_s[-1] for stream in found.streams.values() if len(stream.t_s)), default=0.0)
        if "marks" in found.meta and end_s > 4.0:
            return end_s
    return None
