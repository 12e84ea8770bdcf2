"""What happens to bytes on their way between a board and its host: damage, and pieces of any size."""

import random
from collections.abc import Iterator


class Line:
    """What happens to bytes between board and host.

    Parameters
    ----------
    damage
        Chance of each byte, in both directions, to arrive changed, twice, or not at all.
    chunks
        Whether what one side writes reaches the other in pieces of any size.
    seed
        Which luck.
    """

    def __init__(self, damage: float = 0.0, *, chunks: bool = False, seed: int = 0) -> None:
        self.damage, self.chunks = damage, chunks
        self.damaged = 0
        self._chance = random.Random(f"line {seed}")

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what arrives of these bytes, in the pieces in which it arrives."""
        if self.damage:
            data = self._harm(data)
        while self.chunks and len(data) > 1:
            size = self._chance.randint(1, len(data))
            yield data[:size]
            data = data[size:]
        if data:
            yield data

    def _harm(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._chance.random() >= self.damage:
                out.append(byte)
                continue
            self.damaged += 1
            how = self._chance.randrange(4)
            if how < 2:
                out.append(byte ^ self._chance.randrange(1, 256))
            elif how == 2:
                out += bytes((byte, byte))
        return bytes(out)
