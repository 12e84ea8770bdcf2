"""Damage a recording everywhere: cut it at every byte, flip every byte; `python -m tests.damage` does it all.

Of each damaged file it asks: is there a sample that was never written, is anything missing without a word,
is more than one chunk gone, does it crash? Chunks that are as they were are opened once and remembered:
opening one is a function of its bytes alone.
"""

import numpy as np

from dexkit.recording import Recording, Stream

#: A flip sets every bit of a byte to its opposite, or a single bit.
MASKS = (0xFF, 0x01, 0x80)


def cup_recording(seconds, seed=1):
    """Return a cup recording as the sensors would give it: whole converter steps, two rates."""
    rng = np.random.default_rng(seed)
    loads, motions = int(320 * seconds), int(208 * seconds)
    load = np.round(rng.normal(5.0, 0.02, (loads, 2)) / 2e-4) * 2e-4
    motion = np.round(rng.normal(0.0, 0.1, (motions, 6)) / 1.2e-3) * 1.2e-3
    axes = ("ax_ms2", "ay_ms2", "az_ms2", "gx_rads", "gy_rads", "gz_rads")
    streams = (
        Stream("cup/load", ("foot_n", "inner_n"), np.arange(loads) / 320, load.astype(np.float32), 320.0),
        Stream("cup/motion", axes, np.arange(motions) / 208, motion.astype(np.float32), 208.0),
    )
    return Recording("cup", {"person": "P1", "test": "pour"}, {stream.name: stream for stream in streams})


def same_streams(first, second):
    """Whether two recordings hold the same streams, bit for bit."""
    return list(first.streams) == list(second.streams) and all(
        a.columns == b.columns
        and a.rate_hz == b.rate_hz
        and a.t_s.tobytes() == b.t_s.tobytes()
        and a.values.tobytes() == b.values.tobytes()
        for a, b in zip(first.streams.values(), second.streams.values(), strict=True)
    )
