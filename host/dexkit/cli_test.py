"""Commands for standardised tests: find person and boards, run the test, print the text for the record."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from dexkit import cli_records
from dexkit.assess import Profile, load_profile, profile_ids
from dexkit.assess.again import judged_in_turn
from dexkit.assess.boards import boards_for
from dexkit.assess.in_records import InRecords, patient_of
from dexkit.assess.keeping import InFolder, Keeping, Patient
from dexkit.assess.note import SIMULATED, note
from dexkit.assess.runner import Boards, Runner
from dexkit.assess.screens import rulings_in_words, trial_in_words
from dexkit.assess.series import Hands, in_order
from dexkit.assess.speech import Speech
from dexkit.assess.terminal import Lines, PictureFile, Terminal
from dexkit.assess.therapist import Therapist
from dexkit.assess.words import load_words
from dexkit.demo_tests import demo_boards, demo_patient
from dexkit.errors import InputError
from dexkit.link.pairing import in_the_network
from dexkit.link.ports import Plug, plugs
from dexkit.recording import read
from dexkit.recording.words import losses_in_words
from dexkit.score import reading

app = typer.Typer()

#: Short names, each for the usual one of its tests.
SHORT = {"nhpt": "nhpt_mathiowetz", "buttons": "buttons_five", "pour": "cup_pour"}

Language = Annotated[str, typer.Option("--lang", help="language of words and note: en, de")]


@app.command("test")
def run_test(
    test: Annotated[str, typer.Argument(help="nhpt, buttons, pour, or an id from --list")] = "",
    person: Annotated[str, typer.Option(help="a pseudonym of the records; demo is simulated")] = "",
    hand: Annotated[str, typer.Option(help="both, left or right")] = "both",
    port: Annotated[
        list[str] | None, typer.Option("--port", help="/dev/ttyACM0, COM3, net:UID, ... \\[those found]")
    ] = None,
    lang: Language = "en",
    auto: Annotated[bool, typer.Option("--auto", help="no keys: the word is said by itself")] = False,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="trials as JSON beside their recordings, in --out")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="folder for that \\[out/tests/PERSON-TEST-TIME]")] = None,
    dominant: Annotated[str, typer.Option(help="hand the person writes with \\[as noted]: left, right")] = "",
    affected: Annotated[str, typer.Option(help="affected hand \\[as noted]: left, right")] = "",
    pictures: Annotated[
        Path | None, typer.Option(help="a page (.html) to open beside, with a picture of what to do")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="list all tests, and do none")] = False,
    data: cli_records.Data = None,
) -> None:
    """Run a standardised test: it starts, stops and judges itself, and prints the text for the record.

    Exit code 0: done; 3: a trial still needs your word, or was left out; 2: it could not be run.
    """
    words = load_words(lang)
    reading.words(lang)
    if listed:
        for profile_id in profile_ids():
            short = "".join(f" ({name})" for name, known in SHORT.items() if known == profile_id)
            print(f"{profile_id}{short}: {words[f'profiles.{profile_id}']}")
        return
    if not test or not person:
        raise InputError("Say which test and who does it: dexkit test nhpt --person P-017; see --list.")
    profile = load_profile(SHORT.get(test, test))
    simulated = person == SIMULATED
    keys = sys.stdin.isatty() and sys.stderr.isatty() and not auto
    if not keys and not auto and not simulated:
        raise InputError(
            "A test needs a terminal for the therapist's keys. Run it in one, or add --auto: then the word "
            "is said by itself, and what only a therapist can know stays open."
        )
    folder = out or Path("out") / "tests" / f"{person}-{profile.id}-{datetime.now():%Y%m%d-%H%M%S}"
    with _kept(person, dominant, affected, no_store, folder, data) as (patient, keeping):
        order = in_order(profile, patient.hands, hand)
        boards = demo_boards(profile, fast=not keys) if simulated and not port else _boards(profile, port)
        therapist = Therapist(answers=simulated) if simulated or auto else None
        runner = Runner(profile, patient, order, boards, keeping, words, lambda screen: None, therapist)
        if keys:
            page = PictureFile(pictures) if pictures else None
            with Terminal(runner.press, Speech(lang), page) as terminal:
                runner.show = terminal.show
                runner.run()
        else:
            runner.show = Lines().show
            runner.run()
        text = note(profile, patient, runner.done, keeping, words)
    print(text, end="")
    if isinstance(keeping, InFolder):
        keeping.write_note(text)
        print(folder, file=sys.stderr)
    if runner.left_out or any(trial.is_open for trial in runner.trials):
        raise typer.Exit(3)


@app.command("judge")
def judge_recordings(
    files: Annotated[
        list[Path],
        typer.Argument(help="the recording of a trial (.mcap); or those of a test, in their order"),
    ],
    lang: Language = "en",
) -> None:
    """Judge trials again from their recordings, by the marks that were written into them.

    Exit code 0: all recordings are whole; 3: something of one is missing.
    """
    words = load_words(lang)
    recordings = {str(file): read(file) for file in files}
    for trial in judged_in_turn(recordings):
        print(trial_in_words(words, trial))
        for ruling in rulings_in_words(words, trial):
            print(f"  {ruling}")
    broken = {name: each.losses for name, each in recordings.items() if each.losses.recovered}
    for name, losses in broken.items():
        print(f"{name}: {' '.join(line.strip() for line in losses_in_words(losses))}", file=sys.stderr)
    if broken:
        raise typer.Exit(3)


@contextlib.contextmanager
def _kept(
    person: str, dominant: str, affected: str, no_store: bool, folder: Path, data: Path | None
) -> Iterator[tuple[Patient, Keeping]]:
    """Yield who is tested, and where the trials go."""
    if person == SIMULATED:
        if dominant or affected:
            raise InputError(
                "The hands of the simulated person are given: right-handed, the left one affected. Leave "
                "--dominant and --affected out, or name another person."
            )
        patient = demo_patient(datetime.now().date())
        yield patient, InFolder(folder, patient)
    elif no_store:
        if not dominant:
            raise InputError("Without records nobody knows which hand is dominant: add --dominant right.")
        patient = Patient(person, Hands(dominant, affected))
        yield patient, InFolder(folder, patient)
    else:
        with cli_records.opened(data) as records:
            patient = patient_of(records, person, dominant, affected)
            yield patient, InRecords(records, patient)


def _boards(profile: Profile, port: Sequence[str] | None) -> Boards:
    """Return the boards that a test is done with, among those named or found."""
    found = boards_for(profile, [Plug(url) for url in port] if port else [*plugs(), *in_the_network()])
    return lambda seat: found
