"""Erasing: one of 100 people goes, and nothing of that person is left in any byte, here or in a backup."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from dexkit import store
from dexkit.errors import InputError, StoreError
from dexkit.store import PersonFacts

from .records import PASSPHRASE, cheap_passphrases, facts, fill, place, recorded

__all__ = ["cheap_passphrases", "place"]

CANARY = "Xq7canary"


def canaries(number):
    """Return what is planted of a person: the words to look for in every byte."""
    digest = hashlib.sha256(f"{number}".encode()).hexdigest()[:12]
    return {
        what: f"{CANARY}-{what}-{digest}"
        for what in ("pseudonym", "name", "notes", "outcome", "reason", "moves")
    }


def plant(records, number):
    """Add a person with a canary in everything that is kept; return the id."""
    words = canaries(number)
    person = records.people.add(
        PersonFacts(words["pseudonym"], "stroke", notes=words["notes"]), words["name"]
    ).id
    records.people.change(person, PersonFacts(words["pseudonym"], "ms", notes=words["notes"] + " more"))
    outcome = f'{{"said": "{words["outcome"]}"}}'
    running = records.recordings.start(person)
    running.path.write_bytes(words["moves"].encode() * 50)
    trial = records.trials.add(facts(person, number, outcome=outcome), running)
    records.trials.correct(trial.id, facts(person, number, outcome=outcome), words["reason"])
    return person


def traces(folders, needles):
    """Return which files under the folders hold one of these, in their bytes or in their names."""
    found = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            data = path.read_bytes() if path.is_file() else b""
            found += [
                f"{needle} in {path}" for needle in needles if needle.encode() in data or needle in path.name
            ]
    return found


def without(gone, records):
    """Return all people, names and trials but those of one."""
    names = {person: name for person, name in records.people.names().items() if person != gone}
    people = [person for person in records.people.search() if person.id != gone]
    return people, names, [trial for trial in records.trials.recent(1000) if trial.person != gone]


def test_nothing_is_left_of_one_of_100_people(place, tmp_path, request):
    folders = [place.folder, tmp_path / "backups", tmp_path / "exports"]
    if place.url:
        folders.append(request.getfixturevalue("pg_server")[1])
    (tmp_path / "exports").mkdir()
    with place.open() as records:
        others = records.people.add_all((PersonFacts(f"P-{number}"), f"N-{number}") for number in range(98))
        records.trials.add_all(facts(person.id, number) for number, person in enumerate(others))
        gone, stays = plant(records, 37), plant(records, 38)
        backup = records.backups.write(tmp_path / "backups", PASSPHRASE).path
        (moves,) = {trial.recording for trial in records.trials.of(gone)}
        records.recordings.export(moves, tmp_path / "exports" / "moves.mcap")
        assert traces([tmp_path / "exports"], [canaries(37)["moves"]])
        left_open = records.recordings.start(gone)
        left_open.path.write_bytes(canaries(37)["moves"].encode())
        before = without(gone, records)
        done = records.erase(gone)
        assert (done.trials, done.left) == (2, [])
        needles = [*canaries(37).values(), hashlib.sha256(canaries(37)["moves"].encode() * 50).hexdigest()]
        needles += [f"{moves}.sealed"]
        assert traces(folders, needles) == []
        assert without(gone, records) == before
        assert canaries(38)["name"] == records.people.name(stays)
        assert records.verify() == []
        with pytest.raises(InputError, match="Nobody here"):
            records.people.find(canaries(37)["pseudonym"])
        with pytest.raises(InputError, match="probably erased"):
            records.people.get(gone)
    assert traces(folders, needles) == []
    # The backup is from before; with the keyring that lies beside it now, the person does not come back.
    done = store.restore(backup, tmp_path / "again", PASSPHRASE)
    assert (done.erased, done.check.people, done.check.whole) == (1, 99, True)
    with store.open(tmp_path / "again", PASSPHRASE) as again:
        assert without(gone, again) == before
        assert again.verify() == []
    assert traces([*folders, tmp_path / "again"], needles) == []


def test_the_search_for_traces_finds_what_is_there(tmp_path):
    """An SQLite file without our care keeps what was deleted: so the test above can fail."""
    with sqlite3.connect(tmp_path / "plain.db") as raw:
        raw.execute("PRAGMA secure_delete = OFF")
        raw.execute("CREATE TABLE people (name TEXT)")
        raw.execute("INSERT INTO people VALUES (?)", (canaries(1)["name"],))
        raw.commit()
        raw.execute("DELETE FROM people")
    raw.close()
    assert traces([tmp_path], [canaries(1)["name"]])


def test_ids_and_values_too_leave_the_file(tmp_path):
    """What is not sealed is swept: free pages, indexes, log."""
    with store.open(tmp_path / "records") as records:
        fill(records, 20)
        person = records.people.add(PersonFacts("P-gone")).id
        trial = records.trials.add(facts(person, profile_id=f"{CANARY}-profile", unit=f"{CANARY}-unit"))
        assert traces([tmp_path], [f"{CANARY}-profile", f"{CANARY}-unit"])
        records.erase(person)
        assert traces([tmp_path], [f"{CANARY}-profile", f"{CANARY}-unit"]) == []
        assert trial.id not in {kept.id for kept in records.trials.recent(1000)}


def test_an_exported_file_that_was_changed_is_left_and_named(tmp_path):
    with store.open(tmp_path / "records") as records:
        person = records.people.add(PersonFacts("P-1")).id
        trial = recorded(records, person, 1)
        records.recordings.export(trial.recording, tmp_path / "mine.mcap")
        with pytest.raises(InputError, match="exists already"):
            records.recordings.export(trial.recording, tmp_path / "mine.mcap")
        (tmp_path / "mine.mcap").write_bytes(b"other work")
        (sentence,) = records.erase(person).left
        assert "mine.mcap was exported and is changed" in sentence
        assert (tmp_path / "mine.mcap").read_bytes() == b"other work"


def test_a_backup_out_of_reach_is_named_and_renewed_when_it_is_back(tmp_path):
    stick, drawer = tmp_path / "stick", tmp_path / "drawer"
    with store.open(tmp_path / "records") as records:
        fill(records, 2)
        backup = records.backups.write(stick, PASSPHRASE).path.name
        stick.rename(drawer)
        (sentence,) = records.erase(records.people.find("P-1").id).left
        assert str(stick) in sentence and "dexkit backup" in sentence
        assert store.restore(drawer / backup, tmp_path / "too early", PASSPHRASE).erased == 0
        drawer.rename(stick)
        records.backups.write(stick, PASSPHRASE)
    assert store.restore(stick / backup, tmp_path / "later", PASSPHRASE).erased == 1


def test_an_old_database_file_does_not_bring_a_person_back(tmp_path):
    """Whoever puts an old copy of the file back has it erased again at the next opening."""
    folder = tmp_path / "records"
    with store.open(folder) as records:
        fill(records, 2)
    old = (folder / "dexkit.db").read_bytes()
    with store.open(folder) as records:
        records.erase(records.people.find("P-1").id)
    (folder / "dexkit.db").write_bytes(old)
    with store.open(folder) as records:
        assert [person.facts.pseudonym for person in records.people.search()] == ["P-0"]
        assert {trial.person for trial in records.trials.recent()} == {records.people.find("P-0").id}
        assert any("missing" in finding.words for finding in records.audit.verify())


def test_a_database_without_encryption_never_holds_a_readable_name(tmp_path):
    with store.open(tmp_path) as records:
        plant(records, 1)
        words = canaries(1)
        assert traces([tmp_path], words.values()) == []
    assert traces([tmp_path], words.values()) == []


def test_a_stolen_encrypted_folder_tells_nothing(tmp_path):
    with store.open(tmp_path, PASSPHRASE) as records:
        person = plant(records, 1)
        records.trials.add(facts(person, profile_id="Xq7profile"))
    assert traces([tmp_path], [*canaries(1).values(), "Xq7profile", person, "CREATE TABLE", "valid"]) == []


def test_an_erasure_that_the_disk_refused_is_ended_later(tmp_path, monkeypatch):
    with store.open(tmp_path) as records:
        fill(records, 2)
        person = records.people.find("P-1").id

        def refuse(*_):
            raise StoreError("The disk refused.")

        monkeypatch.setattr(type(records.database), "sweep", refuse)
        with pytest.raises(StoreError, match="The disk refused"):
            records.erase(person)
        monkeypatch.undo()
    with store.open(tmp_path) as records:
        assert records.unfinished == []
        assert len(records.people.search()) == 1
        with records.database.reading() as session:
            assert session.connection().exec_driver_sql("SELECT swept FROM erasures").scalar() == 1
