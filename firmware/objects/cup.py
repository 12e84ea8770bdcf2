# The cup's wiring: generated from hardware/cup.toml by `make generate`; do not edit.

SAFE_PIN = 22
LIGHT_PIN, LIGHTS = 16, 1
REST_S = 60  # at rest this long it stops sending; 0: never

# number, SDA pin, SCL pin, Hz
BUSES = (
    (0, 4, 5, 400000),
    (1, 6, 7, 400000),
)

# stream, then its sensors, the first of which sets the pace:
#   name, chip, bus, address, Hz, ready pin, first channel, chip's pins of the channels,
#   active low, what is set in the last byte of a row of bits where nothing was measured
STREAMS = (
    ("cup/load", (
        ("foot", "nau7802", 0, 0x2A, 320, 10, 0, (), False, 0),
        ("inner", "nau7802", 1, 0x2A, 320, 11, 1, (), False, 0),
    )),
    ("cup/motion", (
        ("motion", "lsm6dsox", 1, 0x6A, 208, 12, 0, (), False, 0),
    )),
)
