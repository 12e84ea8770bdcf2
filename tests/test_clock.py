"""The clock of a board against a simulated line whose truth is known."""

import numpy as np
import pytest

from dexkit.link.clock import Clock
from tests.clock_world import world


def online_errors_s(seed):
    """Return how far host times were off at moments between the probes of one half hour, and the clock."""
    half_hour, clock = world(seed), Clock()
    first = np.searchsorted(half_hour.samples_after, np.arange(len(half_hour.sent_ns) + 2))
    probes = zip(half_hour.sent_ns, half_hour.tick_us, half_hour.received_ns, half_hour.wall_ns, strict=True)
    errors_s = []
    for i, probe in enumerate(probes):
        clock.probe(*map(int, probe))
        for j in range(first[i + 1], first[i + 2]):
            host_s = 1e-9 * clock.host_time(int(half_hour.samples_us[j]) % 2**32)
            errors_s.append(host_s - half_hour.samples_s[j])
    return np.array(errors_s), clock, half_hour


@pytest.mark.parametrize("seed", range(4))
def test_live_times_are_within_a_fifth_of_a_millisecond(seed):
    errors_s, clock, half_hour = online_errors_s(seed)
    assert np.sqrt(np.mean(errors_s**2)) < 0.2e-3
    assert np.quantile(np.abs(errors_s), 0.999) < 1e-3
    assert clock.leaps == half_hour.slept
    assert clock.state().wall_step_s == pytest.approx(3600.0, abs=0.1)
