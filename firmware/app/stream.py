# One stream: its sensors, the pace they keep, and the ring that its blocks go to.
from time import ticks_diff

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
        self.last = -1  # stamp of the last row; -1: none since it was started
        self.doubtful = False  # whether the pace's count may miss a conversion since that row, so that time must tell
        self.lost = 0
        self.running = False
        self.rows = 0  # in the open block
        self.at = 0
        self.began = 0

    def start(self):
        # Begin to sample, or let sensors join that were set up since.
        for sensor in self.sensors:
            if sensor.there and not sensor.started:
                sensor.start()
                if sensor is self.leader:
                    self._doubt()
        self.running = True
        self.choose_leader()

    def drop(self):
        # Pass over what is ready now.
        if self.leader:
            self.leader.drop()

    def stop(self):
        self.end()
        self.leader = None
        self.running = self.doubtful = False
        self.last = -1
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
            if self.leader:
                self._doubt()
            self.leader = leader
            if leader:
                leader.drop()
        elif leader and not leader.is_ready():
            self._doubt()

    def _doubt(self):
        # What passes without a row from here on is counted by its time.
        self.doubtful = self.last >= 0

    def end(self):
        # Complete the open block, if there is one.
        if self.rows:
            self.ring.end(self.rows, self.lost)
            self.rows = 0

    def look(self, now):
        # Called a few times a second: no row waits long, and who gives readings leads.
        if self.rows and ticks_diff(now, self.began) > 4000 * BLOCK_MS:
            self.end()
        self.choose_leader()
        for sensor in self.sensors:
            sensor.look()
