"""UF2 files: an image in blocks of 512 bytes, each with its place in the flash; checked before it is copied.

The format is https://github.com/microsoft/uf2; what an RP2040 takes of it is in its datasheet, 2.8.4.2.
"""

import struct
from dataclasses import dataclass

from dexkit.errors import InputError

BLOCK_BYTES = 512
#: Two magic numbers, flags, place, payload's size, number, how many, family; a third one ends a block.
_HEAD = "<8I"
_BEGIN, _ALSO, _END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_FLASH, _HAS_FAMILY = 0x0001, 0x2000
PAYLOAD_BYTES = 256  # the only size that an RP2040 takes
RP2040 = 0xE48BFF56
#: What else people hold in their hands; from the format's list of families.
OTHERS = {0xE48BFF57: "any RP2350", 0xE48BFF59: "an RP2350 (Pico 2)", 0xE48BFF5A: "an RP2350 in RISC-V"}
FLASH_AT = 0x10000000
AGAIN = "Fetch the file again."


@dataclass(frozen=True)
class Image:
    """What a UF2 file puts into a flash.

    Parameters
    ----------
    at
        Where it begins, counted from the beginning of the flash.
    content
        All of it, without a gap.
    """

    at: int
    content: bytes


def read_uf2(data: bytes, name: str, flash_bytes: int) -> Image:
    """Return what a UF2 file puts into an RP2040's flash.

    Parameters
    ----------
    data
        The whole file.
    name
        What to call it in a message.
    flash_bytes
        Size of the board's flash.

    Raises
    ------
    InputError
        When it is no UF2 file, cut off, damaged, with a gap, or for another processor or a larger flash.
    """
    if len(data) < BLOCK_BYTES or struct.unpack_from("<2I", data) != (_BEGIN, _ALSO):
        raise InputError(
            f"{name} is no UF2 file. Probably it is another download, or a page of a website that was "
            "saved in its place. Take the file that ends in .uf2."
        )
    if len(data) % BLOCK_BYTES:
        raise InputError(f"{name} ends in the middle of a block. Probably its download was cut off. {AGAIN}")
    count = len(data) // BLOCK_BYTES
    at = end = struct.unpack_from("<I", data, 12)[0]
    parts = []
    for number in range(count):
        block = data[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
        begin, also, flags, place, size, index, total, family = struct.unpack_from(_HEAD, block)
        (last,) = struct.unpack_from("<I", block, BLOCK_BYTES - 4)
        if (begin, also, last) != (_BEGIN, _ALSO, _END):
            raise InputError(f"{name} is damaged: block {number} of {count} has no beginning or end. {AGAIN}")
        if not flags & _HAS_FAMILY or flags & _NOT_FLASH or family != RP2040:
            whom = OTHERS.get(family, "another processor") if flags & _HAS_FAMILY else "nobody it names"
            raise InputError(
                f"{name} is for {whom}, not for an RP2040, so it was not copied. Take the file for the board "
                "that you have: Pico or Pico W."
            )
        if total != count or index != number:
            raise InputError(
                f"{name} has {count} blocks, and its block {number} says that it is number {index} of "
                f"{total}. Probably its download was cut off, or put together of two. {AGAIN}"
            )
        if size != PAYLOAD_BYTES or place != end:
            raise InputError(
                f"{name} has a gap at block {number}: {size} bytes for 0x{place:08X}, where "
                f"{PAYLOAD_BYTES} for 0x{end:08X} were to follow. {AGAIN}"
            )
        parts.append(block[32 : 32 + size])
        end += size
    if at != FLASH_AT or end > FLASH_AT + flash_bytes:
        raise InputError(
            f"{name} is for 0x{at:08X} to 0x{end:08X}, which is not in this board's flash. Probably it "
            "is for another board, or no program but a piece of data. Take MicroPython's own file."
        )
    return Image(at - FLASH_AT, b"".join(parts))
