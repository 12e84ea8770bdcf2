# Contacts: switches and light barriers on an MCP23017, fingers on an MPR121; one bit each in the row.
#
# The row is cleared before the sensors of its stream fill it: each only sets its bits.
from app.inner import fill_bits
from app.sensor import Sensor


class _Bits(Sensor):
    BYTES = 2
    NOISY = False  # a contact may rest for hours

    def __init__(self, *facts):
        super().__init__(*facts)
        # On the chip the channels are two runs: bits 0.. of its first byte, bits 0.. of its second.
        on_a = sum(1 for pin in self.pins if pin < 8)
        on_b = len(self.pins) - on_a
        self._facts = bytes((on_a, (1 << on_a) - 1, (1 << on_b) - 1, self.first, self.width))

    def fill(self, raw, row, at):
        return fill_bits(raw, self._facts, row, at)

    def mark(self, row, at):
        row[at + self.width - 1] |= self.mark_bits

    def values(self):
        row = bytearray(self.width)
        fill_bits(self.raw, self._facts, row, 0)
        return (int.from_bytes(row, "little"),)

    def ends_of_range(self, lowest, highest):
        return False


class Contacts(_Bits):
    REGISTER = 0x12

    def configure(self, bus):
        from adafruit_mcp230xx.mcp23017 import MCP23017

        chip = MCP23017(bus, self.address)
        chip.gppu = 0xFFFF
        chip.ipol = 0xFFFF if self.low else 0


class Touch(_Bits):
    REGISTER = 0x00

    def configure(self, bus):
        from adafruit_mpr121 import MPR121

        chip = MPR121(bus, self.address)
        chip._write_register_byte(0x5E, 0)  # ECR: stop, then measure these electrodes only
        chip._write_register_byte(0x5E, 0x80 | len(self.pins))

    def fill(self, raw, row, at):
        if raw[1] & 0x80:  # the chip says that its reference resistor is wrong
            self.mark(row, at)
            return 1
        return super().fill(raw, row, at)
