# The object as it is wired: buses, streams and sensors. Published drivers identify and configure each chip, then
# they are dropped from memory: from there on only registers are read.
import gc
import sys

import busio
from machine import I2C, Pin

from app.contacts import Contacts, Touch
from app.load import Load
from app.motion import Motion
from app.pace import Beat, Edge
from app.stream import Stream
from micropython import const

_CHIPS = {"nau7802": Load, "lsm6dsox": Motion, "mcp23017": Contacts, "mpr121": Touch}
_BYTES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4}
_AFTER = const(6000)  # bytes: what the streams need besides the samples of 20 s and the heads of their blocks
_LESS = const(2048)  # bytes
_LIMIT_MS = const(6000)  # for configuring one chip
_HANGS_US = const(5000)  # a transfer takes half a millisecond; a bus that hangs may not hold up the other sensors


class Kit:
    def __init__(self, wiring, feed):
        self.feed = feed  # the watchdog's
        # The rings go to the end of the heap, so that what comes and goes finds room before them at once: a search
        # that must pass them takes longer than reading a sensor.
        from app.schema_table import STREAMS

        plan = []
        for name, _ in wiring.STREAMS:
            number, hz, row, channels = STREAMS[name]
            plan.append((name, number, hz, sum([_BYTES[code] for code in row[1:]]), row[1] in "BHI", channels))
        # The streams of all other objects are not needed any more; who asks for the schema again has it loaded again.
        STREAMS = None
        del sys.modules["app.schema_table"], sys.modules["app"].schema_table
        gc.collect()
        before = gc.mem_free() - sum([hz * row_bytes for _, _, hz, row_bytes, _, _ in plan]) * 24 - _AFTER
        self.streams = None
        while not self.streams:
            # Memory has holes, which count as free: the more there are, the less may be filled.
            try:
                filler = bytearray(max(before, 0))
                self.streams = [Stream(*facts) for facts in plan]
            except MemoryError:
                if before <= 0:
                    raise
                before -= _LESS
            filler = None
            gc.collect()
        self.buses = {}
        for number, sda, scl, hz in wiring.BUSES:
            self.buses[number] = I2C(number, sda=Pin(sda), scl=Pin(scl), freq=hz, timeout=_HANGS_US)
        self.sensors = []
        beats = {}
        for stream, (_, sensors) in zip(self.streams, wiring.STREAMS):
            for facts in sensors:
                hz, ready_pin = facts[4], facts[5]
                if ready_pin is None and hz not in beats:
                    beats[hz] = Beat(hz)
                pace = beats[hz] if ready_pin is None else Edge(ready_pin)
                sensor = _CHIPS[facts[1]](facts, self.buses[facts[2]], pace, stream.ring.row_bytes)
                stream.sensors += (sensor,)
                self.sensors.append(sensor)

    def configure(self):
        # Configure every chip that is not yet, and say of each other one what is wrong.
        found = {}
        for sensor in self.sensors:
            if sensor.is_well():
                continue
            self.feed()
            if sensor.bus not in found:
                found[sensor.bus] = self._scan(sensor.bus)
            sensor.there = sensor.started = False
            if sensor.address in found[sensor.bus]:
                self._configure(sensor)
            else:
                sensor.words = self._missing(sensor, found)
        if not found:
            return
        for name in list(sys.modules):
            if name.startswith("adafruit_") or name.startswith("cedargrove_"):
                del sys.modules[name]
        gc.collect()

    def _configure(self, sensor):
        try:
            sensor.configure(busio.I2C(self.buses[sensor.bus], _LIMIT_MS))
            sensor.there, sensor.errors, sensor.words = True, 0, "ok"
        except (OSError, RuntimeError, ValueError) as error:
            sensor.words = "answers at 0x%02X but cannot be set up (%s); probably it is another chip or damaged" % (
                sensor.address,
                error,
            )

    def _scan(self, number):
        try:
            return self.buses[number].scan()
        except OSError:
            return []

    def _missing(self, sensor, found):
        words = "does not answer at 0x%02X on bus %d" % (sensor.address, sensor.bus)
        known = [other.address for other in self.sensors if other.bus == sensor.bus]
        strangers = ["0x%02X" % address for address in found[sensor.bus] if address not in known]
        if strangers:
            return words + ", but something does at " + ", ".join(strangers) + "; probably its address is set wrongly"
        for number in self.buses:
            if number != sensor.bus:
                if number not in found:
                    found[number] = self._scan(number)
                others = [other.address for other in self.sensors if other.bus == number]
                if sensor.address in found[number] and sensor.address not in others:
                    return words + ", but on bus %d; probably the two cables are swapped" % number
        return words + "; probably it is not plugged in"
