"""Smoothness against the authors' own numbers, closed forms and SciPy; the C core against its numpy twin."""

import json

import numpy as np
import pytest

from dexkit.score.result import NotMeasurable
from dexkit.score.smoothness import dlj, ldlj, sparc


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


def test_analytic_cases_equal_the_published_function(shared_data):
    cases = json.loads((shared_data / "sparc-reference" / "analytic_cases.json").read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        speed = analytic_speed(case["name"])
        assert len(speed) == case["n"]
        assert sparc(speed, case["fs_hz"]) == pytest.approx(case["sparc"], rel=1e-9)
        assert dlj(speed, case["fs_hz"]) == pytest.approx(case["dimensionless_jerk"], rel=1e-9)
        assert ldlj(speed, case["fs_hz"]) == pytest.approx(case["log_dimensionless_jerk"], rel=1e-9)


@pytest.mark.parametrize("signal", [[], [1.0], [0.0] * 50, [2.0] * 50, [np.nan] * 50, [1.0, np.inf, 0.0]])
@pytest.mark.parametrize("measure", [sparc, dlj, ldlj])
def test_an_undefined_input_is_not_measurable(measure, signal):
    outcome = measure(signal, 100.0)
    assert isinstance(outcome, NotMeasurable)
    assert outcome.reason.endswith(".")
