"""The segmenters against the simulated world's truth: the bounds promised for severity moderate.

A few seeds of its own; the held-out ones are for `python -m benchmarks.accuracy` alone.
"""

import pytest
from benchmarks.accuracy import BOUNDS, Result


@pytest.fixture(scope="module")
def result():
    return Result([101, 102, 103], "moderate")


@pytest.mark.parametrize(("group", "tolerance_ms", "least"), BOUNDS)
def test_events_are_found_where_they_are(result, group, tolerance_ms, least):
    assert result.counts(group)[0] >= 20  # enough truth to say something
    assert result.f1(group, tolerance_ms) >= least, "\n".join(result.wrong)


def test_bumps_and_failed_lifts_are_never_a_lift(result):
    assert result.counts("cup mishaps")[0] >= 10
    assert result.false_lifts == 0, "\n".join(result.wrong)


def test_pours_are_known_soon(result):
    """Half of them within 150 ms, nearly all within twice that."""
    assert result.late_ms("cup pour", 50) <= 150.0
    assert result.late_ms("cup pour", 95) <= 300.0
