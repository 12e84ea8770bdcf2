"""How well found events agree with true ones: one to one, labelled, the nearest in time first."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Kinds that are judged together, by object. `missing` has no sharp moment and is judged by seconds.
KIND_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cup contacts": ("cup", ("lift", "put")),
    "cup pour": ("cup", ("pour_on", "pour_off")),
    "cup mishaps": ("cup", ("bump", "failed_lift")),
    "coaster receive": ("coaster", ("receive_on", "receive_off")),
    "coaster disturbed": ("coaster", ("disturbed",)),
    "buttons": ("button_board", ("touch", "entry", "seated", "slip", "opened")),
    "holes": ("pegboard", ("enter", "seat", "bounce", "unseat")),
    "tray": ("pegboard", ("pick", "return")),
    "tray missing": ("pegboard", ("missing",)),
}


@dataclass(frozen=True)
class Agreement:
    """How found events agree with true ones.

    Parameters
    ----------
    hits, found, true
        Number of pairs, of found events and of true events.
    pairs
        Index into the found and into the true events of each pair, as they were given.
    """

    hits: int
    found: int
    true: int
    pairs: tuple[tuple[int, int], ...]

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 when there was nothing to find and nothing was found."""
        both = self.found + self.true
        return 2.0 * self.hits / both if both else 1.0

    def __add__(self, other: "Agreement") -> "Agreement":
        """Return the agreement of both together; the pairs are dropped."""
        return Agreement(self.hits + other.hits, self.found + other.found, self.true + other.true, ())


def agree(
    found: NDArray[np.void], true: NDArray[np.void], tolerance_s: float, kinds: Collection[str]
) -> Agreement:
    """Match found with true events of the same kind and channel, one to one, the nearest in time first.

    Parameters
    ----------
    found, true
        Structured arrays with at least kind, channel and t_s.
    tolerance_s
        Pairs at most this far apart count; a microsecond more is rounding.
    kinds
        Kinds that are judged; others are left out on both sides.

    Returns
    -------
    Agreement
        Counts and pairs.
    """
    picked = [np.flatnonzero(np.isin(events["kind"], list(kinds))) for events in (found, true)]
    candidates = []
    for i in picked[0].tolist():
        for j in picked[1].tolist():
            if found["kind"][i] == true["kind"][j] and found["channel"][i] == true["channel"][j]:
                apart_s = abs(float(found["t_s"][i]) - float(true["t_s"][j]))
                if apart_s <= tolerance_s + 1e-6:
                    candidates.append((apart_s, i, j))
    used_found: set[int] = set()
    used_true: set[int] = set()
    pairs = []
    for _, i, j in sorted(candidates):
        if i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
            pairs.append((i, j))
    return Agreement(len(pairs), len(picked[0]), len(picked[1]), tuple(sorted(pairs)))


def false_lifts(found: NDArray[np.void], true: NDArray[np.void], tolerance_s: float = 0.3) -> int:
    """Return how many found lifts are no true lift within the tolerance."""
    result = agree(found, true, tolerance_s, ("lift",))
    return result.found - result.hits
