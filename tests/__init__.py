"""Tests prove behaviour through public faces."""
