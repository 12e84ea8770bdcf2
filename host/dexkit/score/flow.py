"""The stream into the glass during one pour, as the coaster weighs it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dexkit.score.cup import G_PER_N, Carry
from dexkit.score.result import NotMeasurable, Outcome
from dexkit.score.smoothness import slope

#: The slope is taken over this long (PROPOSED).
WINDOW_S = 0.3
#: A flow below this is dripping (PROPOSED).
DRIP_G_S = 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stream:
    """One stream: mass in the glass and flow into it from before the first drop to the end.

    Parameters
    ----------
    mass_g, flow_gs
        From half a second before the pour until one second after its end.
    noise_gs
        Standard deviation of the flow while nothing was poured.
    """

    mass_g: Floats
    flow_gs: Floats
    noise_gs: float
    rate_hz: float

    def cv(self) -> Outcome:
        """Return standard deviation over mean of the flow while the middle 80 % of the mass came."""
        grown_g = self.mass_g - np.median(self.mass_g[: round(0.3 * self.rate_hz)])
        total_g = float(np.median(grown_g[-round(0.3 * self.rate_hz) :]))
        if total_g < 5.0:
            return NotMeasurable("Less than 5 g came into the glass.")
        middle = np.flatnonzero((grown_g >= 0.1 * total_g) & (grown_g <= 0.9 * total_g))
        if len(middle) < 3:
            return NotMeasurable("The pour was too short for its flow to be followed.")
        flow_gs = self.flow_gs[middle[0] : middle[-1] + 1]
        mean_gs = float(flow_gs.mean())
        return (
            float(flow_gs.std()) / mean_gs if mean_gs > 0 else NotMeasurable("Nothing flowed into the glass.")
        )

    def reversals(self) -> Outcome:
        """Return how often the flow fell and rose by a tenth of its maximum and five times its noise."""
        limit_gs = max(0.1 * float(self.flow_gs.max()), 5.0 * self.noise_gs)
        if limit_gs >= self.flow_gs.max():
            return NotMeasurable("The flow is lost in the coaster's noise.")
        turning = np.flatnonzero(np.diff(np.sign(np.diff(self.flow_gs)))) + 1
        count, low, high, falling = 0, np.inf, -np.inf, False
        for value in self.flow_gs[turning].tolist():
            if falling:
                low = min(low, value)
                if value - low > limit_gs:
                    count, falling, high = count + 1, False, value
            else:
                high = max(high, value)
                if high - value > limit_gs and high > limit_gs:
                    falling, low = True, value
        return float(count)

    def drip_s(self) -> Outcome:
        """Return how long the flow stayed below 2 g/s at the end, above three times the noise."""
        if 3.0 * self.noise_gs >= DRIP_G_S:
            return NotMeasurable("The coaster's noise hides a flow of less than 2 g/s.")
        main = np.flatnonzero(self.flow_gs >= DRIP_G_S)
        if not len(main):
            return NotMeasurable("The flow never reached 2 g/s.")
        still = np.flatnonzero(self.flow_gs[main[-1] :] < 3.0 * self.noise_gs)
        if not len(still):
            return NotMeasurable("It still dripped when the view of the glass ended.")
        return int(still[0]) / self.rate_hz


def stream_of(carry: Carry) -> Stream | NotMeasurable:
    """Return the stream of a carry with a pour, or why the coaster cannot tell it."""
    if carry.coaster is None:
        return NotMeasurable(
            "The coaster was not recorded, and the tilted cup weighs its liquid too roughly."
        )
    off_s = carry.pour_off_s
    if off_s is None:
        return NotMeasurable("The end of the flow was not seen.")
    glass = carry.coaster
    start_s, end_s = carry.pour_on_s - 0.5, off_s + 1.0
    if any(start_s < t < off_s + 0.5 for t in glass.times("disturbed")):
        return NotMeasurable("The glass was touched during the pour.")
    window = slice(glass.index(start_s), glass.index(end_s))
    quiet = slice(glass.index(start_s - 1.0), glass.index(start_s + 0.4))
    if off_s > glass.end_s or glass.share_missing(start_s, end_s) > 0.1 or glass.lost(start_s - 1.0, end_s):
        return NotMeasurable("Part of the pour was not measured by the coaster.")
    mass_g = _despiked(glass.samples[window, 0].astype(np.float64)) * G_PER_N
    before_g = _despiked(glass.samples[quiet, 0].astype(np.float64)) * G_PER_N
    flow_gs, noise = slope(mass_g, glass.rate_hz, WINDOW_S), slope(before_g, glass.rate_hz, WINDOW_S)
    for found in (flow_gs, noise):
        if isinstance(found, NotMeasurable):
            return found
    assert not isinstance(flow_gs, NotMeasurable) and not isinstance(noise, NotMeasurable)
    return Stream(mass_g, flow_gs, float(noise.std()), glass.rate_hz)


def _despiked(values: Floats) -> Floats:
    """Return the running median of five, so that single wrong conversions fall out."""
    if len(values) < 5:
        return values
    a, b, c, d, e = (values[first : len(values) - 4 + first] for first in range(5))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    # The median of all five is that of e and of these two, between which two or more of the four lie.
    inner = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))
    return np.concatenate([values[:2], inner, values[-2:]])
