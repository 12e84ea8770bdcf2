"""Every C segmenter gives the events of its Python twin, bit for bit, for every chunking."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit import segment
from dexkit.core import ffi, lib
from dexkit.protocol.tables import OBJECT_ID, SETTINGS, TABLE
from dexkit.segment import reference
from dexkit.sim import make_scene

PAIRS = {
    "cup": (segment.CupSegmenter, reference.CupSegmenter),
    "coaster": (segment.CoasterSegmenter, reference.CoasterSegmenter),
    "button_board": (segment.ButtonsSegmenter, reference.ButtonsSegmenter),
    "pegboard": (segment.PegsSegmenter, reference.PegsSegmenter),
}


def in_chunks(segmenter, samples, cuts):
    """Return the events of samples pushed in pieces."""
    edges = [0, *sorted(cuts), len(samples)]
    pieces = [segmenter.push(samples[a:b]) for a, b in pairwise(edges)]
    return np.concatenate([*pieces, segmenter.finish()])


needs_core = pytest.mark.skipif(lib is None, reason="the C core is not built")


@needs_core
@pytest.mark.parametrize("object_kind", PAIRS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_c_equals_twin_on_random_walks(object_kind, data):
    fast, slow = PAIRS[object_kind]
    seed = data.draw(st.integers(0, 2**32 - 1))
    n = data.draw(st.integers(0, 600))
    rate_hz = data.draw(st.sampled_from([10.0, 80.0, 200.0, 320.0]))
    cuts = data.draw(st.lists(st.integers(0, n), max_size=8))
    rng = np.random.default_rng(seed)
    columns = TABLE[object_kind]
    samples = np.empty((n, len(columns)), np.float32)
    for k, name in enumerate(columns):
        if name.startswith(("touch", "entry", "seated")):
            samples[:, k] = np.cumsum(rng.random(n) < 0.05) % 2
        else:
            steps = rng.normal(0, 0.02, n) + (rng.random(n) < 0.02) * rng.normal(0, 2, n)
            samples[:, k] = np.cumsum(steps)
    if data.draw(st.booleans()):
        samples[rng.random(samples.shape) < 0.05] = np.nan
    if data.draw(st.booleans()):
        samples[rng.random(samples.shape) < 0.01] = rng.choice([np.inf, -np.inf, 1e30, -1e30])
    expected = in_chunks(slow(rate_hz), samples, [])
    got = in_chunks(fast(rate_hz), samples, cuts)
    assert got.tobytes() == expected.tobytes()


@needs_core
@pytest.mark.parametrize("object_kind", PAIRS)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1e300, -1e-9])
def test_c_refuses_settings_that_are_no_limits(object_kind, wrong):
    good = list(SETTINGS[object_kind].values())
    made = lib.dk_segmenter_new(OBJECT_ID[object_kind], 200.0, good, len(good))
    assert made != ffi.NULL
    lib.dk_segmenter_free(made)
    bad = [*good[:-1], wrong]
    assert lib.dk_segmenter_new(OBJECT_ID[object_kind], 200.0, bad, len(bad)) == ffi.NULL


@pytest.mark.parametrize("object_kind", ["cup", "coaster"])
@pytest.mark.parametrize("module", [segment, reference])
def test_a_stream_that_begins_unmeasured_is_the_same_stream_later(object_kind, module):
    scene = make_scene("cup", severity="moderate", seed=12, length=2)
    samples, rate_hz = scene.tables[object_kind], scene.rate_hz
    late = np.vstack([np.full((150, samples.shape[1]), np.nan, np.float32), samples])
    whole = {"cup": module.segment_cup, "coaster": module.segment_coaster}[object_kind]
    expected, got = whole(samples, rate_hz), whole(late, rate_hz)
    assert len(expected) > 2
    assert got["kind"].tolist() == expected["kind"].tolist()
    assert (got["index"] - 150).tolist() == expected["index"].tolist()
    assert (got["t_known_s"] - got["t_s"]).tolist() == pytest.approx(
        (expected["t_known_s"] - expected["t_s"]).tolist()
    )
