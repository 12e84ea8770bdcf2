"""Puts the blocks of one stream in order: each comes out once, and what will not come is a gap."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

WRAP = 1 << 32
MASK_BITS = 32


def signed(difference: int) -> int:
    """Return a difference of 32-bit numbers as the nearest of its readings.

    Parameters
    ----------
    difference
        Any whole number.
    """
    return (difference + WRAP // 2) % WRAP - WRAP // 2


class Order(Generic[Item]):
    """One stream since the board's start, whose first block has the sequence 0.

    Attributes
    ----------
    next
        Sequence of the block that is awaited, unwrapped: all before it are out or known as gone.
    begun
        Whether a block has come out: what is gone before the first is no gap, it was before our time.
    """

    def __init__(self) -> None:
        self.next = 0
        self.begun = False
        self._waiting: dict[int, Item] = {}

    def __len__(self) -> int:
        """Return how many blocks wait for one before them."""
        return len(self._waiting)

    def put(self, sequence: int, item: Item) -> bool:
        """Take a block that came; return False for one that had come before.

        Parameters
        ----------
        sequence
            As on the wire, modulo 2^32.
        item
            What to give out.
        """
        at = self.next + signed(sequence - self.next)
        if at < self.next or at in self._waiting:
            return False
        self._waiting[at] = item
        return True

    def take(self) -> Iterator[tuple[int, Item]]:
        """Yield sequence and block of all whose turn it is."""
        while self.next in self._waiting:
            self.begun = True
            self.next += 1
            yield self.next - 1, self._waiting.pop(self.next - 1)

    def skip_to(self, sequence: int) -> Iterator[int | tuple[int, Item]]:
        """Stop waiting for blocks before a sequence: yield the length of each gap, and the blocks between.

        Parameters
        ----------
        sequence
            As on the wire, modulo 2^32.
        """
        end = self.next + signed(sequence - self.next)
        while self.next < end:
            there = min((at for at in self._waiting if at < end), default=end)
            if there > self.next:
                gap, self.next = there - self.next, there
                if self.begun:
                    yield gap
            yield from self.take()

    def give_up(self) -> Iterator[int | tuple[int, Item]]:
        """Stop waiting for anything: yield what `skip_to` would, to the last block that came."""
        if self._waiting:
            yield from self.skip_to(max(self._waiting) + 1)

    def mask(self) -> int:
        """Return which of the 32 blocks after the awaited one have come: bit k for the block next+1+k."""
        return sum(1 << bit for bit in range(MASK_BITS) if self.next + 1 + bit in self._waiting)
