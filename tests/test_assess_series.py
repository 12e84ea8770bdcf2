"""A whole test: which trial comes next, which counts, what they come to; trials as text."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.assess import Mark, Ruling, Score, Seat, Trial, Verdict, load_profile
from dexkit.assess.series import (
    Hands,
    both_hands,
    counting,
    ftm14_class,
    hand_result,
    next_seats,
    next_step,
)
from dexkit.errors import InputError

RIGHT_HANDED = Hands("right")
MSFC = load_profile("nhpt_msfc")
MATHIOWETZ = load_profile("nhpt_mathiowetz")


def trial(profile, seat, time_s=20.0, verdict=Verdict.VALID):
    reason = "" if time_s is not None else "The task was not finished."
    return Trial(
        profile.id, profile.version, profile.object, profile.mode, seat, "touch",
        0.5, 1.0, None if time_s is None else 1.0 + time_s, 1.0 + (time_s or 300.0),
        completed=time_s is not None, verdict=verdict,
        scores=(Score("trial.time_s", time_s, "s", 1, reason),),
    )  # fmt: skip


def walk(profile, verdicts=(), times_s=(), hands=RIGHT_HANDED, order=None):
    """Do a whole test; return its steps and its trials."""
    order, steps, done = order or hands.order(profile), [], []
    verdicts, times_s = list(verdicts), list(times_s)
    for _ in range(40):
        step = next_step(profile, order, hands, done)
        if step.kind in ("done", "decide"):
            return steps, done
        steps.append((step.kind, step.seat.hand, step.seat.number, step.seat.attempt))
        counts = step.kind != "practice"
        verdict = Verdict(verdicts.pop(0)) if counts and verdicts else Verdict.VALID
        done.append(trial(profile, step.seat, times_s.pop(0) if counts and times_s else 20.0, verdict))
    raise AssertionError("The test does not end.")


def test_one_practice_and_one_trial_for_each_hand_dominant_first():
    steps, _ = walk(MATHIOWETZ)
    assert steps == [
        ("practice", "right", 1, 1), ("timed", "right", 1, 1),
        ("practice", "left", 1, 1), ("timed", "left", 1, 1),
    ]  # fmt: skip


def test_msfc_two_trials_dominant_then_two_without_practice():
    steps, _ = walk(MSFC, hands=Hands("left"))
    assert steps == [
        ("timed", "left", 1, 1),
        ("timed", "left", 2, 1),
        ("timed", "right", 1, 1),
        ("timed", "right", 2, 1),
    ]


def test_the_unaffected_hand_comes_first_where_the_profile_says_so():
    modified = load_profile("nhpt_modified")
    assert Hands("right", affected="right").order(modified) == ("left", "right")
    assert Hands("right").order(modified) == ("right", "left")
    assert Hands("right", affected="right").order(MATHIOWETZ) == ("right", "left")
    assert Hands("right", affected="right").role("left") == "non_dominant unaffected"


def test_an_annulled_trial_is_repeated_twice_at_most():
    steps, done = walk(MATHIOWETZ, ["annulled"] * 3, order=("right",))
    assert steps[1:] == [("timed", "right", 1, 1), ("repeat", "right", 1, 2), ("repeat", "right", 1, 3)]
    assert counting(MATHIOWETZ, done, "right") == ()
    assert hand_result(MATHIOWETZ, done, "right") is None
    steps, done = walk(MATHIOWETZ, ["annulled", "valid"], [50.0, 21.0], order=("right",))
    assert [kind for kind, *_ in steps] == ["practice", "timed", "repeat"]
    assert hand_result(MATHIOWETZ, done, "right").value == 21.0


def test_practice_is_never_repeated_nor_counted():
    done = [trial(MATHIOWETZ, Seat("right", "dominant", 1, True), 5.0, Verdict.ANNULLED)]
    assert next_step(MATHIOWETZ, ("right",), RIGHT_HANDED, done).kind == "timed"
    assert counting(MATHIOWETZ, done, "right") == ()


def test_an_open_question_is_decided_before_anything_else():
    _, done = walk(MSFC, ["valid", "ask"])
    step = next_step(MSFC, ("right", "left"), RIGHT_HANDED, done)
    assert (step.kind, step.seat) == ("decide", done[-1].seat)
    decided = [*done[:-1], replace(done[-1], verdict=Verdict.VALID)]
    assert next_step(MSFC, ("right", "left"), RIGHT_HANDED, decided).seat.hand == "left"


def test_the_msfc_is_the_mean_of_the_reciprocals_of_both_means():
    _, done = walk(MSFC, times_s=[18.0, 22.0, 30.0, 50.0])
    assert hand_result(MSFC, done, "right").value == 20.0
    assert hand_result(MSFC, done, "left").value == 40.0
    assert both_hands(MSFC, done).value == pytest.approx((1 / 20 + 1 / 40) / 2)
    assert both_hands(MATHIOWETZ, done) is None


def test_a_trial_that_was_not_finished_leaves_the_hand_without_a_time():
    _, done = walk(MSFC, times_s=[18.0, None, 30.0, 50.0])
    result = hand_result(MSFC, done, "right")
    assert (result.value, result.reason) == (None, "The task was not finished.")
    assert both_hands(MSFC, done).value is None


def test_a_struck_out_trial_leaves_no_mean():
    _, done = walk(MSFC, ["annulled"] * 3 + ["valid"])
    result = hand_result(MSFC, done, "right")
    assert (result.value, result.reason) == (None, "Too few trials count: 1 of 2.")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["nhpt_msfc", "nhpt_ordered", "cup_hold"]),
    st.lists(st.sampled_from(["valid", "annulled"]), max_size=30),
)
def test_every_test_ends_and_no_trial_is_repeated_too_often(profile_id, verdicts):
    profile = load_profile(profile_id)
    _, done = walk(profile, verdicts)
    for hand in ("left", "right"):
        for number in range(1, profile.fact("timed") + 1):
            tries = [
                t for t in done if (t.seat.hand, t.seat.number, t.seat.practice) == (hand, number, False)
            ]
            assert 1 <= len(tries) <= 1 + profile.fact("repeats")
            assert [t.seat.attempt for t in tries] == list(range(1, len(tries) + 1))
            assert all(t.verdict is Verdict.ANNULLED for t in tries[:-1])
        assert len(counting(profile, done, hand)) <= profile.fact("timed")


def out_of_turn(profile, order, seats):
    """Return the first trial that does not come next after those before it; None where all do."""
    for place, seat in enumerate(seats):
        if replace(seat, role="") not in next_seats(profile, order, seats[:place]):
            return seat
    return None


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["nhpt_mathiowetz", "nhpt_msfc", "cup_pour"]),
    st.lists(st.sampled_from(["valid", "annulled"]), max_size=30),
    st.data(),
)
def test_a_test_as_it_was_done_is_in_turn_and_one_that_lacks_a_trial_is_not(profile_id, verdicts, data):
    profile = load_profile(profile_id)
    order = RIGHT_HANDED.order(profile)
    seats = [each.seat for each in walk(profile, verdicts)[1]]
    assert out_of_turn(profile, order, seats) is None
    first_tries = [place for place, seat in enumerate(seats[:-1]) if seat.attempt == 1]
    lost = data.draw(st.sampled_from(first_tries))
    assert out_of_turn(profile, order, seats[:lost] + seats[lost + 1 :]) is not None
    assert out_of_turn(profile, order, [*seats[: lost + 1], *seats[lost:]]) == seats[lost]  # one twice


@pytest.mark.parametrize("hands", [Hands("left"), Hands("right", "left"), Hands("right", "right")])
def test_hands_are_known_again_by_the_roles_that_a_trial_keeps(hands):
    assert all(Hands.of(Seat(hand, hands.role(hand))) == hands for hand in ("left", "right"))


@pytest.mark.parametrize(
    ("value", "mine_s", "other_s", "found"),
    [(0.0, 6.0, 6.0, 0.0), (0.0, 12.0, 6.0, 1.0), (2.0, 12.0, 6.0, 2.0), (0.0, 12.0, None, 0.0)],
)
def test_item_14_tells_0_from_1_by_the_other_hand(value, mine_s, other_s, found):
    profile = load_profile("cup_ftm14")
    mine = replace(
        trial(profile, Seat("left"), mine_s), scores=(Score("pour.ftm14_class", value, "class", 1),)
    )
    assert ftm14_class(mine, trial(profile, Seat("right"), other_s)).value == found


def test_hands_that_nobody_has():
    with pytest.raises(InputError, match="misspelt"):
        Hands("both")
    with pytest.raises(InputError, match="no hand 'both'"):
        Seat("both")


# ---- Trials as text ----------------------------------------------------------------------------------------

WHOLE = replace(
    trial(MSFC, Seat("left", "non_dominant affected", 2, False, 3)),
    rulings=(Ruling("two_at_once", 3.0, Verdict.ANNULLED),),
    marks=(Mark("go", 0.5), Mark("override", 4.0, rule="two_at_once", verdict="valid", reason="ß")),
    splits={"placed_s": 11.0},
    counts={"placed": 9},
)


def test_a_trial_survives_being_text():
    assert Trial.from_json(WHOLE.to_json()) == WHOLE
    assert "\n" not in WHOLE.to_json()


def test_a_damaged_trial_is_refused_in_one_line():
    text = WHOLE.to_json()
    broken = [text[:end] for end in range(0, len(text), 5)]
    broken += [
        text.replace('"format": 1', '"format": 2'),
        "[]",
        "null",
        text.replace("two_at_once", "two", 1)[:-9],
    ]
    for name in json.loads(text):
        broken.append(json.dumps({key: value for key, value in json.loads(text).items() if key != name}))
    broken.append(json.dumps({**json.loads(text), "colour": "red"}))
    for each in broken:
        with pytest.raises(InputError) as caught:
            Trial.from_json(each)
        assert "\n" not in str(caught.value)
