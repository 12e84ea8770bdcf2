# Self-test: measured rate against the configured one, noise, range, saturation and unique readings of each sensor.
from collections import OrderedDict
from time import ticks_diff, ticks_us

import machine

from app.sensor import NOT_READY, SATURATED, SILENT, STUCK
from micropython import const

_TEST_US = const(1000000)
_RATE_PERCENT = const(5)  # a chip's own oscillator may be off by this much


def selftest(kit, feed):
    # Measure for a second; return what was found, by the sensor's name.
    tests = [_Test(sensor) for sensor in kit.sensors]
    for test in tests:
        test.start()
    began = ticks_us()
    while ticks_diff(ticks_us(), began) < _TEST_US:
        feed()
        for test in tests:
            test.take()
        machine.idle()
    result = OrderedDict([(test.sensor.name, test.result()) for test in tests])
    for test in tests:
        test.sensor.stop()
    return result


class _Test:
    def __init__(self, sensor):
        self.sensor = sensor
        self.count = 0
        self.lowest = self.highest = None
        self.unique = set()
        self.sum = self.squares = 0  # of the differences to the first reading, first channel
        self.first = 0
        self.first_us = self.last_us = 0

    def start(self):
        if self.sensor.there:
            self.sensor.start()

    def take(self):
        sensor = self.sensor
        if not sensor.there or sensor.pace.count == sensor.taken:
            return
        sensor.taken = sensor.pace.count
        stamp = sensor.pace.stamp
        sensor.fetch()
        values = sensor.values()
        self.last_us = stamp
        if self.count == 0:
            self.first_us = stamp
            self.first = values[0]
            self.lowest, self.highest = list(values), list(values)
        self.count += 1
        for i, value in enumerate(values):
            self.lowest[i] = min(self.lowest[i], value)
            self.highest[i] = max(self.highest[i], value)
        self.sum += values[0] - self.first
        self.squares += (values[0] - self.first) ** 2
        if len(self.unique) < 50:
            self.unique.add(values)

    def result(self):
        # "words": "ok" or what is wrong; the rest in raw counts, "noise" is the first channel's, rms.
        sensor = self.sensor
        hz = 0
        if self.count > 1:
            hz = (self.count - 1) * 1000000 // max(ticks_diff(self.last_us, self.first_us), 1)
        if sensor.there:
            sensor.words = self._words(hz)
        facts = [("words", sensor.words), ("hz", hz)]
        if self.count:
            facts += [("lowest", self.lowest), ("highest", self.highest), ("unique", len(self.unique))]
            facts += [("noise", root((self.squares * self.count - self.sum**2) // self.count**2))]
        return OrderedDict(facts)

    def _words(self, hz):
        sensor = self.sensor
        if sensor.errors:
            return SILENT
        if self.count < 2:
            return NOT_READY
        if abs(hz - sensor.hz) * 100 > sensor.hz * _RATE_PERCENT:
            return "measures %d times a second instead of %d; probably it is set up wrongly" % (hz, sensor.hz)
        if sensor.ends_of_range(self.lowest, self.highest):
            return SATURATED
        if sensor.NOISY and len(self.unique) < 2:
            return STUCK
        return "ok"


def root(square):
    # The square root, rounded down.
    low, high = 0, 1
    while high * high <= square:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if middle * middle <= square:
            low = middle
        else:
            high = middle
    return low
