"""The simulated world: a function of time, physical, and true to what its events say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import InputError
from dexkit.protocol.tables import EVENT_ID, TABLE
from dexkit.recording import read, write
from dexkit.sim import SEVERITIES, TRUTH_DTYPE, make_scene
from dexkit.sim.liquid import FULL_KG, spill_deg
from dexkit.sim.noise import FOOT_CELL, TRAY_CELL, white

OBJECTS = tuple(TABLE)
SHORT = {"cup": 2, "coaster": 2, "button_board": 2, "pegboard": 3}
SCENES = {kind: make_scene(kind, "moderate", 5, length=SHORT[kind]) for kind in OBJECTS}


# ------------------------------------------------------------------------------------- function of time


@pytest.mark.parametrize("kind", OBJECTS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_order_any_chunk_any_company_gives_the_same_samples(kind, data):
    scene = SCENES[kind]
    table = scene.tables[kind]
    asked = data.draw(st.lists(st.integers(0, len(table) - 1), min_size=1, max_size=40))
    together = scene.worlds[kind].read(np.array(asked) / scene.rate_hz)
    alone = scene.worlds[kind].read(np.array(asked[:1]) / scene.rate_hz)
    assert np.array_equal(together, table[asked])
    assert np.array_equal(alone, table[asked[:1]])


@pytest.mark.parametrize("kind", OBJECTS)
def test_rates_share_the_samples_of_common_times(kind):
    fine = make_scene(kind, "moderate", 5, length=SHORT[kind], rate_hz=400.0)
    common = fine.tables[kind][::2]
    assert np.array_equal(common[: len(SCENES[kind].tables[kind])], SCENES[kind].tables[kind][: len(common)])


@pytest.mark.parametrize("kind", OBJECTS)
def test_the_seed_makes_the_scene(kind):
    again = make_scene(kind, "moderate", 5, length=SHORT[kind])
    other = make_scene(kind, "moderate", 6, length=SHORT[kind])
    assert np.array_equal(again.tables[kind], SCENES[kind].tables[kind])
    assert np.array_equal(again.truth[kind], SCENES[kind].truth[kind])
    assert again.facts == SCENES[kind].facts
    assert other.facts != again.facts


# ----------------------------------------------------------------------------------------- public face


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_tables_and_truth_have_the_promised_shape(kind, severity):
    scene = make_scene(kind, severity, 3, length=SHORT[kind])
    for name, table in scene.tables.items():
        truth = scene.truth[name]
        assert table.dtype == np.float32
        assert table.shape == (int(scene.duration_s * scene.rate_hz), len(TABLE[name]))
        assert np.isfinite(table).all()
        assert truth.dtype == TRUTH_DTYPE
        assert np.all(np.diff(truth["t_s"]) >= 0)
        assert set(truth["kind"]) <= set(EVENT_ID[name])
        late_s = truth["index"] / scene.rate_hz - truth["t_s"]
        assert np.all((late_s > -1e-6) & (late_s < 1.0 / scene.rate_hz))
        assert truth["index"].max() < len(table)


def test_a_cup_scene_has_its_coaster():
    assert set(SCENES["cup"].tables) == {"cup", "coaster"}
    assert np.array_equal(SCENES["cup"].tables["coaster"], SCENES["coaster"].tables["coaster"])


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_recording_has_every_column_once_at_its_native_rate(kind):
    scene = SCENES[kind]
    recording = scene.recording()
    columns = [(name.split("/")[0], c) for name, s in recording.streams.items() for c in s.columns]
    assert sorted(columns) == sorted((k, c) for k in scene.tables for c in TABLE[k])
    for stream in recording.streams.values():
        assert stream.values.dtype == np.float32
        assert stream.values.shape == (len(stream.t_s), len(stream.columns))
        assert np.allclose(np.diff(stream.t_s), 1.0 / stream.rate_hz)
        assert abs(len(stream.t_s) / stream.rate_hz - scene.duration_s) < 0.01
    assert recording.object_kind == kind
    assert recording.meta["firmware"] == "simulated"
    assert not recording.losses.recovered


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_recording_survives_its_file(kind, tmp_path):
    recording = SCENES[kind].recording()
    write(tmp_path / "scene.mcap", recording)
    again = read(tmp_path / "scene.mcap")
    assert dict(again.meta).items() >= dict(recording.meta).items()
    for name, stream in recording.streams.items():
        assert np.array_equal(again.streams[name].values, stream.values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"object_kind": "spoon"},
        {"severity": "odd"},
        {"object_kind": "pegboard", "test": "drink"},
        {"object_kind": "pegboard", "length": 10},
        {"length": 0},
        {"seed": -1},
    ],
)
def test_what_does_not_exist_is_refused_with_the_next_step(wrong):
    with pytest.raises(InputError, match="Use one of"):
        make_scene(**{"object_kind": "cup", **wrong})


# --------------------------------------------------------------------------------------------- physics


def times(scene, kind, name="cup"):
    truth = scene.truth[name]
    return truth["t_s"][truth["kind"] == kind]


@pytest.fixture(scope="module")
def pours():
    return make_scene("cup", "moderate", 11, length=6)


def clean(scene, name, t_s, column):
    """Mean of a column over 80 ms around each time: noise and tremor are small against a weight."""
    around = (np.asarray(t_s)[:, None] + np.linspace(-0.04, 0.04, 41)).ravel()
    values = scene.worlds[name].read(around)[:, column].reshape(-1, 41)
    return np.median(values, axis=1)


def test_the_foot_bears_the_cup_before_lift_and_after_put_and_nothing_between(pours):
    lift_s, put_s = times(pours, "lift"), times(pours, "put")
    assert len(lift_s) == len(put_s) == 6
    aloft_s = np.concatenate([np.linspace(a + 0.2, b - 0.1, 20) for a, b in zip(lift_s, put_s, strict=True)])
    assert np.abs(clean(pours, "cup", aloft_s, 0)).max() < 0.7  # drift, tilt and creep only
    assert clean(pours, "cup", lift_s - 0.5, 0).min() > 2.0
    assert clean(pours, "cup", put_s + 0.5, 0).min() > 1.4


def test_a_failed_lift_leaves_ten_to_forty_percent_and_a_bump_is_short():
    found = 0
    for seed in range(1, 9):
        scene = make_scene("cup", "severe", seed, length=4)
        for start_s in times(scene, "failed_lift"):
            found += 1
            during_s = start_s + np.linspace(0.0, 0.9, 46)
            weight = clean(scene, "cup", [start_s - 0.3], 0)[0]
            least = clean(scene, "cup", during_s, 0).min()
            assert 0.02 * weight < least < 0.55 * weight
            after = clean(scene, "cup", start_s + np.linspace(0.35, 1.2, 43), 0)
            assert after.max() > 0.85 * weight
    assert found > 3


def test_liquid_leaves_only_when_the_tilt_passes_the_spill_angle(pours):
    world = pours.worlds["cup"]
    for on_s in times(pours, "pour_on"):
        tilt_deg, lean_deg, _, _ = world.plan.tilt_at(np.array([on_s]))
        total = np.degrees(np.arccos(np.cos(np.radians(tilt_deg)) * np.cos(np.radians(lean_deg))))[0]
        excess = total - spill_deg(float(world.mass_kg(np.array([on_s]))[0]))
        assert 0.9 < excess < 6.0
    t_s = np.linspace(0.0, pours.duration_s, 20000)
    loss_g_s = -np.diff(world.mass_kg(t_s)) / np.diff(t_s) * 1000.0
    on_s, off_s = times(pours, "pour_on"), times(pours, "pour_off")
    inside = np.zeros(len(loss_g_s), bool)
    for a, b in zip(on_s, off_s, strict=True):
        inside |= (t_s[1:] > a) & (t_s[:-1] < b)
    assert loss_g_s[~inside].max() <= 0.7  # a drip is no pour
    assert loss_g_s[inside].max() > 20.0


def test_no_liquid_is_made_or_lost(pours):
    facts = pours.facts
    assert facts["poured_g"] == pytest.approx(facts["received_g"] + facts["spilled_g"], abs=1e-6)
    assert facts["spilled_g"] > 0
    assert len(facts["poured_g_each"]) == 6
    inner_g = clean(pours, "cup", [1.0], 1)[0] / 9.81 * 1000.0
    assert inner_g == pytest.approx(1000.0 * FULL_KG, abs=20.0)


def test_the_glass_gains_what_the_truth_says(pours):
    on_s, off_s = times(pours, "receive_on", "coaster"), times(pours, "receive_off", "coaster")
    first = (on_s > on_s[0] - 0.1) & (on_s < on_s[0] + 12.0)
    gain_n = clean(pours, "coaster", [off_s[first][-1] + 1.5], 0) - clean(
        pours, "coaster", [on_s[0] - 0.1], 0
    )
    assert gain_n[0] / 9.81 * 1000.0 == pytest.approx(pours.facts["received_g_each"][0], abs=6.0)


def test_gyroscope_and_gravity_tell_the_same_tilt():
    scene = make_scene("cup", "healthy", 4, test="ftm14")
    table, rate_hz = scene.tables["cup"].astype(float), scene.rate_hz
    turned_rad = np.cumsum(table[:, 5] - table[: int(rate_hz), 5].mean()) / rate_hz
    pour_s = np.concatenate([times(scene, "pour_on"), times(scene, "pour_off")])
    for t_s in np.linspace(pour_s[0], pour_s[-1], 7):
        i = int(t_s * rate_hz)
        gravity_rad = np.arctan2(table[i - 10 : i + 10, 3].mean(), table[i - 10 : i + 10, 4].mean())
        assert np.degrees(turned_rad[i]) == pytest.approx(np.degrees(gravity_rad), abs=4.0)


@pytest.mark.parametrize("severity", ["moderate", "severe"])
def test_the_hand_shakes_at_the_true_frequency(severity):
    scene = make_scene("cup", severity, 7, length=4)
    table, rate_hz = scene.tables["cup"], scene.rate_hz
    power = np.zeros(1025)
    for lift_s, put_s in zip(times(scene, "lift"), times(scene, "put"), strict=True):
        span = table[int((lift_s + 0.5) * rate_hz) : int((put_s - 0.2) * rate_hz), 6].astype(float)
        power += np.abs(np.fft.rfft((span - span.mean()) * np.hanning(len(span)), 2048)) ** 2
    hz = np.fft.rfftfreq(2048, 1 / rate_hz)
    band = (hz > 2.5) & (hz < 12)
    peak_hz = hz[band][np.argmax(power[band])]
    assert peak_hz == pytest.approx(scene.facts["tremor_hz"], abs=0.6)


def test_noise_is_white_drifts_hums_and_spikes():
    t_s = np.arange(64000) / 320.0
    noise = white(1, 0, t_s)
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    for other in (white(2, 0, t_s), white(1, 1, t_s), noise[np.r_[1 : len(noise), 0]]):
        assert abs(np.corrcoef(noise, other)[0, 1]) < 0.02
    errors = FOOT_CELL.errors(3, 0, t_s)
    spectrum = np.abs(np.fft.rfft(errors * np.hanning(len(errors)))) ** 2
    hz = np.fft.rfftfreq(len(errors), 1 / 320.0)
    around = (hz > 49.5) & (hz < 50.5)
    assert spectrum[around].max() > 20 * np.median(spectrum[(hz > 40) & (hz < 60)])
    jumps = np.flatnonzero(np.abs(errors - np.median(errors)) > 0.8)
    spikes = 1 + np.sum(np.diff(jumps) > 10)
    assert 0.6 * 200 / 4 < spikes <= 200 / 4
    slow = errors.reshape(-1, 320).mean(axis=1)
    assert 0.05 < np.ptp(slow) < 1.5
    assert TRAY_CELL.noise_n < 0.25 * 0.001 * 9.81  # one peg stands out


# --------------------------------------------------------------------------- contacts, to the letter


@pytest.fixture(scope="module")
def boards():
    return [make_scene("button_board", severity, seed) for severity in SEVERITIES for seed in range(1, 7)]


@pytest.fixture(scope="module")
def pegboards():
    return [make_scene("pegboard", severity, seed) for severity in SEVERITIES for seed in range(1, 7)]


def closed(scene, kind, column, t_s):
    """Whether a contact is closed at these times."""
    table = scene.worlds[kind].read(np.atleast_1d(np.asarray(t_s, float)))
    return table[:, TABLE[kind].index(column)] > 0.5


def test_button_events_say_what_the_contacts_do(boards):
    kinds = set()
    for scene in boards:
        for kind, button, _, t_s in scene.truth["button_board"].tolist():
            kinds.add(kind)
            column = {"touch": "touch", "entry": "entry", "slip": "entry"}.get(kind, "seated")
            moments_s = [t_s - 1e-4, t_s + 1e-4, t_s + 0.125]
            before, at, settled = closed(scene, "button_board", f"{column}_{button}", moments_s)
            closing = kind in ("touch", "entry", "seated")
            assert (bool(before), bool(at)) == (not closing, closing), (scene.meta, kind, t_s)
            if kind != "touch":
                assert settled == closing, (scene.meta, kind, t_s)
    assert kinds == {"touch", "entry", "seated", "slip", "opened"}


def test_every_lasting_closure_of_a_seat_is_in_the_truth(boards):
    for scene in boards:
        table, truth = scene.tables["button_board"], scene.truth["button_board"]
        for button in range(5):
            column = table[:, TABLE["button_board"].index(f"seated_{button}")] > 0.5
            changes = np.flatnonzero(np.diff(np.r_[0, column, 0].astype(int)))
            runs = changes.reshape(-1, 2)
            joined = [list(run) for run in runs[:1]]
            for a, b in runs[1:]:
                if a - joined[-1][1] < 0.12 * scene.rate_hz:
                    joined[-1][1] = b
                else:
                    joined.append([a, b])
            lasting = sum(b - a > 0.2 * scene.rate_hz for a, b in joined)
            said = np.sum((truth["kind"] == "seated") & (truth["channel"] == button))
            assert lasting == said, (scene.meta, button)


def test_slips_never_seat_and_flicker_at_most_70_ms(boards):
    flickers = 0
    for scene in boards:
        truth = scene.truth["button_board"]
        slips = truth[truth["kind"] == "slip"]
        for slip in slips:
            window_s = slip["t_s"] - np.arange(0.0, 0.25, 0.001)
            shut = closed(scene, "button_board", f"seated_{slip['channel']}", window_s)
            assert shut.sum() <= 70
            flickers += bool(shut.any())
    assert flickers > 3


def test_peg_events_say_what_the_barriers_do(pegboards):
    kinds = set()
    for scene in pegboards:
        for kind, hole, _, t_s in scene.truth["pegboard"].tolist():
            kinds.add(kind)
            if hole < 0:
                continue
            column = "entry" if kind in ("enter", "bounce") else "seated"
            before, at, settled = closed(
                scene, "pegboard", f"{column}_{hole}", [t_s - 1e-4, t_s + 1e-4, t_s + 0.03]
            )
            expected = kind in ("enter", "seat")
            assert (bool(before), bool(at), bool(settled)) == (not expected, expected, expected)
            if kind == "enter":  # longer than a passing finger
                blocked_s = t_s + np.arange(0.02, 0.085, 0.001)
                assert closed(scene, "pegboard", f"entry_{hole}", blocked_s).all()
    assert kinds == set(EVENT_ID["pegboard"])


def test_fingers_pass_in_at_most_80_ms_and_are_no_event(pegboards):
    fingers = 0
    for scene in pegboards:
        table, truth = scene.tables["pegboard"], scene.truth["pegboard"]
        for hole in range(9):
            column = table[:, hole] > 0.5
            runs = np.flatnonzero(np.diff(np.r_[0, column, 0].astype(int))).reshape(-1, 2)
            said = truth[(truth["kind"] == "enter") & (truth["channel"] == hole)]["index"]
            for a, b in runs:
                if not np.any(np.abs(said - a) <= 5):
                    assert b - a <= 0.08 * scene.rate_hz
                    fingers += 1
    assert fingers > 5


def test_the_tray_weighs_the_pegs_that_the_truth_leaves_in_it(pegboards):
    for scene in pegboards:
        truth = scene.truth["pegboard"]
        peg_n, count = scene.facts["peg_n"], 9
        tray = TABLE["pegboard"].index("tray_n")
        events = truth[np.isin(truth["kind"], ("pick", "return"))]
        for i, event in enumerate(events):
            count += 1 if event["kind"] == "return" else -1
            after_s = events["t_s"][i + 1] - event["t_s"] if i + 1 < len(events) else 2.0
            if event["kind"] == "pick" and after_s > 0.15:
                window_s = event["t_s"] + np.linspace(0.01, 0.1, 60)
                weight = np.median(scene.worlds["pegboard"].read(window_s)[:, tray])
                assert weight == pytest.approx(count * peg_n, abs=0.006)
        assert count == 9


def test_what_goes_wrong_grows_with_severity(pegboards, boards):
    def total(scenes, severity, *names):
        return sum(s.facts[n] for s in scenes if s.meta["severity"] == severity for n in names)

    mishaps = [
        total(pegboards, s, "drops", "half_insertions", "sink_backs", "bounced_out") for s in SEVERITIES
    ]
    slips = [total(boards, s, "slips") for s in SEVERITIES]
    assert mishaps == sorted(mishaps)
    assert slips == sorted(slips)
    assert mishaps[-1] > 20
    assert slips[-1] > 20
