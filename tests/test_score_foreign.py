"""Scores of what others recorded: real files give the numbers that others published, or ours by hand."""

import csv
import json
import math

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.recording import Recording, Stream
from dexkit.recording.foreign import read_csv
from dexkit.score.force import score_force
from dexkit.score.motion import score_motion
from dexkit.score.tapping import score_tapping

TAPS = "t_ms=1,action=3,x_px=4,y_px=5"


def numbers(scored):
    """Return the values by id."""
    return {value.id: value.value for value in scored.values}


def foreign(kind, columns, t_s, values, rate_hz=None):
    """Return a recording of one foreign stream."""
    values = np.asarray(values, np.float32).reshape(len(t_s), len(columns))
    stream = Stream(kind, columns, np.asarray(t_s, float), values, rate_hz)
    return Recording(kind, {}, {kind: stream})


def test_tapping_gives_the_published_values(shared_data):
    folder = shared_data / "cloudupdrs-phone"
    name = "finger_tapping_two_target_right_hand.csv"
    expected = json.loads((folder / "expected_upstream_tests.json").read_text())[name]
    found = numbers(score_tapping(read_csv("events", folder / "top" / name, TAPS)))
    assert found["tapping.moving_ms"] == pytest.approx(expected["mean_moving_time_ms"], rel=1e-12)
    assert found["tapping.dwell_ms"] == pytest.approx(1e3 * expected["akinesia_mean_dwell_s"], rel=1e-9)
    assert found["tapping.rate_hz"] == pytest.approx(expected["frequency_hz"], rel=1e-12)
    assert found["tapping.taps"] == expected["kinesia_score_taps"] == 204
    assert found["tapping.distance_px"] == pytest.approx(
        expected["mean_alternate_target_distance_px"], rel=1e-6
    )


def test_the_file_s_own_count_of_taps_is_met(shared_data):
    path = shared_data / "cloudupdrs-phone" / "top" / "finger_tapping_two_target_left_hand.csv"
    recording = read_csv("events", path, TAPS)
    assert recording.meta["note"] == "Total number of taps: 185"
    assert numbers(score_tapping(recording))["tapping.taps"] == 185


def test_taps_that_belong_to_no_pair_are_told():
    recording = foreign("events", ("action",), [0.0, 0.1, 0.4, 0.5, 0.7, 0.8], [0, 1, 0, 0, 1, 1])
    scored = score_tapping(recording)
    found = numbers(scored)
    assert found["tapping.taps"] == 3
    assert found["tapping.dwell_ms"] == pytest.approx(150.0)  # 0.0-0.1 and 0.5-0.7
    assert found["tapping.moving_ms"] == pytest.approx(300.0)  # 0.1-0.4
    assert found["tapping.distance_px"] is None
    assert "2 actions follow one of the same kind" in scored.notes[0]
    assert [str(kind) for kind in scored.events["kind"][:3]] == ["press", "release", "press"]


def test_steadiness_of_every_grip(shared_data):
    files = sorted((shared_data / "grip-force-hx711").glob("*.csv"))
    assert len(files) == 117
    for path in files:
        columns = "Time,force_n=Grip_Force,error_n=Grip_Force_Error"
        found = numbers(score_force(read_csv("force", path, columns)))
        with path.open() as file:
            rows = list(csv.DictReader(file))
        force = np.array([float(row["Grip_Force"]) for row in rows])
        error = np.array([float(row["Grip_Force_Error"]) for row in rows])
        assert found["force.cv"] == pytest.approx(force.std() / force.mean(), rel=1e-6)
        assert found["force.tracking_rms_n"] == pytest.approx(
            math.sqrt(np.mean(error**2)), rel=1e-6, abs=1e-9
        )
        assert 0 < found["force.rms_about_trend_n"] <= force.std() * 1.2
        assert found["force.tremor_band_rms_n"] > 0


def test_a_known_tremor_of_a_force_is_found():
    t_s = np.arange(0, 10, 0.01)
    force = 20 + 0.5 * np.sin(2 * np.pi * 6.0 * t_s)
    found = numbers(score_force(foreign("force", ("Grip",), t_s, force)))
    assert found["force.mean_n"] == pytest.approx(20.0, abs=0.01)
    assert found["force.tremor_hz"] == pytest.approx(6.0, abs=0.1)
    assert found["force.tremor_band_rms_n"] == pytest.approx(0.5 / math.sqrt(2), rel=0.02)
    assert found["force.tracking_rms_n"] is None


def test_a_target_column_gives_the_error():
    t_s = np.arange(0, 3, 0.01)
    values = np.column_stack((np.full(300, 9.0), np.full(300, 10.0)))
    found = numbers(score_force(foreign("force", ("force_n", "target_n"), t_s, values)))
    assert found["force.tracking_rms_n"] == found["force.tracking_bias_n"] == pytest.approx(1.0)


def test_a_gap_lowers_the_quality_and_is_told():
    t_s = np.concatenate((np.arange(0, 6, 0.01), np.arange(8, 10, 0.01)))
    scored = score_force(foreign("force", ("force_n",), t_s, np.full(800, 5.0) + np.sin(t_s)))
    trend = next(value for value in scored.values if value.id == "force.rms_about_trend_n")
    assert trend.quality == pytest.approx(0.6, abs=0.01)
    assert any("without a gap is 60 %" in note for note in scored.notes)


def test_smoothness_of_real_reaches_and_drinks(shared_data):
    with (shared_data / "sparc-reference" / "ue_adl_reference_values.csv").open() as file:
        expected = {row["file"]: row for row in csv.DictReader(file)}
    files = sorted((shared_data / "ue-adl-drink-reach").glob("*angles.csv"))
    assert len(files) == 64
    for path in files:
        recording = read_csv("motion", path, "speed_mm=Finger Velocity", rate_hz=100.0)
        found = numbers(score_motion(recording))
        row = expected[path.name]
        assert found["motion.sparc"] == pytest.approx(float(row["sparc"]), rel=1e-6)
        assert found["motion.ldlj"] == pytest.approx(float(row["log_dimensionless_jerk"]), rel=1e-6)


def test_every_phone_recording_of_motion_is_scored(shared_data):
    files = [
        path
        for path in sorted((shared_data / "cloudupdrs-phone").glob("*/*.csv"))
        if "tapping" not in path.name and not path.name.startswith("FT")
    ]
    assert len(files) == 11
    for path in files:
        scored = score_motion(read_csv("motion", path, "t_ns,ax_ms2,ay_ms2,az_ms2"))
        assert numbers(scored)["motion.tremor_occurrence.accelerometer"] is not None
        assert all(value.reason for value in scored.values if value.value is None)


def test_a_known_tremor_of_a_hand_is_found_though_times_jitter():
    rng = np.random.default_rng(5)
    t_s = np.cumsum(0.01 + rng.uniform(-0.002, 0.002, 2000))
    axes = np.zeros((2000, 3))
    axes[:, 0] = 0.3 * np.sin(2 * np.pi * 5.0 * t_s)
    axes[:, 2] = 9.81
    found = numbers(score_motion(foreign("motion", ("ax_ms2", "ay_ms2", "az_ms2"), t_s, axes)))
    assert found["motion.tremor_hz.accelerometer"] == pytest.approx(5.0, abs=0.1)
    assert found["motion.tremor_log10_ms2"] == pytest.approx(math.log10(0.3), abs=0.03)
    assert found["motion.sparc"] is None


@pytest.mark.parametrize(
    ("score", "recording"),
    [
        (score_tapping, foreign("events", ("x_px",), [0.0], [1.0])),
        (score_tapping, foreign("events", ("action",), [0.0], [7.0])),
        (score_tapping, Recording("events", {}, {})),
        (score_force, foreign("force", ("force_n",), [0.0], [1.0])),
        (score_force, foreign("force", ("target_n",), [0.0, 1.0], [1.0, 2.0])),
        (score_motion, foreign("motion", ("angle_deg",), [0.0, 1.0], [1.0, 2.0])),
        (score_motion, Recording("motion", {}, {})),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(score, recording):
    with pytest.raises(InputError) as raised:
        score(recording)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("n", [0, 2, 3, 50])
def test_short_and_constant_recordings_give_reasons_not_errors(n):
    t_s = np.arange(n) * 0.01
    for score, recording in (
        (score_tapping, foreign("events", ("action",), t_s, np.zeros(n))),
        *((score_force, foreign("force", ("force_n",), t_s, np.zeros(n))) for _ in range(n >= 2)),
        *((score_motion, foreign("motion", ("speed_ms",), t_s, np.full(n, np.nan))) for _ in range(n >= 2)),
    ):
        for value in score(recording).values:
            assert value.value is None or math.isfinite(value.value)
            assert value.value is not None or value.reason
