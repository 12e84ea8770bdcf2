"""What a person does with a cup and a glass: the plan from which both objects' forces follow.

How the truth is marked where docs/events.md leaves it open: `bump` and `failed_lift` when the foot force
begins to change; `pour_on` when the liquid breaks over the lip, `pour_off` when that flow ends (drops that
fall from the outside of the lip later are no pouring); an interruption under 0.2 s is none.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dexkit.sim.liquid import FULL_KG, STEP_S, landing, pour, spill_deg
from dexkit.sim.movement import Burst, Path, Ramps
from dexkit.sim.noise import wander
from dexkit.sim.person import Person

Floats = NDArray[np.float64]

GRAVITY_MS2 = 9.81
CUP_KG = 0.15
GLASS_KG = 0.20


@dataclass
class CupPlan:
    """Everything that happens at a cup and its glass, written down while a person acts it out."""

    person: Person
    seed: int
    clock_s: float = 0.0
    contact: Ramps = field(default_factory=lambda: Ramps(1.0))  # part of the weight that the table bears
    forward_m: Path = field(default_factory=Path)
    side_m: Path = field(default_factory=Path)
    up_m: Path = field(default_factory=Path)
    tilt_deg: Path = field(default_factory=Path)
    lean_deg: Path = field(default_factory=Path)
    turn_deg: Path = field(default_factory=Path)
    held: Path = field(default_factory=Path)  # 1 while the hand holds the cup
    aloft: Path = field(default_factory=Path)  # 1 while nothing but the hand holds it
    pushes: list[Burst] = field(default_factory=list)  # N on the foot: bumps, impacts
    shocks: list[Burst] = field(default_factory=list)  # m/s2 along the axis: impacts
    sloshes: list[Burst] = field(default_factory=list)  # N on the inner vessel
    mass_t_s: list[float] = field(default_factory=lambda: [0.0])
    mass_kg: list[float] = field(default_factory=lambda: [FULL_KG])
    glass: Ramps = field(default_factory=lambda: Ramps(1.0))  # part of the glass's weight on the coaster
    glass_hand: Ramps = field(default_factory=lambda: Ramps(0.0))  # N of a hand on the glass
    glass_pushes: list[Burst] = field(default_factory=list)
    received_t_s: list[float] = field(default_factory=lambda: [0.0])
    received_kg: list[float] = field(default_factory=lambda: [0.0])
    cup_truth: list[tuple[float, str]] = field(default_factory=list)
    glass_truth: list[tuple[float, str]] = field(default_factory=list)
    poured_g: list[float] = field(default_factory=list)
    landed_g: list[float] = field(default_factory=list)
    weight_steps: list[tuple[float, float]] = field(default_factory=list)  # time, N, for the foot's creep

    # ----------------------------------------------------------------------------------- parts of a task

    def wait(self, low_s: float, high_s: float) -> None:
        """Let time pass."""
        self.clock_s += self.person.between(low_s, high_s)

    def speed_ms(self, t_s: Floats) -> Floats:
        """Return the true speed of the cup at these times, tremor apart."""
        paths = (self.forward_m, self.side_m, self.up_m)
        speed: Floats = np.sqrt(sum((path.velocity(t_s) ** 2 for path in paths), np.zeros_like(t_s)))
        return speed

    def weight_n(self) -> float:
        """Return the weight of the cup as it is now."""
        return (CUP_KG + self.mass_kg[-1]) * GRAVITY_MS2

    def bump(self) -> None:
        """Knock against the standing cup."""
        p = self.person
        duration_s = p.between(0.04, 0.25)
        size_n = p.between(0.3, 1.5) * (1 if p.chance(0.6) else -1)
        self.pushes.append(Burst(self.clock_s, duration_s, size_n))
        self.shocks.append(Burst(self.clock_s, 0.08, p.between(0.1, 0.6), 25.0))
        self.cup_truth.append((self.clock_s, "bump"))
        self.clock_s += duration_s

    def failed_lift(self) -> None:
        """Unload the cup to 10 to 40 % of its weight, and let it down again."""
        p = self.person
        left = p.between(0.10, 0.40)
        down_s, stay_s, back_s = p.between(0.15, 0.35), p.between(0.1, 0.5), p.between(0.10, 0.30)
        self.cup_truth.append((self.clock_s, "failed_lift"))
        self.held.step(self.clock_s - 0.1, 0.2, 1.0)
        self.contact.to(self.clock_s, down_s, left, int(p.rng.integers(0, 2)))
        self.clock_s += down_s + stay_s
        self.contact.to(self.clock_s, back_s, 1.0, int(p.rng.integers(0, 2)))
        self.clock_s += back_s
        self.held.step(self.clock_s, 0.2, -1.0)

    def lift(self) -> None:
        """Take the cup off the table: the clock stands where the foot force reaches zero."""
        p = self.person
        ramp_s = p.between(*p.severity.lift_ramp_s)
        self.held.step(self.clock_s - 0.1, 0.2, 1.0)
        self.contact.to(self.clock_s, ramp_s, 0.0, int(p.rng.choice(3, p=(0.4, 0.4, 0.2))))
        self.clock_s += ramp_s
        self.cup_truth.append((self.clock_s, "lift"))
        self.aloft.step(self.clock_s, 0.15, 1.0)
        self.weight_steps.append((self.clock_s, -self.weight_n()))
        self.sloshes.append(Burst(self.clock_s, 1.2, p.between(0.01, 0.04), 3.6))

    def move(self, duration_s: float, forward_m: float, up_m: float, over_m: float = 0.0) -> None:
        """Move the cup in the air, perhaps over a height, with this person's sub-movements."""
        p, start_s = self.person, self.clock_s
        parts = p.submovements()
        self.forward_m.reach(start_s, duration_s, forward_m, parts, p.rng)
        late_s = 0.4 * duration_s if up_m + over_m < 0 else 0.0  # down only when over the place
        self.up_m.reach(start_s + late_s, duration_s * 0.6, up_m + over_m, max(1, parts // 2), p.rng)
        if over_m:
            self.up_m.step(start_s + duration_s * 0.5, duration_s * 0.5, -over_m)
        swing = p.between(0.02, 0.05)
        self.side_m.step(start_s, duration_s / 2, swing)
        self.side_m.step(start_s + duration_s / 2, duration_s / 2, -swing)
        self.turn_deg.step(start_s, duration_s, p.between(10, 25) * np.sign(forward_m))
        lean = p.rng.normal(0.0, 3.0)
        self.lean_deg.step(start_s, duration_s / 2, lean)
        self.lean_deg.step(start_s + duration_s / 2, duration_s / 2, -lean)
        self.clock_s += duration_s

    def put(self) -> None:
        """Set the cup down: the clock stands at the first contact, then where it rests."""
        p = self.person
        self.cup_truth.append((self.clock_s, "put"))
        self.aloft.step(self.clock_s, 0.06, -1.0)
        self.weight_steps.append((self.clock_s, self.weight_n()))
        speed = p.between(0.3, 1.0)
        if p.chance(p.severity.put_bounce):
            touch_s, gap_s = p.between(0.015, 0.04), p.between(0.02, 0.08)
            self.contact.to(self.clock_s, touch_s, p.between(0.2, 0.5), 0)
            self.contact.to(self.clock_s + touch_s, 0.01, 0.0, 0)
            self.impact(speed)
            self.clock_s += touch_s + 0.01 + gap_s
        self.impact(speed)
        ramp_s = p.between(0.03, 0.20)
        self.contact.to(self.clock_s, ramp_s, 1.0, int(p.rng.choice((0, 1, 3), p=(0.5, 0.25, 0.25))))
        self.clock_s += ramp_s
        self.held.step(self.clock_s, 0.3, -1.0)
        self.sloshes.append(Burst(self.clock_s, 1.0, p.between(0.01, 0.04), 3.6))
        self.clock_s += 0.35

    def impact(self, speed: float) -> None:
        """Let the cup hit the table now."""
        self.pushes.append(Burst(self.clock_s, 0.10, 0.8 * speed, 22.0))
        self.shocks.append(Burst(self.clock_s, 0.10, 7.0 * speed, 35.0))
        self.glass_pushes.append(Burst(self.clock_s + 0.002, 0.12, 0.06 * speed, 28.0))

    # ------------------------------------------------------------------------------------------- pouring

    def turn(self, duration_s: float, to_deg: float, parts: int = 1) -> None:
        """Tilt the cup to this angle."""
        self.tilt_deg.reach(self.clock_s, duration_s, to_deg - self.tilt_deg.end(), parts, self.person.rng)
        self.clock_s += duration_s

    def pour(self, leave_kg: float, flow_kg_s: float, into_glass: bool = True) -> None:
        """Tilt until about leave_kg is left in the cup, and back upright."""
        p, start_s = self.person, self.clock_s
        mass_kg = self.mass_kg[-1]
        first_deg, last_deg = spill_deg(mass_kg), spill_deg(leave_kg)
        lead_deg = p.between(5.0, 8.0)
        self.turn(p.lasting(0.75), first_deg + lead_deg)
        stretches = [1.0]
        if p.chance(p.severity.pause):
            stretches = [0.5, 0.5]
        duration_s = max(0.8, (mass_kg - leave_kg) / flow_kg_s)
        for number, share in enumerate(stretches):
            if number:
                back_deg = self.tilt_deg.end()
                self.turn(0.22, back_deg - p.between(12.0, 16.0))
                self.clock_s += p.between(0.25, 0.5) if p.chance(0.5) else p.between(1.2, 2.2)
                self.turn(0.30, back_deg + 1.0)
            size_deg = (last_deg - first_deg) * share + 1.0
            parts = max(2, round(duration_s * share / 0.6))
            self.turn(duration_s * share, self.tilt_deg.end() + size_deg, parts)
        self.turn(p.between(0.25, 0.40), self.tilt_deg.end() - 22.0)
        self.turn(p.lasting(0.5) * (0.5 + 0.5 * p.severity.cup_pace), 0.0)
        self.flow(start_s, self.clock_s, into_glass)

    def tilt_at(self, t_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return tilt and lean in degrees, tremor included, and their rates in degrees per second."""
        p = self.person
        aloft, aloft_rate = self.aloft.position(t_s), self.aloft.velocity(t_s)
        angles = []
        for path, size_deg, shift_s in ((self.tilt_deg, p.tremor_deg, 0.0), (self.lean_deg, 0.6, 11.0)):
            size_deg = size_deg if path is self.tilt_deg else size_deg * p.tremor_deg
            shake, shake_rate = p.tremor.value(t_s + shift_s), p.tremor.rate(t_s + shift_s)
            angles.append(path.position(t_s) + size_deg * aloft * shake)
            angles.append(path.velocity(t_s) + size_deg * (aloft * shake_rate + aloft_rate * shake))
        return angles[0], angles[2], angles[1], angles[3]

    def flow(self, start_s: float, end_s: float, into_glass: bool) -> None:
        """Let liquid leave under the tilts planned from start_s to end_s, and land."""
        p = self.person
        grid_s: Floats = start_s + STEP_S * np.arange(int((end_s - start_s) / STEP_S), dtype=np.float64)
        tilt, lean, _, _ = self.tilt_at(grid_s)
        total_deg: Floats = np.degrees(np.arccos(np.cos(np.radians(tilt)) * np.cos(np.radians(lean))))
        flow = pour(grid_s, total_deg, self.mass_kg[-1])
        if not flow.spans_s:
            return
        for on_s, off_s in flow.spans_s:
            self.cup_truth += [(on_s, "pour_on"), (off_s, "pour_off")]
        # Drops that hang outside the lip and fall after the flow: at most 0.7 g/s, no pouring any more.
        off_s = flow.spans_s[-1][1]
        tail_s = np.arange(grid_s[0], end_s + 2.0, STEP_S)
        since_s = np.maximum(tail_s - off_s, 0.0)
        drip = p.between(0.1, 0.5) * 1e-3 * np.exp(-since_s / p.between(0.3, 0.8)) * (tail_s > off_s)
        drip *= tail_s < off_s + 2.0
        rate = np.concatenate([flow.rate_kg_s, np.zeros(len(tail_s) - len(grid_s))])
        left_kg = self.mass_kg[-1] - STEP_S * np.cumsum(rate + drip)
        left_kg = np.maximum(left_kg, 0.0)
        self.poured_g.append(1000.0 * (self.mass_kg[-1] - float(left_kg[-1])))
        self.mass_t_s += [start_s, *(tail_s + STEP_S).tolist()]
        self.mass_kg += [self.mass_kg[-1], *left_kg.tolist()]
        if not into_glass:
            return
        missed = p.severity.spill * (1.0 + 1.2 * wander(self.seed, 900, tail_s, 0.4))
        into = 1.0 - np.clip(missed, 0.0, 1.0) * (p.severity.spill > 0)
        landed, dribble = landing(rate * into, 0.12, 0.025), landing(drip * into, 0.12, 0.1)
        got_kg = self.received_kg[-1] + STEP_S * np.cumsum(landed + dribble)
        self.landed_g.append(1000.0 * float(got_kg[-1] - self.received_kg[-1]))
        self.received_t_s += [start_s, *(tail_s + STEP_S).tolist()]
        self.received_kg += [self.received_kg[-1], *got_kg.tolist()]
        self._receive(tail_s, landed)

    def _receive(self, t_s: Floats, landed_kg_s: Floats) -> None:
        """Write down when the true main flow crosses 1 g/s; pauses under 1 s are one pour."""
        above = np.concatenate([[False], landed_kg_s >= 1e-3, [False]])
        changes = np.flatnonzero(np.diff(above))
        spans = [[float(t_s[a]), float(t_s[min(b, len(t_s) - 1)])] for a, b in changes.reshape(-1, 2)]
        joined = spans[:1]
        for on_s, off_s in spans[1:]:
            if on_s - joined[-1][1] < 1.0:
                joined[-1][1] = off_s
            else:
                joined.append([on_s, off_s])
        for on_s, off_s in joined:
            self.glass_truth += [(on_s, "receive_on"), (off_s, "receive_off")]

    # ---------------------------------------------------------------------------------- the glass's hand

    def touch_glass(self) -> None:
        """Steady or shift the glass on the coaster."""
        p = self.person
        self.glass_truth.append((self.clock_s, "disturbed"))
        self.glass_hand.to(self.clock_s, p.between(0.03, 0.15), p.between(0.3, 2.5), 0)
        self.clock_s += p.between(0.3, 1.0)
        self.glass_hand.to(self.clock_s, p.between(0.05, 0.15), 0.0, 0)
        self.clock_s += 0.2

    def knock_glass(self) -> None:
        """Knock against the glass."""
        p = self.person
        self.glass_truth.append((self.clock_s, "disturbed"))
        self.glass_pushes.append(Burst(self.clock_s, p.between(0.04, 0.2), p.between(0.3, 1.5)))
        self.clock_s += 0.25

    def refill(self, to_kg: float) -> None:
        """Take the glass off the coaster, pour it back into the standing cup, set it back."""
        p = self.person
        self.glass_truth.append((self.clock_s, "disturbed"))
        self.glass_hand.to(self.clock_s, 0.08, p.between(0.2, 0.8), 0)
        self.clock_s += p.between(0.15, 0.4)
        self.glass_hand.to(self.clock_s, 0.1, 0.0, 0)
        self.glass.to(self.clock_s, p.between(0.1, 0.3), 0.0)
        self.clock_s += p.between(0.8, 1.2)
        pour_s = np.arange(0.0, 2.0 + STEP_S, 0.02)
        share = (pour_s / 2.0) ** 2 * (3.0 - pour_s)  # smooth, from 0 to 1 in two seconds
        self.mass_t_s += (self.clock_s + pour_s).tolist()
        self.mass_kg += (self.mass_kg[-1] + share * (to_kg - self.mass_kg[-1])).tolist()
        self.clock_s += p.between(2.6, 3.2)
        rest_kg = p.between(0.0, 0.004)
        self.received_t_s += [self.clock_s - 0.5, self.clock_s - 0.4]
        self.received_kg += [self.received_kg[-1], rest_kg]
        self.glass.to(self.clock_s, p.between(0.05, 0.12), 1.0, 3)
        self.glass_pushes.append(Burst(self.clock_s, 0.12, p.between(0.2, 0.8), 24.0))
        self.clock_s += p.between(0.2, 0.4)
