"""One line on the link: eight hex digits of CRC-32, a space, a JSON object, a newline.

Both sides use it. It never touches a port. A line is text on purpose: a person with a terminal can read it, and
mpremote can share the port with it.
"""

import binascii
import json

MAX_RECORD_BYTES = 1110  # ours: of the journal, and of a page of it; a fault with its 64 samples takes below 900
MAX_LINE_BYTES = 2560  # ours: the longest reply (status of two channels) is below 2400 bytes; longer is garbage


# Ours: no message holds half as many; each level of nesting takes stack on the device, where json recurses.
MAX_BRACKETS = 48


class FrameError(ValueError):
    """A line that is not a whole, unchanged frame. `args[0]` says what is wrong with it."""


def encode(message):
    """Return the line (str, with its newline) that carries `message` (a dict that JSON can express)."""
    return padded(message, 1).decode()


def padded(message, packet_bytes):
    """The same line as bytes, filled up with spaces to whole packets."""
    body = json.dumps(message).encode()
    spaces = b" " * (-(len(body) + 10) % packet_bytes)
    return b"".join((b"%08x " % (binascii.crc32(body) & 0xFFFFFFFF), body, spaces, b"\n"))


def decode(line):
    """Return the dict carried by `line` (str or bytes, newline optional). Raises FrameError, never anything else."""
    if isinstance(line, str):
        line = line.encode()
    line = line.strip()
    if len(line) > MAX_LINE_BYTES:
        raise FrameError("line of %d bytes, limit %d" % (len(line), MAX_LINE_BYTES))
    if len(line) < 11 or line[8:9] != b" ":
        raise FrameError("no checksum at the start of the line")
    body = line[9:]
    if _checksum(line[:8]) != binascii.crc32(body) & 0xFFFFFFFF:
        raise FrameError("checksum mismatch")
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > MAX_BRACKETS:
        raise FrameError("%d opening brackets, limit %d" % (brackets, MAX_BRACKETS))
    try:
        message = json.loads(body)
    except ValueError:
        raise FrameError("not JSON") from None
    if not isinstance(message, dict):
        raise FrameError("not a JSON object")
    return message


def _checksum(digits):
    """The number written as eight lower-case hex digits, or -1 (int() alone would take '+', '_' and spaces)."""
    for digit in digits:
        if not (0x30 <= digit <= 0x39 or 0x61 <= digit <= 0x66):
            return -1
    return int(digits, 16)
