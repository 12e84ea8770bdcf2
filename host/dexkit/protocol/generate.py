"""Writes everything that follows from schema.toml; `--check` compares instead of writing.

Run as ``python -m dexkit.protocol.generate``. One function writes one file; the page for readers is written
by generate_page.py.
"""

import argparse
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import dexkit
from dexkit.protocol.generate_page import protocol_page
from dexkit.protocol.schema import (
    NUMBERS,
    Schema,
    channels_of,
    is_bits,
    load_schema,
    not_measured,
    row_format,
    schema_hash,
)

ROOT = Path(__file__).resolve().parent.parent.parent.parent
GENERATED = "generated from protocol/schema.toml by `make generate`; do not edit"


def _constant(name: str) -> str:
    """Return a name as C and the firmware write constants."""
    return name.upper().replace("/", "_")


def c_header(schema: Schema) -> str:
    """Return native/include/dk_schema.h: object and event numbers, table columns, settings."""
    lines = [
        f"/* The schema's numbers for C: {GENERATED}. */",
        "#ifndef DK_SCHEMA_H",
        "#define DK_SCHEMA_H",
        "",
    ]
    objects = schema["objects"]
    lines.append("enum dk_object {")
    lines += [f"    DK_OBJECT_{name.upper()} = {o['id']}," for name, o in objects.items()]
    lines += ["};", "", "enum dk_event_kind {"]
    for o in objects.values():
        for kind, event in o["events"].items():
            lines.append(f"    DK_{kind.upper()} = {event['id']}, /* {event['means']} */")
    lines += ["};", ""]
    for name, o in objects.items():
        upper = name.upper()
        lines += [f"/* {o['title']}: columns of a row, then settings in the order of the schema. */"]
        lines.append(f"#define DK_{upper}_COLUMNS {len(o['table'])}")
        lines.append(f"#define DK_{upper}_SETTINGS {len(o['settings'])}")
        lines.append(f"typedef struct dk_{name}_settings {{")
        for setting, facts in o["settings"].items():
            lines.append(f"    double {setting}; /* {facts['means']} */")
        lines += [f"}} dk_{name}_settings;", ""]
    streams = schema["streams"]
    lines.append("/* The wire: types of messages, numbers of streams, bytes in a row of each stream. */")
    lines.append("enum dk_message {")
    lines += [f"    DK_MESSAGE_{name.upper()} = {m['id']}," for name, m in schema["messages"].items()]
    lines += ["};", f"#define DK_MESSAGES {max(m['id'] for m in schema['messages'].values()) + 1}", ""]
    lines.append("enum dk_stream {")
    lines += [f"    DK_STREAM_{_constant(name)} = {s['id']}," for name, s in streams.items()]
    lines += ["};", ""]
    row_bytes = {s["id"]: struct.calcsize(row_format(s)) for s in streams.values()}
    table = ", ".join(str(row_bytes.get(number, 0)) for number in range(max(row_bytes) + 1))
    lines.append(f"#define DK_STREAMS {max(row_bytes) + 1}")
    lines.append(f"#define DK_ROW_BYTES {{ {table} }}")
    lines += [""]
    for name, limit in schema["limits"].items():
        lines.append(f"#define DK_{name.upper()} {limit['value']}")

    lines += ["#endif", ""]
    return "\n".join(lines)


def python_tables(schema: Schema) -> str:
    """Return host/dexkit/protocol/tables.py: the same facts for the host."""
    objects = schema["objects"]
    lines = [f'"""The schema\'s facts for the host: {GENERATED}."""', ""]
    lines += ["from typing import NamedTuple", "", "import numpy as np", ""]
    lines.append("#: Number of each object kind, as in hello.")
    lines.append("OBJECT_ID = {")
    lines += [f'    "{name}": {o["id"]},' for name, o in objects.items()]
    lines += ["}", "", "#: Columns that an object's segmenter reads, in order, as float32."]
    lines.append("TABLE: dict[str, tuple[str, ...]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": (')
        lines += [f'        "{column}",' for column in o["table"]]
        lines.append("    ),")
    lines += ["}", "", "#: Event kinds of each object with the number each has in C."]
    lines.append("EVENT_ID: dict[str, dict[str, int]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{kind}": {event["id"]},' for kind, event in o["events"].items()]
        lines.append("    },")
    lines += [
        "}",
        "",
        "#: Settings of each object's segmenter with their defaults; meanings in docs/protocol.md.",
    ]
    lines.append("SETTINGS: dict[str, dict[str, float]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{key}": {float(facts["default"])!r},' for key, facts in o["settings"].items()]
        lines.append("    },")
    lines += ["}", ""]
    lines += _python_wire(schema)
    return "\n".join(lines)


def _python_wire(schema: Schema) -> list[str]:
    """Return the part of tables.py about the wire."""
    lines = [
        "#: SHA-256 of what concerns the wire; hello carries it.",
        f'SCHEMA_HASH = "{schema_hash(schema)}"',
        "",
        "#: Header of every frame.",
        "HEADER_DTYPE = np.dtype(",
        "    [",
    ]
    for name, field in schema["frame"]["header"].items():
        lines.append(f'        ("{name}", "<{NUMBERS[field["wire"]]}"),')
    lines += ["    ]", ")", "", "#: Number of each type of message.", "MESSAGE_ID = {"]
    lines += [f'    "{name}": {m["id"]},' for name, m in schema["messages"].items()]
    lines += ["}", "", "#: How the payload of each message is written: rows, json, u32 or text."]
    lines.append("PAYLOAD = {")
    lines += [f'    "{name}": "{m["payload"]}",' for name, m in schema["messages"].items()]
    lines += ["}", "", "#: Fields of the messages that have some.", "FIELDS: dict[str, tuple[str, ...]] = {"]
    for name, m in schema["messages"].items():
        if "fields" in m:
            lines.append(f'    "{name}": (' + " ".join(f'"{field}",' for field in m["fields"]) + "),")
    lines += ["}", "", "#: Arguments of each command.", "COMMANDS = {"]
    lines += [f'    "{name}": "{c["arguments"]}",' for name, c in schema["commands"].items()]
    lines += [
        "}",
        "",
        "",
        "class StreamFacts(NamedTuple):",
        '    """What the schema says of one stream."""',
        "",
        "    id: int",
        "    rate_hz: float",
        "    wire: str  # type of a channel: i16, i32; bits8, bits16, bits32 for a row of bits",
        "    columns: tuple[str, ...]",
        "    units: tuple[str, ...]",
        "    scales: tuple[float, ...]  # nominal value of one raw count",
        "    not_measured: tuple[int, ...]  # raw value that says so; of bits, the mark",
        "    row_dtype: np.dtype[np.void]  # one row on the wire; one field named bits, or one a channel",
        "",
        "",
        "#: Every stream by its name.",
        "STREAMS = {",
    ]
    for name, s in schema["streams"].items():
        names, units, scales = zip(*channels_of(s), strict=True)
        codes = row_format(s)[1:]
        fields = ["bits"] if is_bits(s) else names
        lines.append(f'    "{name}": StreamFacts(')
        lines += [f"        {s['id']},", f"        {float(s['rate_hz'])!r},", f'        "{s["wire"]}",']
        lines += [f"        {_tuple(names)},", f"        {_tuple(units)},", f"        {_tuple(scales)},"]
        lines.append(f"        {_tuple(not_measured(schema, s))},")
        row = ", ".join(f'("{field}", "<{code}")' for field, code in zip(fields, codes, strict=True))
        lines += [f"        np.dtype([{row}]),", "    ),"]
    lines += ["}", "", "#: With this both sides begin over the network."]
    lines += [f'NET_GREETING = b"{schema["frame"]["network"]["greeting"]}"', ""]
    for name, limit in schema["limits"].items():
        lines += [f"#: {limit['means']}", f"{name.upper()} = {limit['value']}", ""]
    return lines


def _tuple(values: Iterable[object]) -> str:
    """Return a tuple as Python text."""
    return "(" + " ".join(f"{value!r}," for value in values).replace("'", '"') + ")"


def firmware_table(schema: Schema) -> str:
    """Return firmware/app/schema_table.py: what a board must know, in constants MicroPython can fold."""
    header = schema["frame"]["header"]
    codes = "".join(NUMBERS[field["wire"]] for field in header.values())
    lines = [
        f"# The schema's facts for the boards: {GENERATED}.",
        "from micropython import const",
        "",
        f'VERSION = "{dexkit.__version__}"',
        f'SCHEMA_HASH = "{schema_hash(schema)}"',
        f'HEADER = "<{codes}"  # {", ".join(header)}; payload and CRC-32 follow',
        "",
    ]
    lines += [f"{_constant(name)} = const({m['id']})" for name, m in schema["messages"].items()]
    lines += ["", f'NET_GREETING = b"{schema["frame"]["network"]["greeting"]}"']
    lines += [f"{_constant(name)} = const({limit['value']})" for name, limit in schema["limits"].items()]
    lines += [
        f"{name.upper()}_FIELDS = const({len(m['fields'])})"
        for name, m in schema["messages"].items()
        if m["payload"] == "u32"
    ]
    lines += ["", "# name: (id, rate in Hz, struct format of a row, channels)", "STREAMS = {"]
    for name, s in schema["streams"].items():
        names = _tuple(channel for channel, _, _ in channels_of(s))
        lines.append(f'    "{name}": ({s["id"]}, {s["rate_hz"]}, "{row_format(s)}", {names}),')
    lines += ["}", "", "COMMANDS = " + _tuple(schema["commands"]), ""]
    return "\n".join(lines)


#: Each generated file, from the project's root, and the function that writes it.
FILES: dict[str, Callable[[Schema], str]] = {
    "native/include/dk_schema.h": c_header,
    "host/dexkit/protocol/tables.py": python_tables,
    "firmware/app/schema_table.py": firmware_table,
    "docs/protocol.md": protocol_page,
}


def main() -> int:
    """Write or check every generated file; return 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    schema = load_schema()
    stale = []
    for name, write in FILES.items():
        path, text = ROOT / name, write(schema)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'differs from the schema: ' if check else 'wrote '}{name}")
    if stale and check:
        print("Run `make generate` and commit the result.")
    return int(bool(stale and check))


if __name__ == "__main__":
    sys.exit(main())
