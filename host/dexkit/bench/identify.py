"""What is on a board at its prompt, in words: a dexkit of some age, another program, nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import dexkit
from dexkit.bench.mpremote import Board

#: The oldest MicroPython that was tried.
OLDEST = (1, 24)
#: What MicroPython says of every board with the processor that the bytecode is for.
PROCESSOR = "RP2040"
#: What starts by itself at power-up.
STARTS = ("boot.py", "main.py", "code.py")

#: For the board: the versions of the applications in its slots, as far as their manifests are whole.
VERSIONS = """
def versions():
    import json, slots
    found = {}
    for slot in slots.SLOTS:
        try:
            found[slot] = json.loads(slots.unseal(slots.read("/" + slot + "/manifest.json")))["version"]
        except (OSError, ValueError, KeyError):
            pass
    return found
"""


@dataclass(frozen=True)
class Found:
    """What is on a board.

    Parameters
    ----------
    interpreter, version
        Who answers at the prompt, and its version.
    compiled
        Whether it runs bytecode; a virtual board on CPython runs sources.
    machine
        What it calls the board.
    starts
        The files that start by themselves and are not dexkit's.
    has_boot_code
        Whether dexkit's boot code is there.
    slots
        Versions of the applications by slot.
    use
        The slot that is started next.
    """

    interpreter: str
    version: tuple[int, ...]
    compiled: bool
    machine: str
    starts: tuple[str, ...] = ()
    has_boot_code: bool = False
    slots: Mapping[str, str] | None = None
    use: str = ""

    @property
    def is_micropython(self) -> bool:
        """Whether it is MicroPython on a processor of ours, of any age."""
        return self.interpreter == "micropython" and (not self.compiled or PROCESSOR in self.machine)

    @property
    def is_too_old(self) -> bool:
        """Whether it is a MicroPython that was never tried."""
        return self.is_micropython and self.version < OLDEST

    @property
    def running(self) -> str:
        """Version of the dexkit that is started next; empty where there is none."""
        return (self.slots or {}).get(self.use, "")

    def words(self) -> str:
        """Say it in a few words."""
        name = {"micropython": "MicroPython", "circuitpython": "CircuitPython"}.get(
            self.interpreter, self.interpreter
        )
        under = f"{name} {'.'.join(map(str, self.version))} on {self.machine or 'an unknown board'}"
        if self.running:
            age = _age(self.running)
            ours = "" if age == "this" else f" (this is {dexkit.__version__})"
            return f"{age} dexkit, {self.running}{ours}, {under}"
        if self.has_boot_code:
            return f"a dexkit that was not finished, {under}"
        if self.starts:
            return f"another program ({', '.join(self.starts)}), {under}"
        return f"{under}, without dexkit"


def identify(board: Board) -> Found:
    """Return what is on a board.

    Parameters
    ----------
    board
        At its prompt.

    Raises
    ------
    LinkError
        When it falls silent.
    """
    board.run("import os, sys\nhere = sys.implementation")
    name, version, mpy, machine = board.ask(
        "(here.name, tuple(here.version)[:3], getattr(here, '_mpy', 0), getattr(here, '_machine', ''))"
    )
    there = board.ask("os.listdir('/')")
    is_ours = "slots.py" in there
    starts = tuple(file for file in STARTS if file in there and not is_ours)
    found = Found(str(name), tuple(version), bool(mpy), str(machine), starts, is_ours)
    if not is_ours or not found.is_micropython or found.is_too_old:
        return found
    board.run(f"import slots\n{VERSIONS}")
    versions, use = board.ask("(versions(), slots.state()['use'])")
    return replace(found, slots=dict(versions), use=str(use))


def _age(version: str) -> str:
    """Return how a version stands to this one."""
    theirs, ours = _numbers(version), _numbers(dexkit.__version__)
    return "this" if theirs == ours else "an older" if theirs < ours else "a newer"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
