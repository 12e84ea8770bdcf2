"""Frames as lines for a person to read."""

import json
import struct
from collections.abc import Iterator

import numpy as np

from dexkit.protocol.blocks import Decoded
from dexkit.protocol.tables import FIELDS, MESSAGE_ID, PAYLOAD, STREAMS

MESSAGE_NAME = {number: name for name, number in MESSAGE_ID.items()}
STREAM_NAME = {facts.id: name for name, facts in STREAMS.items()}


def dump(decoded: Decoded) -> Iterator[str]:
    """Yield one line for each block, and at the end what became of the frames."""
    for index, block in enumerate(decoded.blocks):
        kind, stream, rows, sequence, tick_us, lost, _, _, late = block.tolist()
        name = MESSAGE_NAME[kind]
        said = _payload(name, STREAM_NAME.get(stream, ""), decoded.payload_of(index))
        marks = (f" {rows} rows" if stream else "") + (f", {lost} lost" if lost else "") + ", late" * late
        yield f"{tick_us / 1e6:12.6f} s  {name:9} {STREAM_NAME.get(stream, ''):21} #{sequence}{marks}  {said}"
    yield "frames: " + ", ".join(f"{count} {name}" for name, count in decoded.counts._asdict().items())


def _payload(message: str, stream: str, payload: bytes) -> str:
    """Return a payload as text; what cannot be read so, as hexadecimal."""
    written = PAYLOAD[message]
    try:
        if written == "rows":
            facts = STREAMS[stream]
            rows = np.frombuffer(payload, facts.row_dtype).tolist()
            return " | ".join(" ".join(map(str, row)) for row in rows)
        if written == "json":
            return json.dumps(json.loads(payload), ensure_ascii=False)
        if written == "text":
            text = payload.decode("utf-8")
            return text if text.isprintable() else repr(text)
        values = struct.unpack(f"<{len(FIELDS[message])}I", payload)
    except (ValueError, struct.error):
        return "unreadable: " + payload.hex(" ")
    return ", ".join(f"{field} {value}" for field, value in zip(FIELDS[message], values, strict=True))
