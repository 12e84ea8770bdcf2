"""Smoothness, tremor and filters against the published way, SciPy and BrainFlow.

One trial of 10 s at 200 Hz for the measures, a recording of eight channels for the filters. Each output is
checked against ours before the race.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from types import ModuleType
from typing import Any

import numba
import numpy as np
import scipy.signal

from benchmarks.race import Row, race, ratio
from dexkit.score import smoothness_core as core
from dexkit.score import smoothness_reference as twin
from dexkit.score.smoothness import dlj, ldlj_a, sparc, tremor
from dexkit.segment.filters import Filter, lowpass

RATE_HZ = 200.0
N = 2000
FREQUENCY_HZ = 5.2


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    t = np.arange(N) / RATE_HZ
    speed = np.abs(np.cumsum(rng.normal(size=N)) * np.hanning(N))
    yield from sparc_rows(speed)
    yield from jerk_rows(speed, rng)
    yield from tremor_rows(np.sin(2 * np.pi * FREQUENCY_HZ * t) + 0.5 * rng.normal(size=N))
    for what, length in (("4 biquads x 8 channels", 200_000), ("the same, in the cache", 2_000)):
        yield from filter_rows(what, rng.normal(size=(length, 8)).astype(np.float32))
    yield from packet_rows(rng.normal(size=(4, 8)).astype(np.float32))


def check(what: str, ours: Any, theirs: Any, relative: float, absolute: float = 0.0) -> float:
    """Return the largest difference; raise when it is beyond the tolerance."""
    np.testing.assert_allclose(theirs, ours, rtol=relative, atol=absolute, err_msg=what)
    return float(np.max(np.abs(np.asarray(theirs) - np.asarray(ours))))


def microseconds(seconds: list[float], times: int = 1) -> str:
    return f"{np.median(seconds) / times * 1e6:.1f} us"


def times(run: Callable[[], object], repeats: int) -> Callable[[], None]:
    """Return a function that runs another so often that one timing is long enough."""

    def many() -> None:
        for _ in range(repeats):
            run()

    return many


def race_short(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Race with so many runs in each timing."""
    return race({name: times(run, repeats) for name, run in contestants.items()})


# ---- SPARC -------------------------------------------------------------------------------------------------


def arc_length(magnitude: np.ndarray) -> float:
    magnitude = magnitude / magnitude.max()
    (loud,) = np.nonzero(magnitude >= 0.05)
    first, last = loud[0], loud[-1]
    return -float(np.hypot(1.0 / (last - first), np.diff(magnitude[first : last + 1])).sum())


def sparc_rows(speed: np.ndarray) -> Iterator[Row]:
    size = 2 ** ((len(speed) - 1).bit_length() + 4)
    bins = int(10.0 * size / RATE_HZ) + 1
    chirp = scipy.signal.CZT(len(speed), bins, np.exp(-2j * np.pi / size))
    zoom = scipy.signal.ZoomFFT(len(speed), [0, bins * RATE_HZ / size], bins, fs=RATE_HZ)
    contestants: dict[str, Callable[[], float]] = {
        "ours": lambda: sparc(speed, RATE_HZ),
        "published (whole FFT, numpy)": lambda: arc_length(np.abs(np.fft.fft(speed, size))[:bins]),
        "numpy rfft": lambda: arc_length(np.abs(np.fft.rfft(speed, size))[:bins]),
        "scipy CZT, planned before": lambda: arc_length(np.abs(chirp(speed))),
        "scipy ZoomFFT, planned before": lambda: arc_length(np.abs(zoom(speed))),
    }
    worst = {name: check(name, contestants["ours"](), run(), 1e-6) for name, run in contestants.items()}
    seconds = race_short(contestants, 20)
    goals = dict(zip(contestants, (0, 70, 4, 4, 4), strict=True))
    for peer in list(contestants)[1:]:
        yield Row(
            "SPARC, 10 s at 200 Hz",
            peer,
            ratio(seconds, peer, "ours"),
            goals[peer],
            microseconds(seconds["ours"], 20),
            f"outputs differ by {worst[peer]:.0e}",
        )


# ---- Dimensionless jerk ------------------------------------------------------------------------------------


def jerk_rows(speed: np.ndarray, rng: np.random.Generator) -> Iterator[Row]:
    def numpy_dlj() -> float:
        jerk = np.diff(speed, 2) * RATE_HZ**2
        return -float((len(speed) / RATE_HZ) ** 3 / speed.max() ** 2 * (jerk @ jerk) / RATE_HZ)

    accel, gyro = rng.normal((0, 0, 10), size=(N, 3)), rng.normal(size=(N, 3))
    for what, goal, ours, theirs, note in (
        ("DLJ, 10 s at 200 Hz", 20, lambda: dlj(speed, RATE_HZ), numpy_dlj, "; half of ours is the call"),
        ("LDLJ-A", 20, lambda: ldlj_a(accel, gyro, RATE_HZ), lambda: twin.ldlj_a(accel, gyro, RATE_HZ), ""),
    ):
        worst = check(what, ours(), theirs(), 1e-9)
        seconds = race_short({"ours": ours, "numpy": theirs}, 20)
        yield Row(
            what,
            "vectorised numpy",
            ratio(seconds, "numpy", "ours"),
            goal,
            microseconds(seconds["ours"], 20),
            f"outputs differ by {worst:.0e}{note}",
        )


# ---- Tremor ------------------------------------------------------------------------------------------------


def brainflow() -> Any:
    """Return BrainFlow's filters, which need a module that setuptools no longer has to find their library."""
    if "pkg_resources" not in sys.modules:
        module = ModuleType("pkg_resources")
        module.resource_filename = lambda _, path: str(files("brainflow") / path)  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = module
    return importlib.import_module("brainflow.data_filter")


def tremor_rows(signal: np.ndarray) -> Iterator[Row]:
    window = round(2 * RATE_HZ)
    flow = brainflow()
    hann = flow.WindowOperations.HANNING.value

    def brainflow_welch() -> tuple[np.ndarray, np.ndarray]:
        return flow.DataFilter.get_psd_welch(signal, 512, 256, int(RATE_HZ), hann)

    # Ours gives the whole answer (peak, amplitude, occurrence), theirs the spectrum it starts from.
    frequency_hz, spectra = core.window_spectra(signal[:, np.newaxis], RATE_HZ)
    theirs = scipy.signal.welch(signal, RATE_HZ, nperseg=window)[1][: len(frequency_hz)]
    worst = check("welch", spectra.mean(axis=0), theirs, 1e-9, 1e-15)
    their_psd, their_hz = brainflow_welch()
    check("BrainFlow", tremor(signal, RATE_HZ).frequency_hz, their_hz[np.argmax(their_psd)], 0, 0.5)
    contestants = {
        "ours": lambda: tremor(signal, RATE_HZ),
        "scipy.signal.welch": lambda: scipy.signal.welch(signal, RATE_HZ, nperseg=window),
        "BrainFlow PSD welch": brainflow_welch,
    }
    seconds = race_short(contestants, 20)
    for peer, goal, note in (
        ("scipy.signal.welch", 10, f"spectra differ by {worst:.0e}; the peer stops at the spectrum"),
        ("BrainFlow PSD welch", 2, "windows of 512 (it takes powers of two); the peer stops at the spectrum"),
    ):
        yield Row(
            "tremor, 10 s at 200 Hz",
            peer,
            ratio(seconds, peer, "ours"),
            goal,
            microseconds(seconds["ours"], 20),
            note,
        )


# ---- Filters -----------------------------------------------------------------------------------------------


@numba.njit(fastmath=False)
def trivial(samples: np.ndarray, out: np.ndarray) -> None:
    """Do the least that can be done with every sample: y = a x + b, in wide registers."""
    for i in range(samples.size):
        out[i] = np.float32(1.5) * samples[i] + np.float32(0.1)


def scipy_sections(sections: np.ndarray) -> np.ndarray:
    return np.column_stack([sections[:, :3], np.ones(len(sections)), sections[:, 3:]])


def filter_rows(what: str, samples: np.ndarray) -> Iterator[Row]:
    sections = lowpass(20.0, RATE_HZ, 8)
    theirs = scipy_sections(sections)
    engine = Filter(sections, 8)
    flat = samples.reshape(-1)
    out = np.empty_like(flat)
    peer = scipy.signal.sosfilt(theirs, samples, axis=0)
    worst = check("sosfilt", Filter(sections, 8).push(samples), peer, 0, 1e-5)
    contestants = {
        "ours": lambda: engine.push(samples),
        "trivial loop y = a x + b": lambda: trivial(flat, out),
        "scipy sosfilt": lambda: scipy.signal.sosfilt(theirs, samples, axis=0),
    }
    repeats = max(1, 100_000 // len(samples))
    seconds = race_short(contestants, repeats)
    figure = f"{np.median(seconds['ours']) / repeats / flat.size * 1e9:.2f} ns/sample"
    against = ratio(seconds, "trivial loop y = a x + b", "ours")
    yield Row(
        f"filter, {what}",
        "trivial loop y = a x + b",
        against,
        1 / 3.5,
        figure,
        f"ours takes {1 / against:.1f} times as long",
    )
    yield Row(
        f"filter, {what}",
        "scipy sosfilt",
        ratio(seconds, "scipy sosfilt", "ours"),
        15,
        figure,
        f"outputs differ by {worst:.0e}",
    )


def packet_rows(packet: np.ndarray) -> Iterator[Row]:
    sections = lowpass(20.0, RATE_HZ, 8)
    theirs = scipy_sections(sections)
    engine = Filter(sections, 8)
    state = np.zeros((len(theirs), 2, 8))
    contestants = {
        "ours": lambda: engine.push(packet),
        "scipy": lambda: scipy.signal.sosfilt(theirs, packet, axis=0, zi=state),
    }
    seconds = race_short(contestants, 100)
    yield Row(
        "filter, packets of 4 rows",
        "scipy sosfilt with its state",
        ratio(seconds, "scipy", "ours"),
        60,
        microseconds(seconds["ours"], 100),
        "most of ours is the call from Python",
    )
