"""MicroPython's image: a UF2 file is read or refused in words, the pinned one is taken, no other unasked."""

import dataclasses
import struct
from hashlib import sha256

import pytest

from dexkit.bench import images
from dexkit.bench.uf2 import read_uf2
from dexkit.errors import InputError
from dexkit.hardware import microcontrollers
from dexkit.kit_files import image_folder
from tests.boot_mode import uf2

CONTENT = bytes(range(256)) * 20
FLASH_BYTES = 1 << 21


def changed(block, at, value, data=None):
    """Return a UF2 file with one word of one block changed."""
    data = bytearray(data or uf2(CONTENT))
    struct.pack_into("<I", data, 512 * block + at, value)
    return bytes(data)


def test_a_file_is_what_its_blocks_hold():
    image = read_uf2(uf2(CONTENT), "x.uf2", FLASH_BYTES)
    assert (image.at, image.content) == (0, CONTENT)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no UF2 file"),
        (b"<!doctype html>" * 100, "page of a website"),
        (uf2(CONTENT)[:-100], "middle of a block"),
        (uf2(CONTENT)[:-512], "says that it is number 0 of 20"),
        (uf2(CONTENT)[512:], "number 1 of 20"),
        (uf2(CONTENT) + uf2(CONTENT)[-512:], "of 20"),
        (changed(7, 0, 1), "block 7 of 20 has no beginning"),
        (changed(7, 4, 1), "block 7"),
        (changed(7, 508, 1), "block 7"),
        (changed(7, 8, 0), "for nobody it names"),
        (changed(7, 8, 0x2001), "not for an RP2040"),
        (changed(7, 28, 0xE48BFF59), r"RP2350 \(Pico 2\)"),
        (changed(7, 28, 5), "another processor"),
        (changed(7, 20, 8), "says that it is number 8"),
        (changed(7, 24, 21), "of 21"),
        (changed(7, 12, 0x10000000), "gap at block 7"),
        (changed(7, 16, 255), "gap at block 7"),
        (uf2(CONTENT, at=0x20000000), "not in this board's flash"),
        (uf2(bytes(FLASH_BYTES + 256)), "not in this board's flash"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_board_would_stumble_over_is_refused_in_words(data, why):
    with pytest.raises(InputError, match=f"x.uf2 .*{why}"):
        read_uf2(data, "x.uf2", FLASH_BYTES)


def test_every_changed_byte_of_a_block_but_its_content_is_refused():
    data = uf2(CONTENT)
    for at in (*range(8), *range(12, 32), *range(508, 512)):  # some flags mean nothing to an RP2040
        flipped = bytearray(data)
        flipped[512 * 3 + at] ^= 0x40
        with pytest.raises(InputError):
            read_uf2(bytes(flipped), "x.uf2", FLASH_BYTES)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A Pico whose image is fetched from a folder of this machine, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    there = tmp_path / "RPI_PICO-of-a-test.uf2"
    there.write_bytes(uf2(CONTENT))
    return dataclasses.replace(
        microcontrollers()["pico"],
        image=there.name,
        sha256=sha256(uf2(CONTENT)).hexdigest(),
        url=there.as_uri(),
    ), there


def test_an_image_is_fetched_once(served):
    board, there = served
    told = []
    data = images.image_for(board, None, anyway=False, progress=lambda *both: told.append(both))
    assert data == there.read_bytes() and told[-1] == (len(data), len(data))
    there.unlink()
    assert images.image_for(board, None, anyway=False) == data


def test_a_damaged_image_in_the_cache_is_fetched_anew(served):
    board, there = served
    image_folder().mkdir(parents=True)
    (image_folder() / board.image).write_bytes(uf2(CONTENT)[:-512])
    assert images.image_for(board, None, anyway=False) == there.read_bytes()
    assert [path.name for path in image_folder().iterdir()] == [board.image]
    assert (image_folder() / board.image).read_bytes() == there.read_bytes()


def test_what_a_network_put_in_its_place_is_thrown_away(served):
    board, there = served
    there.write_bytes(uf2(CONTENT[:-256]))
    with pytest.raises(InputError, match=r"thrown away.*--uf2 RPI_PICO-of-a-test\.uf2"):
        images.image_for(board, None, anyway=False)
    assert not image_folder().exists() or not list(image_folder().iterdir())


def test_without_internet_one_line_names_the_file_to_bring(served):
    board, there = served
    there.unlink()
    with pytest.raises(InputError) as told:
        images.image_for(board, None, anyway=False)
    assert str(told.value).count("\n") == 0
    assert board.url in str(told.value) and f"--uf2 {board.image}" in str(told.value)


def test_a_file_that_is_brought_is_the_pinned_one_or_taken_on_ones_own_account(served, tmp_path):
    board, there = served
    assert images.image_for(board, there, anyway=False) == there.read_bytes()
    other = tmp_path / "own.uf2"
    other.write_bytes(uf2(CONTENT[:-256]))
    with pytest.raises(InputError, match=r"own\.uf2 is not RPI_PICO-of-a-test\.uf2.*--anyway"):
        images.image_for(board, other, anyway=False)
    assert images.image_for(board, other, anyway=True) == other.read_bytes()
    other.write_bytes(b"no image")
    with pytest.raises(InputError, match="no UF2 file"):
        images.image_for(board, other, anyway=True)
    with pytest.raises(InputError, match="Cannot read"):
        images.image_for(board, tmp_path / "nothing.uf2", anyway=False)


def test_the_image_of_the_other_board_is_named(served, tmp_path, monkeypatch):
    board, there = served
    pico_w = dataclasses.replace(board, kind="pico_w", sha256=64 * "0")
    monkeypatch.setattr(images, "microcontrollers", lambda: {"pico": board, "pico_w": pico_w})
    with pytest.raises(InputError, match=r"is MicroPython for pico, .* say so: --board pico"):
        images.image_for(pico_w, there, anyway=False)


def test_the_images_of_this_machine_are_the_pinned_ones():
    kept = [board for board in microcontrollers().values() if (image_folder() / board.image).is_file()]
    if not kept:
        pytest.skip(f"no image of MicroPython in {image_folder()}")
    for board in kept:
        data = images.image_for(board, image_folder() / board.image, anyway=False)
        image = read_uf2(data, board.image, board.flash_bytes)
        assert len(image.content) <= board.files_at
        assert board.machine.encode() in image.content
        assert f"v{'.'.join(map(str, board.version))} on".encode() in image.content
