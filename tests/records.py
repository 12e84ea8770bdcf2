"""What the tests of the records share: trials as they might have been, and stores of every kind."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from dexkit import store
from dexkit.store import PersonFacts, TrialFacts, keyring

from . import postgres

START = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
KINDS = ("sqlite", "sqlcipher", "postgresql")
_numbers = itertools.count()


class Clock:
    """A clock that goes on by a second each time it is looked at, and that can be set."""

    def __init__(self, at=START):
        self.at = at

    def __call__(self):
        self.at += timedelta(seconds=1)
        return self.at


def facts(person, seed=0, **others):
    """Return a trial as it might have been."""
    rng = random.Random(seed)
    values = {
        "profile_id": "nhpt.mathiowetz",
        "hand": "left",
        "mode": "free",
        "practice": False,
        "started_at": START + timedelta(minutes=seed),
        "verdict": "valid",
        "completed": True,
        "value": round(rng.uniform(15, 60), 3),
        "unit": "s",
        "outcome": json.dumps({"splits": [rng.random() for _ in range(9)]}),
    }
    return TrialFacts(person=person, **{**values, **others})


@pytest.fixture(autouse=True, scope="session")
def cheap_passphrases():
    """Have a passphrase cost next to nothing: what it costs is not what is tested."""
    keyring.ARGON2 = {"iterations": 1, "lanes": 1, "memory_cost": 8}


class Place:
    """Where records are, and how they are opened."""

    def __init__(self, folder, passphrase="", url=""):
        self.folder, self.passphrase, self.url = folder, passphrase, url

    def open(self, **others):
        return store.open(self.folder, self.passphrase, database_url=self.url, **others)


@pytest.fixture(params=KINDS)
def place(request, tmp_path):
    """An empty place, once on each kind of database."""
    if request.param != "postgresql":
        return Place(tmp_path / "records", PASSPHRASE if request.param == "sqlcipher" else "")
    folder, _ = request.getfixturevalue("pg_server")
    return Place(tmp_path / "records", url=postgres.database(folder, f"dexkit_{next(_numbers)}"))


def recorded(records, person, seed, content=None):
    """Keep a trial with a recording; return it."""
    running = records.recordings.start(person)
    running.path.write_bytes(content or random.Random(seed).randbytes(2000))
    return records.trials.add(facts(person, seed), running)


def fill(records, people=3, trials=4):
    """Add people P-0, P-1, ... with trials, every second one recorded; return their ids."""
    ids = []
    for number in range(people):
        person = records.people.add(PersonFacts(f"P-{number}", "stroke"), f"Name {number}").id
        ids.append(person)
        for seed in range(trials):
            if seed % 2:
                recorded(records, person, 100 * number + seed)
            else:
                records.trials.add(facts(person, 100 * number + seed))
    return ids


def state(records):
    """Return all that a store holds, to compare: nothing of when or by whom it was looked at."""
    return {
        person.facts.pseudonym: (
            person,
            records.people.name(person.id),
            [
                (
                    trial,
                    records.trials.outcome(trial.id),
                    trial.recording and records.recordings.read(trial.recording),
                )
                for trial in records.trials.of(person.id, 1000)
            ],
        )
        for person in records.people.search()
    }
