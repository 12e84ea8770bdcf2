"""The referee at the cup: lifting, holding, carrying, pouring, from the lift until it stands again."""

from typing import ClassVar

from dexkit.assess.profile import ACTS
from dexkit.assess.reading import Reading, Window, moments
from dexkit.score import hold
from dexkit.score.cup import carries
from dexkit.score.measure import Value, values
from dexkit.score.objects import POUR_MEASURES
from dexkit.score.pour import Pours
from dexkit.score.take import Take

#: Words for what the person is at.
PARTS = dict(zip(ACTS, ("pouring", "holding", "carrying", "lifting"), strict=True))


class CupReferee:
    """Reads a trial with the cup; a task's act is pour, hold, carry or lift."""

    #: After the end the cup and the glass are weighed at rest.
    tail_s: ClassVar[float] = 3.0

    def read(self, window: Window) -> Reading:
        """Return what is seen in a window."""
        take = window.take("cup")
        if take is None:
            return Reading()
        profile = window.profile
        act, hold_s = profile.fact("act"), profile.fact("hold_s") if "hold_s" in profile.task else 0.0
        reading = Reading(part=PARTS[act])
        lift_s, poured = None, False
        for kind, _, t_s in moments(take):
            if reading.stop_s is not None:
                break
            if kind == "failed_lift":
                reading.see("failed_lift", t_s)
            elif kind == "lift":
                if reading.start_s is None:
                    reading.start_s = t_s
                elif act == "pour":
                    reading.see("put_between", t_s)
                lift_s = t_s
            elif kind == "pour_on" and lift_s is not None:
                if act != "pour":
                    reading.see("poured", t_s)
                elif not poured:
                    reading.splits["pour_on_s"] = t_s
                poured = True
            elif kind == "pour_off" and act == "pour":
                reading.splits["pour_off_s"] = t_s
            elif kind == "put" and lift_s is not None:
                if act == "hold" and t_s - lift_s < hold_s:
                    reading.see("put_early", t_s, f"{t_s - lift_s:.1f} s of {hold_s:g} s")
                if act != "pour" or poured:
                    reading.stop_s = t_s
        if (
            act == "hold"
            and lift_s is not None
            and reading.stop_s is None
            and window.end_s - lift_s >= hold_s
        ):
            reading.prompt = "put_down"
        self._glass(window, reading)
        if profile.fact("start_rule") == "go":
            reading.start_s = window.go_s
        reading.counts = {"lifted": int(lift_s is not None), "poured": int(poured)}
        return reading

    def _glass(self, window: Window, reading: Reading) -> None:
        """Ask for a hand on the glass between lift and put."""
        glass = window.take("coaster")
        if glass is None or reading.start_s is None or window.profile.fact("act") != "pour":
            return
        end_s = window.end_s if reading.stop_s is None else reading.stop_s
        for kind, _, t_s in moments(glass):
            if kind == "disturbed" and reading.start_s <= t_s < end_s:
                reading.see("glass_touched", t_s)

    def values(self, window: Window) -> tuple[Value, ...]:
        """Return the values of the measures of pouring and holding."""
        cup = self._told_target(window, window.take("cup", tail_s=self.tail_s))
        if cup is None:
            return ()
        found = carries(cup, window.take("coaster", tail_s=self.tail_s))
        pours = Pours(tuple(carry for carry in found if carry.poured), cup.meta)
        holds = Pours(tuple(carry for carry in found if not carry.poured), cup.meta)
        return (*values(POUR_MEASURES, pours), *values(hold.MEASURES, holds))

    def _told_target(self, window: Window, cup: Take | None) -> Take | None:
        """Return the cup's take with the profile's target among its facts."""
        if cup is None or "target_g" not in window.profile.task:
            return cup
        target_g = f"{window.profile.fact('target_g'):g}"
        return Take(
            cup.samples, cup.missing, cup.rate_hz, cup.events, cup.t0_s, {**cup.meta, "target_g": target_g}
        )
