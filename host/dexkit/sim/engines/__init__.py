"""Engines: how a virtual board's Python is run beyond CPython: MicroPython itself, and the official Pico image."""
