# The button board's wiring: generated from hardware/button_board.toml by `make generate`; do not edit.

SAFE_PIN = 22
LIGHT_PIN, LIGHTS = 16, 5
REST_S = 0  # at rest this long it stops sending; 0: never

# number, SDA pin, SCL pin, Hz
BUSES = (
    (0, 4, 5, 400000),
)

# stream, then its sensors, the first of which sets the pace:
#   name, chip, bus, address, Hz, ready pin, first channel, chip's pins of the channels,
#   active low, what is set in the last byte of a row of bits where nothing was measured
STREAMS = (
    ("button_board/contacts", (
        ("contacts", "mcp23017", 0, 0x20, 200, None, 0, (0, 1, 2, 3, 4, 8, 9, 10, 11, 12), True, 192),
    )),
    ("button_board/touch", (
        ("touch", "mpr121", 0, 0x5A, 200, None, 0, (0, 1, 2, 3, 4), False, 128),
    )),
    ("button_board/panel", (
        ("panel", "nau7802", 0, 0x2A, 320, 10, 0, (), False, 0),
    )),
)
