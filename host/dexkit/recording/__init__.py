"""Recordings: the truth from which every score can be computed again."""
