"""Reads schema.toml and answers what its generators ask of it."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

#: struct code of each number that can stand on the wire.
NUMBERS = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "i16": "h",
    "i32": "i",
    "bits8": "B",
    "bits16": "H",
    "bits32": "I",
}


def load_schema() -> Schema:
    """Return the schema as plain dictionaries."""
    return tomllib.loads((Path(__file__).resolve().parent / "schema.toml").read_text(encoding="utf-8"))


def schema_hash(schema: Schema) -> str:
    """Return the SHA-256 of what concerns the wire: canonical JSON without explanations and titles."""

    def facts(value: Any) -> Any:
        if isinstance(value, dict):
            inner = {key: facts(part) for key, part in value.items() if key not in ("means", "title")}
            return list(inner.items())  # the order of fields is the order on the wire
        return value

    wire = {
        key: facts(schema[key]) for key in ("version", "frame", "streams", "messages", "commands", "limits")
    }
    wire["objects"] = {name: o["id"] for name, o in schema["objects"].items()}
    text = json.dumps(wire, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def channels_of(stream: Schema) -> list[tuple[str, str, float]]:
    """Return (name, unit, nominal scale) of each channel of a stream."""
    return [(name, group["unit"], group["scale"]) for group in stream["channels"] for name in group["names"]]


def is_bits(stream: Schema) -> bool:
    """Whether one number carries all channels of a row, one bit each."""
    return bool(stream["wire"].startswith("bits"))


def row_format(stream: Schema) -> str:
    """Return the struct format of one row on the wire."""
    code = NUMBERS[stream["wire"]]
    return "<" + (code if is_bits(stream) else code * len(channels_of(stream)))


def not_measured(schema: Schema, stream: Schema) -> list[int]:
    """Return for each channel of a stream its raw value, or of bits its mark, that says: not measured."""
    wire, groups = stream["wire"], stream["channels"]
    if not is_bits(stream):
        return [schema["frame"]["not_measured"][wire]] * len(channels_of(stream))
    highest = int(wire.removeprefix("bits")) - 1
    return [1 << (highest - group) for group, part in enumerate(groups) for _ in part["names"]]
