"""While a recording is written its table and events grow to what the finished recording gives."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.protocol.tables import STREAMS, TABLE
from dexkit.recording import Recording, Stream
from dexkit.score.live import LiveTake
from dexkit.score.take import take_of
from dexkit.sim import make_scene

#: Times may differ by a sample or two.
SAME_S = 0.008
SCENES = [
    (kind, "cup" if kind == "coaster" else kind, severity, seed)
    for kind in ("pegboard", "button_board", "cup", "coaster")
    for severity in ("healthy", "severe")
    for seed in (1, 2)
]


@cache
def recorded(kind, severity, seed):
    """Return a scene as boards would record it: each converter at a rate of its own, streams begin apart."""
    scene = make_scene(kind, severity, seed, test="ftm14" if kind == "cup" else "")
    rng = np.random.default_rng(seed)
    streams = {}
    for name, facts in STREAMS.items():
        place = name.split("/")[0]
        if place in scene.worlds:
            rate_hz = facts.rate_hz * (1 + (rng.uniform(-0.02, 0.02) if facts.rate_hz == 320 else 0.0))
            t_s = rng.uniform(0, 0.02) + np.arange(int((scene.duration_s - 0.1) * rate_hz)) / rate_hz
            picked = [TABLE[place].index(column) for column in facts.columns]
            values = np.ascontiguousarray(scene.worlds[place].read(t_s)[:, picked])
            streams[name] = Stream(name, facts.columns, t_s, values, facts.rate_hz)
    return Recording(kind, dict(scene.meta), streams)


def without(recording, name, gap):
    """Return a recording in which a stream lacks what stood in a gap (s)."""
    stream = recording.streams[name]
    kept = (stream.t_s < gap[0]) | (stream.t_s >= gap[1])
    cut = Stream(name, stream.columns, stream.t_s[kept], stream.values[kept], stream.rate_hz)
    return Recording(recording.object_kind, recording.meta, {**recording.streams, name: cut})


def lived(recording, kind, seed, behind_s=0.15):
    """Feed a recording as it would come: blocks of any size, each stream behind by what it likes."""
    rng = np.random.default_rng(seed)
    live = LiveTake(kind, list(recording.streams), recording.meta)
    streams = [stream for name, stream in recording.streams.items() if name.startswith(f"{kind}/")]
    sent = dict.fromkeys(recording.streams, 0)
    now_s, end_s = 0.0, max(stream.t_s[-1] for stream in streams) + behind_s
    while now_s <= end_s:
        now_s += rng.uniform(0.01, 0.25)
        for place in rng.permutation(len(streams)):
            stream = streams[place]
            until = int(np.searchsorted(stream.t_s, now_s - rng.uniform(0, behind_s)))
            if until > sent[stream.name]:
                part = slice(sent[stream.name], until)
                live.add(stream.name, stream.t_s[part], stream.values[part])
                sent[stream.name] = until
        live.advance()
    for stream in streams:
        live.add(stream.name, stream.t_s[sent[stream.name] :], stream.values[sent[stream.name] :])
    live.finish()
    return live.take


def assert_same(live, whole):
    """Hold live events against those of the recording: the same, within a few milliseconds."""
    told = [sorted(zip(t.events["kind"], t.events["channel"], strict=True)) for t in (live, whole)]
    assert told[0] == told[1]
    for kind, channel in set(told[0]):
        apart = np.subtract(live.times(kind, channel=channel), whole.times(kind, channel=channel))
        assert np.abs(apart).max() <= SAME_S, (kind, channel)


@pytest.mark.parametrize(("kind", "scene", "severity", "seed"), SCENES)
def test_live_events_are_those_of_the_recording(kind, scene, severity, seed):
    recording = recorded(scene, severity, seed)
    whole = take_of(recording, kind)
    assert len(whole.events)
    assert_same(lived(recording, kind, seed), whole)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**20), first_s=st.floats(0.5, 14.0), lasting_s=st.floats(0.002, 3.0))
@pytest.mark.parametrize("stream", ["pegboard/contacts", "pegboard/tray"])
def test_gaps_and_any_order_of_blocks_change_nothing(stream, seed, first_s, lasting_s):
    recording = without(recorded("pegboard", "healthy", 3), stream, (first_s, first_s + lasting_s))
    whole, live = take_of(recording, "pegboard"), lived(recording, "pegboard", seed)
    assert_same(live, whole)
    assert abs(live.missing.mean() - whole.missing.mean()) < 0.005
    assert np.isfinite(live.samples).all()


def test_a_silent_sensor_stops_nothing():
    recording = recorded("pegboard", "healthy", 3)
    live = LiveTake("pegboard", ["pegboard/contacts", "pegboard/tray"])
    contacts = recording.streams["pegboard/contacts"]
    live.add(contacts.name, contacts.t_s, contacts.values)
    assert live.advance()
    assert live.take.end_s == pytest.approx(contacts.t_s[-1] - 2.0, abs=0.01)
    assert live.take.missing.all()
    assert set(live.take.events["kind"]) <= {"enter", "seat", "bounce", "unseat"}


def test_a_take_that_was_given_out_is_not_copied_and_does_not_change():
    recording = recorded("pegboard", "healthy", 3)
    live = LiveTake("pegboard", list(recording.streams))
    takes = []
    for end_s in (4.0, 5.0, 20.0):
        for stream in recording.streams.values():
            first = int(np.searchsorted(stream.t_s, takes[-1][1] if takes else 0.0))
            last = int(np.searchsorted(stream.t_s, end_s))
            live.add(stream.name, stream.t_s[first:last], stream.values[first:last])
        live.advance()
        takes.append((live.take, end_s, live.take.samples.copy()))
    assert np.shares_memory(takes[0][0].samples, takes[1][0].samples)
    assert all(np.array_equal(take.samples, before) for take, _, before in takes)
