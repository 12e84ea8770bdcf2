"""Standardised timed tests: profiles as data, a referee, the words to say, and which trial counts."""

from dexkit.assess.profile import Profile, load_profile, profile_ids
from dexkit.assess.referee import Referee, State, judge
from dexkit.assess.trial import Mark, Ruling, Score, Seat, Trial, Verdict

__all__ = [
    "Mark",
    "Profile",
    "Referee",
    "Ruling",
    "Score",
    "Seat",
    "State",
    "Trial",
    "Verdict",
    "judge",
    "load_profile",
    "profile_ids",
]
