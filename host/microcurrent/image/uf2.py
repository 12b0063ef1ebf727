"""UF2, the form in which an RP2040 takes an image: blocks of 512 bytes, each with an address and 256 bytes for it.

Marks and fields: the UF2 specification. The address range: RP2040 data sheet 2.2 (flash at 0x10000000), and the Pico's
flash of 2 MiB.
"""

import struct
from pathlib import Path

from ..errors import ImageError

FLASH_BEGIN = 0x10000000
FLASH_END = FLASH_BEGIN + 2 * 1024 * 1024
RP2040 = 0xE48BFF56  # family
BLOCK_BYTES = 512
PAYLOAD_BYTES = 256  # a page of the flash: the boot ROM takes nothing else, RP2040 data sheet 2.8.4.2
_BLOCK = struct.Struct("<8I476sI")  # two magic numbers, flags, target, size, index, count, family, payload, end mark
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_FAMILY_PRESENT = 0x2000  # flag: the family field is one


def require_uf2(path: Path) -> None:
    """Raise ImageError unless the file is a whole UF2 for the RP2040."""
    _blocks(path)


def contents(path: Path) -> tuple[int, bytes]:
    """(address of the first byte, all bytes) that the file puts into the flash. Raises ImageError."""
    blocks = _blocks(path)
    for number, (target, payload) in enumerate(blocks):
        if len(payload) != PAYLOAD_BYTES:
            raise ImageError(f"{path} is damaged: block {number} holds {len(payload)} bytes, not {PAYLOAD_BYTES}")
        if not FLASH_BEGIN <= target <= FLASH_END - PAYLOAD_BYTES:
            raise ImageError(
                f"{path} is damaged: block {number} is for address {target:#x}, the flash is {FLASH_BEGIN:#x} to "
                f"{FLASH_END:#x}"
            )
        if target != blocks[0][0] + number * PAYLOAD_BYTES:
            raise ImageError(
                f"{path} is damaged: block {number} for address {target:#x} does not follow the one before"
            )
    return blocks[0][0], b"".join(payload for _target, payload in blocks)


def payload(path: Path) -> bytes:
    """All that the file holds, wherever it goes. Raises ImageError unless it is a whole UF2 for the RP2040."""
    return b"".join(payload for _target, payload in _blocks(path))


def encode(begin: int, data: bytes) -> bytes:
    """The UF2 that puts `data`, filled up with zeros to whole pages, at an address."""
    pages = [data[at : at + PAYLOAD_BYTES].ljust(PAYLOAD_BYTES, b"\0") for at in range(0, len(data), PAYLOAD_BYTES)]
    return b"".join(
        _BLOCK.pack(
            *_MAGIC[:2],
            _FAMILY_PRESENT,
            begin + number * PAYLOAD_BYTES,
            PAYLOAD_BYTES,
            number,
            len(pages),
            RP2040,
            page,
            _MAGIC[2],
        )
        for number, page in enumerate(pages)
    )


def _blocks(path: Path) -> list[tuple[int, bytes]]:
    """[(address, payload)] in the order of the file. Raises ImageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror})") from None
    count = len(data) // BLOCK_BYTES
    if not count or len(data) % BLOCK_BYTES:
        raise ImageError(
            f"{path} is not a UF2 image: {len(data)} bytes are no whole number of {BLOCK_BYTES}-byte blocks"
        )
    return [_block(path, number, count, data) for number in range(count)]


def _block(path: Path, number: int, blocks: int, data: bytes) -> tuple[int, bytes]:
    magic, more, _flags, target, size, index, count, family, payload, end = _BLOCK.unpack_from(
        data, number * BLOCK_BYTES
    )
    if (magic, more, end) != _MAGIC:
        raise ImageError(f"{path} is not a UF2 image: block {number} lacks its marks")
    if family != RP2040:
        raise ImageError(f"{path} is a UF2 image for family {family:#x}, {RP2040:#x} (RP2040) is needed")
    if (index, count) != (number, blocks):
        raise ImageError(f"{path} is incomplete: block {index} of {count} stands at place {number} of {blocks}")
    return target, payload[:size]
