"""Ports, connection, clock and replay."""
