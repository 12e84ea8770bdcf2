"""Biquad filters: designs and output against SciPy, the C core against its twin bit for bit."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dexkit.core import lib
from dexkit.errors import InputError
from dexkit.segment.filters import CoreFilter, Filter, filtered, highpass, lowpass, notch
from dexkit.segment.reference import filters as reference

needs_core = pytest.mark.skipif(lib is None, reason="the C core is not built")


def scipy_sections(sections):
    return np.column_stack([sections[:, :3], np.ones(len(sections)), sections[:, 3:]])


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize(("cutoff_hz", "rate_hz"), [(5, 200), (20, 208), (0.5, 320), (90, 200)])
@pytest.mark.parametrize(("design", "kind"), [(lowpass, "low"), (highpass, "high")])
def test_butterworth_equals_scipy(order, cutoff_hz, rate_hz, design, kind):
    turns = np.linspace(0.01, 3.1, 60)
    peer = scipy.signal.butter(order, cutoff_hz, kind, fs=rate_hz, output="sos")
    ours = scipy.signal.sosfreqz(scipy_sections(design(cutoff_hz, rate_hz, order)), turns)[1]
    np.testing.assert_allclose(ours, scipy.signal.sosfreqz(peer, turns)[1], atol=1e-9)


def test_notch_equals_scipy():
    b, a = scipy.signal.iirnotch(50, 50 / 4, 200)
    np.testing.assert_allclose(notch(50, 200, 4)[0], [*b, *a[1:]], rtol=1e-12)


@pytest.mark.parametrize(
    ("design", "tolerance"),
    [(lowpass(5, 200, 8), 2e-5), (lowpass(0.5, 320), 5e-4), (highpass(0.5, 200), 2e-4)],
)
def test_output_equals_scipy_to_the_rounding_of_float32(design, tolerance):
    samples = np.random.default_rng(3).normal(size=(4000, 8)).astype(np.float32)
    peer = scipy.signal.sosfilt(scipy_sections(design), samples.astype(np.float64), axis=0)
    np.testing.assert_allclose(Filter(design, 8).push(samples), peer, atol=tolerance)


SAMPLES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 40), st.sampled_from([1, 3, 8, 9, 16])),
    elements=st.floats(width=32) | st.sampled_from([0.0, 1.0, -9.81]),
)
DESIGN = st.sampled_from(
    [(1, lowpass), (2, highpass), (4, lowpass), (5, lowpass), (8, lowpass), (12, highpass)]
)


@needs_core
@given(samples=SAMPLES, design=DESIGN, settled=st.booleans(), portable=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_core_equals_twin_bit_for_bit_in_any_chunking(samples, design, settled, portable, data):
    order, kind = design
    sections, channels = kind(20.0, 200.0, order), samples.shape[1]
    core, twin = CoreFilter(sections, channels, portable), reference.Filter(sections, channels)
    if settled and len(samples):
        core.settle(samples[0])
        twin.settle(samples[0])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=4)))
    chunks = np.split(samples, cuts)
    found = np.concatenate([core.push(chunk) for chunk in chunks])
    assert found.tobytes() == twin.push(samples).tobytes()
    assert np.isfinite(found).all()


def test_a_settled_filter_starts_without_a_step():
    level = np.full((50, 3), 250.0, np.float32)
    np.testing.assert_allclose(filtered(level, lowpass(5, 200, 4)), level, rtol=1e-4)
    np.testing.assert_allclose(filtered(level, highpass(5, 200, 4)), 0.0, atol=0.02)


def test_what_was_not_measured_holds_the_last_value():
    steady = np.ones((60, 1), np.float32)
    broken = steady.copy()
    broken[20:25] = np.nan
    broken[30] = np.inf
    design = lowpass(10, 200)
    assert Filter(design, 1).push(broken).tobytes() == Filter(design, 1).push(steady).tobytes()


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: lowpass(150, 200),
        lambda: lowpass(0, 200),
        lambda: lowpass(5, 0.005),
        lambda: lowpass(5, 200, 0),
        lambda: notch(50, 90, 4),
        lambda: Filter([[1, 0, 0, -2.1, 1.2]], 1),
        lambda: Filter([[1, 0, 0, np.nan, 0]], 1),
        lambda: Filter(scipy.signal.butter(4, 0.1, output="sos"), 1),
        lambda: Filter(lowpass(5, 200), 0),
        lambda: Filter(lowpass(5, 200), 3).push(np.zeros((4, 2))),
        lambda: filtered("no numbers", lowpass(5, 200)),
    ],
)
def test_a_mistake_is_one_clear_error(mistake):
    with pytest.raises(InputError, match=r"[.] (Pass|Probably)|[.]$"):
        mistake()
