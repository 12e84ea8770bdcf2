"""Says what share of a core the monitor takes with the whole kit in real time: `make bench-monitor`.

Each virtual board runs in a process of its own behind a TCP port, the monitor in another one on a pseudo
terminal, as `dexkit monitor` runs over ssh. Words: seconds, then sizes such as 80x24.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

OBJECTS = ("cup", "coaster", "button_board", "pegboard")
SECONDS = 20.0
SIZES = ("80x24", "200x56")
#: Starting Python, Textual and the sessions is not what a monitor costs.
SETTLE_S = 5.0
GOAL = 0.15
#: Traces move on ten times a second at these sizes, contacts and numbers in between; with fewer pictures than
#: that the machine was too busy to measure.
LEAST_HZ = 10.0
#: Textual asks whether a terminal shows a picture at once; one that does is told where each begins.
ASKED, YES, PICTURE = b"\x1b[?2026$p", b"\x1b[?2026;2$y", b"\x1b[?2026h"


def main() -> int:
    """Measure at each size and print a line for it."""
    words = sys.argv[1:]
    seconds = float(words.pop(0)) if words and "x" not in words[0] else SECONDS
    reached = True
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(_board(kind)) for kind in OBJECTS]
        for size in words or SIZES:
            share, pictures_hz, bytes_s = _measure(urls, size, seconds)
            reached &= share <= GOAL and pictures_hz >= LEAST_HZ
            print(
                f"monitor at {size}, {len(urls)} boards, {seconds:g} s: {100 * share:.1f} % of a core "
                f"(goal {100 * GOAL:.0f} %), {pictures_hz:.1f} pictures/s, {bytes_s / 1e3:.0f} kB/s"
            )
            if pictures_hz < LEAST_HZ:
                print("  too few pictures: the machine was busy with something else, measure again")
    return 0 if reached else 1


@contextlib.contextmanager
def _board(kind: str) -> Iterator[str]:
    """Switch a virtual board on whose person never rests long; yield its port."""
    command = [sys.executable, "-m", "dexkit", "sim", "--object", kind, "--tcp", "0", "--again-s", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"socket://\S+", said)
            if found is None:
                raise SystemExit(f"The virtual {kind} did not start: {said}")
            yield found[0]
        finally:
            process.terminate()


def _measure(urls: list[str], size: str, seconds: float) -> tuple[float, float, float]:
    """Run the monitor in a terminal of a size; return its share of a core, pictures/s and bytes/s."""
    columns, lines = map(int, size.split("x"))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    ports = [word for url in urls for word in ("--port", url)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dexkit", "monitor", *ports],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    _read(master, SETTLE_S)
    before_s, began_s = _used_s(process.pid), time.monotonic()
    pictures, sent = _read(master, seconds)
    lasted_s = time.monotonic() - began_s
    used_s = _used_s(process.pid) - before_s
    os.write(master, b"q")
    while process.poll() is None:  # who reads no more holds up who writes
        _read(master, 0.1)
    os.close(master)
    if process.returncode != 0:
        raise SystemExit(f"The monitor ended with {process.returncode}.")
    return used_s / lasted_s, pictures / lasted_s, sent / lasted_s


def _read(master: int, seconds: float) -> tuple[int, int]:
    """Be the terminal for a while; return how many pictures and bytes came."""
    pictures = sent = 0
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        if select.select([master], [], [], left_s)[0]:
            try:
                data = os.read(master, 1 << 16)
            except OSError:  # the monitor has ended
                break
            if ASKED in data:
                os.write(master, YES)
            pictures += data.count(PICTURE)
            sent += len(data)
    return pictures, sent


def _used_s(process: int) -> float:
    """Return the processor time that a process has used (Linux)."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
