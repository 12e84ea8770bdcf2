# One stream: its sensors, the pace they keep, and the ring that its blocks go to.
from time import ticks_diff, ticks_us

from app.ring import Ring
from app.schema_table import BLOCK_MS, RING_S


class Stream:
    def __init__(self, name, number, hz, row_bytes, is_bits, channels, seconds=RING_S):
        self.name, self.number, self.hz, self.is_bits, self.channels = name, number, hz, is_bits, channels
        self.wire_name = name.encode()
        self.period_us = 1000000 // hz
        rows = max(1, hz * BLOCK_MS // 1000)
        self.ring = Ring(number, row_bytes, rows, -(-hz * seconds // rows) + 2)
        self.sensors = ()
        self.leader = None  # the sensor that sets the pace; None while there is none
        self.lost = 0
        self.running = False
        self._rows = 0  # in the open block
        self._at = 0
        self._began = 0

    def start(self):
        # Begin to sample, or let sensors join that were set up since.
        for sensor in self.sensors:
            if sensor.there and not sensor.started:
                sensor.start()
        self.running = True
        self.choose_leader()

    def stop(self):
        self.end()
        self.leader = None
        self.running = False
        for sensor in self.sensors:
            sensor.stop()

    def choose_leader(self):
        # The first sensor that gives readings leads; while none does, the first that could.
        leader = None
        for sensor in self.sensors:
            if sensor.is_ready():
                leader = sensor
                break
            if sensor.there and leader is None:
                leader = sensor
        if leader is not self.leader:
            self.end()
            self.leader = leader
            if leader:
                leader.drop()

    def take(self, ticks):
        # Add the row that the leader has ready; return whether a block was completed.
        leader = self.leader
        pace = leader.pace
        count = pace.count
        stamp = pace.stamp
        while count != pace.count:  # an interrupt came between the two
            count, stamp = pace.count, pace.stamp
        missed = count - leader.taken - 1
        late_us = ticks_diff(ticks_us(), stamp)
        if late_us >= self.period_us:  # the chip holds a later reading now
            late = late_us // self.period_us
            missed += late
            stamp += late * self.period_us
            stamp &= 0x3FFFFFFF
        ended = False
        if missed > 0:
            self.lost += missed
            ended = self.end()
        ring = self.ring
        if self._rows == 0:
            self._at = ring.begin(ticks, stamp)
            self._began = stamp
        memory, at = ring.memory, self._at
        if self.is_bits:
            for i in range(at, at + ring.row_bytes):
                memory[i] = 0
        for sensor in self.sensors:
            sensor.put(memory, at)
        self._at = at + ring.row_bytes
        self._rows += 1
        if self._rows == ring.rows:
            ended = self.end()
        return ended

    def last_rows(self):
        # Memory, place and number of the rows of the block that was completed last.
        ring = self.ring
        slot = (ring.next - 1) % ring.slots
        return ring.memory, slot * ring.slot_bytes + 8, ring.counts[slot]

    def end(self):
        # Complete the open block, if there is one.
        if self._rows == 0:
            return False
        self.ring.end(self._rows, self.lost)
        self._rows = 0
        return True

    def look(self, now):
        # Called a few times a second: no row waits long, and who gives readings leads.
        if self._rows and ticks_diff(now, self._began) > 4000 * BLOCK_MS:
            self.end()
        self.choose_leader()
        for sensor in self.sensors:
            sensor.look()
