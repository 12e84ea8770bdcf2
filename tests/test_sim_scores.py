"""The whole way, sensor to score: what a virtual board's recording scores is what the world itself scores.

`make way` plays it in real time and at greater length; here boards run at the speed of this machine.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from dexkit.recording import Recording, Stream
from dexkit.score.scoring import as_json, score
from dexkit.sim import make_scene
from tests.way import CONTACTS, FORCES, Play, by_commands, by_ports, lacking


@pytest.mark.parametrize(
    "play",
    [
        Play("pegboard", "moderate", 3, 2, "cpython"),
        Play("pegboard", "moderate", 3, 2, "micropython"),
        Play("button_board", "mild", 2, 2, "cpython"),
        Play("button_board", "mild", 2, 1, "micropython"),
        Play("coaster", "mild", 2, 1, "cpython"),
        Play("coaster", "mild", 2, 1, "micropython"),
        Play("cup", "mild", 5, 1, "cpython"),
        Play("cup", "mild", 5, 1, "micropython"),
    ],
    ids=lambda play: f"{play.kind} {play.engine}",
)
def test_a_board_s_recording_scores_as_the_world_does(tmp_path, play):
    if lacking(play):
        pytest.skip(lacking(play))
    outcome = by_ports(play, tmp_path)
    assert outcome.events >= 2
    assert outcome.faults == []


def test_the_page_says_how_far_scores_may_be_apart():
    page = (Path(__file__).parent.parent / "docs" / "world.md").read_text(encoding="utf-8")
    for tolerances in (CONTACTS, FORCES):
        assert f"| {', '.join(f'{most:g} {unit}' for unit, most in tolerances.items())} |" in page


def test_a_spike_is_no_touch_of_the_glass_at_whatever_rate_its_converter_runs():
    """Spikes last one or two conversions; read off between samples they would last three, as a touch does."""
    scene = make_scene("coaster", "mild", 2, length=1)
    received_g, peaks_g_s = set(), set()
    for rate_hz in (319.4, 319.9, 320.2, 320.6):
        t_s = 0.0021 + np.arange(int(17.5 * rate_hz)) / rate_hz
        load = Stream("coaster/load", ("load_n",), t_s, scene.worlds["coaster"].read(t_s), 320.0)
        scored = json.loads(as_json(score(Recording("coaster", dict(scene.meta), {load.name: load}))))
        assert [event["kind"] for event in scored["events"]] == ["receive_on", "receive_off"]
        values = {m["id"]: m["value"] for m in scored["measures"]}
        received_g.add(values["coaster.received_g"])
        peaks_g_s.add(values["coaster.flow_peak_g_s.1"])
    assert max(received_g) - min(received_g) < 1.5
    assert max(peaks_g_s) - min(peaks_g_s) < 12.0


def test_sim_record_and_score_in_real_time(tmp_path):
    """Three commands, as a person types them."""
    outcome = by_commands(Play("pegboard", "healthy", 3, 1), tmp_path)
    assert outcome.events >= 2
    assert outcome.faults == []
