"""`os` of the ESP32 port: what the unix port has, and what it lacks."""

from uos import *
from uos import remove


class _Name:
    sysname = "esp32"
    machine = "Generic ESP32 module with ESP32"


def uname():
    return _Name


def sync():
    """The files are real ones: nothing waits."""


def rename(old, new):
    """VfsPosix of 1.26.1, where its root is not "", builds both paths in one buffer and would rename new to new."""
    with open(old, "rb") as source:
        data = source.read()
    with open(new, "wb") as target:
        target.write(data)
    remove(old)
