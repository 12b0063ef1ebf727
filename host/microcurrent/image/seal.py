"""The block inside a production image that says what it is, and the digest that seals all of it.

It is JSON in the constant of a frozen module, so it stands in the flash byte for byte: the board reads it there
(firmware/hw/image.py), and the host finds it in the file. Where image and digest begin and end is known only after the
linker, so the build leaves room, and seal() fills it. In the digest's own place zeros are hashed.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from firmware.shared import protocol

from ..errors import ImageError
from . import uf2

MODULE = "frozen_image.py"
_MARK = b'{"microcurrent_image": 1, '  # the number is of this layout
_DIGEST_ROOM = "0" * 64
_NUMBER_ROOM = "0" * 8
_LONGEST = 512


@dataclass(frozen=True)
class Production:
    """What a sealed image says of itself; `manifest` is the hash that the board names in its hello, `number` that of
    the release (protocol.FIRMWARE_NUMBER)."""

    board: str
    firmware: str
    manifest: str
    micropython: str
    number: int
    sha256: str


def module_source(board: str, firmware: str, manifest: str, micropython: str) -> bytes:
    """Source of the frozen module, with room for what only the linked image tells."""
    facts = {
        "microcurrent_image": 1,
        "board": board,
        "firmware": firmware,
        "manifest": manifest,
        "micropython": micropython,
        "number": protocol.FIRMWARE_NUMBER,  # the board refuses one that is lower than what it ran before
        "start": _NUMBER_ROOM,
        "bytes": _NUMBER_ROOM,
        "sha256": _DIGEST_ROOM,
    }
    return f"BLOCK = {json.dumps(facts).encode()!r}\n".encode()


def seal(path: Path) -> Production:
    """Fill in begin, length and digest of a freshly linked image, in place. Raises ImageError when it has no block."""
    begin, data = uf2.contents(path)
    block = _found(data)
    if block is None:
        raise ImageError(f"{path} has no block that names its board; nothing was kept; build it again")
    at, text = block
    filled = text.replace(f'"start": "{_NUMBER_ROOM}"', f'"start": "{begin:08x}"')
    filled = filled.replace(f'"bytes": "{_NUMBER_ROOM}"', f'"bytes": "{len(data):08x}"')
    data = data[:at] + filled.encode() + data[at + len(text) :]
    digest = hashlib.sha256(data).hexdigest()
    place = data.index(_DIGEST_ROOM.encode(), at)
    path.write_bytes(uf2.encode(begin, data[:place] + digest.encode() + data[place + len(digest) :]))
    return described(path)


def described(path: Path) -> Production:
    """What a production image is. Raises ImageError for a damaged one, and for an image that is none of ours."""
    found = described_if_ours(path)
    if found is None:
        raise ImageError(
            f"{path} is not a production image: it names no board of ours; nothing was written; build one with: "
            f"microcurrent image --production"
        )
    return found


def described_if_ours(path: Path) -> Production | None:
    """`described`, None for an image without our block: plain MicroPython, for example. Raises ImageError."""
    if _found(uf2.payload(path)) is None:
        return None  # whoever made it may leave gaps in the flash
    begin, data = uf2.contents(path)
    block = _found(data)
    assert block is not None  # the same bytes
    at, text = block
    try:
        facts = json.loads(text)
        digest = facts["sha256"]
        texts = [str(facts[name]) for name in ("board", "firmware", "manifest", "micropython")]
        production = Production(texts[0], texts[1], texts[2], texts[3], int(facts["number"]), digest)
        where = (int(facts["start"], 16), int(facts["bytes"], 16))
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{path} is damaged: the block that names its board is unreadable ({error})") from None
    place = data.find(digest.encode(), at)
    hashed = hashlib.sha256(data[:place] + _DIGEST_ROOM.encode() + data[place + len(_DIGEST_ROOM) :]).hexdigest()
    if where != (begin, len(data)) or hashed != digest:
        raise ImageError(
            f"{path} is damaged: {len(data)} bytes with sha256 {hashed[:12]}..., sealed were {where[1]} with "
            f"{digest[:12]}...; nothing was written; build it again with: microcurrent image --production"
        )
    return production


def _found(data: bytes) -> tuple[int, str] | None:
    """(where, text) of the block; None without one."""
    at = data.find(_MARK)
    end = data.find(b"}", at, at + _LONGEST)
    if at < 0 or end < 0:
        return None
    return at, data[at : end + 1].decode(errors="replace")
