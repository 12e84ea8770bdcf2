"""Matching found with true events: cases made by hand."""

import numpy as np
import pytest

from dexkit.sim import TRUTH_DTYPE
from dexkit.sim.matching import agree, false_lifts


def events(*rows):
    return np.array([(kind, channel, 0, t_s) for kind, channel, t_s in rows], TRUTH_DTYPE)


@pytest.mark.parametrize(
    ("found", "true", "hits"),
    [
        ([], [], 0),
        ([("lift", 0, 1.00)], [("lift", 0, 1.00)], 1),
        ([("lift", 0, 1.05)], [("lift", 0, 1.00)], 1),  # just at the tolerance
        ([("lift", 0, 1.051)], [("lift", 0, 1.00)], 0),
        ([("put", 0, 1.00)], [("lift", 0, 1.00)], 0),  # another kind
        ([("lift", 1, 1.00)], [("lift", 0, 1.00)], 0),  # another channel
        ([("lift", 0, 0.98), ("lift", 0, 1.02)], [("lift", 0, 1.00)], 1),  # one to one
        ([("lift", 0, 1.00)], [("lift", 0, 0.97), ("lift", 0, 1.01)], 1),
        ([("lift", 0, 1.02), ("lift", 0, 1.06)], [("lift", 0, 1.00), ("lift", 0, 1.03)], 1),  # greedy
        (
            [("lift", 0, 1.00), ("lift", 0, 1.00)],
            [("lift", 0, 1.00), ("lift", 0, 1.00)],
            2,
        ),  # two at one time
    ],
)
def test_hits(found, true, hits):
    result = agree(events(*found), events(*true), 0.05, ("lift", "put"))
    assert (result.hits, result.found, result.true) == (hits, len(found), len(true))


def test_the_nearest_pair_goes_first():
    found = events(("lift", 0, 1.00), ("lift", 0, 1.04))
    true = events(("lift", 0, 1.03), ("lift", 0, 1.08))
    assert agree(found, true, 0.05, ("lift",)).pairs == ((1, 0),)
    assert agree(found, true, 0.10, ("lift",)).pairs == ((0, 1), (1, 0))


def test_kinds_not_asked_for_are_left_out_on_both_sides():
    found = events(("lift", 0, 1.0), ("bump", 0, 2.0))
    true = events(("lift", 0, 1.0), ("bump", 0, 5.0))
    assert agree(found, true, 0.05, ("lift",)).f1 == 1.0
    assert agree(found, true, 0.05, ("lift", "bump")).f1 == 0.5


def test_f1_by_hand():
    found = events(("lift", 0, 1.0), ("lift", 0, 3.0), ("lift", 0, 9.0))
    true = events(("lift", 0, 1.0), ("lift", 0, 3.0), ("lift", 0, 5.0), ("lift", 0, 7.0))
    result = agree(found, true, 0.05, ("lift",))
    assert result.f1 == pytest.approx(2 * 2 / (3 + 4))
    assert (result + result).f1 == pytest.approx(result.f1)
    assert agree(events(), events(), 0.05, ("lift",)).f1 == 1.0
    assert agree(events(), true, 0.05, ("lift",)).f1 == 0.0


def test_a_lift_where_none_was_is_false():
    true = events(("failed_lift", 0, 2.0), ("lift", 0, 5.0))
    assert false_lifts(events(("lift", 0, 2.2), ("lift", 0, 5.1)), true) == 1
    assert false_lifts(events(("lift", 0, 5.1)), true) == 0
