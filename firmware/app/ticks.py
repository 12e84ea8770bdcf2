# The board's clock: ticks_us() wraps after 2^30 us (17.9 minutes), the wire's tick_us after 2^32.
#
# Numbers of 2^30 and more are objects on the heap, so the 32-bit tick is never computed: its bytes are written.
from time import ticks_diff, ticks_us

import machine

from micropython import const

_HALF = const(1 << 29)

class Ticks:
    def __init__(self):
        self.last = ticks_us()
        self.wraps = 0  # of ticks_us(); four of them are one of tick_us

    def now(self):
        # The time; must be called at least once in each half wrap.
        now = ticks_us()
        step = now - self.last
        if not 0 <= step < _HALF:
            if step > -_HALF:  # no wrap: the clock was set, so no tick fits to those before
                machine.reset()  # the host knows another boot, and that ticks begin anew with it
            self.wraps += 1
        self.last = now
        return now

    def write(self, to, at, stamp):
        # Write the 32-bit tick of a stamp that lies less than half a wrap from the last look at the clock.
        last, wraps = self.last, self.wraps
        if stamp > last:
            if ticks_diff(stamp, last) < 0:
                wraps -= 1
        elif ticks_diff(stamp, last) > 0:
            wraps += 1
        to[at] = stamp & 255
        to[at + 1] = (stamp >> 8) & 255
        to[at + 2] = (stamp >> 16) & 255
        to[at + 3] = (stamp >> 24) & 63 | (wraps & 3) << 6
