"""`dexkit calibrate`: hidden errors are found, bad runs are refused in words, and a score follows."""

import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from dexkit.bench import certificate, register
from dexkit.bench.calibrate import Calibrator
from dexkit.bench.calibrating import calibrate_board
from dexkit.bench.capture import attached
from dexkit.bench.fit import Point, fit_cell, local_gravity_ms2
from dexkit.bench.guide import BACK, LEAVE, TAKE, View, capture_step, guide
from dexkit.bench.guide_terminal import Lines, drawn
from dexkit.bench.on_board import fetch, store
from dexkit.bench.register import Circumstances
from dexkit.bench.steps import MASSES, steps_of
from dexkit.bench.weights import N_PER_G, weight, weights
from dexkit.demo_bench import DemoBench, setting_of
from dexkit.errors import InputError
from dexkit.link.ports import Plug
from dexkit.link.record import record
from dexkit.protocol.tables import OBJECT_ID
from dexkit.recording import read
from dexkit.recording.calibration import chosen, known
from dexkit.score.scoring import score, score_file
from dexkit.sim import make_scene
from dexkit.sim.bench import BenchWorld, Errors
from dexkit.sim.protocol_sim import board_of, switch_off
from tests.calibration_trials import calibrate, captured, run_of, trials

FEW = 3


@pytest.fixture(autouse=True)
def own_register(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    switch_off()


def world_of(kind, seed=7):
    return BenchWorld(kind, Errors.of(kind, seed))


def led_to(world, is_there):
    """Return a calibration of a world, led without accidents to the first step that is wanted."""
    run = run_of(world)
    while not is_there(run.current):
        take(run, world)
    return run


def take(run, world, accident="", setting=None, seconds=None):
    step = run.current
    world.arrange(setting or setting_of(step, world), accident)
    capture = captured(world, seconds or (20.0 if step.kind == "walk" else step.seconds))
    return run.take(capture, world.now_s)


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


# ---- What is refused ---------------------------------------------------------------------------------------


def is_load_of(mass_g):
    return lambda step: step.mass is not None and step.mass.mass_g == mass_g


@pytest.mark.parametrize(
    ("kind", "is_there", "accident", "says"),
    [
        ("coaster", is_load_of(200), "moved", "was moved"),
        ("coaster", is_load_of(200), "drifting", "is drifting"),
        ("cup", lambda step: True, "moved", "cup was moved"),
        ("cup", is_load_of(100), "drifting", "is drifting"),
    ],
)
def test_an_unquiet_capture_is_refused_and_the_step_stays(kind, is_there, accident, says):
    world = world_of(kind)
    run = led_to(world, is_there)
    at = run.at
    with pytest.raises(InputError, match=says):
        take(run, world, accident)
    assert run.at == at
    take(run, world)
    assert run.at == at + 1
    assert [title for title, _ in run.refusals] == [run.steps[at].title]


@pytest.mark.parametrize(
    ("kind", "asked_g", "put_g"), [("cup", 200, 150), ("coaster", 200, 210), ("pegboard", 50, 40)]
)
def test_a_wrong_mass_is_refused_and_weighed(kind, asked_g, put_g):
    world = world_of(kind)
    run = led_to(world, is_load_of(asked_g))
    wrong = dataclasses.replace(setting_of(run.current, world), load_g=put_g)
    with pytest.raises(InputError, match=rf"weighs {put_g}\.\d g, where {asked_g} g is asked"):
        take(run, world, setting=wrong, seconds=6.0)


def test_a_first_mass_that_was_wrong_shows_with_the_second_one_and_can_be_taken_again():
    world = world_of("coaster")
    run = led_to(world, is_load_of(100))
    take(run, world, setting=dataclasses.replace(setting_of(run.current, world), load_g=108.0))
    with pytest.raises(InputError, match="go back"):
        take(run, world)
    run.back()
    take(run, world)
    take(run, world)
    assert is_load_of(500)(run.current)


def test_a_mass_that_was_left_on_is_refused():
    world = world_of("coaster")
    run = led_to(world, lambda step: step.title == "Empty, round 1 of 2")
    left = dataclasses.replace(setting_of(run.current, world), load_g=20.0)
    with pytest.raises(InputError, match="where nothing is asked"):
        take(run, world, setting=left)


def test_a_cup_that_lies_otherwise_is_refused():
    world = world_of("cup")
    run = led_to(world, lambda step: step.up == (0.0, 1.0, 0.0))
    turned = dataclasses.replace(setting_of(run.current, world), up=(0.0, -1.0, 0.0))
    with pytest.raises(InputError, match="-y looks up"):
        take(run, world, setting=turned)


@pytest.mark.parametrize(
    ("kind", "walk", "says"),
    [
        ("pegboard", (0, 1, 2, 4, 3, 5, 6, 7, 8), "hole 5 closed when hole 4 was asked"),
        ("pegboard", (0, 1, 2, 3, 4, 5, 6, 7), "hole 9 never closed"),
        ("button_board", (0, 2, 1, 3, 4), "button 3 closed when button 2 was asked"),
        ("button_board", (), "never closed"),
    ],
)
def test_a_walk_that_does_not_fit_is_refused(kind, walk, says):
    world = world_of(kind)
    run = led_to(world, lambda step: step.kind == "walk")
    with pytest.raises(InputError, match=says):
        take(run, world, setting=dataclasses.replace(setting_of(run.current, world), walk=walk))


def test_a_barrier_that_is_stuck_or_exchanged_is_named():
    world = world_of("pegboard")
    run = led_to(world, lambda step: step.kind == "walk")
    world.arrange(setting_of(run.current, world))
    good = captured(world, 20.0)

    def changed(change):
        samples = good.streams["pegboard/contacts"]
        values = samples.values.copy()
        change(values, samples.columns)
        streams = {**good.streams, "pegboard/contacts": dataclasses.replace(samples, values=values)}
        return dataclasses.replace(good, streams=streams)

    def stuck(values, columns):
        values[:, columns.index("seated_3")] = 1.0

    def exchanged(values, columns):
        pair = [columns.index("entry_6"), columns.index("seated_6")]
        values[:, pair] = values[:, pair[::-1]]

    with pytest.raises(InputError, match="seated contact of hole 4 was not seen open"):
        run.take(changed(stuck), 0.0)
    with pytest.raises(InputError, match="hole 7 the seated contact closed before the entry"):
        run.take(changed(exchanged), 0.0)
    run.take(good, 0.0)


@pytest.mark.parametrize(
    ("fault", "says"),
    [("slow", "160 Hz, but 320 Hz"), ("saturated", "gave it up"), ("stuck", "gave it up")],
)
def test_a_faulty_converter_is_refused_through_the_firmware(fault, says):
    bench = DemoBench("coaster", 3, f"&fault=plate:{fault}")
    with attached(bench.plug) as connection:
        run = Calibrator(connection.session.hello, weights(MASSES["coaster"], "M1"))
        bench.arrange(run.current)
        with pytest.raises(InputError, match=says):
            run.take(capture_step(connection, run.current), 0.0)


def test_an_amplifier_at_its_end_and_a_dead_one_are_refused():
    world = world_of("coaster")
    run, good = run_of(world), captured(world, 6.0)
    samples = good.streams["coaster/load"]
    full = np.minimum(samples.values + 38.2, np.float32(8388607 * 4.57e-6))
    plate = dataclasses.replace(samples, values=full)
    with pytest.raises(InputError, match="says the most it can"):
        run.take(dataclasses.replace(good, streams={"coaster/load": plate}), 0.0)
    plate = dataclasses.replace(samples, values=np.full_like(samples.values, 0.3))
    with pytest.raises(InputError, match="same number"):
        run.take(dataclasses.replace(good, streams={"coaster/load": plate}), 0.0)


def test_losses_a_restart_and_another_board_are_refused():
    world = world_of("coaster")
    run = run_of(world)
    good = captured(world, 6.0)
    plate = dataclasses.replace(good.streams["coaster/load"], lost=100)
    with pytest.raises(InputError, match="100 samples of coaster/load were lost"):
        run.take(dataclasses.replace(good, streams={"coaster/load": plate}), 0.0)
    with pytest.raises(InputError, match="started anew"):
        run.take(dataclasses.replace(good, restarts=1), 0.0)
    with pytest.raises(InputError, match="another board"):
        run.take(captured(world_of("coaster", 8), 6.0), 0.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"loop": 0.0042}, "lags"),
        ({"drift_n_s": 1.2e-4}, "drifts"),
    ],
)
def test_a_run_whose_steps_do_not_fit_together_is_refused(change, says):
    world = world_of("coaster")
    cell = dataclasses.replace(world.errors.cells["load_n"], **change)
    world.errors = dataclasses.replace(world.errors, cells={**world.errors.cells, "load_n": cell})
    with pytest.raises(InputError, match=f"plate cell {says}"):
        calibrate(world)


def test_a_mass_that_is_a_little_wrong_each_time_is_found_in_the_end():
    def arrange(world, step):
        setting = setting_of(step, world)
        wrong = 1.022 if step.mass and step.mass.mass_g == 200 else 1.0
        world.arrange(dataclasses.replace(setting, load_g=wrong * setting.load_g))

    with pytest.raises(InputError, match=r"plate cell bends.*a mass was another one"):
        calibrate(world_of("coaster"), arrange)


def test_a_crooked_position_is_named():
    world = world_of("cup")

    def arrange(world, step):
        setting = setting_of(step, world)
        if step.title == "Far side up":
            setting = dataclasses.replace(setting, up=(0.05, 1.0, 0.06))
        world.arrange(setting)

    with pytest.raises(InputError, match="'far side up'"):
        calibrate(world, arrange)


def test_no_result_before_the_last_step():
    run = run_of(world_of("coaster"))
    with pytest.raises(InputError, match="still missing"):
        run.result()
    run.back()
    assert run.at == 0


@pytest.mark.parametrize(
    ("kind", "masses", "class_name", "says"),
    [
        ("cup", "50", "M1", "fewer than two"),
        ("cup", "50,x", "M1", "fewer than two"),
        ("cup", "50,100", "Z9", "Classes are"),
        ("cup", "50,5000", "0.1g", "more than the cup carries"),
        ("spoon", "50,100", "M1", "no object"),
    ],
)
def test_masses_and_objects_that_cannot_be_are_said(kind, masses, class_name, says):
    with pytest.raises(InputError, match=says):
        steps_of(kind, weights(masses, class_name))


def test_a_weight_is_as_good_as_its_class():
    assert weight(100, "M1").limit_g == pytest.approx(0.005)
    assert weight(150, "f2").limit_g == pytest.approx(0.003)  # as the next nominal mass
    assert weight(73.2, "±0.1 g").limit_g == pytest.approx(0.1)
    assert weight(100, "M1").standard_g == pytest.approx(0.005 / np.sqrt(3))


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

    true_g = received_g(score(make_scene("coaster", "mild", 7, test="ftm14").recording()))
    gravity = Errors.of("coaster", 7).gravity_ms2 / 9.81  # the person's world has its own
    assert received_g(score_file(file)) == pytest.approx(true_g / gravity, rel=0.004)
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

    bench = DemoBench("coaster", 2)
    shows = Typed(TAKE, BACK, TAKE, LEAVE)
    with attached(bench.plug) as connection:
        run = Calibrator(connection.session.hello, weights(MASSES["coaster"], "M1"))
        assert guide(connection, run, shows, bench.arrange) is None
    assert shows.seen == [(0, False), (1, True), (0, False), (1, True)]
    assert run.at == 1


def test_a_walk_ends_when_all_have_been_seen():
    bench = DemoBench("button_board", 2)
    with attached(bench.plug) as connection:
        step = steps_of("button_board", weights(MASSES["button_board"], "M1"))[-1]
        bench.arrange(step)
        done = []
        taken = capture_step(connection, step, lambda share, places, readings: done.append(places))
    assert done[-1] == 5
    assert taken.seconds < 15.0 < step.seconds


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


def test_without_names_a_certificate_says_so(cup_run):
    outcome = cup_run.result("2026-11-30T12:00:00Z")
    page = certificate.page(register.certificate(cup_run, outcome, Circumstances(simulated=True)))
    assert "serial numbers not recorded" in page
    assert "certifies nothing" in page


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
