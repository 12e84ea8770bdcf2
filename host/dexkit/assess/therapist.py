"""Who presses the keys of a test when nobody is there to do it."""

from dexkit.assess.screen import Screen


class Therapist:
    """Presses keys by itself: for a demonstration, and where nobody can press any.

    Parameters
    ----------
    go_s
        The word is said so long after the recording's start.
    answers
        Whether questions get their first answer; else they stay open, since nobody knows.
    """

    def __init__(self, go_s: float = 1.0, answers: bool = True) -> None:
        self.go_s, self.answers = go_s, answers

    def key(self, screen: Screen, now_s: float) -> str:
        """Return the key to press on a screen; empty for none.

        Parameters
        ----------
        screen
            What is shown.
        now_s
            Seconds since the recording's start; 0 between recordings.
        """
        if screen.question and self.answers:
            return "1"
        if screen.stage in ("ready", "result"):
            return "space"
        return "space" if screen.stage == "waiting" and now_s >= self.go_s else ""
