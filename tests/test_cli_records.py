"""The commands for records, as a person types them: people, backup, restore, audit."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from dexkit import store

from .records import PASSPHRASE, cheap_passphrases, facts

__all__ = ["cheap_passphrases"]


def dexkit(data, *words, passphrase=None, answers=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEXKIT_")}
    environment["DEXKIT_DATA"] = str(data)
    if passphrase is not None:
        environment["DEXKIT_PASSPHRASE"] = passphrase
    command = [sys.executable, "-m", "dexkit", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, input=answers, timeout=120, check=False
    )


def typed(data, *words, answers):
    """Run a command in a terminal, type each answer when it is asked for; return exit code and output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEXKIT_")}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dexkit", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "DEXKIT_DATA": str(data)},
        start_new_session=True,  # a passphrase is asked for at this terminal, not at that of the tests
    ) as process:
        os.close(theirs)
        seen, asked, end_s = "", 0, time.monotonic() + 60.0
        try:
            while select.select([ours], [], [], max(0.0, end_s - time.monotonic()))[0]:
                part = os.read(ours, 65536).decode()
                seen += part
                if not part:
                    break
                if seen.count("): ") + seen.count("confirmation: ") > asked:
                    assert asked < len(answers), seen
                    os.write(ours, f"{answers[asked]}\n".encode())
                    asked += 1
        except OSError:  # the command is over, and with it the terminal
            pass
        finally:
            os.close(ours)
        assert asked == len(answers), seen
        return process.wait(60.0), seen


@pytest.fixture
def data(tmp_path):
    """Records with two people, one of them with a trial."""
    with store.open(tmp_path / "records") as records:
        for number in (1, 2):
            records.people.add(store.PersonFacts(f"P-{number}", "stroke", birth_year=1950), f"Name {number}")
        records.trials.add(facts(records.people.find("P-1").id, value=23.5))
    return tmp_path / "records"


def test_people_are_added_listed_shown_and_erased(data):
    run = dexkit(data, "people", "add", "P-3", "--name", "Name 3", "--affected", "left", "--birth-year", 1961)
    assert (run.returncode, run.stdout) == (0, "P-3 was added.\n")
    listed = dexkit(data, "people", "list").stdout
    assert all(name in listed for name in ("P-1", "P-2", "P-3")) and "Name" not in listed
    shown = dexkit(data, "people", "show", "P-1").stdout
    assert "name: Name 1" in shown and "nhpt.mathiowetz left: 23.5 s, valid" in shown
    run = dexkit(data, "people", "erase", "P-1", answers="n\n")
    assert run.returncode == 130
    run = dexkit(data, "people", "erase", "P-1", "--yes")
    assert (run.returncode, run.stdout) == (0, "P-1 was erased, with 1 trials.\n")
    run = dexkit(data, "people", "show", "P-1")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    run = dexkit(data, "audit")
    assert run.returncode == 0 and "person.erase" in run.stdout and "Nothing was changed" in run.stdout


def columns_of(table):
    """Return the columns of a table as it was printed, without blanks: what was folded is whole again."""
    rows = [re.split("[│┃]", line)[1:-1] for line in table.splitlines() if line[0] in "│┃"]
    return ["".join(column).replace(" ", "") for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("width", [40, 100])
def test_lists_show_what_was_typed_whole(tmp_path, monkeypatch, width):
    """Brackets and colons are signs like others, and a narrow terminal cuts nothing."""
    monkeypatch.setenv("COLUMNS", str(width))
    with store.open(tmp_path / "records") as records:
        for pseudonym, condition in (("P-2025-0017-Nord", "stroke [left MCA]"), ("[/]", ":cup:")):
            person = records.people.add(store.PersonFacts(pseudonym, condition, birth_year=1950)).id
            records.trials.add(facts(person))
        running = records.recordings.start(person)
        running.path.write_bytes(b"")
    run = dexkit(tmp_path / "records", "people", "list")
    assert (run.returncode, run.stderr) == (0, "")
    assert columns_of(run.stdout) == [
        "pseudonymP-2025-0017-Nord[/]",
        "conditionstroke[leftMCA]:cup:",
        "born19501950",
        "trials11",
        "last2025-03-032025-03-03",
    ]
    run = dexkit(tmp_path / "records", "recordings", "list")
    assert (run.returncode, run.stderr) == (0, "")
    number, person, off, _ = columns_of(run.stdout)
    assert (number, person) == (f"number{running.trial[:8]}", "person[/]")
    assert re.fullmatch(r"brokenoff\d{4}-\d\d-\d\d\d\d:\d\dUTC", off)


def test_a_backup_goes_out_and_comes_back(data, tmp_path):
    run = dexkit(data, "backup", tmp_path / "stick", passphrase=PASSPHRASE)
    assert run.returncode == 0, run.stderr
    path, words = run.stdout.splitlines()
    assert words == "2 people, 1 trials, 0 recordings are whole."
    run = dexkit(tmp_path / "new", "restore", path, passphrase="another passphrase")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1) and not (tmp_path / "new").exists()
    run = dexkit(tmp_path / "new", "restore", path, passphrase=PASSPHRASE)
    assert run.returncode == 0, run.stderr
    assert "P-2" in dexkit(tmp_path / "new", "people", "list", passphrase=PASSPHRASE).stdout
    run = dexkit(tmp_path / "new", "people", "list", passphrase="wrong passphrase")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)


def test_a_damaged_backup_is_restored_with_what_is_lost_named(data, tmp_path):
    with store.open(data) as records:
        written = records.backups.write(tmp_path / "stick", PASSPHRASE)
        whole = written.path.read_bytes()
        for at in range(len(whole)):
            damaged = bytearray(whole)
            damaged[at] ^= 4
            written.path.write_bytes(damaged)
            found = store.check(written.path, records.keyring)
            if found.trials_hit:
                break
    run = dexkit(tmp_path / "new", "restore", written.path, passphrase=PASSPHRASE)
    assert run.returncode == 3 and "Damaged: trial 1." in run.stdout


def test_what_was_changed_from_outside_ends_with_1(data):
    (data / "audit-anchor.json").unlink()
    run = dexkit(data, "audit")
    assert run.returncode == 1 and "The anchor was missing" in run.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("people", "add", "P-1"), "is somebody here already"),
        (("people", "add", "P-9", "--birth-year", 1066), "Nobody alive was born in 1066"),
        (("people", "show", "P-9"), "Nobody here is called"),
        (("test", "nhpt", "--person", "P-9", "--auto"), "Nobody here is called 'P-9'"),
        (("test", "nhpt", "--person", "P-1", "--auto"), "which hand P-1 writes with"),
        (("restore", "nothing.dexkit-backup"), "No such file or directory. Check the name."),
    ],
)
def test_what_cannot_be_done_is_one_line(data, words, part):
    run = dexkit(data, *words, passphrase=PASSPHRASE)
    assert run.returncode == 2 and part in run.stderr
    assert run.stderr.count("\n") == 1 and "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("people", "list"), "no records"),
        (("test", "nhpt", "--person", "P-1", "--auto"), "no records"),
        (("people", "add", "P-9", "--birth-year", 1066), "Nobody alive was born in 1066"),
    ],
)
def test_records_begin_with_a_person_and_by_no_slip(tmp_path, words, part):
    run = dexkit(tmp_path / "records", *words)
    assert run.returncode == 2 and part in run.stderr
    assert run.stderr.count("\n") == 1 and not (tmp_path / "records").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
@pytest.mark.parametrize("made", [False, True], ids=["no_folder", "empty_folder"])
def test_a_passphrase_is_asked_for_until_there_are_records(tmp_path, made):
    """One that is too short leaves nothing behind, and is asked for again."""
    folder = tmp_path / "records"
    if made:
        folder.mkdir()
    code, seen = typed(folder, "people", "add", "P-1", answers=["kurz", "kurz"])
    assert code == 2 and "A passphrase of 4 characters is soon guessed" in seen
    assert not any(folder.iterdir()) if made else not folder.exists()
    code, seen = typed(folder, "people", "add", "P-1", answers=[PASSPHRASE, PASSPHRASE])
    assert code == 0 and "P-1 was added." in seen and "without a passphrase" not in seen
    assert json.loads((folder / "keyring.json").read_text())["encrypted"]
    assert not (folder / "dexkit.db").read_bytes().startswith(b"SQLite")
    run = dexkit(folder, "people", "list", passphrase="")
    assert run.returncode == 2 and "have a passphrase" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
def test_records_without_a_passphrase_are_begun_with_a_word_about_it(tmp_path):
    code, seen = typed(tmp_path / "typed", "people", "add", "P-1", answers=["", ""])
    assert code == 0 and seen.count("without a passphrase") == 1
    run = dexkit(tmp_path / "records", "people", "add", "P-1")
    assert (run.returncode, run.stdout) == (0, "P-1 was added.\n")
    assert "without a passphrase" in run.stderr and run.stderr.count("\n") == 1
    assert dexkit(tmp_path / "records", "people", "add", "P-2").stderr == ""


def test_records_of_a_newer_version_are_refused_and_left_alone(data):
    with store.open(data) as records, records.database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = {path.name: path.read_bytes() for path in data.glob("*.json")}
    run = dexkit(data, "test", "nhpt", "--person", "P-1", "--auto")
    assert run.returncode == 2 and "newer dexkit" in run.stderr and "pip install" in run.stderr
    assert run.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in data.glob("*.json")} == before
