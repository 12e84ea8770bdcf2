"""A test in a terminal: a big clock, the words to say, keys; a picture beside it for who does not read."""

import codecs
import contextlib
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from dexkit.assess.screen import Screen
from dexkit.assess.speech import Speech
from dexkit.assess.words import picture

#: Digits five rows high, as bits of three columns.
DIGITS = {
    "0": (7, 5, 5, 5, 7), "1": (2, 6, 2, 2, 7), "2": (7, 1, 7, 4, 7), "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1), "5": (7, 4, 7, 1, 7), "6": (7, 4, 7, 5, 7), "7": (7, 1, 1, 1, 1),
    "8": (7, 5, 7, 5, 7), "9": (7, 5, 7, 1, 7), ".": (0, 0, 0, 0, 2), " ": (0, 0, 0, 0, 0),
}  # fmt: skip
#: How a stage is coloured.
STYLES = {"running": "bold green", "over": "bold yellow", "trouble": "bold red"}
#: A terminal has at least so many rows; all that a screen needs must fit into them.
ROWS = 24
#: Lines longer than this are hard to read.
WIDEST = 100
KEY_S = 0.05
#: What a terminal sends for arrows, function keys and the marks around what is pasted.
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)


def big(text: str, wide: bool = True) -> str:
    """Return digits as blocks, five rows high.

    Parameters
    ----------
    text
        Digits, points and blanks.
    wide
        Whether each point is two characters wide, as high as it is wide on most terminals.
    """
    block = "██" if wide else "█"
    rows = []
    for row in range(5):
        parts = []
        for char in text:
            bits = DIGITS.get(char, DIGITS[" "])[row]
            columns = (2,) if char == "." else (4, 2, 1)
            parts.append("".join(block if bits & bit else " " * len(block) for bit in columns))
        rows.append((" " * len(block)).join(parts))
    return "\n".join(rows)


def drawn(screen: Screen, width: int = 80, height: int = ROWS) -> RenderableType:
    """Return a screen as rich draws it.

    Parameters
    ----------
    screen
        What to show.
    width, height
        Of the terminal.
    """
    style = STYLES.get(screen.stage, "bold")
    blank = [Text("")] if height > ROWS else []  # a small terminal has no room for them
    parts: list[RenderableType] = [Text(screen.heading, style="bold")]
    parts += [Text(line, style=style if screen.stage in STYLES else "") for line in screen.lines]
    if screen.say and screen.stage != "result":
        parts += [*blank, Text(screen.say, style="bold cyan")]
    if screen.clock_s is not None:
        parts += [*blank, Align.center(Text(big(f"{screen.clock_s:.1f}", width >= 60), style=style)), *blank]
    if screen.counts:
        counts = "   ".join(f"{number} {word}" for word, number in screen.counts)
        parts += [Align.center(Text(counts, style="bold"))]
    parts += [Text(line, style="yellow") for line in screen.rulings[-max(height - ROWS, 2) :]]
    if screen.question:
        parts += [*blank, Text(screen.question, style="bold magenta")]
        parts += [Text(f"  {place}  {answer}") for place, answer in enumerate(screen.answers, 1)]
    if screen.results and screen.stage in ("ready", "done", "result"):
        room = len(screen.results) if screen.stage == "done" else 3 if blank else 1
        parts += [*blank, *(Text(line, style="dim") for line in screen.results[-room:])]
    inside = min(width, WIDEST) - 6
    parts += [*blank, *_rows_of_keys(screen, inside)]
    return Panel(Group(*parts), title=screen.title, width=min(width, WIDEST), padding=(0, 2))


def _rows_of_keys(screen: Screen, width: int) -> list[Text]:
    """Return the keys and what they do, as many on a row as fit."""
    rows = [Text()]
    for key in screen.keys:
        cell = Text.assemble((f" {key.key} ", "reverse"), f" {key.word}   ")
        if rows[-1] and len(rows[-1]) + len(cell.plain.rstrip()) > width:
            rows.append(Text())
        rows[-1].append_text(cell)
    return rows


class PictureFile:
    """A page beside the terminal that shows the picture of the moment, for people with aphasia.

    Parameters
    ----------
    path
        The page; it loads itself again each second.
    """

    PAGE = (
        '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="1">'
        "<title>dexkit</title><style>body{{margin:0;background:#fff}}svg{{width:100vw;height:100vh}}</style>{}"
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = ""

    def show(self, name: str) -> None:
        """Show a picture by its name; an empty name leaves the last one."""
        if name and name != self._name:
            self._name = name
            with contextlib.suppress(OSError):  # a picture is a help, never a reason to stop a test
                part = self.path.with_suffix(".part")
                part.write_text(self.PAGE.format(picture(name)), encoding="utf-8")
                part.replace(self.path)


class Terminal:
    """Shows screens live, says what is to be said, and hands keys on.

    Parameters
    ----------
    press
        Where keys go.
    speech
        A voice.
    pictures
        The page for pictures; None for none.
    console
        Where to draw; by default standard error, so that the note alone goes to standard output.
    """

    def __init__(
        self,
        press: Callable[[str], None],
        speech: Speech,
        pictures: PictureFile | None = None,
        console: Console | None = None,
    ) -> None:
        self._press, self._speech, self._pictures = press, speech, pictures
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, screen=True)
        self._said = ""
        self._wants_text = False
        self._written = ""
        self._ending = threading.Event()
        self._keys = threading.Thread(target=self._read, name="keys", daemon=True)

    def __enter__(self) -> Self:
        self._raw = _one_key_at_a_time()
        self._raw.__enter__()
        self._live.start()
        self._keys.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._keys.join()
        self._live.stop()
        self._speech.stop()
        self._raw.__exit__(kind, error, trace)

    def show(self, screen: Screen) -> None:
        """Show a screen.

        Parameters
        ----------
        screen
            What to show.
        """
        self._wants_text = screen.wants_text
        if screen.say != self._said:
            self._said = screen.say
            self._speech.say(screen.say)
        if self._pictures is not None:
            self._pictures.show(screen.picture)
        size = self._console.size
        shown = drawn(screen, size.width, size.height)
        if screen.wants_text:
            shown = Group(shown, Text(f" > {self._written}_"))
        self._live.update(shown, refresh=True)

    def _read(self) -> None:
        """Hand on each key as it is pressed; where a text is wanted, the whole line."""
        while not self._ending.is_set():
            for char in _typed(KEY_S):
                self._take(char)

    def _take(self, char: str) -> None:
        if not self._wants_text:
            self._press("space" if char == " " else char)
        elif char in "\r\n":
            text, self._written = self._written, ""
            self._press(text)
        elif char in "\x7f\b":
            self._written = self._written[:-1]
        elif char.isprintable():
            self._written += char


class Lines:
    """Shows only what comes next and what came of it: for a pipe, a file, or a run without a key."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def show(self, screen: Screen) -> None:
        """Show a screen.

        Parameters
        ----------
        screen
            What to show.
        """
        if screen.stage == "ready":
            self._line(f"{screen.title} · {screen.heading}")
        elif screen.stage == "result":
            for line in screen.lines:
                self._line(f"  {line}", again=f"{len(screen.results)}{screen.rulings}")

    def _line(self, text: str, again: str = "") -> None:
        if text + again not in self._told:
            self._told.add(text + again)
            print(text, file=sys.stderr, flush=True)


if os.name == "nt":  # pragma: no cover
    import msvcrt
    import time

    @contextlib.contextmanager
    def _one_key_at_a_time() -> Iterator[None]:
        yield

    def _typed(wait_s: float) -> str:
        if msvcrt.kbhit():  # type: ignore[attr-defined]
            return str(msvcrt.getwch())  # type: ignore[attr-defined]
        time.sleep(wait_s)
        return ""

else:
    import termios
    import tty

    @contextlib.contextmanager
    def _one_key_at_a_time() -> Iterator[None]:
        """Let keys come without Enter and without being shown; Ctrl-C still works."""
        file = sys.stdin.fileno()
        before = termios.tcgetattr(file)
        tty.setcbreak(file)
        try:
            yield
        finally:
            termios.tcsetattr(file, termios.TCSADRAIN, before)

    _letters = codecs.getincrementaldecoder("utf-8")("ignore")

    def _typed(wait_s: float) -> str:
        """Return what was typed or pasted, arrows and the like left out; nothing when none comes in time."""
        file = sys.stdin.fileno()
        ready, _, _ = select.select([file], [], [], wait_s)
        return ESCAPES.sub("", _letters.decode(os.read(file, 1024))) if ready else ""
