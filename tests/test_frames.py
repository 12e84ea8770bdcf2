"""Frames: the C decoder and its twin agree on anything, know damage, and count losses exactly."""

import dataclasses
import itertools
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit import InputError, decode
from dexkit.core import lib
from dexkit.protocol import frames, frames_reference
from dexkit.protocol.blocks import Counts
from dexkit.protocol.frames import encode_frame, encode_samples
from dexkit.protocol.frames_reference import cobs_stuff, cobs_unstuff
from dexkit.protocol.tables import STREAMS

needs_core = pytest.mark.skipif(lib is None, reason="the C core is not built")
both = pytest.mark.parametrize(
    "decoder_class",
    [pytest.param(frames.Decoder, id="face"), pytest.param(frames_reference.Decoder, id="twin")],
)


def tray(sequence, rows=3, **facts):
    return encode_samples(
        "pegboard/tray", [[sequence + k] for k in range(rows)], sequence=sequence, tick_us=0, **facts
    )


def log(sequence, length=5):
    return encode_frame("log", b"x" * length, sequence=sequence, tick_us=1)


def run(decoder_class, data, cuts=(), duplicates=False):
    """Return blocks with their payloads, and counts, of data pushed in pieces."""
    decoder = decoder_class(duplicates)
    edges = [0, *sorted(cuts), len(data)]
    taken = [decoder.push(data[a:b]) for a, b in itertools.pairwise(edges)]
    taken.append(decoder.finish())
    blocks = [
        (*block.tolist()[:6], block["late"], part.payload_of(i))
        for part in taken
        for i, block in enumerate(part.blocks)
    ]
    return blocks, decoder.counts


# ---- Equal for anything ----------------------------------------------------------------------------------


@st.composite
def damaged_streams(draw):
    """Bytes of frames in any order, with gaps, repetitions, and then flips, cuts and noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    start = draw(st.sampled_from([0, 7, 2**31 - 3, 2**32 - 4]))
    parts = []
    for _ in range(draw(st.integers(0, 30))):
        sequence = start + int(rng.choice([0, 1, 2, 3, 5, 8, 70_000, 2**31])) + int(rng.integers(0, 12))
        length = int(rng.choice([0, 1, 229, 233, 234, 235, 300, 1020, 1024]))
        payload = rng.integers(1, 256, length, dtype=np.uint8).tobytes()
        kind = rng.integers(0, 4)
        if kind == 0:
            parts.append(encode_frame("log", payload, sequence=sequence, tick_us=3))
        elif kind == 1:
            parts.append(encode_frame("hello", b"{}", sequence=int(rng.integers(0, 2)), tick_us=3))
        elif kind == 2:
            parts.append(cobs_stuff(payload) + b"\0")
        else:
            parts.append(tray(sequence, rows=int(rng.integers(1, 200))))
    data = bytearray(b"".join(parts))
    for _ in range(draw(st.integers(0, 12))):
        at = int(rng.integers(0, len(data) + 1))
        match rng.integers(0, 4):
            case 0:
                data[at:at] = rng.integers(0, 256, rng.integers(0, 9), dtype=np.uint8).tobytes()
            case 1:
                del data[at : at + int(rng.integers(0, 40))]
            case 2:
                data[at : at + 1] = bytes([rng.integers(0, 256)])
            case 3:
                data[at:at] = bytes(data[at : at + int(rng.integers(0, 400))])
    return bytes(data), sorted(rng.integers(0, len(data) + 1, draw(st.integers(0, 9))).tolist())


@needs_core
@settings(max_examples=300, deadline=None)
@given(damaged_streams(), st.booleans())
def test_c_equals_twin_on_damaged_bytes_in_any_chunking(case, duplicates):
    data, cuts = case
    expected = run(frames_reference.Decoder, data, (), duplicates)
    assert run(frames.Decoder, data, cuts, duplicates) == expected
    assert run(frames_reference.Decoder, data, cuts, duplicates) == expected


@both
def test_duplicates_are_delivered_only_to_those_who_keep_the_order_themselves(decoder_class):
    data = tray(0) + tray(1) + tray(0) + tray(1)
    for duplicates, sequences in ((False, [0, 1]), (True, [0, 1, 0, 1])):
        blocks, counts = run(decoder_class, data, (), duplicates)
        assert [block[3] for block in blocks] == sequences
        assert counts == Counts(good=2, duplicate=2)


@needs_core
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_c_equals_twin_on_noise(data, cuts):
    cuts = [min(cut, len(data)) for cut in cuts]
    assert run(frames.Decoder, data, cuts) == run(frames_reference.Decoder, data)


# ---- What comes out is what went in ----------------------------------------------------------------------


@both
@pytest.mark.parametrize("length", [0, 1, 232, 233, 234, 235, 253, 254, 255, 488, 1023, 1024])
def test_a_payload_of_any_length_comes_back(decoder_class, length):
    for fill in (b"\0", b"\1", b"\xff"):
        data = encode_frame("log", fill * length, sequence=9, tick_us=2**32 + 5, lost=3)
        blocks, counts = run(decoder_class, data)
        assert blocks == [(6, 0, 0, 9, 5, 3, 0, fill * length)]
        assert counts == Counts(good=1)


@both
def test_every_single_flip_is_noticed_and_the_next_frame_is_whole(decoder_class):
    first, second = tray(0), tray(1)
    for at in range(len(first)):
        for bit in range(8):
            damaged = bytearray(first)
            damaged[at] ^= 1 << bit
            blocks, counts = run(decoder_class, bytes(damaged) + second)
            in_step = [block[3] for block in blocks]
            if at == len(first) - 1:  # the zero between the two: both are one, and neither is taken
                assert in_step == []
            else:
                assert in_step == [1]
            assert counts.bad_crc + counts.malformed + counts.too_short >= 1


@both
def test_a_cut_anywhere_costs_at_most_one_frame(decoder_class):
    data = b"".join(tray(k) for k in range(4))
    for at in range(len(data)):
        blocks, _ = run(decoder_class, data[at:])
        whole_after = [k for k in range(4) if len(b"".join(tray(i) for i in range(k))) >= at]
        assert [block[3] for block in blocks] == whole_after


# ---- Losses ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("gap", [1, 2, 255, 65_535, 65_536, 70_000, 2**31 - 1])
@pytest.mark.parametrize("start", [0, 2**32 - 10, 2**31 - 5])
def test_a_gap_of_any_size_is_counted_exactly_across_the_wrap(decoder_class, gap, start):
    _, counts = run(decoder_class, tray(start) + tray(start + 1 + gap))
    assert counts == Counts(good=2, missing=gap)


@both
def test_what_is_sent_again_is_late_once_and_then_duplicate(decoder_class):
    sent = [5, 6, 9, 7, 7, 5, 9, 10, 8, 8]
    blocks, counts = run(decoder_class, b"".join(map(tray, sent)))
    assert [(block[3], block[6]) for block in blocks] == [(5, 0), (6, 0), (9, 0), (7, 1), (10, 0), (8, 1)]
    assert counts == Counts(good=6, duplicate=4, late=2)


@both
def test_each_stream_counts_for_itself(decoder_class):
    panel = [encode_samples("button_board/panel", [[0]], sequence=k, tick_us=0) for k in (100, 103)]
    _, counts = run(decoder_class, tray(0) + panel[0] + log(50) + tray(1) + panel[1] + log(52))
    assert counts == Counts(good=6, missing=3)


@both
def test_a_board_that_starts_anew_begins_all_sequences_again(decoder_class):
    hello = encode_frame("hello", b"{}", sequence=0, tick_us=0)
    _, counts = run(decoder_class, tray(900) + log(400) + hello + tray(0) + log(1))
    assert counts == Counts(good=5)


# ---- Refused though the checksum is right ----------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "header", [(0, 0, 0), (8, 0, 0), (2, 0, 1), (2, 9, 1), (2, 8, 2), (6, 8, 0), (6, 0, 1), (255, 255, 65535)]
)
def test_a_verified_frame_that_the_schema_does_not_know_is_malformed(decoder_class, header):
    body = frames_reference.HEADER.pack(*header, 0, 0, 0) + bytes(4)
    data = cobs_stuff(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"
    assert run(decoder_class, data) == ([], Counts(malformed=1))


@both
def test_what_is_counted_as_short_and_long(decoder_class):
    assert run(decoder_class, b"\0\0\0")[1] == Counts()
    assert run(decoder_class, b"\x01" * 20 + b"\0")[1] == Counts(too_short=1)
    assert run(decoder_class, tray(0)[:-1])[1] == Counts(too_short=1)
    assert run(decoder_class, b"\x02" * 5000 + b"\0" + tray(0))[1] == Counts(good=1, malformed=1)


# ---- Samples ---------------------------------------------------------------------------------------------


def test_samples_are_scaled_ordered_and_timed():
    period_us = 1e6 / 320
    blocks = [(0, 2**32 - 4000), (2, 8500), (1, 2250)]  # the tick wraps, and block 1 comes late
    data = b"".join(
        encode_samples("cup/load", [[10 * s, -s], [10 * s + 1, -s]], sequence=s, tick_us=tick)
        for s, tick in blocks
    )
    samples = decode(data).samples("cup/load")
    assert samples.columns == ("foot_n", "inner_n")
    assert samples.values.dtype == np.float32
    scale = STREAMS["cup/load"].scales[0]
    np.testing.assert_allclose(
        samples.values, np.array([[0, 0], [1, 0], [10, -1], [11, -1], [20, -2], [21, -2]]) * scale, rtol=1e-6
    )
    first = np.array([-4000, 2250, 8500])
    expected = np.stack([first, first + period_us], axis=1).ravel() + 2**32
    np.testing.assert_allclose(samples.ticks_us, expected, atol=0.5)


def test_bits_become_columns_of_zero_and_one():
    rng = np.random.default_rng(0)
    for stream in ("button_board/touch", "button_board/contacts", "pegboard/contacts"):
        rows = rng.integers(0, 2, (7, len(STREAMS[stream].columns)))
        data = encode_samples(stream, rows, sequence=0, tick_us=0) + log(0)
        data += encode_samples(stream, rows[::-1], sequence=1, tick_us=0)
        np.testing.assert_array_equal(decode(data).samples(stream).values, np.concatenate([rows, rows[::-1]]))


def test_a_stream_that_is_not_there_has_no_samples():
    samples = decode(log(0)).samples("cup/motion")
    assert samples.values.shape == (0, 6)
    assert samples.ticks_us.shape == (0,)


# ---- At the door -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["text", 5, None, np.zeros((4, 4))[:, 1]])
def test_decode_refuses_what_is_not_bytes(what):
    with pytest.raises(InputError, match="Pass the bytes themselves"):
        decode(what)


def test_decode_takes_any_contiguous_bytes():
    data = tray(0)
    for form in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert decode(form).counts.good == 1
    assert decode(b"").counts == Counts()


def test_the_encoder_refuses_what_cannot_be_a_frame():
    with pytest.raises(InputError, match="There is no"):
        encode_frame("sample", sequence=0, tick_us=0)
    with pytest.raises(InputError, match="at most 1024"):
        encode_frame("log", bytes(1025), sequence=0, tick_us=0)
    with pytest.raises(InputError, match="are not 2 rows"):
        encode_frame("samples", bytes(4), stream="cup/load", rows=2, sequence=0, tick_us=0)
    with pytest.raises(InputError, match="needs"):
        encode_samples("cup/load", [[1, 2, 3]], sequence=0, tick_us=0)


# ---- Others' vectors -------------------------------------------------------------------------------------


def test_cobs_as_others_write_it(shared_data):
    vectors = json.loads((shared_data / "cobs-vectors" / "cobs_vectors.json").read_text())
    for pair in vectors["encode"]:
        plain, stuffed = bytes.fromhex(pair["decoded_hex"]), bytes.fromhex(pair["encoded_hex"])
        assert cobs_stuff(plain) == stuffed
        assert cobs_unstuff(stuffed) == plain
    for wrong in vectors["decode_error_hex"]:
        stuffed = bytes.fromhex(wrong)
        assert b"\0" in stuffed or cobs_unstuff(stuffed) is None


@needs_core
def test_crc_as_the_catalogue_has_it(shared_data):
    catalogue = json.loads((shared_data / "crc-catalogue" / "crc_catalogue.json").read_text())
    entry = next(one for one in catalogue["algorithms"] if one["name"] == "CRC-32/ISO-HDLC")
    for portable in (0, 1):
        assert lib.dk_crc32(b"123456789", 9, portable) == int(entry["check"], 16)
        for n in range(300):
            data = np.random.default_rng(n).integers(0, 256, n, dtype=np.uint8).tobytes()
            assert lib.dk_crc32(data, n, portable) == zlib.crc32(data)


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        decode(b"").counts = None
