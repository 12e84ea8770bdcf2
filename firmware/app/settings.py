# Settings and calibration: small sealed files beside the code, each written wholly or not at all, and only for the
# very board whose unique id they carry. A file is one line of JSON and one line with its CRC-32.
import binascii
import json
import os

# name: (lowest, highest)
SETTINGS = {"rest_s": (0, 3600), "brightness": (0, 255)}

SETTINGS_FILE = "/settings"
CALIBRATION_FILE = "/calibration"
NETWORK_FILE = "/network"


def seal(line):
    return line + b"\n%08x\n" % binascii.crc32(line)


def read(path, uid):
    # What the file says, as a dictionary. OSError: it is not there; ValueError: it is damaged or of another board.
    with open(path, "rb") as file:
        sealed = file.read()
    line = sealed[:-10]
    if seal(line) != sealed:
        raise ValueError("damaged")
    facts = json.loads(line)
    if facts.get("uid") != uid:
        raise ValueError("of another board")
    return facts


def write(path, facts):
    # Write beside its place, then rename: littlefs does that wholly or not at all. OSError: there is no room.
    try:
        with open(path + ".new", "wb") as file:
            file.write(seal(json.dumps(facts).encode()))
        os.rename(path + ".new", path)
    except OSError:
        remove(path + ".new")
        raise


def is_there(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path):
    if is_there(path):
        os.remove(path)
