"""A Node child that asks while Python answers: one message at a time, each <u32 length> <bytes>."""

import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence

from dexkit.errors import DexkitError

#: A child that asks nothing is looked at this often.
LOOK_S = 0.2


class ProgramError(DexkitError):
    """What runs the board broke; the message is what it said."""


def serve(command: Sequence[str], answer: Callable[[bytes], bytes], well: Sequence[int] = (0,)) -> int:
    """Run a child and answer what it asks until it ends; whatever `answer` raises ends it.

    Returns its exit code, one of those that say that all is well.

    Raises
    ------
    ProgramError
        When the child fails.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as child:
        assert child.stdin and child.stdout and child.stderr
        said: list[bytes] = []
        listener = threading.Thread(target=said.extend, args=(child.stderr,), daemon=True)
        listener.start()
        asked, told = child.stdout.fileno(), child.stdin.fileno()
        try:
            while request := _message(asked):
                reply = answer(request)
                os.write(told, struct.pack("<I", len(reply)) + reply)
        except BaseException:
            child.kill()
            raise
        finally:
            child.stdin.close()
            code = child.wait()
            listener.join()
    if code not in well:
        words = b"".join(said).decode(errors="replace").strip()
        raise ProgramError(f"What runs the board ended with {code}. It said: {words or 'nothing'}")
    return code


def _message(pipe: int) -> bytes:
    """Read one message, nothing at the end; a thread that waits here can be struck."""
    data, size = b"", 4
    while len(data) < size:
        while not select.select([pipe], [], [], LOOK_S)[0]:
            pass
        more = os.read(pipe, 1 << 16)  # the child waits for its answer, so no other message follows
        if not more:
            return b""
        data += more
        if len(data) >= 4:
            size = 4 + struct.unpack_from("<I", data)[0]
    return data[4:]
