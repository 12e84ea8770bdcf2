"""The table a segmenter reads: streams with rates of their own on one grid, and nothing invented in gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import InputError
from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording import Recording, Stream, read, table, write
from dexkit.recording.table import GAP_PERIODS, N_PER_G, even, gaps, longest_measured


def recording(kind, *streams):
    """Return a recording of these streams."""
    return Recording(kind, {}, {stream.name: stream for stream in streams})


def stream(name, columns, t_s, values, rate_hz):
    """Return a stream of plain lists."""
    values = np.asarray(values, np.float32).reshape(len(t_s), len(columns))
    return Stream(name, columns, np.asarray(t_s, np.float64), values, rate_hz)


def test_samples_on_the_grid_are_copied_bit_for_bit():
    rng = np.random.default_rng(3)
    t_s = 12.5 + np.arange(1000) / 320
    load = rng.normal(5, 1, (1000, 2)).astype(np.float32)
    samples, rate_hz, t0_s = table(
        recording("cup", stream("cup/load", ("foot_n", "inner_n"), t_s, load, 320.0)), "cup"
    )
    assert (rate_hz, t0_s, samples.dtype) == (320.0, 12.5, np.float32)
    assert samples[:, :2].tobytes() == load.tobytes()
    assert np.all(np.isnan(samples[:, 2:]))  # no motion was recorded


def test_two_rates_meet_on_the_higher_one():
    loads, motions = np.arange(640) / 320, np.arange(416) / 208
    axes = ("ax_ms2", "ay_ms2", "az_ms2", "gx_rads", "gy_rads", "gz_rads")
    ramp = np.outer(motions, np.arange(1, 7))
    cup = recording(
        "cup",
        stream("cup/load", ("foot_n", "inner_n"), loads, np.column_stack((loads, -loads)), 320.0),
        stream("cup/motion", axes, motions, ramp, 208.0),
    )
    samples, rate_hz, _ = table(cup, "cup")
    assert (rate_hz, samples.shape) == (320.0, (640, 8))
    grid_s = np.arange(640) / 320
    until = grid_s <= motions[-1]
    assert np.allclose(samples[until, 2:], np.outer(grid_s[until], np.arange(1, 7)), atol=1e-5)
    assert np.all(np.isnan(samples[~until, 2:]))  # after a stream's last sample nothing is known


def test_contacts_keep_their_last_value_and_analog_values_are_interpolated():
    board = recording(
        "button_board",
        stream("button_board/contacts", ("entry_0",), [0.0, 0.01, 0.02, 0.03], [0, 1, 1, 0], 100.0),
        stream("button_board/panel", ("panel_n",), [0.0, 0.01, 0.02, 0.03], [0, 1, 2, 3], 100.0),
    )
    samples, _, _ = table(board, "button_board", rate_hz=400.0)
    entry, panel = (samples[:, TABLE["button_board"].index(name)] for name in ("entry_0", "panel_n"))
    assert entry.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    assert np.allclose(panel, np.arange(13) / 4, atol=1e-6)


def test_nothing_is_invented_inside_a_gap():
    t_s = np.concatenate((np.arange(10), np.arange(20, 30))) / 100
    load = stream("coaster/load", ("load_n",), t_s, np.ones(20), 100.0)
    samples, _, _ = table(recording("coaster", load), "coaster")
    assert np.isnan(samples[:, 0]).tolist() == [False] * 10 + [True] * 10 + [False] * 10
    assert gaps(load).tolist() == [[0.09, 0.2]]


def test_a_single_lost_sample_is_bridged_and_a_value_not_measured_is_not_a_zero():
    load = stream("coaster/load", ("load_n",), np.array([0, 1, 3, 4, 5]) / 100, [0, 1, 3, np.nan, 5], 100.0)
    samples, _, _ = table(recording("coaster", load), "coaster")
    assert np.allclose(samples[:, 0], [0, 1, 2, 3, 4, 5], atol=1e-6)
    nothing = stream("coaster/load", ("load_n",), np.arange(5) / 100, np.full(5, np.nan), 100.0)
    assert np.all(np.isnan(table(recording("coaster", nothing), "coaster", rate_hz=50.0)[0]))


def test_a_scale_s_grams_are_a_coaster_s_newtons():
    weight = stream("weight", ("clock", "weight_g"), [0.0, 0.1, 0.2], [[9, 0], [9, 100], [9, 200]], None)
    samples, rate_hz, _ = table(recording("weight", weight), "coaster")
    assert rate_hz == pytest.approx(10.0)
    assert np.allclose(samples[:, 0], np.array([0, 100, 200]) * N_PER_G)


@pytest.mark.parametrize("kind", TABLE)
def test_the_schema_s_streams_fill_every_column_and_survive_a_file(kind, tmp_path):
    streams = []
    for name, facts in STREAMS.items():
        if name.split("/")[0] == kind:
            n = int(facts.rate_hz)
            values = np.tile(np.arange(n)[:, None] % 2, (1, len(facts.columns)))
            streams.append(
                stream(name, tuple(facts.columns), np.arange(n) / facts.rate_hz, values, facts.rate_hz)
            )
    write(tmp_path / "r.mcap", recording(kind, *streams))
    samples, rate_hz, _ = table(read(tmp_path / "r.mcap"), kind)
    assert rate_hz == max(each.rate_hz for each in streams)
    assert np.all(np.isfinite(samples[: int(0.99 * len(samples))]))


@pytest.mark.parametrize("kind", ["cup", "teapot"])
def test_what_makes_no_table_is_said_in_one_line(kind):
    for streams in ((), (stream("coaster/load", ("load_n",), [0.0], [1.0], None),)):
        with pytest.raises(InputError):
            table(recording("coaster", *streams), kind)
    with pytest.raises(InputError):
        table(
            recording("coaster", stream("coaster/load", ("load_n",), [0.0, 0.0], [1.0, 1.0], None)), "coaster"
        )


def test_one_wrong_time_stamp_is_named_and_fills_no_memory():
    one = stream("coaster/load", ("load_n",), [0.0, 0.1, 0.2, 1.7e9], [1, 2, 3, 4], None)
    with pytest.raises(InputError, match="one time stamp is wrong"):
        table(recording("coaster", one), "coaster")
    with pytest.raises(InputError, match="one time stamp is wrong"):
        even(one)


@given(
    steps=st.lists(st.integers(1, 8), min_size=1, max_size=20),
    rate_hz=st.sampled_from([50.0, 100.0, 333.0]),
    data=st.data(),
)
@settings(deadline=None, max_examples=50)
def test_every_row_lies_between_its_neighbours_or_in_a_gap(steps, rate_hz, data):
    t_s = np.concatenate(([0], np.cumsum(steps))) / 100
    values = data.draw(st.lists(st.floats(-100, 100, width=32), min_size=len(t_s), max_size=len(t_s)))
    grid, rate_hz = even(stream("force", ("force_n",), t_s, values, 100.0), rate_hz)
    for i, value in enumerate(grid[:, 0]):
        at = i / rate_hz
        after = min(int(np.searchsorted(t_s, at - 1e-9)), len(t_s) - 1)
        before = after if abs(t_s[after] - at) < 1e-7 else max(after - 1, 0)
        if t_s[after] - t_s[before] > GAP_PERIODS / 100:
            assert np.isnan(value)
        else:
            low, high = sorted((values[before], values[after]))
            assert low - 1e-3 <= value <= high + 1e-3


def test_the_longest_measured_stretch():
    nan = np.nan
    samples = np.float32([[nan, 1], [1, 1], [1, nan], [1, 1], [2, 2], [nan, nan]])
    assert longest_measured(samples) == slice(3, 5)
    assert longest_measured(samples[:1]) == slice(0, 0)


def test_a_sensor_s_own_rate_sets_the_grid_so_that_its_samples_stay_as_they_are():
    """A converter's oscillator is off by some parts in a thousand; a lone wild sample must stay one."""
    rng = np.random.default_rng(5)
    rate_hz = 320 * (1 - 0.0019)
    tray_s = 0.0213 + np.arange(4000) / rate_hz + rng.uniform(-1e-4, 1e-4, 4000)
    tray_n = rng.normal(size=4000).astype(np.float32)
    contacts_s = 0.001 + np.arange(2400) / 200
    entry = (contacts_s > 6).astype(np.float32)
    pegboard = recording(
        "pegboard",
        stream("pegboard/contacts", ("entry_0",), contacts_s, entry[:, None], 200.0),
        stream("pegboard/tray", ("tray_n",), tray_s, tray_n[:, None], 320.0),
    )
    samples, measured_hz, t0_s = table(pegboard, "pegboard")
    assert measured_hz == pytest.approx(rate_hz, rel=1e-5)
    assert contacts_s[0] <= t0_s < contacts_s[0] + 1 / rate_hz
    first = int(np.flatnonzero(samples[:, TABLE["pegboard"].index("tray_n")] == tray_n[0])[0])
    assert t0_s + first / measured_hz == pytest.approx(tray_s[0], abs=2e-4)
    in_table = samples[first : first + 4000, TABLE["pegboard"].index("tray_n")]
    assert np.array_equal(in_table[:-1], tray_n[: len(in_table)][:-1])
    grid_s = t0_s + np.arange(len(samples)) / measured_hz
    known = (grid_s >= contacts_s[0]) & (grid_s < contacts_s[-1])
    held = samples[known, TABLE["pegboard"].index("entry_0")]
    assert np.array_equal(held, (grid_s[known] >= contacts_s[entry > 0][0]).astype(np.float32))


def test_a_rate_that_is_far_off_is_no_oscillator_s():
    t_s = np.arange(1000) / 200
    cup = recording("coaster", stream("coaster/load", ("load_n",), t_s, t_s[:, None], 320.0))
    assert table(cup, "coaster")[1] == 320.0
