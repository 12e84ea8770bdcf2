"""What runs a virtual board's Python beyond CPython: MicroPython itself, and the official Pico image."""
