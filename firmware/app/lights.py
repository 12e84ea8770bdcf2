# The lights (WS2812): identify blinks them all, guide lights one place.
from machine import Pin
from neopixel import NeoPixel

COLOURS = {
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 160, 0),
}
_BLINKS = 8  # looks, on and off in turn


class Lights:
    def __init__(self, pin, count):
        self.count = count
        self.brightness = 40  # of 255
        self._pixels = NeoPixel(Pin(pin, Pin.OUT), count)
        self._blinks = 0
        self._place = -1
        self._colour = self._white = (0, 0, 0)  # as bright as they are shown
        self._show()

    def identify(self):
        self._white = self._dimmed(COLOURS["white"])
        self._blinks = _BLINKS

    def guide(self, place, colour):
        # Light this place and no other; -1 for none.
        self._place, self._colour = place, self._dimmed(colour)
        if not self._blinks:
            self._show()

    def look(self):
        # Called a few times a second: blink on.
        if self._blinks:
            self._blinks -= 1
            if self._blinks & 1:
                self._pixels.fill(self._white)
                self._pixels.write()
            else:
                self._show()

    def _dimmed(self, colour):
        return tuple([part * self.brightness // 255 for part in colour])

    def _show(self):
        self._pixels.fill((0, 0, 0))
        if self._place >= 0:
            self._pixels[self._place] = self._colour
        self._pixels.write()


def colour(text):
    # A colour by its name or as six hexadecimal digits; ValueError when it is neither.
    if text in COLOURS:
        return COLOURS[text]
    if len(text) != 6:
        raise ValueError("no colour")
    return tuple([int(text[i : i + 2], 16) for i in (0, 2, 4)])
