# Accelerometer and gyroscope, LSM6DSOX: six little-endian i16; the chip tells turning first, the row motion.
import struct

from app.inner import fill_motion
from app.sensor import Sensor


class Motion(Sensor):
    REGISTER, BYTES = 0x22, 12

    def __init__(self, *facts):
        super().__init__(*facts)
        self.fill = fill_motion

    def configure(self, bus):
        from adafruit_lsm6ds import AccelRange, GyroRange, Rate
        from adafruit_lsm6ds.lsm6dsox import LSM6DSOX

        chip = LSM6DSOX(bus, self.address)
        chip.accelerometer_range = AccelRange.RANGE_8G
        chip.gyro_range = GyroRange.RANGE_1000_DPS
        chip.accelerometer_data_rate = Rate.RATE_208_HZ
        chip.gyro_data_rate = Rate.RATE_208_HZ
        bus.writeto(self.address, b"\x0d\x02")  # INT1_CTRL: high while a reading of the gyroscope waits

    def mark(self, row, at):
        for i in range(at, at + 12, 2):
            row[i] = 0
            row[i + 1] = 128

    def values(self):
        return struct.unpack("<6h", self.raw)

    def ends_of_range(self, lowest, highest):
        return min(lowest) <= -32768 or max(highest) >= 32767
