"""What a recording of a glass's weight shows: its pours, what disturbed it, where nothing was measured."""

from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording
from dexkit.recording.model import Stream as RecordedStream
from dexkit.recording.table import N_PER_G, gaps, period_s, table
from dexkit.score.flow import WINDOW_S, Stream
from dexkit.score.result import Measured, NotMeasurable, Outcome
from dexkit.score.smoothness import slope
from dexkit.score.take import hold_last
from dexkit.segment import segment_coaster
from dexkit.segment.events import RATE_LIMITS_HZ

#: A recording shorter than this holds nothing to weigh.
SHORTEST_S = 0.5
#: The force from which on the glass counts as disturbed, in grams (docs/events.md: 0.15 N).
DISTURBED_G = 0.15 / N_PER_G
#: The weight at the end must be steady for this long (PROPOSED).
STEADY_S = 0.5
#: A disturbance is over when the trace runs straight for this long (PROPOSED) ...
SETTLED_S = 0.8
#: ... which means within this of a line, or within six times its noise (PROPOSED).
STRAIGHT_G = 2.0
#: What a disturbance did may begin this much before its event (PROPOSED).
LEAD_S = 0.1
#: Flow below which a pour is interrupted, and for how long (PROPOSED; the flow limit of docs/events.md).
STOP_G_S, STOP_S = 1.0, 0.2
#: Weights a second that a flow and its interruptions need. Tried on a pour of eight dribbles of 0.4 s, one a
#: second (at 320 a second: largest flow 62.6 g/s, unsteady flow 1.04, 7 reversals, 7 interruptions), at
#: 1 to 320 weights a second, each at eight moments: from 8 on the largest flow is at most 13 % too low, the
#: unsteadiness 23 %, and reversals are 6 or 7; interruptions are 0 to 7 up to 10 a second, 6 or 7 from 12 on.
FLOW_HZ, STOPS_HZ = 8.0, 12.0
#: A single sample further than this from its neighbours' median is a spike (PROPOSED).
SPIKE_G = 5.0
#: At this rate and above, a spike of some milliseconds may last two samples (the segmenter knows it, too).
FAST_HZ = 149.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """A stretch of time in which the glass was disturbed, with its lowest and highest weight."""

    start_s: float
    end_s: float
    low_g: float
    low_s: float
    high_g: float
    high_s: float


@dataclass(frozen=True)
class Spike:
    """One sample that stands out from its neighbours by size_g."""

    t_s: float
    size_g: float


@dataclass(frozen=True)
class GlassPour:
    """One pour into the glass, from its first flow to its last; open when its end was not seen."""

    glass: "Glass"
    on_s: float
    off_s: float
    open: bool
    quality: float

    @property
    def duration_s(self) -> float:
        """Time from the first flow to the last."""
        return self.off_s - self.on_s

    @property
    def duration_quality(self) -> float:
        """How sure the length is: at each end a period of the scale may be wrong."""
        return max(min(self.quality, 1.0 - 2.0 / (self.glass.scale_hz * self.duration_s)), 0.0)

    @property
    def disturbances(self) -> list[Span]:
        """What disturbed the glass during this pour."""
        return [span for span in self.glass.disturbed if span.start_s < self.off_s and span.end_s > self.on_s]

    @cached_property
    def grams(self) -> Outcome:
        """Liquid received; what came while the glass was disturbed or not measured is left out."""
        glass = self.glass
        after_g, at_end_g = glass.level(self.off_s, 1), glass.level(self.off_s, 0)
        if after_g < at_end_g - DISTURBED_G:
            after_g = at_end_g  # it fell by more than the push of a jet that ends: that is no liquid
        total_g = after_g - glass.level(self.on_s, -1)
        lost_s = 0.0
        spans = [(span.start_s - LEAD_S, span.end_s) for span in self.disturbances]
        for start_s, end_s in [*spans, *glass.lost_s]:
            start_s, end_s = max(start_s, self.on_s), min(end_s, self.off_s)
            if start_s < end_s:
                lost_s += end_s - start_s
                total_g -= glass.level(end_s, 0) - glass.level(start_s, 0)
        if lost_s >= self.duration_s:
            return NotMeasurable("The glass was disturbed or not measured during the whole pour.")
        return Measured(total_g, min(self.quality, 1.0 - lost_s / self.duration_s))

    @cached_property
    def stream(self) -> Stream | NotMeasurable:
        """The flow from half a second before this pour until one second after it."""
        glass = self.glass
        if why := glass.too_slow(FLOW_HZ):
            return why
        if self.disturbances:
            return NotMeasurable("The glass was disturbed during the pour.")
        if any(a < self.off_s and b > self.on_s for a, b in glass.lost_s):
            return NotMeasurable("Part of the pour was not measured.")
        if self.open:
            return NotMeasurable("The end of the pour was not recorded.")
        before = max([0.0, *(span.end_s for span in glass.disturbed if span.end_s <= self.on_s)])
        after = min([np.inf, *(span.start_s for span in glass.disturbed if span.start_s >= self.off_s)])
        window = glass.part(max(self.on_s - 0.5, before), min(self.off_s + 1.0, after))
        mass_g = glass.weight_g[window]
        flow_gs = slope(mass_g, glass.rate_hz, WINDOW_S)
        if isinstance(flow_gs, NotMeasurable):
            return flow_gs
        return Stream(mass_g, flow_gs, glass.noise_gs, glass.rate_hz)

    @property
    def flow_gs(self) -> Floats | NotMeasurable:
        """The flow between the pour's first and last."""
        flow_gs = slope(self.glass.weight_g, self.glass.rate_hz, WINDOW_S)
        if isinstance(flow_gs, NotMeasurable):
            return flow_gs
        calm = np.ones(len(flow_gs), bool)
        margin_s = WINDOW_S / 2
        for start_s, end_s in [*((s.start_s, s.end_s) for s in self.disturbances), *self.glass.lost_s]:
            calm[self.glass.part(start_s - margin_s, end_s + margin_s)] = False
        within = self.glass.part(self.on_s, self.off_s)
        found: Floats = flow_gs[within][calm[within]]
        return found if len(found) else NotMeasurable("The glass was disturbed during the whole pour.")

    @property
    def stops(self) -> Outcome:
        """How often the flow stayed below 1 g/s for at least 0.2 s."""
        if why := self.glass.too_slow(STOPS_HZ):
            return why
        flow_gs = self.flow_gs
        if isinstance(flow_gs, NotMeasurable):
            return flow_gs
        inside = flow_gs[round(WINDOW_S * self.glass.rate_hz) : -round(WINDOW_S * self.glass.rate_hz) or None]
        slow = np.concatenate([[False], inside < STOP_G_S, [False]])
        first, end = np.flatnonzero(np.diff(slow)).reshape(-1, 2).T
        return float(np.count_nonzero(end - first >= max(STOP_S * self.glass.rate_hz, 2.0)))


@dataclass(frozen=True)
class Glass:
    """A glass's weight on an even grid, and what happened to it.

    Parameters
    ----------
    raw
        The stream as it was recorded, in grams.
    weight_g
        float64 (n,): weight on the grid, single spikes taken out; a value not measured holds the last one.
    rate_hz, t0_s
        Rate of the grid and time of its first sample.
    scale_hz
        Rate at which the scale gave its weights.
    events
        EVENT_DTYPE in order of ``t_s``, which counts from the recording's start.
    lost_s
        Begin and end of each gap: nothing was measured inside it.
    """

    raw: RecordedStream
    weight_g: Floats
    rate_hz: float
    t0_s: float
    scale_hz: float
    events: NDArray[np.void]
    lost_s: tuple[tuple[float, float], ...]

    @property
    def end_s(self) -> float:
        """Time of the last sample."""
        return self.t0_s + (len(self.weight_g) - 1) / self.rate_hz

    def too_slow(self, needed_hz: float) -> NotMeasurable | None:
        """Return why the scale cannot carry a measure that needs so many weights a second; None if it can."""
        if round(self.scale_hz, 1) >= needed_hz:
            return None
        return NotMeasurable(
            f"The scale gives {self.scale_hz:.2g} weights a second; this needs {needed_hz:g}."
        )

    def part(self, start_s: float, end_s: float) -> slice:
        """Return the samples between two times."""
        first = max(round((start_s - self.t0_s) * self.rate_hz), 0)
        return slice(first, max(round((end_s - self.t0_s) * self.rate_hz) + 1, first))

    @cached_property
    def noise_g(self) -> float:
        """Standard deviation of the weight's noise, from its bends (robust)."""
        bends = np.abs(np.diff(self.weight_g, 2))
        return float(np.median(bends)) / (0.6745 * np.sqrt(6.0)) if len(bends) else 0.0

    @cached_property
    def noise_gs(self) -> float:
        """Deviation of the flow where nothing was poured and nothing disturbed the glass (robust)."""
        flow_gs = slope(self.weight_g, self.rate_hz, WINDOW_S)
        if isinstance(flow_gs, NotMeasurable):
            return 0.0
        calm = self._calm()
        return 1.4826 * float(np.median(np.abs(flow_gs[calm]))) if np.any(calm) else 0.0

    def _calm(self) -> NDArray[np.bool_]:
        calm = np.ones(len(self.weight_g), bool)
        spans = [(span.start_s, span.end_s) for span in self.disturbed] + list(self.lost_s)
        for start_s, end_s in [*spans, *((pour.on_s, pour.off_s) for pour in self.pours)]:
            calm[self.part(start_s - WINDOW_S, end_s + WINDOW_S)] = False
        return calm

    def level(self, t_s: float, side: int) -> float:
        """Return the weight just before (side -1), at (0) or just after (1) a time; calm samples only."""
        near = self.part(*((t_s - 0.4, t_s - 0.1), (t_s, t_s), (t_s + 0.1, t_s + 0.4))[side + 1])
        at = min(max(round((t_s - self.t0_s) * self.rate_hz), 0), len(self.weight_g) - 1)
        busy = any(
            s.start_s < t_s + 0.4 * (side > 0) and s.end_s > t_s - 0.4 * (side < 0) for s in self.disturbed
        )
        found = self.weight_g[near]
        if side == 0 or busy or len(found) < 2:
            return float(np.median(self.weight_g[max(at - 1, 0) : at + 2]))
        return float(np.median(found))

    @cached_property
    def disturbed(self) -> tuple[Span, ...]:
        """Each disturbance until the trace runs straight again; taking the glass until it is back."""
        spans: list[Span] = []
        starts = self.events["t_s"][self.events["kind"] == "disturbed"].tolist()
        for number, start_s in enumerate(starts):
            if spans and start_s <= spans[-1].end_s:
                continue
            until_s = starts[number + 1] if number + 1 < len(starts) else self.end_s
            flows = self.events["t_s"][self.events["kind"] == "receive_on"]
            until_s = min([until_s, *flows[flows > start_s].tolist()])
            end_s = self._settled_s(start_s)
            before_g = float(np.median(self.weight_g[self.part(start_s - 0.4, start_s)]))
            away_g = float(np.median(self.weight_g[self.part(end_s, end_s + 0.2)]))
            if away_g < before_g - DISTURBED_G:
                rest = self.weight_g[self.part(end_s, until_s)]
                back = np.flatnonzero(rest > away_g + DISTURBED_G)
                if len(back):
                    end_s = self._settled_s(end_s + int(back[0]) / self.rate_hz)
            inside = (self.raw.t_s >= start_s - 1e-9) & (self.raw.t_s <= end_s + 1e-9)
            inside &= np.isfinite(self.raw.values[:, 0])
            t_s, weight_g = self.raw.t_s[inside], self.raw.values[inside, 0]
            if len(t_s):
                low, high = int(np.argmin(weight_g)), int(np.argmax(weight_g))
                extremes = (float(weight_g[low]), float(t_s[low]), float(weight_g[high]), float(t_s[high]))
                spans.append(Span(start_s, end_s, *extremes))
        return tuple(spans)

    def _settled_s(self, start_s: float) -> float:
        """Return the first time after this from which on the weight runs straight for `SETTLED_S`."""
        n = max(round(SETTLED_S * self.rate_hz), 4)
        limit_g = max(STRAIGHT_G, 6.0 * self.noise_g)
        place = np.arange(n) - 0.5 * (n - 1)
        first = self.part(start_s, start_s).start + 1
        for at in range(first, len(self.weight_g) - n + 1):
            window = self.weight_g[at : at + n]
            growth = float(place @ window) / float(place @ place)
            off_line = window - window.mean() - growth * place
            if np.abs(off_line).max() <= limit_g and growth * self.rate_hz > -5.0:
                return self.t0_s + at / self.rate_hz
        return self.end_s

    @cached_property
    def pours(self) -> tuple[GlassPour, ...]:
        """Each pour, in order."""
        found = []
        rows = self.events[np.isin(self.events["kind"], ("receive_on", "receive_off"))]
        for row, after in zip_longest(rows, rows[1:]):
            if row["kind"] != "receive_on":
                continue
            ended = after is not None and after["kind"] == "receive_off"
            off_s = float(after["t_s"]) if ended and after is not None else self.end_s
            quality = float(min(row["quality"], after["quality"])) if ended and after is not None else 0.5
            if off_s > row["t_s"]:
                found.append(GlassPour(self, float(row["t_s"]), off_s, not ended, quality))
        return tuple(found)

    @cached_property
    def spikes(self) -> tuple[Spike, ...]:
        """Single samples that stand out, outside of disturbances."""
        good = np.isfinite(self.raw.values[:, 0])
        t_s, weight_g = self.raw.t_s[good], self.raw.values[good, 0].astype(np.float64)
        if len(t_s) < 5:
            return ()
        usual = np.median(np.lib.stride_tricks.sliding_window_view(weight_g, 5), axis=1)
        away = weight_g[2:-2] - usual
        away[np.abs(weight_g[3:-1] - weight_g[1:-3]) >= SPIKE_G] = (
            0.0  # its neighbours differ: it is no single one
        )
        limit_g = max(SPIKE_G, 8.0 * self.noise_g)
        return tuple(
            Spike(float(t_s[at + 2]), float(away[at]))
            for at in np.flatnonzero(np.abs(away) > limit_g).tolist()
            if not any(span.start_s - 0.1 <= t_s[at + 2] <= span.end_s + 0.1 for span in self.disturbed)
        )

    @cached_property
    def final_g(self) -> Outcome:
        """Steady weight at the end, without disturbed parts."""
        if self.pours and self.pours[-1].open:
            return NotMeasurable("Liquid still ran into the glass when the recording ended.")
        calm = self._calm()
        last = np.flatnonzero(calm)
        if not len(last):
            return NotMeasurable("The weight was never steady.")
        end = int(last[-1]) + 1
        busy = np.flatnonzero(~calm[:end])
        first = max(int(busy[-1]) + 1 if len(busy) else 0, end - round(2.0 * self.rate_hz))
        if end - first < STEADY_S * self.rate_hz:
            return NotMeasurable("The weight was steady for less than 0.5 s at the end.")
        return float(np.median(self.weight_g[first:end]))


def glass_of(recording: Recording) -> Glass:
    """Return what a coaster's or a scale's recording shows; raise InputError where it holds no weight."""
    raw = _grams(recording)
    good = np.isfinite(raw.values[:, 0])
    span_s = float(raw.t_s[-1] - raw.t_s[0]) if len(raw.t_s) else 0.0
    if not np.any(good) or span_s < SHORTEST_S:
        raise InputError(
            f"The recording holds {int(good.sum())} weights in {span_s:.1f} s; 0.5 s are needed. Probably it "
            "was stopped right after its start or the scale was not connected. Record the whole pour again."
        )
    if not np.any(raw.values[good, 0] != raw.values[good, 0][0]):
        raise InputError(
            "The weight stays the same in the whole recording. Probably the scale was not connected or "
            "nothing was poured. Check the cable, record again."
        )
    own_hz = 1.0 / period_s(raw)
    wanted_hz = min(max(own_hz, RATE_LIMITS_HZ[0]), RATE_LIMITS_HZ[1])
    load_n, rate_hz, t0_s = table(recording, "coaster", wanted_hz if wanted_hz != own_hz else None)
    events = segment_coaster(load_n, rate_hz)
    events["t_s"] += t0_s
    events["t_known_s"] += t0_s
    events = events[np.argsort(events["t_s"], kind="stable")]
    hold_last(load_n[:, 0], np.flatnonzero(~np.isfinite(load_n[:, 0])))
    weight_g = load_n[:, 0].astype(np.float64) / N_PER_G
    if len(weight_g) >= 5:  # wrong conversions fall out: single ones, and two of a fast converter
        reach = 2 if rate_hz >= FAST_HZ else 1
        inner = np.median(np.lib.stride_tricks.sliding_window_view(weight_g, 2 * reach + 1), axis=1)
        here = weight_g[reach:-reach]
        lone = np.abs(here - inner) > SPIKE_G
        lone &= np.abs(weight_g[2 * reach :] - weight_g[: -2 * reach]) < SPIKE_G
        here[lone] = inner[lone]
    kept = RecordedStream(raw.name, raw.columns, raw.t_s[good], raw.values[good], raw.rate_hz)
    lost = tuple((float(a), float(b)) for a, b in gaps(kept))
    return Glass(raw, weight_g, rate_hz, t0_s, own_hz, events, lost)


def _grams(recording: Recording) -> RecordedStream:
    """Return the recorded weight as a stream in grams."""
    if "coaster/load" in recording.streams:
        load = recording.streams["coaster/load"]
        grams = load.values[:, load.columns.index("load_n")].astype(np.float64) / N_PER_G
        return RecordedStream(
            load.name, ("weight_g",), load.t_s, grams[:, None].astype(np.float32), load.rate_hz
        )
    stream = recording.streams.get("weight")
    if stream is None or "weight_g" not in stream.columns:
        raise InputError(
            f"The recording holds no weight (streams: {', '.join(recording.streams) or 'none'}). Probably "
            "another kind was imported. Import it with --columns t_s,weight_g."
        )
    column = stream.columns.index("weight_g")
    return RecordedStream(stream.name, ("weight_g",), stream.t_s, stream.values[:, [column]], stream.rate_hz)
