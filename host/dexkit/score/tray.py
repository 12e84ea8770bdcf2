"""When the hand came onto the pegboard's tray, which is no event of its own."""

import numpy as np

from dexkit.protocol.tables import TABLE
from dexkit.score.take import Take

TRAY = TABLE["pegboard"].index("tray_n")

#: A force on the tray shorter apart than this is one stay of the hand.
GAP_S = 0.35
#: The tray's rest is read over this long.
REST_S = 0.3
#: A hand weighs on the tray at least this much; a wooden peg weighs about 0.01 N.
LEAST_N = 0.04
#: Samples in a row that a hand lasts at least.
LASTING = 4
#: Samples in a row that a hand lasts at least.


def hand_on_tray_s(take: Take, picked_s: float, since_s: float) -> float | None:
    """Return when the hand came onto the tray for the pick at picked_s, not before since_s.

    The stay is the stretch up to the pick in which the tray's force differs from its rest by more than six
    times its noise; parts less than GAP_S apart are one stay. None where no rest is seen before.
    """
    earlier_s = [t for t in take.times("pick", "return") if t < picked_s]
    rest_s = max(since_s, earlier_s[-1] + 0.05) if earlier_s else take.t0_s
    first, last = take.index(rest_s), take.index(picked_s)
    force_n = take.samples[first:last, TRAY].astype(np.float64)
    rest = force_n[: round(REST_S * take.rate_hz)]
    if len(rest) < 0.05 * take.rate_hz:
        return None
    level_n = float(np.median(rest))
    limit_n = max(6.0 * float(np.median(np.abs(np.diff(rest)))) / 0.954, LEAST_N)
    pressed = np.abs(force_n - level_n) > limit_n
    if len(pressed) < LASTING:
        return None
    # A wrong conversion lasts one or two samples; a hand lasts.
    runs = np.lib.stride_tricks.sliding_window_view(pressed, LASTING).all(axis=1)
    away = np.flatnonzero(runs)
    if not len(away) or last - first - away[-1] > GAP_S * take.rate_hz:
        return None
    pauses = np.flatnonzero(np.diff(away) > GAP_S * take.rate_hz)
    begin = away[pauses[-1] + 1] if len(pauses) else away[0]
    if begin == 0:
        return None
    return max(take.t0_s + (first + int(begin)) / take.rate_hz, since_s)
