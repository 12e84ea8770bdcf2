"""What a recording of the cup shows: each carry from lift to put, its liquid, its tilt and its parts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from dexkit.protocol.tables import TABLE
from dexkit.score.result import Measured, NotMeasurable, Outcome, number
from dexkit.score.take import Take

FOOT, INNER, _AX, _GX = map(TABLE["cup"].index, ("foot_n", "inner_n", "ax_ms2", "gx_rads"))
ACCEL, GYRO = slice(_AX, _AX + 3), slice(_GX, _GX + 3)

#: Grams of one newton under standard gravity.
G_PER_N = 1000.0 / 9.80665
#: Share of the tilt at first flow from which on the cup counts as being tilted to pour (PROPOSED).
TILTED_SHARE = 0.25
#: Mean over this long takes hand tremor out of the tilt.
TILT_MEAN_S = 0.25
#: A touch of the cup on the table is over, and the liquid calm enough, after this long.
CALM_S = 0.4
#: How much of a carry may be missing before its movement is not measurable (PROPOSED).
MISSING_LIMIT = 0.1

#: Parts of a carry: the boundaries where they begin and end, and why they may have none.
SPANS = {
    "lift": ("unload", "lift", ""),
    "transport": ("lift", "tilt", "Nothing was poured."),
    "tilt": ("tilt", "on", "Nothing was poured."),
    "before flow": ("lift", "on", "Nothing was poured."),
    "pour": ("on", "off", "The end of the flow was not seen."),
    "return": ("off", "put", "The end of the flow or the putting down was not seen."),
    "whole": ("lift", "put", "The recording ended before the cup was put down."),
}

Floats = NDArray[np.float64]
Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


def once(
    find: Callable[Concatenate["Carry", Arguments], Found],
) -> Callable[Concatenate["Carry", Arguments], Found]:
    """Keep what a function finds in a carry for the next measure that asks for the same."""

    @wraps(find)
    def kept(carry: "Carry", /, *args: Arguments.args, **named: Arguments.kwargs) -> Found:
        found: dict[Any, Found] = vars(carry).setdefault("_found", {})
        key = (find, args, tuple(named.items()))
        if key not in found:
            found[key] = find(carry, *args, **named)
        return found[key]

    return kept


@dataclass(frozen=True)
class Carry:
    """One time in the air, from lift to put, with the pours in it.

    Parameters
    ----------
    cup, coaster
        The takes; None where there was no coaster.
    lift_s, put_s
        Beginning and end; put_s is None when the recording ended before.
    flows_s
        Begin and end of each flow; the end is None when none was seen.
    quality
        Quality of the events at its boundaries, by name: lift, on, off, put.
    """

    cup: Take
    coaster: Take | None
    lift_s: float
    put_s: float | None
    flows_s: tuple[tuple[float, float | None], ...]
    quality: Mapping[str, float]

    @property
    def poured(self) -> bool:
        """Whether liquid left the cup."""
        return bool(self.flows_s)

    @property
    def end_s(self) -> float:
        """Time of the put, or of the recording's end."""
        return self.cup.end_s if self.put_s is None else self.put_s

    @property
    def pour_on_s(self) -> float:
        """Time of the first flow."""
        return self.flows_s[0][0]

    @property
    def pour_off_s(self) -> float | None:
        """Time at which the last flow ended."""
        return self.flows_s[-1][1]

    def part(self, start_s: float, end_s: float) -> slice:
        """Return the samples between two times."""
        return slice(self.cup.index(start_s), self.cup.index(end_s))

    @cached_property
    def tilt_deg(self) -> Floats:
        """Tilt of the cup's axis from the vertical, each sample of the carry, tremor averaged out."""
        whole = self.part(self.lift_s, self.end_s)
        half = max(round(TILT_MEAN_S * self.cup.rate_hz / 2), 1)
        first, last = max(whole.start - half, 0), min(whole.stop + half, len(self.cup.samples))
        sums = np.cumsum(self.cup.samples[first:last, ACCEL], axis=0, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, 3)), sums])
        at = np.arange(whole.start, whole.stop) - first
        low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(sums) - 1)
        mean = (sums[high] - sums[low]) / (high - low)[:, np.newaxis]
        tilt: Floats = np.degrees(np.arctan2(np.hypot(mean[:, 0], mean[:, 1]), mean[:, 2]))
        return tilt

    def tilt_at(self, t_s: float) -> float:
        """Return the tilt at a time of the carry."""
        place = self.cup.index(t_s) - self.cup.index(self.lift_s)
        return float(self.tilt_deg[min(max(place, 0), len(self.tilt_deg) - 1)])

    @cached_property
    def unload_s(self) -> float:
        """Time at which the foot force began to fall before the lift: the hand takes the weight."""
        cup = self.cup
        last = cup.index(self.lift_s)
        foot_n = cup.samples[max(last - round(2.0 * cup.rate_hz), 0) : last, FOOT].astype(np.float64)
        rest = foot_n[: max(len(foot_n) // 2, 1)]
        level_n = float(np.median(rest)) if len(rest) else 0.0
        standing = np.flatnonzero(foot_n >= 0.93 * level_n)
        return (
            self.lift_s
            if not len(standing)
            else self.lift_s - (len(foot_n) - int(standing[-1])) / cup.rate_hz
        )

    @cached_property
    def tilt_start_s(self) -> float:
        """Last time before the first flow at which the cup was not yet tilted to pour."""
        until = max(self.cup.index(self.pour_on_s) - self.cup.index(self.lift_s), 1)
        upright = np.flatnonzero(self.tilt_deg[:until] < TILTED_SHARE * self.tilt_deg[until - 1])
        return self.lift_s + (int(upright[-1]) + 1) / self.cup.rate_hz if len(upright) else self.lift_s

    def standing_g(self, start_s: float, end_s: float, when: str) -> Outcome:
        """Return the liquid in the cup while it stands between two times, as its median."""
        window = self.part(start_s, end_s)
        if window.stop - window.start < 0.25 * self.cup.rate_hz:
            return NotMeasurable(f"The cup stood for less than 0.25 s {when}.")
        if self.cup.share_missing(start_s, end_s) > 0.5:
            return NotMeasurable(f"The load was not measured {when}.")
        force_ms2 = float(np.median(self.cup.samples[window, ACCEL.stop - 1]))
        if force_ms2 < 5.0:
            return NotMeasurable(f"The cup did not stand upright {when}.")
        return 1000.0 * float(np.median(self.cup.samples[window, INNER])) / force_ms2

    @cached_property
    def before_g(self) -> Outcome:
        """Liquid in the cup while it stood before the lift, at its last quiet moment."""
        marks = [t for t in self.cup.times("put", "bump", "failed_lift") if t < self.unload_s]
        starts = [self.cup.t0_s, *(t + CALM_S for t in marks)]
        ends = [*(t - CALM_S for t in marks), self.unload_s - 0.1]
        moments = [(max(start_s, end_s - 1.0), end_s) for start_s, end_s in zip(starts, ends, strict=True)]
        return self._standing_g(moments[::-1], "before it was lifted")

    @cached_property
    def after_g(self) -> Outcome:
        """Liquid in the cup while it stood after the put, at its first quiet moment."""
        if self.put_s is None:
            return NotMeasurable("The recording ended before the cup was put down.")
        later = [t for t in self.cup.times("lift", "bump", "failed_lift") if t > self.put_s]
        starts = [t + CALM_S for t in (self.put_s, *later)]
        ends = [*(t - CALM_S for t in later), self.cup.end_s]
        moments = [(start_s, min(end_s, start_s + 1.0)) for start_s, end_s in zip(starts, ends, strict=True)]
        next_lift_s = next((t for t in self.cup.times("lift") if t > self.put_s), np.inf)
        return self._standing_g([m for m in moments if m[1] < next_lift_s], "after it was put down")

    def _standing_g(self, moments: Iterable[tuple[float, float]], when: str) -> Outcome:
        """Return the liquid in the first of these moments that lasts long enough to be weighed."""
        for start_s, end_s in moments:
            if end_s - start_s >= 0.3:
                return self.standing_g(start_s, end_s, when)
        return NotMeasurable(f"The cup stood still for less than 0.3 s {when}.")

    @cached_property
    def moved_g(self) -> Outcome:
        """Liquid that left the cup."""
        return difference(self.before_g, self.after_g)

    @cached_property
    def received_g(self) -> Outcome:
        """Liquid that came into the glass on the coaster."""
        if self.coaster is None:
            return NotMeasurable("The coaster was not recorded with the cup.")
        if self.put_s is None:
            return NotMeasurable("The recording ended before the cup was put down.")
        glass = self.coaster
        touched = [t for t in glass.times("disturbed") if t > self.pour_on_s]
        quiet_s = max(self.pour_on_s - 1.1, glass.t0_s), self.pour_on_s - 0.1
        before = glass.samples[glass.index(quiet_s[0]) : glass.index(quiet_s[1]), 0]
        off_s = self.pour_off_s if self.pour_off_s is not None else self.put_s
        # The blow of the cup on the same table and the last drops are over a moment after the put.
        start_s = max(self.put_s + 0.25, off_s + 1.0)
        end_s = min(start_s + 1.0, touched[0] - 0.05 if touched else glass.end_s)
        after = glass.samples[glass.index(start_s) : glass.index(end_s), 0]
        if touched and touched[0] < start_s:
            return NotMeasurable("The glass was touched between the pour and the moment the cup stood again.")
        if min(len(before), len(after)) < 0.25 * glass.rate_hz:
            return NotMeasurable("The glass stood still for less than 0.25 s before or after the pour.")
        if max(glass.share_missing(*quiet_s), glass.share_missing(start_s, end_s)) > 0.5:
            return NotMeasurable("The glass was not measured before or after the pour.")
        return (float(np.median(after)) - float(np.median(before))) * G_PER_N

    @once
    def motion(self, part: str, trim_s: float = 0.0) -> tuple[Floats, Floats] | NotMeasurable:
        """Return acceleration (n, 3) and turning rate (n, 3) in a part, the gyroscope's rest taken off.

        Both ends are shortened by trim_s, where the hand takes hold or the cup touches the table.
        """
        span = self.span(part)
        if isinstance(span, NotMeasurable):
            return span
        start_s, end_s = span[0] + trim_s, span[1] - trim_s
        window = self.part(start_s, end_s)
        if window.stop - window.start < 0.2 * self.cup.rate_hz:
            return NotMeasurable("This part of the movement lasted less than 0.2 s.")
        if self.cup.share_missing(start_s, end_s) > MISSING_LIMIT:
            return NotMeasurable(
                f"More than {MISSING_LIMIT:.0%} of this part of the movement was not measured."
            )
        samples = self.cup.samples[window]
        return samples[:, ACCEL].astype(np.float64), samples[:, GYRO] - self.gyro_rest_rads

    def span(self, part: str) -> tuple[float, float] | NotMeasurable:
        """Return begin and end of a part of the carry that SPANS names, or why it has none."""
        first, last, lacking = SPANS[part]
        times = {
            "unload": self.unload_s,
            "lift": self.lift_s,
            "tilt": self.tilt_start_s if self.poured else None,
            "on": self.pour_on_s if self.poured else None,
            "off": self.pour_off_s if self.poured else None,
            "put": self.put_s,
        }
        start_s, end_s = times[first], times[last]
        if start_s is None or end_s is None:
            return NotMeasurable(lacking)
        return start_s, end_s

    def lasted(self, part: str) -> Outcome:
        """Return how long a part of the carry lasted."""
        span = self.span(part)
        if isinstance(span, NotMeasurable):
            return span
        return Measured(span[1] - span[0], self.sure(*SPANS[part][:2]))

    def sure(self, *boundaries: str) -> float:
        """Return the lowest quality of the events at these boundaries."""
        return min((self.quality[name] for name in boundaries if name in self.quality), default=1.0)

    @cached_property
    def gyro_rest_rads(self) -> Floats:
        """What the gyroscope says while the cup stands before the lift; zero where it did not stand."""
        window = self.part(max(self.unload_s - 1.1, self.cup.t0_s), self.unload_s - 0.1)
        if window.stop - window.start < 0.25 * self.cup.rate_hz:
            return np.zeros(3)
        return np.asarray(np.median(self.cup.samples[window, GYRO], axis=0), np.float64)


def carries(cup: Take, coaster: Take | None = None) -> tuple[Carry, ...]:
    """Return every time in the air, in order; a lift without a put lasts to the next lift or the end."""
    found = []
    lifts = cup.rows("lift")
    puts = cup.times("put")
    for place, row in enumerate(lifts):
        lift_s = float(row["t_s"])
        until_s = float(lifts[place + 1]["t_s"]) if place + 1 < len(lifts) else np.inf
        put_s = next((t for t in puts if lift_s < t < until_s), None)
        end_s = put_s if put_s is not None else min(until_s, cup.end_s + 1.0)
        inside = cup.events[(cup.events["t_s"] >= lift_s) & (cup.events["t_s"] <= end_s)]
        ons, offs = (inside[inside["kind"] == kind] for kind in ("pour_on", "pour_off"))
        flows = tuple(
            (on, next((t for t in offs["t_s"].tolist() if t > on), None)) for on in ons["t_s"].tolist()
        )
        boundaries = (
            ("lift", row),
            ("on", ons[:1]),
            ("off", offs[-1:]),
            ("put", inside[inside["kind"] == "put"]),
        )
        quality = {name: float(rows["quality"].min(initial=1.0)) for name, rows in boundaries}
        found.append(Carry(cup, coaster, lift_s, put_s, flows, quality))
    return tuple(found)


def difference(more: Outcome, less: Outcome) -> Outcome:
    """Return more - less, or the reason why one of them is not known."""
    for outcome in (more, less):
        if isinstance(outcome, NotMeasurable):
            return outcome
    assert isinstance(more, float) and isinstance(less, float)
    return more - less


def each(
    found: Iterable[Carry],
    measure: Callable[[Carry], Outcome],
    none: str,
    whole: Callable[[list[float]], float] = lambda known: float(np.median(known)),
    every: bool = False,
) -> dict[str, Outcome]:
    """Return a measure of each carry, numbered from 1 when there is more than one, and one for the whole.

    Parameters
    ----------
    found
        The carries it is about.
    measure
        What to measure of one.
    none
        Why there is no number when there is no such carry.
    whole
        How the numbers become one; the median by default.
    every
        Whether the whole is not measurable as soon as one carry is not.
    """
    outcomes = [number(measure(carry)) for carry in found]
    if not outcomes:
        return {"": NotMeasurable(none)}
    if len(outcomes) == 1:
        return {"": outcomes[0]}
    unknown = [outcome for outcome in outcomes if isinstance(outcome, NotMeasurable)]
    known = [
        (outcome.value, outcome.quality) if isinstance(outcome, Measured) else (outcome, 1.0)
        for outcome in outcomes
        if not isinstance(outcome, NotMeasurable)
    ]
    total: Outcome
    if unknown and (every or not known):
        total = unknown[0]
    else:
        total = Measured(whole([value for value, _ in known]), min(quality for _, quality in known))
    return {"": total, **{str(place): outcome for place, outcome in enumerate(outcomes, 1)}}
