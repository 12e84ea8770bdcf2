"""The rings: one firmware on CPython, MicroPython and a Pico; `python -m tests.rings` writes the figures.

Every turn of the loop runs with the heap locked, so that one allocation ends the program. On CPython and
MicroPython the same script of host bytes brings the same bytes, to the last one. The Pico has a time of its
own, so there each decoded sample is held against what its chip converted.
"""

import random
import sys
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dexkit.hardware import load
from dexkit.protocol.tables import STREAMS
from dexkit.sim.engines import image, node, pico
from tests.board import Host

PAGE = Path(__file__).resolve().parent.parent / "docs" / "firmware-figures.md"
KINDS = ("cup", "coaster", "button_board", "pegboard")
#: What a board may spend: of its time, and of its heap.
MOST_BUSY, LEAST_FREE_BYTES = 0.60, 60_000

#: The object's firmware; each turn, with the pings and acks that come in it, may not allocate.
PROGRAM = """
import micropython
from app import main

plain_loop = main.make_loop


def locked_loop(kind):
    loop = plain_loop(kind)
    turn, hear, command = loop.turn, loop.answers.hear, loop.answers.command
    loop.port.read_line()  # a poll makes its tuple when it is first asked
    loop.port.has_room()

    def locked_turn():
        micropython.heap_lock()
        try:
            return turn()
        finally:
            micropython.heap_unlock()

    def locked_hear(loop):
        if command.word_is(b"ack"):
            return hear(loop)
        micropython.heap_unlock()
        try:
            return hear(loop)
        finally:
            micropython.heap_lock()

    loop.turn, loop.answers.hear = locked_turn, locked_hear
    return loop


main.make_loop = locked_loop
main.run(KIND)
"""


def program(kind):
    """Return the main program of an object whose loop may not allocate."""
    return PROGRAM.replace("KIND", repr(kind))


class Spy:
    """Stands between a chip and its world, and keeps what the chip converted."""

    def __init__(self, feed):
        self.feed, self.rows = feed, []

    def row(self, *when):
        """Return what the world says, and keep it."""
        values = self.feed.row(*when)
        self.rows.append(np.array(values, dtype=float))
        return values


class Ring(Host):
    """A host that speaks with a board on some engine, and spies on its chips."""

    def __init__(self, kind, engine, locked=True, **settings):
        super().__init__(kind, engine=engine, program=program(kind) if locked else None, **settings)
        self.spies = {}
        for name, chip in self.board.chips.items():
            if hasattr(chip, "feed"):
                chip.feed = self.spies[name] = Spy(chip.feed)

    def play(self, seconds, step_s=0.2):
        """Let time go on; ping, and acknowledge what came."""
        for _ in range(round(seconds / step_s)):
            self.wait(step_s)
            self.send("ping")
            for stream in {message.stream for message in self.messages if message.kind == "samples"}:
                self.send("ack", stream, max(m.sequence for m in self.of("samples", stream)) + 1)


def script(kind, engine, seconds):
    """Play the same script on an engine; return the board's bytes and how long that took.

    Every frame is decoded again on the way, so equal messages are equal bytes but for padding; the bytes are
    what is compared.
    """
    with Ring(kind, engine) as ring:
        said = bytearray()
        push = ring._decoder.push
        ring._decoder.push = lambda data: (said.extend(data), push(data))[1]
        ring.wake()
        began = time.monotonic()
        ring.ask("start", seconds=0.2)
        ring.play(seconds)
        ring.ask("identify")
        ring.ask("stop", seconds=0.2)
        return bytes(said), time.monotonic() - began


def wrong_samples(ring, kind):
    """Return how many load and motion samples were compared, and how many differ from what was converted."""
    compared = wrong = 0
    for sensor in load(kind).sensors.values():
        if sensor.name not in ring.spies:
            continue
        facts = STREAMS[sensor.stream]
        columns = [facts.columns.index(channel) for channel in sensor.channels]
        scales = np.array(facts.scales)[columns]
        counts = np.rint(np.array(ring.spies[sensor.name].rows) / scales)
        at = 0
        for message in ring.of("samples", sensor.stream):
            rows = np.frombuffer(message.payload, facts.row_dtype)
            for row in rows:
                values = np.array([row[facts.columns[k]] for k in columns], dtype=float)
                found = np.nonzero((np.abs(counts[at : at + 400] - values) <= 1).all(axis=1))[0]
                compared += 1
                if len(found):
                    at += int(found[0])
                else:
                    wrong += 1
    return compared, wrong


@dataclass
class Talk:
    """What it cost a board on the Pico to be spoken to at any moment."""

    kind: str
    lines: int = 0
    starts: int = 0
    lost: int = 0
    longest_ms: float = 0.0


def talk(ring, kind, seed, starts=6, lines=8):
    """Start a board again and again and speak to it at random moments: no sample may be lost by that.

    A start or a stop collects garbage, which takes longer than a load waits: so few lines between them.
    """
    chance, told, begun = random.Random(seed), Talk(kind, starts * lines, starts), len(ring.messages)
    streams = [name for name in STREAMS if name.startswith(f"{kind}/")]
    (cell, *_) = [s.channels[0] for s in load(kind).sensors.values() if s.chip == "nau7802"]

    def ack(mask=False):
        stream = chance.choice(streams)
        last = max(m.sequence for m in ring.of("samples", stream))
        ring.send("ack", stream, *((max(last - 33, 0), f"{chance.getrandbits(32):x}") if mask else (last,)))

    def unknown():
        body = b"77 dance until the end"
        ring.board.send(b"@%b*%08x\n" % (body, zlib.crc32(body)))

    says = (
        lambda: ring.send("ping"),
        ack,
        lambda: ack(mask=True),
        lambda: ring.send("hello"),
        lambda: ring.send("identify"),
        lambda: ring.send("guide", 0, "00ff17"),
        lambda: ring.send("tare", cell),
        lambda: ring.send("set", "brightness", 9),
        lambda: ring.send("start"),
        unknown,
        lambda: ring.board.send(chance.randbytes(chance.randrange(100)).translate(None, b"\x03")),
    )
    lost = dict.fromkeys(streams, 0)
    lost |= {m.stream: m.lost for m in ring.messages if m.kind == "samples"}
    for _ in range(starts):
        ring.wait(0.1 * chance.random())
        ring.ask("start", seconds=0.15)
        for _ in range(lines):
            chance.choice(says)()
            ring.wait(0.1 * chance.random())
        ring.ask("stop", seconds=0.15)
    for message in ring.messages[begun:]:
        if message.kind == "samples":
            told.lost += max(message.lost - lost[message.stream], 0)
            lost[message.stream] = max(message.lost, lost[message.stream])
        elif message.kind == "heartbeat":
            told.longest_ms = max(told.longest_ms, message.said["longest_loop_us"] / 1000)
    return told


@dataclass
class Figures:
    """What one object's board needs on the Pico."""

    kind: str
    boot_s: float = 0.0
    free_bytes: int = 0
    flash_bytes: int = 0
    busy: dict[str, float] = field(default_factory=dict)
    longest_ms: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    jitter_us: dict[str, tuple[float, float]] = field(default_factory=dict)
    compared: int = 0
    wrong: int = 0
    talk: Talk | None = None


def jitter(messages):
    """Return rms and largest deviation, in us, of the ticks of blocks from an even pace."""
    index, ticks, row = [], [], 0
    for message in messages:
        index.append(row + message.lost - messages[0].lost)
        ticks.append(message.tick_us)
        row += message.rows
    fit = np.polyfit(index, ticks, 1)
    off_us = np.array(ticks) - np.polyval(fit, index)
    return float(np.sqrt(np.mean(off_us**2))), float(np.max(np.abs(off_us)))


def measure(kind, seconds=2.4):
    """Measure one object on the Pico: nothing sampled, each stream alone, then all of them."""
    figures = Figures(kind)
    # As it is shipped: a locked heap is faster, since calls with many names then stay on the stack.
    with Ring(kind, "pico", locked=False) as ring:
        ring.wake(20.0)
        figures.boot_s = ring.board.desk.now_us / 1e6
        figures.flash_bytes = sum(map(len, image.application("").values()))
        streams = [name for name in STREAMS if name.startswith(f"{kind}/")]
        for names in ([], *([name] for name in streams), streams):
            ring.ask("hello")
            if names:
                ring.ask("start", *names, seconds=0.2)
            before = len(ring.messages)
            ring.play(seconds * (1 if len(names) < len(streams) else 2))
            beats = [m.said for m in ring.messages[before:] if m.kind == "heartbeat"][1:]
            label = "none" if not names else names[0] if len(names) == 1 < len(streams) else "all"
            figures.busy[label] = max(beat["busy_permille"] for beat in beats) / 1000
            figures.free_bytes = beats[-1]["free_bytes"]
            figures.longest_ms = max(beat["longest_loop_us"] for beat in beats) / 1000
            if label == "all":
                for name in streams:
                    blocks = [m for m in ring.messages[before:] if m.kind == "samples" and m.stream == name]
                    figures.rows[name] = sum(block.rows for block in blocks)
                    figures.lost[name] = blocks[-1].lost - blocks[0].lost
                    figures.jitter_us[name] = jitter(blocks)
            if names:
                ring.ask("stop", seconds=0.2)
        figures.talk = talk(ring, kind, seed=1)
        figures.compared, figures.wrong = wrong_samples(ring, kind)
    return figures


def page(measured, seconds):
    """Return the page of figures."""
    lines = [
        "# What the firmware needs",
        "",
        "Measured by `make rings` on the official MicroPython image on an emulated RP2040 at 125 MHz: the",
        "emulator's cycles, I2C at its real speed; a board's flash cache is not modelled.",
        f"Budget: at most {MOST_BUSY:.0%} busy, at least {LEAST_FREE_BYTES // 1000} kB of the heap free.",
        "",
        "| object | heap free | flash | busy: no stream | each stream alone | all | hello |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in measured:
        single = [f"{name.split('/')[1]} {busy:.0%}" for name, busy in f.busy.items() if "/" in name]
        lines.append(
            f"| {f.kind} | {f.free_bytes / 1000:.0f} kB | {f.flash_bytes / 1000:.0f} kB "
            f"| {f.busy['none']:.0%} | {', '.join(single) or '-'} | {f.busy['all']:.0%} "
            f"| {f.boot_s:.1f} s |"
        )
    lines += [
        "",
        "All streams at once: rows taken, samples that the board could not take, and how far a block's tick",
        "is from an even pace (device time). Each load and motion sample that arrived was held against what",
        "its chip had converted.",
        "",
        "| stream | rows | lost | jitter rms | largest |",
        "|---|---|---|---|---|",
    ]
    for f in measured:
        for name, rows in f.rows.items():
            rms_us, most_us = f.jitter_us[name]
            lines.append(f"| {name} | {rows} | {f.lost[name]} | {rms_us:.0f} us | {most_us:.0f} us |")
    compared, wrong = sum(f.compared for f in measured), sum(f.wrong for f in measured)
    lines += [
        "",
        f"Of {compared} samples {wrong} were not within one count of what was converted.",
        "",
        "Spoken to at random moments: pings, acks with holes, hello, lights, tare, wrong commands, damaged",
        "bytes, and streams started anew. What was lost by it, and for how long at most a busy board did not",
        "look whether a sample is ready; it is lost when the next one is, after 3.1 ms.",
        "",
        "| object | lines | starts | lost | longest, left alone | longest, spoken to |",
        "|---|---|---|---|---|---|",
    ]
    for f in measured:
        lines.append(
            f"| {f.kind} | {f.talk.lines} | {f.talk.starts} | {f.talk.lost} "
            f"| {f.longest_ms:.1f} ms | {f.talk.longest_ms:.1f} ms |"
        )
    lines += [
        "",
        "CPython and MicroPython, the same script of host bytes: the bytes that the boards sent.",
        "",
        "| object | bytes | equal | MicroPython: seconds for one |",
        "|---|---|---|---|",
    ]
    for kind in KINDS:
        inner, _ = script(kind, "cpython", seconds)
        outer, took_s = script(kind, "micropython", seconds)
        lines.append(
            f"| {kind} | {len(inner)} | {'yes' if inner == outer else 'NO'} | {took_s / seconds:.2f} |"
        )
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main():
    """Measure, print, and write the page."""
    for lacks in (node.missing(), pico.missing()):
        if lacks:
            print(f"the rings cannot run here: {lacks}")
            return 0
    measured = []
    for kind in KINDS:
        measured.append(measure(kind))
        print(measured[-1], flush=True)
    text = page(measured, seconds=4.0)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    late = [
        f.kind
        for f in measured
        if f.busy["all"] > MOST_BUSY or f.free_bytes < LEAST_FREE_BYTES or f.wrong or f.talk.lost
    ]
    print(f"over budget: {', '.join(late) or 'none'}")
    return 1 if late or " NO " in text else 0


if __name__ == "__main__":
    sys.exit(main())
