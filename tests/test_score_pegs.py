"""The pegboard's measures on event tables made by hand, whose answers are known."""

import numpy as np
import pytest

from dexkit.score.measure import values
from dexkit.score.peg_measures import MEASURES, asymmetry
from dexkit.score.pegs import Pegs
from dexkit.score.take import Take, events_of

RATE_HZ = 100.0


def take_with(events, end_s=80.0):
    """Return a take whose tray shows a hand for 0.4 s before each pick."""
    samples = np.zeros((int(end_s * RATE_HZ) + 1, 19), np.float32)
    samples[:, 18] = 0.1 + 0.001 * np.sin(np.arange(len(samples)))
    for kind, _, t_s in events:
        if kind == "pick":
            samples[round((t_s - 0.4) * RATE_HZ) : round(t_s * RATE_HZ), 18] += 1.0
    return Take(samples, np.zeros(len(samples), bool), RATE_HZ, events_of(events))


def scored(events, **how):
    return {value.id: value for value in values(MEASURES, Pegs(take_with(events, **how)))}


def peg(hole, start_s):
    """Return the events of a peg: picked at once, entered after 1.0 s, seated after 1.5 s."""
    return [("pick", -1, start_s), ("enter", hole, start_s + 1.0), ("seat", hole, start_s + 1.5)]


PLACING = [event for hole in range(9) for event in peg(hole, 2.0 + 3.0 * hole)]
REMOVING = [
    event
    for hole in range(9)
    for event in (("unseat", hole, 30.0 + 2.0 * hole), ("return", -1, 31.0 + 2.0 * hole))
]


def test_the_whole_test():
    found = scored(PLACING + REMOVING)
    # The hand comes onto the tray at 1.6 s, the ninth peg sits at 27.5 s, the ninth is back at 47 s.
    assert found["pegs.total_s"].value == pytest.approx(47.0 - 1.6, abs=0.011)
    assert found["pegs.placing_s"].value == pytest.approx(27.5 - 1.6, abs=0.011)
    assert found["pegs.removing_s"].value == pytest.approx(19.5)
    assert found["pegs.per_s"].value == pytest.approx(9.0 / found["pegs.total_s"].value)
    assert found["pegs.placed"].value == found["pegs.removed"].value == 9
    for nothing in ("drops", "rejected", "half_inserted", "two_at_once"):
        assert found[f"pegs.{nothing}"].value == 0


def test_four_phases_of_each_peg():
    found = scored(PLACING + REMOVING)
    assert found["pegs.grasp_s"].value == pytest.approx(0.4, abs=0.011)
    assert found["pegs.transfer_s"].value == pytest.approx(1.0)
    assert found["pegs.insert_s"].value == pytest.approx(0.5)
    assert found["pegs.return_s"].value == pytest.approx(3.0 - 1.5 - 0.4, abs=0.011)
    assert found["pegs.return_s.1"].value is None
    assert [f"pegs.insert_s.{n}" in found for n in (1, 9, 10)] == [True, True, False]


def test_rhythm_fatigue_and_sides():
    assert scored(PLACING)["pegs.rhythm_cv"].value == pytest.approx(0.0, abs=1e-9)
    slower = [event for hole in range(9) for event in peg(hole, 2.0 + 3.0 * hole + 0.5 * hole**2)]
    found = scored(slower)
    assert found["pegs.fatigue_index"].value > 1.5
    assert found["pegs.rhythm_cv"].value > 0.2
    # Only the right column (holes 2, 5, 8) takes 4 s, the others take 2 s.
    lasted_s = [4.0 if hole % 3 == 2 else 2.0 for hole in range(9)]
    starts_s = 2.0 + np.cumsum(lasted_s)
    map_ = scored([event for hole, start in enumerate(starts_s) for event in peg(hole, float(start))])
    assert map_["pegs.hole_s.5"].value == pytest.approx(4.0)
    assert map_["pegs.hole_s.4"].value == pytest.approx(2.0)
    assert map_["pegs.left_right_ratio"].value == pytest.approx(0.5, abs=0.02)


def test_who_does_not_finish_still_gets_a_speed():
    found = scored([event for hole in range(4) for event in peg(hole, 2.0 + 5.0 * hole)])
    assert found["pegs.total_s"].value is None
    assert found["pegs.total_s"].reason == "Only 4 of 9 pegs were placed."
    assert found["pegs.placed"].value == 4
    assert found["pegs.per_s"].value == pytest.approx(2.0 / (18.5 - 1.6), rel=1e-3)


def test_pegs_that_do_not_come_back_leave_the_total_open():
    found = scored(PLACING + REMOVING[:-2])
    assert found["pegs.placing_s"].value is not None
    assert found["pegs.total_s"].reason == "Only 8 of 9 pegs came back into the tray."


def test_a_failed_insertion_lengthens_inserting_and_is_counted():
    events = [("pick", -1, 2.0), ("enter", 0, 3.0), ("bounce", 0, 3.4), ("enter", 0, 4.0), ("seat", 0, 4.5)]
    found = scored(events)
    assert found["pegs.rejected"].value == 1
    assert found["pegs.insert_s.1"].value == pytest.approx(1.5)


def test_a_peg_left_half_in_its_hole():
    events = [("pick", -1, 2.0), ("enter", 0, 3.0), ("pick", -1, 5.0), ("enter", 1, 6.0), ("seat", 1, 6.5)]
    assert scored(events)["pegs.half_inserted"].value == 1
    assert scored([*events, ("seat", 0, 8.0)])["pegs.half_inserted"].value == 1


def test_two_pegs_at_once_are_two_picks_at_one_time():
    events = [("pick", -1, 2.0), *peg(0, 2.0), ("enter", 1, 4.5), ("seat", 1, 5.0)]
    found = scored(events)
    assert found["pegs.two_at_once"].value == 1
    assert found["pegs.transfer_s.2"].value is None


def test_drops_are_pegs_missing_and_pegs_fallen_back_while_placing():
    events = [("pick", -1, 2.0), ("return", -1, 2.5), ("missing", -1, 9.0), *peg(0, 12.0)]
    assert scored(events)["pegs.drops"].value == 2


def test_a_peg_that_sinks_back_is_one_peg():
    sunk = [*peg(0, 2.0), ("unseat", 0, 4.0), ("seat", 0, 5.0), *peg(1, 8.0)]
    found = scored(sunk)
    assert "pegs.insert_s.3" not in found
    assert found["pegs.insert_s.1"].value == pytest.approx(2.0)


def test_pegs_that_sit_at_one_time_give_no_ratio():
    events = [(kind, hole, 3.0) for kind in ("enter", "seat") for hole in range(9)]
    found = scored(events)
    for name in ("pegs.fatigue_index", "pegs.left_right_ratio"):
        assert found[name].value is None
        assert "same time" in found[name].reason


def test_one_hand_alone_has_no_asymmetry():
    assert "other" in scored(PLACING + REMOVING)["pegs.asymmetry"].reason
    assert asymmetry(30.0, 20.0) == pytest.approx(0.2)
    assert asymmetry(20.0, 20.0) == 0.0


def test_nothing_done_gives_reasons_not_numbers():
    found = scored([])
    assert found["pegs.placed"].value == 0
    assert all(value.reason for value in found.values() if value.value is None)
    assert found["pegs.total_s"].value is None
