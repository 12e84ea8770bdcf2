"""Damage a recording everywhere: cut it at every byte, flip every byte; `python -m tests.damage` does it all.

Of each damaged file it asks: is there a sample that was never written, is anything missing without a word,
is more than one chunk gone, does it crash? Chunks that are as they were are opened and decoded once and
remembered: both are functions of the bytes alone.
"""

import argparse
import functools
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dexkit.errors import RecordingError
from dexkit.recording import Recording, Stream, container, reader, write

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


class Victim:
    """A whole recording of about 200 kB, and which of its samples each chunk holds."""

    def __init__(self, seconds=21.0):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "whole.mcap"
            write(path, cup_recording(seconds))
            self.data = path.read_bytes()
        self.recording = reader.read_bytes(self.data)
        assert same_streams(self.recording, cup_recording(seconds))
        self.names = list(self.recording.streams)
        self.chunks = []  # first byte, byte after the last; each stream's first sample, sample after the last
        held = [0] * len(self.names)
        for start, content in container.walk(self.data).chunks:
            first = list(held)
            for channel, spans in container.look_inside([content]).messages.items():
                counts = (content[at + 8 : at + 12] for at in spans[:, 0].tolist())
                held[channel - 1] += sum(int.from_bytes(count, "little") for count in counts)
            end = start + 9 + int.from_bytes(self.data[start + 1 : start + 9], "little")
            self.chunks.append((start, end, first, list(held)))

    def cut(self, size):
        """Judge the file cut to so many bytes; return what came of it."""
        whole = [chunk for chunk in self.chunks if chunk[1] <= size]
        held = whole[-1][3] if whole else [0] * len(self.names)
        try:
            recovered = reader.read_bytes(self.data[:size])
        except RecordingError:
            assert not whole, "refused, though samples were there"
            return "refused: cut before the first samples"
        assert recovered.losses.recovered, "a silent cut"
        assert recovered.meta == self.recording.meta, "metadata changed"
        for name, n in zip(self.names, held, strict=True):
            self._equal(recovered, name, slice(0, 0), slice(0, n))
        return "cut: all whole chunks read" if whole else "cut: no chunk was whole yet"

    def flip(self, at, mask=0xFF):
        """Judge the file with some bits of one byte flipped; return what came of it."""
        damaged = bytearray(self.data)
        damaged[at] ^= mask
        recovered = reader.read_bytes(bytes(damaged))
        assert recovered.losses.recovered, "silent damage"
        assert recovered.object_kind == "cup", "object changed"
        assert recovered.meta == self.recording.meta, "metadata changed"
        hit = next((chunk for chunk in self.chunks if chunk[0] <= at < chunk[1]), None)
        lost = recovered.losses.samples_missing > 0
        assert not lost or hit, "samples lost though no chunk was hit"
        gone = [slice(0, 0)] * len(self.names)
        if lost:
            gone = [slice(first, end) for first, end in zip(hit[2], hit[3], strict=True)]
        for name, hole in zip(self.names, gone, strict=True):
            n = len(self.recording.streams[name].t_s)
            self._equal(recovered, name, slice(0, hole.start), slice(hole.stop, n))
        assert recovered.losses.samples_missing == sum(hole.stop - hole.start for hole in gone), "wrong count"
        assert recovered.losses.chunks_lost == lost, "wrong count of chunks"
        if lost:
            return "flip: one chunk lost and counted"
        return "flip in a chunk's head: nothing lost, said" if hit else "flip elsewhere: nothing lost, said"

    def _equal(self, recovered, name, before, after):
        """Hold a stream against the original without what lies between: neither invented nor missing."""
        original, found = self.recording.streams[name], recovered.streams[name]
        n = before.stop
        assert len(found.t_s) == n + after.stop - after.start, f"{name}: {len(found.t_s)} samples"
        for a, b in ((original.t_s, found.t_s), (original.values, found.values)):
            assert a[before].tobytes() == b[:n].tobytes(), f"{name}: samples changed"
            assert a[after].tobytes() == b[n:].tobytes(), f"{name}: samples changed"


@functools.cache
def victim():
    """Return the one victim of this process; from now on what was opened or decoded is remembered."""
    decode = reader.decode

    @functools.lru_cache(maxsize=64)
    def remembered(raw, shape, spans, columns):
        return decode(raw, np.frombuffer(spans, np.int64).reshape(shape), columns)

    reader.decode = lambda raw, spans, columns: remembered(raw, spans.shape, spans.tobytes(), columns)
    container.open_chunk = functools.lru_cache(maxsize=4096)(container.open_chunk)
    return Victim()


def judge(cases):
    """Judge cases, each a pair of kind and place; return how often what came out, and the failures."""
    counts, failures = Counter(), []
    for kind, at in cases:
        try:
            counts[victim().cut(at) if kind == "cut" else victim().flip(at, kind)] += 1
        except Exception as error:
            failures.append(f"{kind} at byte {at}: {type(error).__name__}: {error}")
    return counts, failures


def main():
    """Judge every case in two processes; print the counts; exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--masks", type=int, default=1, choices=(1, 2, 3), help="ways to flip each byte")
    parser.add_argument("--every", type=int, default=1, help="only every so many bytes")
    options = parser.parse_args()
    size = len(victim().data)
    cases = [(kind, at) for at in range(0, size, options.every) for kind in ("cut", *MASKS[: options.masks])]
    batches = [cases[i : i + 2000] for i in range(0, len(cases), 2000)]
    start = time.perf_counter()
    counts, failures = Counter(), []
    with ProcessPoolExecutor(2) as pool:
        for some, failed in pool.map(judge, batches):
            counts += some
            failures += failed
            print(f"\r{sum(counts.values()) + len(failures)} of {len(cases)}", end="", file=sys.stderr)
    print(f"{len(cases)} damaged files of {size} bytes, {time.perf_counter() - start:.0f} s")
    for what, count in sorted(counts.items()):
        print(f"  {count:8d}  {what}")
    print(f"  {len(failures):8d}  failures")
    print("\n".join(failures[:20]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
