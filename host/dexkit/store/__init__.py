"""Records that survive: people, trials, recordings, audit, erasing, backups. `open` is the door."""

try:
    import sqlmodel as _sqlmodel  # noqa: F401
except ImportError as error:
    from dexkit.errors import InputError

    raise InputError(
        f"Records need packages that are not installed ({error.name}). Install them: pip install "
        "'dexkit[store]'"
    ) from None

from dexkit.store.audit import Entry, Finding, acting_as
from dexkit.store.backup import Check, Written, check
from dexkit.store.erase import Erased
from dexkit.store.opening import Store, are_in, ask_passphrase, data_folder, open
from dexkit.store.recordings import REASONS, Running
from dexkit.store.records import Activity, Person, PersonFacts, Trial, TrialFacts
from dexkit.store.restoring import Restored, restore

__all__ = [
    "REASONS",
    "Activity",
    "Check",
    "Entry",
    "Erased",
    "Finding",
    "Person",
    "PersonFacts",
    "Restored",
    "Running",
    "Store",
    "Trial",
    "TrialFacts",
    "Written",
    "acting_as",
    "are_in",
    "ask_passphrase",
    "check",
    "data_folder",
    "open",
    "restore",
]
