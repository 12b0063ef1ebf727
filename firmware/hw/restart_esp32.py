"""What the ESP32 knows about its resets: cause, a flag for the next boot, the watchdog. Interface of restart_rp2.

It has been type-checked and cross-compiled, but never run on an ESP32.
"""

import machine

_MAINTENANCE = b"mcmt"
_WATCHDOG_TEST = b"mcwt"


def stop_watchdog():
    """The ESP32's watchdog cannot be stopped: reset into maintenance instead, which starts without one."""
    request_maintenance()
    machine.reset()


def reset_cause():
    """Why the board started: "power", "watchdog" (timeout) or "software" (asked for)."""
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET:
        return "watchdog"
    return "power" if cause in (machine.PWRON_RESET, machine.HARD_RESET) else "software"


def request_maintenance():
    """Make the next boot stay at the REPL without output and without watchdog."""
    machine.RTC().memory(_MAINTENANCE)


def take_maintenance():
    """True once after request_maintenance() and a reset."""
    if machine.RTC().memory() != _MAINTENANCE:
        return False
    machine.RTC().memory(b"")
    return True


def request_watchdog_test():
    """The next reset by the watchdog was asked for: it is the proof that the watchdog bites."""
    machine.RTC().memory(_WATCHDOG_TEST)


def take_watchdog_test():
    """True once after request_watchdog_test() and a reset."""
    if machine.RTC().memory() != _WATCHDOG_TEST:
        return False
    machine.RTC().memory(b"")
    return True


def last_state():
    """The state before this reset: not kept on this port."""
    return 0
