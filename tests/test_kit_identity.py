"""What a kit was told: one object, one name, on the board; a change that was cut off is finished."""

import json

import pytest

from dexkit.bench.identity import Told, agree, read_told, tell
from dexkit.errors import InputError, LinkError
from dexkit.link import names
from tests import installed
from tests.powercut import Direct
from tests.ram_flash import Flash
from tests.slot_board import Board


class Cut(Direct):
    """A board that falls silent at a step."""

    def __init__(self, board, at=0):
        super().__init__(board)
        self.left, self.gone = at, False

    def _step(self):
        self.left -= 1
        if self.left == 0 or self.gone:
            self.gone = True
            raise LinkError("silent")

    def run(self, code):
        self._step()
        return super().run(code)

    def write(self, path, data):
        self._step()
        super().write(path, data[: len(data) // 2] if self.left == 1 else data)


@pytest.fixture
def board():
    board = Board(Flash())
    board.format()
    board.power_up()
    return board


def settle(board, wanted):
    """As `dexkit flash` does, which writes the application in between."""
    tell(board, agree(board, wanted))


def told(board):
    found = read_told(Direct(board))
    return found.object_kind, found.name


def test_a_kit_is_told_once_and_keeps_it(board):
    settle(Direct(board), Told("coaster", "Blå"))
    assert told(board) == ("coaster", "Blå")
    assert board.files.tree()["/object"] == b"coaster\n"
    settle(Direct(board), Told())
    settle(Direct(board), Told("coaster"))
    assert told(board) == ("coaster", "Blå")
    settle(Direct(board), Told(name="Green"))
    assert told(board) == ("coaster", "Green")


def test_another_object_is_refused_and_nothing_is_touched(board):
    settle(Direct(board), Told("coaster", "Blue"))
    before = board.files.tree()
    with pytest.raises(InputError, match="is a coaster 'Blue', so it was not flashed as a button board"):
        settle(Direct(board), Told("button_board"))
    assert board.files.tree() == before


def test_a_board_of_before_names_is_what_its_object_file_says(board):
    board.files.write("/object", b"pegboard\n")
    assert told(board) == ("pegboard", "")
    with pytest.raises(InputError, match="--rename-object cup"):
        settle(Direct(board), Told("cup"))


@pytest.mark.parametrize("damage", ["byte", "other board", "cut off"])
def test_what_cannot_be_trusted_is_not_believed(board, damage):
    settle(Direct(board), Told("coaster", "Blue"))
    sealed = bytearray(board.files.tree()["/kit"])
    if damage == "byte":
        sealed[5] ^= 1
    elif damage == "cut off":
        sealed = sealed[:-20]
    else:
        sealed = installed.sealed({**json.loads(sealed.split(b"\n")[0]), "uid": "00"})
    board.files.write("/kit", bytes(sealed))
    assert told(board) == ("coaster", "")


def test_a_new_object_sets_the_calibration_aside_wherever_the_change_is_cut_off(board):
    steps = 0
    for at in range(1, 100):
        board = Board(Flash())
        board.format()
        board.power_up()
        settle(Direct(board), Told("coaster", "Blue"))
        board.files.write("/calibration", b"the coaster's")
        cut = Cut(board, at)
        try:
            settle(cut, Told("cup", rename=True))
            break
        except LinkError:
            steps += 1
        tree = board.files.tree()
        # Never a cup with a coaster's calibration.
        assert tree["/object"] == b"coaster\n" or "/calibration" not in tree
        settle(Direct(board), Told() if told(board)[0] == "cup" else Told("cup", rename=True))
        tree = board.files.tree()
        assert told(board) == ("cup", "Blue") and tree["/object"] == b"cup\n"
        assert tree["/calibration.coaster"] == b"the coaster's" and "/calibration" not in tree
    assert steps > 10


def test_this_computer_shows_the_name_of_a_kit_that_it_flashed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    names.remember("e660", "cup", "Blue")
    assert (names.name_of("e660"), names.name_of("e661"), names.name_of("../x")) == ("Blue", "", "")
    next(tmp_path.rglob("e660.json")).write_text("{")
    assert names.name_of("e660") == ""
