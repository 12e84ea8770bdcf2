"""MicroPython's prompt on a virtual board: as much of it as mpremote needs, byte by byte.

Control bytes: A enters the raw prompt, B leaves it, C forgets what was typed, D runs it, or starts the
interpreter anew when there is nothing to run; E A 1 is raw paste, which is asked for in windows.
"""

import sys

import micropython

RAW = b"raw REPL; CTRL-B to exit\r\n>"
HELLO = b"MicroPython on a virtual board\r\n>>> "
WINDOW = 128


def serve(names, raw):
    """Serve the prompt until a soft reset; return whether it is to go on at the raw prompt.

    `names` are the names of the main program; `raw` says which prompt the last one ended at.
    """
    console, write = sys.stdin.buffer, sys.stdout.buffer.write
    micropython.kbd_intr(-1)
    write(RAW if raw else HELLO)
    typed = b""
    while True:
        byte = console.read(1)
        if byte == b"\x01":
            raw, typed = True, b""
            write(b"\r\n" + RAW)
        elif byte == b"\x02":
            raw, typed = False, b""
            write(b"\r\n" + HELLO)
        elif byte == b"\x04" and not typed:
            write(b"OK\r\nMPY: soft reboot\r\n" if raw else b"\r\nMPY: soft reboot\r\n")
            return raw
        elif not raw:
            typed = b""
            write(b"\r\n>>> " if byte in b"\r\x03" else byte)
        elif byte == b"\x03":
            typed = b""
        elif byte == b"\x04":
            write(b"OK")
            run(typed, names)
            typed = b""
        elif byte == b"\x05":
            console.read(2)
            write(b"R\x01" + bytes((WINDOW, 0)) + b"\x01")
            code = b""
            while not code.endswith(b"\x04"):
                code += console.read_some(WINDOW - len(code) % WINDOW)
                if len(code) % WINDOW == 0:
                    write(b"\x01")
            write(b"\x04")
            run(code[:-1], names)
        else:
            typed += byte


def run(code, names):
    """Run code; what it prints, how it failed, and the raw prompt follow."""
    write = sys.stdout.buffer.write
    micropython.kbd_intr(3)
    failed = None
    try:
        exec(code.decode(), names)
    except (Exception, KeyboardInterrupt) as error:
        failed = error
    micropython.kbd_intr(-1)
    write(b"\x04")
    if failed is not None:
        sys.print_exception(failed)
    write(b"\x04>")
