"""Recordings: the truth from which every score can be computed again."""

from dexkit.recording.blocks import StreamPlan
from dexkit.recording.model import Losses, Recording, Stream
from dexkit.recording.reader import read, recover
from dexkit.recording.table import table
from dexkit.recording.writer import CLOCK_PROBES, Writer, write

__all__ = [
    "CLOCK_PROBES",
    "Losses",
    "Recording",
    "Stream",
    "StreamPlan",
    "Writer",
    "read",
    "recover",
    "table",
    "write",
]
