"""`os` of the ESP32 port: what the unix port has, and what it lacks."""

from uos import *


class _Name:
    sysname = "esp32"
    machine = "Generic ESP32 module with ESP32"


def uname():
    return _Name


def sync():
    """The files are real ones: nothing waits."""
