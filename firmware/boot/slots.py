# Chooses the application to start, and falls back when a new one does not prove itself.
#
# Fixed: an update of the application never touches this file. Runs on MicroPython and on CPython.
#
# /a and /b each hold one application with its manifest.json. /slot says which of them to start:
#   use    the slot to start
#   tries  starts left before `good` is used instead; 0 once `use` has proved itself
#   good   the slot that proved itself last
# /failure says how the last new application broke, for `dexkit flash` to tell.
#
# Both kinds of file are sealed: one line of JSON, one line with its SHA-256. /slot is written beside its place
# and renamed, which littlefs does wholly or not at all. Settings and calibration lie outside the slots.
import binascii
import gc
import hashlib
import json
import os
import sys
import time

import machine

SLOTS = ("a", "b")
TRIES = 2  # starts of a new application; the third is the old one's
TRIAL_MS = 120_000  # a new application that is not confirmed by then is started anew, or given up
WATCHDOG_MS = 8_000  # RP2040 allows 8388
FEED_MS = 1_000
PAUSE_MS = 3_000  # after a crash, time for Ctrl-C
STAY_PIN = 22  # held to ground at power-up (pins 29 and 28): prompt only

_watchdog = None  # None where the port has none
_feeder = None  # feeds the watchdog while no application does
_trial_ends_ms = None  # None unless the running application is on trial


def guard():
    # Start the watchdog and feed it from a timer. Once started it can never be stopped, only fed: so boot.py
    # calls this at every start, also at the soft ones that end at the prompt.
    global _watchdog, _feeder
    try:
        _watchdog = machine.WDT(timeout=WATCHDOG_MS)
        _feeder = machine.Timer()
        _feeder.init(period=FEED_MS, mode=machine.Timer.PERIODIC, callback=lambda _: _watchdog.feed())
    except AttributeError:
        _watchdog = _feeder = None


def feed():
    # Called by the application in each turn of its loop; a trial that lasts too long is not fed.
    if _watchdog and (_trial_ends_ms is None or time.ticks_diff(_trial_ends_ms, time.ticks_ms()) > 0):
        _watchdog.feed()


def start():
    # Start the application. Ends in a reset after a crash, and at the prompt after Ctrl-C or `quit`.
    if machine.Pin(STAY_PIN, machine.Pin.IN, machine.Pin.PULL_UP).value() == 0:
        print("dexkit: GP%d is held to ground, so no application was started." % STAY_PIN)
        return
    slot = choose()
    if slot is None:
        print("dexkit: there is no whole application on this board. Run `dexkit flash`.")
        return
    sys.path.insert(0, "/" + slot)
    if _feeder:
        _feeder.deinit()
        _watchdog.feed()
    try:
        from app.main import run

        run()
    except KeyboardInterrupt:
        pass
    except Exception as error:
        guard()
        gc.collect()
        sys.print_exception(error)
        try:
            if on_trial():
                with open("/failure", "w") as file:
                    file.write(repr(error))
                give_up()
        finally:
            time.sleep_ms(PAUSE_MS)
            machine.reset()
    guard()


def choose():
    # Return the slot to start, or None. A trial is counted before anything of it is read.
    global _trial_ends_ms
    now = state()
    good = now["good"]
    try:
        if now["tries"] > 0:
            write_state(now["use"], now["tries"] - 1, good)
            if is_whole(now["use"]):
                _trial_ends_ms = time.ticks_add(time.ticks_ms(), TRIAL_MS)
                return now["use"]
        give_up()
    except OSError:
        pass  # the flash is full: no trial can be counted, so none is made
    for slot in (good, other(good)):
        if is_whole(slot):
            return slot
    return None


def begin_trial(slot):
    # Have a slot started at the next power-up, on trial.
    if not is_whole(slot):
        raise ValueError("slot %s is not whole" % slot)
    good = state()["good"]
    write_state(slot, TRIES if is_whole(good) else 0, good if is_whole(good) else slot)


def confirm():
    # The running application has proved itself: it is the one to fall back to from now on.
    global _trial_ends_ms
    now = state()
    if now["use"] != now["good"]:
        write_state(now["use"], 0, now["use"])
    _trial_ends_ms = None


def on_trial():
    # Whether the running application has yet to prove itself.
    return _trial_ends_ms is not None


def give_up():
    # End a trial: from the next start on, the application that proved itself is used again.
    now = state()
    if now["use"] != now["good"]:
        write_state(now["good"], 0, now["good"])


def other(slot):
    return SLOTS[1 - SLOTS.index(slot)]


def state():
    # What /slot says; the first slot where it says nothing that can be trusted.
    try:
        return json.loads(unseal(read("/slot")))
    except (OSError, ValueError):
        return {"use": "a", "tries": 0, "good": "a"}


def write_state(use, tries, good):
    with open("/slot.new", "wb") as file:
        file.write(seal(json.dumps({"use": use, "tries": tries, "good": good}).encode()))
    os.rename("/slot.new", "/slot")


def is_whole(slot):
    # Whether a slot holds exactly the files of its manifest, each with its SHA-256. A file too many counts as
    # damage: it could be imported in the place of another.
    folder = "/" + slot
    try:
        wanted = json.loads(unseal(read(folder + "/manifest.json")))["files"]
        found = listing(folder)
        found.remove("manifest.json")
        return sorted(found) == sorted(wanted) and all(
            digest(folder + "/" + name) == wanted[name] for name in found
        )
    except (OSError, ValueError):
        return False


def seal(line):
    return line + b"\n" + binascii.hexlify(hashlib.sha256(line).digest()) + b"\n"


def unseal(sealed):
    # The line that was sealed; ValueError when a byte of it, or of its seal, is another.
    line = sealed[:-66]
    if seal(line) != sealed:
        raise ValueError("damaged")
    return line


def read(path):
    with open(path, "rb") as file:
        return file.read()


def listing(folder):
    # Every file below a folder, relative to it.
    found = []
    for entry in os.ilistdir(folder):
        name = entry[0]
        if entry[1] == 0x4000:
            found += [name + "/" + inner for inner in listing(folder + "/" + name)]
        else:
            found.append(name)
    return found


def digest(path):
    # SHA-256 of a file, in hexadecimal.
    whole = hashlib.sha256()
    buffer = memoryview(bytearray(512))
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return binascii.hexlify(whole.digest()).decode()
            whole.update(buffer[:count])
