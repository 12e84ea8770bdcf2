"""Commands: one printable line each, from the host to a board."""

import re
import zlib
from typing import NamedTuple

from dexkit.errors import ProtocolError
from dexkit.protocol.tables import COMMAND_BYTES, COMMANDS

WORD = rb"[!-)+-~]+"  # printable, no blank, no *
LINE = re.compile(rb"@(?P<body>(?P<number>[0-9]{1,5})(?P<words>(?: %b)+))\*(?P<crc>[0-9a-f]{8})\r?\n?" % WORD)


class Command(NamedTuple):
    """One command to a board."""

    number: int  # comes back in the reply
    word: str
    arguments: tuple[str, ...] = ()


def encode_command(command: Command) -> bytes:
    """Return the line of a command, as docs/protocol.md describes it.

    Raises
    ------
    ProtocolError
        When there is no such command, or it cannot stand in a line.
    """
    body = " ".join((str(command.number), command.word, *command.arguments))
    line = f"@{body}*{zlib.crc32(body.encode()):08x}\n".encode()
    if len(line) > COMMAND_BYTES or decode_command(line) != command:
        raise ProtocolError(
            f"The command {body!r} does not fit in a line. Probably an argument contains a blank or there "
            f"are more than {COMMAND_BYTES} bytes. Send short arguments without blanks."
        )
    return line


def decode_command(line: bytes) -> Command:
    """Return the command in a line, its end included or not.

    Raises
    ------
    ProtocolError
        When it is no command, its checksum is wrong, or nobody knows it.
    """
    match = LINE.fullmatch(line)
    if not match or int(match["number"]) > 65535 or zlib.crc32(match["body"]) != int(match["crc"], 16):
        raise ProtocolError(
            f"{line[:COMMAND_BYTES]!r} is no command or its checksum is wrong; probably it was damaged on "
            "its way. Send it again."
        )
    word, *arguments = match["words"].decode("ascii").split()
    if word not in COMMANDS:
        raise ProtocolError(f"There is no command {word!r}; known are: {', '.join(COMMANDS)}.")
    return Command(int(match["number"]), word, tuple(arguments))
