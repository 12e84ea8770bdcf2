"""The tests a person does with the cup: pours with refills, item 14, one drink."""

from collections.abc import Mapping

import numpy as np

from dexkit.sim.cup_plan import CUP_KG, GLASS_KG, GRAVITY_MS2, CupPlan
from dexkit.sim.liquid import FULL_KG, spill_deg
from dexkit.sim.person import Fact, Person
from dexkit.sim.script import scripted_cup

#: Healthy phases of drinking: reach, forward, drink, back, return (medians of eight controls,
#: jneuroengrehab 7:41 table 2), scaled to the whole of 163 open trials (6.37 s).
DRINK_PHASES_S = tuple(phase * 6.37 / 6.02 for phase in (1.04, 0.91, 1.37, 1.42, 1.28))


def act(
    person: Person, seed: int, test: str, cycles: int, script: Mapping[str, int] | None = None
) -> tuple[CupPlan, dict[str, Fact]]:
    """Let a person do a test with the cup, by a script where there is one; return plan and true numbers.

    ``total_s`` is the whole of a drink, and the mean time from lift to put of pours.
    """
    if test == "drink":
        plan, total_s = drink(person, seed)
    else:
        if script is not None or test in ("hold", "carry"):
            plan = scripted_cup(person, seed, test, script or {})
        else:
            plan = pour_cycles(person, seed, 1 if test == "ftm14" else cycles, clinical=test == "ftm14")
        moments = {kind: [t_s for t_s, name in plan.cup_truth if name == kind] for kind in ("lift", "put")}
        total_s = float(np.mean(np.subtract(moments["put"], moments["lift"]))) if moments["lift"] else 0.0
    counts = {
        f"{kind}s": float(sum(name == kind for _, name in plan.cup_truth))
        for kind in ("lift", "bump", "failed_lift")
    }
    return plan, {
        "total_s": total_s,
        "peak_speed_ms": float(plan.speed_ms(np.arange(0.0, plan.clock_s, 0.005)).max()),
        "cup_kg": CUP_KG,
        "glass_kg": GLASS_KG,
        "full_g": 1000.0 * plan.mass_kg[0],
        "weight_n": (CUP_KG + plan.mass_kg[0]) * GRAVITY_MS2,
        "poured_g": sum(plan.poured_g),
        "poured_g_each": tuple(plan.poured_g),
        "received_g": sum(plan.landed_g),
        "received_g_each": tuple(plan.landed_g),
        "spilled_g": sum(plan.poured_g) - sum(plan.landed_g) if plan.landed_g else 0.0,
        **counts,
    }


def pour_cycles(person: Person, seed: int, cycles: int, clinical: bool = False) -> CupPlan:
    """Plan this many pours from the cup into the glass, with refills; clinical: all liquid, no mishaps."""
    plan = CupPlan(person, seed)
    pace = person.severity.cup_pace
    plan.wait(1.5, 2.5)
    for cycle in range(cycles):
        tired = person.tired(cycle / cycles)
        plan.wait(0.8, 2.0)
        if not clinical:
            if person.chance(person.severity.bump):
                plan.bump()
                plan.wait(0.8, 1.5)
            if person.chance(0.25):
                (plan.touch_glass if person.chance(0.6) else plan.knock_glass)()
                plan.wait(0.8, 1.5)
            if person.chance(person.severity.failed_lift):
                plan.failed_lift()
                plan.wait(0.6, 1.2)
        plan.lift()
        plan.move(person.lasting(0.8 * pace * tired), 0.25, 0.06, over_m=0.08)
        plan.wait(0.4, 0.8)
        leave_kg = 0.004 if clinical else person.between(0.1, 0.45) * plan.mass_kg[-1]
        plan.pour(leave_kg, person.between(0.035, 0.055) / (0.6 + 0.4 * pace))
        plan.wait(0.1, 0.4)
        plan.move(person.lasting(0.8 * pace * tired), -0.25, -0.06, over_m=0.05)
        plan.put()
        plan.wait(0.8, 1.5)
        if cycle + 1 < cycles:
            plan.wait(0.6, 1.0)
            plan.refill(FULL_KG * person.between(0.75, 1.0))
            plan.wait(0.5, 1.0)
    plan.wait(1.0, 2.0)
    return plan


def drink(person: Person, seed: int) -> tuple[CupPlan, float]:
    """Plan one drink; return it and its true total time from the hand's start to the hand's return."""
    plan = CupPlan(person, seed)
    pace = person.severity.drink_pace
    plan.mass_kg[0] = 0.1
    plan.wait(2.0, 3.0)
    start_s = plan.clock_s
    reach_s, forward_s, drink_s, back_s, return_s = (
        person.lasting(phase * pace, 0.08) for phase in DRINK_PHASES_S
    )
    plan.clock_s += reach_s - 0.2
    plan.lift()
    plan.move(start_s + reach_s + forward_s - plan.clock_s, 0.20, 0.20)
    tilt_s = plan.clock_s
    plan.up_m.reach(tilt_s, drink_s, 0.05, 2, person.rng)  # the hand goes on while the cup turns
    plan.forward_m.reach(tilt_s, drink_s, 0.04, 2, person.rng)
    sip_deg = spill_deg(plan.mass_kg[-1]) + 3.0
    plan.turn(0.40 * drink_s, sip_deg, person.submovements())
    plan.turn(0.25 * drink_s, sip_deg + 2.0)
    plan.turn(0.35 * drink_s, 0.0, person.submovements())
    plan.flow(tilt_s, plan.clock_s, into_glass=False)
    plan.move(back_s, -0.24, -0.25)
    end_s = plan.clock_s + return_s
    plan.put()
    plan.clock_s = end_s + 1.5
    return plan, end_s - start_s
