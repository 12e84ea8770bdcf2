"""The boot code: it starts the right application, and comes back from a wrong one."""

import json
import random
from hashlib import sha256

import pytest

from tests import powercut
from tests.ram_flash import Flash
from tests.slot_board import Board

SAYS = "import slots\n\ndef run():\n    slots.feed()\n    print({!r})\n"
GOOD, NEW = SAYS.format("good"), SAYS.format("new")
CONFIRMS = NEW + "    slots.confirm()\n"
CALIBRATION = bytes(range(256)) * 3


def application(main: str, size: int = 0) -> dict[str, bytes]:
    """Return an application as files; its second file depends on the first, so that a mixture is seen."""
    files = {"app/main.py": main.encode(), "data.bin": random.Random(main).randbytes(size)}
    manifest = json.dumps(
        {"files": {name: sha256(data).hexdigest() for name, data in files.items()}}
    ).encode()
    return {**files, "manifest.json": manifest + b"\n" + sha256(manifest).hexdigest().encode() + b"\n"}


def install(board: Board, slot: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        board.files.write(f"/{slot}/{name}", data)


def fresh(good: dict[str, bytes]) -> Board:
    """Return a board whose slot a holds what proved itself."""
    board = Board(Flash())
    board.format()
    install(board, "a", good)
    board.files.write("/calibration", CALIBRATION)
    return board


def on_trial(new: dict[str, bytes]) -> Board:
    board = fresh(application(GOOD))
    install(board, "b", new)
    board.power_up()
    board.run("import slots; slots.begin_trial('b')")
    board.starts.clear()
    return board


def test_a_board_without_a_slot_file_starts_what_is_whole():
    board = fresh(application(GOOD))
    assert board.power_up() == "prompt"
    assert board.prints == ["good"]


def test_an_empty_board_says_what_to_do():
    board = Board(Flash())
    board.format()
    assert board.power_up() == "prompt"
    assert "dexkit flash" in board.prints[0]


def test_a_new_application_is_kept_once_confirmed():
    board = on_trial(application(CONFIRMS))
    for _ in range(5):
        board.power_up()
    assert board.starts == ["b"] * 5


def test_a_new_application_that_is_never_confirmed_is_given_up_at_the_third_start():
    board = on_trial(application(NEW))
    for _ in range(4):
        board.power_up()
    assert board.starts == ["b", "b", "a", "a"]


def test_a_held_pin_means_prompt_only():
    board = fresh(application(GOOD))
    board.stay = True
    assert board.power_up() == "prompt"
    assert board.starts == [None]


def test_the_prompt_is_left_in_peace_by_the_watchdog():
    board = fresh(application(GOOD))
    board.power_up()
    board.pass_time(3_600_000_000)


def test_an_application_that_hangs_is_reset_even_after_it_proved_itself():
    board = fresh(application("def run():\n    while True:\n        pass\n"))
    board.STEP_US = 1000
    assert board.power_up() == "watchdog"


def test_a_trial_of_two_minutes_without_confirmation_is_over():
    hello_never = (
        "import slots, time\n\ndef run():\n    while True:\n        slots.feed()\n        time.sleep_ms(50)\n"
    )
    board = on_trial(application(hello_never))
    assert [board.power_up() for _ in range(3)] == ["watchdog", "watchdog", "prompt"]
    assert board.starts == ["b", "b", "a"]
    assert board.now_us < 300e6


def test_no_slot_can_be_put_on_trial_unless_it_is_whole():
    board = fresh(application(GOOD))
    board.power_up()
    with pytest.raises(ValueError, match="slot b is not whole"):
        board.run("import slots; slots.begin_trial('b')")


def changed(files: dict[str, bytes], name: str, at: int, mask: int) -> dict[str, bytes]:
    data = bytearray(files[name])
    data[at] ^= mask
    return {**files, name: bytes(data)}


def test_a_new_application_with_any_byte_of_its_manifest_changed_is_refused():
    files = application(NEW)
    board = on_trial(files)
    for at in range(len(files["manifest.json"])):
        install(board, "b", changed(files, "manifest.json", at, 1 << at % 8))
        board.run("import slots; slots.write_state('b', 2, 'a')")
        board.power_up()
    assert set(board.starts) == {"a"}


def test_a_new_application_with_a_bit_of_a_file_changed_a_file_too_few_or_too_many_is_refused():
    files = application(NEW, size=3000)
    wrong = [changed(files, name, random.Random(name).randrange(len(files[name])), 1) for name in files]
    wrong += [{k: v for k, v in files.items() if k != name} for name in files]
    wrong += [{**files, "app/config.py": b""}, {**files, "data.bin": files["data.bin"][:-1]}]
    for one in wrong:
        board = on_trial(files)
        for name in files:
            board.files.remove(f"/b/{name}")
        install(board, "b", one)
        board.power_up()
        assert board.starts == ["a"]


def test_a_damaged_good_application_gives_way_to_a_whole_one():
    files = application(GOOD)
    board = fresh(changed(files, "app/main.py", 3, 4))
    install(board, "b", application(NEW))
    board.power_up()
    assert board.prints == ["new"]


def test_a_damaged_slot_file_is_not_believed():
    board = on_trial(application(NEW))
    text = board.files.tree()["/slot"]
    for at in range(len(text)):
        board.files.write("/slot", text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])
        board.power_up()
    assert set(board.starts) == {"a"}


def test_a_full_flash_makes_no_trial_but_starts():
    board = on_trial(application(NEW))
    for size in (100_000, 4_000, 300, 10):
        with pytest.raises(OSError):
            for number in range(1000):
                board.files.write(f"/full_{size}_{number}", bytes(size))
    board.power_up()
    assert board.starts == ["a"]
    assert board.prints == ["good"]


#: What can go wrong, as the body of a function; `now` is where it happens: at import or in the loop.
FAULTS = {
    "exception": [
        "raise ValueError(5)",
        "[][1]",
        "import nothing",
        "raise SystemExit",
        "None.hello()",
        "1 / 0",
    ],
    "hang": ["while True: pass", "while True:\n        x = 1", "time.sleep_ms(10**7)"],
    "memory": ["kept = []\n    while True:\n        kept.append(bytearray(1000))", "bytearray(10**6)"],
    "reboot": ["machine.reset()"],
}


WORK = """import machine
import slots
import time

def work():
    for _ in range({loops}):
        {feed}
        time.sleep_ms({pause_ms})
    {body}

def stubborn():
    while True:
        try:
            work()
        except Exception:
            pass

"""
PLACES = ("{start}()\n\ndef run():\n    pass\n", "def run():\n    {start}()\n")


def bad_application(rng: random.Random) -> str:
    """Make an application that fails in some way, at some place, after some time; it may swallow errors."""
    work = WORK.format(
        body=rng.choice(FAULTS[rng.choice(list(FAULTS))]),
        loops=rng.choice([0, 0, 1, 50]),
        feed=rng.choice(["slots.feed()", "pass"]),
        pause_ms=rng.choice([1, 20, 100]),
    )
    return work + rng.choice(PLACES).format(start=rng.choice(["work", "work", "work", "work", "stubborn"]))


@pytest.mark.parametrize("seed", range(200))
def test_a_bad_application_is_gone_at_the_third_start_at_the_latest(seed):
    board = on_trial(application(bad_application(random.Random(seed))))
    board.STEP_US = 20_000  # so that a hang takes few steps
    for _ in range(3):
        ended = board.power_up()
    assert ended == "prompt"
    assert board.prints == ["good"]
    assert board.starts[-1] == "a"
    assert board.files.tree()["/calibration"] == CALIBRATION


def test_the_power_may_go_twice_at_every_step_of_an_update():
    """Old or new, never a mixture, and it always starts; `make powercut` does it at full size."""
    files = {"app/first.mpy": b"1" * 300, "app/second.mpy": b"2" * 1500, "cup.mpy": b"3" * 10}
    old, new = powercut.versions(2, files)
    found = powercut.Found()
    powercut.cut_update(powercut.board_with(old), old, new, found, repair_each=20)
    assert found.wrong == []
    assert found.cuts == 4 * found.operations > 100
    assert found.started["old"] > 50
    assert found.started["new"] > 50
    assert found.second_cuts > 100
    assert found.repaired == found.cuts // 20
