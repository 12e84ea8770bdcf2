"""The peg tray on its load cell: twin of native/src/tray.c, which tells the story in the same words."""

import math

#: Length of a block, the grain in which the tray is judged: one period of 50 Hz.
BLOCK_S = 0.02
#: Blocks in the window over which calm is judged: whole periods of 50 and 60 Hz.
WINDOW = 5
#: Samples that can be looked at again.
MEMORY = 4096
#: A load cell for pegs says nothing beyond this; such samples are cut so that sums stay exact.
LIMIT_N = 100.0
#: No converter is quieter.
QUIETEST_N = 0.0002
#: Pegs weigh no less than 0.0035 N and no more than 0.055 N; a first step between is one peg.
LIGHTEST_N, HEAVIEST_N = 0.0035, 0.055
#: How long a calm must last before a tray that stays as it is, or gains a peg, is believed.
SHORT_PATIENCE_S = 0.2
#: Pegs that belong to the board.
PEGS = 9

#: What the tray says of a peg: pick or return, sample of the boundary, quality.
Verdict = tuple[str, int, float]


class Tray:
    """Counts the pegs that come and go, from one force.

    The tray is calm at a known level, or something happens: an episode begins. An episode ends when the force
    has been calm again for long enough at a level that is a whole number of pegs away from the one before.
    """

    def __init__(self, rate_hz: float) -> None:
        self.block = max(1, math.floor(BLOCK_S * rate_hz + 0.5))
        self.per_s = rate_hz / self.block  # blocks in a second
        root = math.sqrt(WINDOW * self.block)
        self.calmest = 1.0 + 4.0 / root  # noise over the variance of the calmest of some windows
        self.calm_limit = 1.0 + 7.0 / root  # no calm window varies by more than this, over noise
        # Samples of a spike: what is over within 5 ms stands alone.
        self.lone = max(1, math.ceil(0.005 * self.block * self.per_s - 1e-9))
        self.memory = [0.0] * MEMORY
        self.first = -1  # first sample measured
        self.zero = 0.0  # its value: sums are taken from here
        self.n = 0  # samples in the open block
        self.sum = self.square = 0.0
        self.sums = [0.0] * WINDOW  # the last blocks' sums, oldest first
        self.squares = [0.0] * WINDOW
        self.blocks = 0  # blocks done
        self.mean = self.var = self.trend = 0.0  # of the window
        self.noise_var = math.inf
        self.heard = 0  # calm windows that the noise rests on
        self.noise_n = self.alarm_n = math.inf  # its root, and how far off the level a sample alarms
        self.calm = False  # the level is known and nothing happens
        self.level = 0.0
        self.level_blocks = 0  # blocks that the level rests on; 0 before the first calm
        self.began = -1  # first sample of the episode
        self.calm_blocks = 0  # length of the calm at its end
        self.calm_mean = 0.0
        self.restless = 0  # blocks since the last calm window
        self.peg_n = 0.0  # weight of one peg; 0 while unknown
        self.learnt = 0  # steps that the weight rests on
        self.first_verdict: Verdict = ("pick", 0, 0.0)  # what was said of the first of them
        self.settled = -1  # sample at which the present or last calm began to count

    def step(self, value: float, now: int, out: int) -> list[Verdict]:
        """Take the force at sample now, while `out` pegs could come; return what has become known."""
        value = min(max(value, -LIMIT_N), LIMIT_N)
        if self.first < 0:
            self.first, self.zero = now, value
        self.memory[now % MEMORY] = value
        if self.calm and math.fabs(value - self.level) > self.alarm_n:
            self._begin(now)
        above = value - self.zero
        self.sum += above
        self.square += above * above
        self.n += 1
        if self.n < self.block:
            return []
        leaving = self.zero + self.sums[0] / self.block
        self._end_block()
        if self.blocks < WINDOW:
            return []
        self._measure_window()
        self._measure_noise()
        if self.calm:
            self._follow(leaving, now)
            return []
        return self._await_calm(now, out)

    def hold(self, now: int) -> None:
        """Let the memory hold the last force: sample now was not measured, nothing is judged by it."""
        self.memory[now % MEMORY] = self.memory[(now - 1) % MEMORY]

    def finish(self, last: int) -> list[Verdict]:
        """Return what can be said of an episode whose calm has begun when the stream ends."""
        if self.calm or self.level_blocks == 0 or self.calm_blocks == 0:
            return []
        pegs = self._whole_pegs()
        believed = self._patience_s(pegs, PEGS) <= SHORT_PATIENCE_S
        self.calm = True
        return self._verdicts(pegs, last) if believed else []

    def _begin(self, now: int) -> None:
        self.calm = False
        self.began = now
        self.calm_blocks = 0

    # -------------------------------------------------------------------------------------- block by block

    def _end_block(self) -> None:
        self.sums = [*self.sums[1:], self.sum]
        self.squares = [*self.squares[1:], self.square]
        self.n, self.sum, self.square = 0, 0.0, 0.0
        self.blocks += 1

    def _measure_window(self) -> None:
        samples = float(WINDOW * self.block)
        total = self.sums[0] + self.sums[1] + self.sums[2] + self.sums[3] + self.sums[4]
        square = self.squares[0] + self.squares[1] + self.squares[2] + self.squares[3] + self.squares[4]
        mean = total / samples
        self.mean = self.zero + mean
        self.var = max(square / samples - mean * mean, 0.0)
        ends = (self.sums[3] + self.sums[4]) - (self.sums[0] + self.sums[1])
        self.trend = math.fabs(ends) / (2.0 * self.block)

    def _measure_noise(self) -> None:
        """Learn the noise from calm windows; before any, from the calmest of the first half second."""
        floor = QUIETEST_N * QUIETEST_N
        self.restless += 1
        if self.level_blocks == 0 and (self.blocks == WINDOW or self.blocks < 0.5 * self.per_s):
            self.noise_var = min(self.noise_var, max(self.calmest * self.var, floor))
        elif self.var < 0.25 * self.noise_var:
            self.noise_var += 0.2 * (self.var - self.noise_var)
        elif self._window_is_calm():
            self.heard = min(self.heard + 1, 50)
            self.noise_var += (self.var - self.noise_var) / (self.heard + 4)
            self.restless = 0
        elif self.restless > 5.0 * self.per_s:
            self.noise_var *= 1.02
        self.noise_var = max(self.noise_var, floor)
        self.noise_n = math.sqrt(self.noise_var)
        self.alarm_n = 5.0 * self.noise_n

    def _window_is_calm(self) -> bool:
        return self.var <= self.calm_limit * self.noise_var and self.trend <= 4.5 * self._mean_error_n(2)

    def _mean_error_n(self, blocks: int) -> float:
        """Return the noise of a mean over this many blocks."""
        return math.sqrt(self.noise_var / (blocks * self.block))

    def _step_n(self) -> float:
        """Return the change of the window's mean that is more than noise."""
        peg = 0.45 * self.peg_n if self.peg_n > 0 else LIGHTEST_N
        return max(peg, 5.0 * self._mean_error_n(WINDOW))

    def _follow(self, leaving: float, now: int) -> None:
        """Let the calm level follow drift, unless the window has left it."""
        if math.fabs(self.mean - self.level) > self._step_n():
            self._begin(now - WINDOW * self.block)
            return
        self.level_blocks = min(self.level_blocks + 1, 20)
        self.level += (leaving - self.level) / self.level_blocks

    def _await_calm(self, now: int, out: int) -> list[Verdict]:
        """Measure the calm at the end of an episode; when it is long enough, say what the episode was."""
        if not self._window_is_calm():
            self.calm_blocks = 0
            return []
        self._lengthen_calm()
        if self.level_blocks == 0:
            if self.calm_blocks >= SHORT_PATIENCE_S * self.per_s and self.blocks >= 0.5 * self.per_s:
                self._settle(now)
            return []
        pegs = self._whole_pegs()
        if self.calm_blocks < self._patience_s(pegs, out) * self.per_s:
            return []
        verdicts = self._verdicts(pegs, now)
        self._settle(now)
        return verdicts

    def _lengthen_calm(self) -> None:
        if self.calm_blocks == 0 or math.fabs(self.mean - self.calm_mean) > self._step_n():
            self.calm_blocks, self.calm_mean = WINDOW, self.mean
            return
        self.calm_blocks += 1
        newest = self.zero + self.sums[WINDOW - 1] / self.block
        self.calm_mean += (newest - self.calm_mean) / self.calm_blocks

    def _settle(self, now: int) -> None:
        self.calm = True
        self.settled = now
        self.level = self.calm_mean
        self.level_blocks = min(self.calm_blocks, 20)

    def _whole_pegs(self) -> int:
        """Return how many pegs the tray has gained in the episode."""
        change = self.calm_mean - self.level
        size = math.fabs(change)
        if self.peg_n > 0:
            pegs = math.floor(size / self.peg_n + 0.5)
        elif size < LIGHTEST_N:
            pegs = 0
        else:
            pegs = math.floor(size / HEAVIEST_N) + 1
        return min(pegs, 99) if change > 0 else -min(pegs, 99)

    def _misfit(self, pegs: int) -> float:
        """Return how far the change is from whole pegs, in pegs."""
        if self.peg_n == 0:
            return 0.25
        return math.fabs((self.calm_mean - self.level) / self.peg_n - pegs)

    def _patience_s(self, pegs: int, out: int) -> float:
        """Return how long the calm must last before such a change is believed: a resting hand fidgets."""
        if abs(pegs) > PEGS:
            return 10.0
        misfit = self._misfit(pegs)
        if self._is_half(pegs):
            return 0.5
        if misfit > 0.4:
            return 3.0
        if self.peg_n == 0:
            return 0.3 if -1 <= pegs <= 0 else 1.0
        sure = 0.15 + 4.0 * self._mean_error_n(WINDOW) / self.peg_n
        if misfit > sure or pegs > max(1, out) or pegs < -2:
            return 0.8
        if pegs > out:
            return 0.4
        return 0.14 if pegs < 0 else SHORT_PATIENCE_S

    def _is_half(self, pegs: int) -> bool:
        """Tell whether the change is half of the only one before: that one was two pegs."""
        half = math.fabs(self.calm_mean - self.level) / self.peg_n if self.learnt == 1 else 0.0
        return abs(pegs) <= 1 and 0.4 <= half <= 0.6

    def _halve(self, now: int) -> list[Verdict]:
        """Return the peg that the first change had hidden, and the one that shows it."""
        hidden = self.first_verdict
        self.peg_n *= 0.5
        return [hidden, *self._verdicts(1 if self.calm_mean > self.level else -1, now)]

    def _verdicts(self, pegs: int, now: int) -> list[Verdict]:
        """Return a pick or a return for each peg; learn from them."""
        if self._is_half(pegs):
            return self._halve(now)
        if pegs == 0 or abs(pegs) > PEGS:
            return []
        quality = max(0.0, 1.0 - 2.0 * self._misfit(pegs))
        self._learn(abs(pegs))
        if pegs < 0:
            verdicts = [("pick", min(self._contact_end(now), now), quality)] * -pegs
        else:
            verdicts = [("return", min(index, now), quality) for index in self._landings(pegs, now)]
        if self.learnt == 1:
            self.first_verdict = verdicts[0]
        return verdicts

    def _learn(self, pegs: int) -> None:
        """Learn a peg's weight from steps of one or two."""
        if pegs <= 2:
            each = math.fabs(self.calm_mean - self.level) / pegs
            self.learnt = min(self.learnt + 1, 8)
            self.peg_n += (each - self.peg_n) / self.learnt

    # ---------------------------------------------------------------------------------------- looking back

    def _oldest(self, now: int) -> int:
        """Return the first sample to look at: a little before the episode, if still remembered."""
        before = math.floor(0.15 * self.block * self.per_s)
        return max(self.began - before, self.settled, now - MEMORY + 1, self.first)

    def _is_away(self, sample: int) -> bool:
        return math.fabs(self.memory[sample % MEMORY] - self.calm_mean) > 3.5 * self.noise_n

    def _contact_end(self, now: int) -> int:
        """Return the sample after the last one that is away from the calm at the end, and not alone."""
        for sample in range(now, self._oldest(now) + 2 * self.lone - 1, -1):
            if self._is_away(sample) and any(
                self._is_away(sample - other) for other in range(self.lone, 2 * self.lone + 1)
            ):
                return sample + 1
        return self._change_point(now)

    def _contact_begin(self, now: int) -> int:
        """Return the first sample above the calm before that does not stand alone."""
        near = math.floor(0.12 * self.block * self.per_s)
        limit = 3.0 * self.noise_n
        candidate, strong = -1, False
        for sample in range(self._oldest(now), now + 1):
            above = self.memory[sample % MEMORY] - self.level
            if above <= limit:
                continue
            if candidate >= 0 and sample - candidate < self.lone:
                continue
            if candidate >= 0 and sample - candidate <= (near if strong else 2 * self.lone):
                return candidate
            if candidate < 0 or sample - candidate > near or not strong:
                candidate = sample
                strong = above > self.alarm_n
        return self._change_point(now)

    def _landings(self, pegs: int, now: int) -> list[int]:
        """Return the first contact of each peg that has come."""
        begin = self._contact_begin(now)
        end = self._contact_end(now)
        if self._is_pressed(begin, end):
            return self._blows(pegs, begin, end)
        found = [begin]
        for j in range(1, pegs):
            found.append(self._first_blow(found[-1], self._passing((j + 0.5) / pegs, begin, now)))
        return found

    def _is_pressed(self, begin: int, end: int) -> bool:
        """Tell whether a hand lay in the tray for most of the time from begin to end."""
        if end - begin < 0.15 * self.block * self.per_s:
            return False
        low = min(self.level, self.calm_mean) - self.alarm_n
        high = max(self.level, self.calm_mean) + self.alarm_n
        pressed = 0
        for sample in range(begin, end):
            value = self.memory[sample % MEMORY]
            pressed += value < low or value > high
        return pressed > 0.6 * (end - begin)

    def _passing(self, share: float, begin: int, now: int) -> int:
        """Return where the force, smoothed over two blocks, passes this share of the change for good."""
        width = 2 * self.block
        limit = width * (self.level + share * (self.calm_mean - self.level))
        total = 0.0
        below = begin
        for sample in range(begin, now + 1):
            total += self.memory[sample % MEMORY]
            if sample - begin >= width:
                total -= self.memory[(sample - width) % MEMORY]
                if total < limit:
                    below = sample
        return max(begin, below + 1 - self.block)

    def _first_blow(self, last: int, weighs: int) -> int:
        """Return when a peg first came down, after the last one, that weighs on the tray from `weighs` on."""
        air = math.floor(0.13 * self.block * self.per_s)
        apart = math.floor(0.04 * self.block * self.per_s)
        for sample in range(max(last + apart, weighs - air), weighs):
            if self._bend(sample) > 12.0 * self.noise_n:
                return sample
        return max(last, weighs)

    def _blows(self, pegs: int, begin: int, end: int) -> list[int]:
        """Return the strongest blows under a hand, one for each peg; without any, where the hand began.

        A blow is a sudden bend of the force upwards that does not go back with the next sample.
        """
        edge = math.floor(0.06 * self.block * self.per_s)
        apart = math.floor(0.04 * self.block * self.per_s)
        found: list[int] = []
        limit = max(9.0 * self._usual_bend(begin + edge, end - edge), 5.0 * self.noise_n)
        while len(found) < pegs:
            best, strongest = -1, limit
            for sample in range(begin + edge, end - edge):
                bend = self._bend(sample)
                if bend > strongest and all(abs(sample - other) > apart for other in found):
                    best, strongest = sample, bend
            if best < 0:
                break
            found.append(best)
            limit = max(limit, 0.4 * strongest)
        found += [found[0] if found else begin] * (pegs - len(found))
        return sorted(found)

    def _bend(self, sample: int) -> float:
        """Return how much more the force rises to this sample than to the one before; 0 for a spike."""
        before, last = self.memory[(sample - 2) % MEMORY], self.memory[(sample - 1) % MEMORY]
        this, following = self.memory[sample % MEMORY], self.memory[(sample + 1) % MEMORY]
        if math.fabs(following - last) < 0.3 * math.fabs(this - last):
            return 0.0
        return (this - last) - (last - before)

    def _usual_bend(self, begin: int, end: int) -> float:
        """Return the mean size of bends from begin to end, those above twice the mean left out."""
        limit = math.inf
        for _ in range(2):
            total, counted = 0.0, 0
            for sample in range(begin, end):
                bend = math.fabs(self._bend(sample))
                if bend <= limit:
                    total += bend
                    counted += 1
            limit = 2.0 * total / max(counted, 1)
        return 0.5 * limit

    def _change_point(self, now: int) -> int:
        """Return where a step from the level before to the level after fits best."""
        middle = 0.5 * (self.level + self.calm_mean)
        sign = 1.0 if self.calm_mean > self.level else -1.0
        total = least = 0.0
        best = self._oldest(now)
        for sample in range(best, now + 1):
            total += sign * (self.memory[sample % MEMORY] - middle)
            if total < least:
                least, best = total, sample + 1
        return best
