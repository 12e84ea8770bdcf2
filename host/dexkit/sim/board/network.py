"""MicroPython's `network` on a virtual board: a radio whose network is this machine alone."""

from _net import radio

STA_IF = 0
_name = ["rp2"]


def hostname(name=None):
    """Return or set the board's name."""
    if name is not None:
        if len(name) > 32:
            raise ValueError("hostname too long")
        _name[0] = name
    return _name[0]


class WLAN:
    """The radio as a station."""

    PM_NONE = 16

    def __init__(self, interface=STA_IF):
        self._active = self._joined = False

    def active(self, on=None):
        """Return or set whether the radio is on."""
        if on is not None:
            self._active = bool(on)
            self._joined = self._joined and self._active
        return self._active

    def config(self, **settings):
        """Take settings."""

    def connect(self, ssid, key=None):
        """Join a network."""
        self._joined = self._active and radio.has(ssid, key)

    def isconnected(self):
        """Return whether it has joined."""
        return self._joined

    def status(self):
        """Return 3 once joined, -3 for a wrong password."""
        return 3 if self._joined else -3

    def ifconfig(self):
        """Return address, mask, gateway, name server."""
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
