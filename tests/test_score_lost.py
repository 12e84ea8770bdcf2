"""What was not measured is not scored: a gap within the task takes what it may have changed."""

import dataclasses

import numpy as np
import pytest

from dexkit.score.scoring import score
from dexkit.sim import make_scene

PEGS = make_scene("pegboard", severity="mild", seed=1).recording()
BUTTONS = make_scene("button_board", severity="moderate", seed=2).recording()
WHOLE = ("pegs.total_s", "pegs.removing_s", "pegs.removed", "pegs.per_s", "pegs.drops", "pegs.half_inserted")


def without(recording, start_s, end_s, *names):
    """Return a recording whose streams (all, or these) lack what was measured in between."""
    streams = dict(recording.streams)
    for name in names or streams:
        stream = streams[name]
        keep = (stream.t_s < start_s) | (stream.t_s >= end_s)
        streams[name] = dataclasses.replace(stream, t_s=stream.t_s[keep], values=stream.values[keep])
    return dataclasses.replace(recording, streams=streams)


def scored(recording):
    result = score(recording)
    return {value.id: value for value in result.scored.values}, " ".join(result.notes)


def events(recording, *kinds):
    return [float(row["t_s"]) for row in score(recording).scored.events if row["kind"] in kinds]


def numbers(found):
    return {name: (value.value, value.reason) for name, value in found.items()}


def assert_wrong_nowhere(found, whole):
    """Each number is the one of the whole recording, or is not given."""
    given = {name: value.value for name, value in found.items() if value.value is not None}
    assert given == pytest.approx({name: whole[name].value for name in given})


@pytest.mark.parametrize("names", [(), ("pegboard/contacts",), ("pegboard/tray",)])
def test_a_gap_while_pegs_are_placed_takes_what_it_may_have_changed(names):
    seats = events(PEGS, "seat")
    found, notes = scored(without(PEGS, seats[4] + 0.05, seats[6] + 0.05, *names))
    whole, quiet = scored(PEGS)
    assert_wrong_nowhere(found, whole)
    for name in (*WHOLE, "pegs.placing_s", "pegs.placed", "pegs.insert_s"):
        assert found[name].value is None
        assert found[name].reason.startswith(f"Nothing was measured from {seats[4]:.0f}"[:-1])
    assert found["pegs.insert_s.3"].value == pytest.approx(whole["pegs.insert_s.3"].value)
    assert "Nothing was measured for" in notes and "Nothing was measured" not in quiet


def test_a_gap_while_pegs_are_taken_out_leaves_placing_alone():
    out = events(PEGS, "unseat")
    found, _ = scored(without(PEGS, out[3], out[5]))
    whole, _ = scored(PEGS)
    assert_wrong_nowhere(found, whole)
    assert found["pegs.placing_s"].value == whole["pegs.placing_s"].value
    assert found["pegs.placed"].value == 9
    assert all(found[name].value is None for name in WHOLE)


@pytest.mark.parametrize("name", ["pegboard/contacts", "pegboard/tray"])
def test_a_stream_that_ends_in_the_task_is_a_gap_until_the_end(name):
    found, notes = scored(without(PEGS, events(PEGS, "seat")[3], 99.0, name))
    assert_wrong_nowhere(found, scored(PEGS)[0])
    assert all(found[each].value is None for each in (*WHOLE, "pegs.placed"))
    assert "Nothing was measured for" in notes


def test_a_gap_that_hides_the_first_touch_takes_the_times_that_begin_there():
    first_s = events(PEGS, "enter")[0]
    found, _ = scored(without(PEGS, first_s - 1.5, first_s - 0.2))
    assert_wrong_nowhere(found, scored(PEGS)[0])
    assert found["pegs.total_s"].value is None


def test_a_gap_before_or_after_the_pegs_changes_nothing():
    whole, _ = scored(PEGS)
    first_s, last_s = events(PEGS, "pick")[0], events(PEGS, "return")[-1]
    ends = max(stream.t_s[-1] for stream in PEGS.streams.values())
    assert first_s > 2.0 and ends > last_s + 1.0
    for start_s, end_s in ((1.0, 1.4), (last_s + 0.6, last_s + 0.8), (last_s + 0.6, 99.0)):
        for names in ((), ("pegboard/contacts",), ("pegboard/tray",)):
            assert numbers(scored(without(PEGS, start_s, end_s, *names))[0]) == numbers(whole)


@pytest.mark.parametrize("recording", [PEGS, BUTTONS], ids=["pegs", "buttons"])
@pytest.mark.parametrize("lasted_s", [0.12, 0.4, 3.0])
def test_no_gap_anywhere_gives_a_wrong_number(recording, lasted_s):
    whole, _ = scored(recording)
    end_s = max(stream.t_s[-1] for stream in recording.streams.values())
    for start_s in np.linspace(1.0, end_s - lasted_s, 15):
        for names in ((), *((name,) for name in recording.streams)):
            assert_wrong_nowhere(scored(without(recording, start_s, start_s + lasted_s, *names))[0], whole)


def test_a_few_samples_lost_cost_nothing():
    seat_s = events(PEGS, "seat")[4]
    found, _ = scored(without(PEGS, seat_s + 0.2, seat_s + 0.23))
    assert found["pegs.total_s"].value == pytest.approx(scored(PEGS)[0]["pegs.total_s"].value, abs=0.08)


def test_a_gap_at_the_buttons_takes_what_it_may_have_changed():
    done = events(BUTTONS, "seated")
    whole, _ = scored(BUTTONS)
    found, notes = scored(without(BUTTONS, done[1] + 0.1, done[3] + 0.1))
    assert_wrong_nowhere(found, whole)
    for name in ("completed", "close_total_s", "open_total_s", "slips", "order_kept", "size_slope_s"):
        assert found[f"buttons.{name}"].value is None
        assert "Nothing was measured from" in found[f"buttons.{name}"].reason
    assert found["buttons.close_s.0"].value == whole["buttons.close_s.0"].value
    assert "Nothing was measured for" in notes


def test_contacts_of_the_buttons_that_end_leave_no_count():
    found, _ = scored(without(BUTTONS, events(BUTTONS, "seated")[1] + 0.1, 999.0, "button_board/contacts"))
    assert_wrong_nowhere(found, scored(BUTTONS)[0])
    assert found["buttons.completed"].value is None
    assert found["buttons.attempts.4"].value is None
    assert found["buttons.cheong_group.4"].value is None


def test_a_gap_before_or_after_the_buttons_changes_nothing():
    whole, _ = scored(BUTTONS)
    times = events(BUTTONS, "touch", "entry", "seated", "slip", "opened")
    for start_s, end_s in ((0.2, 0.5), (times[-1] + 0.5, 999.0)):
        assert numbers(scored(without(BUTTONS, start_s, end_s))[0]) == numbers(whole)


POUR = make_scene("cup", severity="moderate", seed=4, test="ftm14").recording()
FLOW = ("pour.flow_cv", "pour.flow_reversals", "pour.drip_s")


@pytest.mark.parametrize("past_off_s", [-3.0, -1.0, -0.2])
def test_a_coaster_that_ends_in_the_pour_tells_nothing_of_the_flow(past_off_s):
    off_s = events(POUR, "pour_off")[-1]
    found, notes = scored(without(POUR, off_s + past_off_s, 999.0, "coaster/load"))
    for name in (*FLOW, "pour.received_g"):
        assert found[name].value is None
    assert "not measured by the coaster" in found["pour.flow_cv"].reason
    assert f"Nothing was measured by the coaster after {off_s + past_off_s:.1f} s." in notes
    assert found["pour.total_s"].value == scored(POUR)[0]["pour.total_s"].value


@pytest.mark.parametrize("from_on_s", [-1.2, 0.4, 1.0])
def test_a_gap_of_the_coaster_in_the_pour_tells_nothing_of_the_flow(from_on_s):
    on_s = events(POUR, "pour_on")[0]
    found, notes = scored(without(POUR, on_s + from_on_s, on_s + from_on_s + 0.4, "coaster/load"))
    assert all(found[name].value is None for name in FLOW)
    assert "Nothing was measured by the coaster for 0.4 s" in notes


def test_a_glass_not_measured_after_the_pour_received_nothing_that_is_known():
    off_s, put_s = events(POUR, "pour_off")[-1], events(POUR, "put")[-1]
    found, _ = scored(without(POUR, off_s - 1.0, put_s + 3.0, "coaster/load"))
    assert found["pour.received_g"].value is None
    assert found["pour.spilled_pct"].value is None


def test_a_coaster_that_ends_after_the_pour_changes_nothing():
    put_s = events(POUR, "put")[-1]
    whole, _ = scored(POUR)
    found, notes = scored(without(POUR, put_s + 2.5, 999.0, "coaster/load"))
    assert numbers(found) == numbers(whole)
    assert "Nothing was measured" not in notes
