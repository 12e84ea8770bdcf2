"""A recording's curves with its events drawn on them, as one SVG picture that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from dexkit.score.scored import Band, Scored, Trace
from dexkit.segment.words import EVENT_WORDS, WARNING_KINDS

WIDTH = 1200
LEFT, RIGHT = 192, 12
PLOT = WIDTH - LEFT - RIGHT
CURVE_HEIGHT, ALONE_HEIGHT, ROW_HEIGHT, GAP = 104, 200, 22, 14
TOP = 24
#: Curves are drawn with at most this many columns, each from its lowest to its highest value.
COLUMNS = PLOT
#: Labels of events closer than this are left out; the line and its tooltip stay.
LABEL_GAP = 12
#: With more events than this on a curve only the first of each kind is named.
CROWDED = 12

Floats = NDArray[np.float64]


class Axis:
    """Where a time of the recording stands in the picture."""

    def __init__(self, start_s: float, end_s: float) -> None:
        self.start_s = start_s
        self.end_s = max(end_s, start_s + 1e-3)

    def x(self, t_s: float) -> float:
        """Return the place of a time, kept within the plot."""
        share = (t_s - self.start_s) / (self.end_s - self.start_s)
        return LEFT + PLOT * min(max(share, 0.0), 1.0)


def picture(scored: Scored, title: str, description: str) -> str:
    """Return the SVG of a scored recording: one plot for each curve, one row for each contact."""
    traces = [trace for trace in scored.traces if len(trace.y)]
    if not traces:
        return ""
    spans = [_span(trace) for trace in traces]
    axis = Axis(min(first for first, _ in spans), max(last for _, last in spans))
    alone = sum(not trace.levels for trace in traces) == 1
    height = ALONE_HEIGHT if alone else CURVE_HEIGHT
    heights = [ROW_HEIGHT if trace.levels else height for trace in traces]
    total = TOP + sum(heights) + GAP * (len(traces) - sum(bool(t.levels) for t in traces)) + 44
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {total:g}" role="img" aria-labelledby="t d" class="traces">',
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc>',
    ]
    bottom = total - 40
    parts += _bands(scored.bands, axis, bottom)
    y = float(TOP)
    for trace in traces:
        if trace.levels:
            parts += _row(trace, scored, axis, y)
            y += ROW_HEIGHT
        else:
            parts += _curve(trace, scored, axis, y, height)
            y += height + GAP
    parts += _time(axis, bottom)
    parts.append("</svg>")
    return "".join(parts)


def _span(trace: Trace) -> tuple[float, float]:
    if isinstance(trace.t_s, tuple):
        first, rate_hz = trace.t_s
        return first, first + (len(trace.y) - 1) / rate_hz
    return float(trace.t_s[0]), float(trace.t_s[-1])


def _times(trace: Trace) -> Floats:
    if isinstance(trace.t_s, tuple):
        first, rate_hz = trace.t_s
        return first + np.arange(len(trace.y)) / rate_hz
    return trace.t_s


def _columns(trace: Trace, axis: Axis) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return the plot's columns that hold samples, with the lowest and highest value of each."""
    y = np.asarray(trace.y, np.float64)
    t_s = _times(trace)
    good = np.isfinite(y)
    y, t_s = y[good], t_s[good]
    column = ((t_s - axis.start_s) / (axis.end_s - axis.start_s) * (COLUMNS - 1)).astype(np.int64)
    if not len(y):
        return column, y, y
    first = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    return column[first], np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)


def _limits(low: Floats, high: Floats) -> tuple[float, float]:
    """Return the range to draw, without rare wrong conversions: what 99.5 % of the columns lie in."""
    bottom, top = float(np.quantile(low, 0.005)), float(np.quantile(high, 0.995))
    margin = 0.06 * (top - bottom) or max(1.0, 0.06 * abs(top))
    return bottom - margin, top + margin


def _curve(trace: Trace, scored: Scored, axis: Axis, y0: float, height: float) -> Iterator[str]:
    """Yield one plot: frame, scale, curve, events."""
    column, low, high = _columns(trace, axis)
    yield f'<rect x="{LEFT}" y="{y0:g}" width="{PLOT}" height="{height}" class="frame"/>'
    name, _, unit = trace.name.partition(" (")
    yield f'<text x="0" y="{y0 + 16:g}" class="name">{escape(name)}</text>'
    if unit:
        yield f'<text x="0" y="{y0 + 34:g}" class="unit">{escape(unit.rstrip(")"))}</text>'
    if not len(column):
        yield f'<text x="{LEFT + 10}" y="{y0 + 50:g}" class="unit">not measured</text>'
        return
    bottom, top = _limits(low, high)
    scale = height / (top - bottom)
    for tick in _ticks(bottom, top, 3):
        y = y0 + (top - tick) * scale
        yield f'<line x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="tick end">{tick:g}</text>'
    lowest = np.clip(y0 + (top - low) * scale, y0, y0 + height)
    highest = np.clip(y0 + (top - high) * scale, y0, y0 + height)
    yield f'<path d="{_path(column, lowest, highest)}" class="curve"/>'
    yield from _marks(trace, scored, axis, y0, height)


def _path(column: NDArray[np.int64], low: Floats, high: Floats) -> str:
    """Return a path through each column's lowest and highest value; it breaks where columns are missing."""
    x = LEFT + column * PLOT / max(COLUMNS - 1, 1)
    # A slow recording has fewer samples than columns: only gaps well above its usual step are gaps.
    usual = float(np.median(np.diff(column))) if len(column) > 1 else 1.0
    breaks = np.diff(column, prepend=column[0]) > 4.0 * max(usual, 1.0)
    words: list[str] = []
    for at, a, b, broken in zip(x.tolist(), low.tolist(), high.tolist(), breaks.tolist(), strict=True):
        words.append(f"{'M' if broken or not words else 'L'}{at:.0f} {a:.1f}")
        if abs(a - b) >= 0.5:
            words.append(f"V{b:.1f}")
    return "".join(words)


def events_of(trace: Trace, scored: Scored) -> list[tuple[float, str]]:
    """Return time and kind of the events that belong to a curve."""
    return [
        (float(row["t_s"]), str(row["kind"]))
        for row in scored.events
        if row["kind"] in trace.kinds and (trace.channel is None or row["channel"] == trace.channel)
    ]


def _marks(trace: Trace, scored: Scored, axis: Axis, y0: float, height: float) -> Iterator[str]:
    """Yield a line for each event across its plot, with its name where there is room."""
    free_x = -1e9
    events = events_of(trace, scored)
    named: set[str] = set()
    for t_s, kind in events:
        x, word = axis.x(t_s), EVENT_WORDS.get(kind, kind)
        style = "warn" if kind in WARNING_KINDS else "mark"
        yield f'<g class="{style}"><title>{escape(word)}, {t_s:.2f} s</title>'
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y0:g}" y2="{y0 + height:g}"/>'
        if x - free_x >= LABEL_GAP and not (len(events) > CROWDED and kind in named):
            named.add(kind)
            at = x + 5 if x < LEFT + PLOT - 14 else x - 14
            turned = f'x="{at:.1f}" y="{y0 + 4:g}" transform="rotate(90 {at:.1f} {y0 + 4:g})"'
            yield f"<text {turned}>{escape(word)}</text>"
            free_x = x
        yield "</g>"


def _row(trace: Trace, scored: Scored, axis: Axis, y0: float) -> Iterator[str]:
    """Yield one contact as a bar whose shade is its level, with its events."""
    yield f'<text x="0" y="{y0 + 14:g}" class="name">{escape(trace.name)}</text>'
    yield f'<line x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y0 + 19:g}" y2="{y0 + 19:g}" class="grid"/>'
    t_s, level = _times(trace), np.nan_to_num(np.asarray(trace.y)).astype(np.int64)
    edges = np.flatnonzero(np.diff(level, prepend=0, append=0))
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        number = int(level[begin])
        if not number:
            continue
        start_s, end_s = float(t_s[begin]), float(t_s[min(end, len(t_s) - 1)])
        x, width = axis.x(start_s), max(axis.x(end_s) - axis.x(start_s), 0.6)
        name, style = escape(trace.levels[number - 1]), f"level{len(trace.levels) - number}"
        yield f'<rect x="{x:.1f}" y="{y0 + 3:g}" width="{width:.1f}" height="14" class="{style}">'
        yield f"<title>{name}, {start_s:.2f} s</title></rect>"
    for at_s, kind in events_of(trace, scored):
        if kind in WARNING_KINDS:
            word = EVENT_WORDS.get(kind, kind)
            yield (
                f'<g class="warn"><title>{escape(word)}, {at_s:.2f} s</title>'
                f'<text x="{axis.x(at_s):.1f}" y="{y0 + 15:g}" class="cross">×</text></g>'
            )


def _bands(bands: Sequence[Band], axis: Axis, bottom: float) -> Iterator[str]:
    """Yield the stretches behind the curves, with their names above where there is room."""
    free_x = 0.0
    named: set[str] = set()
    for number, band in enumerate(sorted(bands, key=lambda b: (b.start_s, b.end_s))):
        x1, x2 = axis.x(band.start_s), axis.x(band.end_s)
        style = f"phase{number % 2}" if band.kind == "phase" else band.kind
        yield f'<rect x="{x1:.1f}" y="{TOP}" width="{max(x2 - x1, 1):.1f}" height="{bottom - TOP:g}" '
        yield f'class="{style}"><title>{escape(band.text)}, {band.start_s:.2f} to {band.end_s:.2f} s</title>'
        yield "</rect>"
        text = band.text
        if band.kind == "phase" and x2 - x1 < 6.4 * len(text):
            text = text.rpartition(" ")[2]
        room = 6.4 * len(text)
        if x1 >= free_x and (x2 - x1 >= room if band.kind == "phase" else text not in named):
            named.add(text)
            yield f'<text x="{x1 + 2:.1f}" y="{TOP - 8}" class="band">{escape(text)}</text>'
            free_x = x1 + room + 8


def _time(axis: Axis, y: float) -> Iterator[str]:
    """Yield the time axis."""
    for tick in _ticks(axis.start_s, axis.end_s, 10):
        x = axis.x(tick)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y:g}" y2="{y + 5:g}" class="axis"/>'
        yield f'<text x="{x:.1f}" y="{y + 18:g}" class="tick mid">{tick:g}</text>'
    yield f'<text x="{LEFT + PLOT / 2:g}" y="{y + 36:g}" class="tick mid">seconds from the start</text>'


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers between two limits, about this many."""
    raw = (high - low) / about
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= raw)
    return [
        round(float(k * step), 10) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)
    ]
