"""Writes docs/protocol.md, the page a person reads, from the schema."""

import struct
from collections.abc import Iterable

from dexkit.protocol.schema import Schema, row_format, schema_hash


def protocol_page(schema: Schema) -> str:
    """Return docs/protocol.md."""
    parts = [
        "# What the objects say\n",
        "Generated from host/dexkit/protocol/schema.toml by `make generate`; do not edit.\n",
        f"Version {schema['version']}. The SHA-256 of what concerns the wire, as hello carries it, is "
        f"`{schema_hash(schema)}`.\n",
        "[Frames](#frames) · [Messages](#messages) · [Commands](#commands) · [Streams](#streams) · "
        "[Objects](#objects) · [Limits](#limits)\n",
        FRAMES,
        _table(
            ("bytes", "field", "type", "meaning"),
            _header_rows(schema),
        ),
        COUNTING,
        NOT_MEASURED.format(**schema["frame"]["not_measured"]),
        "## Messages\n",
        "Board to host, one frame each.\n",
        _table(
            ("number", "message", "payload", "meaning"),
            ((m["id"], f"`{name}`", _payload(m), m["means"]) for name, m in schema["messages"].items()),
        ),
    ]
    for name, m in schema["messages"].items():
        if "fields" in m:
            parts.append(f"Fields of `{name}`:\n")
            rows = ((f"`{field}`", facts["means"]) for field, facts in m["fields"].items())
            parts.append(_table(("field", "meaning"), rows))
    parts += [
        COMMANDS,
        NETWORK,
        _table(
            ("command", "arguments", "meaning"),
            (
                (f"`{name}`", f"`{c['arguments']}`" if c["arguments"] else "", c["means"])
                for name, c in schema["commands"].items()
            ),
        ),
        "## Streams\n",
        "Where the type is `bits`, one number carries all channels of a row: channel k is bit k, from the "
        "lowest. The nominal scale turns a raw count into the unit; the object's calibration replaces it.\n",
        _table(
            ("number", "stream", "Hz", "type", "bytes a row", "meaning"),
            (
                (
                    s["id"],
                    f"`{name}`",
                    s["rate_hz"],
                    s["wire"],
                    struct.calcsize(row_format(s)),
                    s["means"],
                )
                for name, s in schema["streams"].items()
            ),
        ),
        _table(
            ("stream", "channels", "unit", "nominal scale"),
            (
                (
                    f"`{name}`",
                    ", ".join(f"`{channel}`" for channel in group["names"]),
                    group["unit"],
                    group["scale"],
                )
                for name, s in schema["streams"].items()
                for group in s["channels"]
            ),
        ),
        "## Objects\n",
        "`docs/events.md` says exactly what each event means.\n",
    ]
    for o in schema["objects"].values():
        parts.append(f"### {o['title']}\n")
        columns = ", ".join(f"`{column}`" for column in o["table"])
        parts.append(f"Object {o['id']}. Its segmenter reads float32 columns: {columns}.\n")
        events = ((e["id"], f"`{kind}`", e["means"]) for kind, e in o["events"].items())
        parts.append(_table(("number", "event", "meaning"), events))
        settings = ((f"`{key}`", f"{v['default']:g}", v["means"]) for key, v in o["settings"].items())
        parts.append(_table(("setting", "default", "meaning"), settings))
    parts.append("## Limits\n")
    limits = ((f"`{name}`", limit["value"], limit["means"]) for name, limit in schema["limits"].items())
    parts.append(_table(("limit", "value", "meaning"), limits))
    return "\n".join(parts)


FRAMES = """\
## Frames

A board sends frames: header, payload, and the CRC-32 (IEEE, as in zlib and `binascii.crc32`) of both, in
four bytes; all numbers are little-endian. The frame is stuffed with COBS, so that it contains no zero,
and one 0x00 ends it. After any damage the next 0x00 is the next chance: whoever listens is in step again
with the next whole frame. A board sends a 0x00 before its first frame, so that noise before it costs
nothing.
"""

COUNTING = """\
Each stream counts its own frames, and the messages that are about no stream (stream 0) share one count.
A listener counts as missing what the sequence skips, exactly, whatever the size of the gap (sequences
are compared modulo 2^32). A frame from behind that fills a gap is late and no longer missing; one that
was there already is a duplicate and is dropped. A hello with sequence 0 says that the board has started
anew: all sequences begin again.
"""

NOT_MEASURED = """\
Where a sensor measured nothing (missing, not ready, saturated, failed), its channel holds the most negative
number: {i32} in i32, {i16} in i16. In bits each group of channels has a mark of its own, set where nothing
was measured: the {bits}.
"""

COMMANDS = """\
## Commands

Host to board, one printable line each, so that a control byte always means control and Ctrl-C always
stops the application: `@<number> <word> <arguments>*<checksum>` and a newline. The number (0 to 65535)
comes back in the reply. The checksum is the CRC-32 of what stands between `@` and `*`, in eight
lower-case hexadecimal digits. Arguments contain no blank and no `*`.

A line that is damaged, unknown or wrong changes nothing and gets a reply that says so, with number 0 where
the number cannot be trusted. A host that hears nothing for `repeat_ms` sends the line again; the board
answers a number that it has just answered again, without doing it twice. `ack` is answered only when wrong.

A board sends a block once when it is full and keeps it until it is acknowledged. While a host is there (its
last command is younger than `silence_ms`) the board sends again what is not acknowledged for `resend_ms`,
oldest first, and at once what lies before a block that has arrived. After an unplug the same `boot` in hello
says that sequences and ticks go on: the host acknowledges what it has, and the rest comes by itself.
"""

NETWORK = """\
## Over the network

A paired Pico W also listens on TCP port `net_port`, and answers in the local network to `dexkit-<uid>.local`
(mDNS, by its interpreter; no service is announced). USB goes first: while a host is heard there, and while
another host is heard over the network, a connection is closed at once. Frames and lines are the same; each
has a tag behind it:

1. The host sends the greeting `dexkit 1` and `nonce_bytes` of chance.
2. The board answers with a greeting of its own, then with the tag of an empty record: it has the key.
3. The host sends the tag of an empty record, then its lines.

The key of a direction is HMAC-SHA-256 of the name of who sends (`host` or `board`), the host's greeting and
the board's, with the 32 bytes agreed at pairing. A tag is the first `tag_bytes` of HMAC-SHA-256, with that
key, of the record's number (four bytes, from 0 on, in each direction) and the record: a line with its
newline, a frame with its zero. So a record that is changed, invented, repeated, left out, moved or sent back,
now or from an earlier connection, has a wrong tag, and a wrong tag ends the connection. Records are not
encrypted.

At pairing, over USB, the host draws the key. The board keeps it with the network's name and password in the
clear in its flash, outside the slots: who holds the board can read them.
"""


def _header_rows(schema: Schema) -> Iterable[tuple[object, ...]]:
    """Yield where each field of the header stands and what it is."""
    at = 0
    for name, field in schema["frame"]["header"].items():
        size = int(field["wire"][1:]) // 8
        yield (
            f"{at}" if size == 1 else f"{at} to {at + size - 1}",
            f"`{name}`",
            field["wire"],
            field["means"],
        )
        at += size


def _payload(message: Schema) -> str:
    """Return in words how a message's payload is written."""
    return {
        "rows": "rows of the stream",
        "json": "JSON object, UTF-8",
        "u32": "fields, each u32",
        "text": "text, UTF-8",
    }[str(message["payload"])]


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(map(str, row)).replace("  ", " ") for row in [tuple(head), *rows]]
    count = lines[0].count("|") + 1
    lines.insert(1, " | ".join(["---"] * count))
    return "\n".join(f"| {line} |" for line in lines) + "\n"
