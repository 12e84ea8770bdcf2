"""Measures: from events and samples to numbers with a unit, a source and a version."""
