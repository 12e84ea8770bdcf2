# Chooses how tags are made: in machine code where the board can run it, plainly elsewhere; and HMAC-SHA-256 itself.
from hashlib import sha256

try:
    from app.tag_fast import Tagger
except (AttributeError, ImportError, NameError, OverflowError, SyntaxError, ValueError):
    from app.tag_plain import Tagger

TAG_AT = 4  # in a tagger's record a number comes first, which is not sent


def pads(key):
    # The two keys of HMAC (RFC 2104), a block each; the key has 32 bytes.
    key = key + bytes(32)
    return bytes([byte ^ 0x36 for byte in key]), bytes([byte ^ 0x5C for byte in key])


def hmac(key, data):
    inner, outer = pads(key)
    return sha256(outer + sha256(inner + data).digest()).digest()
