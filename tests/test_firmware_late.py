"""A board that is late: each conversion is in a row or counted as lost, whenever the next one ends."""

import numpy as np
import pytest

from dexkit.protocol.tables import STREAMS
from tests.soak import Desk

#: Each seventh row is read about when the next conversion ends: from well after that to well before.
LATE = """
from time import sleep_us, ticks_diff, ticks_us

from app import hot, main

plain = hot.take
rows = {}


def take(stream, ticks):
    row = rows[stream.name] = rows.get(stream.name, 0) + 1
    if stream.name == STREAM and row % 7 == 0:
        passed_us = ticks_diff(ticks_us(), stream.leader.pace.stamp)
        sleep_us(stream.period_us + 300 - 11 * (row // 7 % 80) - passed_us)
    plain(stream, ticks)


hot.take = take
main.run(KIND)
"""


@pytest.mark.parametrize(
    ("kind", "stream", "sensor", "first"),
    [
        ("coaster", "coaster/load", "plate", "load_n"),
        ("cup", "cup/load", "foot", "foot_n"),
        ("cup", "cup/motion", "motion", "gx_rads"),  # what its burst begins with
    ],
)
def test_a_conversion_that_ends_while_the_one_before_is_read_is_counted(kind, stream, sensor, first):
    """Rows, and what was lost before them, tell which conversion a row is; so does its value, its time."""
    program = LATE.replace("STREAM", repr(stream)).replace("KIND", repr(kind))
    facts = STREAMS[stream]
    with Desk(kind, per_s=1000.0, program=program) as desk:
        desk.plug()
        desk.until_samples()
        desk.run(4.0)
        desk.drain()
        assert desk.judge().missing == 0
        blocks = [kept for (name, _), kept in sorted(desk.boots[1].items()) if name == stream]
        period_ms = 1e3 * desk.board.chips[sensor].period_us * desk.board.stage.world_s_per_us
    counted, told_ms, rows = [], [], 0
    for kept in blocks:
        counted += [rows + kept.lost + k for k in range(kept.rows)]
        rows += kept.rows
        told_ms += np.frombuffer(kept.payload, facts.row_dtype)[first].tolist()
    told_ms = np.array(told_ms, float) + (0 if facts.wire == "i32" else 15_000)
    begun = np.flatnonzero(told_ms > 5)[0]
    off = (told_ms / period_ms - np.array(counted))[begun:]
    off -= np.median(off[:6])
    assert blocks[-1].lost > 20
    late = np.abs(off) > 0.5  # a row that was read in doubt may hold the next conversion, no other may
    assert np.abs(off).max() < 1.5 and late.sum() <= blocks[-1].lost
    assert not np.any(late[1:] & late[:-1])
