"""One board as lines of styled text: who it is, its traces and contacts, how it does."""

from collections.abc import Iterator, Mapping, Sequence
from math import floor
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.monitor.board import STATES, Board, Channel, StreamShown
from dexkit.bench.monitor.braille import steps, trace
from dexkit.bench.monitor.history import BIN_S, BINS

#: Text and the name of its style.
Span = tuple[str, str]
Row = list[Span]
#: Lowest and highest values.
Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]

#: A trace shows about so long.
SHOWN_S = 10.0
#: A trace is at most so many lines high, and so many characters wide.
TRACE_ROWS, TRACE_CELLS = 12, 100
#: Left of it stand its name, number and unit, right of it its limits.
LABEL_CELLS, SCALE_CELLS = 26, 11
#: A block takes so long to come; all traces end there, so that they move on in the same picture.
LAG_BINS = 3
#: A rate further off than this, as a share, is odd; one further off than that is wrong.
ODD, WRONG = 0.03, 0.1

STATE_STYLE = {
    "streaming": "good",
    "no answer": "warn",
    "ended": "dim",
    "unplugged": "bad",
    "not there": "bad",
    "refused": "bad",
}
MARKS = {"open": "○", "touched": "◔", "entered": "◐", "seated": "●", "?": "?"}
PLACE_STYLE = {"open": "dim", "touched": "event", "entered": "warn", "seated": "good", "?": "bad"}
TRACE_STYLE = {"N": "load", "m/s²": "motion", "rad/s": "turning"}


def fit(row: Sequence[Span], width: int) -> Row:
    """Return a row exactly so wide: cut, with a mark that it was, or filled up.

    Parameters
    ----------
    row
        Text and styles.
    width
        In characters.
    """
    fitted: Row = []
    left = width
    for text, style in row:
        if len(text) > left:
            rule = not text.strip("─")
            fitted.append((text[:left] if rule or not left else text[: left - 1] + "…", style))
            return [span for span in fitted if span[0]]
        fitted.append((text, style))
        left -= len(text)
    return [*fitted, (" " * left, "")] if left else fitted


def least_height(board: Board) -> int:
    """Return how many lines a board needs.

    Parameters
    ----------
    board
        It.
    """
    traces = sum(len(stream.channels) for stream in board.streams.values())
    ailing = len(board.hello.ailing) if board.hello else 0
    return max(2 + ailing + bool(board.places) + traces + 3, 7)


def panel(board: Board, place: int, is_chosen: bool, width: int, height: int, now_s: float) -> list[Row]:
    """Return a board as rows.

    Parameters
    ----------
    board
        It.
    place
        Its number from 0.
    is_chosen
        Whether the keys mean it.
    width, height
        In characters.
    now_s
        The time.
    """
    state = board.state(now_s)
    port = board.url if board.hello else ""
    ending = f" {state} ─"
    head: list[Span] = [
        ("▶ " if is_chosen else "─ ", "chosen" if is_chosen else "rule"),
        (f"{place + 1} ", "key"),
        (board.name, "chosen" if is_chosen else "name"),
        (f"  {port} ", "dim"),
    ]
    used = sum(len(text) for text, _ in head) + len(ending)
    if used > width:
        head[-1] = (f"  {port[: max(len(port) - used + width - 1, 0)]}… ", "dim")
        used = sum(len(text) for text, _ in head) + len(ending)
    head += [
        ("─" * max(width - used, 0), "rule"),
        (f" {state}", STATE_STYLE.get(state, "warn")),
        (" ─", "rule"),
    ]
    rows = [fit(head, width)]
    for reason in (board.away, board.refused):
        rows += [fit([("  ", ""), (line, "bad")], width) for line in wrap(reason, max(width - 4, 20))]
    if board.hello is not None:
        rows.append(fit(_who(board), width))
        for sensor, words in board.hello.ailing.items():
            rows.append(fit([("  ", ""), (f"{sensor}: {words}", "bad")], width))
        status = [rates(board), [("losses  ", "dim"), *losses(board)], _health(board)]
        if places := places_row(board):
            status.append(places)
        rows += [fit([("  ", ""), *row], width) for row in status]
        rows += _traces(board, width, height - len(rows), now_s)
    return (rows + [fit([], width)] * height)[:height]


def _who(board: Board) -> Row:
    assert board.hello is not None
    units = "good" if board.units.startswith("calibration") else "warn"
    return [
        (f"  firmware {board.hello.firmware}, ", "dim"),
        (board.units, units),
        (f"  {board.hello.uid}", "dim"),
        ("  on trial" if board.hello.said.get("trial") else "", "warn"),
    ]


def places_row(board: Board, *, short: bool = False) -> Row:
    """Return how each hole or button is; nothing where a board has none.

    Parameters
    ----------
    board
        It.
    short
        Marks alone, without numbers and without what they mean.
    """
    places = board.places
    row: Row = []
    for place, state in enumerate(places):
        if not short:
            guided = place == board.guided
            row.append((f"{place + 1}", "chosen" if guided else "dim"))
        row.append((MARKS[state] + ("" if short else "  "), PLACE_STYLE[state]))
    if row and not short:
        used = ["open", "touched", "entered", "seated"] if len(places) == 5 else ["open", "entered", "seated"]
        row.append(("  " + " ".join(f"{MARKS[state]} {state}" for state in used), "dim"))
    return row


def rates(board: Board, *, short: bool = False) -> Row:
    """Return the measured rate of each stream against the configured one.

    Parameters
    ----------
    board
        It.
    short
        Without the names of streams and what was configured.
    """
    row: Row = [] if short else [("rate    ", "dim")]
    for number, stream in enumerate(board.streams.values()):
        measured, wanted = stream.measured_hz, stream.rate_hz
        off = 0.0 if measured is None else abs(measured / wanted - 1.0) if wanted else 0.0
        style = "bad" if off > WRONG else "warn" if off > ODD else "number"
        if short:
            row.append((f"{'+' * bool(number)}{'-' if measured is None else f'{measured:.0f}'}", style))
        else:
            row.append((f"{stream.name.partition('/')[2]} ", "dim"))
            row.append(("-" if measured is None else f"{measured:.1f}", style))
            last = number == len(board.streams) - 1
            row.append((f" of {wanted:g}" + ("" if last else "   "), "dim"))
    return [*row, (" Hz", "dim")]


def losses(board: Board) -> Row:
    """Return what was lost or damaged, or that nothing was.

    Parameters
    ----------
    board
        It.
    """
    counts = board.counts
    numbers = (
        ("bad", counts.gaps, "gap", "gaps"),
        ("bad", counts.gone, "block gone", "blocks gone"),
        ("bad", board.samples_lost, "sample lost", "samples lost"),
        ("warn", counts.bad, "damaged frame", "damaged frames"),
        ("warn", board.since("resent_blocks"), "block resent", "blocks resent"),
        ("warn", board.since("short_writes"), "short write", "short writes"),
        ("warn", max(counts.boots - 1, 0), "restart", "restarts"),
    )
    found = [(f"{n} {one if n == 1 else many}", style) for style, n, one, many in numbers if n]
    if not any(style == "bad" for _, style in found):
        found.insert(0, ("nothing lost", "good"))
    row: Row = []
    for text, style in found:
        row += [(", ", "dim"), (text, style)]
    return row[1:]


def _health(board: Board) -> Row:
    """Return clock, load and memory."""
    clock, beat = board.clock, board.beat
    row: Row = [("clock   ", "dim")]
    if clock is None:
        row.append(("not known yet", "warn"))
    else:
        off = f"{round(clock.ppm):+d} ppm" if clock.probes >= 8 else "rate not known yet"
        row.append((f"{off}, ±{1e3 * clock.residual_s:.2f} ms", "number"))
        row.append((f", answers in {1e3 * clock.min_round_trip_s:.1f} ms", "dim"))
        if clock.leaps:
            row.append((f", leapt {clock.leaps} times", "warn"))
    if "busy_permille" in beat:
        busy = beat["busy_permille"] / 10
        style = "bad" if busy > 90 else "warn" if busy > 75 else "number"
        row += [("   busy ", "dim"), (f"{busy:.0f} %", style)]
    if beat.get("free_bytes"):
        free = beat["free_bytes"] / 1000
        row += [("   free ", "dim"), (f"{free:.0f} kB", "bad" if free < 10 else "number")]
    return row


def scale_of(width: int) -> tuple[int, int]:
    """Return how many dots a trace has across, and how many bins each stands for.

    Parameters
    ----------
    width
        Of the panel, in characters.
    """
    across = max(2 * min(width - LABEL_CELLS - SCALE_CELLS, TRACE_CELLS), 0)
    bins_a_dot = max(round(SHOWN_S / BIN_S / max(across, 1)), 1)
    return min(across, BINS // bins_a_dot // 2 * 2), bins_a_dot


def moment(board: Board, width: int, now_s: float) -> tuple[object, ...]:
    """Return what tells one picture of a board from the one before: between two dots only contacts and state.

    Parameters
    ----------
    board
        It.
    width
        Of the panel, in characters.
    now_s
        The time.
    """
    dot = (floor(now_s / BIN_S) - LAG_BINS + 1) // scale_of(width)[1]
    return dot, board.state(now_s), tuple(board.places), board.guided, tuple(board.zeros.items())


def _traces(board: Board, width: int, height: int, now_s: float) -> list[Row]:
    """Return the traces, each as high as there is room; those of contacts only where it is plenty."""
    found = [(stream, channel) for stream in board.streams.values() for channel in stream.channels]
    last_bin = floor(now_s / BIN_S) - LAG_BINS
    dots, bins_a_dot = scale_of(width)
    if not dots:
        return []
    spans = {
        name: stream.history.bounds(last_bin, dots, bins_a_dot) for name, stream in board.streams.items()
    }
    rows: list[Row] = []
    if board.places and height >= len(board.places) + 2 * len(found):
        rows += [_place_trace(board, place, spans, width) for place in range(len(board.places))]
    each, more = divmod(max(height - len(rows), 0), max(len(found), 1))
    for number, (stream, channel) in enumerate(found):
        high = min(max(each + (number < more), 1), TRACE_ROWS)
        low_values, high_values = spans[stream.name]
        span = low_values[channel.column], high_values[channel.column]
        rows += _trace(board, stream, channel, span, width, high)
    return rows[:height]


def _place_trace(board: Board, place: int, spans: Mapping[str, Bounds], width: int) -> Row:
    """Return the trace of a hole or button: open, touched, entered, seated are four dots of height."""
    low = high = np.zeros(1, np.float32)
    for level, word in enumerate(STATES, 1):
        if word in board.contacts[place]:
            name, column = board.contacts[place][word]
            low = np.maximum(low, level * spans[name][0][column])
            high = np.maximum(high, level * spans[name][1][column])
    label, state = f"{board.place_word} {place + 1}", board.places[place]
    style = "dim" if board.away else PLACE_STYLE[state]
    return fit(
        [
            (f"  {label:<9}", "chosen" if place == board.guided else "name"),
            (f"{state:>8}" + " " * (LABEL_CELLS - 19), style),
            (steps(low.tobytes(), high.tobytes(), len(STATES)), "contact"),
        ],
        width,
    )


def value_of(board: Board, stream: StreamShown, channel: Channel, fewer: int = 0) -> str:
    """Return what a channel shows now, against its zero; ``none`` where nothing is measured.

    Parameters
    ----------
    board, stream, channel
        Which.
    fewer
        How many decimals to leave out.
    """
    value = float(stream.means[channel.column]) - board.zeros.get(channel.name, 0.0)
    decimals = channel.unit.decimals - fewer
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if np.isfinite(value) else "none"


def _trace(
    board: Board, stream: StreamShown, channel: Channel, span: Bounds, width: int, rows: int
) -> Iterator[Row]:
    """Yield the rows of one trace: name, number and unit, curve, its limits."""
    zero = board.zeros.get(channel.name)
    number = value_of(board, stream, channel)
    label: Row = [
        (f"  {channel.label:<8}", "name"),
        ("Δ" if zero is not None else " ", "warn"),
        (f"{number:>8} ", "bad" if number == "none" else "number"),
        (f"{channel.unit.sign:<6}", "dim"),
    ]
    low, high = span[0].tobytes(), span[1].tobytes()
    lines, ends = trace(low, high, zero or 0.0, channel.unit.span, rows)
    bottom, top = (f"{ends[0]:g}", f"{ends[1]:g}") if ends else ("", "")
    style = "dim" if board.away else TRACE_STYLE[channel.unit.sign]
    for row, line in enumerate(lines):
        scale = (
            f"{bottom}..{top}"
            if ends and rows == 1
            else top
            if row == 0
            else bottom
            if row == rows - 1
            else ""
        )
        head = label if row == (rows - 1) // 2 else [(" " * LABEL_CELLS, "")]
        yield fit([*head, (line, style), (f" {scale}", "dim")], width)
