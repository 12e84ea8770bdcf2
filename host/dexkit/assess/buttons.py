"""The referee at the button board: which buttons are fastened and unfastened, and in which order."""

from typing import ClassVar

from dexkit.assess.reading import Reading, Window, moments
from dexkit.score.buttons import BUTTONS, MEASURES, Board
from dexkit.score.measure import Value, values


class ButtonReferee:
    """Reads a trial at the button board; a task names its buttons, or has all of them."""

    tail_s: ClassVar[float] = 0.0

    def read(self, window: Window) -> Reading:
        """Return what is seen in a window."""
        take = window.take("button_board")
        if take is None:
            return Reading()
        profile, reading = window.profile, Reading(part="fastening")
        wanted = set(profile.fact("buttons")) if "buttons" in profile.task else set(range(BUTTONS))
        opens = profile.fact("stop") == "all_opened"
        board = Board(take)
        if profile.fact("start_rule") == "go":
            reading.start_s = window.go_s
        else:
            reading.start_s = board.start_s
        fastened: dict[int, float] = {}
        closed: set[int] = set()
        for kind, button, t_s in moments(take):
            if button not in wanted or kind not in ("seated", "opened") or reading.stop_s is not None:
                continue
            if kind == "seated":
                if button not in fastened:
                    if fastened and button < max(fastened):
                        reading.see("wrong_order", t_s, f"button {button}")
                    fastened[button] = t_s
                elif button not in closed and "fastened_s" not in reading.splits:
                    reading.see("came_undone", t_s, f"button {button}")
                closed.add(button)
            else:
                closed.discard(button)
            if kind == "seated" and len(fastened) == len(wanted) and "fastened_s" not in reading.splits:
                reading.splits["fastened_s"] = t_s
                reading.stop_s = None if opens else t_s
            elif opens and "fastened_s" in reading.splits and not closed:
                reading.stop_s = t_s
        if "fastened_s" in reading.splits:
            reading.part = "unfastening"
            reading.prompt = "open_again" if opens and len(closed) == len(wanted) else ""
        reading.counts = {"fastened": len(fastened), "still_closed": len(closed), "buttons": len(wanted)}
        return reading

    def values(self, window: Window) -> tuple[Value, ...]:
        """Return the values of the button board's measures."""
        take = window.take("button_board")
        return () if take is None else values(MEASURES, Board(take))
