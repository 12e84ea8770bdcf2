"""The cup and the coaster as functions of time: what their sensors say of a plan."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dexkit.protocol.tables import STREAMS
from dexkit.sim.cup_plan import CUP_KG, GLASS_KG, GRAVITY_MS2, CupPlan
from dexkit.sim.movement import bursts
from dexkit.sim.noise import COASTER_CELL, FOOT_CELL, INNER_CELL, uniform, white

Floats = NDArray[np.float64]

FOOT_PLATE_KG = 0.008  # hangs under the foot's cell, so the cell feels the tilt a little
ACCEL_NOISE_MS2, GYRO_NOISE_RADS = 0.008, 0.0008  # LSM6DSOX: 70 ug/rtHz and 3.8 mdps/rtHz at 208 Hz
ACCEL_STEP_MS2, GYRO_STEP_RADS = STREAMS["cup/motion"].scales[0], STREAMS["cup/motion"].scales[-1]


class CupWorld:
    """A cup that follows a plan."""

    def __init__(self, plan: CupPlan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        self.truth = sorted((t_s, kind, 0) for t_s, kind in plan.cup_truth)
        chance = uniform(seed, 300, np.arange(8, dtype=np.int64))
        self._off_axis_n = 0.16 * (chance[0] - 0.5)
        self._accel_bias_ms2 = 0.10 * (chance[1:4] - 0.5)
        self._gyro_bias_rads = np.radians(1.0) * (chance[4:7] - 0.5)

    def mass_kg(self, t_s: Floats) -> Floats:
        """Return the true mass of liquid in the cup."""
        return np.interp(t_s, self.plan.mass_t_s, self.plan.mass_kg)

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the cup says at these times: float32 (n, 8), or these columns of the schema's."""
        t_s = np.asarray(t_s, np.float64)
        plan, person = self.plan, self.plan.person
        tilt, lean, tilt_rate, lean_rate = (np.radians(x) for x in plan.tilt_at(t_s))
        turn_rate = np.radians(plan.turn_deg.velocity(t_s))
        held = plan.held.position(t_s)
        bearing = plan.contact.at(t_s)
        shake = person.tremor_ms2 * plan.aloft.position(t_s)  # the table stops the hand's shaking
        world = (
            plan.side_m.acceleration(t_s) + 0.6 * shake * person.tremor.value(t_s + 5.0),
            plan.forward_m.acceleration(t_s) + 0.5 * shake * person.tremor.value(t_s + 7.0),
            plan.up_m.acceleration(t_s) + 0.7 * shake * person.tremor.value(t_s) + GRAVITY_MS2,
        )
        # Body axes: tilt about x, then lean about y; the turn about the vertical comes first of all.
        sin_a, cos_a, sin_b, cos_b = np.sin(tilt), np.cos(tilt), np.sin(lean), np.cos(lean)
        across = -sin_a * world[1] + cos_a * world[2]
        accel = np.stack(
            [
                cos_b * world[0] - sin_b * across,
                cos_a * world[1] + sin_a * world[2],
                sin_b * world[0] + cos_b * across + bursts(t_s, plan.shocks),
            ]
        )
        gyro = np.stack(
            [
                tilt_rate * cos_b - turn_rate * sin_b * cos_a,
                lean_rate + turn_rate * sin_a,
                tilt_rate * sin_b + turn_rate * cos_b * cos_a,
            ]
        )
        mass_kg = self.mass_kg(t_s)
        grip_n = 0.08 * person.tremor_ms2 * held * bearing * person.tremor.value(t_s)
        pushed_n = (bursts(t_s, plan.pushes) + grip_n) * np.minimum(1.0, 8.0 * bearing)
        weight_n = (CUP_KG + mass_kg) * GRAVITY_MS2
        foot_n = np.maximum(bearing * weight_n + pushed_n, 0.0)
        foot_n += self._off_axis_n * sin_a + FOOT_PLATE_KG * (GRAVITY_MS2 - accel[2]) * (bearing == 0)
        step_s, step_n = np.array(plan.weight_steps).reshape(-1, 2).T
        foot_n += FOOT_CELL.creeping(t_s, step_s, step_n) + FOOT_CELL.errors(self.seed, 0, t_s)
        inner_n = mass_kg * accel[2] + 0.01 * mass_kg * GRAVITY_MS2 * sin_a + bursts(t_s, plan.sloshes)
        inner_n += INNER_CELL.errors(self.seed, 20, t_s)
        known = [foot_n, inner_n]
        for axis in range(3):
            value = accel[axis] + self._accel_bias_ms2[axis]
            value = value + ACCEL_NOISE_MS2 * white(self.seed, 40 + axis, t_s)
            known.append(np.rint(value / ACCEL_STEP_MS2) * ACCEL_STEP_MS2)
        for axis in range(3):
            value = gyro[axis] + self._gyro_bias_rads[axis]
            value = value + GYRO_NOISE_RADS * white(self.seed, 50 + axis, t_s)
            known.append(np.rint(value / GYRO_STEP_RADS) * GYRO_STEP_RADS)
        wanted = range(len(known)) if columns is None else columns
        return np.stack([known[column] for column in wanted], axis=1).astype(np.float32)


class CoasterWorld:
    """The coaster under the receiving glass of the same plan."""

    def __init__(self, plan: CupPlan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        self.truth = sorted((t_s, kind, 0) for t_s, kind in plan.glass_truth)

    def received_kg(self, t_s: Floats) -> Floats:
        """Return the true mass of liquid in the glass."""
        return np.interp(t_s, self.plan.received_t_s, self.plan.received_kg)

    def read(self, t_s: Floats, columns: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the coaster says at these times: float32 (n, 1)."""
        t_s = np.asarray(t_s, np.float64)
        plan = self.plan
        standing = plan.glass.at(t_s)
        flow_kg_s = (self.received_kg(t_s + 0.01) - self.received_kg(t_s - 0.01)) / 0.02
        stream_n = np.maximum(flow_kg_s, 0.0) * 1.2  # the falling stream's push at 1.2 m/s
        load_n = standing * (GLASS_KG + self.received_kg(t_s)) * GRAVITY_MS2 + standing * stream_n
        load_n += plan.glass_hand.at(t_s) + bursts(t_s, plan.glass_pushes) * np.minimum(1.0, 8.0 * standing)
        load_n += COASTER_CELL.errors(self.seed, 60, t_s)
        return load_n[:, np.newaxis].astype(np.float32)
