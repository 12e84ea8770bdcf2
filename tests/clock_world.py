"""A simulated line between a host and a board whose clock is known exactly: the truth for a fitted clock."""

import sys
from dataclasses import dataclass
from multiprocessing import Pool

import numpy as np

from dexkit.link.clock import BURST, BURST_PERIOD_S, PROBE_PERIOD_S, SLOW_S, Clock, Timeline
from dexkit.recording.clock_fit import refit

HALF_HOUR_S = 1800.0
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class World:
    """Half an hour of probes and what really happened."""

    sent_ns: np.ndarray  # host's clock, int64 (n,)
    received_ns: np.ndarray
    wall_ns: np.ndarray  # host's wall clock at receiving
    tick_us: np.ndarray  # uint32 as on the wire, when the board read the ping
    tick_true_us: np.ndarray  # float64, unwrapped
    host_s: np.ndarray  # what the host's clock really said at these ticks
    samples_us: np.ndarray  # unwrapped ticks of moments in between, float64 (m,)
    samples_s: np.ndarray  # what the host's clock really said then
    samples_after: np.ndarray  # how many probes were known when each came
    slept: bool  # whether the host's clock stood still while it slept


def world(seed: int, *, half_hours: float = 1.0) -> World:
    """Return one half hour with everything that can go wrong."""
    rng = np.random.default_rng(seed)
    end_s = HALF_HOUR_S * half_hours
    ppm = (1.0 if seed % 2 else -1.0) * rng.uniform(0.0, 200.0)
    # The board's clock: an error that wanders by 8 ppm and takes a step when it gets warm.
    grid_s = np.arange(0.0, end_s + 2.0, 0.05)
    step_ppm, step_s = rng.choice((-10.0, 10.0)), rng.uniform(100.0, end_s - 100.0)
    warm = np.where(grid_s > step_s, 1.0 - np.exp(-(grid_s - step_s) / 30.0), 0.0)
    wander = 8.0 * np.sin(2 * np.pi * (grid_s / rng.uniform(900.0, 2400.0) + rng.uniform()))
    rate = 1.0 + 1e-6 * (ppm + wander + step_ppm * warm)
    board_us = np.concatenate(([0.0], np.cumsum(rate[:-1] * 0.05))) * 1e6
    board_us += 2.0**32 - rng.uniform(0.0, end_s) * 1e6  # it wraps on the way
    # The host: probes at a period that meets nothing, quick ones at first and after its sleep.
    asleep_s = rng.uniform(200.0, end_s - 900.0)
    awake_s = asleep_s + rng.uniform(60.0, 600.0)
    begins = ((0.5, asleep_s), (awake_s + 0.2, end_s - 1.0))
    asked_s = np.concatenate(
        [
            times
            for begin_s, stop_s in begins
            for times in (
                begin_s + BURST_PERIOD_S * np.arange(BURST),
                np.arange(begin_s + 1.0, stop_s, PROBE_PERIOD_S),
            )
        ]
    )
    n = len(asked_s)

    def one_way_s() -> np.ndarray:
        """USB is polled each millisecond, then comes what the computer does, now and then it stalls."""
        stalls = np.where(rng.random(n) < 0.005, rng.uniform(0.02, 0.3, n), 0.0)
        return rng.uniform(0.0, 1e-3, n) + rng.exponential(3e-4, n) + stalls

    busy_s = np.where(rng.random(n) < 0.01, rng.uniform(0.0, 0.05, n), 0.0)  # the board was in a long turn
    read_s = asked_s + one_way_s() + busy_s
    back_s = np.maximum.accumulate(read_s + one_way_s())
    kept = np.concatenate(([True], np.diff(read_s) > 0))
    asked_s, read_s, back_s = asked_s[kept], read_s[kept], back_s[kept]
    slept = bool(rng.random() < 0.5)

    def host_s(true_s: np.ndarray) -> np.ndarray:
        return true_s + 12345.6 - ((awake_s - asleep_s - 0.1) * (true_s > awake_s) if slept else 0.0)

    def host_ns(true_s: np.ndarray) -> np.ndarray:
        return np.rint(host_s(true_s) * 1e9).astype(np.int64)

    set_s = rng.uniform(0.0, end_s)
    wall_ns = np.rint(back_s * 1e9).astype(np.int64) + 1_700_000_000_000_000_000
    wall_ns += np.where(back_s > set_s, HOUR_NS, 0)
    ticks = np.floor(np.interp(read_s, grid_s, board_us))
    moments_s = np.arange(begins[0][0] + 1.0, end_s - 1.0, 0.1) + rng.uniform(0.0, 0.1)
    # How long the host slept is known with the first quick answer after it, not before.
    known_s = back_s[(asked_s > awake_s) & (back_s - asked_s < SLOW_S)][0]
    moments_s = moments_s[(moments_s < asleep_s) | (moments_s > known_s)]
    return World(
        host_ns(asked_s),
        host_ns(back_s),
        wall_ns,
        (ticks.astype(np.int64) % 2**32).astype(np.uint32),
        ticks,
        host_s(read_s),
        np.interp(moments_s, grid_s, board_us),
        host_s(moments_s),
        np.searchsorted(back_s, moments_s),
        slept,
    )


@dataclass(frozen=True)
class Errors:
    """How far the times given to samples in one half hour were off."""

    live_s: np.ndarray  # by the clock as it was known when each came
    read_s: np.ndarray  # by the fit of all probes, afterwards
    clock: Clock
    world: World


def half_hour_errors(seed: int) -> Errors:
    """Let a clock live through one half hour, then fit it again as reading does."""
    half_hour, clock = world(seed), Clock()
    first = np.searchsorted(half_hour.samples_after, np.arange(len(half_hour.sent_ns) + 2))
    wire = (half_hour.sent_ns, half_hour.tick_us, half_hour.received_ns, half_hour.wall_ns)
    start_ns = int(half_hour.sent_ns[0])
    timeline, live_s, board_s, stood_s = Timeline(clock, start_ns), [], [], []
    for i, probe in enumerate(zip(*(numbers.tolist() for numbers in wire), strict=True)):
        timeline.probe(clock.probe(*probe))
        for j in range(first[i + 1], first[i + 2]):
            board_us = clock.unwrap(int(half_hour.samples_us[j]) % 2**32)
            live_s.append(1e-9 * clock.host_time_of(board_us) - half_hour.samples_s[j])
            board_s.append(timeline.t_s(board_us))
            stood_s.append(1e-9 * clock.stood_ns)
    rows = timeline.rows()[1:]  # the first says only where the board's time begins
    offset_s, round_trip_s, _ = rows[:, 1:].astype(np.float32).astype(np.float64).T
    fit = refit(rows[:, 0], offset_s, round_trip_s, (board_s[0], board_s[-1]))
    # Where the host's clock stood still, a recording's time goes on; that is taken off again.
    host_s = fit.host_s(np.array(board_s)) - stood_s + 1e-9 * start_ns
    return Errors(np.array(live_s), host_s - half_hour.samples_s, clock, half_hour)


def main(trials: int) -> None:
    """Print in one line how far times are off over many half hours."""
    with Pool(2) as pool:
        found = pool.map(_errors_us, range(trials), chunksize=4)
    words = []
    for name, errors_us in zip(("live", "read"), zip(*found, strict=True), strict=True):
        all_us = np.concatenate(errors_us).astype(np.float64)
        rms, tail, most = (
            np.sqrt(np.mean(all_us**2)),
            np.quantile(np.abs(all_us), 0.999),
            np.abs(all_us).max(),
        )
        words.append(f"{name} rms {rms / 1e3:.3f} ms, p99.9 {tail / 1e3:.3f} ms, most {most / 1e3:.2f} ms")
    print(f"{trials} half hours: {'; '.join(words)}")


def _errors_us(seed: int) -> tuple[np.ndarray, np.ndarray]:
    found = half_hour_errors(seed)
    return (1e6 * found.live_s).astype(np.float32), (1e6 * found.read_s).astype(np.float32)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
