# A battery object that stands still stops sending, and goes on with the very lift that ends its rest: while it
# rests it samples on, and its rings keep the last second.
from micropython import const

_STILL_LOAD = const(32768)  # counts: 0.15 N
_STILL_MOTION = const(48)  # counts: 0.03 rad/s, 0.11 m/s2
_LIFT_LOAD = const(65536)  # counts: 0.3 N
_KEPT_BLOCKS = const(20)  # of each stream: a second


class Rest:
    def __init__(self, kit, looks_a_second):
        self.resting = False
        self.after_s = 0  # 0: never
        self._looks_a_second = looks_a_second
        self._still = 0  # looks
        self._loads = []
        self._motions = []
        for sensor in kit.sensors:
            if hasattr(sensor, "value"):
                self._loads.append([sensor, 0])
            elif sensor.BYTES == 12:
                self._motions.append((sensor, bytearray(12)))

    def look(self, loop):
        # Called a few times a second: fall asleep after a long stillness.
        if not self.after_s or self.resting:
            return
        if not self._is_still():
            self._remember()
            self._still = 0
            return
        self._still += 1
        if self._still >= self.after_s * self._looks_a_second and loop.host_is_there:
            self.resting = True
            loop.messages.log("At rest: nothing is sent until the next lift.")

    def keep(self, stream, loop):
        # A block was completed while at rest: a lift in it ends the rest.
        stream.ring.keep_last(_KEPT_BLOCKS)
        for load in self._loads:
            if abs(load[0].value() - load[1]) > _LIFT_LOAD:
                self.wake(loop)
                return

    def wake(self, loop):
        if self.resting:
            self.resting = False
            self._still = 0
            for stream in loop.streams:
                stream.end()
                stream.ring.send_all()
            loop.messages.log("Moved: sending goes on.")

    def _is_still(self):
        for load in self._loads:
            if abs(load[0].value() - load[1]) > _STILL_LOAD:
                return False
        for sensor, then in self._motions:
            for i in range(0, 12, 2):
                step = (sensor.raw[i] + 256 * sensor.raw[i + 1] - then[i] - 256 * then[i + 1]) & 0xFFFF
                if _STILL_MOTION < step < 65536 - _STILL_MOTION:
                    return False
        return True

    def _remember(self):
        for load in self._loads:
            load[1] = load[0].value()
        for sensor, then in self._motions:
            for i in range(12):
                then[i] = sensor.raw[i]
