"""Change: published values, the band of one's own spread, three words, what is claimed of stable people."""

import math
import re
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dexkit.errors import InputError
from dexkit.score.change import NoChange, Rule, TimedTrial, WhyNot, Word, compare, trend, trends
from dexkit.score.evidence import Status
from dexkit.score.student import t_cdf, t_quantile
from dexkit.score.thresholds import PAIRS, choose, known_conditions, thresholds
from tests.change_world import KINDS, days_that_differ, suite

PAGE = (Path(__file__).parent / "data" / "norm_tables.md").read_text(encoding="utf-8")
ROWS = {row.id: row for row in thresholds()}


def trials(*times_s, mode="free", hand="right", per_day=1, after=0):
    first = date(2026, 1, 5)
    return [
        TimedTrial(time_s, first + timedelta(days=after + i // per_day), "nhpt", mode, hand)
        for i, time_s in enumerate(times_s)
    ]


# Published values.


def printed(pattern):
    return tuple(float(number) for number in re.search(pattern, PAGE).groups())


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        (
            r"(32\.8) s / (6\.2) s; SRD% affected (54) %",
            ("chen_affected_s", "chen_less_affected", "chen_affected"),
        ),
        (r"LoA −([\d.]+)…\+9\.5 s; ordered mNHPT −([\d.]+)", ("watanabe_free", "watanabe_ordered")),
        (r"-> ([\d.]+) % = reliable change", ("schwid",)),
        (r"MDC ([\d.]+) / ([\d.]+) %", ("hervault_dominant", "hervault_non_dominant")),
        (r"repeatability ([\d.]+) s", ("cmt",)),
        (r"Parkinson MDC ([\d.]+) / ([\d.]+) s", ("earhart_dominant_s", "earhart_non_dominant_s")),
        (r"ARSACS.*MDC ([\d.]+) right / ([\d.]+) left", ("arsacs_right", "arsacs_left")),
        (r"-> ([\d.]+) % = reliable change", ("floor",)),
        (r"MDC [\d.]+ / ([\d.]+) %", ("floor_non_dominant",)),
    ],
)
def test_each_value_is_the_printed_one(pattern, ids):
    assert tuple(ROWS[each].value for each in ids) == printed(pattern)


def test_the_derived_value_of_parkinson_follows_from_the_abstract():
    mean, sd, mean2, sd2, icc, icc2 = printed(
        r"([\d.]+)\+/-([\d.]+) and ([\d.]+)\+/-([\d.]+) s, ICC (\.\d+)/(\.\d+)"
    )
    for row, m, s, r in (("earhart_dominant", mean, sd, icc), ("earhart_non_dominant", mean2, sd2, icc2)):
        assert ROWS[row].value == pytest.approx(100 * 1.96 * math.sqrt(2) * s * math.sqrt(1 - r) / m, abs=0.5)
        assert ROWS[row].status is Status.DERIVED


def test_blocked_values_have_a_reason_and_are_never_chosen():
    blocked = {row.id for row in thresholds() if not row.status.usable}
    assert blocked == {"earhart_dominant_s", "earhart_non_dominant_s", "arsacs_right", "arsacs_left"}
    assert all(ROWS[each].note for each in blocked)
    sides = [[word for word in words if word] for words in product(*(("", *pair) for pair in PAIRS))]
    conditions = {row.condition for row in thresholds()} | {"unheard of"}
    for condition, side, mode, time_s in product(conditions, sides, ("free", "ordered"), (10.0, 30.0, 200.0)):
        chosen = choose("nhpt", mode, condition, side, time_s, time_s)
        assert chosen is not None
        assert chosen.threshold.id not in blocked


@pytest.mark.parametrize(
    ("condition", "sides", "id_"),
    [
        ("stroke", ("affected",), "chen_affected"),
        ("stroke", ("affected", "dominant"), "chen_affected"),
        ("stroke", ("less_affected", "dominant"), "chen_less_affected"),
        ("stroke", (), "chen_affected"),  # either hand: the wider
        ("ms", ("dominant",), "schwid"),
        ("ms", ("non_dominant",), "hervault_non_dominant"),
        ("parkinson", ("dominant",), "earhart_dominant"),
        ("charcot_marie_tooth", ("dominant",), "cmt"),
        ("", ("dominant",), "floor"),
        ("Healthy", ("dominant",), "floor"),
        ("", ("non_dominant",), "floor_non_dominant"),
        ("", (), "floor_non_dominant"),
    ],
)
def test_the_value_of_the_condition_is_used_and_named(condition, sides, id_):
    found = compare(trials(30.0), trials(31.0, after=7), test="nhpt", condition=condition, sides=sides)
    assert found.threshold.id == id_
    assert found.rule is (Rule.PUBLISHED if ROWS[id_].condition else Rule.FLOOR)
    assert found.threshold.citation


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        ("stroke", "Stroke|STROKE | stroke|CVA|Apoplexy|Schlaganfall|stroke, left|Stroke (2019)|apoplex"),
        ("ms", "MS|Multiple Sclerosis|multiple sklerose|MS, secondary progressive|multiple-sclerosis"),
        ("parkinson", "Parkinson|parkinson |Parkinson's disease|PD|Morbus Parkinson|parkinsons"),
        ("charcot_marie_tooth", "Charcot-Marie-Tooth|CMT|Charcot Marie Tooth disease"),
        ("", " |healthy|Gesund"),
    ],
)
@pytest.mark.parametrize("sides", [(), ("affected", "non_dominant"), ("less_affected", "dominant")])
def test_a_condition_is_known_however_it_is_written(condition, written, sides):
    asked = {"earlier": trials(30.0), "later": trials(31.0, after=7), "test": "nhpt", "sides": sides}
    for word in written.split("|"):
        assert compare(condition=word, **asked) == compare(condition=condition, **asked), word


def test_every_condition_with_a_value_is_known_and_no_other():
    valued = {row.condition for row in thresholds() if row.condition and row.status.usable}
    assert set(known_conditions()) == valued


@settings(deadline=None)
@given(
    written=st.sampled_from(
        ["arsacs", "hemiparesis", "no stroke", "MS, stroke", "healthy until a stroke", "msa"]
    ),
    sides=st.sampled_from([(), *((word,) for pair in PAIRS for word in pair), ("less_affected", "dominant")]),
    earlier_s=st.floats(5.0, 200.0),
    later_s=st.floats(5.0, 200.0),
)
def test_an_unknown_word_claims_no_change_that_a_known_one_would_not(written, sides, earlier_s, later_s):
    asked = {"earlier": trials(earlier_s), "later": trials(later_s, after=7), "test": "nhpt"}
    found = compare(condition=written, sides=sides, **asked)
    assert found.rule is Rule.UNKNOWN
    for condition, known_sides in product(("", *known_conditions()), (sides, ())):
        known = compare(condition=condition, sides=known_sides, **asked)
        assert found.band_s[0] <= known.band_s[0] and known.band_s[1] <= found.band_s[1]
    low_s, high_s = ROWS["chen_affected"].band_s(found.earlier_s)  # the largest percentage
    assert found.band_s[0] <= low_s and high_s <= found.band_s[1]


def test_percent_becomes_a_factor_of_log_time():
    low_s, high_s = ROWS["chen_affected"].band_s(60.0)
    assert low_s * high_s == pytest.approx(60.0**2)
    # A log-normal time with the published CV has the published SRD, 1.96 sqrt(2) CV, of its own mean.
    sd_log = math.log(high_s / 60.0) / (1.96 * math.sqrt(2))
    assert scipy.stats.lognorm(sd_log).std() / scipy.stats.lognorm(sd_log).mean() == pytest.approx(
        0.54 / 1.96 / math.sqrt(2)
    )


def test_a_value_in_seconds_is_never_narrower_than_the_floor():
    asked = {"test": "nhpt", "condition": "charcot_marie_tooth", "sides": ("dominant",)}
    short = compare(trials(12.0), trials(12.0, after=7), **asked)
    assert short.band_s == pytest.approx((12.0 - 4.3, 12.0 + 4.3))
    assert not short.widened
    long = compare(trials(60.0), trials(60.0, after=7), **asked)
    assert long.band_s == pytest.approx(ROWS["floor"].band_s(60.0))
    assert long.widened
    beyond = compare(trials(130.0), trials(125.0, after=7), **asked)  # valid below 2 min only
    assert beyond.rule is Rule.FLOOR


def test_without_any_value_nothing_is_said_until_the_own_spread_is_known():
    for test, mode in (("buttons", "free"), ("nhpt", "guided")):
        few, late = trials(*[30.0] * 5, mode=mode), trials(10.0, mode=mode, after=30)
        assert compare(few, late, test=test) == NoChange(WhyNot.NO_VALUE)
        enough = trials(30.0, 31.0, 30.5, 29.0, 30.0, 31.0, mode=mode)
        assert compare(enough, late, test=test).word is Word.BETTER
    assert compare([], trials(30.0), test="nhpt") == NoChange(WhyNot.FIRST)


# One's own spread.


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 6, 7, 12, 29, 100])
def test_student_is_scipys(df):
    for share in (0.5, 0.9, 0.975, 0.985, 0.999):
        assert t_quantile(share, df) == pytest.approx(scipy.stats.t.ppf(share, df), rel=1e-9, abs=1e-12)
    for t in (-7.0, -1.0, 0.0, 0.3, 2.5, 40.0):
        assert t_cdf(t, df) == pytest.approx(scipy.stats.t.cdf(t, df), abs=1e-12)


times = st.floats(5.0, 200.0)


@settings(deadline=None)
@given(earlier=st.lists(times, min_size=6, max_size=6), later=st.lists(times, min_size=1, max_size=3))
def test_the_band_is_a_prediction_interval_in_log_time(earlier, later):
    assume(np.std(np.log(earlier)) > 0.01)
    found = compare(trials(*earlier), trials(*later, after=30), test="nhpt")
    logs = np.log(earlier)
    error = logs.std(ddof=1) * math.sqrt(1 / 6 + 1 / len(later))
    center = logs.mean()
    assert math.log(found.band_s[0]) == pytest.approx(center - scipy.stats.t.ppf(0.985, 5) * error, abs=1e-9)
    assert math.log(found.band_s[1]) == pytest.approx(center + scipy.stats.t.ppf(0.975, 5) * error, abs=1e-9)
    assert found.rule is Rule.PERSONAL
    assert found.sem_pct == pytest.approx(100 * logs.std(ddof=1))


@settings(deadline=None)
@given(
    earlier=st.lists(times, min_size=1, max_size=9),
    later=st.lists(times, min_size=1, max_size=3),
    c=st.floats(1.0, 5.0),
)
def test_a_word_says_on_which_side_of_the_band_the_time_lies_and_scale_is_nothing(earlier, later, c):
    # Where a spread is so small that timing counts, the scale of times is not nothing.
    assume(len(earlier) < 6 or min(np.std(np.log(earlier)), np.std(np.log(earlier[1:]))) > 0.02)
    asked = {"test": "nhpt", "condition": "stroke", "sides": ("affected",)}
    found = compare(trials(*earlier), trials(*later, after=30), **asked)
    low_s, high_s = found.band_s
    assert low_s < found.earlier_s < high_s
    place = (found.later_s < low_s, low_s <= found.later_s <= high_s, found.later_s > high_s)
    assert place == tuple(found.word is word for word in (Word.BETTER, Word.WITHIN, Word.WORSE))
    scaled = compare(
        trials(*(c * time_s for time_s in earlier)),
        trials(*(c * time_s for time_s in later), after=30),
        **asked,
    )
    edges = min(abs(math.log(found.later_s / edge)) for edge in found.band_s)
    assert scaled.word is found.word or edges < 1e-9


def test_times_that_are_all_the_same_claim_nothing_of_a_timing_error():
    assert compare(trials(*[20.0] * 8), trials(20.02, after=30), test="nhpt").word is Word.WITHIN


def test_the_first_of_seven_is_left_out_and_the_baseline_is_named():
    found = compare(trials(90.0, *[40.0, 41.0, 39.0, 40.0, 42.0, 40.0]), trials(40.0, after=30), test="nhpt")
    assert found.baseline.values == 6
    assert found.baseline.first_day == date(2026, 1, 6)
    assert found.baseline.last_day == date(2026, 1, 11)
    assert found.earlier_s == pytest.approx(40.32, abs=0.01)


def test_trials_of_one_day_are_one_value_unless_there_is_no_other_day():
    twice = trials(*[40.0, 42.0] * 4, per_day=2)
    found = compare(twice, trials(41.0, after=30), test="nhpt", sides=("dominant",))
    assert (found.rule, found.baseline.values, found.baseline.trials) == (Rule.FLOOR, 4, 8)
    same_day = trials(*[40.0, 42.0] * 4, per_day=8)
    found = compare(same_day[:6], same_day[6:], test="nhpt")
    assert (found.rule, found.baseline.values, found.baseline.by_day) == (Rule.PERSONAL, 6, False)


# Trends.


@settings(deadline=None)
@given(st.lists(times, min_size=3, max_size=14), st.integers(2, 13))
def test_a_point_keeps_its_word_when_others_follow(times_s, first):
    assume(first <= len(times_s))
    whole, part = trend(trials(*times_s), test="nhpt"), trend(trials(*times_s[:first]), test="nhpt")
    assert whole.points[:first] == part.points


def test_each_point_says_its_band_word_and_baseline():
    points = trend(
        trials(*[60.0, 55.0, 57.0, 52.0, 56.0, 54.0, 55.0, 30.0, 90.0]),
        test="nhpt",
        condition="stroke",
        sides=("affected",),
    ).points
    assert isinstance(points[0].change, NoChange)
    assert [point.change.rule for point in points[1:]] == [Rule.PUBLISHED] * 5 + [Rule.PERSONAL] * 3
    assert [point.change.baseline.values for point in points[1:]] == [1, 2, 3, 3, 3, 6, 6, 6]
    assert [point.change.word for point in points[6:]] == [Word.WITHIN, Word.BETTER, Word.WORSE]
    assert points[-1].change.baseline.first_day == points[1].day


def test_modes_hands_and_profiles_never_share_a_trend():
    free, ordered, left = trials(40.0, 41.0), trials(30.0, 31.0, mode="ordered"), trials(50.0, hand="left")
    for mixed in (free + ordered, free[:1] + left):
        with pytest.raises(InputError, match="never compared"):
            trend(mixed, test="nhpt")
        with pytest.raises(InputError, match="never compared"):
            compare(mixed[:1], mixed[-1:], test="nhpt")
    found = trends([free[0], ordered[0], left[0], free[1], ordered[1]], test="nhpt")
    assert [(each.mode, each.hand, len(each.points)) for each in found] == [
        ("free", "right", 2),
        ("ordered", "right", 2),
        ("free", "left", 1),
    ]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (trials(40.0), []),
        (trials(40.0, 41.0), trials(40.0, after=1)),  # one day before and after
        (trials(40.0, after=5), trials(40.0)),  # out of order
        (trials(0.0), trials(40.0, after=5)),
        (trials(40.0), trials(math.nan, after=5)),
    ],
)
def test_bad_input_is_one_line_with_a_next_step(earlier, later):
    with pytest.raises(InputError) as caught:
        compare(earlier, later, test="nhpt")
    assert "\n" not in str(caught.value)
    assert "Probably" in str(caught.value)


# What is claimed of people who have not changed: a short run of `make change`.


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3], *KINDS[5:]], ids=lambda kind: kind.name)
def test_stable_people_are_called_changed_in_at_most_5_percent(kind):
    done = suite(kind, 100, seed=11)
    # 3 standard errors of so few people are allowed; the comparisons of a person share a baseline.
    allowed = 5.0 + 300.0 * math.sqrt(0.05 * 0.95 / 200)
    for name in ("own",) if kind.source == "PROPOSED" else ("own", "published", "all"):
        assert done[name].claimed_pct <= allowed
        assert done[name].found_pct >= 93.0


def test_counting_the_trials_of_a_day_as_days_would_claim_too_much():
    by_day, by_trial = days_that_differ(KINDS[4], 400, 5)
    assert by_day.claimed_pct <= 6.0
    assert by_trial.claimed_pct > 8.0
