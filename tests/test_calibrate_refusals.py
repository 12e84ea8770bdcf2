"""`dexkit calibrate` refuses what cannot be right, says why, and lets the step be taken again."""

import dataclasses

import numpy as np
import pytest

from dexkit.bench.calibrate import Calibrator
from dexkit.bench.capture import attached
from dexkit.bench.guide import capture_step
from dexkit.bench.steps import MASSES, steps_of
from dexkit.bench.weights import weight, weights
from dexkit.demo_bench import DemoBench, setting_of
from dexkit.errors import InputError
from dexkit.sim.protocol_sim import switch_off
from tests.calibration_trials import calibrate, captured, is_load_of, led_to, run_of, take, world_of


@pytest.fixture(autouse=True)
def own_register(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    switch_off()


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


@pytest.mark.parametrize(
    ("masses", "class_name", "says"),
    [
        ("100,101", "M1", "plate cell would .*too close together"),
        ("100,200,500", "20g", "plate cell would .*too uncertain"),
    ],
)
def test_masses_that_say_too_little_are_refused_with_the_reason(masses, class_name, says):
    world = world_of("coaster")
    run = Calibrator(captured(world, 0.1).hello, weights(masses, class_name))
    while run.current is not None:
        take(run, world)
    with pytest.raises(InputError, match=says):
        run.result()


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
        ("cup", "50,100", "inf", "Classes are"),
        ("cup", "50,100", "50g", "Classes are"),
        ("cup", "50,inf", "0.1g", "Classes are"),
        ("cup", "50,nan", "0.1g", "Classes are"),
        ("coaster", "100,100.001", "M1", "cannot be told apart"),
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
