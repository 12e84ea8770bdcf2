# The schema's facts for the boards: generated from protocol/schema.toml by `make generate`; do not edit.
from micropython import const

VERSION = "0.1.0"
SCHEMA_HASH = "51b140595f874853169d7a0cb976555cd25b94efe17e8a5720e45b767104e72d"
HEADER = "<BBHIII"  # type, stream, rows, sequence, tick_us, lost; payload and CRC-32 follow

HELLO = const(1)
SAMPLES = const(2)
HEARTBEAT = const(3)
REPLY = const(4)
PONG = const(5)
LOG = const(6)
GONE = const(7)

NET_GREETING = b"dexkit 1"
PAYLOAD_BYTES = const(1024)
COMMAND_BYTES = const(128)
HEARTBEAT_S = const(1)
BLOCK_MS = const(50)
RING_S = const(20)
RESEND_MS = const(300)
SILENCE_MS = const(1500)
REPEAT_MS = const(250)
NET_PORT = const(7433)
NONCE_BYTES = const(16)
TAG_BYTES = const(16)
TARE_MS = const(500)
HEARTBEAT_FIELDS = const(10)
PONG_FIELDS = const(2)
GONE_FIELDS = const(2)

# name: (id, rate in Hz, struct format of a row, channels)
STREAMS = {
    "cup/load": (1, 320, "<ii", ("foot_n", "inner_n",)),
    "cup/motion": (2, 208, "<hhhhhh", ("ax_ms2", "ay_ms2", "az_ms2", "gx_rads", "gy_rads", "gz_rads",)),
    "coaster/load": (3, 320, "<i", ("load_n",)),
    "button_board/contacts": (4, 200, "<H", ("entry_0", "entry_1", "entry_2", "entry_3", "entry_4", "seated_0", "seated_1", "seated_2", "seated_3", "seated_4",)),
    "button_board/touch": (5, 200, "<B", ("touch_0", "touch_1", "touch_2", "touch_3", "touch_4",)),
    "button_board/panel": (6, 320, "<i", ("panel_n",)),
    "pegboard/contacts": (7, 200, "<I", ("entry_0", "entry_1", "entry_2", "entry_3", "entry_4", "entry_5", "entry_6", "entry_7", "entry_8", "seated_0", "seated_1", "seated_2", "seated_3", "seated_4", "seated_5", "seated_6", "seated_7", "seated_8",)),
    "pegboard/tray": (8, 320, "<i", ("tray_n",)),
}

COMMANDS = ("hello", "start", "stop", "ping", "tare", "identify", "guide", "set", "selftest", "ack", "pair", "quit",)
