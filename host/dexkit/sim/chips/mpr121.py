"""MPR121: twelve touch electrodes.

Source: NXP MPR121 data sheet, revision 4, and AN3895. The filters are not modelled: a touch takes TOUCH
counts off the filtered value at once, and the status follows every SFI x ESI, as configured.
"""

from typing import ClassVar

from dexkit.sim.chips.chip import Chip
from dexkit.sim.feed import Contacts

STATUS, FILTERED, BASELINE, TOUCH_0, CONFIG2, ECR, SOFT_RESET = 0x00, 0x04, 0x1E, 0x41, 0x5D, 0x5E, 0x80
#: Filtered counts without a finger, and what a finger takes off.
IDLE, TOUCH = 720, 60


class MPR121(Chip):
    """The touch sensor.

    Parameters
    ----------
    contacts
        What is wired to its electrodes.
    """

    RESET: ClassVar = {0x5C: 0x10, CONFIG2: 0x24}
    LAST = 0x80

    def __init__(self, address: int, contacts: Contacts) -> None:
        self.contacts = contacts
        self._stuck: int | None = None
        super().__init__(address)

    def _step_us(self) -> float:
        config = self.registers[CONFIG2]
        samples = (4, 6, 10, 18)[(config >> 3) & 3]
        return samples * 1000.0 * (1 << (config & 7))

    def _fingers(self, now_us: float) -> int:
        """Return the electrodes that a finger is on, as of the latest measurement."""
        step_us = self._step_us()
        fingers = self.contacts.closed(now_us // step_us * step_us)
        if self._fault == "saturated":
            fingers = 0xFFF
        if self._fault == "stuck" and self._stuck is not None:
            fingers = self._stuck
        self._stuck = fingers
        return fingers

    def on_write(self, register: int, value: int, now_us: float) -> None:
        """Store a register; most can be written in stop mode only."""
        if register == SOFT_RESET:
            if value == 0x63:
                self.power_up()
        elif register == ECR or 0x73 <= register <= 0x7A or not self.registers[ECR] & 0x3F:
            self.registers[register] = value

    def on_read(self, register: int, now_us: float) -> int:
        """Return a register; status and filtered values come from the electrodes."""
        if register > FILTERED + 23 and not BASELINE <= register < BASELINE + 13:
            return self.registers[register]
        enabled = min(self.registers[ECR] & 0x0F, 12)
        if not enabled or self._fault == "never_ready":
            return 0
        fingers = self._fingers(now_us) & ((1 << enabled) - 1)
        if register < 2:
            over = 0
            for electrode in range(enabled):
                if fingers >> electrode & 1 and self.registers[TOUCH_0 + 2 * electrode] < TOUCH:
                    over |= 1 << electrode
            return (over >> (8 * register)) & 0xFF
        if register >= BASELINE:
            return IDLE >> 2
        if register < FILTERED:
            return 0
        value = IDLE - TOUCH * (fingers >> ((register - FILTERED) // 2) & 1)
        return (value >> (8 * ((register - FILTERED) % 2))) & 0xFF
