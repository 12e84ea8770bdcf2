"""The coaster segmenter: readable oracle for native/src/coaster.c, and its stand-in.

Spikes are taken out of the load, and the rest is averaged into bins of about 20 ms. Three questions are
asked of each bin. Did a force come or go that no liquid makes: then the glass is disturbed until the trace
runs straight again. Does the slope over some span lie above the flow limit for certain: then a flow has
begun. Has it fallen: then a flow has ended. Each boundary of flow is then found by fitting a ramp of flow to
the trace around it, because the flow crosses its limit where the trace shows nothing yet.
"""

import math

from dexkit.segment.reference.base import ReferenceSegmenter

GRAVITY_N_PER_G = 0.00980665
BINS_PER_S = 50.0  # at most; samples are averaged into bins
RING = 512  # bins remembered
SPIKE_N = 0.03  # a single sample that stands out by less is noise
NOISE_FLOOR_N = 0.0003
NOISE_MEMORY_S = 1.5
NOISE_START = 12  # bins until the noise is known well enough to bound its own measurement
BEND = 1.954  # mean of |x0 - 2 x1 + x2| of white noise of deviation 1

FASTEST_N_S = 180.0 * GRAVITY_N_PER_G  # nobody pours faster; a steeper rise is a hand's
FORCE = 0.6  # part of disturbed_n that the smoothed trace must show
LEAST_N = 0.001  # a disturbance below this is not a force
LOOKBACK_S = 0.25  # a force comes or goes within this
SETTLE_S = 0.35  # straight for so long: the disturbance is over
SETTLE_N = 0.01
LEAN_S = 6.0  # a hand that leans on the glass is remembered so long

CERTAIN = 4.5  # standard deviations that make a slope certain
SCALES_S = (0.2, 0.4, 0.8, 1.6)  # spans over which a slope is taken
LEAST_N_S = 0.4 * GRAVITY_N_PER_G  # a slope this close to the limit is not certain
CONFIRM_S = 0.3  # between suspecting a boundary and fitting it
LATEST_S = 0.25  # a flow that comes back at the very end of a pause is seen by then

FIT = 192  # bins that a ramp is fitted to, at most
STARTS = 24  # starts of the ramp tried
RAMPS_S = (0.03, 0.12, 0.25, 0.45, 0.75, 1.2)  # lengths of the ramp tried
PUSHES_S = (0.0, 0.06, 0.12)  # a stream pushes like the liquid of this time: its speed over g
PUSH_DOUBT = 8.0  # how slowly the push is believed
QUIET_N_S = 0.35 * GRAVITY_N_PER_G  # drift, creep and drips beside a flow
SHARP_S = 0.1  # a boundary this uncertain has quality 0.5

IDLE, ONSET, FLOW, ENDING = range(4)


class CoasterSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.CoasterSegmenter."""

    object_kind = "coaster"

    def start(self) -> None:
        """Turn seconds into bins; nothing is known yet."""
        self.limit = self.settings["flow_g_s"] * GRAVITY_N_PER_G  # flows are newtons a second from here on
        self.force = FORCE * max(self.settings["disturbed_n"], LEAST_N)
        self.per_bin = max(1, int(self.rate_hz / BINS_PER_S + 0.5))
        self.dt = self.per_bin / self.rate_hz
        self.taps = 5 if self.rate_hz >= 150.0 else 3 if self.rate_hz >= 40.0 else 1
        self.pause = self.settings["pause_s"] / self.dt
        self.scales = [max(4, self.bins(span_s)) for span_s in SCALES_S]
        self.lookback = max(2, self.bins(LOOKBACK_S))
        self.settle = max(6, self.bins(SETTLE_S))
        self.confirm = max(2, self.bins(CONFIRM_S))
        self.window: list[float] = []
        self.sum, self.summed = 0.0, 0
        self.x = [0.0] * RING
        self.b = -1  # newest bin
        self.noise = 0.0
        self.sway, self.swayed = 0.0, 0  # slower noise, and how often it was measured
        self.state = IDLE
        self.alarm, self.scale = 0, 0  # bin in which a boundary was suspected, span that gave it away
        self.look = 0  # bin in which to look closer
        self.since = 0  # first bin after the last disturbance
        self.turn = 0  # first bin after the last boundary of flow
        self.flow = 0.0
        self.off = -1.0  # end of a flow that may still turn out to be a pause; negative when there is none
        self.off_quality = 0.0
        self.disturbed = False
        self.foot, self.level, self.peak = 0, 0.0, 0.0  # first bin, level before, largest force
        self.held = 0  # 1 while a hand leans, -1 while the glass is away
        self.held_level, self.held_bin = 0.0, 0  # level before that, bin in which it was seen
        self.against = [0.0] * len(PUSHES_S)  # what the boundaries so far say against each push
        self.place = self.spread = self.fitted = 0.0  # what a fit found

    def bins(self, seconds: float) -> int:
        """Return seconds as a number of bins, at least one."""
        return max(1, int(seconds / self.dt + 0.5))

    def at(self, b: int) -> float:
        """Return a remembered bin."""
        return self.x[b % RING]

    def sigma(self) -> float:
        """Return the noise of a bin."""
        return max(self.noise, self.sway, NOISE_FLOOR_N)

    def say(self, kind: str, bin_place: float, quality: float) -> None:
        """Say an event at a place given in bins."""
        index = int((bin_place + 0.5) * self.per_bin + self.taps // 2)
        self.add(kind, 0, min(index, self.index), self.index, quality)

    # ---- Samples to bins, and their noise ----------------------------------------------------------------

    def row(self, values: list[float]) -> None:
        """Take one sample: a single one that stands out is replaced by its neighbours' median."""
        self.window.append(values[0])
        if len(self.window) < self.taps:
            return
        value = self.window[self.taps // 2]
        median = sorted(self.window)[self.taps // 2]
        self.window.pop(0)
        spike = max(SPIKE_N, 5.0 * self.noise * math.sqrt(self.per_bin))
        self.sum += value if abs(value - median) <= spike else median
        self.summed += 1
        if self.summed == self.per_bin:
            self.b += 1
            self.x[self.b % RING] = self.sum / self.per_bin
            self.sum, self.summed = 0.0, 0
            self.take_bin()

    def take_bin(self) -> None:
        """Ask the three questions of the newest bin."""
        self.measure_noise()
        if self.b >= self.settle:
            if self.disturbed:
                self.wait_for_rest()
            elif not self.force_came():
                self.watch_flow()
        if self.off >= 0.0 and self.state == IDLE and self.b >= self.off + self.pause + self.bins(LATEST_S):
            self.say_off()

    def measure_noise(self) -> None:
        """Follow the bins' noise by their bends, which flow and drift do not have; sway by wider bends."""
        b, slowly = self.b, self.dt / NOISE_MEMORY_S
        if b < 2:
            return
        bend = abs(self.at(b) - 2.0 * self.at(b - 1) + self.at(b - 2)) / BEND
        gain = max(1.0 / (b - 1), slowly)
        if b > NOISE_START:
            bend = min(bend, 3.0 * self.noise + NOISE_FLOOR_N)
        self.noise += (0.1 * gain if self.disturbed else gain) * (bend - self.noise)
        if (
            self.state == IDLE
            and not self.disturbed
            and b >= NOISE_START
            and b - 8 >= max(self.since, self.turn)
        ):
            bend = abs(self.at(b) - 2.0 * self.at(b - 4) + self.at(b - 8)) / BEND
            self.swayed += 1
            if self.swayed > NOISE_START:
                bend = min(bend, 3.0 * max(self.sway, self.noise) + NOISE_FLOOR_N)
            self.sway += max(1.0 / self.swayed, slowly) * (bend - self.sway)

    def line(self, begin: int, end: int) -> tuple[float, float]:
        """Return level at bin end - 1 and slope (N/s) of the straight line through bins begin..end - 1."""
        n = end - begin
        middle = 0.5 * (n - 1)
        total = moment = 0.0
        for i in range(n):
            value = self.at(begin + i)
            total += value
            moment += value * (i - middle)
        slope = moment / (n * (n * n - 1.0) / 12.0)
        return total / n + slope * middle, slope / self.dt

    # ---- Disturbances ------------------------------------------------------------------------------------

    def force_came(self) -> bool:
        """Begin a disturbance when a force came or went faster than liquid can; return whether it did."""
        b, newest = self.b, self.at(self.b)
        threshold = max(self.force, 6.0 * self.sigma())
        if self.state in (FLOW, ENDING):
            threshold += PUSHES_S[-1] * self.flow
        for k in range(b - 1, max(self.since, b - self.scales[-1]) - 1, -1):
            change = newest - self.at(k)
            reach = b - k
            rises = reach <= self.lookback and change >= threshold + FASTEST_N_S * self.dt * reach
            if change <= -threshold or rises:
                self.find_foot(max(reach, self.lookback) + 2)
                return True
        return False

    def find_foot(self, reach: int) -> None:
        """Begin a disturbance at the first of these bins that leaves the straight line before them."""
        b = self.b
        end = max(self.since, b - reach)
        begin = max(self.since, end - self.settle)
        level, slope = self.line(begin, end) if end - begin >= 3 else (self.at(begin), 0.0)
        slope = min(max(slope, 0.0), FASTEST_N_S) if self.state in (FLOW, ENDING) else 0.0
        tolerance = max(4.0 * self.sigma(), 0.01)
        foot, peak = b, 0.0
        for k in range(max(end - 2, begin), b + 1):
            away = abs(self.at(k) - (level + slope * self.dt * (k - end + 1)))
            if away > tolerance and foot == b:
                foot = k
            peak = max(peak, away)
        if self.state == ONSET:  # what looked like liquid was the hand's first force
            early = max(self.alarm - self.scale, self.since)
            level = self.at(early)
            while early < foot and abs(self.at(early) - level) <= tolerance:
                early += 1
            foot = early
            self.state = IDLE
        self.disturb(foot, level + slope * self.dt * (foot - end + 1), peak)

    def disturb(self, foot: int, level: float, peak: float) -> None:
        """Begin a disturbance, and say so unless it may be the end of one that stayed."""
        self.disturbed = True
        self.foot, self.level, self.peak = foot, level, peak
        if self.held > 0 and self.b - self.held_bin > LEAN_S / self.dt:
            self.held = 0
        if self.held == 0:
            self.say_disturbed()

    def say_disturbed(self) -> None:
        """Say the disturbance: certain when its force is large."""
        force = max(self.peak, self.force)
        self.say("disturbed", float(self.foot), force / (force + self.force))

    def wait_for_rest(self) -> None:
        """End the disturbance when the trace has run straight, and not down, for a while."""
        b = self.b
        begin = b - self.settle + 1
        if begin <= self.foot:
            return
        level, slope = self.line(begin, b + 1)
        doubt = CERTAIN * self.sigma() / self.dt * math.sqrt(12.0 / (self.settle * (self.settle * self.settle - 1.0)))
        if slope < -2.0 * self.limit - doubt or slope > FASTEST_N_S:
            return
        tolerance = max(4.5 * self.sigma(), SETTLE_N)
        for k in range(begin, b + 1):
            if abs(self.at(k) - (level + slope * self.dt * (k - b))) > tolerance:
                return
        self.disturbed = False
        self.since = b - self.settle // 2
        if self.state == ENDING:
            self.state = FLOW
        self.judge_step(level - slope * self.dt * (b - begin))

    def judge_step(self, now: float) -> None:
        """Tell a glass put back or a hand gone, which end what began, from something new."""
        step = now - self.level
        stays = abs(step) >= self.force
        if self.held:
            close = max(0.1 * abs(self.held_level - self.level), self.force)
            if abs(now - self.held_level) < close or (self.held < 0 and step >= self.force):
                self.held = 0
                return
            if self.held > 0 and stays:
                return  # the hand that leans moves
            self.say_disturbed()
        if stays:
            self.held = 1 if step > 0.0 else -1
            self.held_level, self.held_bin = self.level, self.b

    # ---- Flow --------------------------------------------------------------------------------------------

    def watch_flow(self) -> None:
        """Suspect that a flow begins or ends, and look closer a little later."""
        if self.state == ONSET or self.state == ENDING:
            if self.b >= self.look:
                if self.state == ONSET:
                    self.begin_flow()
                else:
                    self.end_flow()
            return
        b = self.b
        for n in self.scales:
            if b - n + 1 < max(self.since, self.turn):
                return
            _, slope = self.line(b - n + 1, b + 1)
            doubt = CERTAIN * self.sigma() / self.dt * math.sqrt(12.0 / (n * (n * n - 1.0)))
            if self.state == IDLE:
                found = slope - max(doubt, LEAST_N_S) > self.limit
            else:
                found = slope + 0.7 * doubt < max(1.4 * self.limit, 0.3 * self.flow)
                found = found or (n == self.scales[-1] and slope < self.limit)
            if found:
                self.state = ONSET if self.state == IDLE else ENDING
                self.alarm, self.scale, self.look = b, n, b + self.confirm
                return

    def begin_flow(self) -> None:
        """Find where the flow began; a force that came and then stopped growing is a hand's."""
        b = self.b
        wide = max(self.scale, self.bins(0.4))
        first = max(self.since, self.alarm - 2 * wide - self.bins(0.4), b - FIT + 1)
        first = max(first, min(self.turn - 2, self.alarm - 3))
        if not self.fit(first, min(b + 1, self.alarm + self.confirm), 1):
            self.state = IDLE
            return
        on = first + self.place
        start = max(int(on), self.since)
        middle = (start + b) // 2
        rise = self.at(b) - self.at(start)
        if rise > self.force or self.held:
            if b < self.alarm + 2 * self.confirm:
                self.look = b + self.confirm
                return
            _, later = self.line(middle, b + 1)
            if self.at(middle) - self.at(start) > 0.75 * rise and later < 4.0 * self.limit:
                if b < self.alarm + 3 * self.confirm and rise > 0.0:
                    self.look = b + self.confirm
                    return
                self.state = IDLE
                if self.held == 0:
                    self.disturb(int(on), self.at(first), rise)
                return
        self.state, self.turn, self.flow, self.held = FLOW, int(on) + 1, self.fitted, 0
        if self.off >= 0.0 and on - self.off < self.pause:
            self.off = -1.0  # only a pause
            return
        if self.off >= 0.0:
            self.say_off()
        self.say("receive_on", on, SHARP_S / (SHARP_S + self.spread * self.dt))

    def end_flow(self) -> None:
        """Find where the flow ended, if it did; said once it cannot be a pause any more."""
        b = self.b
        first = max(self.since, self.alarm - self.scale // 2 - self.bins(0.4), b - FIT + 1)
        if self.fit(first, b + 1, -1):
            self.off = b - self.place
            self.off_quality = SHARP_S / (SHARP_S + self.spread * self.dt)
        else:
            begin = max(self.since, self.turn, b - FIT + 1)
            if b - begin < 3:
                self.state = FLOW
                return
            _, slope = self.line(begin, b + 1)
            if self.since <= self.turn or slope >= self.limit:
                self.state, self.flow = FLOW, max(slope, self.limit)
                return
            self.off = float(max(self.foot, self.turn))  # it ended unseen, while the glass was disturbed
            self.off_quality = 0.3
        self.state, self.turn = IDLE, int(self.off) + 2

    def say_off(self) -> None:
        """Say the end of flow that was no pause."""
        self.say("receive_off", self.off, self.off_quality)
        self.off = -1.0

    # ---- Where the flow crosses the limit ----------------------------------------------------------------

    def fit(self, begin: int, end: int, way: int) -> bool:
        """Fit quiet, a ramp of flow, then flow to bins begin..end - 1, read backwards when way is -1.

        For each push, ramp length and start the level and the two flows follow by least squares, the quiet
        flow held near zero by QUIET_N_S. The place of the crossing is the mean over all that fit about as
        well as the best, each with its weight. Returns whether there is a flow; then place, spread (bins) and
        fitted (N/s).
        """
        n = end - begin
        if n < 6:
            return False
        dt, variance = self.dt, self.sigma() * self.sigma()
        base = self.at(begin) if way > 0 else self.at(end - 1)
        y = [self.at(begin + i) - base if way > 0 else base - self.at(end - 1 - i) for i in range(n)]
        mean_t = 0.5 * dt * (n - 1)
        tt = dt * dt * n * (n * n - 1.0) / 12.0 + variance / (QUIET_N_S * QUIET_N_S)
        mean_y = ty = yy = 0.0
        for i in range(n):
            mean_y += y[i] / n
        for i in range(n):
            ty += (dt * i - mean_t) * (y[i] - mean_y)
            yy += (y[i] - mean_y) * (y[i] - mean_y)
        tried: list[tuple[float, float, float, int]] = []
        best_of = [-1.0] * len(PUSHES_S)
        for j, push_s in enumerate(PUSHES_S):
            for ramp_s in RAMPS_S:
                ramp = ramp_s / dt
                for k in range(STARTS):
                    t0 = k * (n - 3.0) / STARTS
                    sum_r = tr = rr = ry = 0.0
                    for i in range(int(t0) + 1, n):
                        past = i - t0
                        if past < ramp:
                            r = past / ramp * (0.5 * dt * past + way * push_s)
                        else:
                            r = dt * (past - 0.5 * ramp) + way * push_s
                        sum_r += r
                        tr += r * (dt * i - mean_t)
                        rr += r * r
                        ry += r * (y[i] - mean_y)
                    rr -= sum_r * sum_r / n
                    determinant = tt * rr - tr * tr
                    if not determinant > 1e-9 * tt * rr:
                        continue
                    quiet = (ty * rr - ry * tr) / determinant
                    more = (ry * tt - ty * tr) / determinant
                    place = t0 + ramp * (self.limit - quiet) / more if more > 0.0 else n
                    if quiet >= self.limit or quiet + more <= self.limit or place >= n:
                        continue
                    error = max(yy - quiet * ty - more * ry, 0.0)
                    tried.append((error, place, quiet + more, j))
                    if best_of[j] < 0.0 or error < best_of[j]:
                        best_of[j] = error
        return self.weigh(tried, best_of, variance, n)

    def weigh(
        self, tried: list[tuple[float, float, float, int]], best_of: list[float], variance: float, n: int
    ) -> bool:
        """Return whether anything fits; believe the pushes a little more or less, and average the places."""
        best = -1.0
        for error in best_of:
            if error >= 0.0 and (best < 0.0 or error < best):
                best = error
        if best < 0.0:
            return False
        unit = max(variance, best / n)
        least = -1.0
        for error, _, _, j in tried:
            doubted = error / unit + self.against[j]
            if least < 0.0 or doubted < least:
                least = doubted
        total = place = square = flow = 0.0
        for error, at, fitted, j in tried:
            weight = 1.0 - (error / unit + self.against[j] - least) / 9.0
            if weight > 0.0:
                total += weight
                place += weight * at
                square += weight * at * at
                flow += weight * fitted
        self.place, self.fitted = place / total, flow / total
        self.spread = math.sqrt(max(0.0, square / total - self.place * self.place))
        for j, error in enumerate(best_of):
            self.against[j] += 4.0 if error < 0.0 else min((error - best) / unit / PUSH_DOUBT, 4.0)
        likeliest = min(self.against)
        for j in range(len(PUSHES_S)):
            self.against[j] = min(self.against[j] - likeliest, 30.0)
        return True

    def end(self) -> None:
        """Say the end of flow that was found, though a pause can no longer be ruled out."""
        if self.off >= 0.0:
            self.index -= 1
            self.say_off()
            self.index += 1
