"""LSM6DSOX: accelerometer and gyroscope with data-ready on INT1.

Source: STMicroelectronics LSM6DSOX data sheet DS12814, revision 4. Accelerometer and gyroscope share one
clock; the data-ready of both comes with the faster of the two rates. Filters are not modelled.
"""

from typing import ClassVar

from dexkit.sim.chips.chip import Chip
from dexkit.sim.feed import Feed

COUNTER_BDR1, INT1_CTRL, WHO_AM_I = 0x0B, 0x0D, 0x0F
CTRL1_XL, CTRL2_G, CTRL3_C, STATUS, TEMPERATURE, GYRO, ACCEL = 0x10, 0x11, 0x12, 0x1E, 0x20, 0x22, 0x28
RATES_HZ = {1: 12.5, 2: 26, 3: 52, 4: 104, 5: 208, 6: 416, 7: 833, 8: 1666, 9: 3332, 10: 6664, 11: 1.6}
#: Full scales by their bits: m/s2 and rad/s of one count.
MS2_PER_COUNT = {0: 0.061e-3 * 9.80665, 1: 0.488e-3 * 9.80665, 2: 0.122e-3 * 9.80665, 3: 0.244e-3 * 9.80665}
RADS_PER_COUNT = {0: 8.75e-3, 1: 17.5e-3, 2: 35e-3, 3: 70e-3}
RAD_PER_DEG = 3.141592653589793 / 180
RESET_US = 50.0


class LSM6DSOX(Chip):
    """The motion sensor.

    Parameters
    ----------
    feed
        Six columns: ax, ay, az in m/s2, gx, gy, gz in rad/s, along the chip's axes.
    rate_ppm
        How much faster than nominal its oscillator runs.
    """

    RESET: ClassVar = {WHO_AM_I: 0x6C, CTRL3_C: 0x04, 0x18: 0xE0}
    LAST = 0x7F

    def __init__(self, address: int, feed: Feed, *, rate_ppm: float = 0.0) -> None:
        self.feed, self.rate_ppm = feed, rate_ppm
        #: Time between two measurements; 0 while both sensors are off.
        self.period_us = 0.0
        #: Status bits of what measures: 1 accelerometer, 2 gyroscope.
        self._sources = 0
        self._now_us = 0.0
        self._start_us = -1.0
        self._taken = 0
        self._waiting = 0
        self._reset_us = -1.0
        self._data = bytearray(14)
        self._latched = -1
        super().__init__(address)

    def power_up(self) -> None:
        """Set the registers as after power-up: both sensors off."""
        super().power_up()
        self._restart(self._now_us)

    def _restart(self, now_us: float) -> None:
        """Measurements begin anew, as after every change of a rate."""
        accel, gyro = self.registers[CTRL1_XL] >> 4, self.registers[CTRL2_G] >> 4
        rate_hz = max(RATES_HZ.get(accel, 0.0), RATES_HZ.get(gyro, 0.0))
        slower = 2.0 if self._fault == "slow" else 1.0
        self.period_us = slower * 1e6 / (rate_hz * (1.0 + 1e-6 * self.rate_ppm)) if rate_hz else 0.0
        self._sources = int(accel != 0) | 2 * int(gyro != 0)
        self._start_us = now_us if rate_hz else -1.0
        self._taken = self._waiting = 0

    def on_fault(self) -> None:
        """Begin anew: the rate may be another."""
        self._restart(self._now_us)

    def _pulsed(self) -> bool:
        return bool(self.registers[COUNTER_BDR1] & 0x80)

    def run_to(self, now_us: float) -> None:
        """Measure until then."""
        self._now_us = now_us
        if self._start_us < 0 or self._fault == "never_ready":
            return
        done = int((now_us - self._start_us) / self.period_us)
        if done <= self._taken:
            return
        routed = self.registers[INT1_CTRL] & self._sources
        if routed:
            first = self._taken + 1
            if self._pulsed():
                self.edges += [self._start_us + k * self.period_us for k in range(first, done + 1)]
            elif not self._waiting & routed:
                self.edges.append(self._start_us + first * self.period_us)
        self._taken = done
        self._waiting = self._sources

    def ready_level(self) -> int:
        """Return the level of INT1: high while what is routed to it waits."""
        return int(bool(self._waiting & self.registers[INT1_CTRL] & 3)) and not self._pulsed()

    def next_edge_us(self) -> float | None:
        """Return when INT1 rises next."""
        routed = self.registers[INT1_CTRL] & self._sources
        if self._start_us < 0 or self._fault == "never_ready" or not routed:
            return None
        if self._waiting & routed and not self._pulsed():
            return None
        return self._start_us + (self._taken + 1) * self.period_us

    def on_write(self, register: int, value: int, now_us: float) -> None:
        """Store a register and do what it asks for."""
        before = self.registers[register]
        if register == CTRL3_C and value & 1:
            self.power_up()
            return
        if register in (WHO_AM_I, STATUS) or TEMPERATURE <= register < ACCEL + 6:
            return
        self.registers[register] = value
        if register in (CTRL1_XL, CTRL2_G) and (before ^ value) & 0xF0:
            self._restart(now_us)

    def on_read(self, register: int, now_us: float) -> int:
        """Return a register; reading the high byte of an axis takes that sensor's data."""
        if register == STATUS:
            return self._waiting | (4 if self._waiting else 0)
        if TEMPERATURE <= register < ACCEL + 6:
            self._latch()
            if register >= GYRO and register % 2:
                self._waiting &= ~(1 if register >= ACCEL else 2)
            return self._data[register - TEMPERATURE]
        return self.registers[register]

    def _latch(self) -> None:
        """Turn the latest measurement into counts (block data update is taken as on)."""
        if self._start_us < 0 or self._taken == self._latched or self._fault in ("stuck", "never_ready"):
            return
        self._latched = self._taken
        row = self.feed.row(self._start_us, self.period_us, self._taken).tolist()
        control = self.registers[CTRL2_G]
        rads = (4.375e-3 if control & 2 else RADS_PER_COUNT[(control >> 2) & 3]) * RAD_PER_DEG
        ms2 = MS2_PER_COUNT[(self.registers[CTRL1_XL] >> 2) & 3]
        for axis in range(3):
            for first, value, scale in ((GYRO, row[3 + axis], rads), (ACCEL, row[axis], ms2)):
                count = max(-32768, min(32767, round(value / scale)))
                if self._fault == "saturated":
                    count = 32767
                at = first - TEMPERATURE + 2 * axis
                self._data[at : at + 2] = (count & 0xFFFF).to_bytes(2, "little")
