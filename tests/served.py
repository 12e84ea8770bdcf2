"""A board with known samples at a real pseudo terminal or TCP port, which can be unplugged."""

import contextlib
import os
import select
import socket
import threading
import time
import tty

from dexkit.link.playback import PlaybackBoard
from tests.kit import KINDS, counted

TICK_S = 0.002


class Served:
    """Serves one board in a thread; `url` stays the same over unplugs."""

    def __init__(self, kind, folder, *, tcp=False, sources=None, **options):
        sources = {name: counted(name) for name in KINDS[kind]} if sources is None else sources
        self.board = PlaybackBoard(kind, sources, **options)
        self.began_s = time.monotonic()
        self.name = folder / f"port-{kind}"
        self.listener = socket.create_server(("127.0.0.1", 0)) if tcp else None
        self.url = f"socket://localhost:{self.listener.getsockname()[1]}" if tcp else str(self.name)
        self.lock = threading.Lock()
        self.open_files = []
        self.plugged = False
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.plug()
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.closing.set()
        self.thread.join()
        self.unplug()
        if self.listener:
            self.listener.close()

    def plug(self):
        with self.lock:
            if self.listener is None:
                master, slave = os.openpty()
                tty.setraw(slave)
                self.open_files = [master, slave]
                self.name.unlink(missing_ok=True)
                self.name.symlink_to(os.ttyname(slave))
            self.plugged = True

    def unplug(self):
        with self.lock:
            self.plugged = False
            self.board.unplug()
            while self.open_files:
                os.close(self.open_files.pop())

    @property
    def now_us(self):
        return round(1e6 * (time.monotonic() - self.began_s))

    def serve(self):
        while not self.closing.wait(TICK_S):
            with self.lock, contextlib.suppress(OSError):
                if self.listener is not None and self.plugged and not self.open_files:
                    self.accept()
                out = self.board.take(self.now_us)
                if self.open_files:
                    self.carry(out)

    def accept(self):
        if select.select([self.listener], [], [], 0)[0]:
            host, _ = self.listener.accept()
            self.open_files = [host.detach()]

    def carry(self, out):
        file = self.open_files[0]
        if select.select([file], [], [], 0)[0]:
            data = os.read(file, 4096)
            if not data:
                os.close(self.open_files.pop())
                self.board.unplug()
                return
            self.board.give(data, self.now_us)
        while out and select.select([], [file], [], 0)[1]:
            out = out[os.write(file, out) :]
