# The pegboard's wiring: generated from hardware/pegboard.toml by `make generate`; do not edit.

SAFE_PIN = 22
LIGHT_PIN, LIGHTS = 16, 9
REST_S = 0  # at rest this long it stops sending; 0: never

# number, SDA pin, SCL pin, Hz
BUSES = (
    (0, 4, 5, 400000),
)

# stream, then its sensors, the first of which sets the pace:
#   name, chip, bus, address, Hz, ready pin, first channel, chip's pins of the channels,
#   active low, what is set in the last byte of a row of bits where nothing was measured
STREAMS = (
    ("pegboard/contacts", (
        ("entry", "mcp23017", 0, 0x20, 200, None, 0, (0, 1, 2, 3, 4, 8, 9, 10, 11), False, 128),
        ("seated", "mcp23017", 0, 0x21, 200, None, 9, (0, 1, 2, 3, 4, 8, 9, 10, 11), False, 64),
    )),
    ("pegboard/tray", (
        ("tray", "nau7802", 0, 0x2A, 320, 10, 0, (), False, 0),
    )),
)
