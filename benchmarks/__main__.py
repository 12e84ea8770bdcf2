"""Runs every race of this folder and prints one table.

A file of races has a function ``rows()`` that yields `race.Row`; it is found by itself.
"""

import importlib
import pkgutil
import sys

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.race import Row


def main() -> int:
    """Run the races named on the command line, or all; an output that differs from a peer's stops them."""
    wanted = sys.argv[1:]
    table = Table(
        "race", "peer", "ratio", "goal", "reached", "figure", "note", title="dexkit against its peers"
    )
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if (
            module.name in ("race", "store", "monitor", "__main__")
            or module.name.endswith("_numba")
            or (wanted and module.name not in wanted)
        ):
            continue
        races = importlib.import_module(f"benchmarks.{module.name}")
        row: Row
        for row in races.rows():
            table.add_row(
                row.what,
                row.peer,
                f"{row.ratio:.2f}",
                f"{row.goal:g}",
                "yes" if row.reached else "no",
                row.figure,
                row.note,
            )
    Console(width=160).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
