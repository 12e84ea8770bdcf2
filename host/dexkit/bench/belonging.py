"""Whether a board is what it says: in the right object, with its own calibration, its chips all there."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dexkit.bench.lights import AMBER, GREEN, GREY, RED, Light
from dexkit.hardware import load
from dexkit.link.news import Hello
from dexkit.protocol.tables import OBJECT_ID
from dexkit.recording.calibration import Calibration

#: What the firmware says of a sensor (firmware/app/sensor.py, kit.py, load.py), and what to do about it.
REMEDIES = (
    (
        "supply is weak",
        "Charge or change the battery, or use another cable or port; then plug the board in anew.",
    ),
    ("cables are swapped", "Exchange the plugs of the two buses."),
    ("address is set wrongly", "Set the address straps of this chip: its address stands in hardware/."),
    (
        "does not answer",
        "Switch the board off, press its plug and cable home, switch on; else change the chip.",
    ),
    (
        "cannot be set up",
        "Switch the board off and on; if it stays, the chip is another one or broken: change it.",
    ),
    (
        "times a second",
        "Put the firmware on it again; if it stays, the chip's rate is strapped or its clock broken.",
    ),
    ("not ready", "Check the wire from its DRDY or INT to the board and its supply; else change the chip."),
    (
        "saturated",
        "Take all load off. If it stays, a wire of the cell's bridge is broken: check E+, E-, A+, A-.",
    ),
    ("stuck", "Switch the board off and on; if it stays, the cell or its converter is dead: change it."),
    ("stopped answering", "Its cable is loose: press it home and repeat."),
)
STRANGERS = re.compile(r"but something does at ((?:0x[0-9A-F]{2}(?:, )?)+)")


def sensors(hello: Hello, told: Mapping[str, Any]) -> list[Light]:
    """Return how each sensor says it is.

    Parameters
    ----------
    hello
        What the board said.
    told
        What its own self-test answered, by sensor.
    """
    lights = []
    for name, words in _states(hello, told).items():
        if words == "ok":
            lights.append(Light("sensor", name, GREEN, "answers", "answers"))
        else:
            remedy = next(
                (text for phrase, text in REMEDIES if phrase in words), "Switch the board off and on."
            )
            lights.append(Light("sensor", name, RED, words, "answers", remedy))
    return lights


def _states(hello: Hello, told: Mapping[str, Any]) -> dict[str, str]:
    """Return each sensor's words; what its self-test found goes before what hello said."""
    said = hello.said.get("sensors")
    states = {str(name): str(words) for name, words in said.items()} if isinstance(said, Mapping) else {}
    for name, facts in told.items():
        if isinstance(facts, Mapping):
            states[str(name)] = str(facts.get("words", "ok"))
    return states


def kind(hello: Hello, told: Mapping[str, Any], before: str | None, wanted: str | None) -> Light:
    """Return whether the board is in the object that it says.

    Parameters
    ----------
    hello, told
        As above.
    before
        As what this very board was tested last; None where it never was.
    wanted
        What a person says it is in; None where nobody said.
    """
    says = hello.object_kind
    name = says.replace("_", " ")
    remedy = f"Look at what it is in; then tell it: dexkit flash PORT --object {wanted or 'KIND'}"
    if wanted is not None and wanted != says:
        return Light("object", "", RED, f"says {name}", wanted.replace("_", " "), remedy)
    if before not in (None, says):
        was = str(before).replace("_", " ")
        measured = f"says {name}, was {was} when it was tested last"
        return Light("object", "", RED, measured, was, f"{remedy} If it was changed on purpose, repeat.")
    if fits := _fits(says, _states(hello, told)):
        could = " or ".join(other.replace("_", " ") for other in fits)
        return Light(
            "object",
            "",
            RED,
            f"says {name}, but what answers on its buses is a {could}",
            name,
            f"Probably the board sits in another object, or the cable of a whole bus is out. {remedy}",
        )
    return Light("object", "", GREEN, name, name)


def _fits(says: str, states: Mapping[str, str]) -> list[str]:
    """Return the other objects whose chips are what answers, where those of its own object are not."""
    hardware = load(says)
    answer, silent = set(), set()
    for name, words in states.items():
        sensor = hardware.sensors.get(name)
        if sensor is None:
            continue
        if "does not answer" not in words:
            answer.add((sensor.bus, sensor.address))
            continue
        silent.add((sensor.bus, sensor.address))
        if found := STRANGERS.search(words):
            answer |= {(sensor.bus, int(address, 16)) for address in found[1].split(", ")}
    if not answer or not silent:
        return []
    fits = []
    for other in OBJECT_ID:
        chips = {(sensor.bus, sensor.address) for sensor in load(other).sensors.values()}
        if other != says and answer <= chips and not silent & chips:
            fits.append(other)
    return fits


def calibration(
    hello: Hello,
    known: Calibration | None,
    logs: Iterable[str],
    before: Iterable[str | None],
    damage: str = "",
) -> Light:
    """Return whether the board uses a calibration of its own.

    Parameters
    ----------
    hello
        What the board said.
    known
        The calibration that it names, where this computer has it.
    logs
        Lines that the board said when it started.
    before
        Ids of the calibrations that it had in earlier self-tests.
    damage
        What is wrong with this computer's file of it; empty where nothing is.
    """
    foreign = [line for line in logs if "another board" in line]
    again = (
        f"Calibrate it again: dexkit calibrate {hello.object_kind}; or put its own back: dexkit calibrate "
        "--write ID --port PORT"
    )
    if foreign:
        return Light(
            "calibration",
            "",
            RED,
            " ".join(foreign),
            "its own",
            f"Its board was probably exchanged, or files were copied from another one. {again}",
        )
    if damaged := [line for line in logs if "is not used" in line]:
        return Light("calibration", "", RED, " ".join(damaged), "its own", again)
    if hello.calibration is None:
        if had := [each for each in before if each]:
            return Light("calibration", "", RED, f"none any more; it had {had[-1]}", had[-1], again)
        return Light(
            "calibration",
            "",
            GREY,
            "uncalibrated: values are nominal",
            "",
            f"dexkit calibrate {hello.object_kind}",
        )
    if known is None:
        return Light(
            "calibration",
            "",
            AMBER,
            f"{hello.calibration}: {damage.partition('. Probably')[0]}"
            if damage
            else f"{hello.calibration}, which this computer does not know",
            "known here",
            "Take it over from the board: dexkit calibrate --fetch PORT; then true units are judged.",
        )
    if known.uid != hello.uid or known.object_kind != hello.object_kind:
        return Light(
            "calibration", "", RED, f"{known.id} of the {known.object_kind} {known.uid}", hello.uid, again
        )
    return Light("calibration", "", GREEN, f"{known.id} of {known.made[:10]}", known.id)
