"""Random inputs: samples in which contacts flicker and loads ramp, jump and spike; damaged frames."""

import numpy as np
from numpy.typing import NDArray

from dexkit.protocol.frames import encode_frame, encode_samples
from dexkit.protocol.tables import SETTINGS, STREAMS, TABLE

RATES_HZ = (10.0, 20.0, 50.0, 80.0, 100.0, 200.0, 208.0, 320.0, 1000.0)
TAPE_ROWS = 3000
GRAVITY_MS2 = 9.81


def durations(rng: np.random.Generator, total: int) -> NDArray[np.int64]:
    """Return durations from 1 to 200 rows, the short ones most often, that cover total rows."""
    drawn = np.exp(rng.uniform(0, np.log(200), total)).astype(np.int64)
    return drawn[: int(np.searchsorted(np.cumsum(drawn), total)) + 1]


def contact(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return a contact: on and off, with bursts of flicker."""
    spans = durations(rng, n)
    on = np.repeat(np.arange(len(spans)) % 2, spans)[:n].astype(bool)
    for start in rng.integers(0, n, rng.integers(0, n // 60)):
        burst = on[start : start + rng.integers(1, 12)]
        burst ^= rng.random(len(burst)) < 0.5
    return on.astype(np.float64)


def load(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return a force: holds, ramps and steps on levels that come again, noise, spikes, drift."""
    size = 10.0 ** rng.uniform(-2, 1)
    levels = np.concatenate([[0.0], rng.uniform(-0.2, 1, 4)]) * size
    spans = durations(rng, n)
    corners = rng.choice(levels, len(spans) + 1)
    pieces = [
        np.linspace(a, b, span, endpoint=False) if rng.random() < 0.4 else np.full(span, b)
        for a, b, span in zip(corners, corners[1:], spans, strict=False)
    ]
    values = np.concatenate(pieces)[:n]
    values += rng.normal(0, size * 10.0 ** rng.uniform(-4, -1), n) * (rng.random() < 0.8)
    values += np.linspace(0, rng.normal(0, 0.1 * size), n)
    spikes = rng.integers(0, n, rng.integers(0, 1 + n // 100))
    values[spikes] += rng.normal(0, 10 * size, len(spikes))
    return values


def cup(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return a cup that is lifted, tilted, emptied and put: columns of the table."""
    spans = durations(rng, n)
    air = np.repeat(np.arange(len(spans)) % 2, spans)[:n].astype(float)
    air = np.convolve(air, np.ones(k := int(rng.integers(1, 30))) / k, "same")
    tilt_rad = np.clip(np.convolve(load(rng, n), np.ones(9) / 9, "same"), -2, 2) * air
    mass_kg = np.minimum.accumulate(np.clip(0.4 - 0.3 * np.maximum(tilt_rad, 0), 0.02, None))
    axial_ms2, across_ms2 = GRAVITY_MS2 * np.cos(tilt_rad), GRAVITY_MS2 * np.sin(tilt_rad)
    turn_rads = np.gradient(tilt_rad) * 200
    still = np.zeros(n)
    foot_n = (mass_kg + 0.2) * GRAVITY_MS2 * (1 - air)
    motion = (across_ms2, still, axial_ms2, still, turn_rads, still)
    table = np.stack([foot_n, mass_kg * axial_ms2, *motion], axis=1)
    return table + rng.normal(0, 10.0 ** rng.uniform(-4, -1), table.shape)


def tape(object_kind: str, rng: np.random.Generator, n: int = TAPE_ROWS) -> NDArray[np.float32]:
    """Return samples (n, columns) of an object, with some that were not measured or are absurd."""
    if object_kind == "cup" and rng.random() < 0.5:
        table = cup(rng, n)
    else:
        columns = TABLE[object_kind]
        is_contact = [name.startswith(("touch", "entry", "seated")) for name in columns]
        table = np.stack([contact(rng, n) if one else load(rng, n) for one in is_contact], axis=1)
        if object_kind == "button_board":
            table[:, 10:15] *= table[:, 5:10]  # seated within entry, as it should be
    if rng.random() < 0.3:
        table[rng.random(table.shape) < 0.02] = np.nan
    if rng.random() < 0.1:
        odd = rng.random(table.shape) < 0.01
        table[odd] = rng.choice([np.inf, -np.inf, 1e30, -1e30, 1e-40], odd.sum())
    return table.astype(np.float32)


def some_settings(object_kind: str, rng: np.random.Generator) -> dict[str, float]:
    """Return settings: the defaults, or some of them changed a little, much, or to nothing."""
    if rng.random() < 0.5:
        return {}
    changed = {name: v * float(np.exp(rng.uniform(-2, 1.5))) for name, v in SETTINGS[object_kind].items()}
    return {name: v * (rng.random() > 0.1) for name, v in changed.items() if rng.random() < 0.5}


def some_length(rng: np.random.Generator) -> int:
    """Return a short length, seldom a long one."""
    return int(min(rng.geometric(1 / (15 if rng.random() < 0.97 else 300)) - 1, TAPE_ROWS))


def some_cuts(rng: np.random.Generator, n: int) -> list[int]:
    """Return where to cut n rows into pieces."""
    return sorted(rng.integers(0, n + 1, rng.integers(0, 5)).tolist())


def wire_tape(rng: np.random.Generator, frames: int = 60) -> bytes:
    """Return bytes of frames with gaps, repetitions and damage."""
    start = int(rng.choice([0, 2**31 - 20, 2**32 - 20]))
    parts = []
    for k in range(frames):
        sequence = start + k + int(rng.choice([0, 0, 0, 0, -1, -3, 5, 70_000, 2**30]))
        if rng.random() < 0.2:
            message = str(rng.choice(["hello", "heartbeat", "reply", "pong", "log"]))
            text = rng.integers(0, 256, int(rng.integers(0, 60)), dtype=np.uint8).tobytes()
            parts.append(encode_frame(message, text, sequence=sequence if k % 9 else 0, tick_us=k))
        else:
            stream = str(rng.choice(list(STREAMS)))
            rows = int(rng.integers(1, 8 if rng.random() < 0.9 else 80))
            raw = rng.integers(-2, 3000, (rows, len(STREAMS[stream].columns)))
            parts.append(encode_samples(stream, raw, sequence=sequence, tick_us=k))
    data = np.frombuffer(b"".join(parts), np.uint8).copy()
    hits = rng.integers(0, len(data), int(rng.integers(0, frames)))
    data[hits] = rng.integers(0, 256, len(hits))
    data = np.delete(data, rng.integers(0, len(data), int(rng.integers(0, 5))))
    return data.tobytes()
