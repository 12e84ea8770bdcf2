# What all sensors share: how a row is filled, and what is said of a sensor that fails.
#
# A sensor writes its part of a row. Where it has nothing to say it writes the mark for "not measured", so the
# stream goes on with what is left. `words` is "ok", or what is wrong; hello and self-test carry it.
from micropython import const

_QUIET_ROWS = const(8)  # rows without a new reading, after which the last one is too old
_STUCK_LOOKS = const(20)  # looks with the very same reading: noise makes this impossible


class Sensor:
    NOISY = True  # a reading that never changes is a fault

    def __init__(self, facts, i2c, pace, width):
        self.name, _, self.bus, self.address, self.hz, _, self.first, self.pins, self.low, self.mark_bits = facts
        self.i2c, self.pace, self.width = i2c, pace, width  # width: bytes of the whole row
        self.raw = bytearray(self.BYTES)  # the last reading
        self.taken = 0  # of pace.count
        self.there = False  # it answered and is configured
        self.trusted = False
        self.words = "was not started"
        self.saturated = 0  # readings at the end of the range since the last look
        self.errors = 0  # failed readings in a row
        self._quiet = 0
        self._seen_count = 0
        self._same = 0
        self._shadow = bytearray(self.BYTES)

    def start(self):
        self.taken = self._seen_count = self.pace.count
        self._quiet = self._same = self.errors = self.saturated = 0
        self.trusted = self.there

    def put(self, row, at):
        # Write this sensor's part of the row that begins at `at`.
        if not self.there:
            self.mark(row, at)
            return
        count = self.pace.count
        if count != self.taken:
            self.taken = count
            self._quiet = 0
            self.fetch()
        else:
            self._quiet += 1
        if self.trusted and not self.errors and self._quiet < _QUIET_ROWS:
            self.write(row, at)
        else:
            self.mark(row, at)

    def fetch(self):
        try:
            self.i2c.readfrom_mem_into(self.address, self.REGISTER, self.raw)
            self.errors = 0
        except OSError:
            self.errors += 1

    def look(self):
        # Called a few times a second while sampling: say what is wrong, or that all is well.
        if not self.there:
            return
        count = self.pace.count
        quiet = count == self._seen_count
        self._seen_count = count
        changed = False
        for i in range(self.BYTES):
            if self._shadow[i] != self.raw[i]:
                changed = True
                self._shadow[i] = self.raw[i]
        self._same = 0 if changed or quiet else self._same + 1
        if quiet:
            self.words = "is not ready: no reading comes; probably it is not powered or its ready wire is loose"
            self.fetch()  # what is ready and was never read brings no edge
        elif self.errors:
            self.words = "stopped answering; probably its cable is loose. Plug it in and send start"
        elif self.NOISY and self._same >= _STUCK_LOOKS:
            self.words = "is stuck: it gives the very same reading again and again. Switch the board off and on"
        elif self.saturated:
            self.words = "is saturated: it is loaded beyond its range, or a wire of its bridge is broken"
        else:
            self.words = "ok"
        self.saturated = 0
        self.trusted = not (self.NOISY and self._same >= _STUCK_LOOKS)

    def is_ready(self):
        # Whether readings have come since the last look.
        return self.there and self.pace.count != self._seen_count
