"""Every error dexkit raises on purpose; each message says what happened, the likely cause, the next step."""


class DexkitError(Exception):
    """Root of all errors that dexkit raises on purpose."""


class InputError(DexkitError):
    """The caller passed data that cannot be used: wrong shape, rate, column or range."""


class RecordingError(DexkitError):
    """A file is not a recording, or it is one that cannot be read even in part."""


class ProtocolError(DexkitError):
    """Two sides do not speak the same protocol."""


class LinkError(DexkitError):
    """A board cannot be reached, or does not do what it was asked to."""


class StoreError(DexkitError):
    """The records cannot be opened, read or written, or somebody has changed them."""
