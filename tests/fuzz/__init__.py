"""Throws damaged bytes and odd samples at the C core: ``make fuzz``."""
