"""MicroPython's `select` on a virtual board: only the console can be waited for."""

from _board import doze, look

POLLIN, POLLOUT, POLLERR, POLLHUP = 1, 4, 8, 16


class _Poll:
    def __init__(self):
        self._streams = []

    def register(self, stream, eventmask=POLLIN | POLLOUT):
        """Watch a stream."""
        self.unregister(stream)
        self._streams.append((stream, eventmask))

    modify = register

    def unregister(self, stream):
        """Watch it no longer."""
        self._streams = [entry for entry in self._streams if entry[0] is not stream]

    def poll(self, timeout=-1):
        """Return [(stream, what is ready)], waiting at most `timeout` ms; -1: for ever."""
        while True:
            flags = look()
            ready = []
            for stream, mask in self._streams:
                if flags & mask:
                    ready.append((stream, flags & mask))
            if ready or timeout == 0:
                return ready
            slept_us = doze()
            if timeout > 0:
                timeout = max(0, timeout - (slept_us + 999) // 1000)

    def ipoll(self, timeout=-1, flags=0):
        """Like poll, as an iterator."""
        return iter(self.poll(timeout))


def poll():
    """Return a new poll object."""
    return _Poll()
