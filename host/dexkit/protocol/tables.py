"""The schema's facts for the host: generated from protocol/schema.toml by `make generate`; do not edit."""

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
    },
    "coaster": {
        "flow_g_s": 1.0,
        "dribble_g_s": 0.7,
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
    },
}
