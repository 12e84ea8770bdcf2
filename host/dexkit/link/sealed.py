"""One connection over the network as a pure core: each record carries a tag, and no other is taken.

docs/protocol.md, "Over the network", says how; there is no socket in here, so that a test can stand between.
"""

import hmac
import os
from collections.abc import Iterator

from dexkit.errors import LinkError
from dexkit.protocol.tables import NET_GREETING, NONCE_BYTES, PAYLOAD_BYTES, TAG_BYTES

#: Of the longest frame, stuffed.
RECORD_BYTES = PAYLOAD_BYTES + 32
KEY_BYTES = 32
_OTHER_KEY = (
    "The board in the network does not have the key that was agreed, so nothing was taken from it. Probably "
    "it was paired anew, or another answers in its place. Plug it in and pair it again: "
    "dexkit pair PORT --ssid NAME"
)
_NOT_OURS = (
    "What answers in the network is no board of dexkit, or one of another version. Check the address; plug "
    "the board in and pair it again: dexkit pair PORT --ssid NAME"
)
_CHANGED = (
    "A frame from the network was changed, repeated or left out on its way, so it was not taken. If that "
    "comes again, somebody disturbs this network: use the USB cable."
)


class Tagger:
    """The tags of one direction.

    Parameters
    ----------
    key
        Of this direction.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._number = 0

    def tag(self, record: bytes) -> bytes:
        """Return the tag of the next record.

        Parameters
        ----------
        record
            All of it.
        """
        number = self._number.to_bytes(4, "little")
        self._number += 1
        return hmac.digest(self._key, number + record, "sha256")[:TAG_BYTES]


class Sealed:
    """The host's side of one connection.

    Parameters
    ----------
    key
        Agreed at pairing.

    Attributes
    ----------
    ready
        Whether the board has shown that it has the key.
    greeting
        What to send first.
    """

    def __init__(self, key: bytes) -> None:
        self.ready = False
        self.greeting = NET_GREETING + os.urandom(NONCE_BYTES)
        self._key = key
        self._buffer = bytearray()
        self._ours = self._theirs = Tagger(b"")

    def received(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what came; return the frames that are right, and what is to be sent at once.

        Parameters
        ----------
        data
            Bytes in any chunking.

        Raises
        ------
        LinkError
            When something came that the board did not send: the connection is to be closed.
        """
        self._buffer += data
        answer = b""
        if not self.ready:
            if not self._greeted():
                return b"", b""
            answer = self._ours.tag(b"")
        return b"".join(self._frames()), answer

    def seal(self, lines: bytes) -> bytes:
        """Return whole command lines, each with its tag.

        Parameters
        ----------
        lines
            Each with its newline.
        """
        return b"".join(line + self._ours.tag(line) for line in lines.splitlines(keepends=True))

    def _greeted(self) -> bool:
        """Whether the board's greeting and proof are there, and right."""
        size = len(self.greeting)
        seen = bytes(self._buffer[: len(NET_GREETING)])
        if seen != NET_GREETING[: len(seen)]:
            raise LinkError(_NOT_OURS)
        if len(self._buffer) < size + TAG_BYTES:
            return False
        both = self.greeting + bytes(self._buffer[:size])
        self._ours = Tagger(hmac.digest(self._key, b"host" + both, "sha256"))
        self._theirs = Tagger(hmac.digest(self._key, b"board" + both, "sha256"))
        if not hmac.compare_digest(self._theirs.tag(b""), bytes(self._buffer[size : size + TAG_BYTES])):
            raise LinkError(_OTHER_KEY)
        del self._buffer[: size + TAG_BYTES]
        self.ready = True
        return True

    def _frames(self) -> Iterator[bytes]:
        while True:
            end = self._buffer.find(0) + 1
            if (end or len(self._buffer)) > RECORD_BYTES:
                raise LinkError(_CHANGED)
            if not end or len(self._buffer) < end + TAG_BYTES:
                return
            frame = bytes(self._buffer[:end])
            if not hmac.compare_digest(self._theirs.tag(frame), bytes(self._buffer[end : end + TAG_BYTES])):
                raise LinkError(_CHANGED)
            del self._buffer[: end + TAG_BYTES]
            yield frame
