"""Firmware sources and hardware files are found in a checkout, and wheels carry them."""

import subprocess
import sys
from pathlib import Path

import pytest

from dexkit import kit_files
from dexkit.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the package as a wheel packs it."""
    target = tmp_path_factory.mktemp("built")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / "dexkit"


@pytest.mark.parametrize("name", kit_files.FOLDERS)
def test_a_wheel_carries_the_kit_s_files(built, name, monkeypatch):
    there = files_of(ROOT / name)
    assert there
    assert files_of(built / "kit" / name) == there
    monkeypatch.setattr(kit_files, "PACKAGE", built)
    assert kit_files.folder(name) == built / "kit" / name


def test_a_wheel_carries_what_virtual_boards_import(built):
    board = Path("sim") / "board"
    assert files_of(built / board) == files_of(ROOT / "host" / "dexkit" / board)


def test_the_checkout_comes_first_and_a_lack_is_told(tmp_path, monkeypatch):
    assert kit_files.folder("hardware") == ROOT / "hardware"
    monkeypatch.setattr(kit_files, "PACKAGE", tmp_path / "dexkit")
    with pytest.raises(InputError, match="Install dexkit again"):
        kit_files.folder("hardware")
