"""Golden frames and commands: encoder, decoders and command lines agree with them byte for byte."""

from pathlib import Path

import pytest

from dexkit.protocol import frames, frames_reference
from dexkit.protocol.commands import decode_command, encode_command
from dexkit.protocol.frames import encode_frame
from dexkit.protocol.tables import MESSAGE_ID, STREAMS

LINES = (Path(__file__).parent / "golden" / "frames.txt").read_text(encoding="utf-8").splitlines()
GOOD = [line.split()[1:] for line in LINES if line.startswith("good ")]
BAD = [line.split()[1:] for line in LINES if line.startswith("bad ")]
COMMANDS = [line.removeprefix("command ") for line in LINES if line.startswith("command ")]
DECODERS = pytest.mark.parametrize(
    "decoder_class",
    [pytest.param(frames.Decoder, id="face"), pytest.param(frames_reference.Decoder, id="twin")],
)


@DECODERS
@pytest.mark.parametrize("facts", GOOD, ids=lambda facts: facts[0])
def test_good_frames(decoder_class, facts):
    _, message, stream, rows, sequence, tick_us, lost, payload, wire = facts
    payload = b"" if payload == "-" else bytes.fromhex(payload)
    encoded = encode_frame(
        message,
        payload,
        stream=None if stream == "-" else stream,
        rows=int(rows),
        sequence=int(sequence),
        tick_us=int(tick_us),
        lost=int(lost),
    )
    assert encoded == bytes.fromhex(wire)
    decoder = decoder_class()
    decoded = decoder.push(encoded)
    assert decoder.counts == (1, 0, 0, 0, 0, 0, 0)
    number = 0 if stream == "-" else STREAMS[stream].id
    header = (MESSAGE_ID[message], number, int(rows), int(sequence), int(tick_us), int(lost))
    assert decoded.blocks[0].tolist() == (*header, 0, len(payload), 0)
    assert decoded.payload_of(0) == payload


@DECODERS
@pytest.mark.parametrize("facts", BAD, ids=lambda facts: facts[0])
def test_bad_frames(decoder_class, facts):
    _, counted_as, wire = facts
    decoder = decoder_class()
    assert len(decoder.push(bytes.fromhex(wire)).blocks) == 0
    counts = decoder.counts._asdict()
    assert counts.pop(counted_as) == 1
    assert not any(counts.values())


@pytest.mark.parametrize("line", COMMANDS)
def test_commands(line):
    assert encode_command(decode_command(line.encode())).decode() == line + "\n"


def test_every_message_stream_and_boundary_is_golden():
    assert {facts[1] for facts in GOOD} == set(MESSAGE_ID)
    assert {facts[2] for facts in GOOD} == {*STREAMS, "-"}
