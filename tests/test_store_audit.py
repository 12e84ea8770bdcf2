"""The audit log: whatever is done to an entry from outside is found, and its place is named."""

import shutil
import sqlite3

import pytest

from dexkit import store
from dexkit.store import PersonFacts, acting_as

from .records import Clock, cheap_passphrases, facts, fill, place

__all__ = ["cheap_passphrases", "place"]

ENTRIES = 24


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A store with a log of so many entries, closed."""
    folder = tmp_path_factory.mktemp("audit") / "records"
    with store.open(folder, now=Clock()) as records:
        fill(records, people=4, trials=5)
        assert records.audit.entries(1)[0].number == ENTRIES
    return folder


def tampered(untouched, tmp_path, *deeds):
    """Return what is found after SQL was run on a copy without its triggers."""
    shutil.copytree(untouched, tmp_path / "records")
    with sqlite3.connect(tmp_path / "records" / "dexkit.db") as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("DROP TRIGGER audit_no_delete")
        for deed in deeds:
            raw.execute(deed)
    raw.close()
    with store.open(tmp_path / "records", now=Clock()) as records:
        found = records.audit.verify()
        # What comes after does not heal it.
        records.people.add(PersonFacts("P-late"))
        assert {finding.number for finding in found} <= {f.number for f in records.audit.verify()}
    return [finding.number for finding in found]


def test_nothing_is_found_where_nothing_was_done(untouched, tmp_path):
    assert tampered(untouched, tmp_path) == []


@pytest.mark.parametrize("number", range(1, ENTRIES + 1))
def test_a_changed_entry_is_found(untouched, tmp_path, number):
    deeds = (
        "actor = 'x'",
        "at = '2001-01-01 00:00:00'",
        "action = 'x'",
        "subject = ''",
        "detail = detail || '.'",
    )
    for i, deed in enumerate(deeds):
        found = tampered(untouched, tmp_path / str(i), f"UPDATE audit SET {deed} WHERE number = {number}")
        assert found == [number], deed


@pytest.mark.parametrize("number", range(1, ENTRIES + 1))
def test_a_removed_entry_is_found(untouched, tmp_path, number):
    assert tampered(untouched, tmp_path, f"DELETE FROM audit WHERE number = {number}") == [number]


@pytest.mark.parametrize("number", range(1, ENTRIES + 1))
def test_a_removed_entry_is_found_where_the_rest_moved_up(untouched, tmp_path, number):
    deeds = [f"DELETE FROM audit WHERE number = {number}"]
    deeds += [f"UPDATE audit SET number = {i} WHERE number = {i + 1}" for i in range(number, ENTRIES)]
    assert number in tampered(untouched, tmp_path, *deeds)


@pytest.mark.parametrize("number", range(1, ENTRIES))
def test_swapped_entries_are_found(untouched, tmp_path, number):
    other = ENTRIES if number % 2 else number + 1
    pairs = ((number, -1), (other, number), (-1, other))
    deeds = [f"UPDATE audit SET number = {new} WHERE number = {old}" for old, new in pairs]
    found = tampered(untouched, tmp_path, *deeds)
    assert {number, other} <= set(found)
    assert set(found) <= {number, number + 1, other, other + 1}


@pytest.mark.parametrize("number", range(1, ENTRIES + 1))
def test_a_cut_end_is_found(untouched, tmp_path, number):
    assert tampered(untouched, tmp_path, f"DELETE FROM audit WHERE number >= {number}") == [number]


def test_an_end_that_was_written_anew_without_the_key_is_found(untouched, tmp_path):
    deeds = [
        f"DELETE FROM audit WHERE number = {ENTRIES}",
        "INSERT INTO audit SELECT number + 1, at, actor, action, subject, detail, chain FROM audit "
        f"WHERE number = {ENTRIES - 1}",
    ]
    assert ENTRIES in tampered(untouched, tmp_path, *deeds)


@pytest.mark.parametrize("deed", ["removed", "changed"])
def test_the_anchor_cannot_be_changed_unseen(untouched, tmp_path, deed):
    folder = tmp_path / "records"
    shutil.copytree(untouched, folder)
    anchor = folder / "audit-anchor.json"
    if deed == "removed":
        anchor.unlink()
    else:
        anchor.write_text(anchor.read_text().replace(f'"number": {ENTRIES}', '"number": 3'))
    with store.open(folder) as records:
        (finding,) = records.audit.verify()
        assert (finding.number, "anchor" in finding.words) == (0, True)
        records.people.add(PersonFacts("P-late"))
        (finding,) = records.audit.verify()
        assert (finding.number, "anchor" in finding.words) == (ENTRIES + 1, True)


def test_who_saw_and_changed_what_is_noted_once(place):
    with place.open() as records:
        with acting_as("T. One"):
            person = records.people.add(PersonFacts("P-1"), "A Name").id
            records.people.change(person, PersonFacts("P-1", notes="secret words"))
            for _ in range(3):
                records.people.get(person)
                records.people.name(person)
            trial = records.trials.add(facts(person))
            records.trials.of(person)
            records.trials.outcome(trial.id)
        records.people.get(person)
        noted = [(entry.actor, entry.action) for entry in reversed(records.audit.entries(subject=person))]
        mine = ["person.add", "person.change", "person.see", "name.see", "trial.add", "trials.see"]
        assert noted[:-1] == [("T. One", action) for action in mine]
        assert noted[-1][1] == "person.see" and noted[-1][0] != "T. One"
        assert not any("secret" in entry.detail for entry in records.audit.entries())
        assert [entry.number for entry in records.audit.entries(2, before=4)] == [3, 2]


def test_a_trial_that_was_removed_or_slipped_in_is_found(tmp_path):
    with store.open(tmp_path) as records:
        ids = fill(records, 1, 4)
        keep = records.trials.of(ids[0])[0]
    with sqlite3.connect(tmp_path / "dexkit.db") as raw:
        raw.execute("DROP TRIGGER trials_no_delete")
        raw.execute("DELETE FROM trials WHERE number = 2")
        columns = [row[1] for row in raw.execute("PRAGMA table_info(trials)")]
        slipped = ["'00'" if name == "trial_id" else "77" if name == "number" else name for name in columns]
        query = f"SELECT {', '.join(slipped)} FROM trials WHERE trial_id = ?"
        raw.execute(f"INSERT INTO trials ({', '.join(columns)}) {query}", (keep.id,))
    raw.close()
    with store.open(tmp_path) as records:
        words = " ".join(finding.words for finding in records.verify())
    assert (
        "is missing" in words
        and "Trial 77 is not in the audit log" in words
        and "Trial 77 was changed" in words
    )
