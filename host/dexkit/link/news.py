"""What a session tells: who the board is, its blocks in order, gaps, replies, clock probes, silence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import ProtocolError
from dexkit.link.clock import Probe
from dexkit.protocol.blocks import in_nominal_units
from dexkit.protocol.tables import FIELDS, SCHEMA_HASH, STREAMS


@dataclass(frozen=True)
class Hello:
    """Who a board is, as docs/protocol.md describes it.

    Parameters
    ----------
    object_kind
        ``cup``, ``coaster``, ``button_board`` or ``pegboard``; what an unknown board says.
    uid
        Its unique id, hexadecimal.
    firmware
        Version of its application.
    schema
        SHA-256 of the schema that its firmware was built with.
    boot
        The same number means that sequences and ticks go on.
    streams
        Rate of each stream in Hz.
    calibration
        Id of its calibration, or None.
    said
        All that it said.
    """

    object_kind: str
    uid: str
    firmware: str
    schema: str
    boot: int
    streams: Mapping[str, float]
    calibration: str | None
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, payload: bytes) -> "Hello":
        """Return what the payload of a hello says.

        Parameters
        ----------
        payload
            JSON.

        Raises
        ------
        ProtocolError
            When it is no hello as the schema describes it.
        """
        try:
            said = json.loads(payload)
            calibration = said.get("calibration")
            streams = said.get("streams") or {}
            return cls(
                str(said["object"]),
                str(said["uid"]),
                str(said["firmware"]),
                str(said["schema"]),
                int(said.get("boot", 0)),
                {str(name): float(rate) for name, rate in streams.items()},
                None if calibration is None else str(calibration),
                said,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(
                f"The board's hello cannot be read ({error!r}). Probably it runs something else than dexkit, "
                "or a very different version. Put the firmware of this dexkit on it with `dexkit flash`."
            ) from None

    @property
    def ailing(self) -> dict[str, str]:
        """Return in words what is wrong with which sensor."""
        sensors = self.said.get("sensors")
        sensors = sensors if isinstance(sensors, dict) else {}
        return {str(name): str(state) for name, state in sensors.items() if state != "ok"}

    def unfit(self, known: "Hello | None", port: str) -> str:
        """Return why nothing can be done with this board, and the next step; empty when all is well.

        Parameters
        ----------
        known
            The board that was on this port before.
        port
            What to call the port.
        """
        if self.schema != SCHEMA_HASH:
            return (
                f"The {self.object_kind} {self.uid} on {port} speaks another version of the protocol (its "
                f"firmware is {self.firmware}). Put this dexkit's firmware on it: dexkit flash {port}"
            )
        if known is not None and known.uid != self.uid:
            return (
                f"Another board answers on {port} now: {self.object_kind} {self.uid} instead of "
                f"{known.object_kind} {known.uid}. Probably two plugs were exchanged. Plug the first one in "
                "again."
            )
        return ""


@dataclass(frozen=True)
class Attached:
    """The board has said who it is, and its blocks follow.

    Parameters
    ----------
    hello
        Who it is.
    again
        Whether sequences and ticks go on: the connection was away, the board was not.
    """

    hello: Hello
    again: bool


@dataclass(frozen=True)
class Refused:
    """Nothing can be done with this board; the reason says what happened and the next step."""

    hello: Hello | None
    reason: str


@dataclass(frozen=True)
class Block:
    """The next block of a stream: each comes once, in order.

    Parameters
    ----------
    stream
        Name as in the schema.
    sequence
        Its number since the board's start, unwrapped.
    tick_us
        The board's clock at the first row, unwrapped.
    lost
        Samples that the board could not take or keep since its start.
    payload
        The rows as they stand on the wire.
    """

    stream: str
    sequence: int
    tick_us: int
    lost: int
    payload: bytes

    @property
    def values(self) -> NDArray[np.float32]:
        """Return float32 (rows, columns) in nominal units."""
        return in_nominal_units(STREAMS[self.stream], self.payload)

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return len(self.payload) // STREAMS[self.stream].row_dtype.itemsize


@dataclass(frozen=True)
class Gap:
    """Blocks that will not come: a fact for the recording.

    Parameters
    ----------
    stream
        Name as in the schema.
    blocks
        How many; None when nobody can know, since the board has started anew.
    reason
        One sentence.
    """

    stream: str
    blocks: int | None
    reason: str


@dataclass(frozen=True)
class Reply:
    """The answer to a command, or that there is none.

    Parameters
    ----------
    number
        The command's.
    word
        The command.
    ok
        Whether it was done.
    error
        What happened, the likely cause, the next step.
    value
        What was set or measured.
    """

    number: int
    word: str
    ok: bool
    error: str
    value: Any


@dataclass(frozen=True)
class Heartbeat:
    """How the board does: fields as in docs/protocol.md."""

    tick_us: int
    fields: Mapping[str, int]


@dataclass(frozen=True)
class Log:
    """A line for people."""

    text: str


@dataclass(frozen=True)
class Silent:
    """Nothing has been heard for a while."""

    seconds: float


News = Attached | Refused | Block | Gap | Reply | Probe | Heartbeat | Log | Silent


@dataclass
class Counts:
    """What became of the frames of a session.

    Parameters
    ----------
    blocks, rows
        Given out, each once.
    repeated
        Blocks that came although they had come before.
    bad
        Frames that were damaged.
    gaps, gone
        Gaps, and the blocks that are missing in those whose length is known.
    boots, connections
        How often the board has started, and how often a connection was opened.
    """

    blocks: int = 0
    rows: int = 0
    repeated: int = 0
    bad: int = 0
    gaps: int = 0
    gone: int = 0
    boots: int = 0
    connections: int = 0


def numbers(message: str, payload: bytes) -> dict[str, int]:
    """Return the fields of a message whose payload is little-endian u32.

    Parameters
    ----------
    message
        Its name.
    payload
        Its bytes; fields that are missing at the end are left out.
    """
    values = np.frombuffer(payload[: len(payload) // 4 * 4], "<u4").tolist()
    return dict(zip(FIELDS[message], values, strict=False))
