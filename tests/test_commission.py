"""`dexkit flash`, typed as an engineer types it: from blank to confirmed, what it refuses, going back."""

import json

import pytest

from dexkit.bench import commission as way
from dexkit.bench import drive as boot_drive
from dexkit.bench.application import Application, build
from dexkit.bench.commission import Clock, Wish, commission, places
from dexkit.bench.identity import Told
from dexkit.errors import InputError, LinkError
from dexkit.hardware import microcontrollers
from dexkit.link import names
from dexkit.link.connection import Connection
from dexkit.link.listing import look
from dexkit.link.ports import Plug, Port
from dexkit.sim.engines import pico
from tests.boot_mode import PATIENCE_S, Socket, command, system, uf2
from tests.flash_pulls import files_of, from_blank
from tests.installed import install, sealed

OLD_MICROPYTHON = """
import machine, sys
sys.implementation.version = (1, 20, 0)
def bootloader():
    with open("/bootsel", "w"):
        pass
    machine.reset()
machine.bootloader = bootloader
"""
ANOTHER = """
import time
while True:
    print("mine")
    time.sleep_ms(20)
"""


@pytest.fixture
def socket(tmp_path):
    """A socket with a blank coaster; any image is a MicroPython to it."""
    socket = Socket(tmp_path)
    with system(socket):
        yield socket


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "some.uf2"
    path.write_bytes(uf2(bytes(100_000)))
    return path


def older(version="0.0.9"):
    """Return this application as an older one, which says so in its hello and speaks another schema."""
    files = build(compiled=False).files
    table = files["app/schema_table.py"].decode().splitlines()
    table = [f'VERSION = "{version}"' if line.startswith("VERSION =") else line for line in table]
    table = [f'SCHEMA_HASH = "{64 * "0"}"' if line.startswith("SCHEMA_HASH =") else line for line in table]
    return Application({**files, "app/schema_table.py": "\n".join(table).encode()}, version=version)


def flashed(socket, *, use="a", **slots):
    """Have the board in a socket hold these applications."""
    install(socket.flash, socket.object_kind, slots, {"use": use, "tries": 0, "good": use})
    socket.has_image = True
    return socket.plug()


def state_of(socket):
    """Return which slot a board starts."""
    return json.loads(files_of(socket)["slot"].split(b"\n")[0])


def goes_on(socket):
    """Whether the dexkit of a board says hello, now that nobody has it at its prompt."""
    (seen,) = look([Plug(socket.end.url)], PATIENCE_S[socket.engine][0])
    return seen.state == "free"


def test_from_a_blank_board_to_a_kit_with_a_name_that_becomes_another_only_on_purpose(socket, image, capsys):
    """One board from its first day on, since each start and self-test takes its seconds."""
    socket.plug()
    assert command("--object", "coaster", "--name", "Blue", "--uf2", image, "--anyway") == 0
    said = capsys.readouterr()
    assert "in boot mode (Raspberry Pi RP2)" in said.err and "without dexkit" in said.err
    assert "The coaster 'Blue' runs dexkit" in said.out
    files = files_of(socket)
    assert names.name_of(json.loads(files["kit"].split(b"\n")[0])["uid"]) == "Blue"

    (socket.flash / "calibration").write_bytes(b"the coaster's")
    assert command("--object", "cup") == 2
    said = capsys.readouterr()
    assert (
        "this dexkit" in said.err and "is a coaster 'Blue'" in said.err and "--rename-object cup" in said.err
    )
    assert files_of(socket) == {**files, "calibration": b"the coaster's"}
    assert goes_on(socket)

    assert command("--rollback") == 2
    assert "slot a holds no whole application" in capsys.readouterr().err
    assert goes_on(socket)

    assert command("--rename-object", "cup") == 3  # a coaster's chips are no cup's
    said = capsys.readouterr()
    assert "The cup 'Blue' runs" in said.out and "does not answer" in said.err
    files = files_of(socket)
    assert files["object"] == b"cup\n" and files["calibration.coaster"] == b"the coaster's"
    assert "calibration" not in files


def test_back_to_the_other_application_and_all_boards_have_their_say(tmp_path, capsys):
    """The first goes back to an older dexkit of another schema, the second has nothing to go back to."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    two, one = Socket(tmp_path / "one"), Socket(tmp_path / "two", "button_board")
    this = build(compiled=False)
    with system(one, two):
        flashed(one, use="b", a=older(), b=this)
        flashed(two, a=this)
        assert command("--rollback", "--all") == 2
        said = capsys.readouterr()
        assert "The button board runs dexkit 0.0.9 of slot a now; before it ran" in said.out
        assert "1 of 2 boards are well" in said.out
        assert f"{two.end.url}: There is nothing to go back to" in said.err
        assert state_of(one) == {"use": "a", "tries": 0, "good": "a"}
        assert command("--rollback") == 2
        assert "2 boards are plugged in" in capsys.readouterr().err


def silent(how="pass"):
    """Return an application that says no hello."""
    return Application({"app/main.py": f"def run():\n    {how}\n".encode()}, version="0.0.1")


@pytest.mark.parametrize(("how", "hello_s"), [("pass", 2.0), ("raise ValueError", 60.0)])
def test_an_application_that_says_no_hello_is_not_gone_back_to(socket, capsys, monkeypatch, how, hello_s):
    flashed(socket, use="b", a=silent(how), b=build(compiled=False))
    monkeypatch.setattr("dexkit.bench.prove.HELLO_S", hello_s)
    assert command("--rollback") == 2
    assert "0.0.1 of slot a does not say hello, so the board goes on with" in capsys.readouterr().err
    assert state_of(socket) == {"use": "b", "tries": 0, "good": "b"}
    assert goes_on(socket)


@pytest.mark.parametrize("how", ["Ctrl-C", "pulled"])
def test_going_back_that_is_cut_off_leaves_the_board_with_what_it_had(socket, capsys, monkeypatch, how):
    flashed(socket, use="b", a=silent("raise ValueError"), b=build(compiled=False))
    monkeypatch.setattr("dexkit.bench.prove.HELLO_S", 2.0)

    def cut(*_):
        if how == "Ctrl-C":
            raise KeyboardInterrupt
        socket.pull()
        raise LinkError("There is no such port.")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "step", cut)  # the host waits for the hello
        assert command("--rollback") == (130 if how == "Ctrl-C" else 2)
    said = {"Ctrl-C": "dexkit: stopped.\n", "pulled": "by its third start at the latest"}
    assert said[how] in capsys.readouterr().err
    if how == "pulled":
        socket.plug()
    assert goes_on(socket)
    assert state_of(socket) == {"use": "b", "tries": 0, "good": "b"}


def test_a_trial_that_is_under_way_is_given_up_for_the_one_that_proved_itself(socket, capsys):
    flashed(socket, a=older(), b=build(compiled=False)).pull()
    (socket.flash / "slot").write_bytes(sealed({"use": "b", "tries": 2, "good": "a"}))
    socket.plug()
    assert command("--rollback") == 0
    assert "runs dexkit 0.0.9 of slot a now" in capsys.readouterr().out
    assert state_of(socket) == {"use": "a", "tries": 0, "good": "a"}


def test_another_program_is_replaced_only_on_purpose(socket, capsys):
    socket.has_image = True
    (socket.flash / "main.py").write_text(ANOTHER)
    socket.plug()
    assert command("--object", "coaster") == 2
    assert "another program (main.py), which would be replaced" in capsys.readouterr().err
    assert set(files_of(socket)) == {"main.py"}
    port, said = Port(socket.end.url), b""
    try:
        while b"mine\r\nmine" not in said and (more := port.read(PATIENCE_S[socket.engine][0])):
            said += more
    finally:
        port.close()
    assert b"mine\r\nmine" in said  # it goes on


def test_a_board_that_was_never_told_what_it_is_in_asks(socket, capsys):
    socket.has_image = True
    socket.plug()
    assert command() == 2
    assert "--object cup | coaster" in capsys.readouterr().err


def test_another_interpreter_is_named_with_the_way_out(socket, capsys):
    socket.has_image = True
    socket.program = (
        "import sys\nsys.implementation.name, sys.implementation.version = 'circuitpython', (9, 2, 1)"
    )
    socket.plug()
    assert command("--object", "coaster") == 2
    assert "runs CircuitPython 9.2.1" in (said := capsys.readouterr().err) and "BOOTSEL" in said


@pytest.mark.parametrize("board", ["pico", "pico_w"])
def test_an_old_micropython_is_replaced_by_way_of_boot_mode(socket, image, capsys, board):
    machine = microcontrollers()[board].machine
    socket.has_image = True
    socket.program = f"{OLD_MICROPYTHON}\nsys.implementation._machine = {machine!r}\n"
    socket.plug()
    assert command("--uf2", image, "--anyway") == 2
    said = capsys.readouterr().err
    assert f"MicroPython 1.20.0 on {machine}" in said and f"for {board} was copied" in said
    assert "never told" in said  # the new one was reached, and asks what it is in


def test_what_counts_only_in_boot_mode_is_said_on_a_running_board(socket, image, capsys):
    flashed(socket, a=build(compiled=False))
    assert command("--object", "coaster", "--uf2", image, "--board", "pico_w") == 0  # the same command again
    said = capsys.readouterr()
    assert "--uf2 and --board were not used" in said.err and "BOOTSEL" in said.err
    assert command("--object", "coaster") == 0
    assert "not used" not in capsys.readouterr().err


def test_an_image_that_is_not_there_is_said_before_any_board_is_asked(socket, tmp_path, capsys):
    flashed(socket, a=build(compiled=False))
    assert command("--uf2", tmp_path / "none.uf2") == 2
    said = capsys.readouterr().err
    assert "none.uf2" in said and said.count("\n") == 1


def test_what_is_meant_must_be_clear(socket, tmp_path, capsys):
    assert command("--object", "coaster") == 2
    assert "No board is plugged in" in capsys.readouterr().err
    for words in (
        ("--all", "--name", "Blue"),
        ("--all", "COM3"),
        ("--object", "cup", "--rename-object", "coaster"),
    ):
        assert command(*words) == 2
    for words, answer in (
        (("--object", "mug"), "no object 'mug'"),
        (("--name", "a\nb"), "cannot be a kit's name"),
        (("--name", 41 * "a"), "cannot be a kit's name"),
        (("--board", "pico_2"), "pico, pico_w"),
        (("--drive", tmp_path), "has no INFO_UF2.TXT"),
    ):
        assert command(*words) == 2
        assert answer in capsys.readouterr().err


def test_a_pico_2_is_not_written_to(tmp_path):
    (tmp_path / "INFO_UF2.TXT").write_text("Model: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n")
    with pytest.raises(InputError, match=r"RP2350.*nothing was copied"):
        places(None, tmp_path, every=False)


def test_a_drive_that_nobody_mounted_is_named(socket, tmp_path, monkeypatch):
    (tmp_path / "RPI-RP2").write_text("")
    monkeypatch.setattr(boot_drive, "LABELS", tmp_path)
    with pytest.raises(InputError, match="udisksctl mount -b"):
        places(None, None, every=False)


def test_a_copy_that_ends_in_an_error_is_good_only_when_it_was_whole(socket, image, monkeypatch):
    """The drive of a board that starts is gone before the system has closed the file."""
    socket.plug()
    drive, data = boot_drive.drive_at(socket.drive), image.read_bytes()
    for fails_at, good in ((3, False), (-(-len(data) // boot_drive.PIECE_BYTES), True)):
        calls = []

        def fsync(file, calls=calls, fails_at=fails_at):
            calls.append(file)
            if len(calls) == fails_at:
                raise OSError(5, "Input/output error")

        monkeypatch.setattr("os.fsync", fsync)
        if good:
            boot_drive.copy(drive, data)
        else:
            with pytest.raises(LinkError, match="Hold the BOOTSEL button"):
                boot_drive.copy(drive, data)


def test_a_board_that_does_not_come_back_is_not_waited_for_for_ever(socket, image, monkeypatch):
    socket.plug()
    drive = boot_drive.drive_at(socket.drive)
    monkeypatch.setattr(socket, "ports", list)
    now_s = [0.0]

    def sleep(seconds):
        now_s[0] += seconds

    with pytest.raises(LinkError, match=r"no port has appeared within 30 s.*BOOTSEL"):
        commission(drive, Wish(Told("coaster"), uf2=image, anyway=True), clock=Clock(lambda: now_s[0], sleep))
    assert now_s[0] == pytest.approx(way.APPEARS_S, abs=1.0)


def test_a_drive_of_another_user_is_told_apart_from_a_pulled_cable(socket, image, monkeypatch):
    socket.plug()

    def fsync(file):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(LinkError, match=r"may not be written to.*mount"):
        boot_drive.copy(boot_drive.drive_at(socket.drive), image.read_bytes())


@pytest.mark.skipif(bool(pico.missing()), reason=pico.missing() or "is there")
def test_what_is_copied_onto_a_blank_pico_is_what_then_answers(tmp_path, capsys):
    """The official image, from its UF2 blocks alone; `make flash-pulls` goes on to a confirmed kit."""
    socket = Socket(tmp_path, engine="pico")
    with system(socket):
        socket.plug()
        assert command() == 2
    said = capsys.readouterr().err
    assert "MicroPython 1.24.1 on Raspberry Pi Pico with RP2040, without dexkit" in said
    assert "never told" in said


def test_pulled_at_a_few_steps_the_next_run_heals_it(tmp_path):
    """`make flash-pulls` pulls at every step; here in the image, the boot code, the application."""
    pulled = from_blank(tmp_path)
    for at, after in ((4, True), (200, True)):
        pulled.go(at, after=after)
    assert not pulled.wrong
    assert pulled.found["ended with 2"] == pulled.found["healed"] == 2
