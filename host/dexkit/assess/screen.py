"""What a person sees and hears while a test runs: plain data, for a terminal and a web page alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """A key that can be pressed now.

    Parameters
    ----------
    key
        One character; ``space`` for the bar.
    word
        What it does.
    """

    key: str
    word: str


@dataclass(frozen=True)
class Screen:
    """One screen.

    Parameters
    ----------
    stage
        ``ready`` (before a trial), ``waiting`` (for the word), ``running``, ``over`` (is being settled),
        ``result``, ``choose``, ``trouble``, ``done``.
    title, heading
        The test; the hand, and which trial it is.
    lines
        What to show, for the therapist.
    say
        What to say to the person; said once whenever it changes.
    picture
        Id of a picture, see `dexkit.assess.words.picture`; empty for none.
    clock_s
        What the big clock shows; None for no clock.
    counts
        (word, number) of how far the person came.
    rulings
        In words, the newest last.
    question, answers
        What the therapist is asked, and what each number key answers.
    wants_text
        Whether the question is answered in words of one's own.
    keys
        What can be pressed besides.
    results
        One line for each finished trial.
    """

    stage: str
    title: str = ""
    heading: str = ""
    lines: tuple[str, ...] = ()
    say: str = ""
    picture: str = ""
    clock_s: float | None = None
    counts: tuple[tuple[str, int], ...] = ()
    rulings: tuple[str, ...] = ()
    question: str = ""
    answers: tuple[str, ...] = ()
    wants_text: bool = False
    keys: tuple[Key, ...] = ()
    results: tuple[str, ...] = ()
