"""MicroPython's `neopixel` on a virtual board."""

import ops
from _board import request


class NeoPixel:
    """A row of coloured lights."""

    ORDER = (1, 0, 2, 3)

    def __init__(self, pin, n, bpp=3, timing=1):
        self.pin = pin
        self.n = n
        self.bpp = bpp
        self.buf = bytearray(n * bpp)

    def __len__(self):
        return self.n

    def __setitem__(self, index, colour):
        for part in range(self.bpp):
            self.buf[index * self.bpp + self.ORDER[part]] = colour[part]

    def __getitem__(self, index):
        return tuple([self.buf[index * self.bpp + self.ORDER[part]] for part in range(self.bpp)])

    def fill(self, colour):
        """Give all lights one colour."""
        for index in range(self.n):
            self[index] = colour

    def write(self):
        """Show it."""
        request(ops.LIGHTS, self.pin.id, 0, bytes(self.buf))
