# The main loop: numbered priorities, one turn at a time. A turn without a long command allocates nothing.
import gc
from time import ticks_diff, ticks_us

import machine

from app.hot import take_ready
from app.schema_table import HEARTBEAT_S, RESEND_MS, SILENCE_MS
from micropython import const

LOOKS_A_SECOND = const(4)  # at sensors, lights and rest
_LOOK_US = const(1000000 // LOOKS_A_SECOND)
_HEARTBEAT_US = HEARTBEAT_S * 900000  # somewhat less, so that one is never late
_RESENDS_A_TURN = const(1)


class Loop:
    def __init__(self, kit, port, messages, ticks, answers, lights, rest, feed):
        self.kit, self.port, self.messages, self.ticks = kit, port, messages, ticks
        self.answers, self.lights, self.rest, self.feed = answers, lights, rest, feed
        self.streams = kit.streams
        messages.keep_up = self.keep_up
        # Chips that keep their own time first: they do not wait. MicroPython's sort moves equals, so none are.
        self._hasty = sorted(kit.streams, key=lambda stream: (stream.sensors[0].pace.pin is None, stream.number))
        self.host_is_there = False
        self.resent = 0
        self.quit = False
        now = ticks.now()
        self._heard = self._looked = self._beat = self._resend = now
        self._since = now  # when samples were looked for last, or the board was idle
        self._busy_us = 0
        self._longest_us = 0
        self._free = gc.mem_free()

    def run(self):
        while not self.quit:
            if not self.turn():
                machine.idle()  # until an interrupt or a byte comes, a millisecond at most
                self._since = ticks_us()

    def turn(self):
        # One turn; return whether there was anything to do. Whatever goes on, each turn hears at most one line, and does
        # one of the rest, of which those come first that are due a few times a second at most: so none waits for ever.
        now = self.ticks.now()
        busy = line_waits = False

        # Priority 1: a ping, since its answer carries the time.
        if self.port.read_line():
            busy = True
            if self.answers.hear_ping(self.port):
                self.heard()
            else:
                line_waits = True

        # Priority 2: samples. Their time was taken in the interrupt; here they are read before the next is ready.
        taken = self.keep_up()

        # Priority 3: other commands.
        if line_waits:
            if self.answers.hear(self):
                self.heard()
            else:
                self.port.forget()
            self.keep_up()

        # Priority 4: the heartbeat.
        if ticks_diff(now, self._beat) > _HEARTBEAT_US:
            self.heartbeat(now)
            busy = True

        # Priority 5: sensors, lights, rest, the watchdog.
        elif ticks_diff(now, self._looked) > _LOOK_US:
            self._looked = now
            self.look(now)
            busy = True

        # Priority 6: a block that is complete goes out.
        elif self.send_fresh():
            busy = True

        # Priority 7: blocks that the host does not have are sent again.
        elif self.host_is_there and not busy and not taken:
            busy = self.send_again(now)

        if busy:
            self.keep_up()
        if busy or taken:
            self._busy_us += ticks_diff(self._since, now)
        return busy or taken

    # ---- What the priorities do

    def keep_up(self):
        # Take the samples that are ready; return whether there were any. A load that is ready is lost when the next
        # one is, 3 ms later: so what takes longer than a millisecond calls this between its parts.
        spent = ticks_diff(ticks_us(), self._since)
        if spent > self._longest_us:
            self._longest_us = spent
        taken = take_ready(self._hasty, self.ticks)
        self._since = ticks_us()
        return taken

    def is_sampling(self):
        for stream in self.streams:
            if stream.running:
                return True
        return False

    def begin(self, streams):
        # Begin to sample all of these at once, or let sensors join that were set up since.
        anew = not self.is_sampling()
        fresh = [stream for stream in streams if not stream.running]
        for stream in streams:
            stream.start()
        for stream in fresh:
            stream.drop()
        if anew:
            self._since, self._longest_us = ticks_us(), 0  # before, nothing could be late

    def heard(self):
        # The host is there: after a silence it gets what it missed.
        self.port.forget()
        self._heard = self.ticks.last
        if not self.host_is_there:
            self.host_is_there = True
            for stream in self.streams:
                stream.ring.send_all()

    def send_fresh(self):
        # Look at one block that was just completed: the host gets it now, or the ring keeps it.
        for stream in self._hasty:
            ring = stream.ring
            block = ring.fresh
            if block < ring.next:
                ring.fresh = block + 1
                if self.answers.tare:
                    self.answers.tare.add(stream, block)
                    self.keep_up()
                if self.rest.resting:
                    self.rest.keep(stream, self)
                elif self.host_is_there:
                    self.write(ring, block)
                return True
        return False

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
            self.messages.heartbeat(
                blocks,
                overwritten,
                self._longest_us,
                self._free,
                self._busy_us // (elapsed // 1000 + 1),
                self.resent,
                self.port.short_writes,
                self.answers.bad_lines,
                self.ticks.wraps >> 2,
            )
        self._longest_us = self._busy_us = 0

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
        self._since = ticks_us()
