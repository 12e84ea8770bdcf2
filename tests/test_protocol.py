"""The schema, what follows from it, commands, and the dump."""

import copy
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dexkit import ProtocolError, decode
from dexkit.protocol.commands import Command, decode_command, encode_command
from dexkit.protocol.dump import dump
from dexkit.protocol.frames import encode_frame, encode_samples
from dexkit.protocol.schema import load_schema, schema_hash
from dexkit.protocol.tables import COMMANDS, MESSAGE_ID, SCHEMA_HASH, STREAMS, TABLE

ROOT = Path(__file__).resolve().parent.parent


# ---- The schema ------------------------------------------------------------------------------------------


def test_every_column_of_an_object_comes_from_one_of_its_streams():
    for kind, columns in TABLE.items():
        given = [
            column
            for name, facts in STREAMS.items()
            if name.startswith(f"{kind}/")
            for column in facts.columns
        ]
        assert sorted(given) == sorted(columns)


def test_numbers_are_unique():
    schema = load_schema()
    for group in (schema["objects"], schema["streams"], schema["messages"]):
        numbers = [entry["id"] for entry in group.values()]
        assert len(set(numbers)) == len(numbers)
    assert min(facts.id for facts in STREAMS.values()) > 0  # 0 means: about no stream


def test_the_hash_is_of_what_concerns_the_wire():
    schema = load_schema()
    assert schema_hash(schema) == SCHEMA_HASH

    def changed(change):
        other = copy.deepcopy(schema)
        change(other)
        return schema_hash(other) != SCHEMA_HASH

    assert not changed(lambda s: s["messages"]["log"].update(means="other words"))
    assert not changed(lambda s: s["objects"]["cup"]["settings"].clear())
    assert changed(lambda s: s["streams"]["cup/load"].update(rate_hz=80))
    assert changed(lambda s: s["streams"]["cup/load"]["channels"][0].update(scale=1.0))
    assert changed(lambda s: s["limits"]["payload_bytes"].update(value=512))
    assert changed(lambda s: s["commands"].pop("guide"))
    assert changed(lambda s: s["messages"]["pong"].update(fields={}))
    header = list(schema["frame"]["header"].items())
    assert changed(lambda s: s["frame"].update(header=dict(reversed(header))))


def test_the_boards_table_says_the_same():
    text = (ROOT / "firmware" / "app" / "schema_table.py").read_text(encoding="utf-8")
    table: dict = {"const": int}
    exec(text.replace("from micropython import const\n", ""), table)
    assert table["SCHEMA_HASH"] == SCHEMA_HASH
    assert {name: table[name.upper()] for name in MESSAGE_ID} == MESSAGE_ID
    assert table["COMMANDS"] == tuple(COMMANDS)
    for name, (number, rate_hz, row_format, channels) in table["STREAMS"].items():
        facts = STREAMS[name]
        assert (number, rate_hz, channels) == (facts.id, facts.rate_hz, facts.columns)
        assert struct.calcsize(row_format) == facts.row_dtype.itemsize
    assert table["STREAMS"].keys() == STREAMS.keys()


def test_what_was_not_measured_is_no_number():
    high, second = 1 << 31, 1 << 30
    wire = [
        encode_samples("cup/load", [[-(2**31), 5], [0, -(2**31) + 1]], sequence=0, tick_us=0),
        encode_samples("cup/motion", [[1, -(2**15), 3, 4, 5, -(2**15)]], sequence=0, tick_us=0),
        encode_frame(
            "samples",
            struct.pack("<3I", high | 1, second | 1, 1 | 1 << 9),
            stream="pegboard/contacts",
            rows=3,
            sequence=0,
            tick_us=0,
        ),
    ]
    decoded = decode(b"".join(wire))
    assert np.isnan(decoded.samples("cup/load").values).tolist() == [[True, False], [False, False]]
    assert np.isnan(decoded.samples("cup/motion").values).nonzero()[1].tolist() == [1, 5]
    contacts = decoded.samples("pegboard/contacts").values
    assert np.isnan(contacts[0]).tolist() == [True] * 9 + [False] * 9
    assert np.isnan(contacts[1]).tolist() == [False] * 9 + [True] * 9
    assert contacts[1][0] == contacts[2][0] == contacts[2][9] == 1
    assert not np.isnan(contacts[2]).any()


# ---- Commands --------------------------------------------------------------------------------------------


def test_a_command_is_one_printable_line_that_comes_back():
    for word in COMMANDS:
        line = encode_command(Command(12, word, ("cup/load", "-3.5")))
        assert line.endswith(b"\n")
        assert all(32 <= byte < 127 for byte in line[:-1])
        assert decode_command(line) == Command(12, word, ("cup/load", "-3.5"))


def test_every_damaged_command_is_refused():
    line = encode_command(Command(7, "start", ("cup/load",)))[:-1]
    for at in range(len(line)):
        for bit in range(8):
            damaged = bytearray(line)
            damaged[at] ^= 1 << bit
            with pytest.raises(ProtocolError):
                decode_command(bytes(damaged))


@pytest.mark.parametrize(
    "command",
    [
        Command(1, "dance"),
        Command(-1, "ping"),
        Command(65_536, "ping"),
        Command(1, "set", ("two words",)),
        Command(1, "set", ("a*b",)),
        Command(1, "set", ("",)),
        Command(1, "set", ("ä",)),
        Command(1, "set", ("\x03",)),
        Command(1, "set", ("x" * 128,)),
    ],
)
def test_what_cannot_stand_in_a_line_is_refused(command):
    with pytest.raises(ProtocolError):
        encode_command(command)


# ---- The dump --------------------------------------------------------------------------------------------


def some_bytes():
    return b"".join(
        [
            encode_frame("hello", json.dumps({"object": "cup"}).encode(), sequence=0, tick_us=1_500_000),
            encode_samples("cup/load", [[5, -6], [7, 8]], sequence=3, tick_us=2_000_000, lost=4),
            encode_samples("pegboard/contacts", [[1] + [0] * 17], sequence=0, tick_us=0),
            encode_frame("pong", struct.pack("<II", 77, 9), sequence=1, tick_us=0),
            encode_frame("pong", b"odd", sequence=2, tick_us=0),
            encode_frame("log", "grüß Gott\x1b[2J".encode(), sequence=5, tick_us=0),
            b"torn",
        ]
    )


def test_the_dump_says_what_each_frame_says():
    lines = list(dump(decode(some_bytes())))
    for line, words in zip(
        lines,
        [
            ("1.500000 s", "hello", "#0", '{"object": "cup"}'),
            ("2.000000 s", "cup/load", "#3", "2 rows", "4 lost", "5 -6 | 7 8"),
            ("pegboard/contacts", "1 rows", "1"),
            ("pong", "number 77, boot 9"),
            ("unreadable: 6f 64 64",),
            ("log", "grüß Gott"),
            ("6 good", "1 too_short", "2 missing"),
        ],
        strict=True,
    ):
        for word in words:
            assert word in line
    assert not any("\x1b" in line for line in lines)  # a board cannot write to the terminal behind our back


def run_dump(path):
    return subprocess.run(
        [sys.executable, "-m", "dexkit", "dump", str(path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT / "host"), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )


def test_the_command_line_dumps_a_file(tmp_path):
    path = tmp_path / "frames.bin"
    path.write_bytes(some_bytes())
    done = run_dump(path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == list(dump(decode(some_bytes())))


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path):
    done = run_dump(tmp_path / "nowhere.bin")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    for data in (b"", b"Dear therapist,\n" * 9, bytes(999)):
        path = tmp_path / "letter.bin"
        path.write_bytes(data)
        done = run_dump(path)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert "holds no frame" in done.stderr
