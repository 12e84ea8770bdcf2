# The network port of a Pico W: lines come in and frames go out as over USB, over TCP, and each carries a tag.
#
# After a greeting of both sides, each with fresh random bytes, each direction has a key of its own, and its records
# are numbered. So nothing that others send, repeat, leave out, exchange or send back is ever taken: a record with a
# wrong tag ends the connection. Nothing is hidden from who listens: samples are not encrypted.
import os
import socket
from time import ticks_diff, ticks_us

import network

from app.schema_table import COMMAND_BYTES, NET_GREETING, NET_PORT, NONCE_BYTES, PAYLOAD_BYTES, SILENCE_MS, TAG_BYTES
from app.tag import TAG_AT, Tagger, hmac, pads
from micropython import const

_LOOK_US = const(250000)
_JOIN_AGAIN_LOOKS = const(60)
_FRAME_BYTES = PAYLOAD_BYTES + 32
_BYTES_A_TURN = const(16)  # a load's next sample comes after 3 ms, and a byte takes some 50 us
_GREETING, _PROOF, _LINE, _TAG, _WHOLE, _RIGHT = const(0), const(1), const(2), const(3), const(4), const(5)


class Radio:
    # Parameters: name in the network, its name and password, the 32 bytes agreed at pairing.
    def __init__(self, name, ssid, password, key):
        network.hostname(name)
        self.name = name
        self.line = bytearray(COMMAND_BYTES + TAG_BYTES)
        self.length = self.read_us = 0
        self.short_writes = 0
        self.rejected = 0  # connections ended because of a wrong tag
        self._ssid, self._password, self._key = ssid, password, key
        self._wlan = network.WLAN(network.STA_IF)
        self._listener = self._host = None
        self._bytes, self._at, self._have = bytearray(64), 0, 0
        self._theirs, self._ours = Tagger(COMMAND_BYTES), Tagger(_FRAME_BYTES)  # once: strangers may call all day
        self._rest, self._end = 0, 0  # of a record that the network took only in part
        self._looked = self._heard = ticks_us()
        self._looks = 0
        self._state = _GREETING
        self._got = 0
        self._join()

    # ---- The network

    def _join(self):
        self._wlan.active(True)
        try:
            self._wlan.config(pm=self._wlan.PM_NONE)  # else each answer waits for the radio to wake
        except (AttributeError, ValueError):
            pass
        self._wlan.connect(self._ssid, self._password)

    def leave(self):
        self.drop()
        if self._listener:
            self._listener.close()
        self._listener = None
        self._wlan.active(False)

    def state(self):
        # Where the board is in the network, for people and hosts.
        there = self._wlan.isconnected()
        open_there = there and self._listener
        return (
            ("name", self.name),
            ("address", self._wlan.ifconfig()[0] if open_there else None),
            ("port", NET_PORT),
            ("wifi", "joined" if there else "status %d" % self._wlan.status()),
            ("rejected", self.rejected),
        )

    def _look(self, may_come):
        # Four times a second: who is there to be let in?
        if not self._wlan.isconnected():
            if may_come:  # else a host is there over USB, and joining would cost it samples
                self._looks += 1
                if self._looks % _JOIN_AGAIN_LOOKS == 0:
                    self._join()
            return
        if self._listener is None:
            self._listen()
        if self._host and ticks_diff(ticks_us(), self._heard) > 1000 * SILENCE_MS:
            self.drop()  # one that has nothing to say leaves the place to the next
        try:
            host = self._listener.accept()[0]
        except OSError:
            return
        if self._host or not may_come:
            host.close()
            return
        self._greet(host)

    def _listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", NET_PORT))
        listener.listen(1)
        listener.setblocking(False)
        self._listener = listener

    # ---- One host

    def _greet(self, host):
        host.setblocking(False)
        self._host, self._heard = host, ticks_us()
        self._at = self._have = self._rest = self._end = 0
        self._state, self._got = _GREETING, 0

    def _agree(self):
        # The host's greeting is there: give ours, and the proof that we have the key.
        greeting = bytes(self.line[: self._got])
        if greeting[: len(NET_GREETING)] != NET_GREETING:
            self.drop()
            return
        ours = NET_GREETING + os.urandom(NONCE_BYTES)
        self._theirs.begin(*pads(hmac(self._key, b"host" + greeting + ours)))
        self._ours.begin(*pads(hmac(self._key, b"board" + greeting + ours)))
        try:
            self._host.write(ours)
        except OSError:
            self.drop()
            return
        self._state = _PROOF
        self._send(b"", 0, 0)

    def drop(self):
        if self._host:
            self._host.close()
        self._host = None
        self.length = 0

    def _reject(self):
        self.rejected += 1
        self.drop()

    def read_line(self, may_come):
        # Return True when a whole line with a right tag is there; forget() it before the next.
        now = ticks_us()
        if ticks_diff(now, self._looked) > _LOOK_US:
            self._looked = now
            self._look(may_come)
        self._flush()
        if not self._host:
            return False
        if self._state == _RIGHT:
            return True
        if self._state == _WHOLE:  # the tag has a turn of its own, and so has the answer: each takes a millisecond
            self._heard = now
            if self._is_right():
                self._state = _RIGHT
            return False
        if self._at == self._have and not self._read():
            return False
        if not self._got:
            self.read_us = now
        for _ in range(_BYTES_A_TURN):
            if self._at == self._have or not self._host or self._state == _WHOLE:
                break
            self.line[self._got] = byte = self._bytes[self._at]
            self._at += 1
            self._got += 1
            self._take(byte)
        return False

    def _read(self):
        try:
            count = self._host.readinto(self._bytes)
        except OSError:
            count = 0
        if count is None:
            return False
        if not count:
            self.drop()
            return False
        self._at, self._have = 0, count
        return True

    def _take(self, byte):
        # Go on by one byte.
        if self._state == _LINE:
            if byte == 10:
                self._state, self.length = _TAG, self._got
            elif self._got >= COMMAND_BYTES:
                self._reject()
        elif self._state == _TAG:
            if self._got == self.length + TAG_BYTES:
                self._state = _WHOLE
        elif self._state == _PROOF:
            if self._got == TAG_BYTES:
                self.length = 0
                if self._is_right():
                    self.forget()
        elif self._got == len(NET_GREETING) + NONCE_BYTES:
            self._agree()
            self._got = 0

    def _is_right(self):
        # Whether the tag behind what was read is right; a wrong one ends the connection.
        length, tagger, wrong = self.length, self._theirs, 0
        tagger.tag(self.line, 0, length)
        for i in range(length, length + TAG_BYTES):
            wrong |= self.line[i] ^ tagger.record[TAG_AT + i]
        if wrong:
            self._reject()
            return False
        self.length -= 1  # without its end
        return True

    def forget(self):
        self.length = self._got = 0
        self._state = _LINE

    # ---- Frames

    def has_room(self):
        self._flush()
        return self._rest == self._end

    def write(self, data, at, length):
        # Send a frame with its tag; return whether the network took it, or will.
        if not self._host or self._state < _LINE:
            return False
        if not self.has_room() or length > _FRAME_BYTES:
            self.short_writes += 1
            return False
        self._send(data, at, length)
        return self._host is not None

    def _send(self, data, at, length):
        self._rest = TAG_AT
        self._end = TAG_AT + self._ours.tag(data, at, length)
        self._flush()

    def _flush(self):
        while self._host and self._rest < self._end:
            try:
                sent = self._host.write(self._ours.record, self._rest, self._end - self._rest)
            except OSError:
                self.drop()
                return
            if not sent:
                return
            self._rest += sent
