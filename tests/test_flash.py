"""`dexkit flash`: an application goes to a board through a real pseudo terminal, and proves itself."""

import signal
import tomllib
from pathlib import Path

import pytest

from dexkit.bench.application import DRIVERS, Application, build, collect
from dexkit.bench.flash import flash, install
from dexkit.bench.mpremote import Board
from dexkit.errors import InputError, LinkError
from dexkit.sim.ends import PtyEnd
from dexkit.sim.virtual import VirtualBoard

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def end():
    """The port of an empty virtual coaster."""
    with VirtualBoard("coaster", paced=True, program="") as board, PtyEnd(board) as end:
        yield end


def changed(path: str, old: bytes, new: bytes) -> Application:
    """Return this dexkit's application with a change."""
    files = build(compiled=False).files
    assert old in files[path]
    return Application({**files, path: files[path].replace(old, new)})


def small(word: str) -> Application:
    """Return an application that only says a word."""
    return Application(
        {"app/main.py": f"def run():\n    print({word!r})\n".encode(), "app/other.py": bytes(3000)}
    )


def test_the_drivers_are_pinned_exactly():
    pins = dict(pin.split("==") for pin in PROJECT["project"]["optional-dependencies"]["flash"])
    assert {name: pins[name] for name in DRIVERS} == DRIVERS


def test_an_application_holds_what_its_modules_import_and_nothing_else():
    sources = collect(("app.load", "app.motion"))
    assert {
        "cedargrove_nau7802.py",
        "adafruit_lsm6ds/lsm6dsox.py",
        "adafruit_register/i2c_bits.py",
    } <= sources.keys()
    assert not {path for path in sources if "mpr121" in path or "lsm6ds3" in path}


def test_an_application_is_bytecode_for_the_boards():
    files = build().files
    assert files.keys() == {path.replace(".py", ".mpy") for path in collect()}
    assert all(data[:2] == b"M\x06" for data in files.values())


def test_a_module_that_is_nowhere_is_named():
    with pytest.raises(InputError, match=r"app\.nowhere"):
        collect(("app.nowhere",))


def test_only_what_differs_travels(end):
    with Board(end.url) as board:
        first = install(board, "coaster", small("one"))
        again = install(board, application=small("two"))
        assert (first.slot, first.sent) == ("b", 3)
        assert (again.slot, again.sent, again.copied) == ("a", 2, 1)
        third = install(board, application=small("two"))
        assert (third.slot, third.sent, third.kept) == ("a", 0, 3)


def test_a_board_that_was_never_told_what_it_is_in_asks(end):
    with Board(end.url) as board, pytest.raises(InputError, match="--object"):
        install(board, application=small("one"))


def test_what_a_board_does_not_keep_is_not_started(end):
    class Forgetful(Board):
        def write(self, path, data):
            kept = data.replace(b"print", b"prinT") if path.startswith("/b/") else data
            super().write(path, kept)

    with Forgetful(end.url) as board, pytest.raises(LinkError, match="did not keep"):
        install(board, "coaster", small("one"))
    with Board(end.url) as board:
        board.run("import slots")
        assert board.ask("slots.state()")["use"] == "a"
        assert not board.ask("slots.is_whole('b')")


def test_errors_of_the_board_are_told_in_words(end, capfd):
    with Board(end.url) as board:
        with pytest.raises(LinkError, match="ValueError: 5"):
            board.run("raise ValueError(5)")
        with pytest.raises(LinkError, match="ENOENT"):
            board.run("open('/nothing')")
        assert board.ask("{'a': [1, 2.5, b'x']}") == {"a": [1, 2.5, b"x"]}
    assert capfd.readouterr() == ("", "")


def test_a_board_starts_anew_after_what_was_stopped(end, monkeypatch):
    def stop(number, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr("dexkit.bench.mpremote.PROMPT_S", 60.0)  # this computer may have much else to do
    before = signal.signal(signal.SIGALRM, stop)
    try:
        with pytest.raises(KeyboardInterrupt), Board(end.url) as board:
            board.run("left = 'at its prompt'")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            board.run("import time\nwhile True:\n    time.sleep_ms(1)")
    finally:
        signal.signal(signal.SIGALRM, before)
    with Board(end.url) as board:
        assert not board.ask("'left' in globals()")


def test_a_port_that_is_not_there_is_told_in_words():
    with pytest.raises(LinkError, match="no port /dev/nothing"), Board("/dev/nothing"):
        pass


def test_a_board_that_never_answers_is_given_up(monkeypatch, capfd):
    monkeypatch.setattr("dexkit.bench.mpremote.PROMPT_S", 0.05)
    deaf = "import machine, micropython\nmicropython.kbd_intr(-1)\nwhile True:\n    machine.idle()\n"
    with (
        VirtualBoard("coaster", paced=True, program=deaf) as board,
        PtyEnd(board) as end,
        pytest.raises(LinkError, match="pins 29 and 28"),
        Board(end.url),
    ):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_new_application_is_kept_once_it_has_proved_itself_and_given_up_otherwise(end, monkeypatch):
    """One board, since a self-test takes its second: a first application, a better one, and two bad ones."""
    for name in ("prove.HELLO_S", "prove.SELFTEST_S", "mpremote.TIMEOUT_S", "mpremote.PROMPT_S"):
        monkeypatch.setattr(f"dexkit.bench.{name}", 120.0)  # this computer may have much else to do
    installed, proof = flash(end.url, "coaster")
    assert (installed.slot, installed.on_trial, proof.kept, proof.faults) == ("b", False, True, ())
    assert proof.hello.object_kind == "coaster"

    installed, proof = flash(end.url, application=changed("app/main.py", b"# Where", b"# Here"))
    assert (installed.slot, installed.on_trial, installed.sent) == ("a", True, 2)
    assert proof.kept

    broken = changed("app/main.py", b"def run(kind=None):", b"1 / 0\n\ndef run(kind=None):")
    with pytest.raises(
        LinkError, match=r"did not start.*ZeroDivisionError.*goes on with the application it had"
    ):
        flash(end.url, application=broken)

    blind = changed(
        "app/selftest.py",
        b"def _words",
        b"def _words(self, hz):\n        return 'is blind'\n\n    def _wordz",
    )
    with pytest.raises(LinkError, match=r"plate is blind.*--anyway"):
        flash(end.url, application=blind)
    with Board(end.url) as board:
        assert board.ask("slots.state()") == {"use": "a", "tries": 0, "good": "a"}
    installed, proof = flash(end.url, application=blind, anyway=True)
    assert (installed.sent, proof.faults) == (0, ("plate is blind",))
    with Board(end.url) as board:
        assert board.ask("slots.state()") == {"use": "b", "tries": 0, "good": "b"}
