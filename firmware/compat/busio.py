# CircuitPython's busio.I2C over MicroPython's machine.I2C: the names that the published drivers use, no more.
#
# Nothing waits for ever: after `deadline_ms` every transfer fails, so a driver cannot hang in a loop of its own.
from time import ticks_add, ticks_diff, ticks_ms


class I2C:
    def __init__(self, i2c, limit_ms=8000):
        self._i2c = i2c
        self.deadline_ms = ticks_add(ticks_ms(), limit_ms)

    def _check(self):
        if ticks_diff(self.deadline_ms, ticks_ms()) < 0:
            raise OSError(110)  # ETIMEDOUT

    def try_lock(self):
        return True

    def unlock(self):
        pass

    def writeto(self, address, buffer, *, start=0, end=None):
        self._check()
        self._i2c.writeto(address, memoryview(buffer)[start : len(buffer) if end is None else end])

    def readfrom_into(self, address, buffer, *, start=0, end=None):
        self._check()
        self._i2c.readfrom_into(address, memoryview(buffer)[start : len(buffer) if end is None else end])

    def writeto_then_readfrom(
        self, address, out_buffer, in_buffer, *, out_start=0, out_end=None, in_start=0, in_end=None
    ):
        self._check()
        out_end = len(out_buffer) if out_end is None else out_end
        in_end = len(in_buffer) if in_end is None else in_end
        into = memoryview(in_buffer)[in_start:in_end]
        if out_end - out_start == 1:
            self._i2c.readfrom_mem_into(address, out_buffer[out_start], into)
        else:
            self._i2c.writeto(address, memoryview(out_buffer)[out_start:out_end], False)
            self._i2c.readfrom_into(address, into)
