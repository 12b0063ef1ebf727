"""The code that runs: files uploaded to /lib, or modules frozen into a production image; and whether it is whole.

A production image has a module of its own, frozen_image, with one constant: BLOCK, JSON that names board, versions,
manifest and the digest of all of the flash that the image fills. The host seals it, see its image/seal.py.
"""

import hashlib
import json
from binascii import hexlify

import uctypes

try:
    from frozen_image import BLOCK  # pyright: ignore[reportMissingImports]
except ImportError:
    BLOCK = b""

_MANIFEST = "/lib/manifest.json"


def described():
    """(short hash of the manifest of what runs, "none" without one; "frozen" or "uploaded")."""
    if BLOCK:
        return json.loads(BLOCK)["manifest"], "frozen"
    try:
        with open(_MANIFEST) as file:
            return json.load(file)["hash"], "uploaded"
    except (OSError, ValueError, KeyError):
        return "none", "uploaded"


def check():
    """The flash still holds what was built: a result as those of checks.py."""
    return _frozen_image() if BLOCK else _uploaded_files()


def _frozen_image():
    """Every byte of the image counts, except the digest itself: where it stands, zeros are hashed."""
    facts = json.loads(BLOCK)
    digest = facts["sha256"]
    begin, count = int(facts["start"], 16), int(facts["bytes"], 16)
    flash = memoryview(uctypes.bytearray_at(begin, count))
    at = uctypes.addressof(BLOCK) + BLOCK.find(digest.encode()) - begin
    found = hashlib.sha256(flash[:at])
    found.update(b"0" * len(digest))
    found.update(flash[at + len(digest) :])
    if hexlify(found.digest()).decode() != digest:
        return "firmware-files", False, 0, "the image is not what was built; run: microcurrent flash --production"
    return "firmware-files", True, count, "an image of %d bytes as built" % count


def _uploaded_files():
    """Every file of the firmware has the hash that the manifest names."""
    try:
        with open(_MANIFEST) as file:
            wanted = json.load(file)["files"]
    except (OSError, ValueError, KeyError):
        return "firmware-files", False, -1, "there is no readable manifest; run: microcurrent flash"
    block = bytearray(512)
    for path, digest in wanted.items():
        if _digest(path, block) != digest:
            return "firmware-files", False, 0, "%s is not what was uploaded; run: microcurrent flash" % path
    return "firmware-files", True, len(wanted), "%d files as uploaded" % len(wanted)


def _digest(path, block):
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            count = file.readinto(block)
            while count:
                found.update(memoryview(block)[:count])
                count = file.readinto(block)
    except OSError:
        return ""
    return hexlify(found.digest()).decode()
