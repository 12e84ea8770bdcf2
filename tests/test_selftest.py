"""Each kind of fault is found and named with its remedy; healthy kits raise none. `make faults` is longer."""

import json
import os
import signal
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from dexkit.bench.history import Entry, alarms, budget, keep, kept
from dexkit.bench.lights import AMBER, GREEN, GREY, RED, WORDS
from dexkit.bench.screen import SIGNS, merged, print_selftest
from dexkit.cli import main
from dexkit.cli_bench import app
from dexkit.recording.calibration import folder
from dexkit.sim.protocol_sim import switch_off
from tests import faults
from tests.bench_kit import NOW, Kit

FIRST = {fault.name: fault for fault in reversed(faults.FAULTS)}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    switch_off()


@pytest.mark.parametrize("fault", FIRST.values(), ids=lambda fault: fault.name)
def test_a_fault_is_found_and_its_remedy_named(fault):
    assert faults.found(fault) is not None


@pytest.mark.parametrize(("kind", "seed"), [("cup", 0), ("coaster", 1), ("button_board", 4), ("pegboard", 5)])
def test_a_healthy_kit_raises_no_alarm(kind, seed):
    assert faults.alarms(kind, seed, 8.0) == []


def test_a_board_that_was_put_into_another_object_is_told_once():
    kit = Kit("coaster", 7)
    keep(Entry("2026-11-30T12:00:00Z", kit.uid, "pegboard", "0.1.0", None, GREEN))
    colours = [
        next(light.colour for light in kit.test(5.0).lights if light.check == "object") for _ in range(2)
    ]
    assert colours == [RED, GREEN]


def test_what_no_sensor_carries_is_said_and_why():
    lights = {light.check: light for light in Kit("cup", 3).test(6.0).lights}
    assert lights["battery"].colour == GREY
    assert lights["battery"].measured == "not measurable: no sensor on this board"
    assert lights["walk"].colour == GREY
    assert "not walked" in lights["walk"].measured
    assert lights["drift"].colour == GREY
    assert "too short" in lights["drift"].measured


# ---- History ---------------------------------------------------------------------------------------------


def entry(day, gone_n, **more):
    time = (NOW + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")
    figures = {"load_n level": 0.3 + gone_n, "load_n noise": 0.003}
    return replace(Entry(time, "aa11", "coaster", "0.1.0", "c1", GREEN, figures), **more)


def colour_of(entries):
    """Return the colour of the drift alarm at the last of these self-tests."""
    *earlier, now = entries
    lights = alarms(earlier, now)
    return lights[0].colour if lights else None


def test_the_alarm_comes_before_the_error_reaches_the_budget():
    allowed = budget("load_n level")
    shares = [0.0, 0.3, 0.49, 0.55, 0.95, 1.05]
    colours = [colour_of([entry(0, 0.0), entry(1, share * allowed)]) for share in shares]
    assert colours == [GREEN, GREEN, GREEN, AMBER, AMBER, RED]


def test_a_trend_warns_and_scatter_does_not():
    trend = [entry(day, 0.0002 * day) for day in range(8)]
    assert colour_of(trend) == AMBER
    assert "at the budget in 18 days" in alarms(trend[:-1], trend[-1])[0].measured
    slow = [entry(day, 0.0001 * day) for day in range(8)]
    assert colour_of(slow) == GREEN
    scatter = [entry(day, 0.0001 * gone) for day, gone in enumerate((0, 18, -12, 20, -8, 22, -4, 23))]
    assert colour_of(scatter) == GREEN


def test_a_new_calibration_begins_a_new_history():
    far = budget("load_n level") * 3
    assert colour_of([entry(0, 0.0), entry(1, far)]) == RED
    assert colour_of([entry(0, 0.0), entry(1, far, calibration="c2")]) is None
    assert colour_of([entry(0, 0.0, verdict=RED), entry(1, far)]) is None


def test_the_zero_of_a_disturbed_minute_does_not_enter_the_history():
    kit = Kit("coaster", 12, calibrated=True)
    kit.world.disturbed_n = faults.pressed_n
    disturbed = kit.test(60.0)
    kit.world.disturbed_n = None
    well, again = (kit.test(8.0, now=NOW + timedelta(days=day)) for day in (1, 2))
    assert [test.verdict for test in (disturbed, well, again)] == [AMBER, GREEN, GREEN]
    assert ["load_n level" in entry.figures for entry in kept(kit.uid).entries] == [False, True, True]
    assert [light.check for light in well.lights].count("history") == 0  # the first zero that is known
    (history,) = [light for light in again.lights if light.check == "history"]
    assert history.measured.endswith("since 2026-12-02")


def test_lines_are_added_whole_and_damaged_ones_are_passed_over_and_said():
    first, second, third = (entry(day, 0.0) for day in range(3))
    path = keep(first)
    keep(second)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 40])  # the power went while it was written
    keep(third)
    past = kept("aa11")
    assert past.entries == (first, third)
    assert past.damaged == (2,)
    assert "line 2" in past.words()
    path.write_bytes(b"\x00\xff{]\n[]\n{}\n" + whole)
    assert kept("aa11").entries == (first, second)
    assert kept("aa11").damaged == (1, 2, 3)
    assert kept("bb22").entries == ()


# ---- The command -----------------------------------------------------------------------------------------


def test_the_command_writes_for_people_and_machines_and_its_exit_code_says_fault(tmp_path):
    well, ill = Kit("coaster", 1), Kit("pegboard", 2, fault="tray:slow")
    file = tmp_path / "found.json"
    args = ["selftest", well.url, ill.url, "--seconds", "6", "--json", str(file)]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 3
    assert "The coaster is well" in done.output
    assert "The pegboard is at fault" in done.output
    said = json.loads(file.read_text())
    assert [test["verdict"] for test in said] == [GREEN, RED]
    rate = next(light for light in said[1]["lights"] if light["check"] == "rate" and light["of"] == "tray")
    assert rate["colour"] == RED
    assert rate["word"] == "fault"
    assert rate["value"] == pytest.approx(160, abs=2)
    assert (rate["limit"], rate["unit"]) == (320, "Hz")


def test_what_cannot_be_kept_is_shown_all_the_same(tmp_path):
    kit = Kit("coaster", 1)
    (tmp_path / "config").write_text("a file, where a folder is wanted")
    file = tmp_path / "a.json"
    done = CliRunner().invoke(app, ["selftest", kit.url, "--seconds", "6", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "The coaster is well" in done.output
    assert "Note: This test was not kept. Cannot write" in " ".join(done.output.split())
    (said,) = json.loads(file.read_text())
    assert "was not kept" in said["note"]


def test_a_history_that_cannot_be_read_is_said_beside_the_lights():
    kit = Kit("coaster", 1)
    path = keep(Entry("2026-11-30T12:00:00Z", kit.uid, "coaster", "0.1.0", None, GREEN))
    path.unlink()
    path.mkdir()
    test = kit.test(6.0)
    assert {light.check for light in test.lights} >= {"sensor", "rate", "noise"}
    assert "This test was not kept, nor compared with earlier ones. Cannot read" in test.note


@pytest.mark.parametrize("content", [b'{"id": "cut', b"\xff\xfe\x00"])
def test_a_calibration_whose_file_here_is_damaged_is_a_light_with_the_way_out(content):
    kit = Kit("coaster", 7, calibrated=True)
    (path,) = folder().glob("*.json")
    path.write_bytes(content)
    light = next(light for light in kit.test(6.0).lights if light.check == "calibration")
    assert light.colour == AMBER
    assert str(path) in light.measured and "cannot be read" in light.measured
    assert "dexkit calibrate --fetch PORT" in light.remedy


def test_one_that_is_stopped_ends_at_once_and_keeps_nothing(monkeypatch, capsys):
    kit = Kit("coaster", 1)
    read, began_s = kit.world.read, []

    def watched(t_s, columns=None):
        began_s.append(kit.board.world_s)
        if kit.board.world_s > began_s[0] + 10.0:  # the board has started anew and is listened to
            monkeypatch.setattr(kit.world, "read", read)
            os.kill(os.getpid(), signal.SIGINT)
        return read(t_s, columns)

    monkeypatch.setattr(kit.world, "read", watched)
    monkeypatch.setattr("sys.argv", ["dexkit", "selftest", kit.url, "--seconds", "600"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    assert kit.board.world_s < began_s[0] + 300.0
    assert kept(kit.uid).entries == ()
    assert "dexkit: stopped." in capsys.readouterr().err


def test_every_colour_has_a_word_and_a_sign_of_its_own(capsys):
    from rich.console import Console

    test = Kit("cup", 2, fault="foot:saturated").test(6.0)
    print_selftest(test, Console(width=100, no_color=True))
    printed = capsys.readouterr().out
    for colour in {light.colour for light in test.lights}:
        assert f"{SIGNS[colour]} {WORDS[colour]}" in printed
    assert len(set(SIGNS.values())) == len(set(WORDS.values())) == 4
    for light in merged(test.lights):
        assert light.colour in (GREEN, GREY) or light.remedy
