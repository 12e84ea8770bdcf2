"""The coaster segmenter: readable oracle for native/src/coaster.c, and its stand-in.

Spikes are taken out of the load, and the rest is averaged into bins of about 20 ms. Three questions are
asked of each bin. Did a force come or go that no liquid makes: then the glass is disturbed until the trace
runs straight again. Does the slope over some span lie above the flow limit for certain: then a flow has
begun. Has it fallen: then a flow has ended. Each boundary of flow is then found by fitting a ramp of flow to
the trace around it, because the flow crosses its limit where the trace shows nothing yet.
"""

from dexkit.segment.reference.base import ReferenceSegmenter
from dexkit.segment.reference.flow_fit import BINS, FlowFit, push
from dexkit.segment.reference.trace import Trace

GRAVITY_N_PER_G = 0.00980665
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

SHARP_S = 0.1  # a boundary this uncertain has quality 0.5

IDLE, ONSET, FLOW, ENDING = range(4)


class CoasterSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.CoasterSegmenter."""

    object_kind = "coaster"
    waits = True

    def start(self) -> None:
        """Turn seconds into bins; nothing is known yet."""
        self.limit = self.settings["flow_g_s"] * GRAVITY_N_PER_G  # flows are newtons a second from here on
        self.force = FORCE * max(self.settings["disturbed_n"], LEAST_N)
        self.trace = trace = Trace(self.rate_hz)
        self.fit = FlowFit()
        self.pause = self.settings["pause_s"] / trace.dt
        self.scales = [trace.bins(span_s, 4) for span_s in SCALES_S]
        self.lookback = trace.bins(LOOKBACK_S, 2)
        self.settle = trace.bins(SETTLE_S, 6)
        self.confirm = trace.bins(CONFIRM_S, 2)
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

    def say(self, kind: str, bin_place: float, quality: float) -> None:
        """Say an event at a place given in bins."""
        self.add(kind, 0, min(self.trace.sample(bin_place), self.index), self.index, quality)

    def row(self, values: list[float]) -> None:
        """Take one sample."""
        if self.trace.take(values[0]):
            self.take_bin()

    def take_bin(self) -> None:
        """Ask the three questions of the newest bin."""
        b = self.trace.b
        calm = self.state == IDLE and not self.disturbed and b - 8 >= max(self.since, self.turn)
        self.trace.measure(self.disturbed, calm)
        if b >= self.settle:
            if self.disturbed:
                self.wait_for_rest()
            elif not self.force_came():
                self.watch_flow()
        latest = self.off + self.pause + self.trace.bins(LATEST_S)
        if self.off >= 0.0 and self.state == IDLE and b >= latest:
            self.say_off()

    # ---- Disturbances ------------------------------------------------------------------------------------

    def force_came(self) -> bool:
        """Begin a disturbance when a force came or went faster than liquid can; return whether it did."""
        b, newest = self.trace.b, self.trace.at(self.trace.b)
        threshold = max(self.force, 7.5 * self.trace.sigma())
        if self.state in (FLOW, ENDING):
            threshold += push(self.flow)
        for k in range(b - 1, max(self.since, b - self.scales[-1]) - 1, -1):
            change = newest - self.trace.at(k)
            reach = b - k
            rises = reach <= self.lookback and change >= threshold + FASTEST_N_S * self.trace.dt * reach
            if change <= -threshold or rises:
                self.find_foot(max(reach, self.lookback) + 2)
                return True
        return False

    def find_foot(self, reach: int) -> None:
        """Begin a disturbance at the first of these bins that leaves the straight line before them."""
        b = self.trace.b
        end = max(self.since, b - reach)
        begin = max(self.since, end - self.settle)
        level, slope = self.trace.line(begin, end) if end - begin >= 3 else (self.trace.at(begin), 0.0)
        flowing = self.state in (FLOW, ENDING)
        slope = min(max(slope, 0.0), FASTEST_N_S) if flowing else 0.0
        tolerance = max(4.0 * self.trace.sigma(), 0.01)
        foot, peak = max(end - 2, begin), 0.0
        dt = self.trace.dt
        for k in range(foot, b + 1):
            peak = max(peak, abs(self.trace.at(k) - (level + slope * dt * (k - end + 1))))
        if flowing:  # the flow itself bends a little
            tolerance = max(tolerance, 0.1 * peak)
        while foot < b and abs(self.trace.at(foot) - (level + slope * dt * (foot - end + 1))) <= tolerance:
            foot += 1
        if self.state == ONSET:  # what looked like liquid was the hand's first force
            early = max(self.alarm - self.scale, self.since)
            level = self.trace.at(early)
            while early < foot and abs(self.trace.at(early) - level) <= tolerance:
                early += 1
            foot = early
            self.state = IDLE
        self.disturb(foot, level + slope * self.trace.dt * (foot - end + 1), peak)

    def disturb(self, foot: int, level: float, peak: float) -> None:
        """Begin a disturbance, and say so unless it may be the end of one that stayed."""
        self.disturbed = True
        self.foot, self.level, self.peak = foot, level, peak
        if self.held > 0 and self.trace.b - self.held_bin > LEAN_S / self.trace.dt:
            self.held = 0
        if self.held == 0:
            self.say_disturbed()

    def say_disturbed(self) -> None:
        """Say the disturbance: certain when its force is large."""
        force = max(self.peak, self.force)
        self.say("disturbed", float(self.foot), force / (force + self.force))

    def wait_for_rest(self) -> None:
        """End the disturbance when the trace has run straight, and not down, for a while."""
        b = self.trace.b
        begin = b - self.settle + 1
        if begin <= self.foot:
            return
        level, slope = self.trace.line(begin, b + 1)
        doubt = CERTAIN * self.trace.slope_sigma(self.settle)
        if slope < -2.0 * self.limit - doubt or slope > FASTEST_N_S:
            return
        tolerance = max(4.5 * self.trace.sigma(), SETTLE_N)
        for k in range(begin, b + 1):
            if abs(self.trace.at(k) - (level + slope * self.trace.dt * (k - b))) > tolerance:
                return
        self.disturbed = False
        self.since = b - self.settle // 2
        if self.state == ENDING:
            self.state = FLOW
        self.judge_step(level - slope * self.trace.dt * (b - begin))

    def judge_step(self, now: float) -> None:
        """Tell a glass put back or a hand gone, which end what began, from something new."""
        step = now - self.level
        stays = abs(step) >= self.force
        if self.held:
            close = max(0.1 * abs(self.held_level - self.level), self.force)
            if abs(now - self.held_level) < close or (self.held < 0 and step >= self.force):
                self.held = 0
                return
            if self.held > 0:
                return  # the hand that leans moves
            self.say_disturbed()
        if stays:
            self.held = 1 if step > 0.0 else -1
            self.held_level, self.held_bin = self.level, self.trace.b

    # ---- Flow --------------------------------------------------------------------------------------------

    def watch_flow(self) -> None:
        """Suspect that a flow begins or ends, and look closer a little later."""
        if self.state == ONSET or self.state == ENDING:
            if self.trace.b >= self.look:
                if self.state == ONSET:
                    self.begin_flow()
                else:
                    self.end_flow()
            return
        b = self.trace.b
        for n in self.scales:
            if b - n + 1 < max(self.since, self.turn):
                return
            _, slope = self.trace.line(b - n + 1, b + 1)
            doubt = CERTAIN * self.trace.slope_sigma(n)
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
        if self.held and self.trace.b < self.alarm + 4 * self.confirm:
            return  # a hand is likelier than a pour: a pour lasts
        b = self.trace.b
        rising = self.alarm - self.scale + 1
        _, slope = self.trace.line(rising, b + 1)
        if slope <= CERTAIN * self.trace.slope_sigma(b + 1 - rising):
            self.state = IDLE  # chance: what came since took it back
            return
        wide = max(self.scale, self.trace.bins(0.4))
        first = max(self.since, self.alarm - 2 * wide - self.trace.bins(0.4), b - BINS + 1)
        first = max(first, min(self.turn - 2, self.alarm - 3))
        if not self.fit.find(self.trace, first, min(b + 1, self.alarm + self.confirm), 1, self.limit):
            self.state = IDLE
            return
        on = first + self.fit.place
        start = max(int(on), self.since)
        middle = (start + b) // 2
        rise = self.trace.at(b) - self.trace.at(start)
        if rise > self.force or self.held:
            if b < self.alarm + 2 * self.confirm:
                self.look = b + self.confirm
                return
            _, slope = self.trace.line(middle, b + 1)
            stopped = self.trace.at(middle) - self.trace.at(start) > 0.75 * rise and slope < 4.0 * self.limit
            if stopped and not self.held and b < self.alarm + 3 * self.confirm and rise > 0.0:
                self.look = b + self.confirm
                return
            if stopped or (self.held and slope < self.limit):
                self.state = IDLE
                if not self.held:
                    self.disturb(int(on), self.trace.at(first), rise)
                return
        self.state, self.turn, self.flow, self.held = FLOW, int(on) + 1, self.fit.flow, 0
        if self.off >= 0.0 and on - self.off < self.pause:
            self.off = -1.0  # only a pause
            return
        if self.off >= 0.0:
            self.say_off()
        self.say("receive_on", on, SHARP_S / (SHARP_S + self.fit.spread * self.trace.dt))

    def end_flow(self) -> None:
        """Find where the flow ended, if it did; said once it cannot be a pause any more."""
        b = self.trace.b
        first = max(self.since, self.alarm - self.scale // 2 - self.trace.bins(0.4), b - BINS + 1)
        if self.fit.find(self.trace, first, b + 1, -1, self.limit):
            self.off = b - self.fit.place
            self.off_quality = SHARP_S / (SHARP_S + self.fit.spread * self.trace.dt)
        else:
            begin = max(self.since, self.turn, b - BINS + 1)
            if b - begin < 3:
                self.state = FLOW
                return
            _, slope = self.trace.line(begin, b + 1)
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

    def end(self) -> None:
        """Say the end of flow that was found, though a pause can no longer be ruled out."""
        if self.off >= 0.0:
            self.index -= 1
            self.say_off()
            self.index += 1
