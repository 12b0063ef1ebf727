"""Framing: what encode() writes decode() reads, and nothing else gets through."""

import binascii

from firmware.shared import framing


def refused(line):
    try:
        framing.decode(line)
    except framing.FrameError as error:
        return error.args[0]
    return None


def test_round_trip_keeps_every_value():
    for message in ({}, {"id": 1, "cmd": "status"}, {"a": [1, -2, 2147483647], "b": {"c": None, "d": True}}):
        assert framing.decode(framing.encode(message)) == message
        assert framing.decode(framing.encode(message).encode()) == message


def test_every_single_bit_error_is_refused():
    line = bytearray(framing.encode({"id": 7, "cmd": "stop"}).encode().strip())
    for index in range(len(line)):
        for bit in range(8):
            line[index] ^= 1 << bit
            assert refused(bytes(line)), (index, bit)
            line[index] ^= 1 << bit


def test_every_truncation_is_refused():
    line = framing.encode({"id": 7, "cmd": "stop"}).encode().strip()
    for length in range(len(line)):
        assert refused(line[:length]), length


def test_refusals_say_why():
    assert refused(b"") == "no checksum at the start of the line"
    assert refused(b"00000000 {}") == "checksum mismatch"
    assert refused(b"x" * 3000) == "line of 3000 bytes, limit %d" % framing.MAX_LINE_BYTES
    assert refused(b"+3ab56fd {}") == "checksum mismatch"


def test_nesting_is_bounded_before_json_recurses():
    for body, why in (
        ('{"a": ' + "[" * 47 + "]" * 47 + "}", None),
        ('{"a": ' + "[" * 48 + "]" * 48 + "}", "49 opening brackets, limit 48"),
        ('{"a":' * 180, "180 opening brackets, limit 48"),
        ("[" * 900, "900 opening brackets, limit 48"),
    ):
        line = "%08x %s" % (binascii.crc32(body.encode()) & 0xFFFFFFFF, body)
        assert refused(line) == why, (body, refused(line))


def test_json_that_is_no_object_is_refused():
    for body, why in (("[1]", "not a JSON object"), ("nope", "not JSON"), ("17", "not a JSON object")):
        line = "%08x %s" % (binascii.crc32(body.encode()) & 0xFFFFFFFF, body)
        assert refused(line) == why, (body, refused(line))
