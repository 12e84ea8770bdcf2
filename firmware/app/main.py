# Where the application begins: what this board is, its parts put together, its loop until `quit`.
import gc

gc.threshold(4096)  # while modules come and go: the heap stays whole, so the drivers find room later

import binascii
import os

import machine
import micropython

from app import settings
from app.answers import Answers
from app.commands import Command
from app.kit import Kit
from app.lights import Lights
from app.loop import LOOKS_A_SECOND, Loop
from app.messages import Messages
from app.port import Port
from app.rest import Rest
from app.schema_table import VERSION
from app.ticks import Ticks

try:
    import slots  # the boot code: it watches over a new application
except ImportError:
    slots = None

OBJECT_FILE = "/object"  # one word: which object this board is in


def feed():
    # Tell the watchdog that all is well.
    if slots:
        slots.feed()


class Board:
    # What is known of this very board.
    def __init__(self, kind, rest_s):
        self.kind = kind
        self.version = VERSION
        self.uid = binascii.hexlify(machine.unique_id()).decode()
        self.boot_bytes = os.urandom(4)
        self.boot = int.from_bytes(self.boot_bytes, "little")
        self.complaints = []
        self.settings = {"rest_s": rest_s, "brightness": 40}
        for name, value in self._read(settings.SETTINGS_FILE).items():
            if name in self.settings:
                self.settings[name] = value
        self.calibration = self._read(settings.CALIBRATION_FILE).get("id")
        self._shown = set()

    def _read(self, path):
        try:
            return settings.read(path, self.uid)
        except OSError:
            pass  # as it came from the factory
        except (KeyError, ValueError) as error:
            self.complaints.append("%s is not used: it is %s. Write it again." % (path, error))
        return {}

    def change(self, name, value):
        # Set and keep a setting; OSError when it cannot be kept.
        changed = {"uid": self.uid}
        changed.update(self.settings)
        changed[name] = value
        settings.write(settings.SETTINGS_FILE, changed)
        self.settings[name] = value

    def apply(self, loop):
        loop.rest.after_s = self.settings["rest_s"]
        loop.lights.brightness = self.settings["brightness"]

    def on_trial(self):
        # Whether this application is given up unless it shows what it should.
        return bool(slots and slots.on_trial())

    def show(self, what):
        # A new application is kept once it has shown a passed "selftest", and to a host the same "schema".
        self._shown.add(what)
        if len(self._shown) == 2 and self.on_trial():
            try:
                slots.confirm()
            except OSError:
                pass  # the flash is full: it stays on trial, and hello says so


def read_kind():
    # Which object this board is in; OSError or ValueError when nobody said.
    with open(OBJECT_FILE) as file:
        kind = file.read().strip()
    if kind not in ("cup", "coaster", "button_board", "pegboard"):
        raise ValueError(kind)
    return kind


def make_loop(kind):
    # The object's parts, put together.
    wiring = getattr(__import__("objects." + kind), kind)
    kit = Kit(wiring, feed)
    board = Board(kind, wiring.REST_S)
    port, ticks = Port(), Ticks()
    if settings.is_there(settings.NETWORK_FILE):
        from app.pairing import join  # takes memory that a board on USB keeps

        port = join(port, board)
    messages = Messages(port, ticks, board.boot_bytes)
    answers = Answers(board, Command(port.line), messages)
    lights = Lights(wiring.LIGHT_PIN, wiring.LIGHTS)
    loop = Loop(kit, port, messages, ticks, answers, lights, Rest(kit, LOOKS_A_SECOND), feed)
    board.apply(loop)
    return loop


def run(kind=None):
    # Run until `quit`.
    micropython.alloc_emergency_exception_buf(100)
    try:
        kind = kind or read_kind()
    except (OSError, ValueError):
        print("dexkit: nobody said in %s which object this board is in. Run `dexkit flash`." % OBJECT_FILE)
        return
    loop = make_loop(kind)
    loop.kit.configure()
    gc.threshold(-1)  # from here on garbage is collected at chosen moments
    loop.collect()
    loop.answers.say_hello(loop)
    for words in loop.answers.board.complaints:
        loop.messages.log(words)
    micropython.kbd_intr(-1)  # from here on the port tells a Ctrl-C that was meant from a damaged byte
    try:
        loop.run()
    finally:
        micropython.kbd_intr(3)
        for stream in loop.streams:
            stream.stop()
