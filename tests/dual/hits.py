"""Runs on MicroPython beside an instrumented module: counts what instrument.py numbered."""

import binascii

seen = bytearray(1000)


def hit(number):
    """A statement is about to run."""
    seen[number] = 1


def way(number, value):
    """A condition went this way: true is `number`, false the next one."""
    seen[number if value else number + 1] = 1
    return value


def tell():
    """Print all that was seen, as hex digits, then "TOLD"."""
    print("SEEN", binascii.hexlify(seen).decode())
    print("TOLD")
