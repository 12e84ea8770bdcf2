"""The monitor's screen: draws what `draw` says, only where it changed, and hands keys on."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer

from dexkit.bench.monitor.draw import Memory, difference, draw
from dexkit.bench.monitor.history import BIN_S
from dexkit.bench.monitor.model import Monitor
from dexkit.bench.monitor.panel import Row
from dexkit.errors import DexkitError, InputError
from dexkit.link.connection import Connections
from dexkit.link.ports import Plug

BACKGROUND = "#101418"
STYLES = {
    name: Style.parse(f"{style} on {BACKGROUND}")
    for name, style in {
        "": "#d0d6dc",
        "title": "bold #7fb4d8",
        "dim": "#7d8894",
        "name": "#d0d6dc",
        "number": "bold #ffffff",
        "key": "#7fb4d8",
        "rule": "#46515c",
        "chosen": "bold #7fd0ff",
        "good": "#7fce8d",
        "warn": "#f0c060",
        "bad": "bold #ff7f70",
        "event": "#7fd0ff",
        "load": "#7fd0ff",
        "motion": "#8fd694",
        "turning": "#d9a0e8",
        "contact": "#f0c060",
    }.items()
}


class Canvas(Widget):
    """Rows of styled text; only what changed is sent to the terminal.

    Parameters
    ----------
    draw
        Returns the rows for a width and a height.
    """

    def __init__(self, draw: Callable[[int, int], list[Row]]) -> None:
        super().__init__()
        self._draw = draw
        self._rows: list[Row] = []
        self._strips: list[Strip] = []

    def picture(self) -> None:
        """Draw what changed."""
        width, height = self.size
        if not width or not height:
            return
        before, self._rows = self._rows, self._draw(width, height)
        if len(before) != height:
            self._strips = [_strip(row) for row in self._rows]
            self.refresh()
            return
        changed = []
        for y, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            if old != new:
                self._strips[y] = _strip(new)
                first, end = difference(old, new)
                changed.append(Region(first, y, end - first, 1))
        if changed:
            self.refresh(*changed)

    def on_resize(self) -> None:
        """Draw anew in another size."""
        self.picture()

    def render_line(self, y: int) -> Strip:
        """Return a line as Textual wants it."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, STYLES[""])


def _strip(row: Row) -> Strip:
    return Strip([Segment(text, STYLES[style]) for text, style in row], sum(len(text) for text, _ in row))


class MonitorApp(App[DexkitError | None]):
    """The monitor in a terminal.

    Parameters
    ----------
    links
        Open connections; they stay the caller's.
    paced
        Whether a picture follows the other by itself; else `picture` makes each.
    """

    CSS = f"Screen, Canvas {{ background: {BACKGROUND}; }} Canvas {{ height: 1fr; }}"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "dexkit monitor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "following(1)", "Next board", priority=True),
        Binding("shift+tab", "following(-1)", show=False, priority=True),
        Binding("t", "tare", "Tare"),
        Binding("T,shift+t", "untare", "Untare", key_display="T"),
        Binding("l", "identify", "Lights"),
        Binding("g", "guide", "Guide"),
        Binding("space", "freeze", "Freeze"),
        Binding("q,ctrl+c", "quit", "Quit", key_display="q"),
        *(Binding(str(number), f"choose({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(self, links: Connections, *, paced: bool = True) -> None:
        super().__init__()
        self.monitor = Monitor(links)
        self._paced = paced

    def compose(self) -> ComposeResult:
        """Make the parts of the screen."""
        memory: Memory = {}
        yield Canvas(lambda width, height: draw(self.monitor.shown, width, height, memory))
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to draw; end in order when the terminal is closed or the program is told to end."""
        for name in ("SIGTERM", "SIGHUP"):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError, RuntimeError):
                asyncio.get_running_loop().add_signal_handler(getattr(signal, name), self.exit)
        if self._paced:
            self.set_interval(BIN_S, self.picture)

    def picture(self) -> None:
        """Take what has come and draw what changed."""
        try:
            self.monitor.advance()
        except DexkitError as error:
            self.exit(error)
            return
        self.redraw()

    def redraw(self) -> None:
        """Draw what changed."""
        self.query_one(Canvas).picture()

    def action_following(self, step: int) -> None:
        """Choose the next board."""
        self.monitor.choose(self.monitor.shown.chosen + step)
        self.redraw()

    def action_choose(self, number: int) -> None:
        """Choose a board by its number from 1."""
        if number <= len(self.monitor.shown.boards):
            self.monitor.choose(number - 1)
            self.redraw()

    def action_tare(self) -> None:
        """Take the zero."""
        self.monitor.tare()

    def action_untare(self) -> None:
        """Take the zero back."""
        self.monitor.untare()

    def action_identify(self) -> None:
        """Let the board blink."""
        self.monitor.identify()

    def action_guide(self) -> None:
        """Light the next place."""
        self.monitor.guide()

    def action_freeze(self) -> None:
        """Hold the picture, or let it go on."""
        self.monitor.freeze()
        self.redraw()


def watch(plugs: Sequence[Plug]) -> None:
    """Show boards in the terminal until a person has seen enough; leave them as they were.

    Parameters
    ----------
    plugs
        Where they are.

    Raises
    ------
    InputError
        When there is no terminal.
    LinkError
        When a port cannot be opened.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError(
            "The monitor draws on a terminal, and there is none here: probably it runs in a pipe or without "
            "one. Over ssh, ask for one: ssh -t HOST dexkit monitor. To write down what comes: dexkit record"
        )
    with Connections(plugs) as links:
        app = MonitorApp(links)
        try:
            error = app.run()
        finally:
            app.monitor.end()
        if error is not None:
            raise error
