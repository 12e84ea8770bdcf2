"""The commands for records, from people to audit: they parse, call the store, and print."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dexkit.cli_numbers import ordinary
from dexkit.errors import DexkitError, InputError

if TYPE_CHECKING:  # records need packages of their own; the other commands work without them
    from dexkit.store import Running, Store

app = typer.Typer()
people = typer.Typer(help="The people whose trials are kept.", no_args_is_help=True)
app.add_typer(people, name="people")
recordings = typer.Typer(help="Recordings of trials that a crash broke off.", no_args_is_help=True)
app.add_typer(recordings, name="recordings")

Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="DEXKIT_DATA", help="folder of the records \\[this user's own]"),
]
Left = Annotated[str, typer.Argument(help="the number that `dexkit recordings list` shows, or its beginning")]
Pseudonym = Annotated[str, typer.Argument(help="under which the person is known here, as in P-017")]


def passphrase(folder: Path, *, always: bool = False) -> str:
    """Return the passphrase: from DEXKIT_PASSPHRASE, or asked for where one is needed; else empty."""
    from dexkit.store import are_in, ask_passphrase

    if "DEXKIT_PASSPHRASE" in os.environ:
        return os.environ["DEXKIT_PASSPHRASE"]
    if ask_passphrase(folder) or always:
        return str(typer.prompt("Passphrase", hide_input=True, err=True))
    if are_in(folder) or not sys.stdin.isatty():
        return ""
    words = "Passphrase for these new records (Enter for none: then they are not encrypted as a whole)"
    return str(
        typer.prompt(
            words, default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True
        )
    )


@contextlib.contextmanager
def opened(data: Path | None, *, new: bool = False) -> Iterator["Store"]:
    """Open the records that the options name, and say what a crash has left; `new` ones are made."""
    from dexkit import store

    folder = data or store.data_folder()
    if not new and not store.are_in(folder):
        raise InputError(
            f"There are no records in {folder}. Probably they are in another folder: name it with --data. Or "
            "begin with the first person: dexkit people add PSEUDONYM"
        )
    url = os.environ.get("DEXKIT_DATABASE_URL", "")
    begun, words = not store.are_in(folder), passphrase(folder)
    with store.open(folder, words, database_url=url) as records:
        if begun and not words:
            print(
                f"dexkit: The records in {folder} begin without a passphrase: whoever copies them can read "
                "them. To give them one: dexkit backup, then dexkit restore into another folder.",
                file=sys.stderr,
            )
        for sentence in records.unfinished:
            print(f"dexkit: {sentence}", file=sys.stderr)
        yield records


@people.command("add")
def add(
    pseudonym: Pseudonym,
    name: Annotated[str, typer.Option(help="kept apart, and encrypted")] = "",
    condition: Annotated[str, typer.Option(help="stroke, ms, parkinson, healthy, ...")] = "",
    affected: Annotated[str, typer.Option(help="affected hand: left or right")] = "",
    dominant: Annotated[str, typer.Option(help="dominant hand: left or right")] = "",
    sex: Annotated[str, typer.Option(help="female, male or other; norms are published by sex")] = "",
    birth_year: Annotated[int | None, typer.Option(help="four digits")] = None,
    notes: Annotated[str, typer.Option(help="free text")] = "",
    data: Data = None,
) -> None:
    """Add a person."""
    from dexkit.store import PersonFacts

    facts = PersonFacts(pseudonym, condition, affected, dominant, sex, birth_year, notes)
    facts.checked(datetime.now().year)  # before records are made for a person who cannot be
    with opened(data, new=True) as records:
        records.people.add(facts, name)
    print(f"{pseudonym} was added.")


@people.command("list")
def list_people(
    part: Annotated[str, typer.Argument(help="letters of the pseudonym \\[all]")] = "",
    unseen_for: Annotated[
        float | None,
        typer.Option(min=0, callback=ordinary, help="only those without a trial or change for so many years"),
    ] = None,
    data: Data = None,
) -> None:
    """List the people, with how many trials each has and when the last was."""
    with opened(data) as records:
        found = records.people.search(part)
        if unseen_for is not None:
            unseen = {person.id for person in records.people.unseen_for(unseen_for)}
            found = [person for person in found if person.id in unseen]
        activity = records.trials.activity([person.id for person in found])
    rows = []
    for person in found:
        born, did = person.facts.birth_year, activity[person.id]
        last = f"{did.last_at:%Y-%m-%d}" if did.last_at else ""
        facts = person.facts
        rows.append((facts.pseudonym, facts.condition, str(born or ""), str(did.trials), last))
    if rows:
        _print_table(("pseudonym", "condition", "born", "trials", "last"), rows)
    else:
        print("Nobody. Add a person: dexkit people add PSEUDONYM")


@people.command("show")
def show(pseudonym: Pseudonym, data: Data = None) -> None:
    """Show what is known of a person, and the last trials; that you looked is noted."""
    with opened(data) as records:
        person = records.people.find(pseudonym)
        name = records.people.name(person.id)
        trials = records.trials.of(person.id, 20)
        left = [running for running in records.recordings.left_behind() if running.person == person.id]
    for what, value in {"name": name, **vars(person.facts)}.items():
        if value:
            print(f"{what.replace('_', ' ')}: {value}")
    for trial in trials:
        value = "not measurable" if trial.value is None else f"{trial.value:g} {trial.unit}"
        kind = " practice" if trial.practice else ""
        corrects = " (a correction)" if trial.corrects else ""
        when = f"{trial.started_at:%Y-%m-%d %H:%M} UTC"
        print(f"{when}  {trial.profile_id} {trial.hand}{kind}: {value}, {trial.verdict}{corrects}")
    for running in left:
        print(f"A trial was broken off: dexkit recordings keep {_short(running)}, or discard it")


@people.command("erase")
def erase(
    pseudonym: Pseudonym,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    data: Data = None,
) -> None:
    """Erase a person for good: name, facts, trials, recordings, and the way back from backups.

    Exit code 0: all is gone; 3: gone, but something out of reach is named that you must see to.
    """
    with opened(data) as records:
        person = records.people.find(pseudonym)
        if not yes:
            typer.confirm(f"Erase {pseudonym} with all trials, for good?", abort=True)
        done = records.erase(person.id)
    print(f"{pseudonym} was erased, with {done.trials} trials.")
    for sentence in done.left:
        print(f"dexkit: {sentence}", file=sys.stderr)
    if done.left:
        raise typer.Exit(3)


@recordings.command("list")
def list_left_behind(data: Data = None) -> None:
    """List what crashes have left: whose, when, and which trial it was."""
    from dexkit.assess.in_records import left_trial
    from dexkit.assess.screens import trial_in_words
    from dexkit.assess.words import load_words

    with opened(data) as records:
        left = records.recordings.left_behind()
        whose = [records.people.get(running.person).facts.pseudonym for running in left]
    rows = []
    for running, person in zip(left, whose, strict=True):
        when = f"{datetime.fromtimestamp(running.path.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
        try:
            trial = left_trial(running)
            what = f"{trial.profile}, {trial_in_words(load_words('en'), trial)}"
        except DexkitError as error:
            what = str(error)
        rows.append((_short(running), person, when, what))
    if rows:
        _print_table(("number", "person", "broken off", "what is there"), rows)
    else:
        print("Nothing was left behind.")


@recordings.command("keep")
def keep_left(
    number: Left,
    counts: Annotated[
        bool | None, typer.Option("--counts/--does-not-count", help="your word, where the trial was over")
    ] = None,
    data: Data = None,
) -> None:
    """Keep a recording as a trial of its person, marked as recovered.

    Exit code 0: kept; 3: kept, and it needs your word before it counts.
    """
    from dexkit.assess import Verdict
    from dexkit.assess.in_records import keep_left_behind
    from dexkit.assess.screens import ruling_in_words, trial_in_words
    from dexkit.assess.words import load_words

    words, answer = load_words("en"), {None: "", True: "counts", False: "does_not"}[counts]
    with opened(data) as records:
        trial = keep_left_behind(records, _left(records, number), answer)
    print(trial_in_words(words, trial))
    for ruling in trial.rulings:
        print(f"  {ruling_in_words(words, ruling)}")
    if trial.verdict is Verdict.ASK:
        raise typer.Exit(3)


@recordings.command("discard")
def discard_left(
    number: Left,
    reason: Annotated[str, typer.Option(help="no_trial, disturbed, wrong_person, damaged or not_wanted")],
    data: Data = None,
) -> None:
    """Remove a recording for good; that, and why, is noted in the audit log."""
    with opened(data) as records:
        running = _left(records, number)
        records.recordings.discard(running, reason)
    print(f"{_short(running)} was discarded.")


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a cell is shown as it is, brackets too, and what is too wide is folded, never cut."""
    table = Table(*(Column(heading, overflow="fold") for heading in headings))
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _short(running: "Running") -> str:
    """Return as much of a recording's number as a person wants to type."""
    return running.trial[:8]


def _left(records: "Store", number: str) -> "Running":
    """Return the recording that was left behind under a number."""
    found = [each for each in records.recordings.left_behind() if number and each.trial.startswith(number)]
    if len(found) != 1:
        many = "Several" if found else "None"
        raise InputError(
            f"{many} of the recordings that were left behind begin with {number!r}. Probably it is mistyped. "
            "See `dexkit recordings list`."
        )
    return found[0]


@app.command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(help="where to, on another disk")], data: Data = None
) -> None:
    """Write a backup of all records, encrypted, and read it again; the keyring goes beside it.

    Exit code 0: all is in it; 3: written, but recordings that are damaged here are not in it.
    """
    with opened(data) as records:
        words = passphrase(folder, always=True) if records.backups.needs_passphrase(folder) else ""
        written = records.backups.write(folder, words)
    print(written.path)
    print("\n".join(written.check.words()))
    for sentence in written.damaged:
        print(f"dexkit: {sentence}", file=sys.stderr)
    if written.damaged:
        raise typer.Exit(3)


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="a backup")],
    keyring: Annotated[Path | None, typer.Option(help="which opens it \\[beside it]")] = None,
    data: Data = None,
) -> None:
    """Restore a backup into an empty folder; whatever is damaged is named, and the rest comes back.

    Exit code 0: whole; 3: restored with loss.
    """
    from dexkit import store

    folder = data or store.data_folder()
    words = os.environ.get("DEXKIT_PASSPHRASE") or passphrase(folder, always=True)
    url = os.environ.get("DEXKIT_DATABASE_URL", "")
    done = store.restore(file, folder, words, keyring=keyring, database_url=url)
    print("\n".join(done.check.words()))
    if done.erased:
        print(f"{done.erased} people of this backup were erased since, and stay erased.")
    print(folder)
    if done.check.trials_hit:
        raise typer.Exit(3)


@app.command("audit")
def audit(
    last: Annotated[int, typer.Option(min=0, max=1_000_000, help="how many entries to print")] = 20,
    data: Data = None,
) -> None:
    """Print who saw or changed what, and check that nobody changed the records from outside.

    Exit code 0: nothing was changed; 1: something was, and is named with its place.
    """
    with opened(data) as records:
        entries = records.audit.entries(last)
        findings = records.verify()
    for entry in reversed(entries):
        words = f"{entry.action} {entry.subject} {entry.detail}".strip()
        print(f"{entry.number:6d}  {entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.actor}  {words}")
    for finding in findings:
        print(f"dexkit: {finding.words}", file=sys.stderr)
    if findings:
        raise typer.Exit(1)
    print("Nothing was changed, removed or added from outside.")
