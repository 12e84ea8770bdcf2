"""Recordings: the truth from which every score can be computed again."""

from dexkit.recording.blocks import StreamPlan
from dexkit.recording.model import BoardClock, Losses, Recording, Stream
from dexkit.recording.reader import read, recover
from dexkit.recording.table import table
from dexkit.recording.timing import probes_plan
from dexkit.recording.writer import Writer, write

__all__ = [
    "BoardClock",
    "Losses",
    "Recording",
    "Stream",
    "StreamPlan",
    "Writer",
    "probes_plan",
    "read",
    "recover",
    "table",
    "write",
]
