"""MicroPython's `socket` on a virtual board: real TCP on this machine, as far as the firmware needs it."""

from _net import radio

SOL_SOCKET, SO_REUSEADDR = 1, 2


class socket:  # noqa: N801
    """A TCP socket that does not wait."""

    def __init__(self, inner=None):
        self._inner = inner or radio.new_socket()

    def setsockopt(self, level, option, value):
        """Take an option."""

    def setblocking(self, flag):
        """Take that it does not wait: it never does."""

    def bind(self, address):
        """Take a port."""
        self._inner.bind(address)

    def listen(self, backlog):
        """Let hosts come."""
        self._inner.listen(backlog)

    def accept(self):
        """Return a connection and who it is; OSError where nobody waits."""
        inner, address = self._inner.accept()
        return socket(inner), address

    def readinto(self, buf, count=-1):
        """Read what is there into a buffer; return how many, None for none yet, 0 at the end."""
        data = self._inner.receive(len(buf) if count < 0 else min(count, len(buf)))
        if data is None:
            return None
        for index in range(len(data)):
            buf[index] = data[index]
        return len(data)

    def write(self, data, *span):
        """Write bytes; return how many were taken, None where none were."""
        data = bytes(data)
        if len(span) == 1:
            data = data[: span[0]]
        elif span:
            data = data[span[0] : span[0] + span[1]]
        return self._inner.send(data)

    def close(self):
        """Leave."""
        self._inner.close()
