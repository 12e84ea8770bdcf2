"""The C decoder and every C segmenter against their Python twins, on random inputs."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

import numpy as np

from dexkit import segment
from dexkit.core import lib
from dexkit.protocol import frames, frames_reference
from dexkit.segment import reference
from tests.fuzz import inputs

PER_TAPE = 100  # inputs cut out of one tape
PER_TASK = 1000
PROCESSES = 2

SEGMENTERS = {
    "cup": (segment.CupSegmenter, reference.CupSegmenter),
    "coaster": (segment.CoasterSegmenter, reference.CoasterSegmenter),
    "button_board": (segment.ButtonsSegmenter, reference.ButtonsSegmenter),
    "pegboard": (segment.PegsSegmenter, reference.PegsSegmenter),
}
PAIRS = ("decoder", *SEGMENTERS)


def segmented(segmenter, samples, cuts=()):
    """Return the events of samples pushed in pieces, as bytes."""
    edges = [0, *cuts, len(samples)]
    events = [segmenter.push(samples[a:b]) for a, b in itertools.pairwise(edges)]
    return b"".join(part.tobytes() for part in [*events, segmenter.finish()])


def decoded(decoder, data, cuts=()):
    """Return blocks, payload and counts of bytes pushed in pieces."""
    edges = [0, *cuts, len(data)]
    parts = [decoder.push(data[a:b]) for a, b in itertools.pairwise(edges)]
    counts = decoder.finish().counts
    names = [name for name in frames.BLOCK_DTYPE.names if name != "offset"]
    blocks = [tuple(block[name] for name in names) for part in parts for block in part.blocks]
    return blocks, b"".join(part.payload.tobytes() for part in parts), counts


def compare_segmenter(object_kind: str, rng: np.random.Generator, count: int) -> Iterator[str]:
    """Yield a description of each input on which the two differ."""
    fast, slow = SEGMENTERS[object_kind]
    tape = inputs.tape(object_kind, rng)
    for _ in range(count):
        n = inputs.some_length(rng)
        start = int(rng.integers(0, len(tape) - n + 1))
        samples = tape[start : start + n]
        rate_hz = float(rng.choice(inputs.RATES_HZ))
        settings = inputs.some_settings(object_kind, rng)
        cuts = inputs.some_cuts(rng, n)
        if segmented(fast(rate_hz, **settings), samples, cuts) != segmented(
            slow(rate_hz, **settings), samples
        ):
            yield f"{object_kind}: {n} rows at {rate_hz:g} Hz, {settings}, cut at {cuts}"


def compare_decoder(rng: np.random.Generator, count: int) -> Iterator[str]:
    """Yield a description of each input on which the two differ."""
    tape = inputs.wire_tape(rng)
    for _ in range(count):
        n = min(3 * inputs.some_length(rng), len(tape))
        start = int(rng.integers(0, len(tape) - n + 1))
        data = tape[start : start + n]
        cuts = inputs.some_cuts(rng, n)
        if decoded(frames.Decoder(), data, cuts) != decoded(frames_reference.Decoder(), data):
            yield f"decoder: {data.hex()}, cut at {cuts}"


def run_task(pair: str, seed: int, task: int) -> list[str]:
    """Return what went wrong in one task's inputs."""
    rng = np.random.default_rng([seed, task, PAIRS.index(pair)])
    compare: Callable[[], Iterator[str]] = (
        (lambda: compare_decoder(rng, PER_TAPE))
        if pair == "decoder"
        else (lambda: compare_segmenter(pair, rng, PER_TAPE))
    )
    found: list[str] = []
    for _ in range(PER_TASK // PER_TAPE):
        try:
            found += compare()
        except Exception as error:  # whatever it is, it is a finding
            found.append(f"{pair}: {error!r}")
    return found


def compare_all(pair: str, count: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (inputs done, findings) of each task of a pair, on two processes."""
    if lib is None:
        raise RuntimeError("the C core is not built")
    with ProcessPoolExecutor(PROCESSES) as pool:
        tasks: list[Future[list[str]]] = [
            pool.submit(run_task, pair, seed, task) for task in range(max(1, count // PER_TASK))
        ]
        for future in as_completed(tasks):
            yield PER_TASK, future.result()
