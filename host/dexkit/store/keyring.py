"""The keyring: one key for all that is not a person's, one key for each person, and who was erased.

It is one file. Whoever is erased loses the key, so that no copy of the database, however old, can be read
for that person again. The people's part is sealed with the root key, the root key with the passphrase
where there is one.
"""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Self

from dexkit.errors import InputError, StoreError
from dexkit.store import files
from dexkit.store.sealing import ARGON2, SealBrokenError, derive, from_passphrase, new_key, seal, unseal

NAME = "keyring.json"
FORMAT = 1
PASSPHRASE_LENGTH = 10
_ROOT, _PEOPLE = "keyring root", "keyring people"


class Keyring:
    """The keys of one store.

    Parameters
    ----------
    path
        Its file.
    root
        The root key.
    lock
        How the root key lies in the file: salt and costs of a passphrase, and the (sealed) key.
    encrypted
        Whether the database, if it is SQLite, is encrypted as a whole.
    """

    def __init__(self, path: Path, root: bytes, lock: dict[str, Any], encrypted: bool) -> None:
        self.path = path
        self.root = root
        self.lock = lock
        self.encrypted = encrypted
        self.people: dict[str, bytes] = {}
        self.erased: set[str] = set()
        self._read_at: tuple[int, int] | None = None

    @classmethod
    def create(cls, path: Path, passphrase: str, *, encrypted: bool, root: bytes | None = None) -> Self:
        """Make a new keyring and write it.

        Parameters
        ----------
        path
            Its file.
        passphrase
            Empty for none.
        encrypted
            Whether the database is to be encrypted as a whole.
        root
            The root key, where there is one already.

        Raises
        ------
        InputError
            When the passphrase is too short.
        StoreError
            When the disk refuses.
        """
        root = root or new_key()
        ring = cls(path, root, lock_of(root, passphrase), encrypted)
        ring.save()
        return ring

    @classmethod
    def load(cls, path: Path, passphrase: str) -> Self:
        """Return the keyring of a file.

        Parameters
        ----------
        path
            The file.
        passphrase
            Empty where none was set.

        Raises
        ------
        InputError
            When the passphrase is missing or wrong.
        StoreError
            When the file is missing or damaged.
        """
        facts = _facts(path)
        lock = facts["lock"]
        if not lock["salt"]:
            root = b64decode(lock["root"])
        elif not passphrase:
            raise InputError(
                f"These records have a passphrase ({path}). Type it when asked, or set DEXKIT_PASSPHRASE."
            )
        else:
            try:
                key = from_passphrase(passphrase, b64decode(lock["salt"]), lock["costs"])
                root = unseal(key, b64decode(lock["root"]), _ROOT)
            except SealBrokenError:
                raise InputError(
                    f"The passphrase does not open {path}. Check capitals and keyboard, and type it again; "
                    "without it nobody can read these records."
                ) from None
        ring = cls(path, root, lock, facts["encrypted"])
        ring.reload()
        return ring

    @property
    def id(self) -> str:
        """Which store's it is; says nothing about the key."""
        return derive(self.root, "id").hex()[:32]

    def key(self, purpose: str) -> bytes:
        """Return the store's key for a purpose.

        Parameters
        ----------
        purpose
            One word.
        """
        return derive(self.root, purpose)

    def of(self, person: str) -> bytes:
        """Return a person's key.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        StoreError
            When there is none: the person was erased, or the keyring is older than the database.
        """
        if person not in self.people:
            self.reload()
        if person in self.people:
            return self.people[person]
        if person in self.erased:
            raise StoreError("This person was erased; the data cannot be read again by anyone.")
        raise StoreError(
            f"The keyring {self.path} has no key for this person: it is older than the database. Put the "
            "newest "
            "copy in its place; `dexkit backup` keeps one beside its backups."
        )

    def add(self, person: str) -> bytes:
        """Make a key for a new person; it is kept with `save`.

        Parameters
        ----------
        person
            The id.
        """
        self.people[person] = new_key()
        return self.people[person]

    def reload(self) -> None:
        """Take what another process has written since."""
        with files.disk(self.path, "read"):
            state = self.path.stat()
        if (state.st_mtime_ns, state.st_ino) == self._read_at:
            return
        self.people, self.erased = self._people_of(self.path)
        self._read_at = (state.st_mtime_ns, state.st_ino)

    def destroy(self, person: str) -> None:
        """Destroy a person's key and remember that; from here on there is no way back.

        Parameters
        ----------
        person
            The id.

        Raises
        ------
        StoreError
            When the disk refuses; the key is still there then.
        """
        people, erased = dict(self.people), set(self.erased)
        self.people.pop(person, None)
        self.erased.add(person)
        try:
            self.save()
        except StoreError:
            self.people, self.erased = people, erased
            raise

    def take(self, path: Path) -> None:
        """Add the keys of another copy of this keyring; whoever is erased in one of them is erased.

        Parameters
        ----------
        path
            The other copy.

        Raises
        ------
        StoreError
            When it is another store's, or damaged.
        """
        people, erased = self._people_of(path)
        self.erased |= erased
        self.people = {
            person: key for person, key in {**people, **self.people}.items() if person not in self.erased
        }

    def save(self) -> None:
        """Write the file.

        Raises
        ------
        StoreError
            When the disk refuses; the old file stays then.
        """
        files.write_and_wipe_old(self.path, self._text(self.lock))
        state = self.path.stat()
        self._read_at = (state.st_mtime_ns, state.st_ino)

    def copy_to(self, path: Path, passphrase: str) -> None:
        """Write a copy for another place, always under a passphrase; a copy there keeps its own.

        Parameters
        ----------
        path
            Where to.
        passphrase
            For a copy that is not there yet.

        Raises
        ------
        InputError
            When the passphrase is missing or too short.
        StoreError
            When another store's keyring is there, or the disk refuses.
        """
        if path.exists():
            self._people_of(path)
            lock = _facts(path)["lock"]
        elif self.lock["salt"]:
            lock = self.lock
        elif passphrase:
            lock = lock_of(self.root, passphrase)
        else:
            raise InputError(
                "A backup leaves the house, so it needs a passphrase. Type one when asked, or set "
                "DEXKIT_PASSPHRASE; keep it where the backups are not."
            )
        files.write_and_wipe_old(path, self._text(lock))

    def _people_of(self, path: Path) -> tuple[dict[str, bytes], set[str]]:
        try:
            part = json.loads(unseal(self.root, b64decode(_facts(path)["people"]), _PEOPLE))
        except SealBrokenError:
            raise StoreError(
                f"The keyring {path} is another store's. Take the one that belongs to these records."
            ) from None
        return {person: b64decode(key) for person, key in part["keys"].items()}, set(part["erased"])

    def _text(self, lock: dict[str, Any]) -> bytes:
        people = {
            "keys": {person: b64encode(key).decode() for person, key in self.people.items()},
            "erased": sorted(self.erased),
        }
        facts = {
            "format": FORMAT,
            "encrypted": self.encrypted,
            "lock": lock,
            "people": b64encode(seal(self.root, json.dumps(people).encode(), _PEOPLE)).decode(),
        }
        return json.dumps({**facts, "sha256": _sum(facts)}).encode()


def lock_of(root: bytes, passphrase: str) -> dict[str, Any]:
    """Return how a root key lies in a file.

    Parameters
    ----------
    root
        The key.
    passphrase
        Empty for none: then it lies there readable.

    Raises
    ------
    InputError
        When the passphrase is too short.
    """
    if not passphrase:
        return {"salt": "", "costs": {}, "root": b64encode(root).decode()}
    refuse_short(passphrase)
    salt = os.urandom(16)
    sealed = seal(from_passphrase(passphrase, salt, ARGON2), root, _ROOT)
    return {"salt": b64encode(salt).decode(), "costs": ARGON2, "root": b64encode(sealed).decode()}


def refuse_short(passphrase: str) -> None:
    """Refuse a new passphrase that is too short.

    Parameters
    ----------
    passphrase
        Empty for none, which is not refused.

    Raises
    ------
    InputError
        When it is too short.
    """
    if 0 < len(passphrase) < PASSPHRASE_LENGTH:
        raise InputError(
            f"A passphrase of {len(passphrase)} characters is soon guessed. Take at least "
            f"{PASSPHRASE_LENGTH}, for example four words."
        )


def needs_passphrase(path: Path) -> bool:
    """Return whether a keyring is there and has a passphrase.

    Parameters
    ----------
    path
        The file.
    """
    return path.exists() and bool(_facts(path)["lock"]["salt"])


def _facts(path: Path) -> dict[str, Any]:
    """Return what a file says, or say that it is damaged."""
    with files.disk(path, "read"):
        text = path.read_bytes()
    try:
        facts: dict[str, Any] = json.loads(text)
        said = facts.pop("sha256")
        if facts["format"] > FORMAT:
            raise StoreError(
                f"The keyring {path} is from a newer dexkit. Install that version, or a newer one."
            )
        whole = bool(said == _sum(facts))
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise StoreError(
            f"The keyring {path} is damaged, and without it the records cannot be read. Put a copy in its "
            "place; "
            "`dexkit backup` keeps one beside its backups."
        )
    return facts


def _sum(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
