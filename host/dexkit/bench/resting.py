"""What a minute of an untouched object shows: rates, noise, range, unique counts, drift, tilt, contacts."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dexkit.bench.capture import Capture, Samples
from dexkit.bench.lights import AMBER, GREEN, GREY, RED, Light, limits, within
from dexkit.bench.rest import Rest
from dexkit.bench.standing import ACCEL, GRAVITY_MS2, LEVEL, standing, upright
from dexkit.hardware import Hardware, Sensor
from dexkit.recording.calibration import Calibration

GYRO = ("gx_rads", "gy_rads", "gz_rads")

CELL = "Take the cell out of draught and sun, tighten its screws, keep its cable off the motor of the table."


def resting(
    capture: Capture,
    told: Mapping[str, Any],
    hardware: Hardware,
    rests: Mapping[str, Rest],
    calibration: Calibration | None,
) -> list[Light]:
    """Return what a minute of rest shows.

    Parameters
    ----------
    capture
        The minute.
    told
        What the board's own self-test answered, by sensor.
    hardware
        Of the object that the board says it is in.
    rests
        As `figures` gives them.
    calibration
        Of the board; None: nominal.
    """
    lights = [*_rates(capture, told, hardware), *_losses(capture)]
    for sensor in hardware.sensors.values():
        samples = capture.streams.get(sensor.stream)
        if samples is None:
            continue
        if sensor.chip_pins:
            lights += _contacts(sensor, samples)
            continue
        for channel in sensor.channels:
            lights += _channel(sensor, channel, rests[channel])
    if hardware.object == "cup":
        lights += standing(hardware, rests, calibration)
    if ACCEL[2] in rests:
        lights += upright(rests, calibration)
    return lights


def _rates(capture: Capture, told: Mapping[str, Any], hardware: Hardware) -> Iterator[Light]:
    """Yield each sensor's rate: its own by the board, its stream's by the minute; the worse one counts."""
    for sensor in hardware.sensors.values():
        samples, facts = capture.streams.get(sensor.stream), told.get(sensor.name)
        leads = hardware.of_stream(sensor.stream)[0] is sensor
        rates = [samples.rate_hz] if samples is not None and samples.rate_hz and leads else []
        if isinstance(facts, Mapping) and facts.get("hz"):
            rates.append(float(facts["hz"]))
        expected = f"{sensor.rate_hz} Hz"
        if not rates:
            yield Light(
                "rate", sensor.name, RED, "no reading came", expected, "See what is said of the sensor."
            )
            continue
        hz = max(rates, key=lambda rate: abs(rate - sensor.rate_hz))
        off = hz / sensor.rate_hz - 1.0
        colour = within(off, limits().rate_amber, limits().rate_red)
        remedy = (
            "Put the firmware on it again; if it stays, the chip's rate is strapped or its clock broken."
            if colour != GREEN
            else ""
        )
        yield Light(
            "rate", sensor.name, colour, f"{hz:.1f} Hz", expected, remedy, hz, float(sensor.rate_hz), "Hz"
        )


def _losses(capture: Capture) -> Iterator[Light]:
    lost = sum(samples.lost for samples in capture.streams.values())
    if capture.restarts:
        yield Light(
            "supply",
            "",
            RED,
            f"started anew {capture.restarts} times in a minute",
            "never",
            "Its supply fails for moments: charge or change the battery, use another cable or port.",
        )
    yield Light(
        "losses",
        "",
        AMBER if lost else GREEN,
        f"{lost} samples missing",
        "none",
        "Plug it straight into the computer, with another cable; end other programs." if lost else "",
        float(lost),
        0.0,
    )


def _channel(sensor: Sensor, channel: str, rest: Rest) -> Iterator[Light]:
    """Yield what is said of one numeric channel."""
    unit = "N" if channel.endswith("_n") else "m/s2" if channel.endswith("_ms2") else "rad/s"
    if rest.missing > 0:
        yield Light(
            "saturation",
            channel,
            RED if rest.missing > limits().missing_red else AMBER,
            f"not measured {100 * rest.missing:.1f} % of the time",
            "always measured",
            "Take all load off. If it stays, a wire of the bridge is broken or the chip's cable is loose.",
            rest.missing,
            limits().missing_red,
        )
    if not np.isfinite(rest.level):
        return
    low, high = sensor.range or (-np.inf, np.inf)
    beyond = channel not in GYRO and not low <= rest.lowest <= rest.highest <= high
    if beyond:
        yield Light(
            "saturation",
            channel,
            RED,
            f"{rest.lowest:.2f} to {rest.highest:.2f} {unit}",
            f"{low:g} to {high:g} {unit}",
            "Take all load off. If it stays, a wire of the cell's bridge is broken or it was overloaded.",
        )
    elif not rest.missing:
        expected = "always measured" if channel in GYRO else f"{low:g} to {high:g} {unit}"
        yield Light("saturation", channel, GREEN, "within its range", expected)
    few = limits().unique_load if unit == "N" else limits().unique_motion
    stuck = rest.unique < few
    yield Light(
        "unique",
        channel,
        RED if stuck else GREEN,
        f"{rest.unique} different readings",
        f"at least {few}",
        "Switch the board off and on; if it stays, the cell or its converter is dead: change it."
        if stuck
        else "",
        float(rest.unique),
        float(few),
    )
    if sensor.noise is not None:
        loud = rest.noise > sensor.noise
        yield Light(
            "noise",
            channel,
            RED if loud else GREEN,
            f"{rest.noise:.4f} {unit} rms",
            f"at most {sensor.noise:g} {unit}",
            f"{CELL} If it stays, its supply or a solder joint is bad." if loud else "",
            rest.noise,
            sensor.noise,
            unit,
        )
    if rest.uncertainty is not None and unit == "N" and np.isfinite(rest.scatter):
        restless = rest.scatter > 2.0 * rest.uncertainty
        yield Light(
            "steadiness",
            channel,
            AMBER if restless else GREEN,
            f"{rest.scatter:.5f} {unit} from second to second",
            f"within twice the certificate's {rest.uncertainty:g} {unit}",
            f"{CELL} Then repeat; if it stays, calibrate it again." if restless else "",
            rest.scatter,
            2.0 * rest.uncertainty,
            unit,
        )
    if unit == "N":
        yield _drift(channel, rest)
    if channel in GYRO:
        still = abs(rest.level) <= limits().gyro_rads
        yield Light(
            "still",
            channel,
            GREEN if still else AMBER,
            f"{rest.level:+.4f} rad/s",
            f"within {limits().gyro_rads:g} rad/s",
            "" if still else f"{LEVEL} If it stays, change the motion sensor.",
            rest.level,
            limits().gyro_rads,
            unit,
        )


def _drift_limit_n(rest: Rest) -> float:
    """Return how far a zero may go in a minute: by the certificate, else by the measure's error budget."""
    budget_n = 1e-3 * limits().mass_g * GRAVITY_MS2
    limit_n = 2.0 * rest.uncertainty if rest.uncertainty else budget_n
    return max(limit_n, budget_n / 2.0)  # creep of a healthy cell


def is_unsteady(rest: Rest) -> bool:
    """Return whether a cell moved so much that its drift cannot be known, nor its zero be believed."""
    return 3.0 * rest.slope_error_min > _drift_limit_n(rest)


def _drift(channel: str, rest: Rest) -> Light:
    """Return how a zero runs away."""
    limit_n = _drift_limit_n(rest)
    if not np.isfinite(rest.slope_min):
        needed = f"Leave it alone for {limits().settle_s + limits().drift_s + 1:.0f} s at least, and repeat."
        return Light("drift", channel, GREY, "not known: watched too shortly", "", needed)
    sure = max(abs(rest.slope_min) - 3.0 * rest.slope_error_min, 0.0)
    colour = within(sure, limit_n, 3.0 * limit_n)
    measured = f"{rest.slope_min:+.4f} N in a minute"
    remedy = (
        f"Let it warm up for ten minutes and repeat. {CELL} If it stays, the cell was overloaded or is wet: "
        "change it."
    )
    if colour == GREEN and is_unsteady(rest):
        colour, measured = AMBER, f"not known: unsteady, {measured} within {3.0 * rest.slope_error_min:.4f} N"
        remedy = f"Leave it alone, hands off the table, and repeat. {CELL} If it stays, change the cell."
    return Light(
        "drift",
        channel,
        colour,
        measured,
        f"within {limit_n:.4f} N",
        remedy if colour != GREEN else "",
        rest.slope_min,
        limit_n,
        "N/min",
    )


def _contacts(sensor: Sensor, samples: Samples) -> Iterator[Light]:
    """Yield each contact of a sensor while nobody touches anything."""
    barrier = sensor.stream.startswith("pegboard/")
    what = "barrier" if barrier else "contact" if sensor.chip == "mcp23017" else "touch"
    word = "interrupted" if barrier else "closed" if what == "contact" else "touched"
    for channel in sensor.channels:
        values = samples.column(channel)
        values = values[np.isfinite(values)]
        if not len(values):
            yield Light(what, channel, RED, "not measured", "open", "See what is said of the sensor.")
            continue
        changes = int(np.count_nonzero(np.diff(values)))
        if changes:
            yield Light(
                what,
                channel,
                RED if changes > 3 else AMBER,
                f"changed {changes} times although nobody touched it",
                "unchanged",
                "It is loose: press its plug home, solder its wire anew; clean a barrier's window."
                if what != "touch"
                else "Keep hands and metal away and repeat; else press its plug home.",
                float(changes),
                0.0,
            )
        elif values[0]:
            yield Light(
                what,
                channel,
                RED,
                f"{word} all the time",
                f"not {word}",
                "Take the peg out. If it stays, it is stuck: clean its window, check its LED and wire."
                if barrier
                else "Open the button. If it stays, it is stuck: look for a bent spring or a solder bridge.",
            )
        else:
            yield Light(what, channel, GREEN, f"not {word}", f"not {word}")


def clock(capture: Capture) -> Light:
    """Return how the board's clock runs against the computer's."""
    state = capture.clock
    if state is None or state.probes < 8:
        return Light("clock", "", GREY, "not probed often enough", "", "Repeat, for a whole minute.")
    expected = f"within {limits().clock_amber_ppm:g} ppm"
    if state.leaps:
        return Light(
            "clock",
            "",
            AMBER,
            f"the computer's clock stood still {state.leaps} times",
            expected,
            "Keep the computer from sleeping while it records, and repeat.",
        )
    colour = within(state.ppm, limits().clock_amber_ppm, limits().clock_red_ppm)
    remedy = "Repeat beside another computer; if it stays, the board's crystal is bad: change the board."
    if colour == GREEN and state.residual_s > limits().clock_residual_s:
        colour, remedy = AMBER, "Answers come late: end other programs, plug it straight into the computer."
    return Light(
        "clock",
        "",
        colour,
        f"{state.ppm:+.1f} ppm, probes within {1e3 * state.residual_s:.2f} ms",
        expected,
        "" if colour == GREEN else remedy,
        state.ppm,
        limits().clock_amber_ppm,
        "ppm",
    )
