"""Smoothness against the authors' own numbers, closed forms and SciPy; the C core against its numpy twin."""

import csv
import importlib
import json
import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dexkit.core import lib
from dexkit.errors import InputError
from dexkit.score import smoothness_reference as twin
from dexkit.score.result import NotMeasurable
from dexkit.score.smoothness import dlj, flow_gs, ldlj, ldlj_a, slope, sparc, sway_rms, tremor

core = None if lib is None else importlib.import_module("dexkit.score.smoothness_core")
needs_core = pytest.mark.skipif(lib is None, reason="the C core is not built")


def minimum_jerk(samples):
    """Speed of a minimum-jerk movement from 0 to 1, peak 1.875."""
    tau = np.linspace(0.0, 1.0, samples)
    return 30 * tau**2 - 60 * tau**3 + 30 * tau**4


def analytic_speed(name):
    if name == "gaussian_doctest":
        return np.exp(-5 * np.arange(-1, 1, 0.01) ** 2)
    reach = minimum_jerk(101)
    return {
        "minimum_jerk_1s": reach,
        "two_minjerk_gap20": np.concatenate([reach, np.zeros(20), reach]),
        "minjerk_plus_5Hz_0p1": reach + 0.1 * np.abs(np.sin(2 * np.pi * 5 * np.linspace(0, 1, 101))),
    }[name]


def hidden_sine(peak, frequency_hz, seconds=10.0, rate_hz=200.0, seed=5):
    """Return a sine in noise as large as the sine, on top of a slow voluntary movement ten times as large."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).normal(size=len(t))
    return peak * (np.sin(2 * np.pi * frequency_hz * t) + noise + 10 * np.sin(2 * np.pi * 0.7 * t))


# ---- Golden values ----------------------------------------------------------------------------------------


def test_analytic_cases_equal_the_published_function(shared_data):
    cases = json.loads((shared_data / "sparc-reference" / "analytic_cases.json").read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        speed = analytic_speed(case["name"])
        assert len(speed) == case["n"]
        assert sparc(speed, case["fs_hz"]) == pytest.approx(case["sparc"], rel=1e-9)
        assert dlj(speed, case["fs_hz"]) == pytest.approx(case["dimensionless_jerk"], rel=1e-9)
        assert ldlj(speed, case["fs_hz"]) == pytest.approx(case["log_dimensionless_jerk"], rel=1e-9)


def test_every_real_movement_equals_the_published_function(shared_data):
    with (shared_data / "sparc-reference" / "ue_adl_reference_values.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 50
    compared = 0
    for row in rows:
        path = shared_data / "ue-adl-drink-reach" / row["file"]
        if not path.is_file():
            continue
        with path.open() as lines:
            speed = [float(line["Finger Velocity"]) for line in csv.DictReader(lines)]
        assert len(speed) == int(row["n_samples"])
        assert sparc(speed, 100.0) == pytest.approx(float(row["sparc"]), rel=1e-9)
        # The reference is printed with eight (DLJ) and twelve (LDLJ) digits.
        assert dlj(speed, 100.0) == pytest.approx(float(row["dimensionless_jerk"]), rel=1e-7)
        assert ldlj(speed, 100.0) == pytest.approx(float(row["log_dimensionless_jerk"]), rel=1e-9)
        compared += 1
    assert compared == len(rows)


def test_golden_smoothness_of_minimum_jerk():
    reach = minimum_jerk(101)[:-1]
    assert sparc(reach, 100.0) == pytest.approx(-1.40583, abs=5e-6)
    assert sparc(np.concatenate([reach, reach]), 100.0) == pytest.approx(-2.24455, abs=5e-6)
    for rate_hz, golden in ((50, -5.1309), (100, -5.2241), (200, -5.2726)):
        assert ldlj(minimum_jerk(rate_hz + 1)[:-1], rate_hz) == pytest.approx(golden, abs=6e-5)
    assert ldlj(minimum_jerk(5001), 5000.0) == pytest.approx(-math.log(204.8), abs=3e-3)


@pytest.mark.parametrize(("share", "golden"), [(0.05, -1.40500), (0.10, -1.93792), (0.30, -2.19676)])
def test_golden_sparc_of_a_reach_with_a_6_hz_tremor(share, golden):
    tremulous = minimum_jerk(201) + share * 1.875 * np.sin(2 * np.pi * 6 * np.arange(201) / 100)
    assert sparc(np.abs(tremulous), 100.0) == pytest.approx(golden, abs=5e-6)


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 320.0])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_sparc_of_minimum_jerk_depends_on_neither_duration_nor_rate_nor_amplitude(rate_hz, seconds, scale):
    speed = scale * minimum_jerk(round(seconds * rate_hz) + 1)
    # The grid of the padded spectrum meets the threshold elsewhere for each duration: a few thousandths.
    assert sparc(speed, rate_hz) == pytest.approx(-1.40583, abs=6e-3)


def test_sparc_is_blind_to_a_small_tremor_and_the_spectrum_is_not():
    seconds = np.arange(1001) / 100.0
    reaches = np.tile(minimum_jerk(100), 11)[:1001]
    single = minimum_jerk(101)
    ripple = np.abs(np.sin(2 * np.pi * 5 * np.arange(101) / 100.0)) * 1.875
    assert sparc(single + 0.05 * ripple, 100.0) == pytest.approx(sparc(single, 100.0), abs=5e-3)
    assert sparc(single + 0.40 * ripple, 100.0) < sparc(single, 100.0) - 0.3
    found = tremor(reaches + 0.05 * 1.875 * np.sin(2 * np.pi * 5.5 * seconds), 100.0)
    assert found.frequency_hz == pytest.approx(5.5, abs=0.1)
    assert found.amplitude == pytest.approx(0.05 * 1.875, rel=0.1)


# ---- LDLJ-A: gravity turned out, whatever the axes do ----------------------------------------------------


def moving_sensor(turning_rads, rate_hz=200.0, seconds=2.0):
    """Acceleration and angular velocity of a minimum-jerk reach of 1 m while the sensor turns about y."""
    t = np.arange(round(seconds * rate_hz) + 1) / rate_hz
    tau = t / seconds
    along = (60 * tau - 180 * tau**2 + 120 * tau**3) / seconds**2
    angle = turning_rads * (1 - np.cos(np.pi * tau)) / np.pi * seconds
    spin = turning_rads * np.sin(np.pi * tau)
    x, z = along, np.full_like(along, 9.80665)
    accel = np.stack(
        [x * np.cos(angle) - z * np.sin(angle), 0 * x, x * np.sin(angle) + z * np.cos(angle)], axis=1
    )
    return accel, np.stack([0 * spin, spin, 0 * spin], axis=1)


def test_ldlj_a_of_a_reach_equals_its_closed_form():
    # Mean of the squared acceleration (120/7)/T^4 and integral of the squared jerk 720/T^5 for 1 m in T.
    seconds = 2.0
    expected = -math.log(seconds) + math.log(120 / 7 / seconds**4) - math.log(720 / seconds**5)
    accel, gyro = moving_sensor(0.0, seconds=seconds)
    # The mean over 50 ms takes some of the jerk's height at both ends.
    assert ldlj_a(accel, gyro, 200.0) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("rate_hz", [100.0, 208.0, 320.0])
@pytest.mark.parametrize("turning_rads", [0.3, 1.0, -2.0])
def test_ldlj_a_does_not_see_gravity_turn(rate_hz, turning_rads):
    straight = ldlj_a(*moving_sensor(0.0, rate_hz), rate_hz)
    accel, gyro = moving_sensor(turning_rads, rate_hz)
    assert ldlj_a(accel, gyro, rate_hz) == pytest.approx(straight, abs=0.05)
    assert ldlj_a(accel, -gyro, rate_hz) < straight - 0.3  # the sign of the correction matters


def test_ldlj_a_of_a_sensor_that_reads_low_is_not_measurable():
    accel, gyro = moving_sensor(0.0)
    outcome = ldlj_a(np.array([0, 0, 9.7]) + 0.001 * accel, gyro, 200.0)
    assert outcome == twin.NO_ACCELERATION


# ---- Tremor, sway, flow -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [100.0, 208.0, 320.0])
@pytest.mark.parametrize("frequency_hz", [3.6, 5.3, 8.0, 11.5])
@pytest.mark.parametrize("peak", [1e-3, 50.0])
def test_tremor_finds_frequency_and_amplitude(rate_hz, frequency_hz, peak):
    found = tremor(hidden_sine(peak, frequency_hz, 10.0, rate_hz), rate_hz)
    assert found.frequency_hz == pytest.approx(frequency_hz, abs=0.1)
    assert found.amplitude == pytest.approx(peak, rel=0.12)
    assert found.log10_amplitude == pytest.approx(math.log10(peak), abs=0.06)
    assert found.occurrence >= 0.7


def test_tremor_that_comes_and_goes_has_its_share_of_the_windows():
    t = np.arange(4000) / 200.0
    signal = np.sin(2 * np.pi * 6 * t) * (t < 10) + 0.02 * np.random.default_rng(2).normal(size=4000)
    assert tremor(signal, 200.0).occurrence == pytest.approx(0.5, abs=0.08)


def test_tremor_adds_up_the_axes_whatever_way_the_sensor_is_turned():
    t = np.arange(2000) / 200.0
    axis = np.sin(2 * np.pi * 5 * t)[:, np.newaxis]
    along = tremor(axis * [1.0, 0.0, 0.0] + 0.01 * np.sin(2 * np.pi * 9.3 * t)[:, np.newaxis], 200.0)
    across = tremor(
        axis * np.array([2.0, -2.0, 1.0]) / 3 + 0.01 * np.sin(2 * np.pi * 9.3 * t)[:, np.newaxis], 200.0
    )
    assert across.amplitude == pytest.approx(along.amplitude, rel=1e-3)
    assert across.amplitude == pytest.approx(1.0, rel=1e-2)


def test_noise_and_movement_alone_are_no_tremor():
    false = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        false += not isinstance(tremor(rng.normal(size=4000), 200.0).frequency_hz, NotMeasurable)
        reaches = np.tile(minimum_jerk(260), 10)[:2400] + 0.01 * rng.normal(size=2400)
        false += not isinstance(tremor(reaches, 200.0).frequency_hz, NotMeasurable)
    assert false <= 2
    without = tremor(np.random.default_rng(1).normal(size=4000), 200.0)
    assert without.frequency_hz == without.amplitude == without.log10_amplitude == twin.NO_PEAK
    assert without.occurrence == 0.0
    assert without.band_rms == pytest.approx(math.sqrt(9 / 100), rel=0.15)  # 9 of 100 Hz of white noise


@pytest.mark.parametrize("engine", [twin, pytest.param(core, marks=needs_core)], ids=["twin", "core"])
@pytest.mark.parametrize("rate_hz", [50.0, 99.7, 200.0, 208.0, 320.0])
def test_spectra_equal_scipy(engine, rate_hz):
    signal = hidden_sine(1.0, 6.1, 9.3, rate_hz) + 9.81
    frequency_hz, spectra = engine.window_spectra(signal[:, np.newaxis], rate_hz)
    theirs_hz, theirs = scipy.signal.welch(signal, rate_hz, nperseg=2 * round(rate_hz))
    np.testing.assert_allclose(frequency_hz, theirs_hz[: len(frequency_hz)], rtol=1e-12)
    np.testing.assert_allclose(spectra.mean(axis=0), theirs[: len(frequency_hz)], rtol=1e-9, atol=1e-12)


def test_sway_keeps_the_oscillation_and_drops_offset_and_drift():
    t = np.arange(4000) / 200.0
    sine = np.sqrt(2) * np.sin(2 * np.pi * 2 * t)
    assert sway_rms(0.3 * sine, 200.0) == pytest.approx(0.3, rel=0.02)
    assert sway_rms(0.3 * sine + 40 + 0.02 * t, 200.0) == pytest.approx(0.3, rel=0.03)
    assert sway_rms(np.stack([0.3 * sine, 0.4 * sine], axis=1), 200.0) == pytest.approx(0.5, rel=0.02)


def test_slope_equals_scipy():
    mass = np.cumsum(np.random.default_rng(4).normal(size=500))
    theirs = scipy.signal.savgol_filter(mass, 61, 2, deriv=1, delta=1 / 200)
    np.testing.assert_allclose(slope(mass, 200.0, 0.3), theirs, atol=1e-8)


def test_flow_is_what_leaves_the_vessel():
    mass_g = 300.0 - 12.5 * np.arange(400) / 80.0
    np.testing.assert_allclose(flow_gs(mass_g, 80.0), 12.5, rtol=1e-9)


# ---- What cannot be measured -----------------------------------------------------------------------------

UNDEFINED = {
    "empty": [],
    "one sample": [1.0],
    "all zero": [0.0] * 900,
    "constant": [2.0] * 900,
    "NaN": [math.nan] * 900,
    "one infinity": [*([0.0, 1.0] * 450), math.inf],
    "beyond any sensor": [0.0, 1e300] * 450,
    "smaller than anything": [0.0, 5e-324] * 450,
}
NUMBERS = {
    "sparc": sparc,
    "dlj": dlj,
    "ldlj": ldlj,
    "tremor": lambda signal, rate_hz: tremor(signal, rate_hz).frequency_hz,
    "band_rms": lambda signal, rate_hz: tremor(signal, rate_hz).band_rms,
    "ldlj_a": lambda signal, rate_hz: ldlj_a(vectors(signal), vectors(signal), rate_hz),
}


def vectors(signal):
    return np.repeat(np.asarray(signal, float)[:, np.newaxis], 3, axis=1)


@pytest.mark.parametrize("signal", UNDEFINED.values(), ids=UNDEFINED)
@pytest.mark.parametrize("measure", NUMBERS.values(), ids=NUMBERS)
def test_an_undefined_input_is_not_measurable(measure, signal):
    outcome = measure(signal, 100.0)
    assert isinstance(outcome, NotMeasurable)
    assert outcome.reason.endswith(".")


@pytest.mark.parametrize("rate_hz", [0, -5, 0.005, math.nan, math.inf, 1e9, 10**400, "fast", None])
@pytest.mark.parametrize("measure", NUMBERS.values(), ids=NUMBERS)
def test_a_wrong_rate_is_not_measurable_and_named(measure, rate_hz):
    outcome = measure(hidden_sine(1.0, 5.0), rate_hz)
    assert isinstance(outcome, NotMeasurable)
    assert repr(rate_hz) in outcome.reason


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: sparc("text", 100.0),
        lambda: sparc([[1.0, 2.0]], 100.0),
        lambda: dlj([[1.0], [2.0, 3.0]], 100.0),
        lambda: ldlj_a(np.zeros((9, 3)), np.zeros((8, 3)), 100.0),
        lambda: ldlj_a(np.zeros((9, 2)), np.zeros((9, 2)), 100.0),
        lambda: tremor(np.zeros((2, 2, 2)), 100.0),
    ],
)
def test_what_is_no_signal_is_one_clear_error(mistake):
    with pytest.raises(InputError, match="Pass "):
        mistake()


# ---- Properties ------------------------------------------------------------------------------------------

ANY = hnp.arrays(np.float64, st.integers(0, 300), elements=st.floats() | st.sampled_from([0.0, 1.0, 1e-3]))
REAL = hnp.arrays(np.float64, st.integers(0, 700), elements=st.floats(-1e3, 1e3, width=32))
RATE = st.sampled_from([20.0, 30.0, 50.0, 100.0, 200.0, 208.0, 320.0, 1000.0, 10000.0])


@given(signal=ANY, rate_hz=RATE)
@settings(max_examples=200, deadline=None)
def test_never_nan_on_any_input(signal, rate_hz):
    for measure in NUMBERS.values():
        outcome = measure(signal, rate_hz)
        assert isinstance(outcome, NotMeasurable) or math.isfinite(outcome)


def agree(ours, oracle, tolerance):
    """Both give the same reason, or numbers within a relative tolerance."""
    if isinstance(ours, NotMeasurable) or isinstance(oracle, NotMeasurable):
        return ours == oracle
    return ours == pytest.approx(oracle, rel=tolerance, abs=1e-300)


@needs_core
@given(signal=REAL, rate_hz=RATE, speed=st.booleans())
@settings(max_examples=200, deadline=None)
def test_core_equals_twin(signal, rate_hz, speed):
    signal = np.abs(signal) if speed else signal
    assert agree(core.sparc(signal, rate_hz), twin.sparc(signal, rate_hz), 1e-12)
    assert agree(core.dlj(signal, rate_hz), twin.dlj(signal, rate_hz), 1e-12)


@needs_core
@pytest.mark.parametrize("rate_hz", [80.0, 200.0, 320.0])
def test_core_loses_no_sample_at_either_end(rate_hz):
    for n in range(20, 90):
        for speed in (np.linspace(0.0, 1.0, n) ** 4, np.linspace(1.0, 0.0, n) ** 4):
            assert agree(core.sparc(speed, rate_hz), twin.sparc(speed, rate_hz), 1e-12)


@needs_core
@given(
    seed=st.integers(0, 1000), rate_hz=st.sampled_from([100.0, 200.0, 208.0, 333.3]), n=st.integers(2, 3000)
)
@settings(max_examples=150, deadline=None)
def test_core_equals_twin_on_signals_like_ours(seed, rate_hz, n):
    rng = np.random.default_rng(seed)
    accel, gyro = rng.normal((0, 0, 10), size=(n, 3)), rng.normal(size=(n, 3))
    assert agree(core.ldlj_a(accel, gyro, rate_hz), twin.ldlj_a(accel, gyro, rate_hz), 1e-11)
    wave = np.sin(2 * np.pi * rng.uniform(2, 13) * np.arange(n) / rate_hz)[:, np.newaxis]
    movement = np.cumsum(rng.normal(size=(n, 3)), axis=0) * rng.choice([0.0, 0.3])
    signal = (
        rng.choice([0.05, 1.0]) * gyro + movement + wave * rng.normal(size=3) * rng.choice([0.0, 1.0, 5.0])
    )
    ours, oracle = core.tremor(signal, rate_hz), twin.tremor(signal, rate_hz)
    for name in ("frequency_hz", "amplitude", "log10_amplitude", "occurrence", "band_rms"):
        assert agree(getattr(ours, name), getattr(oracle, name), 1e-11), name


@needs_core
def test_reasons_have_the_same_numbers_in_c_and_python():
    names = ["TOO_SHORT", "NOT_MEASURED", "NO_MOVEMENT", "NO_BAND", "NO_ACCELERATION", "NO_PEAK"]
    assert [twin.REASONS[getattr(lib, f"DK_{name}")] for name in names] == [
        getattr(twin, name) for name in names
    ]
