"""A test whose trials go into the records, and what a killed process leaves."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dexkit.assess import Score, Seat, Trial, load_profile
from dexkit.assess.again import judged
from dexkit.assess.keeping import InFolder, Patient
from dexkit.assess.runner import Runner
from dexkit.assess.series import Hands
from dexkit.assess.therapist import Therapist
from dexkit.assess.words import load_words
from dexkit.errors import DexkitError, InputError
from dexkit.link.ports import Plug
from dexkit.recording import read, write
from dexkit.sim import make_scene

pytest.importorskip("sqlmodel", reason="records need the extra `store`")

from dexkit import store as records
from dexkit.assess.in_records import InRecords, keep_left_behind, patient_of


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


def test_a_pour_of_beads_is_in_no_trend_with_one_of_water(clinic):
    patient = patient_of(clinic, "P-017")
    keeping = InRecords(clinic, patient)
    made = {}
    for place, profile in enumerate(map(load_profile, ("cup_pour", "cup_pour_beads"))):
        overshoot = Score("pour.overshoot_g", 10.0 + place, "g", 1)
        trial = Trial(
            profile.id, 1, "cup", profile.mode, Seat("left"), "lift", completed=True, scores=(overshoot,)
        )
        keeping.keep(trial, datetime.now(UTC), Path())
        made[profile.id] = profile.mode
    assert len(set(made.values())) == 2
    later = InRecords(clinic, patient)
    found = {each: [e.value for e in later.earlier(each, "left", mode)] for each, mode in made.items()}
    assert found == {"cup_pour": [10.0], "cup_pour_beads": [11.0]}


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


@pytest.fixture(scope="module")
def over(board, tmp_path_factory):
    """Return the recording of a trial that was over: the last file of a test without records."""
    folder = tmp_path_factory.mktemp("over")
    patient = Patient("P-017", Hands("right", "left"))
    profile, ports = load_profile("nhpt_nih"), [Plug(f"replay:{board}?speed=fast")]
    keeping, words = InFolder(folder, patient), load_words("en")
    runner = Runner(
        profile, patient, ("right",), lambda seat: ports, keeping, words, lambda s: None, Therapist()
    )
    assert [trial.completed for trial in runner.run()] == [True, True]
    return folder / "nhpt_nih-right-trial1.mcap"


@pytest.fixture
def leave(clinic):
    """Return what leaves a recording behind, as a process does that dies."""

    def left(content):
        running = clinic.recordings.start(clinic.people.find("P-017").id)
        running.path.write_bytes(content)
        clinic.recordings.let_go()
        return running

    return left


def dexkit(store, *words):
    command = [sys.executable, "-m", "dexkit", *map(str, words)]
    environment = {**os.environ, "DEXKIT_DATA": str(store.folder), "COLUMNS": "150"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(("answer", "verdict"), [("", "ask"), ("counts", "valid"), ("does_not", "annulled")])
def test_a_trial_that_was_over_when_all_broke_off_counts_by_the_therapists_word(
    clinic, leave, over, answer, verdict
):
    running = leave(over.read_bytes())
    trial = keep_left_behind(clinic, clinic.recordings.left_behind()[0], answer)
    (row,) = clinic.trials.of(running.person)
    assert (row.id, row.verdict, row.completed) == (running.trial, verdict, True)
    assert trial == Trial.from_json(clinic.trials.outcome(row.id)[0])
    assert trial.time_s == row.value == judged(read(over)).time_s
    assert trial.rulings[0].rule == "recovered"
    assert abs(row.started_at - datetime.now(UTC)) < timedelta(minutes=10)
    assert clinic.recordings.read(row.recording) == over.read_bytes()
    counted = clinic.trials.trend(running.person, row.profile_id, "right", row.mode)
    assert [each.id for each in counted] == ([row.id] if verdict == "valid" else [])
    assert clinic.recordings.left_behind() == [] and clinic.verify() == []


def test_a_trial_that_was_not_over_never_counts(clinic, leave, over):
    content = over.read_bytes()
    running = leave(content[: len(content) // 2])
    (left,) = clinic.recordings.left_behind()
    with pytest.raises(InputError, match="cannot count"):
        keep_left_behind(clinic, left, "counts")
    assert clinic.trials.of(running.person) == [] and clinic.recordings.left_behind() == [left]
    keep_left_behind(clinic, left)
    (row,) = clinic.trials.of(running.person)
    assert (row.verdict, row.completed, row.value) == ("annulled", False, None)
    assert clinic.recordings.recording(row.recording).streams


def test_what_was_left_is_shown_and_kept_by_command(clinic, leave, over):
    number = leave(over.read_bytes()).trial[:8]
    assert number in dexkit(clinic, "people", "show", "P-017").stdout
    listed = dexkit(clinic, "recordings", "list").stdout
    assert number in listed and "P-017" in listed and "right hand, Trial 1" in listed
    kept = dexkit(clinic, "recordings", "keep", number)
    assert kept.returncode == 3 and "Not wholly recorded: Your word is needed" in kept.stdout
    assert dexkit(clinic, "recordings", "list").stdout == "Nothing was left behind.\n"


def test_what_was_left_is_discarded_for_a_reason_that_the_audit_log_keeps(clinic, leave):
    running = leave(b"no recording")
    for words in (["keep"], ["discard", "--reason", "he was tired"]):
        refused = dexkit(clinic, "recordings", words[0], running.trial, *words[1:])
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert len(clinic.recordings.left_behind()) == 1
    done = dexkit(clinic, "recordings", "discard", running.trial[:6], "--reason", "damaged")
    assert done.returncode == 0, done.stderr
    assert clinic.recordings.left_behind() == [] and not running.path.exists()
    noted = [entry for entry in clinic.audit.entries(20) if entry.action == "recording.discard"]
    assert [(entry.subject, entry.detail) for entry in noted] == [
        (running.person, f"{running.trial} damaged")
    ]
    assert clinic.verify() == []
