# Two ports as one: USB, and the network for as long as no host is heard over USB. Who asks is who is answered.
from time import ticks_diff, ticks_us

from app.schema_table import SILENCE_MS


class Either:
    def __init__(self, usb, radio):
        self.usb, self.radio = usb, radio
        self._port = usb
        self._usb_us = ticks_us()  # when something came over USB
        self._usb_is_there = True

    @property
    def line(self):
        return self._port.line

    @property
    def length(self):
        return self._port.length

    @property
    def read_us(self):
        return self._port.read_us

    @property
    def short_writes(self):
        return self.usb.short_writes + self.radio.short_writes

    def read_line(self):
        if self.usb.read_line():
            self._port, self._usb_us = self.usb, ticks_us()
            self._usb_is_there = True
            self.radio.drop()
            return True
        if self._usb_is_there:
            self._usb_is_there = ticks_diff(ticks_us(), self._usb_us) < 1000 * SILENCE_MS
        if self.radio.read_line(not self._usb_is_there):
            self._port = self.radio
            return True
        return False

    def by_radio(self):
        # Whether the line that was read last came through the network.
        return self._port is self.radio

    def forget(self):
        self._port.forget()

    def has_room(self):
        return self._port.has_room()

    def write(self, data, at, length):
        return self._port.write(data, at, length)
