"""The commands that score, as a person types them: what they print, write and exit with."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text
from typer.main import get_command

from dexkit.cli import app
from dexkit.protocol.tables import TABLE
from dexkit.recording import Recording, Stream, read, write
from dexkit.score.measure import REGISTRY
from dexkit.score.scoring import SCORERS
from dexkit.sim import make_scene


def dexkit(*words, timeout=60):
    command = [sys.executable, "-m", "dexkit", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def buttons_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "buttons.mcap"
    write(path, make_scene("button_board", severity="healthy", seed=1).recording())
    return path


def recording_of(samples, rate_hz=100.0, columns=TABLE["pegboard"]):
    t_s = np.arange(len(samples)) / rate_hz
    stream = Stream("pegboard/all", columns, t_s, np.asarray(samples, np.float32), rate_hz)
    return Recording("pegboard", {}, {stream.name: stream})


def test_json_has_the_promised_shape(buttons_file):
    run = dexkit("score", buttons_file, "--json")
    assert run.returncode == 0, run.stderr
    score = json.loads(run.stdout)
    assert score["object"] == "button_board" in SCORERS
    for measure in score["measures"]:
        assert set(measure) == {"id", "value", "unit", "version", "reason"}
        assert (measure["value"] is None) == bool(measure["reason"])
        identity = measure["id"] if measure["id"] in REGISTRY else measure["id"].rpartition(".")[0]
        assert REGISTRY[identity].unit == measure["unit"]
        assert REGISTRY[identity].version == measure["version"]
    assert score["events"]
    assert all(set(event) == {"kind", "channel", "t_s", "t_known_s", "quality"} for event in score["events"])
    assert all(event["t_known_s"] >= event["t_s"] for event in score["events"])


def test_a_scale_is_scored_as_a_coaster(tmp_path):
    t_s = np.arange(0, 20, 0.1)
    grams = np.clip(20.0 * (t_s - 5.0), 0.0, 100.0)
    stream = Stream("weight", ("weight_g",), t_s, grams[:, np.newaxis].astype(np.float32), None)
    write(tmp_path / "scale.mcap", Recording("weight", {}, {"weight": stream}))
    score = json.loads(dexkit("score", tmp_path / "scale.mcap", "--json").stdout)
    final = {measure["id"]: measure["value"] for measure in score["measures"]}["coaster.final_g"]
    assert (score["object"], final) == ("coaster", pytest.approx(100.0, abs=0.5))


def test_table_names_measures_and_what_is_not_measurable(buttons_file):
    run = dexkit("score", buttons_file)
    assert run.returncode == 0
    assert "Buttons fastened" in run.stdout
    assert "Time to fasten all five" in run.stdout


def test_page_is_written_whole_or_not_at_all(buttons_file, tmp_path):
    page = tmp_path / "page.html"
    assert dexkit("score", buttons_file, "--page", page).returncode == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    nowhere = tmp_path / "no folder" / "page.html"
    run = dexkit("score", buttons_file, "--page", nowhere)
    assert run.returncode == 2
    assert "Cannot write" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_replaces_a_page_and_nothing_else(buttons_file, tmp_path):
    recording, notes, page = (tmp_path / name for name in ("x.mcap", "notes.html", "page.html"))
    recording.write_bytes(buttons_file.read_bytes())
    notes.write_text('<!doctype html><html lang="en"><body>My notes</body></html>')
    for foreign in (recording, notes, tmp_path):
        before = foreign.read_bytes() if foreign.is_file() else b""
        run = dexkit("score", recording, "--page", foreign)
        assert run.returncode == 2, run.stdout
        assert run.stderr.startswith(f"dexkit: {foreign} is no page of dexkit")
        assert run.stderr.count("\n") == 1
        assert not before or foreign.read_bytes() == before
    for _ in range(2):
        assert dexkit("score", recording, "--page", page).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_has_a_page_too(buttons_file, tmp_path):
    strange, page = tmp_path / os.fsdecode(b"caf\xe9.mcap"), tmp_path / "page.html"
    strange.write_bytes(buttons_file.read_bytes())
    command = [sys.executable, "-m", "dexkit", "score", strange, "--page", page]
    run = subprocess.run(command, capture_output=True, timeout=60)  # what it prints may be no UTF-8 either
    assert run.returncode == 0, run.stderr
    assert "caf" in page.read_text(encoding="utf-8")


def bad_files(folder):
    """Yield a name, a path that cannot be scored, and a word that its message must hold."""
    good = folder / "good.mcap"
    write(good, make_scene("button_board", severity="healthy", seed=2).recording())
    data = good.read_bytes()

    def file(name, content):
        path = folder / name
        path.write_bytes(content)
        return path

    def recorded(name, recording):
        path = folder / name
        write(path, recording)
        return path

    yield "missing", folder / "nowhere.mcap", "no file"
    yield "directory", folder, "folder"
    yield "empty", file("empty.mcap", b""), "empty"
    yield "not a recording", file("text.mcap", b"Dear therapist,\n" * 100), "not"
    yield "cut at once", file("cut.mcap", data[:40]), ""
    noise = np.random.default_rng(1).normal(2.0, 0.1, (1000, 19))
    yield "one sample", recorded("one.mcap", recording_of(noise[:1])), "1 samples"
    yield "all NaN", recorded("nan.mcap", recording_of(np.full((1000, 19), np.nan))), "was measured"
    yield "constant", recorded("constant.mcap", recording_of(np.full((1000, 19), 2.0))), "stays the same"
    yield "wrong rate", recorded("slow.mcap", recording_of(noise, rate_hz=0.5)), "Hz"
    wrong = recording_of(noise[:, :1], columns=("mass_kg",))
    yield "wrong column", recorded("column.mcap", wrong), "no samples"
    few = recording_of(noise[:, :2], columns=TABLE["pegboard"][:2])
    yield "wrong column count", recorded("few.mcap", few), "measured"
    unknown = dataclasses.replace(recording_of(noise), object_kind="teapot")
    yield "unknown object", recorded("teapot.mcap", unknown), "teapot"


def test_bad_input_is_one_line_with_the_next_step(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, path, word in bad_files(folder):
        before = sorted(p.name for p in folder.iterdir())
        page = tmp_path / "page.html"
        run = dexkit("score", path, "--json", "--page", page)
        assert run.returncode == 2, (name, run.stdout, run.stderr)
        assert run.stdout == "", name
        assert len(run.stderr.strip().splitlines()) == 1, (name, run.stderr)
        assert run.stderr.startswith("dexkit: "), (name, run.stderr)
        assert word in run.stderr, (name, run.stderr)
        assert len(run.stderr) > 60, (name, "no next step", run.stderr)
        assert not page.exists(), name
        assert sorted(p.name for p in folder.iterdir()) == before, name


def test_a_cut_recording_is_scored_and_marked(buttons_file, tmp_path):
    cut = tmp_path / "cut.mcap"
    data = buttons_file.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    page = tmp_path / "page.html"
    run = dexkit("score", cut, "--json", "--page", page)
    assert run.returncode == 3
    assert len(run.stderr.strip().splitlines()) == 1
    score = json.loads(run.stdout)
    assert score["notes"]
    assert score["recovered"] is True
    assert score["events"]
    assert "Before you read the numbers" in page.read_text(encoding="utf-8")


def test_an_archive_with_odd_files_is_scored(buttons_file, tmp_path):
    data = buttons_file.read_bytes()
    (tmp_path / "whole.mcap").write_bytes(data)
    (tmp_path / "cut.mcap").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.mcap").write_bytes(b"Dear therapist")
    run = dexkit("rescore", tmp_path, "--workers", "1")
    assert run.returncode == 1
    assert "3 scored, 0 kept, 1 failed, 1 damaged" in run.stdout
    assert run.stderr.startswith("dexkit: text.mcap: ")
    assert run.stderr.count("\n") == 1


def test_demo_records_and_scores_three_objects_in_one_folder(tmp_path):
    (tmp_path / "pegs.mcap").write_bytes(b"an earlier one")
    run = dexkit("demo", "--out", tmp_path, timeout=300)
    assert run.returncode == 0, run.stderr
    index = Path(run.stdout.strip().splitlines()[-1].removeprefix("Open "))
    assert index.is_file()
    text = index.read_text(encoding="utf-8")
    for name in ("pour", "buttons", "pegs"):
        assert f'href="{name}.html"' in text
        assert (index.parent / f"{name}.html").stat().st_size < 1_000_000
        recording = read(index.parent / f"{name}.mcap")
        assert not recording.losses.recovered
        assert recording.losses.samples_lost_by_board == 0
        assert all(clock.probes > 20 for clock in recording.clocks.values())
    assert len(list(tmp_path.iterdir())) == 7  # nothing half done is left behind


@pytest.mark.parametrize(
    "words",
    [
        ["score"],
        ["nosuch"],
        ["score", "--nope"],
        ["rescore", ".", "--workers", "0"],
        ["record", "--out", "nowhere.mcap", "--port", "sim:cup", "--seconds", "inf"],
        ["sim", "--object", "cup", "--tcp", "99999999"],
        ["sim", "--object", "cup", "--again-s", "nan"],
        ["calibrate", "cup", "--temperature", "nan"],
        ["selftest", "--seconds", "inf"],
        ["people", "list", "--unseen-for", "inf"],
        ["audit", "--last", "99999999999999999999999"],
    ],
    ids=" ".join,
)
def test_words_that_cannot_be_parsed_are_one_line(words):
    run = dexkit(*words)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("dexkit: ")
    assert run.stderr.count("\n") == 1
    assert "--help" in run.stderr


def test_no_words_show_the_commands_and_a_closed_pipe_is_no_traceback():
    command = [sys.executable, "-m", "dexkit"]
    assert "rescore" in subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert b"Traceback" not in run.stderr.read()


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="this system has no /dev/zero")
def test_a_device_is_neither_read_without_end_nor_replaced(buttons_file, tmp_path):
    endless, page = tmp_path / "endless.mcap", tmp_path / "page.html"
    endless.symlink_to("/dev/zero")
    page.symlink_to("/dev/null")
    for words in (
        ["info", endless],
        ["dump", endless],
        ["import", "weight", endless, "--columns", "t_s=a,weight_g=b"],
        ["score", buttons_file, "--page", page],
    ):
        run = dexkit(*words)
        assert run.returncode == 2, (words, run.stderr)
        assert "is a device" in run.stderr
        assert run.stderr.count("\n") == 1
    assert page.is_symlink()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line(buttons_file):
    command = [sys.executable, "-m", "dexkit", "score", str(buttons_file), "--json"]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == 2
    assert run.stderr.startswith("dexkit: the disk is full")
    assert run.stderr.count("\n") == 1


def test_a_terminal_that_knows_only_ascii_gets_the_numbers(buttons_file):
    command = [sys.executable, "-m", "dexkit", "score", str(buttons_file)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert run.returncode == 0, run.stderr
    assert "Time to fasten all five" in run.stdout


def test_a_strange_name_is_one_line(buttons_file, tmp_path):
    for words in (["info", tmp_path / "a\nb.mcap"], ["score", buttons_file, "--calibration", "a" * 5000]):
        run = dexkit(*words)
        assert run.returncode == 2, run.stderr
        assert run.stderr.startswith("dexkit: ")
        assert run.stderr.count("\n") == 1


def test_a_bracket_in_the_name_of_a_file_is_shown(buttons_file, tmp_path):
    strange = tmp_path / "[left].mcap"
    strange.write_bytes(buttons_file.read_bytes())
    run = dexkit("score", strange)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0].strip() == "Button board: [left].mcap"


def test_a_help_says_what_is_taken_where_nothing_is_said():
    """All of it: what stands in brackets is no markup."""
    commands, said = [get_command(app)], 0
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert Text.from_markup(text).plain == text.replace("\\[", "["), (command.name, parameter.name)
            said += "[" in text
    assert said
    run = subprocess.run(
        [sys.executable, "-m", "dexkit", "people", "list", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert "letters of the pseudonym [all]" in run.stdout
    assert "folder of the records [this user's own]" in run.stdout
