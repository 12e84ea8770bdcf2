"""The cup segmenter: readable oracle for native/src/cup.c, and its stand-in.

The foot force is freed of spikes. Two levels are tracked, the zero (which drifts) and the weight. A force
that leaves its level opens an excursion; when it is over it is a bump, a failed lift, a lift or a put, and
only then a ramp is fitted to the samples behind, which says when it happened. While the cup is in the air,
pour.py watches the liquid.
"""

import math

from dexkit.segment.reference.base import ReferenceSegmenter
from dexkit.segment.reference.pour import Pour
from dexkit.segment.reference.ramp import Despike, Ramp, clip

RING = 4096
REACH = RING - 72  # the C core writes a block of 64 ahead
FOOT, INNER = 0, 1
PART = 0.65  # of a ramp that is fitted: its foot's side, for the far side tells little
LEAST_N = 0.05  # no cup is lighter; keeps divisions safe
BORNE = 0.15  # of the weight: more than drift and tremor bring
SEEN_S, SOFT_S = 0.01, 0.03  # so much longer is a bounce seen, and one to a soft landing
MOST_NOISE = 0.03  # of the weight: a cup that is being filled changes, but not by noise


class CupSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.CupSegmenter."""

    object_kind = "cup"
    waits = True

    def start(self) -> None:
        """Nothing is known yet."""
        self.foot = Despike()
        back_deg, radius_mm, height_mm = (self.settings[k] for k in ("back_deg", "radius_mm", "height_mm"))
        self.pour = Pour(self.rate_hz, back_deg, radius_mm, height_mm, self.add)
        self.ring = [0.0] * RING
        self.started = self.standing = self.zero_known = False
        self.zero, self.weight, self.noise = 0.0, 0.0, 0.02
        self.level = 0.0  # where the force of a standing cup is: zero + weight
        self._held[INNER] = math.nan  # not measured so far
        self.watched = False  # the liquid, in the air
        self.begin = -1  # first sample of the excursion; -1: none
        self.last_out = 0
        self.sum = self.size = self.in_air = 0.0
        self.put_at = -int(10.0 * self.rate_hz)

    # -------------------------------------------------------------------------------- the force remembered

    def at(self, i: int) -> float:
        """Return the clean foot force at sample i."""
        return self.ring[i % RING]

    def before(self, i: int, seconds: float) -> int:
        """Return the sample this long before i, as far as the ring remembers."""
        return max(0, i - min(int(seconds * self.rate_hz), REACH))

    def mean(self, first: int, stop: int) -> float:
        """Return the mean force of samples first .. stop - 1."""
        total = 0.0
        for i in range(first, stop):
            total += self.at(i)
        return total / (stop - first)

    def change(self, i: int) -> float:
        """Return how much the force still changes: the difference between the halves of the last 0.1 s."""
        first = self.before(i, 0.1)
        middle = (first + i + 1) // 2
        return abs(self.mean(first, middle) - self.mean(middle, i + 1)) if middle > first else 0.0

    def foot_of(self, first: int, stop: int, low: float, high: float, side: int) -> tuple[int, float]:
        """Return the foot of a ramp and the quality of its fit."""
        foot, misfit = Ramp(self.at, first, stop, low, high, side).foot()
        foot += 0.5
        earliest = max(0.0, first - self.rate_hz)
        if foot < earliest:
            foot = earliest
        elif foot > stop - 1:
            foot = float(stop - 1)
        return int(foot), 1.0 / (1.0 + 5.0 * misfit)

    # ---------------------------------------------------------------------------- from standing to the air

    def lift(self, i: int) -> None:
        """Tell the lift: the end of the last fall from the weight."""
        high = self.level
        low = min(high - LEAST_N, self.mean(self.before(i, 0.06), i + 1))
        first, k = self.before(i, 1.5), i
        while k > first and self.at(k) < low + PART * (high - low):
            k -= 1
        index, quality = self.foot_of(k, i + 1, low, high, -1)
        doubt = min(1.0, abs(low - self.zero) / self.weight * (2.0 if self.zero_known else 1.0))
        self.add("lift", 0, index, self.index, quality * (1.0 - doubt))
        self.standing, self.zero, self.zero_known, self.begin = False, low, True, -1
        self.watch()

    def watch(self) -> None:
        """Watch the liquid from here on, if its load has ever been measured."""
        self.watched = not math.isnan(self._held[INNER])
        self.pour.lifted(self._held[INNER:])

    def set_level(self, level: float) -> None:
        """Set the level of a standing cup; its weight is never less than a cup."""
        self.level, self.weight = level, max(LEAST_N, level - self.zero)

    def back(self, band: float) -> None:
        """Tell what an excursion was that came back: how long and which way says it."""
        quality = self.size / (self.size + band)
        if self.last_out + 1 - self.begin < self.settings["bump_s"] * self.rate_hz:
            self.add("bump", 0, self.begin, self.index, quality)
        elif self.sum < 0.0:
            self.add("failed_lift", 0, self.begin, self.index, quality)
        self.begin = -1

    def stand(self, i: int, y: float) -> None:
        """Take a sample of a standing cup."""
        off = y - self.level
        band = max(5.0 * self.noise, 0.04 * self.weight, 0.04)
        if self.begin < 0:
            if abs(off) <= band:  # what moves slowly is the zero, what moves faster is the weight
                pace, share = 1.0 / (0.3 * self.rate_hz), 1.0 / (0.5 * self.rate_hz)
                self.zero += clip(pace * off, self.settings["drift_n_s"] / self.rate_hz)
                self.set_level((1.0 - pace) * self.level + pace * y)
                noise = (1.0 - share) * self.noise + share * abs(off)
                self.noise = min(noise, MOST_NOISE * self.weight)
                return
            self.begin, self.sum, self.size, self.in_air = i, 0.0, 0.0, 0.0
        self.sum += off
        self.size = max(self.size, abs(off))
        if abs(off) > band:
            self.last_out = i
        elif i - self.last_out >= 0.04 * self.rate_hz:
            self.back(band)
            return
        # The nearer to zero, the sooner it is believed. While no air has been felt the zero is but a guess:
        # then patience must tell a lift from one that failed.
        age_s, part = (i - self.begin) / self.rate_hz, (y - self.zero) / self.weight
        near = max(part - 0.04, 0.0)
        needed_s = 0.12 + 15.0 * near if self.zero_known else 0.6 + 6.0 * near
        self.in_air = 0.0 if part > 0.4 else self.in_air + 1.0 / self.rate_hz / needed_s
        if self.in_air >= 1.0 and age_s >= self.settings["bump_s"]:
            self.lift(i)
        elif (
            part > 0.4
            and age_s > 0.1
            and (age_s > 3.0 or i - self.put_at < self.rate_hz)
            and self.change(i) < max(3.0 * self.noise, 0.03 * self.weight)
        ):  # a new weight, or still settling
            self.set_level(self.mean(self.before(i, 0.1), i + 1))
            self.begin = -1

    # ---------------------------------------------------------------------------- from the air to standing

    def touch_n(self) -> float:
        """Return the force from which on something touches the foot."""
        return max(6.0 * self.noise, 0.1 * self.weight, 0.1)

    def rise(self, start: int, first: int, stop: int, low: float, high: float) -> tuple[int, float]:
        """Return the foot of the rise whose first sample above touch is start, and its quality.

        It is fitted up to its first peak or plateau.
        """
        peak, droop = low, max(0.05 * (high - low), 4.0 * self.noise)
        k = top = start
        while k < stop:
            y = self.at(k)
            if y > peak:
                peak, top = y, k
            if y > low + PART * (high - low) or y < peak - droop:
                break
            k += 1
        if peak < low + PART * (high - low):
            high, k = max(low + LEAST_N, peak), top
        return self.foot_of(max(first, self.before(start, 0.25)), k + 1, low, high, 1)

    def put(self, i: int) -> None:
        """Tell the put: the first of its contacts, those that a bounce leads to included.

        A bounce that seems too long leads to it only from a contact that bore some of the cup.
        """
        low = self.zero
        high = max(low + LEAST_N, self.mean(self.before(i, 0.08), i + 1))
        touch = low + max(5.0 * self.noise, 0.05 * (high - low))
        first = max(self.before(self.begin, 0.25), self.before(i, 1e9))
        start, touched = i, None
        while True:
            borne = low
            while start > first and self.at(start - 1) > touch:
                start -= 1
                borne = max(borne, self.at(start))
            if touched is not None and borne < low + BORNE * (high - low):
                index, quality = touched
                break
            end = start - 1  # of the contact before this one
            while end > first and self.at(end) <= touch:
                end -= 1
            index, quality = self.rise(start, max(end, first), i, low, high)
            if end <= first or index - end > (self.settings["bounce_s"] + SOFT_S) * self.rate_hz:
                break
            long = index - end > (self.settings["bounce_s"] + SEEN_S) * self.rate_hz
            touched = (index, quality) if long else None
            start = end
        self.add("put", 0, index, self.index, quality)
        self.standing, self.begin, self.put_at = True, -1, i
        self.set_level(high)
        self.pour.stood(self.index)

    def fly(self, i: int, y: float) -> None:
        """Take a sample of a cup in the air."""
        off, touch = y - self.zero, self.touch_n()
        if self.begin < 0:
            if off <= touch:
                pace = 1.0 / (0.3 * self.rate_hz)
                self.zero = max((1.0 - pace) * self.zero + pace * y, self.zero - pace * touch)
                return
            self.begin, self.size = i, 0.0
        self.size = max(self.size, off)
        age_s = (i - self.begin) / self.rate_hz
        if off > touch:
            self.last_out = i
        elif i - self.last_out > (self.settings["bounce_s"] + 0.15) * self.rate_hz:  # the air again
            if self.last_out + 1 - self.begin < self.settings["bump_s"] * self.rate_hz:
                self.add("bump", 0, self.begin, self.index, self.size / (self.size + touch))
            self.begin = -1
            return
        if (
            off > max(2.0 * touch, 0.3)
            and age_s > 0.12
            and self.change(i) < max(3.0 * self.noise, 0.05 * off)
        ):
            self.put(i)

    # ------------------------------------------------------------------------------------------ the stream

    def row(self, values: list[float]) -> None:
        """Take a row; the contact lives two samples earlier."""
        if self.index == 0:
            self.foot.start(values[FOOT], 0.02)
        clean = self.foot.next(values[FOOT], self.rate_hz)
        y, i = self.foot.median, self.index - 2
        if i < 0:
            return
        self.ring[i % RING] = clean
        if not self.started:
            if i >= 0.2 * self.rate_hz:
                self.first_level(self.mean(0, i + 1))
        elif self.standing:
            self.stand(i, y)
        else:
            self.fly(i, y)
        if self.started and not self.standing and self.watched:
            self.pour.row(self.index, values[INNER:], self.begin >= 0)

    def first_level(self, level: float) -> None:
        """Say from the first 0.2 s whether the cup stands; its zero is then only a guess."""
        self.started, self.standing = True, level > self.settings["light_n"]
        if self.standing:
            self.set_level(level)
        else:
            self.zero, self.zero_known = level, True
            self.watch()

    def end(self) -> None:
        """Tell an excursion that is still open but already clear enough."""
        i = self.index - 3
        if not self.started or self.begin < 0 or i < self.begin:
            return
        self.index -= 1
        age_s = (i - self.begin) / self.rate_hz
        if age_s >= self.settings["bump_s"]:
            if self.standing and self.in_air >= 0.5:
                self.lift(i)
            elif not self.standing and self.at(i) - self.zero > 2.0 * self.touch_n():
                self.put(i)
        self.index += 1
