"""The code that runs: files uploaded to /lib, or modules frozen into a production image; and whether it is whole.

A production image has a module of its own, frozen_image, with one constant: BLOCK, JSON that names board, versions,
manifest and the digest of all of the flash that the image fills. The host seals it, see its image/seal.py.

Uploaded files are a chain of hashes: the SHA-256 of every file stands in the manifest, and at the manifest's end that
of all before it, cut to twelve digits, which hello shows. Nothing else may lie where it could be imported instead.
Whoever can write files can also write a manifest that fits them: that it is not the maker's only its signature tells,
which the host checks. Ed25519 in Python would cost this chip seconds at every boot (an estimate, not measured).
"""

import hashlib
import json
import os
from binascii import hexlify

import uctypes

try:
    # In production images only, and made with them.
    from frozen_image import BLOCK  # pyright: ignore[reportMissingImports]
except ImportError:
    BLOCK = b""

_MANIFEST = "/lib/manifest.json"
_STAGING = "/next"  # where an upload waits until it is whole; nothing is imported from there
_HASH_DIGITS = 12
_TAIL_BYTES = 26  # of the manifest: ', "hash": "', the digits, '"}' and the end of the line
_BLOCK_BYTES = 1024
_PIECE_BYTES = 16384
_IMPORTABLE = (".py", ".mpy")
_FOLDER = 0x4000
_HIGHEST = "/highest"  # the number of the newest firmware that ran here, kept through uploads


def examined(block=BLOCK):
    """(short hash of what runs, "none" without one; "frozen" or "uploaded"; what is wrong with it, or None).

    For main.py, before any other of our modules runs and while memory is free, and for the self-test.
    """
    if block:
        facts = json.loads(block)
        kind, short, number, problem = "frozen", facts["manifest"], facts.get("number", 0), _of_image(facts)
    else:
        kind, (short, number, problem) = "uploaded", _of_files()
    return short, kind, problem or _of_number(number)


def check():
    """The flash still holds what was built: a result as those of checks.py."""
    short, kind, problem = examined()
    if problem:
        return "firmware-files", False, 0, problem
    return "firmware-files", True, 1, "%s, as built: manifest %s" % (kind, short)


def _of_image(facts):
    """What is wrong with an image. Every byte counts, except the digest itself: where it stands, zeros are hashed."""
    digest = facts["sha256"]
    begin, count = int(facts["start"], 16), int(facts["bytes"], 16)
    flash = memoryview(uctypes.bytearray_at(begin, count))
    at = uctypes.addressof(BLOCK) + BLOCK.find(digest.encode()) - begin
    found = hashlib.sha256()
    _take(found, flash, 0, at)
    found.update(b"0" * len(digest))
    _take(found, flash, at + len(digest), count)
    if hexlify(found.digest()).decode() != digest:
        return "the image is not what was built; run: microcurrent flash --production"
    return None


def _take(found, flash, begin, end):
    """Hash a part of the flash, in pieces: between two of them Ctrl-C is heard."""
    while begin < end:
        found.update(flash[begin : min(begin + _PIECE_BYTES, end)])
        begin += _PIECE_BYTES


def _of_files():
    """(short hash, number, what is wrong or None) of uploaded files."""
    try:
        with open(_MANIFEST) as file:
            manifest = json.load(file)
        wanted, short, number = manifest["files"], manifest["hash"], manifest["number"]
    except (OSError, ValueError, KeyError, TypeError):
        return "none", 0, "there is no readable manifest; run: microcurrent flash"
    block = bytearray(_BLOCK_BYTES)
    if _digest(_MANIFEST, block, os.stat(_MANIFEST)[6] - _TAIL_BYTES)[:_HASH_DIGITS] != short:
        return short, number, "%s is not what was uploaded; run: microcurrent flash" % _MANIFEST
    for path, digest in wanted.items():
        if _digest(path, block) != digest:
            return short, number, "%s is not what was uploaded; run: microcurrent flash" % path
    stranger = _stranger("", wanted)
    if stranger:
        return short, number, "%s is no file of the firmware; run: microcurrent verify" % stranger
    return short, number, None


def _digest(path, block, count=0):
    """SHA-256 of a file, in hex; "" when it cannot be read. count: of its first bytes, if not of all."""
    found = hashlib.sha256()
    view = memoryview(block)
    try:
        with open(path, "rb") as file:
            got = file.readinto(block)
            while got and (not count or count > got):
                found.update(view[:got])
                count -= got if count else 0
                got = file.readinto(block)
            found.update(view[: min(got, count)])
    except OSError:
        return ""
    return hexlify(found.digest()).decode()


def _stranger(folder, wanted):
    """A file that an import could find instead of one of ours; None without any."""
    for row in os.ilistdir(folder or "/"):
        path = folder + "/" + row[0]
        if row[1] & _FOLDER:
            found = None if path == _STAGING else _stranger(path, wanted)
            if found:
                return found
        elif path.endswith(_IMPORTABLE) and path not in wanted:
            return path
    return None


def _of_number(number):
    """Refuse what is older than the newest firmware that ran here; a newer one is noted."""
    try:
        with open(_HIGHEST) as file:
            highest = int(file.read())
    except (OSError, ValueError):
        highest = 0
    if number < highest:
        text = "its number is %d, firmware %d ran here before; run: microcurrent flash"
        return text % (number, highest)
    if number > highest:
        with open(_HIGHEST + ".new", "w") as file:
            file.write("%d\n" % number)
        os.rename(_HIGHEST + ".new", _HIGHEST)
    return None
