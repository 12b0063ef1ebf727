"""What the ESP32 knows about its resets: cause, flags for the next boot, the watchdog. Interface of restart_rp2.

Flag and state are in the RTC's memory, which every reset but power-on keeps (ports/esp32/machine_rtc.c): four bytes of
flag, one of state. Never run on an ESP32.
"""

import machine

_NO_FLAG = b"none"
_MAINTENANCE = b"mcmt"
_WATCHDOG_TEST = b"mcwt"
# The task watchdog counts half milliseconds in 32 bits (task_wdt_impl_timergroup.c of ESP-IDF): 24 days.
_LONGEST_MS = 0x7FFFFFFF


def stop_watchdog():
    """The ESP32's watchdog cannot be stopped; it is told to wait for as long as it can, so that the REPL stays."""
    machine.WDT(timeout=_LONGEST_MS)


def reset_cause():
    """Why the board started: "power" (or a brown-out), "watchdog" (timeout) or "software" (asked for, or a panic).

    machine.reset() is told as HARD_RESET on this port (ports/esp32/modmachine.c).
    """
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET:
        return "watchdog"
    return "power" if cause == machine.PWRON_RESET else "software"


def request_maintenance():
    """Make the next boot stay at the REPL without output and without watchdog."""
    _keep(_MAINTENANCE, last_state())


def take_maintenance():
    """True once after request_maintenance() and a reset."""
    return _take(_MAINTENANCE)


def request_watchdog_test():
    """The next reset by the watchdog was asked for: it is the proof that the watchdog bites."""
    _keep(_WATCHDOG_TEST, last_state())


def take_watchdog_test():
    """True once after request_watchdog_test() and a reset."""
    return _take(_WATCHDOG_TEST)


def keep_state(state):
    """Leave the session's state for the next boot."""
    _keep(_flag(), state)


def last_state():
    """The state's number before this reset; 0 after power-on."""
    kept = machine.RTC().memory()
    return kept[4] if len(kept) == 5 else 0


def _flag():
    kept = machine.RTC().memory()
    return kept[:4] if len(kept) == 5 else _NO_FLAG


def _take(flag):
    if _flag() != flag:
        return False
    _keep(_NO_FLAG, last_state())
    return True


def _keep(flag, state):
    machine.RTC().memory(flag + bytes((state,)))
