"""Each sentence about the button board in docs/events.md, as a trace and the events that it must give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.protocol.tables import TABLE
from dexkit.segment import segment_buttons
from dexkit.sim import make_scene
from dexkit.sim.matching import agree

RATE_HZ = 200.0
COLUMNS = TABLE["button_board"]


def board(length_s, **closed):
    """Return a table in which these contacts are closed during these spans of seconds."""
    table = np.zeros((round(length_s * RATE_HZ), len(COLUMNS)), np.float32)
    for name, spans in closed.items():
        for start_s, end_s in spans:
            table[round(start_s * RATE_HZ) : round(end_s * RATE_HZ), COLUMNS.index(name)] = 1.0
    return table


def told(table, rate_hz=RATE_HZ):
    """Return (kind, channel, time in ms) of each event, in order of time."""
    events = segment_buttons(table, rate_hz)
    return sorted(
        ((str(e["kind"]), int(e["channel"]), round(1000 * float(e["t_s"]))) for e in events),
        key=lambda event: event[2],
    )


def bounced(start_s, end_s, chatter_s=(0.0, 0.005, 0.03, 0.06, 0.115)):
    """Return the spans of a contact that closes at start_s and opens at end_s, with bounce at both edges."""
    a, b, c, d, e = chatter_s
    spans = [(start_s + a, start_s + b), (start_s + c, start_s + d), (start_s + e, end_s)]
    return [*spans, (end_s + b, end_s + c), (end_s + d, end_s + e)]


def test_touches_with_gaps_under_150_ms_are_one():
    table = board(4, touch_2=[(1.0, 1.3), (1.445, 1.8), (1.95, 2.2)])
    assert told(table) == [("touch", 2, 1000), ("touch", 2, 1950)]


def test_a_button_goes_in_and_comes_out_whatever_the_bounce():
    table = board(9, entry_0=bounced(1.0, 7.0), seated_0=bounced(2.0, 6.0))
    assert told(table) == [("entry", 0, 1000), ("seated", 0, 2000), ("opened", 0, 6000)]


def test_an_entry_that_opens_without_having_seated_is_a_slip():
    table = board(4, entry_1=bounced(1.0, 2.0))
    assert told(table) == [("entry", 1, 1000), ("slip", 1, 2000)]


@pytest.mark.parametrize("flicker_ms", [5, 40, 70])
def test_a_seated_flicker_before_the_entry_opens_is_still_a_slip(flicker_ms):
    table = board(4, entry_1=[(1.0, 2.0)], seated_1=[(1.9, 1.9 + flicker_ms / 1000)])
    assert told(table) == [("entry", 1, 1000), ("slip", 1, 2000)]


def test_the_entry_opening_after_having_seated_is_nothing():
    table = board(6, entry_4=[(1.0, 2.5)], seated_4=[(2.0, 4.0)])
    assert told(table) == [("entry", 4, 1000), ("seated", 4, 2000), ("opened", 4, 4000)]


@pytest.mark.parametrize("seats", [bounced(2.0, 4.0), [(2.02, 2.06), (2.08, 2.1), (2.135, 4.0)]])
def test_an_entry_that_opens_while_the_button_is_seating_is_no_slip(seats):
    table = board(6, entry_4=[(1.0, 2.0)], seated_4=seats)
    assert [kind for kind, _, _ in told(table)] == ["entry", "seated", "opened"]


@pytest.mark.parametrize(
    ("gap_ms", "expected"), [(120, []), (390, []), (400, ["opened", "seated"]), (900, ["opened", "seated"])]
)
def test_seated_opening_and_closing_again_counts_from_400_ms_on(gap_ms, expected):
    table = board(8, entry_3=[(1.0, 6.5)], seated_3=[(2.0, 4.0), (4.0 + gap_ms / 1000, 6.0)])
    assert [kind for kind, _, _ in told(table)] == ["entry", "seated", *expected, "opened"]


@pytest.mark.parametrize("contact", ["touch_0", "entry_0", "seated_0"])
def test_a_glitch_of_10_ms_is_nothing(contact):
    assert told(board(3, **{contact: [(1.0, 1.01), (2.0, 2.005)]})) == []


@pytest.mark.parametrize("contact", ["entry_0", "seated_0"])
def test_a_gap_as_long_as_a_bounce_is_nothing(contact):
    kinds = [kind for kind, _, _ in told(board(5, **{contact: [(1.0, 2.0), (2.12, 3.0)]}))]
    assert kinds == (["entry", "slip"] if contact == "entry_0" else ["seated", "opened"])


def test_a_recording_may_begin_with_a_closed_button():
    table = board(4, entry_0=[(0.0, 2.5)], seated_0=[(0.0, 2.0)], entry_1=[(0.0, 4.0)])
    assert told(table) == [("opened", 0, 2000)]
    table[:20] = np.nan
    assert told(table) == [("opened", 0, 2000)]


def test_what_was_not_measured_holds_the_last_value():
    table = board(6, entry_0=[(1.0, 5.0)], seated_0=[(2.0, 4.0)])
    expected = told(table)
    table[500:560] = np.nan
    table[2::3, :15][table[1:-1:3, :15] == table[2::3, :15]] = np.nan
    assert told(table) == expected


def test_a_stream_that_ends_says_what_is_decided():
    opened = board(2.2, entry_0=[(0.0, 2.2)], seated_0=[(0.0, 2.0)])
    undecided = board(2.1, entry_0=[(0.0, 2.1)], seated_0=[(0.0, 2.0)])
    assert [kind for kind, _, _ in told(opened)] == ["opened"]
    assert told(undecided) == []


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_bounce_up_to_120_ms_never_changes_what_happened(data):
    """Any chatter after each edge, at any button, gives the events of the clean edges, at the same times."""
    rate_hz = data.draw(st.sampled_from([80.0, 200.0, 320.0, 400.0]))
    longest = int(0.12 * rate_hz)
    clean = board(10, entry_2=[(1, 8.5)], seated_2=[(2, 4), (5, 8)], entry_3=[(1, 3)])
    clean = clean[(np.arange(int(10 * rate_hz)) * RATE_HZ / rate_hz).astype(int)]
    rough = clean.copy()
    for column in np.flatnonzero(clean.any(axis=0)):
        for edge in np.flatnonzero(np.diff(clean[:, column])) + 1:
            chatter = data.draw(st.lists(st.booleans(), min_size=1, max_size=longest - 1))
            flipped = np.flatnonzero(chatter) + edge + 1
            rough[flipped, column] = 1.0 - clean[flipped, column]
    assert sorted(told(rough, rate_hz)) == sorted(told(clean, rate_hz))


def test_quality_is_the_share_of_agreement():
    clean = segment_buttons(board(4, entry_1=[(1.0, 2.0)]), RATE_HZ)
    rough = segment_buttons(board(4, entry_1=bounced(1.0, 2.0)), RATE_HZ)
    assert (clean["quality"] == 1.0).all()
    assert ((rough["quality"] > 0.0) & (rough["quality"] < 1.0)).all()


@pytest.mark.parametrize("severity", ["healthy", "moderate", "severe"])
def test_the_simulated_people_are_understood(severity):
    for seed in (21, 22):
        scene = make_scene("button_board", severity, seed)
        found = segment_buttons(scene.tables["button_board"], scene.rate_hz)
        truth = scene.truth["button_board"]
        assert agree(found, truth, 0.02, ("touch", "entry", "seated", "slip", "opened")).f1 >= 0.99
