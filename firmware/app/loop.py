# The main loop: numbered priorities, one turn at a time. A turn without a long command allocates nothing.
import gc
from time import ticks_diff, ticks_us

import machine

from app.schema_table import HEARTBEAT_S, RESEND_MS, SILENCE_MS
from micropython import const

LOOKS_A_SECOND = const(4)  # at sensors, lights and rest
_LOOK_US = const(1000000 // LOOKS_A_SECOND)
_HEARTBEAT_US = HEARTBEAT_S * 900000  # somewhat less, so that one is never late
_RESENDS_A_TURN = const(2)


class Loop:
    def __init__(self, kit, port, messages, ticks, answers, lights, rest, feed):
        self.kit, self.port, self.messages, self.ticks = kit, port, messages, ticks
        self.answers, self.lights, self.rest, self.feed = answers, lights, rest, feed
        self.streams = kit.streams
        self.host_is_there = False
        self.resent = 0
        self.quit = False
        now = ticks.now()
        self._heard = self._looked = self._beat = self._resend = now
        self._idle_us = 0
        self._longest_us = 0
        self._free = gc.mem_free()

    def run(self):
        while not self.quit:
            if not self.turn():
                self.rest_a_moment()

    def turn(self):
        # One turn; return whether there was anything to do.
        now = self.ticks.now()
        busy = False

        # Priority 1: commands, pings first of all, since their answer carries the time.
        if self.port.read_line():
            self.hear()
            busy = True

        # Priority 2: samples. Their time was taken in the interrupt; here they are read before the next is ready.
        # Priority 3: blocks that are complete go out at once.
        for stream in self.streams:
            if stream.running and stream.take(self.ticks):
                self.send_last(stream)
                busy = True

        if self.rest.resting:
            self.rest.check(self)
        if self.answers.tare:
            self.answers.tare.add()

        # Priority 4: the heartbeat.
        if ticks_diff(now, self._beat) > _HEARTBEAT_US:
            self.heartbeat(now)
            busy = True

        # Priority 5: blocks that the host does not have are sent again.
        elif self.host_is_there and not busy:
            busy = self.send_again(now)

        # Priority 6: sensors, lights, rest, the watchdog.
        if ticks_diff(now, self._looked) > _LOOK_US:
            self._looked = now
            self.look(now)
            busy = True

        spent = ticks_diff(ticks_us(), now)
        if spent > self._longest_us:
            self._longest_us = spent
        return busy

    def rest_a_moment(self):
        # Wait for an interrupt or a byte, a millisecond at most.
        began = ticks_us()
        machine.idle()
        self._idle_us += ticks_diff(ticks_us(), began)

    # ---- What the priorities do

    def hear(self):
        if self.answers.hear(self):
            self._heard = self.ticks.last
            if not self.host_is_there:
                self.host_is_there = True
                for stream in self.streams:
                    stream.ring.send_all()
        self.port.forget()

    def send_last(self, stream):
        # The block that was just completed: the host gets it now, or the ring keeps it.
        if self.rest.resting:
            self.rest.keep(stream)
        elif self.host_is_there:
            self.write(stream.ring, stream.ring.next - 1)

    def write(self, ring, block):
        if not ring.send(self.port, block):
            self.host_is_there = False  # it does not read: nothing more until it is heard again

    def send_again(self, now):
        if ticks_diff(now, self._resend) > 1000 * RESEND_MS:
            self._resend = now
            for stream in self.streams:
                stream.ring.start_again()
        sent = 0
        for stream in self.streams:
            while sent < _RESENDS_A_TURN and self.host_is_there and not self.rest.resting:
                block = stream.ring.due()
                if block < 0:
                    break
                if not self.port.has_room():
                    return True
                self.write(stream.ring, block)
                self.resent += 1
                sent += 1
        return sent > 0

    def heartbeat(self, now):
        elapsed = ticks_diff(now, self._beat)
        self._beat = now
        if self.host_is_there:
            blocks = overwritten = 0
            for stream in self.streams:
                blocks += stream.ring.next - stream.ring.oldest
                overwritten += stream.ring.overwritten
            busy = 1000 - self._idle_us // (elapsed // 1000)
            self.messages.heartbeat(
                blocks,
                overwritten,
                self._longest_us,
                self._free,
                max(busy, 0),
                self.resent,
                self.port.short_writes,
                self.answers.bad_lines,
                self.ticks.wraps >> 2,
            )
        self._longest_us = self._idle_us = 0

    def look(self, now):
        self.feed()
        if self.host_is_there and ticks_diff(now, self._heard) > 1000 * SILENCE_MS:
            self.host_is_there = False
        for stream in self.streams:
            if stream.running:
                stream.look(now)
        self.rest.look(self)
        self.lights.look()
        self.answers.look(self)

    def collect(self):
        # Collect garbage, at a moment when nothing is lost by it.
        gc.collect()
        self._free = gc.mem_free()
