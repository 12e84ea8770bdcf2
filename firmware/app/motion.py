# Accelerometer and gyroscope, LSM6DSOX: six little-endian i16; the chip tells turning first, the row motion.
import struct

from app.sensor import Sensor

class Motion(Sensor):
    REGISTER, BYTES = 0x22, 12

    def configure(self, bus):
        from adafruit_lsm6ds import AccelRange, GyroRange, Rate
        from adafruit_lsm6ds.lsm6dsox import LSM6DSOX

        chip = LSM6DSOX(bus, self.address)
        chip.accelerometer_range = AccelRange.RANGE_8G
        chip.gyro_range = GyroRange.RANGE_1000_DPS
        chip.accelerometer_data_rate = Rate.RATE_208_HZ
        chip.gyro_data_rate = Rate.RATE_208_HZ
        bus.writeto(self.address, b"\x0b\x80")  # COUNTER_BDR_REG1: data-ready is a pulse, not a level
        bus.writeto(self.address, b"\x0d\x02")  # INT1_CTRL: the gyroscope's data-ready

    def write(self, row, at):
        raw = self.raw
        row[at] = raw[6]
        row[at + 1] = raw[7]
        row[at + 2] = raw[8]
        row[at + 3] = raw[9]
        row[at + 4] = raw[10]
        row[at + 5] = raw[11]
        row[at + 6] = raw[0]
        row[at + 7] = raw[1]
        row[at + 8] = raw[2]
        row[at + 9] = raw[3]
        row[at + 10] = raw[4]
        row[at + 11] = raw[5]
        for i in range(1, 12, 2):
            if (raw[i] + 1) & 254 == 128:  # 127 or 128: near an end
                self._mark_ends(row, at)
                break

    def _mark_ends(self, row, at):
        # An axis at either end of its range was not measured.
        for i in range(at, at + 12, 2):
            low, high = row[i], row[i + 1]
            if high == 127 and low == 255 or high == 128 and low == 0:
                self.saturated += 1
                row[i] = 0
                row[i + 1] = 128

    def mark(self, row, at):
        for i in range(at, at + 12, 2):
            row[i] = 0
            row[i + 1] = 128

    def values(self):
        return struct.unpack("<6h", self.raw)

    def ends_of_range(self, lowest, highest):
        return min(lowest) <= -32768 or max(highest) >= 32767
