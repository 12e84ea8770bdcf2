# Pairing: over USB a host gives this board a key, and the name and password of a network. They are kept in a sealed
# file beside the settings; from then on the board is in that network, too.
import binascii
from collections import OrderedDict

from app import settings
from app.either import Either
from app.schema_table import NET_PORT

_PARTS = ("key", "ssid", "password")


def name_of(uid):
    # Under this name the board answers in the network, with `.local` behind it (mDNS, by the interpreter itself).
    return "dexkit-" + uid


def join(usb, board):
    # The board's port: USB, and the network where the board is paired and has a radio.
    try:
        facts = settings.read(settings.NETWORK_FILE, board.uid)
        from app.radio import Radio

        parts = [binascii.a2b_base64(facts[part]) for part in _PARTS]
        radio = Radio(name_of(board.uid), parts[1].decode(), parts[2].decode(), parts[0])
    except ImportError:
        board.complaints.append("The board is paired, but has no radio. Put it on a Pico W.")
    except (OSError, KeyError, ValueError) as error:
        board.complaints.append("The network is not used: %s. Pair the board again." % error)
    else:
        return Either(usb, radio)
    return usb


class Pairing:
    def __init__(self):
        self._parts = {}

    def do(self, board, loop, arguments):
        # Return what to answer; ValueError in words, OSError when it cannot be kept.
        what = arguments[0] if arguments else ""
        port = loop.port
        radio = getattr(port, "radio", None)
        if what == "state" and len(arguments) == 1:
            return OrderedDict(radio.state()) if radio else None
        if radio and port.by_radio():
            raise ValueError("A board is paired over USB only. Plug it in.")
        if what in _PARTS and len(arguments) == 2:
            try:
                length = len(binascii.a2b_base64(arguments[1]))
            except ValueError:
                raise ValueError("What came for %s is not base64. Send it again." % what)
            if what == "key" and length != 32:
                raise ValueError("A key has 32 bytes, in base64. Make another.")
            self._parts[what] = arguments[1]
            return None
        if what not in ("on", "off") or len(arguments) != 1:
            raise ValueError("pair takes key, ssid or password with a value in base64, or on, off, state.")
        if loop.is_sampling():
            raise ValueError("The streams run, and joining a network would tear them. Send stop first.")
        return self._on(board, loop, radio) if what == "on" else self._off(loop, radio)

    def _on(self, board, loop, radio):
        try:
            import network
        except ImportError:
            raise ValueError("This board has no radio. Use a Pico W, or stay with USB.")
        if "key" not in self._parts or "ssid" not in self._parts:
            raise ValueError("Before pair on, send pair key and pair ssid.")
        facts = {"uid": board.uid, "password": ""}
        facts.update(self._parts)
        settings.write(settings.NETWORK_FILE, facts)
        usb = self._off(loop, radio, False)
        loop.feed()
        complaints = len(board.complaints)
        loop.port = loop.messages.port = join(usb, board)
        loop.feed()
        if loop.port is usb:
            raise ValueError(board.complaints.pop() if len(board.complaints) > complaints else "It cannot join.")
        self._parts = {}
        loop.collect()
        return OrderedDict((("name", name_of(board.uid)), ("port", NET_PORT)))

    def _off(self, loop, radio, forget=True):
        usb = loop.port
        if radio:
            usb = loop.port.usb
            radio.leave()
            loop.port = loop.messages.port = usb
        if forget:
            settings.remove(settings.NETWORK_FILE)
            return None
        return usb
