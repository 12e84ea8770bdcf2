"""Backups: what was there comes back, elsewhere too; damage is found, no half one stays."""

import contextlib
import itertools

import pytest

from dexkit import store
from dexkit.errors import InputError, StoreError
from dexkit.store import PersonFacts, files

from . import postgres
from .records import PASSPHRASE, cheap_passphrases, facts, fill, place, recorded, state
from .store_damage import Victim, sweep

__all__ = ["cheap_passphrases", "place"]


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    return Victim(tmp_path_factory.mktemp("backup"))


def test_what_was_there_comes_back(place, tmp_path):
    with place.open() as records:
        ids = fill(records)
        first = records.trials.of(ids[0])[0]
        records.trials.correct(first.id, facts(ids[0], 5), "a slip")
        before = state(records)
        written = records.backups.write(tmp_path / "backups", PASSPHRASE)
        assert (written.check.people, written.check.trials, written.damaged) == (3, 13, [])
        records.trials.add(facts(ids[1], 99))
    done = store.restore(written.path, tmp_path / "again", PASSPHRASE)
    assert done.check.whole and done.erased == 0
    with store.open(tmp_path / "again", PASSPHRASE) as again:
        assert state(again) == before
        assert again.verify() == []


def test_a_backup_of_a_file_is_restored_into_a_server_and_back(pg_server, tmp_path):
    with store.open(tmp_path / "file") as records:
        fill(records)
        before = state(records)
        backup = records.backups.write(tmp_path / "b1", PASSPHRASE).path
    url = postgres.database(pg_server[0], "dexkit_moved")
    store.restore(backup, tmp_path / "served", PASSPHRASE, database_url=url)
    with store.open(tmp_path / "served", PASSPHRASE, database_url=url) as records:
        assert state(records) == before
        backup = records.backups.write(tmp_path / "b2").path
    store.restore(backup, tmp_path / "back", PASSPHRASE)
    with store.open(tmp_path / "back", PASSPHRASE) as records:
        assert state(records) == before
        assert records.verify() == []


def test_each_flipped_bit_is_found_and_the_trials_it_hit_are_named(victim):
    counts, failures = sweep(victim, 300, 4, seed=2)
    assert failures == []
    assert counts["a trial"] > 0 and counts["restored"] == 4


def test_each_section_and_each_end_is_accounted_for(victim):
    places = {0, len(victim.data) - 1}
    for section in victim.sections:
        places |= {section.start, section.start + section.size - 1, section.start + section.size}
    for at in sorted(places):
        victim.judge(at, 3)


def test_a_cut_backup_is_refused_whole(victim, tmp_path):
    step = len(victim.data) // 40
    for size in [*range(0, len(victim.data), step), len(victim.data) - 1]:
        cut = victim.path.with_name("cut.dexkit-backup")
        cut.write_bytes(victim.data[:size])
        try:
            done = store.restore(cut, tmp_path / str(size), PASSPHRASE)
            assert not done.check.whole, size
        except StoreError as error:
            assert "no backup of these records, or is damaged" in str(error)
            assert not (tmp_path / str(size)).exists()


def test_a_damaged_recording_does_not_stop_a_backup(tmp_path):
    with store.open(tmp_path / "records") as records:
        trial = recorded(records, records.people.add(PersonFacts("P-1")).id, 1)
        records.recordings.place(trial.recording).unlink()
        written = records.backups.write(tmp_path / "backups", PASSPHRASE)
        assert ["Not in this backup" in sentence for sentence in written.damaged] == [True]
    store.restore(written.path, tmp_path / "again", PASSPHRASE)
    with store.open(tmp_path / "again", PASSPHRASE) as again:
        assert again.trials.get(trial.id) == trial


def test_a_backup_needs_a_passphrase_and_the_right_one(tmp_path):
    with store.open(tmp_path / "records") as records:
        fill(records, 1)
        with pytest.raises(InputError, match="needs a passphrase"):
            records.backups.write(tmp_path / "backups")
        assert not list((tmp_path / "backups").glob("*"))
        backup = records.backups.write(tmp_path / "backups", PASSPHRASE).path
    for wrong, words in (("wrong horse battery", "does not open"), ("", "have a passphrase")):
        with pytest.raises(InputError, match=words):
            store.restore(backup, tmp_path / "again", wrong)
    assert not (tmp_path / "again").exists()


def test_records_that_are_there_are_not_replaced(tmp_path):
    with store.open(tmp_path / "records", PASSPHRASE) as records:
        fill(records, 1)
        backup = records.backups.write(tmp_path / "backups").path
        before = state(records)
    with pytest.raises(InputError, match=r"records in .* already"):
        store.restore(backup, tmp_path / "records", PASSPHRASE)
    with store.open(tmp_path / "records", PASSPHRASE) as records:
        assert state(records) == before
    with (
        store.open(tmp_path / "others", PASSPHRASE) as others,
        pytest.raises(StoreError, match="another store's"),
    ):
        others.backups.write(tmp_path / "backups")
    with pytest.raises(StoreError, match="another store's"):
        store.restore(backup, tmp_path / "others", PASSPHRASE)


def test_a_lost_database_comes_back_in_its_own_folder(tmp_path):
    folder = tmp_path / "records"
    with store.open(folder, PASSPHRASE) as records:
        fill(records, 2)
        backup = records.backups.write(tmp_path / "backups").path
        records.erase(records.people.find("P-1").id)
        late = [finding.number for finding in records.audit.verify()]
    for path in folder.glob("dexkit.db*"):
        path.unlink()
    (tmp_path / "backups" / "keyring.json").unlink()
    done = store.restore(backup, folder, PASSPHRASE)
    assert (done.erased, late) == (1, [])
    with store.open(folder, PASSPHRASE) as records:
        assert [person.facts.pseudonym for person in records.people.search()] == ["P-0"]
        # What was noted between the backup and the loss is missing, and stays said so.
        assert any("missing" in finding.words for finding in records.audit.verify())


class Cut(BaseException):
    """What ends a process here and there."""


#: Where a process may end: before each of these.
STEPS = ("write", "replacing", "write_and_wipe_old")


def broken_off(monkeypatch, at, work):
    """Do work that ends at its so manieth step; return whether it was over before that."""
    calls = itertools.count(1)

    def cutting(whole):
        def step(*words, **others):
            if next(calls) == at:
                raise Cut
            return whole(*words, **others)

        return step

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(files, name, cutting(getattr(files, name)))
        with contextlib.suppress(Cut):
            work()
    return next(calls) <= at


def test_a_restore_that_is_broken_off_anywhere_is_begun_again(tmp_path, monkeypatch):
    with store.open(tmp_path / "records", PASSPHRASE) as records:
        fill(records, 2, 2)
        before = state(records)
        backup = records.backups.write(tmp_path / "backups").path
    for at in itertools.count(1):
        folder = tmp_path / f"again {at}"
        if broken_off(monkeypatch, at, lambda folder=folder: store.restore(backup, folder, PASSPHRASE)):
            assert at > 8
            return
        if (folder / "keyring.json").exists():
            with pytest.raises(StoreError, match="was broken off"):
                store.open(folder, PASSPHRASE)
        store.restore(backup, folder, PASSPHRASE)
        with store.open(folder, PASSPHRASE) as again:
            assert state(again) == before
            assert again.verify() == []


def test_a_backup_that_is_broken_off_anywhere_leaves_no_half(tmp_path, monkeypatch):
    with store.open(tmp_path / "records", PASSPHRASE) as records:
        fill(records, 1, 2)
        for at in itertools.count(1):
            done = broken_off(monkeypatch, at, lambda: records.backups.write(tmp_path / "backups"))
            for path in (tmp_path / "backups").glob("*.dexkit-backup"):
                assert store.restore(path, tmp_path / f"{at} {path.name}", PASSPHRASE).check.whole
                path.unlink()
            if done:
                assert at > 3
                return


def meanwhile(monkeypatch, step, ending, work):
    """Have another process do some work just before the first write, by this step, of such a file."""
    whole, left = getattr(files, step), [work]

    def first(path, *words):
        if left and path.name.endswith(ending):
            left.pop()()
        return whole(path, *words)

    monkeypatch.setattr(files, step, first)
    return left


def test_who_is_added_while_a_backup_is_written_does_not_spoil_it(place, tmp_path, monkeypatch):
    with place.open() as records, place.open() as other:
        fill(records, 2)
        before = state(records)
        left = meanwhile(
            monkeypatch, "replacing", ".dexkit-backup", lambda: other.people.add(PersonFacts("P-new"))
        )
        written = records.backups.write(tmp_path / "backups", PASSPHRASE)
        assert not left and written.check.whole
        now = state(records)
    assert store.restore(written.path, tmp_path / "again", PASSPHRASE).check.whole
    with store.open(tmp_path / "again", PASSPHRASE) as again:
        assert state(again) in (before, now)
        assert again.verify() == []


def test_who_is_erased_while_a_backup_is_written_does_not_come_back(tmp_path, monkeypatch):
    with store.open(tmp_path / "records") as records, store.open(tmp_path / "records") as other:
        fill(records, 2)
        gone = records.people.find("P-1").id
        first = records.backups.write(tmp_path / "backups", PASSPHRASE).path
        erase = meanwhile(monkeypatch, "replacing", ".dexkit-backup", lambda: other.erase(gone))
        second = records.backups.write(tmp_path / "backups", PASSPHRASE).path
        assert not erase
    for number, (path, erased) in enumerate(((first, 1), (second, 0))):
        done = store.restore(path, tmp_path / f"again {number}", PASSPHRASE)
        assert (done.erased, done.check.people, done.check.whole) == (erased, 1, True)
        with store.open(tmp_path / f"again {number}", PASSPHRASE) as again:
            assert [person.facts.pseudonym for person in again.people.search()] == ["P-0"]
            assert again.verify() == []
