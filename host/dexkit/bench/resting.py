"""What a minute of an untouched object shows: rates, noise, range, unique counts, drift, tilt, contacts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dexkit.bench.capture import Capture, Samples
from dexkit.bench.lights import AMBER, GREEN, GREY, RED, Light, limits, within
from dexkit.hardware import Hardware, Sensor
from dexkit.protocol.tables import STREAMS
from dexkit.recording.calibration import Axes, Calibration

GRAVITY_MS2 = 9.80665
#: From a median of distances to the standard deviation of white noise.
MAD = 1.4826
ACCEL, GYRO = ("ax_ms2", "ay_ms2", "az_ms2"), ("gx_rads", "gy_rads", "gz_rads")

CELL = "Take the cell out of draught and sun, tighten its screws, keep its cable off the motor of the table."
LEVEL = "Stand it empty on a level table, nothing touching it, and repeat."


@dataclass(frozen=True)
class Rest:
    """One channel at rest.

    Parameters
    ----------
    level
        Median, in true units where the calibration is known, else nominal.
    slope_min, slope_error_min
        How it runs away in a minute, a straight line; its standard error. NaN where watched too shortly.
    noise
        Rms of the white part, from the differences of neighbours: neither drift nor rare spikes count.
    scatter
        Rms of the medians of seconds about the straight line.
    lowest, highest
        Of all samples.
    unique
        How many different readings.
    missing
        Share of rows in which nothing was measured.
    uncertainty
        Standard uncertainty of the certificate; None where there is none.
    """

    level: float
    slope_min: float
    slope_error_min: float
    noise: float
    scatter: float
    lowest: float
    highest: float
    unique: int
    missing: float
    uncertainty: float | None


def figures(capture: Capture, calibration: Calibration | None) -> dict[str, Rest]:
    """Return each numeric channel at rest, by its name.

    Parameters
    ----------
    capture
        Of an untouched object.
    calibration
        Of its board; None: nominal.
    """
    found = {}
    for name, samples in capture.streams.items():
        if STREAMS[name].wire.startswith("bits"):
            continue
        axes = calibration.streams.get(name) if calibration is not None else None
        values = axes.correct(samples.values) if axes is not None else samples.values
        for column, channel in enumerate(samples.columns):
            found[channel] = _rest(samples, values[:, column], axes, column)
    return found


def _rest(samples: Samples, values: NDArray[np.float32], axes: Axes | None, column: int) -> Rest:
    there = np.isfinite(values)
    missing = 1.0 - float(there.mean()) if len(values) else 1.0
    settled = there & (samples.t_s >= limits().settle_s)
    nothing = float("nan")
    uncertainty = axes.uncertainty[column] if axes is not None and axes.uncertainty else None
    if settled.sum() < 2:
        unknown = (nothing, nothing, nothing, nothing, nothing, nothing, nothing)
        return Rest(*unknown, 0, missing, uncertainty)
    t_s, y = samples.t_s[settled], values[settled].astype(np.float64)
    steps = np.diff(y)
    noise = MAD * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2.0)
    second = np.floor(t_s - t_s[0]).astype(int)
    middles = np.array([np.median(y[second == each]) for each in np.unique(second)])
    slope = error = scatter = nothing
    at_s = np.unique(second) + 0.5
    if len(at_s) >= limits().drift_s:
        line = np.polyfit(at_s, middles, 1)
        scatter = float(np.sqrt(np.mean((middles - np.polyval(line, at_s)) ** 2)))
        slope, error = 60.0 * float(line[0]), 60.0 * scatter / float(np.sqrt(len(at_s)) * at_s.std())
    return Rest(
        float(np.median(y)),
        slope,
        error,
        noise,
        scatter,
        float(y.min()),
        float(y.max()),
        len(np.unique(samples.values[settled, column])),
        missing,
        uncertainty,
    )


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
        lights += _standing(hardware, rests, calibration)
    if ACCEL[2] in rests:
        lights += _tilt(rests, calibration)
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


def _drift(channel: str, rest: Rest) -> Light:
    """Return how a zero runs away, against the certificate, else against the measure's error budget."""
    budget_n = 1e-3 * limits().mass_g * GRAVITY_MS2
    limit_n = 2.0 * rest.uncertainty if rest.uncertainty else budget_n
    limit_n = max(limit_n, budget_n / 2.0)  # creep of a healthy cell
    if not np.isfinite(rest.slope_min):
        needed = f"Leave it alone for {limits().settle_s + limits().drift_s + 1:.0f} s at least, and repeat."
        return Light("drift", channel, GREY, "not known: watched too shortly", "", needed)
    sure = max(abs(rest.slope_min) - 3.0 * rest.slope_error_min, 0.0)
    colour = within(sure, limit_n, 3.0 * limit_n)
    return Light(
        "drift",
        channel,
        colour,
        f"{rest.slope_min:+.4f} N in a minute",
        f"within {limit_n:.4f} N",
        f"Let it warm up for ten minutes and repeat. {CELL} If it stays, the cell was overloaded or is wet: "
        "change it."
        if colour != GREEN
        else "",
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


def _standing(
    hardware: Hardware, rests: Mapping[str, Rest], calibration: Calibration | None
) -> Iterator[Light]:
    """Yield whether the foot bears the cup and what is in it: what swapped or dead cells cannot show."""
    foot, inner = rests["foot_n"], rests["inner_n"]
    if not np.isfinite(foot.level) or not np.isfinite(inner.level):
        return
    cup_g = hardware.mass_g["cup"]
    assert isinstance(cup_g, float)
    more_g = 1000.0 * (foot.level - inner.level) / GRAVITY_MS2
    expected = f"{cup_g:.0f} g more than the inner cell"
    said = f"foot bears {more_g:.0f} g more than the inner cell"
    if more_g < -0.5 * cup_g:
        yield Light(
            "channels",
            "foot_n, inner_n",
            RED,
            f"inner cell bears {-more_g:.0f} g more than the foot",
            expected,
            "Foot and inner cell are swapped: exchange their plugs, and repeat.",
            more_g,
            cup_g,
            "g",
        )
    elif more_g < 0.5 * cup_g:
        yield Light(
            "channels",
            "foot_n",
            RED,
            said,
            expected,
            "Stand the cup on the table. If it stays, the foot's cell is dead or free: check its wires.",
            more_g,
            cup_g,
            "g",
        )
    else:
        off_g = more_g - cup_g
        far = calibration is not None and abs(off_g) > 0.1 * cup_g
        yield Light(
            "channels",
            "foot_n, inner_n",
            AMBER if far else GREEN,
            said,
            expected,
            f"{LEVEL} If it stays, calibrate it again." if far else "",
            more_g,
            cup_g,
            "g",
        )


def _tilt(rests: Mapping[str, Rest], calibration: Calibration | None) -> Iterator[Light]:
    """Yield gravity's size and direction."""
    accel = np.array([rests[axis].level for axis in ACCEL])
    size = float(np.linalg.norm(accel))
    if not np.isfinite(size):
        return
    certified = calibration is not None and "cup/motion" in calibration.streams
    limit = GRAVITY_MS2 * np.sin(np.radians(limits().tilt_deg)) if certified else limits().accel_ms2
    limit = float(limit) + 0.03  # gravity differs so much between the equator and the poles
    well = abs(size - GRAVITY_MS2) <= limit
    yield Light(
        "gravity",
        "ax ay az",
        GREEN if well else RED,
        f"{size:.3f} m/s2",
        f"{GRAVITY_MS2:.2f} within {limit:.2f} m/s2",
        "" if well else "Keep it still and repeat. If it stays, calibrate it; else change the motion sensor.",
        size,
        limit,
        "m/s2",
    )
    tilt_deg = float(np.degrees(np.arccos(np.clip(accel[2] / size, -1.0, 1.0)))) if size > 1.0 else 180.0
    upright = limits().certified_upright_deg if certified else limits().upright_deg
    colour = within(tilt_deg, upright, limits().lying_deg)
    yield Light(
        "tilt",
        "ax ay az",
        colour,
        f"{tilt_deg:.1f} degrees from upright",
        f"within {upright:g} degrees",
        ""
        if colour == GREEN
        else f"{LEVEL} If it stays, the motion sensor is mounted turned or has come loose.",
        tilt_deg,
        upright,
        "deg",
    )


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
