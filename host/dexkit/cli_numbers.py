"""Numbers on the command line: what is typed is a number, and an ordinary one."""

import math

import typer


def ordinary(value: float | None) -> float | None:
    """Return an option's number; raise typer.BadParameter where it is infinite or none at all.

    Parameters
    ----------
    value
        As typed; None where it was not.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no number that can be worked with")
    return value
