"""The console of a virtual board: `sys.stdin` and `sys.stdout` with their `buffer`."""

import ops
from _board import doze, read_some, request

#: A request carries at most this many bytes.
_PIECE = 512


class _Bytes:
    """Bytes from and to the host."""

    def read(self, count=-1):
        """Return `count` bytes, waiting for them."""
        data = b""
        while count < 0 or len(data) < count:
            data += self.read_some(_PIECE if count < 0 else min(_PIECE, count - len(data)))
        return data

    def read_some(self, count):
        """Return one to `count` bytes, waiting for the first: for the prompt, not for the firmware."""
        while True:
            data = read_some(count)
            if data:
                return data
            doze()

    def readinto(self, buf, count=-1):
        """Fill a buffer, waiting for its bytes; return how many."""
        wanted = len(buf) if count < 0 else min(count, len(buf))
        data = self.read(wanted)
        for index in range(wanted):
            buf[index] = data[index]
        return wanted

    def write(self, data, *span):
        """Write bytes; return how many were taken: fewer when the host does not read."""
        data = bytes(data)
        if len(span) == 1:
            data = data[: span[0]]
        elif span:
            data = data[span[0] : span[0] + span[1]]
        taken = 0
        while taken < len(data):
            piece = data[taken : taken + _PIECE]
            count = request(ops.WRITE, 0, 0, piece)[0]
            taken += count
            if count < len(piece):
                break
        return taken


class _Text(_Bytes):
    """The same, as text."""

    def __init__(self):
        self.buffer = _Bytes()

    def read(self, count=-1):
        """Return characters, waiting for them."""
        return self.buffer.read(count).decode()

    def readline(self):
        """Return a line, waiting for it."""
        line = b""
        while not line.endswith(b"\n"):
            line += self.buffer.read(1)
        return line.decode()

    def write(self, text):
        """Write text; a newline becomes two bytes, as on the board."""
        if isinstance(text, str):
            text = text.encode()
        self.buffer.write(text.replace(b"\n", b"\r\n"))
        return len(text)

    def flush(self):
        """Do nothing: there is no buffer."""


stdin = _Text()
stdout = _Text()
stderr = stdout
