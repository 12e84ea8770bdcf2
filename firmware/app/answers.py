# What the board does and says to each command. A line that is wrong changes nothing and is told so.
from collections import OrderedDict

from app.lights import colour
from app.schema_table import COMMANDS, HELLO, REPLY, SCHEMA_HASH, TARE_MS
from app.settings import SETTINGS
from app.tare import Tare

_DAMAGED = "The line was damaged on its way or is no command. Send it again."


class Wrong(Exception):
    # What happened, the likely cause, the next step.
    pass


class Answers:
    def __init__(self, board, command, messages):
        self.board, self.command, self.messages = board, command, messages
        self.bad_lines = 0
        self.tare = None
        self._sound = False  # whether the line in the port is a command at all
        self._pairing = None
        self._last = -1  # number of the last command, and its line's checksum
        self._checksum = bytearray(4)
        self._answer = None  # its answer; None while it is not there yet
        self._to_begin = ()  # streams, once the answer is out

    def hear_ping(self, port):
        # Whether the line in the port is a ping; it has its answer at once.
        command = self.command
        command.line = port.line
        self._sound = command.read(port.length)
        if self._sound and command.word_is(b"ping"):
            self.messages.pong(command.number, port.read_us)
            return True
        return False

    def hear(self, loop):
        # Answer the line that is no ping; return whether it was a sound command.
        command = self.command
        if not self._sound:
            self._refuse(0, _DAMAGED)
            return False
        if command.word_is(b"ack"):
            return self._ack(loop)
        word = command.word()
        if word == "hello":
            self._last = -1
            return self._hello(loop)
        if word not in COMMANDS:
            self._refuse(command.number, "There is no command %s; known are: %s." % (word, ", ".join(COMMANDS)))
            return False
        if self._is_repeated():
            if self._answer:
                self.messages.json(REPLY, self._answer)
            return True
        return self._do(loop, word, command.arguments())

    def look(self, loop):
        # Called a few times a second: answer what took its time.
        if self.tare and self.tare.is_done():
            self._reply(self.tare.number, OrderedDict(self.tare.result()))
            self.tare = None

    def _ack(self, loop):
        # ack stream next [mask]
        command = self.command
        if command.next():
            for stream in loop.streams:
                if command.is_(stream.wire_name):
                    ring = stream.ring
                    sequence = command.decimal() if command.next() else -1
                    has_mask = command.next()
                    if not 0 <= sequence <= ring.next or has_mask and (not command.is_mask()):
                        break
                    if sequence < ring.oldest:
                        self.messages.gone(stream.number, ring.oldest)
                    ring.arrived(sequence)
                    if has_mask:
                        known = ring.next
                        for k in range(8):
                            if k & 1:
                                loop.keep_up()
                            bits = command.four_bits(k)
                            block = sequence + 1 + 4 * k
                            while bits:
                                if bits & 1 and block < known:
                                    ring.arrived_one(block)
                                bits >>= 1
                                block += 1
                        if command.next():
                            break
                    return True
        self._refuse(command.number, "There is no such stream or block, so nothing was forgotten. Say hello first.")
        return False

    def _hello(self, loop):
        arguments = self.command.arguments()
        if len(arguments) > 1:
            self._refuse(self.command.number, "hello takes at most the schema's hash. Send it without blanks.")
            return False
        self.say_hello(loop)
        if arguments and arguments[0] == SCHEMA_HASH:
            self.board.show("schema")
        return True

    def say_hello(self, loop):
        board = self.board
        state = "resting" if loop.rest.resting else "streaming" if loop.is_sampling() else "stopped"
        self.messages.json(
            HELLO,
            (
                ("object", board.kind),
                ("uid", board.uid),
                ("firmware", board.version),
                ("schema", SCHEMA_HASH),
                ("boot", board.boot),
                ("streams", OrderedDict([(stream.name, stream.hz) for stream in loop.streams])),
                ("calibration", board.calibration),
                ("sensors", OrderedDict([(sensor.name, sensor.words) for sensor in loop.kit.sensors])),
                ("state", state),
                ("trial", board.on_trial()),
            ),
        )

    # ---- Answers

    def _refuse(self, number, words):
        self.bad_lines += 1
        self.messages.json(REPLY, (("number", number), ("ok", False), ("error", words)))

    def _is_repeated(self):
        return self.command.number == self._last and self.command.checksum == self._checksum

    def _do(self, loop, word, arguments):
        number = self.command.number
        loop.keep_up()
        try:
            value = getattr(self, "_do_" + word)(loop, arguments)
        except Wrong as error:
            self._refuse(number, str(error))
            return False
        loop.keep_up()
        self._last, self._answer = number, None
        self._checksum[:] = self.command.checksum
        if value is not self:
            self._reply(number, value)
        if self._to_begin:
            loop.begin(self._to_begin)
            self._to_begin = ()
        return True

    def _reply(self, number, value):
        answer = (("number", number), ("ok", True), ("value", value))
        if number == self._last:
            self._answer = answer
        self.messages.json(REPLY, answer)

    # ---- Commands

    def _do_start(self, loop, names):
        streams = [_of(loop.streams, name, "stream") for name in names] or loop.streams
        loop.kit.configure()
        for stream in loop.streams:
            if stream.running:
                stream.choose_leader()  # what led may not be there any more
        loop.rest.wake(loop)
        if not loop.is_sampling():
            loop.collect()
        self._to_begin = streams
        return OrderedDict([(stream.name, stream.hz) for stream in streams])

    def _do_stop(self, loop, arguments):
        _expect(arguments, 0, "stop takes nothing")
        for stream in loop.streams:
            if stream.running:
                stream.stop()
        loop.collect()
        return None

    def _do_tare(self, loop, channels):
        if not channels:
            raise Wrong("tare takes the names of channels; send for example tare foot_n.")
        wanted = []
        for channel in channels:
            for stream in loop.streams:
                if channel in stream.channels:
                    break
            else:
                raise Wrong("There is no channel %s here; its names are in docs/protocol.md." % channel)
            index = stream.channels.index(channel)
            sensor = stream.sensors[0]
            for other in stream.sensors:
                if other.first <= index:
                    sensor = other
            if not hasattr(sensor, "value"):
                raise Wrong("%s is no load, so it has no zero to take. Name a channel in newtons." % channel)
            if not stream.running or not sensor.trusted:
                raise Wrong("%s is not measured now: start it first, and look at what hello says of it." % channel)
            wanted.append((channel, stream, index))
        self.tare = Tare(self.command.number, wanted, TARE_MS)
        return self

    def _do_identify(self, loop, arguments):
        _expect(arguments, 0, "identify takes nothing")
        loop.lights.identify()
        return None

    def _do_guide(self, loop, arguments):
        if arguments == ["off"]:
            loop.lights.guide(-1, (0, 0, 0))
            return "off"
        if not 1 <= len(arguments) <= 2 or not arguments[0].isdigit() or int(arguments[0]) >= loop.lights.count:
            raise Wrong("guide takes a place from 0 to %d, or off; and a colour." % (loop.lights.count - 1))
        try:
            shown = colour(arguments[1] if len(arguments) == 2 else "white")
        except ValueError:
            raise Wrong("%s is no colour; take a name like green, or six hexadecimal digits." % arguments[1])
        loop.lights.guide(int(arguments[0]), shown)
        return int(arguments[0])

    def _do_set(self, loop, arguments):
        _expect(arguments, 2, "set takes a name and a value")
        name, text = arguments
        if name not in SETTINGS:
            raise Wrong("There is no setting %s; known are: %s." % (name, ", ".join(sorted(SETTINGS))))
        lowest, highest = SETTINGS[name]
        if not text.isdigit() or len(text) > 6 or not lowest <= int(text) <= highest:
            raise Wrong("%s takes a whole number from %d to %d." % (name, lowest, highest))
        if loop.is_sampling():
            raise Wrong("The streams run, and writing a setting would tear them. Send stop first.")
        try:
            self.board.change(name, int(text))
        except OSError:
            raise Wrong("The setting could not be written; probably the flash is full. Remove files from it.")
        self.board.apply(loop)
        return self.board.settings[name]

    def _do_selftest(self, loop, arguments):
        _expect(arguments, 0, "selftest takes nothing")
        if loop.is_sampling():
            raise Wrong("The streams run, and a self-test would tear them. Send stop first.")
        loop.kit.configure()
        from app.selftest import selftest  # asked for now and then, and memory is dear

        found = selftest(loop.kit, loop.feed)
        if all([facts["words"] == "ok" for facts in found.values()]):
            self.board.show("selftest")
        return found

    def _do_pair(self, loop, arguments):
        if not self._pairing:
            from app.pairing import Pairing  # takes memory that a board on USB keeps

            self._pairing = Pairing()
        try:
            return self._pairing.do(self.board, loop, arguments)
        except ValueError as error:
            raise Wrong(str(error))
        except OSError:
            raise Wrong("The pairing could not be written; probably the flash is full. Remove files from it.")

    def _do_quit(self, loop, arguments):
        _expect(arguments, 0, "quit takes nothing")
        loop.quit = True
        return None


def _expect(arguments, count, words):
    if len(arguments) != count:
        raise Wrong(words + ", but %d arguments came. Nothing was changed." % len(arguments))


def _of(streams, name, what):
    for stream in streams:
        if stream.name == name:
            return stream
    raise Wrong("There is no %s %s here; there are: %s." % (what, name, ", ".join([s.name for s in streams])))
