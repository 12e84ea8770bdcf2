"""replay:FILE: a recording that plays itself as a board would.

replay:FILE                 at the pace at which it was recorded
replay:FILE?speed=fast      as fast as it is read; the port's `now_ns` is then the time
replay:FILE?object=coaster  the coaster of a recording of a cup
"""

import itertools
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from dexkit.errors import InputError
from dexkit.link.playback import PlaybackBoard, Source, SourceBlock
from dexkit.link.virtual_port import VirtualPort
from dexkit.protocol.blocks import on_the_wire
from dexkit.protocol.tables import BLOCK_MS, STREAMS
from dexkit.recording import Recording, Stream, read


class Serial(VirtualPort):
    """A port whose board is a recording."""

    def switch_on(self, url: str) -> PlaybackBoard:
        """Return the board.

        Parameters
        ----------
        url
            As above.

        Raises
        ------
        InputError
            When the URL says what cannot be done, or the file holds no such object.
        RecordingError
            When the file is no recording.
        """
        path, _, query = url.partition("://")[2].partition("?")
        options = dict(parse_qsl(query))
        kind, speed = options.pop("object", ""), options.pop("speed", "paced")
        if options or speed not in ("paced", "fast"):
            raise InputError(
                f"{url} cannot be played: after the ? stand speed=fast or object=..., joined by &."
            )
        self.paced = speed == "paced"
        recording = read(Path(path), as_stored=True)
        return board_of(recording, kind or recording.object_kind, path)


def board_of(recording: Recording, kind: str, name: str) -> PlaybackBoard:
    """Return a board that plays one object of a recording.

    Parameters
    ----------
    recording
        Of one of dexkit's objects.
    kind
        Which object in it.
    name
        What to call the file in a message.

    Raises
    ------
    InputError
        When it holds no stream of such an object.
    """
    sources = {
        stream.name: source_of(stream)
        for stream in recording.streams.values()
        if stream.name in STREAMS and stream.name.startswith(f"{kind}/") and len(stream.t_s)
    }
    if not sources:
        raise InputError(
            f"{name} holds no samples of a {kind} as a board sends them, so it cannot be played. Choose a "
            "recording of one of dexkit's objects."
        )
    uid = recording.meta.get("uid" if kind == recording.object_kind else f"{kind}_uid", f"replay-{kind}")
    return PlaybackBoard(kind, sources, uid=uid)


def source_of(stream: Stream) -> Source:
    """Return the blocks of a stream; a block ends where there is a gap.

    Parameters
    ----------
    stream
        One of the schema's.
    """
    facts = STREAMS[stream.name]
    period_s = 1.0 / facts.rate_hz
    rows = max(int(BLOCK_MS / 1000 * facts.rate_hz), 1)
    periods = np.rint(np.diff(stream.t_s, prepend=stream.t_s[0]) / period_s).astype(int)
    edges = [0, *np.flatnonzero(periods > 1).tolist(), len(periods)]
    starts = [start for edge, end in itertools.pairwise(edges) for start in range(edge, end, rows)]
    lost = np.cumsum(np.maximum(periods - 1, 0))
    ends = [*starts[1:], len(periods)]
    first_us = np.rint(1e6 * stream.t_s).astype(np.int64)
    payload = on_the_wire(facts, stream.values)
    width = facts.row_dtype.itemsize
    blocks = [
        SourceBlock(
            int(first_us[start]),
            int(first_us[end - 1]) + round(1e6 * period_s),
            payload[start * width : end * width],
            int(lost[start]),
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    return lambda number: blocks[number] if number < len(blocks) else None
