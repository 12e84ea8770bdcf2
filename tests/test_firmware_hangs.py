"""Nothing hangs: a stop anywhere ends in a watchdog's reset, and a bus that hangs stops nothing."""

import pytest

from dexkit import hardware
from dexkit.bench.application import Application
from tests.board import Host
from tests.installed import changed, install
from tests.test_firmware_faults import measured

#: Stops for ever where it is called, once: when the file /hang is there.
HANG = """
import os
import time


def here():
    try:
        os.remove("/hang")
    except OSError:
        return
    while True:
        time.sleep_ms(5)
"""
CALL = "__import__('app.hang').hang.here()"
#: Phases of the loop, and where each is: file, line before which it stops, what makes the board come there.
PHASES = {
    "a line is read": ("app/port.py", "        waiting, read =", "ping"),
    "an edge or beat is taken": ("app/hot.py", "    leader = stream.leader", "ping"),
    "a chip is read": ("app/hot.py", "        sensor._read(", "ping"),
    "a block is completed": ("app/ring.py", "        slot = self.next % self.slots\n", "ping"),
    "a block is sent": ("app/ring.py", "        slot, frame = sequence", "ping"),
    "bytes go out": ("app/port.py", "        began = ticks_us()", "ping"),
    "a ping is answered": ("app/messages.py", "        self._put_boot(PONG_FIELDS", "ping"),
    "blocks are acknowledged": ("app/answers.py", "        # ack stream next", "ack coaster/load 0"),
    "a command is done": ("app/answers.py", "        loop.lights.identify()", "identify"),
    "a setting is written": ("app/settings.py", "    try:\n        with open(path + ", "set brightness 9"),
    "hello is said": ("app/answers.py", "        board = self.board\n        state", "hello"),
    "a heartbeat is sent": ("app/loop.py", "        elapsed = ticks_diff", "ping"),
    "sensors are looked at": ("app/sensor.py", "        if not self.there:", "ping"),
    "lights are shown": ("app/lights.py", "        if self._blinks:\n            self._blinks", "ping"),
    "rest is looked for": ("app/rest.py", "        if not self.after_s", "ping"),
    "blocks are sent again": ("app/loop.py", "        if ticks_diff(now, self._resend)", "ping"),
    "a chip is set up": ("app/load.py", "        chip = NAU7802(", "start"),
    "a self-test runs": ("app/selftest.py", "        sensor.taken = sensor.pace.count\n", "selftest"),
}


def with_hang(path, line):
    """Return an application that stops before a line, once."""
    indent = line[: len(line) - len(line.lstrip())]
    files = changed(path, line, f"{indent}{CALL}\n{line}").files
    return Application({**files, "app/hang.py": HANG.encode()})


@pytest.mark.parametrize("phase", PHASES)
def test_the_watchdog_starts_a_board_anew_that_hangs_where(phase):
    path, line, words = PHASES[phase]
    host = Host("coaster")
    install(host.board.flash, "coaster", {"a": with_hang(path, line)})
    with host:
        boot = host.wake()["boot"]
        if words in ("start", "selftest"):
            host.board.break_chip("plate", "missing")
            host.ask("selftest", seconds=2.0)
            host.board.break_chip("plate", "")  # it is set up again
        elif not words.startswith("set "):  # that is refused while samples are taken
            host.ask("start")
        host.ask("ping", seconds=0.5)
        (host.board.flash / "hang").touch()
        host.messages.clear()
        host.send(*words.split())
        began_us = host.board.desk.now_us
        again = host.wake(20.0)
        took_s = (host.board.desk.now_us - began_us) / 1e6
        assert not (host.board.flash / "hang").exists(), "it did not come there"
        assert (host.board.boots, host.board.desk.reset_cause) == (2, 3)
        assert again["boot"] != boot
        assert 5.0 < took_s < 13.0  # the watchdog's eight seconds, less what it was fed, and a start
        assert host.ask("start")["ok"]
        host.ask("ping", seconds=0.5)
        assert measured(host, "coaster/load") == {"load_n"}


@pytest.mark.parametrize("bus", [0, 1])
def test_a_bus_that_hangs_from_the_start_is_named_and_the_rest_goes_on(bus):
    kit = hardware.load("cup")
    host = Host("cup")
    install(host.board.flash, "cup", {"a": changed("app/main.py", "# Where", "# Here")})
    with host:
        host.board.desk.buses[bus].hangs = True
        words = host.wake()["sensors"]
        for name, sensor in kit.sensors.items():
            assert ("does not answer" in words[name]) == (sensor.bus == bus)
        host.ask("start", seconds=3.0)
        host.ask("ping", seconds=0.5)
        for stream in kit.streams:
            expected = {c for s in kit.of_stream(stream) if s.bus != bus for c in s.channels}
            assert measured(host, stream) == expected
        assert host.board.boots == 1


def test_both_buses_may_hang_and_the_board_still_answers():
    host = Host("cup")
    install(host.board.flash, "cup", {"a": changed("app/main.py", "# Where", "# Here")})
    with host:
        for bus in host.board.desk.buses.values():
            bus.hangs = True
        assert all("does not answer" in words for words in host.wake()["sensors"].values())
        assert host.ask("ping") is not None
        assert host.board.boots == 1


@pytest.mark.parametrize("kind", ["coaster", "button_board", "pegboard"])
def test_a_bus_with_all_sensors_may_hang_while_it_streams_and_the_board_still_answers(kind):
    host = Host(kind)
    install(host.board.flash, kind, {"a": changed("app/main.py", "# Where", "# Here")})
    with host:
        host.wake()
        host.ask("start", seconds=0.5)
        host.board.desk.buses[0].hangs = True
        before = len(host.of("heartbeat"))
        for _ in range(12):  # longer than the watchdog waits
            assert host.ask("ping", seconds=1.0) is not None
        assert len(host.of("heartbeat")) >= before + 12
        said = host.ask("hello", seconds=0.3)["sensors"]
        assert all("stopped answering" in words or "is not ready" in words for words in said.values())
        assert host.board.boots == 1
        host.board.desk.buses[0].hangs = False
        host.ask("start", seconds=3.0)
        assert set(host.ask("hello")["sensors"].values()) == {"ok"}


@pytest.mark.parametrize("line", [b"\n", b"x\n", b"@1 ping*00000000\n"])
def test_lines_without_end_starve_nothing(line):
    host = Host("coaster")
    install(host.board.flash, "coaster", {"a": changed("app/main.py", "# Where", "# Here")})
    with host:
        host.wake()
        host.ask("start", seconds=0.5)
        for _ in range(200):  # longer than the watchdog waits
            host.board.send(line * (400 // len(line)))
            host.wait(0.05)
        host.ask("ping", seconds=1.0)
        assert host.board.boots == 1
        assert {m.lost for m in host.of("samples", "coaster/load")} == {0}


def test_a_bus_that_hangs_while_it_streams_is_named_and_the_rest_goes_on():
    kit = hardware.load("cup")
    host = Host("cup")
    install(host.board.flash, "cup", {"a": changed("app/main.py", "# Where", "# Here")})
    with host:
        host.wake()
        host.ask("start", seconds=0.5)
        host.board.desk.buses[0].hangs = True
        for _ in range(3):
            host.ask("ping", seconds=1.0)
        words = host.ask("hello", seconds=0.3)["sensors"]
        assert "stopped answering" in words["foot"] or "is not ready" in words["foot"]
        since = {stream: len(host.of("samples", stream)) for stream in kit.streams}
        host.ask("ping", seconds=1.0)
        for stream in kit.streams:
            others = {c for s in kit.of_stream(stream) if s.bus != 0 for c in s.channels}
            assert measured(host, stream, since[stream]) == others
            blocks = host.of("samples", stream)[since[stream] :]
            assert blocks[-1].lost - blocks[0].lost < 10  # of some 300: the bus is given up soon
        assert host.board.boots == 1
