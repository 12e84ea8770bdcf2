"""NAU7802: 24-bit converter for a load cell, with its power-up sequence, ready bit and own oscillator.

Source: Nuvoton NAU7802 data sheet, revision 1.7 (registers 0x00 to 0x1F). Times of power-up and calibration
are RECALLED. Where the sheet is silent the model is strict: the ready pin stays high until the result is
read, so a reading that is missed brings no further edge.
"""

from typing import ClassVar

import numpy as np

from dexkit.sim.chips.chip import Chip
from dexkit.sim.feed import Feed
from dexkit.sim.noise import white

PU_CTRL, CTRL1, CTRL2, ADCO, REVISION = 0x00, 0x01, 0x02, 0x12, 0x1F
RESET_BIT, DIGITAL, ANALOG, READY, CYCLE_START, CYCLE_READY = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
CALIBRATE, CAL_ERROR, CHANNEL_2 = 0x04, 0x08, 0x80
RATES_HZ = {0: 10, 1: 20, 2: 40, 3: 80, 7: 320}
HIGHEST = (1 << 23) - 1
#: From power-up to ready, and how many conversions the digital filter swallows after a start.
READY_US, SETTLING = 200.0, 4
#: Conversions that a calibration takes.
CALIBRATION = 110


class NAU7802(Chip):
    """One load cell's converter.

    Parameters
    ----------
    feed
        One column, in newtons.
    newton_per_count
        Nominal scale at gain 128.
    rate_ppm
        How much faster than nominal its oscillator runs.
    offset_n, gain_error
        What the calibration of the object must find: added force, and relative error of the scale.
    """

    RESET: ClassVar = {REVISION: 0x0F}
    LAST = 0x1F

    def __init__(
        self,
        address: int,
        feed: Feed,
        newton_per_count: float,
        *,
        rate_ppm: float = 0.0,
        offset_n: float = 0.0,
        gain_error: float = 0.0,
    ) -> None:
        self.feed, self.newton_per_count, self.rate_ppm = feed, newton_per_count, rate_ppm
        self.offset_n, self.gain_error = offset_n, gain_error
        #: How the zero runs away from power-up on, and white noise besides the world's: what a bad cell does.
        self.drift_n_s = self.noise_n = 0.0
        #: Time between two conversions.
        self.period_us = 1e5
        self._start_us = -1.0
        self._taken = 0
        self._ready = False
        self._count = 0
        self._now_us = 0.0
        self._powered_us = -1.0
        self._calibrated_us = -1.0
        super().__init__(address)

    def power_up(self) -> None:
        """Set the registers as after power-up: everything off."""
        super().power_up()
        self._powered_us = self._start_us = self._calibrated_us = -1.0
        self._ready = False

    def _restart(self, now_us: float) -> None:
        """Conversions begin anew, as after every change of what they depend on."""
        rate_hz = RATES_HZ.get((self.registers[CTRL2] >> 4) & 7, 10)
        slower = 2.0 if self._fault == "slow" else 1.0
        self.period_us = slower * 1e6 / (rate_hz * (1.0 + 1e-6 * self.rate_ppm))
        self._ready = False
        on = self.registers[PU_CTRL] & (DIGITAL | ANALOG) == DIGITAL | ANALOG
        self._start_us = now_us if on else -1.0
        self._taken = SETTLING - 1

    def run_to(self, now_us: float) -> None:
        """Convert until then."""
        self._now_us = now_us
        if self._calibrated_us >= 0 and now_us >= self._calibrated_us:
            self.registers[CTRL2] &= ~(CALIBRATE | CAL_ERROR) & 0xFF
            if self._fault == "weak":
                self.registers[CTRL2] |= CAL_ERROR
            at_us, self._calibrated_us = self._calibrated_us, -1.0
            self._restart(at_us)
        if self._start_us < 0 or self._calibrated_us >= 0 or self._fault == "never_ready":
            return
        done = int((now_us - self._start_us) / self.period_us)
        if done <= self._taken:
            return
        if not self._ready:
            self.edges.append(self._start_us + (self._taken + 1) * self.period_us)
        self._taken, self._ready = done, True

    def on_fault(self) -> None:
        """Begin anew: the rate may be another."""
        self._restart(self._now_us)

    def ready_level(self) -> int:
        """Return the level of DRDY: high while a result waits, unless CRP turns it round."""
        return int(self._ready) ^ (self.registers[CTRL1] >> 7)

    def next_edge_us(self) -> float | None:
        """Return when DRDY rises next."""
        if self._calibrated_us >= 0:
            return self._calibrated_us + SETTLING * self.period_us
        if self._ready or self._start_us < 0 or self._fault == "never_ready":
            return None
        return self._start_us + (self._taken + 1) * self.period_us

    def on_write(self, register: int, value: int, now_us: float) -> None:
        """Store a register and do what it asks for."""
        before = self.registers[register]
        if register == PU_CTRL:
            if value & RESET_BIT:
                self.power_up()
                self.registers[PU_CTRL] = RESET_BIT
                return
            self.registers[PU_CTRL] = value & ~(READY | CYCLE_READY) & 0xFF
            if value & DIGITAL and self._powered_us < 0:
                self._powered_us = now_us
            elif not value & DIGITAL:
                self._powered_us = -1.0
            if (before ^ value) & (DIGITAL | ANALOG) or value & ~before & CYCLE_START:
                self._restart(now_us)
            return
        if register in (ADCO, ADCO + 1, ADCO + 2, REVISION):
            return
        self.registers[register] = value
        if register == CTRL2 and value & ~before & CALIBRATE:
            self._calibrated_us = now_us + CALIBRATION * self.period_us
            self._ready = False
        elif register in (CTRL1, CTRL2) and value != before:
            self._restart(now_us)

    def on_read(self, register: int, now_us: float) -> int:
        """Return a register; reading the last byte of a result takes it."""
        if register == PU_CTRL:
            status = self.registers[PU_CTRL]
            if self._powered_us >= 0 and now_us >= self._powered_us + READY_US:
                status |= READY
            return status | (CYCLE_READY if self._ready else 0)
        if ADCO <= register <= ADCO + 2:
            if register == ADCO:
                self._count = self._convert()
            if register == ADCO + 2:
                self._ready = False
            return (self._count >> (8 * (ADCO + 2 - register))) & 0xFF
        return self.registers[register]

    def _convert(self) -> int:
        """Return the latest result as 24 bits, two's complement."""
        if self._start_us < 0 or self._fault in ("stuck", "never_ready"):
            return self._count
        if self._fault == "saturated":
            return HIGHEST
        if self.registers[CTRL2] & CHANNEL_2:
            return 0  # nothing is connected there
        force_n = float(self.feed.row(self._start_us, self.period_us, self._taken)[0])
        gain = (1 << (self.registers[CTRL1] & 7)) / 128.0
        force_n = (force_n + self.offset_n) * (1.0 + self.gain_error)
        if self.drift_n_s or self.noise_n:
            at_s = 1e-6 * (self._start_us + self._taken * self.period_us)
            force_n += self.drift_n_s * at_s + self.noise_n * float(white(1, 0, np.array([at_s]))[0])
        count = round(force_n * gain / self.newton_per_count)
        return max(-HIGHEST - 1, min(HIGHEST, count)) & 0xFFFFFF
