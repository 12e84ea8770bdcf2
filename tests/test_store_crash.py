"""Crashes, power cuts and full disks: what was promised is kept; short versions of the sweeps."""

import pytest

from . import store_kills, store_power


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    library = store_power.build(tmp_path_factory.mktemp("spy"))
    if library is None:
        pytest.skip("watching a process's writes needs Linux and a C compiler")
    return library


@pytest.fixture(scope="module")
def day(spy, tmp_path_factory):
    """The steps of a session, as they were watched."""
    return store_power.watched(tmp_path_factory.mktemp("day"), spy)


def test_a_power_cut_loses_nothing_that_was_promised(day, tmp_path):
    counts, failures = store_power.sweep(day, tmp_path, every=61)
    assert failures == []
    assert {"kept", "dropped", "torn", "in part"} <= set(counts)


@pytest.mark.parametrize("planted", ["a recording", "the folder of a recording", "the keyring"])
def test_a_missing_sync_is_found(day, tmp_path, planted):
    """It shows right after the promise that it breaks, so only the steps at promises are cut."""
    marks = [number for number, step in enumerate(day) if step[0] == "w" and step[1] == "acks"]
    chosen = {number + 1 for number in marks[:12]}
    _, failures = store_power.sweep(
        day, tmp_path, missing=store_power.PLANTS[planted], first=True, chosen=chosen
    )
    assert failures


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(spy, tmp_path):
    counts, failures = store_power.on_full_disks(tmp_path, spy, every=53, last=400)
    assert failures == []
    assert counts["said in one line"] == 8


def test_killed_processes_lose_no_finished_trial_and_a_second_at_most(tmp_path):
    counts, worst_s, failures = store_kills.sweep(tmp_path / "records", 4, 2, seed=3)
    assert failures == []
    assert counts["killed"] == 4 and worst_s <= store_kills.LONGEST_S
