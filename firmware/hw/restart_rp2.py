"""What the RP2040 knows about its resets: their cause, a flag for the next boot, and how the watchdog is stopped.

All of it is in the watchdog block (data sheet 4.7.6), whose scratch registers survive every reset but power-on.
"""

import machine
from micropython import const

_CTRL_CLEAR = const(0x40058000 + 0x3000)  # atomic clear alias, data sheet 2.1.2
_REASON = const(0x40058008)
_SCRATCH0 = const(0x4005800C)
_SCRATCH1 = const(0x40058010)
_SCRATCH2 = const(0x40058014)
_ENABLE = const(1 << 30)
_MAINTENANCE = const(0x6D636D74)  # "mcmt"
_WATCHDOG_TEST = const(0x6D637774)  # "mcwt"

_RESETS = ("power", "watchdog", "software", "software")


def stop_watchdog():
    """Switch the watchdog off: only on the way to the REPL, when the output is off and nobody feeds it any more."""
    machine.mem32[_CTRL_CLEAR] = _ENABLE


def reset_cause():
    """Why the board started: "power" (or the RUN pin), "watchdog" (timeout) or "software" (asked for)."""
    return _RESETS[machine.mem32[_REASON] & 3]


def request_maintenance():
    """Make the next boot stay at the REPL without output and without watchdog."""
    machine.mem32[_SCRATCH0] = _MAINTENANCE


def take_maintenance():
    """True once after request_maintenance() and a reset."""
    if machine.mem32[_SCRATCH0] != _MAINTENANCE:
        return False
    machine.mem32[_SCRATCH0] = 0
    return True


def request_watchdog_test():
    """The next reset by the watchdog was asked for: it is the proof that the watchdog bites."""
    machine.mem32[_SCRATCH2] = _WATCHDOG_TEST


def take_watchdog_test():
    """True once after request_watchdog_test() and a reset."""
    if machine.mem32[_SCRATCH2] != _WATCHDOG_TEST:
        return False
    machine.mem32[_SCRATCH2] = 0
    return True


def last_state():
    """The state's number that engine.note_state() left before this reset; 0 after power-on."""
    return machine.mem32[_SCRATCH1] & 0xFF
