"""Faults that an engineer must find, planted; healthy kits, which raise none: `python -m tests.faults`."""

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dexkit.bench.doctor import examine
from dexkit.bench.lights import AMBER, RED
from dexkit.sim.protocol_sim import switch_off
from tests.bench_computer import Computer
from tests.bench_kit import NOW, Kit

KINDS = ("cup", "coaster", "button_board", "pegboard")


@dataclass(frozen=True)
class Fault:
    """One fault: how it is planted, and what must be said of it.

    `find`: plants it and returns the lines. `check`, `of`: of the line that names it. `remedy`: a word of it.
    """

    name: str
    where: str
    find: Callable
    check: str
    of: str
    remedy: str
    command: str = "selftest"


def chip(kind, fault, seed=11, **more):
    return lambda: Kit(kind, seed, fault=fault).test(**more).lights


def changed(kind, change, seed=11, calibrated=False, **more):
    """Return who tests a kit whose chips were changed by `change(chips)`."""

    def find():
        kit = Kit(kind, seed, calibrated=calibrated)
        change(kit.board.chips)
        return kit.test(**more).lights

    return find


def dead(chips):
    chips["foot"].gain_error, chips["foot"].noise_n = -1.0, 0.003  # the bridge is dead, its converter lives


def swapped(chips):
    foot, inner = chips["foot"], chips["inner"]
    foot.feed, inner.feed = inner.feed, foot.feed


def crossed(chips):
    """Exchange the wires of entry 2 and seated 2."""
    entry, seated = chips["entry"].contacts, chips["seated"].contacts
    entry.columns[2], seated.columns[2] = seated.columns[2], entry.columns[2]


def drifting(name, n_min):
    def change(chips):
        chips[name].drift_n_s = n_min / 60.0

    return change


def noisy(chips):
    chips["plate"].noise_n = 0.03


def contact(name, pin, fault):
    def change(chips):
        chips[name].contact_faults[pin] = fault

    return change


def creeping():
    """Test a coaster each day for a week while its zero creeps: the alarm comes before the budget is used."""
    kit = Kit("coaster", 12, calibrated=True)
    for day in range(8):
        kit.board.chips["plate"].offset_n = 0.0003 * day
        test = kit.test(8.0, now=NOW + timedelta(days=day))
    return test.lights


def pressed_n(t_s):
    """Return what a hand adds that rests on the object for 15 s of the minute: 150 g."""
    return 1.5 * ((t_s > 22.0) & (t_s < 37.0))


def swinging_n(t_s):
    """Return what a cell says that swings by 5 g, as in a draught."""
    return 0.05 * np.sin(2.0 * np.pi * t_s / 23.0)


def disturbed(by_n):
    def find():
        kit = Kit("coaster", 11)
        kit.world.disturbed_n = by_n
        return kit.test(60.0).lights

    return find


def of_another():
    kit = Kit("pegboard", 13)
    kit.write("calibration", {"uid": "0011223344556677", "id": "abcdefabcdef"})
    return kit.test(8.0).lights


def lost():
    """Test a calibrated kit, then again without its file."""
    kit = Kit("coaster", 14, calibrated=True)
    kit.test(8.0)
    (kit.board.flash / "calibration").unlink()
    return kit.test(8.0).lights


def turned(chips):
    chips["motion"].feed.columns[2], chips["motion"].feed.columns[0] = (
        chips["motion"].feed.columns[0],
        chips["motion"].feed.columns[2],
    )


def on_computer(**said):
    def find():
        with tempfile.TemporaryDirectory() as folder:
            return [finding.light for finding in examine(Computer(Path(folder), **said).machine())]

    return find


# fmt: off
FAULTS = (
    Fault("dead cell", "cup's foot says nothing", changed("cup", dead), "channels", "foot_n", "dead"),
    Fault("dead cell", "tray's converter sticks", chip("pegboard", "tray:stuck"), "sensor", "tray", "change"),
    Fault("dead cell", "panel's chip is gone", chip("button_board", "panel:missing"), "sensor", "panel",
          "plug"),
    Fault("dead cell", "plate gives no reading", chip("coaster", "plate:never_ready"), "sensor", "plate",
          "DRDY"),
    Fault("dead motion sensor", "cup's sticks", chip("cup", "motion:stuck"), "sensor", "motion",
          "off and on"),
    Fault("swapped channels", "foot and inner cell", changed("cup", swapped), "channels", "foot_n, inner_n",
          "exchange their plugs"),
    Fault("swapped channels", "entry 2 and seated 2", changed("pegboard", crossed, walk=True), "channels",
          "entry_2, seated_2", "exchange their wires"),
    Fault("turned sensor", "z lies across", changed("cup", turned), "tilt", "ax ay az", "mounted turned"),
    Fault("wrong address", "plate at the next one", chip("coaster", "plate:moved"), "sensor", "plate",
          "address"),
    Fault("strapped rate", "tray at half its rate", chip("pegboard", "tray:slow"), "rate", "tray",
          "strapped"),
    Fault("strapped rate", "inner at half its rate", chip("cup", "inner:slow"), "rate", "inner", "strapped"),
    Fault("saturated amplifier", "plate", chip("coaster", "plate:saturated"), "sensor", "plate", "bridge"),
    Fault("saturated amplifier", "inner", chip("cup", "inner:saturated"), "saturation", "inner_n", "bridge"),
    Fault("noisy amplifier", "plate, 0.03 N", changed("coaster", noisy), "noise", "load_n", "solder"),
    Fault("drifting zero", "panel, 0.02 N/min", changed("button_board", drifting("panel", 0.02),
          seconds=40.0),
          "drift", "panel_n", "warm up"),
    Fault("drifting zero", "certified foot, 0.01 N/min",
          changed("cup", drifting("foot", 0.01), calibrated=True, seconds=60.0), "drift", "foot_n",
          "warm up"),
    Fault("drifting zero", "0.3 mN a day for a week", creeping, "history", "load_n", "calibrate"),
    Fault("touched meanwhile", "150 g for 15 s", disturbed(pressed_n), "drift", "load_n", "repeat"),
    Fault("unsteady cell", "swings by 5 g", disturbed(swinging_n), "drift", "load_n", "draught"),
    Fault("stuck barrier", "seated 4 interrupted", changed("pegboard", contact("seated", 4, "closed")),
          "barrier", "seated_4", "stuck"),
    Fault("stuck barrier", "entry 7 never", changed("pegboard", contact("entry", 10, "open"), walk=True),
          "walk", "entry_7", "stuck"),
    Fault("loose button", "seated 1 lets go", changed("button_board", contact("contacts", 9, "loose"),
          walk=True),
          "walk", "seated_1", "loose"),
    Fault("weak battery", "cup's converters", chip("cup", "foot:weak"), "battery", "", "battery"),
    Fault("wrong object", "a pegboard flashed as cup", lambda: Kit("pegboard", 15,
          firmware="cup").test().lights,
          "object", "", "dexkit flash"),
    Fault("wrong object", "a person says coaster", lambda: Kit("cup", 16).test(wanted="coaster").lights,
          "object", "", "dexkit flash"),
    Fault("foreign board", "calibration of another", of_another, "calibration", "", "copied"),
    Fault("foreign board", "its calibration is gone", lost, "calibration", "", "calibrate"),
    Fault("read-only port", "may be read only", on_computer(may_write=False), "permission", "/dev/ttyACM0",
          "dialout", "doctor"),
    Fault("closed port", "not in the group", on_computer(may_read=False, may_write=False), "permission",
          "/dev/ttyACM0", "dialout", "doctor"),
    Fault("held port", "by a serial monitor", on_computer(holder="minicom"), "port holder", "/dev/ttyACM0",
          "Close minicom", "doctor"),
    Fault("ModemManager", "runs, no rule", on_computer(manager=True, rule=False), "ModemManager", "",
          "udev rule", "doctor"),
    Fault("old udev rule", "of another version", on_computer(rule="# old"), "udev rule", "", "Install",
          "doctor"),
    Fault("old firmware", "0.0.1", on_computer(firmware="0.0.1"), "board", "/dev/ttyACM0", "flash", "doctor"),
    Fault("wrong driver", "another version", on_computer(driver="1.0"), "drivers", "", "pip", "doctor"),
    Fault("full disk", "50 MB free", on_computer(free_mb=50.0), "disk", "recordings", "Remove", "doctor"),
    Fault("wrong clock", "1970", on_computer(now_s=1000.0), "clock", "", "network", "doctor"),
    Fault("wrong clock", "before the last self-test", on_computer(tested="2031-01-01T00:00:00Z"), "clock", "",
          "network", "doctor"),
)
# fmt: on


def found(fault):
    """Return the line that names a fault, or None."""
    return next(
        (
            light
            for light in fault.find()
            if light.check == fault.check
            and light.of == fault.of
            and light.colour in (RED, AMBER)
            and fault.remedy in light.remedy
        ),
        None,
    )


def alarms(kind, seed, seconds):
    """Return what is red or amber of a healthy kit: at rest, walked through by half of them, tested twice."""
    kit = Kit(kind, seed, calibrated=seed % 2 == 0)
    lights = list(kit.test(seconds, walk=seed % 4 < 2).lights)
    if seed % 3 == 0:
        lights += kit.test(seconds, now=NOW + timedelta(days=7)).lights
    return [light for light in lights if light.colour in (RED, AMBER)]


def main(kits=100, seconds=60.0):
    """Print fault x finding, then what was said of healthy kits; return how much is wrong."""
    console = Console(width=160)
    table = Table("fault", "planted", "found by", "finding", "remedy", title="Faults")
    missed = wrong = 0
    with tempfile.TemporaryDirectory() as config:
        os.environ["XDG_CONFIG_HOME"] = config
        for fault in FAULTS:
            light = found(fault)
            missed += light is None
            said = f"{light.colour}: {light.check} {light.of}: {light.measured}" if light else "NOT FOUND"
            row = (fault.name, fault.where, fault.command, said, light.remedy if light else "")
            table.add_row(*map(escape, row), style="" if light else "red")
            switch_off()
        console.print(table)
        for seed in range(100, 100 + kits):
            kind = KINDS[seed // 4 % 4]
            for light in alarms(kind, seed, seconds):
                wrong += 1
                console.print(f"false alarm: {kind} {seed}: {light.check} {light.of}: {light.measured}")
            switch_off()
    console.print(
        f"{len(FAULTS) - missed} of {len(FAULTS)} faults found; {kits} healthy kits, {wrong} false alarms"
    )
    return missed + wrong


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:2]))))
