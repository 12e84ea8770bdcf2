"""`dexkit calibrate`: hidden errors are found, bad runs are refused in words, and a score follows."""

import io
import json
import math
import shutil
import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dexkit.bench import certificate, register
from dexkit.bench.calibrate import Calibrator
from dexkit.bench.calibrating import calibrate_board
from dexkit.bench.capture import attached
from dexkit.bench.fit import Point, fit_cell, local_gravity_ms2
from dexkit.bench.guide import BACK, LEAVE, TAKE, View, capture_step, guide
from dexkit.bench.guide_terminal import Lines, Terminal, drawn
from dexkit.bench.judge import check_walk
from dexkit.bench.on_board import fetch, store
from dexkit.bench.register import Circumstances
from dexkit.bench.steps import MASSES, steps_of
from dexkit.bench.weights import N_PER_G, STANDARD_MS2, weights
from dexkit.cli import main
from dexkit.cli_bench import app
from dexkit.demo_bench import DemoBench
from dexkit.errors import InputError
from dexkit.link.ports import Plug
from dexkit.link.record import record
from dexkit.protocol.tables import OBJECT_ID
from dexkit.recording import read
from dexkit.recording.calibration import Axes, Calibration, chosen, known
from dexkit.score.scoring import score, score_file
from dexkit.sim import make_scene
from dexkit.sim.bench import Errors
from dexkit.sim.protocol_sim import board_of, switch_off
from tests.calibration_trials import calibrate, is_load_of, led_to, run_of, take, trials, world_of

FEW = 3


@pytest.fixture(autouse=True)
def own_register(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    switch_off()


# ---- What is found -----------------------------------------------------------------------------------------


def test_a_few_kits_with_hidden_errors_are_found_within_the_stated_uncertainty():
    tally = trials(FEW)
    assert tally.holds(FEW)
    assert {kind for kind, _ in tally.largest} == set(OBJECT_ID)


def test_without_calibration_the_same_kits_are_far_off():
    errors = Errors.of("coaster", 7).cells["load_n"]
    assert abs(errors.gain - 1.0) > 0.01
    assert abs(errors.offset_n) > 0.1


def test_a_line_is_found_exactly_where_nothing_is_wrong():
    loads_n = [0.0, 1.0, 2.0, 5.0, 2.0, 1.0, 0.0]
    ways = [0, 1, 1, 1, -1, -1, -1]
    points = [
        Point(load_n, 0.0, (load_n + 0.4) / 1.05, 1e-4, 1000, way, 10.0 * place)
        for place, (load_n, way) in enumerate(zip(loads_n, ways, strict=True))
    ]
    fit = fit_cell(points, 4.57e-6)
    assert (fit.gain, fit.offset_n) == pytest.approx((1.05, -0.4), abs=1e-9)
    assert fit.hysteresis_n == pytest.approx(0.0, abs=1e-9)
    assert fit.standard_n < 1e-4


def test_each_contribution_is_seen_in_its_row():
    def budget(bend=0.0, lag=0.0, drift=0.0, again=0.0):
        points = []
        for place, (load_n, way) in enumerate(
            [(0.0, 0), *[(1.0, 1), (2.0, 1), (4.0, 1), (2.0, -1), (1.0, -1), (0.0, -1)] * 2]
        ):
            reading_n = load_n + bend * load_n * (load_n - 4.0) - lag * way * (load_n < 4.0)
            reading_n += drift * place + again * (place > 6)
            points.append(Point(load_n, 1e-4 * load_n, reading_n, 1e-4, 1000, way, float(place)))
        return {each.name: each.standard for each in fit_cell(points, 4.57e-6).budget}

    plain = budget()
    for name, wrong in (
        ("non-linearity", budget(bend=0.01)),
        ("hysteresis", budget(lag=0.01)),
        ("drift of zero", budget(drift=0.01)),
        ("repeatability", budget(again=0.01)),
    ):
        assert wrong[name] > plain[name] + 2e-3, name
    assert plain["reference masses"] == pytest.approx(4e-4)


def test_pegs_are_weighed_and_a_cup_weighs_itself():
    pegs, cup = calibrate(world_of("pegboard")), calibrate(world_of("cup"))
    assert pegs.pegs.mass_g == pytest.approx(world_of("pegboard").peg_g, abs=0.02)
    assert cup.cells["foot_n"].own_n / N_PER_G == pytest.approx(150.0, abs=0.5)


def test_gravity_is_that_of_the_place():
    assert local_gravity_ms2(0.0, 0.0) == pytest.approx(9.7803, abs=1e-4)
    assert local_gravity_ms2(90.0, 0.0) == pytest.approx(9.8322, abs=1e-4)
    assert local_gravity_ms2(45.0, 1000.0) == pytest.approx(9.8031, abs=2e-4)


# ---- The way of an engineer --------------------------------------------------------------------------------


def test_a_calibrated_board_scores_true_and_a_nominal_one_does_not(tmp_path, monkeypatch):
    flash = tmp_path / "flash"
    flash.mkdir()
    bench = DemoBench("coaster", 7, f"&flash={flash}")
    told = []
    done = calibrate_board(
        bench.plug,
        "coaster",
        weights(MASSES["coaster"], "M1"),
        Circumstances("A. Engineer", "set 4711", 21.0, simulated=True),
        Lines(told.append),
        bench.arrange,
    )
    assert done is not None
    assert done.trouble == ""
    calibration = done.outcome.calibration
    assert "500 g" in "\n".join(told)
    assert json.loads((flash / "calibration").read_bytes().split(b"\n")[0]) == json.loads(calibration.text)

    # Another computer fetches it from the board; another board refuses it.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert known(calibration.id) is None
    assert fetch(bench.plug) == calibration == known(calibration.id)
    with pytest.raises(InputError, match="Nothing was written"):
        store(DemoBench("coaster", 8).plug, calibration)
    switch_off()

    # The same board, the same hidden errors, a person.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "pour.mcap"
    record([Plug(f"sim:coaster?seed=7&errors=7&test=ftm14&person=mild&speed=fast&flash={flash}")], file)
    assert read(file).meta["calibration"] == calibration.id

    def received_g(result):
        return next(v.value for v in result.scored.values if v.measure.id == "coaster.received_g")

    hidden = Errors.of("coaster", 7)
    cell, scale = hidden.cells["load_n"], STANDARD_MS2 / hidden.gravity_ms2
    axes = Axes(((scale * cell.gain,),), (scale * cell.offset_n,))
    true = Calibration(calibration.uid, "coaster", calibration.made, {"coaster/load": axes})
    true_g = received_g(score_file(file, {"coaster": true}))
    scene_g = received_g(score(make_scene("coaster", "mild", 7, test="ftm14").recording()))
    assert true_g == pytest.approx(scene_g, rel=0.02)
    assert received_g(score_file(file)) == pytest.approx(true_g, rel=0.001)
    assert abs(received_g(score_file(file, {})) / true_g - 1.0) > 0.01
    assert received_g(score_file(file, chosen(calibration.id))) == received_g(score_file(file))


def test_a_person_goes_back_and_leaves():
    class Typed:
        def __init__(self, *answers):
            self.answers, self.seen = list(answers), []

        def show(self, view):
            assert view.share is None or 0.0 <= view.share <= 1.0

        def ask(self, view):
            self.seen.append((view.run.at, bool(view.said)))
            return self.answers.pop(0)

        def close(self):
            pass

    bench = DemoBench("coaster", 2)
    shows = Typed(TAKE, BACK, TAKE, LEAVE)
    with attached(bench.plug) as connection:
        run = Calibrator(connection.session.hello, weights(MASSES["coaster"], "M1"))
        assert guide(connection, run, shows, bench.arrange) is None
    assert shows.seen == [(0, False), (1, True), (0, False), (1, True)]
    assert run.at == 1


def test_ctrl_c_in_a_capture_gives_the_terminal_back(monkeypatch):
    class Stopped(Terminal):
        def show(self, view):
            super().show(view)
            raise KeyboardInterrupt

    bench, shown = DemoBench("coaster", 2), io.StringIO()
    monkeypatch.setattr("builtins.input", lambda *_: "")
    with attached(bench.plug) as connection:
        run = Calibrator(connection.session.hello, weights(MASSES["coaster"], "M1"))
        with pytest.raises(KeyboardInterrupt):
            guide(connection, run, Stopped(Console(file=shown, force_terminal=True)), bench.arrange)
    hidden, seen = (shown.getvalue().rfind(f"\x1b[?25{end}") for end in "lh")
    assert 0 <= hidden < seen


def test_a_calibration_that_was_left_is_not_taken_for_done(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.argv", ["dexkit", "calibrate", "coaster", "--port", "demo:8"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "left; nothing was kept" in capsys.readouterr().err


def test_a_walk_ends_when_all_have_been_seen():
    bench = DemoBench("button_board", 2)
    with attached(bench.plug) as connection:
        step = steps_of("button_board", weights(MASSES["button_board"], "M1"))[-1]
        bench.arrange(step)
        done = []
        taken = capture_step(connection, step, lambda share, places, readings: done.append(places))
    assert done[-1] == 5
    assert taken.seconds < 15.0 < step.seconds
    assert len(check_walk(taken.streams, step.places, "button")) == 15  # the last finger has let go, too


def test_without_mpremote_what_was_found_is_kept_and_the_way_to_the_board_is_said(monkeypatch):
    for name in ("mpremote", "mpremote.transport", "mpremote.transport_serial"):
        monkeypatch.setitem(sys.modules, name, None)
    bench = DemoBench("coaster", 2)
    masses = weights(MASSES["coaster"], "M1")
    done = calibrate_board(bench.plug, "coaster", masses, Circumstances(), Lines(), bench.arrange)
    calibration = done.outcome.calibration
    assert "pip install 'dexkit[flash]'" in done.trouble
    assert f"dexkit calibrate --write {calibration.id} --port {bench.plug.url}" in done.trouble
    assert known(calibration.id) == calibration
    assert register.look_up(calibration.id) == json.loads(json.dumps(done.facts))
    assert not board_of(bench.plug.url).flash.joinpath("calibration").exists()


def test_a_register_that_cannot_be_written_is_said_before_the_first_step(tmp_path):
    (tmp_path / "config").write_text("a file, where a folder is wanted")
    told, bench, masses = [], DemoBench("coaster", 2), weights("100,200", "M1")
    with pytest.raises(InputError, match=r"Cannot write .*config.*dexkit doctor"):
        calibrate_board(bench.plug, "coaster", masses, Circumstances(), Lines(told.append), bench.arrange)
    assert told == []


class Spoils(Lines):
    """Goes through the steps, and puts a file where the register's folder is before the last one."""

    def __init__(self, folder, told):
        super().__init__(told.append)
        self.folder = folder

    def ask(self, view):
        if view.run.at == len(view.run.steps) - 1:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.write_text("a file")
        return super().ask(view)


def test_a_calibration_that_cannot_be_kept_here_is_on_the_board_all_the_same(tmp_path):
    bench, folder = DemoBench("coaster", 2, f"&flash={tmp_path}"), tmp_path / "config"
    shows, masses = Spoils(folder, []), weights("100,200", "M1")
    done = calibrate_board(bench.plug, "coaster", masses, Circumstances(), shows, bench.arrange)
    assert done is not None
    assert not done.is_here
    assert f"dexkit calibrate --fetch {bench.plug.url}" in done.trouble
    with pytest.raises(InputError, match="Cannot write"):
        fetch(bench.plug)
    folder.unlink()
    assert fetch(bench.plug) == done.outcome.calibration == known(done.outcome.calibration.id)


def test_a_calibration_that_nobody_keeps_is_said_with_both_reasons(tmp_path, monkeypatch):
    for name in ("mpremote", "mpremote.transport", "mpremote.transport_serial"):
        monkeypatch.setitem(sys.modules, name, None)
    bench, shows = DemoBench("coaster", 2), Spoils(tmp_path / "config", [])
    with pytest.raises(InputError, match=r"Cannot write.*pip install.*kept nowhere"):
        masses = weights("100,200", "M1")
        calibrate_board(bench.plug, "coaster", masses, Circumstances(), shows, bench.arrange)


def test_a_board_in_another_object_is_refused():
    bench = DemoBench("coaster", 2)
    with pytest.raises(InputError, match="is a coaster, not a cup"):
        calibrate_board(bench.plug, "cup", weights(MASSES["cup"], "M1"), Circumstances(), Lines())
    assert not board_of("sim://coaster?test=bench&seed=2&speed=fast").flash.joinpath("calibration").exists()


# ---- What is kept and seen ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cup_run():
    world = world_of("cup")
    run = led_to(world, is_load_of(100))
    with pytest.raises(InputError):
        take(run, world, "drifting")
    while run.current is not None:
        take(run, world)
    return run


def test_a_certificate_is_kept_found_and_says_what_it_stands_on(cup_run, tmp_path):
    outcome = cup_run.result("2026-11-30T12:00:00Z")
    around = Circumstances("A. Engineer", "set 4711", 21.5, 52.5, 40.0)
    facts = register.certificate(cup_run, outcome, around)
    register.enter(facts, outcome)
    found = register.look_up(outcome.calibration.id[:6])
    assert found == json.loads(json.dumps(facts))
    assert [each["id"] for each in register.listing(found["uid"])] == [outcome.calibration.id]
    assert known(outcome.calibration.id) == outcome.calibration
    page = certificate.page(found)
    for words in (
        outcome.calibration.id,
        "A. Engineer",
        "set 4711",
        "21.5 °C",
        "OIML M1",
        "hysteresis",
        "expanded uncertainty U",
        "not one of an accredited laboratory",
        "is drifting",
        "52.5°",
    ):
        assert words in page, words
    assert "virtual" not in page
    certificate.write(found, tmp_path / "cup.pdf")
    data = (tmp_path / "cup.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert b"pdfuaid" in data  # it says of itself that it is tagged
    register.path_of(found["id"]).write_text(json.dumps({**found, "calibration": {}}))
    with pytest.raises(InputError, match="of another calibration than it says"):
        register.look_up(found["id"])
    with pytest.raises(InputError, match="misspelt"):
        register.look_up("ffff")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rec.mcap", b"\x89MCAP0\r\n", "NAME.pdf or NAME.html"),
        ("new.mcap", None, "NAME.pdf or NAME.html"),
        ("notes.pdf", b"no PDF at all", "is there, and is no certificate"),
        ("data.html", b"\x89MCAP0\r\n", "is there, and is no certificate"),
        ("nowhere/c.html", None, "Check that the folder exists"),
        ("folder.html", "a folder", "Cannot write"),
    ],
)
def test_a_certificate_replaces_nothing_but_a_certificate(cup_run, tmp_path, name, content, says):
    outcome = cup_run.result("2026-11-30T12:00:00Z")
    register.enter(register.certificate(cup_run, outcome, Circumstances()), outcome)
    path = tmp_path / name
    if content == "a folder":
        path.mkdir()
    elif content:
        path.write_bytes(content)
    done = CliRunner().invoke(app, ["certificate", outcome.calibration.id, "--out", str(path)])
    assert isinstance(done.exception, InputError), done.output
    assert says in str(done.exception)
    assert path.is_dir() or (path.read_bytes() if path.is_file() else None) == content


def test_a_certificate_is_written_anew_over_an_older_one(cup_run, tmp_path):
    outcome = cup_run.result("2026-11-30T12:00:00Z")
    facts = register.certificate(cup_run, outcome, Circumstances())
    for name in ("a.html", "a.HTM", "a.pdf"):
        for _ in range(2):
            certificate.write(facts, tmp_path / name)
    (tmp_path / "empty.html").touch()
    certificate.write(facts, tmp_path / "empty.html")


def test_without_names_a_certificate_says_so(cup_run):
    outcome = cup_run.result("2026-11-30T12:00:00Z")
    page = certificate.page(register.certificate(cup_run, outcome, Circumstances(simulated=True)))
    assert "serial numbers not recorded" in page
    assert "certifies nothing" in page


@pytest.mark.parametrize("name", ["temperature_c", "latitude_deg", "altitude_m"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_certificate_stands_on_what_cannot_be(name, value):
    with pytest.raises(InputError, match=f"{name.partition('_')[0]} of {value} cannot be"):
        Circumstances(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("latitude_deg", value) for value in (-90.1, 523.0)),
        *(("altitude_m", value) for value in (-501.0, 9001.0)),
        *(("temperature_c", value) for value in (-20.1, 2000.0)),
    ],
)
def test_no_certificate_stands_on_a_place_or_a_room_that_is_none(name, value):
    with pytest.raises(InputError, match=f"{name.partition('_')[0]} of {value:g} cannot be.*mistyped"):
        Circumstances(**{name: value})


def test_poles_mines_and_cold_rooms_are_places():
    Circumstances(temperature_c=-20.0, latitude_deg=-90.0, altitude_m=-500.0)
    Circumstances(temperature_c=60.0, latitude_deg=90.0, altitude_m=9000.0)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50)])
@pytest.mark.parametrize("kind", OBJECT_ID)
def test_every_step_fits_in_the_terminal(kind, width, height):
    run = run_of(world_of(kind))
    view = View(run, past=[(step.title, "plate 0.289 N") for step in run.steps])
    refused = "The plate cell is drifting: 0.0021 a second, in its unit. " + "Probably it was warmed. " * 8
    for at in [*range(0, len(run.steps), 4), len(run.steps) - 1, len(run.steps)]:
        run.at = at
        for said, refusal, share in (("plate 0.289 N", "", None), ("", refused, None), ("", "", 0.4)):
            view.said, view.refused, view.share = said, refusal, share
            view.readings = {"foot_n": 1.0, "inner_n": 2.0, "ax_ms2": 0.0, "ay_ms2": 0.0, "az_ms2": 9.8}
            console = Console(width=width, height=height, record=True, file=io.StringIO())
            console.print(drawn(view, width, height))
            lines = console.export_text().splitlines()
            assert len(lines) <= height - 1  # one is left to type on
            assert max(map(len, lines)) <= width
            assert run.current is None or run.current.title in "\n".join(lines)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["calibrate", "spoon"], "Which object"),
        (["calibrate", "cup", "--port", "demo:x"], "demo:7"),
        (["certificate", "ffff"], "misspelt"),
        (["certificate", "--out", "x.pdf"], "Name one"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, says):
    done = subprocess.run(
        [sys.executable, "-m", "dexkit", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr
