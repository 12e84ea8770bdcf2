"""Plain words for events."""

from collections.abc import Mapping

EVENT_WORDS: Mapping[str, str] = {
    "lift": "lifted",
    "put": "put down",
    "pour_on": "flow begins",
    "pour_off": "flow ends",
    "bump": "bump",
    "failed_lift": "failed lift",
    "receive_on": "receives",
    "receive_off": "received",
    "disturbed": "touched",
    "touch": "touched",
    "entry": "entered",
    "seated": "fastened",
    "slip": "slipped out",
    "opened": "unfastened",
    "enter": "entered",
    "seat": "seated",
    "bounce": "came out again",
    "unseat": "taken out",
    "pick": "peg taken",
    "return": "peg back",
    "missing": "peg missing",
}

#: Events that say that something went wrong.
WARNING_KINDS = frozenset({"bump", "failed_lift", "disturbed", "slip", "bounce", "missing"})
