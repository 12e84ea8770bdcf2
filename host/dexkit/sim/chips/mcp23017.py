"""MCP23017: sixteen inputs with pull-ups.

Source: Microchip MCP23017 data sheet DS20001952. Bank 0 layout; outputs and interrupts are registers only.
"""

from typing import ClassVar

from dexkit.sim.chips.chip import Chip
from dexkit.sim.feed import Contacts

#: A loose contact lets go for about so long.
LOOSE_US = 12_000
IODIR, IPOL, IOCON, GPPU, GPIO, OLAT = 0x00, 0x02, 0x0A, 0x0C, 0x12, 0x14


class MCP23017(Chip):
    """A port expander with contacts on its pins.

    Parameters
    ----------
    contacts
        What is wired to its pins.
    low_when_closed
        Whether a contact pulls its pin low while it is 1 (a switch to ground) or while it is 0 (a light
        barrier); otherwise the pin floats, and only a pull-up makes it high.
    """

    RESET: ClassVar = {IODIR: 0xFF, IODIR + 1: 0xFF}
    LAST = 0x15

    def __init__(self, address: int, contacts: Contacts, *, low_when_closed: bool = True) -> None:
        self.contacts = contacts
        #: What turns closed contacts into pins that are held low.
        self._turned = 0 if low_when_closed else sum(1 << pin for pin in contacts.pins)
        self._loaded = 0 if low_when_closed else 0xFFFF
        self._stuck: int | None = None
        #: What is wrong with single contacts, by pin: for ever `closed` or `open`; `loose` lets go at times.
        self.contact_faults: dict[int, str] = {}
        super().__init__(address)

    def levels(self, now_us: float) -> int:
        """Return the sixteen levels at the pins; what floats without a pull-up is taken as low."""
        held_low = self._closed(now_us) ^ self._turned
        return (self.registers[GPPU] | self.registers[GPPU + 1] << 8) & ~held_low

    def _closed(self, now_us: float) -> int:
        """Return which contacts are closed, as far as each does what it should."""
        closed = self.contacts.closed(now_us)
        for pin, fault in self.contact_faults.items():
            step = int(now_us // LOOSE_US)
            lets_go = fault == "open" or (fault == "loose" and step * 2654435761 >> 8 & 7 == 0)
            closed = closed | 1 << pin if fault == "closed" else closed & ~(1 << pin) if lets_go else closed
        return closed

    def on_write(self, register: int, value: int, now_us: float) -> None:
        """Store a register; both addresses of IOCON are one, and GPIO writes the latch."""
        if register in (IOCON, IOCON + 1):
            self.registers[IOCON] = self.registers[IOCON + 1] = value
        elif register in (GPIO, GPIO + 1):
            self.registers[register - GPIO + OLAT] = value
        else:
            self.registers[register] = value

    def on_read(self, register: int, now_us: float) -> int:
        """Return a register; inputs come from the pins, outputs from the latch."""
        if register not in (GPIO, GPIO + 1):
            return self.registers[register]
        side = register - GPIO
        levels = self.levels(now_us)
        if self._fault == "stuck":
            levels = self._stuck if self._stuck is not None else levels
        elif self._fault == "saturated":
            levels = self._loaded
        self._stuck = levels
        inputs = self.registers[IODIR + side]
        level = (levels >> (8 * side)) & 0xFF
        return (level ^ self.registers[IPOL + side]) & inputs | self.registers[OLAT + side] & ~inputs & 0xFF
