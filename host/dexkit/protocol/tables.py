"""The schema's facts for the host: generated from protocol/schema.toml by `make generate`; do not edit."""

from typing import NamedTuple

import numpy as np

#: Number of each object kind, as in hello.
OBJECT_ID = {
    "cup": 1,
    "coaster": 2,
    "button_board": 3,
    "pegboard": 4,
}

#: Columns that an object's segmenter reads, in order, as float32.
TABLE: dict[str, tuple[str, ...]] = {
    "cup": (
        "foot_n",
        "inner_n",
        "ax_ms2",
        "ay_ms2",
        "az_ms2",
        "gx_rads",
        "gy_rads",
        "gz_rads",
    ),
    "coaster": (
        "load_n",
    ),
    "button_board": (
        "touch_0",
        "touch_1",
        "touch_2",
        "touch_3",
        "touch_4",
        "entry_0",
        "entry_1",
        "entry_2",
        "entry_3",
        "entry_4",
        "seated_0",
        "seated_1",
        "seated_2",
        "seated_3",
        "seated_4",
        "panel_n",
    ),
    "pegboard": (
        "entry_0",
        "entry_1",
        "entry_2",
        "entry_3",
        "entry_4",
        "entry_5",
        "entry_6",
        "entry_7",
        "entry_8",
        "seated_0",
        "seated_1",
        "seated_2",
        "seated_3",
        "seated_4",
        "seated_5",
        "seated_6",
        "seated_7",
        "seated_8",
        "tray_n",
    ),
}

#: Event kinds of each object with the number each has in C.
EVENT_ID: dict[str, dict[str, int]] = {
    "cup": {
        "lift": 1,
        "put": 2,
        "pour_on": 3,
        "pour_off": 4,
        "bump": 5,
        "failed_lift": 6,
    },
    "coaster": {
        "receive_on": 16,
        "receive_off": 17,
        "disturbed": 18,
    },
    "button_board": {
        "touch": 32,
        "entry": 33,
        "seated": 34,
        "slip": 35,
        "opened": 36,
    },
    "pegboard": {
        "enter": 48,
        "seat": 49,
        "bounce": 50,
        "unseat": 51,
        "pick": 52,
        "return": 53,
        "missing": 54,
    },
}

#: Settings of each object's segmenter with their defaults; meanings in docs/protocol.md.
SETTINGS: dict[str, dict[str, float]] = {
    "cup": {
        "bounce_s": 0.08,
        "bump_s": 0.3,
        "light_n": 0.75,
        "drift_n_s": 0.03,
        "back_deg": 4.0,
        "radius_mm": 35.0,
        "height_mm": 80.0,
    },
    "coaster": {
        "flow_g_s": 1.0,
        "pause_s": 1.0,
        "disturbed_n": 0.15,
    },
    "button_board": {
        "touch_gap_s": 0.15,
        "slip_flicker_s": 0.07,
        "reseat_s": 0.4,
        "bounce_s": 0.12,
        "glitch_s": 0.01,
    },
    "pegboard": {
        "finger_s": 0.08,
        "bounce_s": 0.12,
    },
}

#: SHA-256 of what concerns the wire; hello carries it.
SCHEMA_HASH = "51b140595f874853169d7a0cb976555cd25b94efe17e8a5720e45b767104e72d"

#: Header of every frame.
HEADER_DTYPE = np.dtype(
    [
        ("type", "<B"),
        ("stream", "<B"),
        ("rows", "<H"),
        ("sequence", "<I"),
        ("tick_us", "<I"),
        ("lost", "<I"),
    ]
)

#: Number of each type of message.
MESSAGE_ID = {
    "hello": 1,
    "samples": 2,
    "heartbeat": 3,
    "reply": 4,
    "pong": 5,
    "log": 6,
    "gone": 7,
}

#: How the payload of each message is written: rows, json, u32 or text.
PAYLOAD = {
    "hello": "json",
    "samples": "rows",
    "heartbeat": "u32",
    "reply": "json",
    "pong": "u32",
    "log": "text",
    "gone": "u32",
}

#: Fields of the messages that have some.
FIELDS: dict[str, tuple[str, ...]] = {
    "hello": ("object", "uid", "firmware", "schema", "boot", "streams", "calibration", "sensors", "trial", "state",),
    "heartbeat": ("ring_blocks", "overwritten_blocks", "longest_loop_us", "free_bytes", "busy_permille", "resent_blocks", "short_writes", "bad_lines", "tick_high", "boot",),
    "reply": ("number", "ok", "error", "value",),
    "pong": ("number", "boot",),
    "gone": ("stream", "oldest",),
}

#: Arguments of each command.
COMMANDS = {
    "hello": "[schema]",
    "start": "[stream ...]",
    "stop": "",
    "ping": "",
    "tare": "channel ...",
    "identify": "",
    "guide": "place [colour]",
    "set": "name value",
    "selftest": "",
    "ack": "stream next [mask]",
    "pair": "what [value]",
    "quit": "",
}


class StreamFacts(NamedTuple):
    """What the schema says of one stream."""

    id: int
    rate_hz: float
    wire: str  # type of a channel: i16, i32; bits8, bits16, bits32 for a row of bits
    columns: tuple[str, ...]
    units: tuple[str, ...]
    scales: tuple[float, ...]  # nominal value of one raw count
    not_measured: tuple[int, ...]  # raw value that says so; of bits, the mark
    row_dtype: np.dtype[np.void]  # one row on the wire; one field named bits, or one a channel


#: Every stream by its name.
STREAMS = {
    "cup/load": StreamFacts(
        1,
        320.0,
        "i32",
        ("foot_n", "inner_n",),
        ("N", "N",),
        (4.57e-06, 4.57e-06,),
        (-2147483648, -2147483648,),
        np.dtype([("foot_n", "<i"), ("inner_n", "<i")]),
    ),
    "cup/motion": StreamFacts(
        2,
        208.0,
        "i16",
        ("ax_ms2", "ay_ms2", "az_ms2", "gx_rads", "gy_rads", "gz_rads",),
        ("m/s2", "m/s2", "m/s2", "rad/s", "rad/s", "rad/s",),
        (0.002392823, 0.002392823, 0.002392823, 0.0006108652, 0.0006108652, 0.0006108652,),
        (-32768, -32768, -32768, -32768, -32768, -32768,),
        np.dtype([("ax_ms2", "<h"), ("ay_ms2", "<h"), ("az_ms2", "<h"), ("gx_rads", "<h"), ("gy_rads", "<h"), ("gz_rads", "<h")]),
    ),
    "coaster/load": StreamFacts(
        3,
        320.0,
        "i32",
        ("load_n",),
        ("N",),
        (4.57e-06,),
        (-2147483648,),
        np.dtype([("load_n", "<i")]),
    ),
    "button_board/contacts": StreamFacts(
        4,
        200.0,
        "bits16",
        ("entry_0", "entry_1", "entry_2", "entry_3", "entry_4", "seated_0", "seated_1", "seated_2", "seated_3", "seated_4",),
        ("0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1",),
        (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,),
        (32768, 32768, 32768, 32768, 32768, 16384, 16384, 16384, 16384, 16384,),
        np.dtype([("bits", "<H")]),
    ),
    "button_board/touch": StreamFacts(
        5,
        200.0,
        "bits8",
        ("touch_0", "touch_1", "touch_2", "touch_3", "touch_4",),
        ("0/1", "0/1", "0/1", "0/1", "0/1",),
        (1.0, 1.0, 1.0, 1.0, 1.0,),
        (128, 128, 128, 128, 128,),
        np.dtype([("bits", "<B")]),
    ),
    "button_board/panel": StreamFacts(
        6,
        320.0,
        "i32",
        ("panel_n",),
        ("N",),
        (4.57e-06,),
        (-2147483648,),
        np.dtype([("panel_n", "<i")]),
    ),
    "pegboard/contacts": StreamFacts(
        7,
        200.0,
        "bits32",
        ("entry_0", "entry_1", "entry_2", "entry_3", "entry_4", "entry_5", "entry_6", "entry_7", "entry_8", "seated_0", "seated_1", "seated_2", "seated_3", "seated_4", "seated_5", "seated_6", "seated_7", "seated_8",),
        ("0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1", "0/1",),
        (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,),
        (2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824, 1073741824,),
        np.dtype([("bits", "<I")]),
    ),
    "pegboard/tray": StreamFacts(
        8,
        320.0,
        "i32",
        ("tray_n",),
        ("N",),
        (4.57e-06,),
        (-2147483648,),
        np.dtype([("tray_n", "<i")]),
    ),
}

#: With this both sides begin over the network.
NET_GREETING = b"dexkit 1"

#: Longest payload of a frame.
PAYLOAD_BYTES = 1024

#: Longest command line, its end included.
COMMAND_BYTES = 128

#: Longest silence of a healthy board.
HEARTBEAT_S = 1

#: Longest stretch of samples in one block.
BLOCK_MS = 50

#: Blocks of at least this long are kept until they are acknowledged.
RING_S = 20

#: A block not acknowledged for this long is sent again.
RESEND_MS = 300

#: A host that sent no command for this long is away: nothing is sent.
SILENCE_MS = 1500

#: A host repeats a command, with its number, that got no answer for this long.
REPEAT_MS = 250

#: TCP port of a board in the network.
NET_PORT = 7433

#: Random bytes of a greeting over the network.
NONCE_BYTES = 16

#: What is sent of each HMAC-SHA-256 over the network.
TAG_BYTES = 16

#: Time over which tare averages.
TARE_MS = 500
