# Tare: the mean raw count of some channels over a short time, while the streams run on.
from time import ticks_diff, ticks_ms


class Tare:
    # Sampled by looking at the sensors' last readings in each turn; sums are of differences, so they stay small.
    def __init__(self, number, wanted, ms):
        self.number = number
        self._ms = ms
        self._began = ticks_ms()
        self._wanted = wanted
        self._first = [sensor.value() for _, sensor in wanted]
        self._sums = [0] * len(wanted)
        self._counts = [0] * len(wanted)
        self._taken = [sensor.taken for _, sensor in wanted]

    def add(self):
        # Called in each turn.
        for i in range(len(self._wanted)):
            sensor = self._wanted[i][1]
            if sensor.taken != self._taken[i]:
                self._taken[i] = sensor.taken
                self._sums[i] += sensor.value() - self._first[i]
                self._counts[i] += 1

    def is_done(self):
        return ticks_diff(ticks_ms(), self._began) >= self._ms

    def result(self):
        # Mean of each channel, rounded; None where no reading came.
        means = {}
        for i in range(len(self._wanted)):
            count = self._counts[i]
            mean = self._first[i] + (2 * self._sums[i] + count) // (2 * count) if count else None
            means[self._wanted[i][0]] = mean
        return means
