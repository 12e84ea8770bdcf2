"""The button board's measures on event tables made by hand, whose answers are known."""

import numpy as np
import pytest

from dexkit.score.buttons import MEASURES, Board
from dexkit.score.measure import values
from dexkit.score.take import Take, events_of

RATE_HZ = 100.0


def scored(events, end_s=100.0, panel_n=0.0):
    samples = np.zeros((int(end_s * RATE_HZ) + 1, 16), np.float32)
    samples[:, 15] = panel_n
    take = Take(samples, np.zeros(len(samples), bool), RATE_HZ, events_of(events))
    return {value.id: value for value in values(MEASURES, Board(take))}


def numbers(found, name):
    return [found[f"{name}.{button}"].value for button in range(5)]


def fasten(button, start_s, entry_s, seated_s):
    return [("touch", button, start_s), ("entry", button, entry_s), ("seated", button, seated_s)]


ALL_FIVE = [event for b in range(5) for event in fasten(b, 10 * b + 2.0, 10 * b + 4.0, 10 * b + 5.0 + b)]


def test_all_five_in_order():
    found = scored(ALL_FIVE)
    assert found["buttons.completed"].value == 5
    assert found["buttons.close_total_s"].value == pytest.approx(49.0 - 2.0)
    assert numbers(found, "buttons.close_s") == pytest.approx([3, 4, 5, 6, 7])
    assert found["buttons.size_slope_s"].value == pytest.approx(1.0)
    assert found["buttons.order_kept"].value == 1
    assert numbers(found, "buttons.cheong_group") == [2] * 5
    assert numbers(found, "buttons.attempts") == [1] * 5
    assert found["buttons.slips"].value == 0


def test_shares_within_the_limits():
    found = scored(ALL_FIVE, end_s=200.0)
    shares = {limit: found[f"buttons.completed_by_pct.{limit}s"].value for limit in (18, 20, 40, 60, 120)}
    # Fastened 3, 14, 25, 36 and 47 s after the first touch.
    assert shares == {18: 40, 20: 40, 40: 80, 60: 100, 120: 100}


def test_a_recording_that_ends_early_does_not_say_what_it_did_not_see():
    found = scored(fasten(0, 2, 4, 5), end_s=30.0)
    assert found["buttons.completed_by_pct.20s"].value == 20
    assert found["buttons.completed_by_pct.40s"].value is None
    assert "ended before 40 s" in found["buttons.completed_by_pct.40s"].reason


def test_slips_and_attempts_belong_to_their_button():
    tries = [("touch", 2, 1), ("entry", 2, 2), ("slip", 2, 3), ("entry", 2, 4), ("slip", 2, 5)]
    found = scored([*tries, ("entry", 2, 6), ("seated", 2, 7), ("entry", 2, 9), ("seated", 2, 10)])
    assert found["buttons.slips"].value == 2
    assert numbers(found, "buttons.slips") == [0, 0, 2, 0, 0]
    assert found["buttons.attempts.2"].value == 3
    assert found["buttons.close_s.2"].value == pytest.approx(6.0)


@pytest.mark.parametrize(("lasted_s", "group"), [(17.9, 2), (18.0, 2), (18.1, 1)])
def test_the_limit_of_cheong_is_18_s_and_belongs_to_c(lasted_s, group):
    found = scored(fasten(0, 1.0, 1.5, 1.0 + lasted_s))
    assert found["buttons.cheong_group.0"].value == group
    assert found["buttons.cheong_group.0"].label.startswith("CB"[2 - group])


def test_a_button_tried_in_vain_is_not_completed_and_one_never_reached_in_a_short_recording_is_unknown():
    found = scored([("touch", 0, 1.0), ("entry", 0, 2.0), ("slip", 0, 3.0)], end_s=10.0)
    assert found["buttons.cheong_group.0"].value == 0
    assert found["buttons.cheong_group.1"].value is None
    assert found["buttons.completed"].value == 0
    assert found["buttons.close_s.0"].reason == "The button was not fastened."
    assert found["buttons.close_s.1"].reason == "The button was never touched."


def test_order_not_kept_and_no_order():
    swapped = fasten(1, 1, 2, 3) + fasten(0, 4, 5, 6)
    assert scored(swapped)["buttons.order_kept"].value == 0
    assert scored(fasten(1, 1, 2, 3))["buttons.order_kept"].value is None


def test_a_button_that_catches_again_is_open_only_when_it_stays_open():
    opening = [("touch", 0, 20), ("opened", 0, 22), ("seated", 0, 23), ("opened", 0, 25)]
    found = scored([*fasten(0, 1, 2, 3), *opening])
    assert found["buttons.open_s.0"].value == pytest.approx(5.0)
    caught = scored([*fasten(0, 1, 2, 3), *opening, ("seated", 0, 26)])
    assert caught["buttons.open_s.0"].value is None


def test_a_finger_that_stays_while_another_button_is_fastened_does_not_begin_the_opening():
    events = [
        *fasten(0, 1, 2, 3),
        *fasten(1, 5, 6, 7),
        ("touch", 0, 6.5),
        ("touch", 0, 20),
        ("opened", 0, 21),
    ]
    assert scored(events)["buttons.open_s.0"].value == pytest.approx(1.0)


def test_pull_is_above_rest_and_a_spike_does_not_count():
    panel_n = np.full(10001, 2.0, np.float32)
    panel_n[250:270] = 6.5  # 0.2 s of pull
    panel_n[300] = 50.0  # one wrong conversion
    found = scored(fasten(0, 2.0, 3.0, 4.0), panel_n=panel_n)
    assert found["buttons.pull_n.0"].value == pytest.approx(4.5)


def test_nothing_done_gives_reasons_not_numbers():
    found = scored([])
    assert found["buttons.completed"].value == 0
    unknown = [value for value in found.values() if value.value is None]
    assert len(unknown) > 20
    assert all(value.reason for value in unknown)
