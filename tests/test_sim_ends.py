"""The ends of a virtual board's line: pseudo terminal, socket, `sim:` URL, and the command for them."""

import os
import re
import select
import signal
import subprocess
import sys

import pytest
import serial

from dexkit.errors import InputError
from dexkit.sim import make_scene, protocol_sim
from dexkit.sim.ends import PtyEnd, SocketEnd
from dexkit.sim.virtual import VirtualBoard

ECHO = """
import sys, select, machine, micropython
micropython.kbd_intr(-1)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
while True:
    while poll.poll(0):
        sys.stdout.buffer.write(sys.stdin.buffer.read(1))
    machine.idle()
"""
MESSAGE = bytes(range(256)) * 4


@pytest.fixture
def board():
    scene = make_scene("coaster", "healthy", 1, length=1)
    board = VirtualBoard("coaster", scene=scene, program=ECHO, paced=True)
    with board.power_on(0.5):  # by then the program has said that Ctrl-C is a byte like others
        yield board


def echo(port, message=MESSAGE):
    """Write a message to an open port and return what comes back in its length."""
    port.timeout = 10
    port.write(message)
    return port.read(len(message))


def test_a_pseudo_terminal_is_a_serial_port_and_can_be_opened_again(board, tmp_path):
    link = tmp_path / "pegboard"
    with PtyEnd(board, link) as end:
        assert end.url == str(link)
        for _ in range(3):
            with serial.Serial(end.url) as port:
                assert echo(port) == MESSAGE
    assert not link.is_symlink()


def test_a_name_that_is_taken_is_not_taken_over(board, tmp_path):
    taken = tmp_path / "notes"
    taken.write_text("mine")
    with pytest.raises(InputError, match="another name"):
        PtyEnd(board, taken)
    assert taken.read_text() == "mine"
    link = tmp_path / "left behind"
    link.symlink_to("/nowhere")
    with PtyEnd(board, link) as end, serial.Serial(end.url) as port:
        assert echo(port) == MESSAGE


def test_a_socket_is_a_port_for_one_host_after_the_other(board):
    with SocketEnd(board) as end:
        for _ in range(3):
            with serial.serial_for_url(end.url) as port:
                assert echo(port) == MESSAGE
        with pytest.raises(InputError, match="another number"):
            SocketEnd(board, int(end.url.rpartition(":")[2]))


def test_a_host_that_does_not_read_makes_the_board_wait_and_nothing_grows(board, monkeypatch):
    monkeypatch.setattr("dexkit.sim.ends.BACKLOG_BYTES", 4096)
    with SocketEnd(board) as end, serial.serial_for_url(end.url, timeout=10) as port:
        port.write(b"?")
        assert port.read(1) == b"?"
        end._from_board(bytes(5000))
        assert port.read(5000) == bytes(5000)
        assert echo(port) == MESSAGE, "once read, it goes on"


def test_a_url_is_a_board_that_stays_when_its_port_is_closed(monkeypatch):
    monkeypatch.setattr("dexkit.sim.virtual.firmware_program", lambda kind: ECHO)
    monkeypatch.setattr(
        serial, "protocol_handler_packages", [*serial.protocol_handler_packages, "dexkit.sim"]
    )
    url = "sim://pegboard?person=mild&seed=7&chunks=1"
    try:
        with serial.serial_for_url(url) as port:
            assert echo(port) == MESSAGE
            first = port.board
        with serial.serial_for_url(url) as port:
            assert port.board is first
            assert echo(port) == MESSAGE
            assert first.boots == 1
            assert port.in_waiting == 0
    finally:
        protocol_sim.switch_off()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("sim://teapot", "cup, coaster"),
        ("sim://cup?persn=mild", "person"),
        ("sim://cup?seed=x", "mistyped"),
        ("sim://cup?person=mildly", "severity"),
        ("sim://cup?engine=steam", "cpython"),
        ("sim://cup?fault=foot:tired", "missing"),
    ],
)
def test_a_url_that_says_nonsense_is_told_what_it_may_say(url, word):
    with pytest.raises(InputError, match=word):
        protocol_sim.board_of(url)


@pytest.mark.skipif(os.name != "posix", reason="pseudo terminals")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_port_and_ends_when_told_to(told):
    command = [sys.executable, "-u", "-m", "dexkit", "sim", "--object", "pegboard", "--person", "mild"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert select.select([process.stdout], [], [], 30)[0], "it says within 30 s where the board is"
        line, advice = process.stdout.readline(), process.stdout.readline()
        port = re.fullmatch(r"The pegboard is at (/dev/\S+)\n", line)
        assert port, line
        with serial.Serial(port[1]) as opened:
            opened.write(b"\x03")
        process.send_signal(told)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert err == ""
    assert "dexkit record" in advice


def test_without_the_drivers_a_virtual_board_says_what_to_install(monkeypatch):
    monkeypatch.setattr("dexkit.sim.loader.DRIVERS", ("cedargrove_nau7802", "no_such_driver"))
    with pytest.raises(InputError, match=r"no_such_driver are not installed.*pip install 'dexkit\[flash\]'"):
        VirtualBoard("coaster")
