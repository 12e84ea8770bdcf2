"""Races of dexkit against named peers: ``make bench`` prints one table."""
