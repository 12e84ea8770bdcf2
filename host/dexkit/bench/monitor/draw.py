"""What is shown as lines of styled text, for a screen of any size: pure, so that a test can read it.

A screen that has room shows every board; a smaller one shows the chosen board, and of each other one line.
"""

from collections.abc import Sequence
from textwrap import wrap

from dexkit.bench.monitor.board import Board
from dexkit.bench.monitor.model import Shown
from dexkit.bench.monitor.panel import (
    STATE_STYLE,
    Row,
    Span,
    fit,
    least_height,
    losses,
    moment,
    panel,
    places_row,
    rates,
    value_of,
)

#: A board needs so many characters across to stand beside another one.
PANEL_WIDTH = 78
#: The log has at least so many lines, its heading included, and at most so many.
LOG_LEAST, LOG_MOST = 3, 14
LOG_STYLE = {"event": "event", "warning": "warn", "trouble": "bad", "note": "dim"}


#: Panels that were drawn, with what they showed.
Memory = dict[int, tuple[object, list[Row]]]


def draw(shown: Shown, width: int, height: int, memory: Memory | None = None) -> list[Row]:
    """Return the whole screen.

    Parameters
    ----------
    shown
        What is shown.
    width, height
        Of the screen, in characters.
    memory
        For the next pictures of the same boards: panels whose traces have not moved are not drawn anew.

    Returns
    -------
    rows
        As many as the screen is high, each as wide as the screen.
    """
    rows = [_title(shown, width)]
    table = _table(shown.boards, width)
    spare = height - 1 - sum(max(map(least_height, boards)) for boards in table)
    if spare < LOG_LEAST and len(shown.boards) > 1:
        others = [place for place in range(len(shown.boards)) if place != shown.chosen]
        board = shown.boards[shown.chosen]
        left = height - 1 - len(others)
        log = min(max((left - least_height(board) + LOG_LEAST) // 2, LOG_LEAST), LOG_MOST)
        rows += _panel(shown, shown.chosen, width, max(left - log, 0), memory)
        rows += [_other(shown.boards[place], place, width, shown.now_s) for place in others]
    else:
        log = min(max(spare // 3, LOG_LEAST), LOG_MOST)
        spare = max(spare - log, 0)
        place = 0
        for number, boards in enumerate(table):
            more = spare // len(table) + (number < spare % len(table))
            high = max(map(least_height, boards)) + more
            rows += _beside(shown, boards, place, width, high, memory)
            place += len(boards)
    rows += _log(shown, width, max(height - len(rows), 0))
    return (rows + [fit([], width)] * height)[:height]


def as_text(rows: Sequence[Row]) -> str:
    """Return rows as plain text.

    Parameters
    ----------
    rows
        As `draw` returns them.
    """
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows)


def difference(old: Row, new: Row) -> tuple[int, int]:
    """Return the first character in which two rows of one width differ, and the one behind the last.

    Parameters
    ----------
    old, new
        The rows.
    """
    first = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        first += len(after[0])
    end = sum(len(text) for text, _ in new)
    for before, after in zip(reversed(old), reversed(new), strict=False):
        if before != after:
            break
        end -= len(after[0])
    return first, max(end, first)


def _table(boards: Sequence[Board], width: int) -> list[Sequence[Board]]:
    """Return which boards stand side by side."""
    across = max(min(width // PANEL_WIDTH, len(boards)), 1)
    if across < len(boards):  # no row is left nearly empty
        across = -(-len(boards) // -(-len(boards) // across))
    return [boards[first : first + across] for first in range(0, len(boards), across)]


def _panel(shown: Shown, place: int, width: int, height: int, memory: Memory | None) -> list[Row]:
    """Return a board's panel, from memory where it shows the same."""
    board, is_chosen = shown.boards[place], place == shown.chosen
    key = (width, height, is_chosen, shown.frozen, moment(board, width, shown.now_s))
    if memory is not None and place in memory and memory[place][0] == key:
        return memory[place][1]
    rows = panel(board, place, is_chosen, width, height, shown.now_s)
    if memory is not None:
        memory[place] = key, rows
    return rows


def _beside(
    shown: Shown, boards: Sequence[Board], first: int, width: int, height: int, memory: Memory | None
) -> list[Row]:
    """Return panels side by side."""
    wide = (width - 2 * (len(boards) - 1)) // len(boards)
    rows: list[Row] = [[] for _ in range(height)]
    for place in range(len(boards)):
        if place:
            rows = [[*row, ("  ", "")] for row in rows]
        last = place == len(boards) - 1
        mine = width - place * (wide + 2) if last else wide
        drawn = _panel(shown, first + place, mine, height, memory)
        rows = [[*row, *part] for row, part in zip(rows, drawn, strict=True)]
    return rows


def _title(shown: Shown, width: int) -> Row:
    seconds = int(max(shown.now_s, 0.0))
    time = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    row: list[Span] = [(" dexkit monitor ", "title"), (f"  {time}", "dim")]
    if shown.frozen:
        row.append(("  held: the boards go on, this picture does not (space) ", "warn"))
    away = [board for board in shown.boards if board.away or board.refused]
    if away:
        row.append((f"  {len(away)} of {len(shown.boards)} boards cannot be used", "bad"))
    return fit(row, width)


def _other(board: Board, place: int, width: int, now_s: float) -> Row:
    """Return a board in one line."""
    state = board.state(now_s)
    row: list[Span] = [
        (f" {place + 1} ", "key"),
        (f"{board.name:<13.26} ", "name"),
        (f"{state:<12} ", STATE_STYLE.get(state, "warn")),
    ]
    if board.away or board.refused:
        return fit([*row, (board.away or board.refused, "bad")], width)
    if board.hello is not None:
        if board.hello.ailing:
            row.append((f"{', '.join(board.hello.ailing)} ailing  ", "bad"))
        short = rates(board, short=True)
        row += [*short, (" " * (16 - sum(len(text) for text, _ in short)), "")]
        words, style = losses(board)[0]
        row += [(f"{words:<14}", style), *places_row(board, short=True)]
        for stream in board.streams.values():
            forces = [channel for channel in stream.channels if channel.unit.sign == "N"]
            for channel in forces:
                row.append((f"  {channel.label} {value_of(board, stream, channel, 1)} N", "number"))
    return fit(row, width)


def _log(shown: Shown, width: int, height: int) -> list[Row]:
    """Return the newest lines of the log, the newest last."""
    rows: list[Row] = []
    for line in reversed(shown.log):
        if len(rows) >= height - 1:
            break
        seconds = int(line.t_s)
        time = f"{seconds // 60:3d}:{seconds % 60:02d}.{int(10 * line.t_s) % 10}"
        head: list[Span] = [(f" {time}  ", "dim"), (f"{line.who:<13.13} ", "name")]
        indent = sum(len(text) for text, _ in head)
        room = max(width - indent, 20)
        parts = [line.words] if len(line.words) <= room else wrap(line.words, room)
        style = LOG_STYLE[line.level]
        block = [fit([*head, (parts[0], style)], width)]
        block += [fit([(" " * indent, ""), (part, style)], width) for part in parts[1:]]
        rows = block + rows
    heading = fit([("─ ", "rule"), ("events ", "name"), ("─" * width, "rule")], width)
    kept = rows[max(len(rows) - height + 1, 0) :]
    return [heading, *kept][:height]
