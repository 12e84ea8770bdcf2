"""`dexkit test` and `dexkit judge`, as a person types them."""

import json
import os
import pty
import queue
import select
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dexkit import cli_test
from dexkit.assess import Trial
from dexkit.assess.again import judged
from dexkit.assess.profile import PROFILES
from dexkit.assess.screen import Screen
from dexkit.assess.speech import Speech
from dexkit.assess.terminal import Terminal
from dexkit.cli import main
from dexkit.link.ports import Plug
from dexkit.recording import Losses, read, write
from dexkit.sim import make_scene

from . import way_of_a_test

#: The promised error of any time.
SAME_S = 0.02


def dexkit(*words, timeout=300, **environment):
    command = [sys.executable, "-m", "dexkit", *map(str, words)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def trials_in(folder):
    """Return the trials that lie in a folder, practice first."""
    found = [Trial.from_json(json.dumps(json.loads(p.read_text())["trial"])) for p in folder.glob("*.json")]
    return sorted(found, key=lambda trial: (trial.seat.hand == "left", not trial.seat.practice))


@pytest.fixture(scope="session")
def pegs(tmp_path_factory):
    """Return a scene at the pegboard and a port that plays it."""
    scene = make_scene("pegboard", "healthy", 3)
    path = tmp_path_factory.mktemp("boards") / "pegs.mcap"
    write(path, scene.recording())
    return scene, f"replay:{path}?speed=fast"


@pytest.mark.parametrize(("test", "hand"), [("nhpt", "right"), ("buttons", "left"), ("pour", "right")])
def test_the_simulated_person_does_a_test_from_start_to_note_on_virtual_boards(tmp_path, test, hand):
    """One hand for each test; `make way-of-a-test` has both, and judges every recording again."""
    note, trials = way_of_a_test.run_test(test, hand, tmp_path)
    assert [done.trial.seat.practice for done in trials] == [True] + [False] * (3 if test == "pour" else 1)
    for done in trials:
        assert not set(way_of_a_test.too_far(done.off_ms)) - set(way_of_a_test.FLOW)
        assert not way_of_a_test.too_far(done.beyond_noise_ms)
        assert done.trial.verdict == "valid"
        assert "live_differs" not in {ruling.rule for ruling in done.trial.rulings}
    again, kept = way_of_a_test.judged_again(trials[-1])
    assert again == kept
    assert f"Trial 1: {trials[1].trial.time_s:.2f} s" in note
    assert f"Result, {hand} hand: " in note
    assert note == (tmp_path / "note.txt").read_text()


def test_both_hands_with_practice_and_a_note_for_the_record(tmp_path, pegs):
    scene, port = pegs
    facts = ["--person", "P7", "--dominant", "left", "--affected", "left", "--no-store"]
    done = dexkit("test", "nhpt", *facts, "--port", port, "--auto", "--out", tmp_path, "--lang", "de")
    assert done.returncode == 0, done.stderr
    trials = trials_in(tmp_path)
    assert [(t.seat.hand, t.seat.practice) for t in trials] == [
        ("right", True),
        ("right", False),
        ("left", True),
        ("left", False),
    ]
    assert all(t.time_s == pytest.approx(scene.facts["total_s"], abs=SAME_S) for t in trials)
    assert trials[-1].seat.role == "dominant affected"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Neun-Loch-Stecktest (Mathiowetz) [nhpt_mathiowetz, Fassung 1]")
    assert any(line.startswith("Kein Normwert") or "Norm" in line for line in lines)
    assert sum(line.startswith("- ") for line in lines) == 4


def test_a_recording_of_a_trial_is_judged_again(tmp_path, pegs):
    scene, port = pegs
    facts = ["--person", "P7", "--dominant", "right", "--no-store", "--hand", "right"]
    assert dexkit("test", "nhpt_msfc", *facts, "--port", port, "--auto", "--out", tmp_path).returncode == 0
    for path in tmp_path.glob("*.mcap"):
        again = dexkit("judge", path)
        (trial,) = [t for t in trials_in(tmp_path) if f"trial{t.seat.number}" in path.name]
        assert f"{trial.time_s:.2f} s" in again.stdout
        assert trial.start_rule == "go"
        last_s = scene.truth["pegboard"]["t_s"][-1]
        assert trial.time_s == pytest.approx(last_s - trial.go_s, abs=0.2)  # a board begins within a block


def test_a_recording_that_is_not_whole_is_no_trial_that_counts_by_itself(tmp_path, pegs):
    facts = ["--person", "P7", "--dominant", "right", "--no-store", "--hand", "right"]
    assert dexkit("test", "nhpt_msfc", *facts, "--port", pegs[1], "--auto", "--out", tmp_path).returncode == 0
    whole, path = sorted(tmp_path.glob("*trial1.mcap"))[0], tmp_path / "broken.mcap"
    assert dexkit("judge", whole).returncode == 0
    data, trial = whole.read_bytes(), judged(read(whole))
    third = len(data) // 3
    for broken, verdict in (
        (data[:third], "Does not count"),
        (data[: 2 * third], "Does not count"),
        (data[: len(data) * 9 // 10], "Your word is needed"),  # it was over by then
        (data[:third] + bytes(2000) + data[third + 2000 :], "Your word is needed"),
    ):
        path.write_bytes(broken)
        done = dexkit("judge", path)
        assert done.returncode == 3 and "broken.mcap" in done.stderr
        assert f"Not wholly recorded: {verdict}" in done.stdout

    # A board that was away for half a second after the word, and said what it lost.
    recording = read(whole)
    kept = {}
    for name, stream in recording.streams.items():
        there = abs(stream.t_s - trial.go_s - 0.3) > 0.25
        kept[name] = replace(stream, t_s=stream.t_s[there], values=stream.values[there])
    for lost in (160, 0):
        gap = replace(recording, streams=kept, losses=Losses(samples_lost_by_board=lost), clocks={})
        assert ("recovered" in {ruling.rule for ruling in judged(gap).rulings}) == (lost > 0)


def test_buttons_and_pour(tmp_path):
    for test, kind, more in (("buttons", "button_board", {}), ("cup_ftm14", "cup", {"test": "ftm14"})):
        scene = make_scene(kind, "healthy", 4, **more)
        path = tmp_path / f"{test}.mcap"
        write(path, scene.recording())
        kinds = ("cup", "coaster") if kind == "cup" else (kind,)
        ports = [word for each in kinds for word in ("--port", f"replay:{path}?speed=fast&object={each}")]
        folder = tmp_path / test
        facts = ["--person", "P7", "--dominant", "right", "--no-store", "--hand", "right", "--out", folder]
        done = dexkit("test", test, *facts, *ports, "--auto")
        assert done.returncode == 0, done.stderr
        truth = scene.truth[kind]
        first = truth["t_s"][truth["kind"] == ("touch" if kind == "button_board" else "lift")][0]
        last = truth["t_s"][truth["kind"] == ("opened" if kind == "button_board" else "put")][-1]
        trial = trials_in(folder)[-1]
        assert trial.verdict == "valid"
        assert trial.time_s == pytest.approx(last - first, abs=SAME_S)


def test_what_only_a_therapist_can_know_stays_open_without_one(tmp_path):
    scene = make_scene("pegboard", "healthy", 3, script={"returned_on_table": 3})
    write(tmp_path / "scene.mcap", scene.recording())
    facts = [
        "--person",
        "P7",
        "--dominant",
        "right",
        "--no-store",
        "--hand",
        "right",
        "--out",
        tmp_path / "out",
    ]
    port = f"replay:{tmp_path / 'scene.mcap'}?speed=fast"
    done = dexkit("test", "nhpt", *facts, "--port", port, "--auto", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "Needs the therapist's word before it counts." in done.stdout
    assert "No trial counts." in done.stdout


class InTurn(list):
    """Ports of which each recording finds the next."""

    def __iter__(self):
        return iter([self.pop(0)])


def test_an_open_question_of_a_practice_needs_nobodys_word(tmp_path, monkeypatch, capsys):
    ports = InTurn()
    for name, script in (("practice", {"returned_on_table": 3}), ("trial", None)):
        write(tmp_path / f"{name}.mcap", make_scene("pegboard", "healthy", 3, script=script).recording())
        ports.append(Plug(f"replay:{tmp_path / name}.mcap?speed=fast"))
    monkeypatch.setattr(cli_test, "boards_for", lambda profile, plugs: ports)
    words = ["--person", "P7", "--dominant", "right", "--no-store", "--hand", "right", "--auto"]
    words += ["--port", "replay:", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["dexkit", "test", "nhpt", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert [str(trial.verdict) for trial in trials_in(tmp_path / "out")] == ["ask", "valid"]
    assert not ended.value.code
    told = capsys.readouterr()
    assert "needs" not in (told.out + told.err).lower()
    (practice,) = (tmp_path / "out").glob("*practice*.mcap")
    said = dexkit("judge", practice).stdout
    assert "For practice" in said and "word" not in said.lower() and "count" not in said.lower()


def test_all_tests_are_listed():
    done = dexkit("test", "--list")
    assert done.returncode == 0
    assert "nhpt_mathiowetz (nhpt): Nine-hole peg test (Mathiowetz)" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nhpt"], "who does it"),
        (["nhtp", "--person", "demo"], "no test 'nhtp'"),
        (["nhpt", "--person", "demo", "--hand", "middle"], "no hand 'middle'"),
        (["nhpt", "--person", "demo", "--lang", "xx"], "language 'xx'"),
        (["nhpt", "--person", "P7", "--no-store", "--auto"], "--dominant"),
        (["nhpt", "--person", "P7", "--no-store", "--dominant", "up", "--auto"], "left or right"),
        (["nhpt", "--person", "P7"], "--auto"),
        (["buttons", "--person", "demo", "--dominant", "left"], "hands of the simulated person"),
        (["buttons", "--person", "demo", "--affected", "right"], "hands of the simulated person"),
        (["nhpt_modified", "--person", "demo"], "No simulated person"),
        (["cup_pour_beads", "--person", "demo"], "their cup holds water"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(words, says, tmp_path):
    done = dexkit("test", *words, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_wrong_object_is_said_before_anything_is_written(tmp_path, pegs):
    facts = ["--person", "P7", "--dominant", "right", "--no-store", "--out", tmp_path / "out"]
    done = dexkit("test", "buttons", *facts, "--auto", "--port", pegs[1])
    assert done.returncode == 2
    assert "button board" in done.stderr and "pegboard" in done.stderr and done.stderr.count("\n") == 1
    none = dexkit("test", "buttons", *facts, "--auto", "--port", f"replay:{tmp_path}/none.mcap")
    assert none.returncode == 2 and none.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_profile_is_said_before_anything_is_written(tmp_path):
    for name in ("nhpt_mathiowetz", "nhpt_msfc"):
        text = (PROFILES / f"{name}.toml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.toml").write_text(text[:900] if name == "nhpt_mathiowetz" else text)
    begin = (
        f"import sys, pathlib, dexkit.assess.profile as p; p.PROFILES = pathlib.Path({str(tmp_path)!r}); "
        "from dexkit.cli import main; sys.exit(main())"
    )
    words = ["test", "nhpt", "--person", "demo", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", begin, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "The file nhpt_mathiowetz.toml" in done.stderr and "Put the original back" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_recording_of_another_object_is_said(tmp_path, pegs):
    recording = read(Path(pegs[1].removeprefix("replay:").partition("?")[0]))
    facts = {**recording.meta, "test": "cup_pour", "seat": json.dumps({"hand": "right"})}
    write(tmp_path / "edited.mcap", replace(recording, meta=facts))
    done = dexkit("judge", tmp_path / "edited.mcap")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cup_pour is done with a cup, and the recording is of a pegboard" in done.stderr


def test_a_recording_that_is_no_test_is_said(tmp_path, pegs):
    done = dexkit("judge", pegs[1].removeprefix("replay:").partition("?")[0])
    assert done.returncode == 2
    assert "none of a test" in done.stderr


@pytest.fixture(scope="session")
def sittings(tmp_path_factory, pegs):
    """Return a folder with the recordings of a whole test, and of other tests and people."""
    folder = tmp_path_factory.mktemp("sittings")
    for name, test, person, hand, port in (
        ("both", "nhpt", "P7", "both", pegs[1]),
        ("left", "nhpt", "P7", "left", pegs[1]),
        ("right", "nhpt", "P7", "right", pegs[1]),
        ("msfc", "nhpt_msfc", "P8", "right", pegs[1]),
    ):
        facts = [
            "--person",
            person,
            "--dominant",
            "right",
            "--no-store",
            "--hand",
            hand,
            "--out",
            folder / name,
        ]
        assert dexkit("test", test, *facts, "--port", port, "--auto").returncode == 0
    return folder


def test_the_recordings_of_a_test_are_judged_in_the_order_in_which_they_were_done(sittings):
    done = dexkit("judge", *sorted((sittings / "both").glob("*.mcap")))
    assert done.returncode == 0, done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "right hand, For practice",
        "right hand, Trial 1",
        "left hand, For practice",
        "left hand, Trial 1",
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            ("both/*right-trial1", "both/*left-practice1"),
            "trial 1 with the right hand, where practice 1 with",
        ),
        (
            ("both/*right-*", "both/*left-trial1"),
            "where practice 1 with the left hand or trial 1 with the right",
        ),
        (("left/*", "right/*"), "practice 1 with the left hand, where practice 1 with the right hand"),
        (("right/*", "msfc/*"), "nhpt_msfc by P8, and"),
    ],
)
def test_a_trial_out_of_order_is_said_in_one_line(sittings, files, says):
    """A timed trial before its practice, a hand before its turn, a recording of another person or test."""
    found = [path for pattern in files for path in sorted(sittings.glob(f"{pattern}.mcap"))]
    done = dexkit("judge", *found)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
def test_keys_in_a_real_terminal(tmp_path, pegs):
    """Leave the practice out, say the word, stop; the note comes to standard output."""
    port = pegs[1].removesuffix("?speed=fast")  # keys are of the world's time
    pictures = tmp_path / "picture.html"
    command = [sys.executable, "-m", "dexkit", "test", "nhpt", "--person", "P7", "--dominant", "right"]
    command += ["--no-store", "--hand", "right", "--port", port, "--out", str(tmp_path / "out")]
    command += ["--pictures", str(pictures)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    ) as process:
        os.close(theirs)
        for shown, key in (
            ("For practice", "s"),
            ("Trial 1", " "),
            ("Ready for the word", " "),
            ("The person stopped", "x"),
            ("Did the other hand help?", "1"),
            ("Decide otherwise", "q"),
        ):
            wait_for(ours, shown)
            os.write(ours, key.encode())
        text = process.stdout.read()
        assert process.wait() == 3  # the practice was left out
    assert "- right hand, Trial 1: Not finished" in text
    assert "<svg" in pictures.read_text()
    (trial,) = trials_in(tmp_path / "out")[-1:]
    assert [mark.kind for mark in trial.marks] == ["go", "person_stopped", "answer"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are of POSIX")
def test_a_text_that_is_pasted_is_kept_whole(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        pressed = queue.Queue()
        with Terminal(pressed.put, Speech("en")) as terminal:
            os.write(ours, b"\x1b[Ao")
            assert pressed.get(timeout=60) == "o"  # an arrow is no key of ours
            terminal.show(Screen("choose", "A test", "Why?", wants_text=True))
            os.write(ours, "\x1b[200~phone rang, Tür auf\x1b[201~\n".encode())
            assert pressed.get(timeout=60) == "phone rang, Tür auf"
    os.close(ours)


def wait_for(terminal, mark, at_most_s=120.0):
    """Read what a terminal shows until a mark comes."""
    seen, end_s = "", time.monotonic() + at_most_s
    while mark not in seen:
        assert time.monotonic() < end_s, seen[-2000:]
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
