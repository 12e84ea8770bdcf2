# Makes the tag of a record where no machine code can be compiled. tag_fast.py does the same without allocating.
from hashlib import sha256

from app.schema_table import TAG_BYTES


class Tagger:
    # One direction; `record` holds number, data and tag of what was tagged last. begin() before the first tag.
    def __init__(self, room):
        self.record = bytearray(4 + room + TAG_BYTES)

    def begin(self, inner, outer):
        # A new connection: its key's pads.
        self._inner, self._outer = inner, outer
        self._number = 0

    def tag(self, data, at, length):
        # Put the next number, the data and their tag into the record; return the length of data and tag.
        record, end = self.record, 4 + length
        record[:4] = self._number.to_bytes(4, "little")
        record[4:end] = data[at : at + length]
        inner = sha256(self._inner + bytes(record[:end])).digest()
        record[end : end + TAG_BYTES] = sha256(self._outer + inner).digest()[:TAG_BYTES]
        self._number += 1
        return length + TAG_BYTES
