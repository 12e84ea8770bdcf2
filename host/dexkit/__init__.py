"""Instrumented everyday objects that measure how a hand recovers: record, segment, score."""

from dexkit.errors import DexkitError, InputError, ProtocolError, RecordingError
from dexkit.protocol.frames import decode

__version__ = "0.1.0"

__all__ = ["DexkitError", "InputError", "ProtocolError", "RecordingError", "__version__", "decode"]
