"""People and trials in the records, on every kind of database: kept, found, corrected, never changed."""

import os
import sqlite3
import sys
from datetime import datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from dexkit import store
from dexkit.assess.note import SIMULATED
from dexkit.errors import DexkitError, InputError, StoreError
from dexkit.store import PersonFacts
from dexkit.store.tables import metadata

from .records import (
    PASSPHRASE,
    START,
    Clock,
    Place,
    cheap_passphrases,
    facts,
    fill,
    place,
    recorded,
    state,
)

__all__ = ["cheap_passphrases", "place"]


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_was_kept_is_there_after_reopening(place):
    with place.open() as records:
        fill(records)
        before = state(records)
    with place.open() as records:
        assert state(records) == before
        assert records.verify() == []
    person, name, trials = before["P-1"]
    assert (person.facts.condition, name, len(trials)) == ("stroke", "Name 1", 4)
    assert [trial.number for trial, _, _ in trials] == [8, 7, 6, 5]


def test_tables_are_what_the_migrations_make(place):
    with place.open() as records, records.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_people_are_found_by_pseudonym_and_by_letters(place):
    with place.open() as records:
        people = [records.people.add(PersonFacts(name)) for name in ("Kiwi", "Fig", "Figaro")]
        assert records.people.find("Fig") == people[1]
        assert [p.facts.pseudonym for p in records.people.search("fig")] == ["Fig", "Figaro"]
        changed = records.people.change(people[1].id, PersonFacts("Date", birth_year=1950), "A Name")
        assert records.people.find("Date").facts.birth_year == 1950
        assert records.people.name(changed.id) == records.people.names()[changed.id] == "A Name"
        with pytest.raises(InputError, match="Nobody here is called 'Fig'"):
            records.people.find("Fig")
        with pytest.raises(InputError, match="is somebody here already"):
            records.people.change(changed.id, PersonFacts("Kiwi"))
        with pytest.raises(InputError, match="is somebody here already"):
            records.people.add(PersonFacts("Kiwi"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pseudonym": " "}, "cannot be a pseudonym"),
        ({"pseudonym": "a\nb"}, "cannot be a pseudonym"),
        ({"pseudonym": "P-017 "}, "begins or ends with a blank.*'P-017'"),
        ({"pseudonym": " P-1"}, "begins or ends with a blank.*'P-1'"),
        ({"pseudonym": SIMULATED}, "simulated person"),
        ({"pseudonym": SIMULATED.title()}, "simulated person"),
        ({"birth_year": 1066}, "Nobody alive was born in 1066"),
        ({"birth_year": 3000}, "Nobody alive was born in 3000"),
        ({"affected_hand": "foot"}, "say left or right"),
        ({"sex": "x"}, "say female, male or other"),
    ],
)
def test_facts_that_cannot_be_true_are_refused(tmp_path, wrong, words):
    with store.open(tmp_path) as records:
        with pytest.raises(InputError, match=words) as error:
            records.people.add(PersonFacts(**{"pseudonym": "P-1", **wrong}))
        one_line(error)
        assert records.people.search() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"started_at": datetime(2025, 1, 1)}, "no time zone"),
        ({"value": float("nan")}, "not a number"),
        ({"value": float("inf")}, "not a number"),
        ({"outcome": "{"}, "not JSON"),
        ({"profile_id": ""}, "The test of a trial"),
        ({"unit": "s" * 33}, "The unit of a trial"),
        ({"person": "nobody"}, "no such person"),
    ],
)
def test_trials_that_cannot_be_kept_are_refused(tmp_path, wrong, words):
    with store.open(tmp_path) as records:
        person = records.people.add(PersonFacts("P-1")).id
        with pytest.raises(InputError, match=words) as error:
            records.trials.add(facts(**{"person": person, **wrong}))
        one_line(error)
        assert records.trials.recent() == []


def test_a_trend_holds_what_may_be_compared(place):
    with place.open() as records:
        person = records.people.add(PersonFacts("P-1")).id
        for seed, others in enumerate(
            [{}, {"hand": "right"}, {"mode": "ordered"}, {"practice": True}, {"verdict": "annulled"}, {}]
        ):
            records.trials.add(facts(person, seed, **others))
        wrong = records.trials.add(facts(person, 7, value=99.0))
        right = records.trials.correct(wrong.id, facts(person, 7, value=29.0), "the clock was read wrongly")
        trend = records.trials.trend(person, "nhpt.mathiowetz", "left", "free")
        assert [trial.number for trial in trend] == [1, 6, right.number]
        repeats = records.trials.repeats("nhpt.mathiowetz", "left", "free")
        assert repeats == [(person, trial.number, trial.value) for trial in trend]
        assert records.trials.outcome(right.id)[1] == "the clock was read wrongly"
        assert records.trials.get(wrong.id) == wrong
        activity = records.trials.activity([person, "nobody"])
        assert (activity[person].trials, activity["nobody"].trials) == (8, 0)
        assert activity[person].last_at == right.started_at
        some = records.trials.between(START + timedelta(minutes=1), START + timedelta(minutes=3))
        assert [trial.number for trial in some] == [2, 3]
        assert [trial.number for trial in records.trials.of(person, 2, before=4)] == [3, 2]


def test_a_correction_needs_a_reason_and_the_last_word(tmp_path):
    with store.open(tmp_path) as records:
        one, two = (records.people.add(PersonFacts(name)).id for name in ("P-1", "P-2"))
        trial = records.trials.add(facts(one))
        with pytest.raises(InputError, match="needs a reason"):
            records.trials.correct(trial.id, facts(one), " ")
        with pytest.raises(InputError, match="of the same person"):
            records.trials.correct(trial.id, facts(two), "mixed up")
        records.trials.correct(trial.id, facts(one), "a slip")
        with pytest.raises(InputError, match="was corrected already, by trial 2"):
            records.trials.correct(trial.id, facts(one), "another slip")


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE trials SET value = 1",
        "DELETE FROM trials",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "DELETE FROM erasures",
        "UPDATE recordings SET size_bytes = 1",
        "DELETE FROM recordings",
    ],
)
def test_trials_and_audit_are_append_only(place, deed):
    with place.open() as records:
        recorded(records, records.people.add(PersonFacts("P-1")).id, 1)
        if "erasures" in deed:
            records.erase(records.people.add(PersonFacts("P-2")).id)
        with (
            pytest.raises(StoreError, match="only ever added") as error,
            records.database.writing() as session,
        ):
            session.execute(text(deed))
        one_line(error)
        assert records.verify() == []


def test_a_changed_trial_is_not_shown(tmp_path):
    with store.open(tmp_path) as records:
        trial = records.trials.add(facts(records.people.add(PersonFacts("P-1")).id))
    with sqlite3.connect(tmp_path / "dexkit.db") as raw:
        raw.execute("DROP TRIGGER trials_no_update")
        raw.execute("UPDATE trials SET value = value - 5")
    with store.open(tmp_path) as records:
        with pytest.raises(StoreError, match="Trial 1 was changed outside of dexkit"):
            records.trials.outcome(trial.id)
        assert ["Trial 1 was changed" in finding.words for finding in records.verify()] == [True]


def test_a_clock_set_back_changes_no_order_and_is_noted(place):
    clock = Clock()
    with place.open(now=clock) as records:
        person = records.people.add(PersonFacts("P-1")).id
        first = records.trials.add(facts(person, 1, started_at=clock.at))
        clock.at -= timedelta(days=400)
        second = records.trials.add(facts(person, 2, started_at=clock.at))
        third = records.trials.add(facts(person, 3, started_at=clock.at))
        numbers = [trial.number for trial in records.trials.trend(person, "nhpt.mathiowetz", "left", "free")]
        assert numbers == [first.number, second.number, third.number] == [1, 2, 3]
        assert (first.clock_back_s, third.clock_back_s) == (0, 0)
        assert second.clock_back_s == pytest.approx(400 * 86400, abs=10)
        noted = [entry.detail for entry in records.audit.entries() if entry.action == "clock.back"]
        assert len(noted) == 1 and "at trial 2" in noted[0]
        assert records.verify() == []


def test_times_come_back_in_utc(place):
    with place.open() as records:
        person = records.people.add(PersonFacts("P-1")).id
        away = datetime.fromisoformat("2025-07-01T14:30:00.123456+05:45")
        trial = records.trials.add(facts(person, started_at=away))
        assert trial.started_at == away
    with place.open() as records:
        again = records.trials.get(trial.id)
        assert again == trial
        assert again.started_at.isoformat() == "2025-07-01T08:45:00.123456+00:00"


def test_a_wrong_or_missing_passphrase_is_one_line(tmp_path):
    Place(tmp_path, PASSPHRASE).open().close()
    for wrong, words in (("correct horse batter", "does not open"), ("", "have a passphrase")):
        with pytest.raises(InputError, match=words) as error:
            store.open(tmp_path, wrong)
        one_line(error)
    with pytest.raises(InputError, match="at least 10"):
        store.open(tmp_path / "new", "short")
    assert not (tmp_path / "new" / "keyring.json").exists()


def test_keyring_and_database_belong_together(tmp_path):
    for name, words in (("a", ""), ("b", ""), ("c", PASSPHRASE), ("d", PASSPHRASE)):
        Place(tmp_path / name, words).open().close()
    for one, other in (("a", "b"), ("c", "d")):
        (tmp_path / one / "keyring.json").replace(tmp_path / other / "keyring.json")
        with pytest.raises(StoreError, match="keyring") as error:
            store.open(tmp_path / other, PASSPHRASE)
        one_line(error)
        with pytest.raises(StoreError, match="no keyring"):
            store.open(tmp_path / one, PASSPHRASE)


def test_a_damaged_keyring_or_database_is_one_line(tmp_path):
    with store.open(tmp_path) as records:
        fill(records)
    ring, file = tmp_path / "keyring.json", tmp_path / "dexkit.db"
    whole = ring.read_bytes()
    ring.write_bytes(whole[:-20])
    with pytest.raises(StoreError, match="is damaged") as error:
        store.open(tmp_path)
    one_line(error)
    ring.write_bytes(whole)
    data = bytearray(file.read_bytes())
    data[4096:8192] = b"\x55" * 4096
    file.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged") as error:
        store.open(tmp_path).verify()
    one_line(error)
    file.unlink()
    with pytest.raises(StoreError, match="is gone") as error:
        store.open(tmp_path)
    one_line(error)
    assert not file.exists()


def test_a_database_from_a_newer_version_is_refused_and_left_alone(place):
    with place.open() as records:
        fill(records, 1)
        with records.database.connection() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer dexkit") as error:
        place.open()
    assert "pip install" in one_line(error)


def test_a_damaged_recording_is_named_and_its_trial_is_whole(tmp_path):
    with store.open(tmp_path) as records:
        trial = recorded(records, records.people.add(PersonFacts("P-1")).id, 1)
        file = records.recordings.place(trial.recording)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged, so it is not shown") as error:
            records.recordings.read(trial.recording)
        one_line(error)
        assert records.trials.get(trial.id) == trial
        assert [trial.recording in finding.words for finding in records.verify()] == [True]
        file.unlink()
        with pytest.raises(StoreError, match="No such file"):
            records.recordings.read(trial.recording)


def test_a_recording_of_one_person_is_not_kept_for_another(tmp_path):
    with store.open(tmp_path) as records:
        one, two = (records.people.add(PersonFacts(name)).id for name in ("P-1", "P-2"))
        running = records.recordings.start(one)
        running.path.write_bytes(b"moves")
        with pytest.raises(InputError, match="another person"):
            records.trials.add(facts(two), running)
        records.trials.add(facts(one), running)
        assert len(records.trials.recent()) == 1


def test_equal_recordings_are_kept_once_for_each_person(tmp_path):
    with store.open(tmp_path / "records") as records:
        one, two = (records.people.add(PersonFacts(name)).id for name in ("P-1", "P-2"))
        (tmp_path / "moves").write_bytes(b"moves")
        kept = [records.trials.add(facts(person), tmp_path / "moves").recording for person in (one, one, two)]
        assert kept[0] == kept[1] != kept[2]
        records.erase(one)
        assert records.recordings.read(kept[2]) == b"moves"


def test_what_a_crash_left_of_a_trial_is_offered_and_what_runs_is_not(tmp_path):
    first = store.open(tmp_path)
    with store.open(tmp_path) as records, store.open(tmp_path) as other:
        person = records.people.add(PersonFacts("P-1")).id
        running = first.recordings.start(person)
        running.path.write_bytes(b"half")
        assert first.recordings.left_behind() == other.recordings.left_behind() == []
        first.close()
        (left,) = other.recordings.left_behind()
        assert (left.person, left.trial) == (person, running.trial)
        trial = other.trials.add(facts(person, completed=False), left)
        assert (trial.id, other.recordings.read(trial.recording)) == (running.trial, b"half")
        assert other.recordings.left_behind() == []
        gone = records.recordings.start(person)
        gone.path.write_bytes(b"other half")
        records.recordings.discard(gone, "no_trial")
        assert records.audit.entries(1)[0].action == "recording.discard"
        assert not list((tmp_path / "running").iterdir())


def test_people_unseen_for_long_are_named(tmp_path):
    clock = Clock()
    with store.open(tmp_path, now=clock) as records:
        old, busy = (records.people.add(PersonFacts(name)).id for name in ("P-1", "P-2"))
        clock.at += timedelta(days=3000)
        records.trials.add(facts(busy, started_at=clock.at))
        assert [person.id for person in records.people.unseen_for(5)] == [old]
        assert records.people.unseen_for(10) == []
        assert records.people.unseen_for(3000) == []  # that is before the calendar begins


def test_a_name_that_is_no_text_is_refused_and_nothing_of_it_is_kept(place):
    with place.open() as records:
        person = records.people.add(PersonFacts("P-1"), "Name 1")
        before = state(records)
        for refused in (
            lambda: records.people.add(PersonFacts("P-2"), "\udcff"),
            lambda: records.people.add_all([(PersonFacts("P-2"), "Name 2"), (PersonFacts("P-3"), "\udcff")]),
            lambda: records.people.change(person.id, PersonFacts("P-1", "stroke"), "\udcff"),
        ):
            with pytest.raises(InputError, match="is no text") as error:
                refused()
            one_line(error).encode()
            assert state(records) == before


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_nobody_else_may_look_into_the_folder(tmp_path):
    place = Place(tmp_path / "records")
    place.open().close()
    assert place.folder.stat().st_mode & 0o077 == 0
    assert (place.folder / "keyring.json").stat().st_mode & 0o077 == 0


def test_what_the_database_refuses_shows_no_data(tmp_path, monkeypatch):
    with store.open(tmp_path) as records:
        records.people.add(PersonFacts("P-1"), "CANARY")
        with pytest.raises(StoreError) as error, records.database.writing() as session:
            session.execute(text("INSERT INTO names VALUES (:a, :b)"), {"a": "CANARY", "b": b"CANARY"})
        assert "CANARY" not in one_line(error)


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql://dexkit@/no?host=/nowhere"])
def test_a_database_that_cannot_be_is_one_line(tmp_path, url):
    if url.startswith("postgresql") and "psycopg" not in sys.modules:
        pytest.importorskip("psycopg", reason="the driver for PostgreSQL is not installed")
    with pytest.raises(DexkitError, match="DEXKIT_DATABASE_URL") as error:
        store.open(tmp_path, database_url=url)
    one_line(error)
