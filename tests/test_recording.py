"""Recordings: what is written is what is read, others can open it, a killed process loses a second."""

import os
import signal
import struct
import subprocess
import sys
import tarfile
import textwrap
import zlib

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mcap.reader import make_reader

from dexkit.errors import InputError, RecordingError
from dexkit.recording import Losses, Recording, Stream, StreamPlan, Writer, probes_plan, read, recover, write
from dexkit.recording.reader import read_bytes
from tests.damage import MASKS, cup_recording, judge, same_streams, victim


@st.composite
def streams(draw, name):
    """Any stream that a recording may hold: irregular, with gaps, with nothing measured, empty."""
    columns = draw(st.integers(1, 4))
    steps = draw(st.lists(st.sampled_from([0.0, 1e-6, 0.003125, 0.01, 0.25, 8.8]), max_size=60))
    values = draw(arrays.arrays(np.float32, (len(steps), columns)))
    return Stream(name, tuple(f"c{i}" for i in range(columns)), np.cumsum(steps), values, None)


@given(
    first=streams("cup/load"),
    second=streams("weight"),
    meta=st.dictionaries(st.text(), st.text(), max_size=3),
)
@settings(deadline=None, max_examples=50)
def test_what_is_written_is_what_is_read(tmp_path_factory, first, second, meta):
    path = tmp_path_factory.mktemp("r") / "r.mcap"
    meta = {key: value for key, value in meta.items() if key not in ("start_ns", "losses")}
    recording = Recording("cup", meta, {first.name: first, second.name: second})
    write(path, recording)
    again = read(path)
    assert (again.object_kind, dict(again.meta)) == ("cup", meta)
    assert same_streams(recording, again)
    assert again.losses == Losses()


def test_the_same_recording_gives_the_same_bytes(tmp_path):
    recording = cup_recording(seconds=3.0)
    for name in ("a", "b"):
        write(tmp_path / name, recording)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_mcap_library_reads_it_and_its_checksums_hold(tmp_path):
    path = tmp_path / "r.mcap"
    recording = cup_recording(seconds=5.0)
    write(path, recording)
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        messages = list(reader.iter_messages())
    assert {channel.topic for channel in summary.channels.values()} == set(recording.streams)
    assert {schema.encoding for schema in summary.schemas.values()} == {"ros1msg"}
    assert len(messages) == summary.statistics.message_count
    times = [message.log_time for _, _, message in messages]
    assert times == sorted(times)
    load = [message.data for _, channel, message in messages if channel.topic == "cup/load"]
    n = int.from_bytes(load[0][8:12], "little")  # uint32 first_index, uint32 lost_before, float64[] t_s, ...
    assert np.array_equal(np.frombuffer(load[0], "<f8", n, 12), recording.streams["cup/load"].t_s[:n])


def test_clock_probes_lost_samples_and_the_wall_clock_are_kept(tmp_path):
    path = tmp_path / "r.mcap"
    plan = StreamPlan("coaster/load", ("load_n",), 320.0)
    start_ns = 1_790_000_000_000_000_000
    with Writer(
        path, "coaster", {"person": "P07"}, [plan, probes_plan("coaster")], start_ns=start_ns
    ) as writer:
        writer.append("coaster/load", np.arange(25) / 320, np.ones(25))
        writer.append("clock/coaster", 0.05, [2e-5, 0.0013, 0.0])
        writer.append("coaster/load", np.arange(60, 70) / 320, np.ones(10), lost_before=35)
    recording = read(path)
    assert recording.losses == Losses(samples_lost_by_board=35)
    assert not recording.losses.recovered
    assert dict(recording.meta) == {"person": "P07", "start_ns": str(start_ns)}
    assert np.array_equal(recording.streams["clock/coaster"].values, np.float32([[2e-5, 0.0013, 0.0]]))
    with path.open("rb") as file:
        reader = make_reader(file)
        assert reader.get_summary().statistics.message_start_time == start_ns
        heads = [message.data[:8] for _, _, message in reader.iter_messages(topics=["coaster/load"])]
    told = [struct.unpack("<II", head) for head in heads]  # number of its first sample, lost before
    assert [head for head in told if head[1]] == [(25, 35)]


@pytest.mark.parametrize(
    ("t_s", "values"),
    [
        ([0.2, 0.1], [1.0, 1.0]),
        ([-0.1], [1.0]),
        ([np.nan], [1.0]),
        ([np.inf], [1.0]),
        ([0.1, 0.2], [1.0]),
        ([0.1], [[1.0, 2.0]]),
    ],
)
def test_samples_that_do_not_fit_are_refused_whole(tmp_path, t_s, values):
    path = tmp_path / "r.mcap"
    with Writer(path, "coaster", {}, [StreamPlan("coaster/load", ("load_n",), 320.0)]) as writer:
        writer.append("coaster/load", [0.0], [5.0])
        with pytest.raises(InputError):
            writer.append("coaster/load", t_s, values)
        writer.append("coaster/load", [0.3], [6.0])
    assert read(path).streams["coaster/load"].values.tolist() == [[5.0], [6.0]]


def test_an_existing_recording_is_never_touched(tmp_path):
    path = tmp_path / "r.mcap"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists already"):
        Writer(path, "coaster", {}, [])
    with pytest.raises(InputError, match="exists already"):
        write(path, cup_recording(seconds=0.1))
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordingError, match="free some space"):
        write(tmp_path / "r.mcap", cup_recording(seconds=0.1))
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_loses_at_most_a_second(tmp_path):
    path = tmp_path / "r.mcap"
    script = """
        import sys, time
        import numpy as np
        from dexkit.recording import StreamPlan, Writer
        writer = Writer(sys.argv[1], "coaster", {}, [StreamPlan("coaster/load", ("load_n",), 50.0)])
        start, n = time.monotonic(), 0
        while True:
            now = int((time.monotonic() - start) * 50)
            writer.append("coaster/load", np.arange(n, now) / 50, np.arange(n, now, dtype=float))
            n = now
            print(n, flush=True)
            time.sleep(0.01)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], stdout=subprocess.PIPE, text=True
    )
    appended = 0
    while appended < 125:  # two and a half seconds, too little to fill a chunk
        appended = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    appended = max([appended, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    recording = read(path)
    load = recording.streams["coaster/load"]
    assert len(load.t_s) >= appended - 1.1 * 50
    assert np.array_equal(load.values[:, 0], np.arange(len(load.t_s)))
    assert "without its end mark" in " ".join(recording.losses.reasons)


def test_a_recovered_file_is_whole_and_remembers_what_was_lost(tmp_path):
    whole, cut, out = tmp_path / "whole.mcap", tmp_path / "cut.mcap", tmp_path / "out.mcap"
    write(whole, cup_recording(seconds=5.0))
    cut.write_bytes(whole.read_bytes()[:20_000])
    losses = recover(cut, out)
    assert losses.recovered
    assert read(out).losses == losses
    assert same_streams(read(cut), read(out))
    with out.open("rb") as file:
        assert make_reader(file, validate_crcs=True).get_summary() is not None


def test_what_is_no_recording_is_said_plainly(tmp_path):
    for data, words in (
        (b"", "is empty"),
        (b"t_s,weight_g\n0,1\n", "is not a recording"),
        (b"\x89MCAP0\r\n", "cut before anything"),
        (bytes(10_000), "is not a recording"),
    ):
        with pytest.raises(RecordingError, match=words):
            read_bytes(data)
    with pytest.raises(RecordingError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(RecordingError, match="no file"):
        read(tmp_path / "nothing.mcap")


def test_a_file_that_pretends_is_refused_in_one_line(tmp_path):
    from mcap.writer import Writer as McapWriter

    from dexkit.recording.container import sealed

    plan = '[{"name": "cup/load", "columns": ["foot_n"], "rate_hz": null}]'
    good = {"format": "1", "object": "cup", "streams": plan}
    for facts, payload in (
        (good, b"nonsense"),
        (good | {"streams": "no JSON"}, b""),
        (good | {"streams": '[{"name": "cup/load"}]'}, b""),
        (good | {"samples": "[]"}, b""),
        (good | {"losses": '{"x": 1}'}, b""),
    ):
        path = tmp_path / "r.mcap"
        with path.open("wb") as file:
            writer = McapWriter(file)
            writer.start()
            writer.add_metadata("dexkit", sealed(facts))
            channel = writer.register_channel("cup/load", "ros1", 0)
            if payload:
                writer.add_message(channel, 0, payload, 0)
            writer.finish()
        if facts == good | {"samples": "[]"}:
            assert read(path).streams["cup/load"].t_s.shape == (0,)
            continue
        with pytest.raises(RecordingError, match="was not written by dexkit") as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_a_chunk_whose_records_do_not_fill_it_is_refused_in_one_line():
    from mcap.opcode import Opcode

    whole = victim().data
    start, end, *_ = victim().chunks[0]
    for told in (1000, 5):
        content = struct.pack("<BQ", Opcode.MESSAGE, told) + bytes(100)
        packed = zstandard.compress(content)
        head = struct.pack("<QQQII4sQ", 0, 0, len(content), zlib.crc32(content), 4, b"zstd", len(packed))
        chunk = struct.pack("<BQ", Opcode.CHUNK, len(head) + len(packed)) + head + packed
        with pytest.raises(RecordingError, match=r"was not written by dexkit.*beyond its chunk"):
            read_bytes(whole[:start] + chunk + whole[end:])


def test_every_file_of_the_conformance_set_is_walked_and_refused_by_name(shared_data):
    from dexkit.recording.container import walk

    expected = {"OneMessage": 1, "OneSchemalessMessage": 1, "TenMessages": 10}
    count = 0
    with tarfile.open(shared_data / "mcap-conformance" / "mcap-conformance.tar.gz") as archive:
        for member in archive:
            if not member.name.endswith(".mcap"):
                continue
            data = archive.extractfile(member).read()
            case = member.name.split("/")[-2]
            found = walk(data)
            assert found.message_count == expected.get(case, 0), member.name
            assert not found.damages, member.name
            with pytest.raises(RecordingError, match="no recording of dexkit"):
                read_bytes(data, member.name)
            count += 1
    assert count == 416


def test_damage_anywhere_invents_nothing_and_loses_at_most_one_chunk_and_says_so():
    """A sample, seeded, of the whole sweep `python -m tests.damage`; both ends of the file are done whole."""
    size = len(victim().data)
    rng = np.random.default_rng(20261122)
    places = [*range(120), *rng.integers(0, size, 400).tolist(), *range(size - 120, size)]
    for start, end, *_ in victim().chunks[::5]:
        places += [start, end]  # cut between records, where nothing but the missing end mark tells
    totals = victim().data.rfind(b'cup/motion": ')  # in the metadata at the end
    places += [*range(totals - 400, totals + 40, 4)]
    chunk = victim().chunks[7][0]
    places += [*range(chunk, chunk + 60)]  # the whole head of one chunk
    cases = [("cut", at) for at in places] + [(MASKS[i % 3], at) for i, at in enumerate(places)]
    counts, failures = judge(cases)
    assert not failures, failures[:5]
    assert counts["flip: one chunk lost and counted"] > 200
    assert counts["cut: all whole chunks read"] > 200


def test_many_damaged_places_invent_nothing():
    whole, rng = victim(), np.random.default_rng(7)
    for _ in range(100):
        data = bytearray(whole.data)
        for at in rng.integers(0, len(data), 20):
            data[at : at + 16] = rng.bytes(16)
        recovered = read_bytes(bytes(data))
        assert recovered.losses.recovered
        for name, stream in recovered.streams.items():
            original = whole.recording.streams[name]
            at = np.searchsorted(original.t_s, stream.t_s)
            assert np.array_equal(original.t_s[at], stream.t_s)
            assert np.array_equal(original.values[at], stream.values)
        if recovered.losses.chunks_lost == 0:
            assert same_streams(recovered, whole.recording)


def test_a_cut_file_that_is_damaged_too_loses_one_chunk_more_at_most():
    """No end, so no totals and no checksum over everything: each chunk still stands for itself."""
    whole, rng = victim(), np.random.default_rng(11)
    size = whole.chunks[40][1]
    held = sum(whole.chunks[40][3])
    metadata = whole.data.find(b"dexkit", 40)
    for at in [*range(metadata, metadata + 40, 2), *rng.integers(0, size, 100).tolist()]:
        data = bytearray(whole.data[:size])
        data[at] ^= 0xFF
        recovered = read_bytes(bytes(data))
        hit = [chunk for chunk in whole.chunks if chunk[0] <= at < chunk[1]]
        in_hit = sum(sum(chunk[3]) - sum(chunk[2]) for chunk in hit)
        found = 0
        for name, stream in recovered.streams.items():
            original = whole.recording.streams[name]
            place = np.searchsorted(original.t_s, stream.t_s)
            assert np.array_equal(original.t_s[place], stream.t_s)
            assert np.array_equal(original.values[place], stream.values)
            found += len(stream.t_s)
        assert recovered.object_kind == "cup"
        assert recovered.losses.recovered
        assert found in (held, held - in_hit)
        if (
            found < held and hit[0] is not whole.chunks[40]
        ):  # behind the last chunk nothing counts what is gone
            assert recovered.losses.samples_missing == in_hit


@pytest.mark.parametrize(
    "times", [[0.0, 2e9], [0.0, 1e300, 2e300], [0.0, 2.0, 1.0], [-1.0, 0.0], [0.0, np.nan]]
)
def test_times_that_no_recording_has_are_refused_and_nothing_is_left(tmp_path, times):
    stream = Stream("weight", ("weight_g",), np.array(times), np.zeros((len(times), 1), np.float32), None)
    with pytest.raises(InputError, match="The times of 'weight'"):
        write(tmp_path / "odd.mcap", Recording("weight", {}, {"weight": stream}))
    assert list(tmp_path.iterdir()) == []
