"""The guided calibration in a terminal: one step at a time, what to do, what was seen, what can be typed."""

import sys
from collections.abc import Callable

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dexkit.bench.guide import BACK, LEAVE, TAKE, View
from dexkit.bench.steps import CELL_WORDS, Step
from dexkit.errors import InputError

#: A panel wider than this is hard to read; a lower one has no room for blank lines.
WIDEST, ROOMY = 100, 28
#: What each line of the past takes from a high terminal, and what the rest needs.
PAST_ROWS, PRESENT_ROWS = 20, 24
#: A step that nobody is there for is not tried more often than this.
TRIES = 3
KEYS = ((" Enter ", "take it"), (" b Enter ", "back one step"), (" q Enter ", "leave"))
LOADED = "│       │\n│  ▄▄▄  │\n└───────┘\n▔▔▔▔▔▔▔▔▔▔▔"
EMPTY = "│       │\n│       │\n└───────┘\n▔▔▔▔▔▔▔▔▔▔▔"
#: A cup in its block, by the axis that looks up.
UPRIGHT = "  │       │   ▲ +z\n┃ │       │ ┃ │\n┃ └───────┘ ┃\n┗━━━━━━━━━━━┛"
UPSIDE_DOWN = "  ┌───────┐   ▲ -z\n┃ │       │ ┃ │\n┃ │       │ ┃\n┗━━━━━━━━━━━┛"
ON_ITS_SIDE = "  ┌─────────  ▲ {}\n┃ │         ┃ │\n┃ └──────── ┃\n┗━━━━━━━━━━━┛"
WALK = "    ▼ ▲\n ◯  ◯  ◯  ◯  ◯"


def picture(step: Step) -> str:
    """Return a step as a small drawing."""
    if step.kind == "walk":
        return WALK
    if step.kind == "position":
        axis = next(at for at, part in enumerate(step.up) if part)
        if axis == 2:
            return UPRIGHT if step.up[axis] > 0 else UPSIDE_DOWN
        return ON_ITS_SIDE.format(f"{'+' if step.up[axis] > 0 else '-'}{'xyz'[axis]}")
    return LOADED if step.mass or step.pegs else EMPTY


def drawn(view: View, width: int, height: int) -> RenderableType:
    """Return a view as it is drawn in a terminal of this size.

    Parameters
    ----------
    view
        What is to be seen.
    width, height
        Of the terminal.
    """
    run = view.run
    blank = [Text("")] if height >= ROOMY else []
    title = f"dexkit · calibrate {run.hello.object_kind.replace('_', ' ')} · board {run.hello.uid[-4:]}"
    step = run.current
    parts: list[RenderableType] = [_parts(view), *blank]
    if step is None:
        parts.append(Text("All steps are done.", style="bold green"))
    else:
        head = Text.assemble((f"Step {run.at + 1} of {len(run.steps)}", "dim"), "  ", (step.title, "bold"))
        grid = Table.grid(expand=True, padding=(0, 2))
        grid.add_column(ratio=3)
        grid.add_column(ratio=2, no_wrap=True)
        grid.add_row(Text(step.do, style="bold cyan"), Text(picture(step), style="dim"))
        parts += [head, *blank, Text(""), grid]
    parts += [*blank, Text("")]
    if view.share is not None:
        parts += _capturing(view, step)
    elif view.refused:
        parts.append(Text(f"Not taken. {view.refused}", style="yellow"))
    elif view.said:
        parts.append(Text(f"✔ {view.said}", style="green"))
    if view.share is None and step is not None:
        keys = Text()
        for key, word in KEYS:
            keys.append_text(Text.assemble((key, "reverse"), f" {word}   "))
        parts += [*blank, Text(""), keys]
    if past := view.past[-max(0, min(PAST_ROWS, height - PRESENT_ROWS)) :] if blank else []:
        rows = Table.grid(padding=(0, 2))
        for name, said in past:
            rows.add_row(Text(f"✔ {name}", style="green"), Text(said, style="dim"))
        parts += [*blank, Rule(style="dim"), rows]
    panel = Panel(Group(*parts), title=title, width=min(width, WIDEST), padding=(0, 2))
    return Align.center(panel)


def _parts(view: View) -> RenderableType:
    """Return the parts of the calibration, and how far each is."""
    line = Text()
    names = list(dict.fromkeys(step.part for step in view.run.steps))
    for name in names:
        places = [at for at, step in enumerate(view.run.steps) if step.part == name]
        done = sum(at < view.run.at for at in places)
        here = view.run.at in places
        mark, style = ("✔", "green") if done == len(places) else ("▸", "bold") if here else ("·", "dim")
        line.append(f"{mark} {name} {done}/{len(places)}", style=style)
        line.append("    " if name != names[-1] else "")
    return line


def _capturing(view: View, step: Step | None) -> list[RenderableType]:
    """Return how far a capture is, and what the sensors say meanwhile."""
    walk = step is not None and step.kind == "walk"
    if walk and step is not None:
        share, words = view.done / len(step.places), f"{view.done} of {len(step.places)} done"
    else:
        share, words = view.share or 0.0, "hands off"
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(words, style="bold"), ProgressBar(total=1.0, completed=min(share, 1.0), width=36))
    cells = {column: value for column, value in view.readings.items() if column in CELL_WORDS}
    said = [f"{CELL_WORDS[column]} {value:.3f} N" for column, value in cells.items()]
    if {"ax_ms2", "ay_ms2", "az_ms2"} <= view.readings.keys():
        said.append("up " + " ".join(f"{view.readings[f'a{axis}_ms2']:+.2f}" for axis in "xyz") + " m/s²")
    return [grid, Text("   ".join(said), style="dim")]


class Terminal:
    """Shows a calibration and takes what is typed.

    Parameters
    ----------
    console
        Where to draw.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None

    def show(self, view: View) -> None:
        """Show a view while a capture runs, or the end.

        Parameters
        ----------
        view
            What is to be seen.
        """
        if view.share is None:
            self.close()
            self._still(view)
            return
        if self._live is None:
            self._console.clear()
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(drawn(view, *self._console.size), refresh=True)

    def ask(self, view: View) -> str:
        """Show a step, and return what is wanted.

        Parameters
        ----------
        view
            What is to be seen.
        """
        self.close()
        self._still(view)
        try:
            typed = self._console.input("").strip().lower()
        except EOFError:
            return LEAVE
        return BACK if typed.startswith("b") else LEAVE if typed.startswith("q") else TAKE

    def close(self) -> None:
        """Let the terminal go on after what was shown, its cursor seen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _still(self, view: View) -> None:
        self._console.clear()
        self._console.print(drawn(view, *self._console.size))


class Lines:
    """Tells each step in a line and goes on by itself: for virtual objects, which arrange themselves.

    Parameters
    ----------
    tell
        Takes a line.
    """

    def __init__(self, tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> None:
        self._tell = tell
        self._tries = 0
        self._at = -1

    def show(self, view: View) -> None:
        """Show nothing while a capture runs.

        Parameters
        ----------
        view
            What is to be seen.
        """
        if view.share is None and view.said:
            self._tell(f"  {view.said}")

    def ask(self, view: View) -> str:
        """Tell a step, and return that it is to be taken.

        Parameters
        ----------
        view
            What is to be seen.

        Raises
        ------
        InputError
            When it was refused too often.
        """
        run = view.run
        self._tries = self._tries + 1 if run.at == self._at else 1
        self._at = run.at
        if self._tries > TRIES:
            raise InputError(view.refused)
        if view.said:
            self._tell(f"  {view.said}")
        if view.refused:
            self._tell(f"  not taken: {view.refused}")
        if run.current is not None:
            self._tell(f"{run.at + 1}/{len(run.steps)} {run.current.title}: {run.current.do}")
        return TAKE

    def close(self) -> None:
        """Do nothing: lines take nothing."""
