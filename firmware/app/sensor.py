# What all sensors share: how a row is filled, and what is said of a sensor that fails.
#
# A sensor writes its part of a row. Where it has nothing to say it writes the mark for "not measured", so the
# stream goes on with what is left. `words` is "ok", or what is wrong; hello and self-test carry it.
from app.hot import fetch
from micropython import const

SILENT = "stopped answering; probably its cable is loose. Plug it in and send start"
NOT_READY = "is not ready: no reading comes; probably it is not powered or its ready wire is loose"
SATURATED = "is saturated: it is loaded beyond its range, or a wire of its bridge is broken"
STUCK = "is stuck: it gives the very same reading again and again. Switch the board off and on"

_STUCK_LOOKS = const(20)  # looks with the very same reading: noise makes this impossible


class Sensor:
    NOISY = True  # a reading that never changes is a fault

    def __init__(self, facts, i2c, pace, width):
        self.name, _, self.bus, self.address, self.hz, _, self.first, self.pins, self.low, self.mark_bits = facts
        self.pace, self.width = pace, width  # width: bytes of the whole row
        self.raw = bytearray(self.BYTES)  # the last reading
        self.offset = 0  # of its part of the row
        self.taken = 0  # of pace.count
        self.there = False  # it answered and is configured
        self.started = self.trusted = False
        self.words = "was not started"
        self.saturated = 0  # readings at an end of the range since the last look
        self.errors = 0  # failed readings in a row
        self._read = i2c.readfrom_mem_into
        self.quiet = 0
        self._seen_count = 0
        self._is_new = True  # it has begun since the last look
        self._same = 0
        self._shadow = bytearray(self.BYTES)

    def start(self):
        self.started = self.trusted = True
        self.quiet = self._same = self.errors = self.saturated = 0
        self._seen_count = self.pace.count
        self._is_new = True
        self.pace.start()
        self.drop()

    def stop(self):
        self.started = False
        self.pace.stop()

    def drop(self):
        # Pass over what is ready now: it is old, and until it is read it brings no new edge.
        self.taken = self.pace.count
        self.fetch()

    fetch = fetch

    def look(self):
        # Called a few times a second while sampling: say what is wrong, or that all is well.
        if not self.there:
            return
        count = self.pace.count
        quiet = count == self._seen_count and not self._is_new
        self._seen_count = count
        self._is_new = False
        changed = False
        for i in range(self.BYTES):
            if self._shadow[i] != self.raw[i]:
                changed = True
                self._shadow[i] = self.raw[i]
        self._same = 0 if changed or quiet else self._same + 1
        stuck = self.NOISY and self._same >= _STUCK_LOOKS
        if self.errors:
            self.words = SILENT
        elif quiet:
            self.words = NOT_READY
        elif self.saturated:
            self.words = SATURATED
        elif stuck:
            self.words = STUCK
        else:
            self.words = "ok"
        if quiet:
            self.fetch()  # what is ready and was never read brings no edge
        self.saturated = 0
        self.trusted = not stuck

    def is_well(self):
        # Whether it needs no setting up; a load that is too heavy does not.
        return self.there and (self.words == "ok" or self.words == SATURATED)

    def is_ready(self):
        # Whether readings have come since the last look.
        return self.there and self.pace.count != self._seen_count
