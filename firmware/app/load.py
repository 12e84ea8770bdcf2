# A load cell's converter, NAU7802: 24 bits, big-endian, into one little-endian i32 of the row.
from app.inner import fill_load
from app.sensor import Sensor


class Load(Sensor):
    REGISTER, BYTES = 0x12, 3

    def __init__(self, *facts):
        super().__init__(*facts)
        self.fill = fill_load
        self.offset = 4 * self.first

    def configure(self, bus):
        from cedargrove_nau7802 import NAU7802

        chip = NAU7802(bus, self.address)
        chip.gain = 128
        chip.poll_rate = self.hz
        if not chip.calibrate("INTERNAL"):
            raise RuntimeError("cannot find its own zero; probably its supply is weak")
        chip._pu_cycle_start = True

    def mark(self, row, at):
        row[at] = row[at + 1] = row[at + 2] = 0
        row[at + 3] = 128

    def value(self):
        # The last reading as a number.
        raw = self.raw
        high = raw[0]
        return (high - 256 if high & 128 else high) * 65536 + raw[1] * 256 + raw[2]

    def values(self):
        return (self.value(),)

    def ends_of_range(self, lowest, highest):
        return lowest[0] <= -8388608 or highest[0] >= 8388607
