# When a sample is there: stamped in the interrupt, so that the time is right however late the reading comes.
#
# A handler may not allocate and may strike between any two lines of the loop: it counts last.
from time import ticks_us

from machine import Pin, Timer


class Edge:
    # A chip's data-ready pin.
    def __init__(self, number):
        self.count = 0
        self.stamp = 0
        self.pin = Pin(number, Pin.IN)
        self._handler = self._seen  # bound once: binding allocates

    def start(self):
        self.pin.irq(handler=self._handler, trigger=Pin.IRQ_RISING, hard=True)

    def stop(self):
        self.pin.irq(handler=None)

    def _seen(self, _):
        self.stamp = ticks_us()
        self.count += 1


class Beat:
    # The board's own timer, for chips that are asked.
    def __init__(self, hz):
        self.count = 0
        self.stamp = 0
        self.pin = None
        self._hz = hz
        self._timer = None
        self._handler = self._seen

    def start(self):
        if self._timer:
            return
        self._timer = Timer()
        try:
            self._timer.init(mode=Timer.PERIODIC, freq=self._hz, callback=self._handler, hard=True)
        except TypeError:  # before v1.26 the RP2040 has no hard timers
            self._timer.init(mode=Timer.PERIODIC, freq=self._hz, callback=self._handler)

    def stop(self):
        if self._timer:
            self._timer.deinit()
            self._timer = None

    def _seen(self, _):
        self.stamp = ticks_us()
        self.count += 1
