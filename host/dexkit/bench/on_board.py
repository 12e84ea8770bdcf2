"""The calibration that lies on a board: written there, and fetched from there by another computer."""

import binascii
import time

from dexkit.bench.capture import attached
from dexkit.bench.identity import CALIBRATION_FILE, READ, unique_id
from dexkit.bench.mpremote import Board
from dexkit.errors import InputError, LinkError
from dexkit.link.news import Hello
from dexkit.link.ports import Plug, where
from dexkit.recording.calibration import Calibration, keep, named

#: A board starts in a few seconds; some computers take as long again to see it.
STARTS_S = 20.0


def sealed(calibration: Calibration) -> bytes:
    """Return the file of a calibration as firmware/app/settings.py reads it: its line and its CRC-32."""
    line = calibration.text.encode()
    return line + b"\n%08x\n" % binascii.crc32(line)


def store(plug: Plug, calibration: Calibration) -> Hello:
    """Write a calibration on its board, wholly or not at all; return what the board says after its start.

    Parameters
    ----------
    plug
        Where the board is; nobody else may have its port.
    calibration
        Of this very board.

    Raises
    ------
    InputError
        When it is another board's.
    LinkError
        When the board cannot be reached, does not keep it, or does not name it after its start.
    """
    with Board(where(plug)) as board:
        uid = unique_id(board)
        if uid != calibration.uid:
            raise InputError(
                f"Calibration {calibration.id} is of board {calibration.uid}, but on {plug.url} is {uid}. "
                "Probably two plugs were exchanged. Nothing was written; plug the right board in."
            )
        board.put(CALIBRATION_FILE, sealed(calibration))
        board.reset()
    hello = _started(plug)
    if hello.calibration != calibration.id:
        raise LinkError(
            f"The board keeps calibration {calibration.id}, but says {hello.calibration or 'none'}. Probably "
            "its flash is worn out or its application is older. Try again, or `dexkit flash` it."
        )
    return hello


def fetch(plug: Plug) -> Calibration:
    """Return the calibration that lies on a board, and keep it on this computer.

    Parameters
    ----------
    plug
        Where the board is; nobody else may have its port.

    Raises
    ------
    InputError
        When none is there, or it is damaged.
    LinkError
        When the board cannot be reached.
    """
    with Board(where(plug)) as board:
        try:
            lines = board.run(READ.format(CALIBRATION_FILE)).split("\n")
        finally:
            board.reset()
    if not lines[0]:
        raise InputError(f"The board on {plug.url} was never calibrated: `dexkit calibrate OBJECT` does it.")
    if lines[-1] != f"{binascii.crc32(lines[0].encode()):08x}":
        raise InputError(f"The calibration on {plug.url} is damaged. Calibrate the object again.")
    found = Calibration.read(lines[0], f"The calibration on {plug.url}")
    keep(found)
    return found


def write_known(plug: Plug, calibration_id: str) -> Hello:
    """Write a calibration that this computer knows on its board; return what the board says after its start.

    Parameters
    ----------
    plug
        Where the board is.
    calibration_id
        Which, or its file.

    Raises
    ------
    InputError
        When it is not known, or of another board.
    LinkError
        When the board cannot be reached or does not keep it.
    """
    return store(plug, named(calibration_id))


def _started(plug: Plug) -> Hello:
    """Return the hello of a board that has just been reset; its port may be away for a moment."""
    end_s = time.monotonic() + STARTS_S
    while True:
        try:
            with attached(plug) as connection:
                assert connection.session.hello is not None
                return connection.session.hello
        except LinkError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)  # a port that comes back tells nobody
