"""Whether a capture can be used: at its rate, whole, alive, still; and what it says. A bad one is refused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.capture import Capture, Samples
from dexkit.errors import InputError
from dexkit.protocol.tables import STREAMS

Floats = NDArray[np.float64]

#: Only the end of a capture counts, cut into pieces that must be alike.
WINDOW_S, PIECE_S = 4.0, 0.5
#: Where a load is left for long, its beginning is taken from here on.
SETTLED_S = 2.0
#: How far a rate may be off: a chip's own oscillator is good to some per cent.
RATE_SHARE = 0.05
LOST_SHARE = 0.01
#: Near the end of what a channel can say, and how many samples may be there.
FULL_SHARE, SATURATED_SHARE = 0.98, 0.005
#: A sample so many median deviations away is a wrong conversion, as long as there are few.
SPIKE, SPIKES_SHARE = 8.0, 0.01
#: A piece so many times as restless as the others was moved.
RESTLESS = 2.5
#: Pieces of noise differ by so many standard deviations of their mean.
SIGMAS = 5.0
HIGHEST = {"i16": 32767, "i32": (1 << 23) - 1}
AGAIN = "Take the step again."


@dataclass(frozen=True)
class Rest:
    """What one channel said at rest.

    Parameters
    ----------
    mean, noise
        Its mean, and the standard deviation of a sample about it, nominal.
    samples
        How many.
    late
        By how much the mean of the end is above that of the beginning, where a load was left for long.
    """

    mean: float
    noise: float
    samples: int
    late: float = 0.0


def check_streams(capture: Capture, names: Iterable[str]) -> None:
    """Refuse a capture whose streams are not at their rate, or not whole.

    Raises
    ------
    InputError
        Says which, why probably, and what to do.
    """
    if capture.restarts:
        raise InputError(
            f"The board started anew meanwhile. Probably its cable is loose or its battery low. {AGAIN}"
        )
    for name in names:
        samples, rate_hz = capture.streams.get(name), STREAMS[name].rate_hz
        if samples is None or not len(samples.t_s) or samples.rate_hz is None:
            raise InputError(
                f"{name} sends nothing. Probably its sensor is not connected. Look with `dexkit selftest`."
            )
        if abs(samples.rate_hz / rate_hz - 1.0) > RATE_SHARE:
            raise InputError(
                f"{name} comes at {samples.rate_hz:.0f} Hz, but {rate_hz:.0f} Hz is configured. Probably the "
                "rate strap of its converter is wrong, or it was not set up. Look with `dexkit selftest`, "
                "switch the board off and on, and take the step again."
            )
        if samples.lost > LOST_SHARE * (len(samples.t_s) + samples.lost):
            raise InputError(
                f"{samples.lost} samples of {name} were lost. Probably the cable or the computer is too slow "
                f"at the moment. Close other programs. {AGAIN}"
            )


def at_rest(
    samples: Samples, stream: str, still: Mapping[str, float], words: Mapping[str, str]
) -> dict[str, Rest]:
    """Return what the channels of a stream said at rest.

    Parameters
    ----------
    samples
        The stream.
    stream
        Its name.
    still
        By channel, how far a piece may be from the others, noise apart.
    words
        What to call a channel.

    Raises
    ------
    InputError
        When a channel is dead, saturated, drifting, or was moved.
    """
    facts = STREAMS[stream]
    late = samples.t_s >= samples.t_s[-1] - WINDOW_S
    t_s = samples.t_s[late]
    found = {}
    for column, limit in still.items():
        values = samples.column(column)[late].astype(np.float64)
        called = words.get(column, column)
        most = FULL_SHARE * HIGHEST[facts.wire] * facts.scales[facts.columns.index(column)]
        known = np.isfinite(values)
        if np.mean(known) < 1.0 - LOST_SHARE:
            raise InputError(
                f"The {called} measures nothing: the board gave it up. Probably its plug is off, its "
                "converter hangs or is saturated. Look with `dexkit selftest`, mend it, and begin anew."
            )
        times_s, values = t_s[known], values[known]
        if np.mean(np.abs(values) >= most) > SATURATED_SHARE:
            raise InputError(
                f"The {called} is saturated: it says the most it can. Probably it is overloaded or a wire of "
                f"its bridge is off. Take the load off and look at its plug. {AGAIN}"
            )
        if np.ptp(values) == 0.0:
            raise InputError(
                f"The {called} says the same number all the time. Probably its converter hangs. Switch the "
                f"board off and on. {AGAIN}"
            )
        rest = _still(times_s, values, limit, called)
        if samples.t_s[-1] > 3.0 * WINDOW_S:
            early = (samples.t_s >= SETTLED_S) & (samples.t_s < SETTLED_S + WINDOW_S)
            beginning = float(np.nanmean(samples.column(column)[early], dtype=np.float64))
            rest = replace(rest, mean=beginning, late=rest.mean - beginning)
        found[column] = rest
    return found


def _still(t_s: Floats, values: Floats, limit: float, called: str) -> Rest:
    """Return mean and noise of a channel that is still."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    wrong = np.abs(values - middle) > SPIKE * spread
    if np.mean(wrong) <= SPIKES_SHARE:
        t_s, values = t_s[~wrong], values[~wrong]
    pieces = [
        values[(t_s >= begin_s) & (t_s < begin_s + PIECE_S)]
        for begin_s in t_s[0] + PIECE_S * np.arange(round((t_s[-1] - t_s[0]) / PIECE_S))
    ]
    pieces = [piece for piece in pieces if len(piece) > 10]
    if len(pieces) < 3:
        raise InputError(f"Too little of the {called} was captured. {AGAIN}")
    noise = float(np.median([np.std(piece, ddof=1) for piece in pieces]))
    means = np.array([piece.mean() for piece in pieces])
    allowed = limit + SIGMAS * noise / np.sqrt(min(len(piece) for piece in pieces))
    place = np.arange(len(means)) - (len(means) - 1) / 2
    slope = float(place @ means / (place @ place))
    trend = abs(slope) * len(means)
    beside = float(np.ptp(means - slope * place))
    restless = max(float(np.std(piece, ddof=1)) for piece in pieces) > RESTLESS * noise + limit
    if restless or beside > 2.0 * allowed:
        raise InputError(
            f"The {called} was moved meanwhile. Probably a hand, the table or the cable. Let it stand, hands "
            f"off. {AGAIN}"
        )
    if trend > 2.0 * allowed:
        raise InputError(
            f"The {called} is drifting: {trend / (len(means) * PIECE_S):.2g} a second, in its unit. Probably "
            "it has just been switched on, is warmed from one side, or something leans on it. Wait some "
            f"minutes. {AGAIN}"
        )
    return Rest(float(values.mean()), noise, len(values))


def closings(samples: Samples, column: str) -> list[tuple[float, float]]:
    """Return when a contact was closed and opened again; an end that was not seen is infinite.

    Parameters
    ----------
    samples
        Its stream.
    column
        Its name.
    """
    closed = np.nan_to_num(samples.column(column)) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]]).astype(int)))
    t_s = np.append(samples.t_s, np.inf)
    return [
        (float(t_s[first]) if first else -np.inf, float(t_s[last]))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    ]


class Walk:
    """Looks on while contacts are walked through, to know when it is over.

    Parameters
    ----------
    places
        In the order of the walk.
    columns
        Of the object's table: a place is done when each of its contacts is, the finger's too.
    """

    def __init__(self, places: Iterable[int], columns: Iterable[str]) -> None:
        wanted = {f"{kind}_{place}": place for place in places for kind in KIND_WORDS}
        self._place_of = {column: wanted[column] for column in columns if column in wanted}
        self._closed = dict.fromkeys(self._place_of, False)
        self._waits = set(self._place_of)

    def heard(self, stream: str, t_s: Floats, values: NDArray[np.float32]) -> None:
        """Take samples as they come.

        Parameters
        ----------
        stream, t_s, values
            As `dexkit.bench.capture.Heard`.
        """
        for at, column in enumerate(STREAMS[stream].columns):
            if column in self._closed:
                for closed in values[np.isfinite(values[:, at]), at] > 0.5:
                    if self._closed[column] and not closed:
                        self._waits.discard(column)
                    self._closed[column] = bool(closed)

    @property
    def done(self) -> int:
        """How many places have been closed wholly and opened again."""
        return len(set(self._place_of.values()) - {self._place_of[column] for column in self._waits})

    @property
    def is_over(self) -> bool:
        """Whether all have."""
        return not self._waits


def check_walk(streams: Mapping[str, Samples], places: Iterable[int], called: str) -> dict[str, float]:
    """Return when each contact first closed on a walk; refuse one that is stuck, dead or exchanged.

    Parameters
    ----------
    streams
        With contacts.
    places
        In the order of the walk.
    called
        ``button`` or ``hole``.

    Raises
    ------
    InputError
        Names the contact.
    """
    first_s: dict[str, float] = {}
    for samples in streams.values():
        for column in samples.columns:
            if STREAMS_OF_CONTACTS.isdisjoint({column.partition("_")[0]}):
                continue
            kind, _, number = column.partition("_")
            name = f"{KIND_WORDS[kind]} contact of {called} {int(number) + 1}"
            spans = closings(samples, column)
            if not spans:
                raise InputError(
                    f"The {name} never closed. Probably it is dirty, its wire is off, or it was left out. "
                    f"Look at it. {AGAIN}"
                )
            if spans[0][0] == -np.inf or spans[-1][1] == np.inf:
                raise InputError(
                    f"The {name} was not seen open before and after. Probably it is stuck, or something is "
                    f"still in it. Look at it. {AGAIN}"
                )
            first_s[column] = spans[0][0]
    order = list(places)
    for kind in {column.partition("_")[0] for column in first_s}:
        came = sorted(order, key=lambda place: first_s[f"{kind}_{place}"])
        if came != order:
            at = next(at for at, place in enumerate(order) if came[at] != place)
            raise InputError(
                f"The {KIND_WORDS[kind]} contact of {called} {came[at] + 1} closed when {called} "
                f"{order[at] + 1} was asked. Probably two wires are exchanged, or the order was another. "
                f"{AGAIN}"
            )
    for place in order:
        entry_s, seated_s = first_s[f"entry_{place}"], first_s[f"seated_{place}"]
        if seated_s < entry_s:
            raise InputError(
                f"Of {called} {place + 1} the seated contact closed before the entry. Probably their wires "
                f"are exchanged. {AGAIN}"
            )
    return first_s


KIND_WORDS = {"touch": "finger", "entry": "entry", "seated": "seated"}
STREAMS_OF_CONTACTS = frozenset(KIND_WORDS)
