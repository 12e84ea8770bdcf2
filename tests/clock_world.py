"""A simulated line between a host and a board whose clock is known exactly: the truth for a fitted clock."""

from dataclasses import dataclass

import numpy as np

from dexkit.link.clock import BURST, BURST_PERIOD_S, PROBE_PERIOD_S

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
    moments_s = moments_s[(moments_s < asleep_s) | (moments_s > begins[1][0] + 0.5)]
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
