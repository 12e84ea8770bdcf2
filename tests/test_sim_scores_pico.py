"""The whole way, sensor to score, on an emulated Pico; a file of its own, since it takes longest."""

import pytest

from tests.way import Play, by_ports, lacking


@pytest.mark.parametrize("kind", ["pegboard", "button_board"])
def test_a_pico_s_recording_scores_as_the_world_does(tmp_path, kind):
    play = Play(kind, "healthy", 3, 1, "pico")
    if lacking(play):
        pytest.skip(lacking(play))
    outcome = by_ports(play, tmp_path)
    assert outcome.events >= 2
    assert outcome.faults == []
