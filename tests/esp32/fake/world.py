"""Emulated time, the scheduler of MicroPython's soft callbacks, and the pipe to the bench (tests/esp32/machine.py).

Time passes in what touches hardware or the clock, by round figures of ours: no claim about an ESP32's speed rests on
them. Between two such calls no time passes. Callbacks run where MicroPython could run them: never within another one,
never within a call of C.
"""

import sys

PIN_US = 2
ADC_US = 60
CLOCK_US = 1
I2C_CALL_US = 60
NEVER_US = 1 << 60
QUEUE_MOST = 8  # MICROPY_SCHEDULER_DEPTH of ports/esp32/mpconfigport.h
ENDED = 70  # exit code of this process when the chip was reset

_requests = open(3, "wb")
_replies = open(4, "rb")

now_us = 0
_stop_us = 0
_alarms = []  # of machine.Timer: [due_us, period_us or 0, callback, timer]
_queue = []
_in_callback = False
_watchdog_us = NEVER_US


def ask(verb, *words):
    """Ask the bench. The answer: 16 characters without their spaces."""
    _requests.write(b"%d %s %s\n" % (now_us, verb, " ".join(str(word) for word in words)))
    return _replies.read(16).decode().strip()


def number(verb, *words):
    """Ask for a number."""
    return int(ask(verb, *words))


def reset(cause):
    """The chip starts anew: this interpreter ends."""
    ask("reset", cause)
    sys.exit(ENDED)


def set_alarm(timer, period_us, repeats, callback):
    """Start a timer, or start it anew."""
    clear_alarm(timer)
    _alarms.append([now_us + period_us, period_us if repeats else 0, callback, timer])


def clear_alarm(timer):
    """Stop a timer; what it has already scheduled still runs, as on the chip."""
    for alarm in _alarms:
        if alarm[3] is timer:
            _alarms.remove(alarm)
            return


def watch(timeout_us):
    """The watchdog resets the chip unless this is called again in time."""
    global _watchdog_us
    _watchdog_us = now_us + timeout_us


def spend(us):
    """A call of C that takes so long; then MicroPython runs what was scheduled."""
    _pass_to(now_us + us)
    _run_scheduled()


def sleep(us):
    """time.sleep: callbacks run while it waits."""
    end_us = now_us + us
    while now_us < end_us:
        if _queue and not _in_callback:
            _run_scheduled()
            continue
        _pass_to(min([end_us, _stop_us] + [alarm[0] for alarm in _alarms]))
    _run_scheduled()


def _pass_to(t_us):
    """Let time pass; interrupts happen at their instants, what they schedule waits."""
    global now_us
    while True:
        if now_us >= _stop_us:
            t_us += _stop()
        due_us = min([t_us, _stop_us, _watchdog_us] + [alarm[0] for alarm in _alarms])
        now_us = max(now_us, due_us)
        if now_us >= _watchdog_us:
            reset("watchdog")
        for alarm in _alarms:
            if alarm[0] <= now_us:
                _interrupt(alarm)
        if now_us >= t_us:
            return


def _interrupt(alarm):
    if len(_queue) < QUEUE_MOST:  # else it is lost: mp_sched_schedule says no, and nobody asks
        _queue.append((alarm[2], alarm[3]))
    if alarm[1]:
        alarm[0] += alarm[1]
    else:
        _alarms.remove(alarm)


def _stop():
    """The bench holds time here. Returns how much longer the present call of C takes because it said so."""
    global _stop_us
    answer = number("stop")
    if answer >= 0:
        _stop_us = answer
        return 0
    return -answer


def _run_scheduled():
    """As mp_sched_run_pending: one at a time, never nested; an exception is printed and forgotten."""
    global _in_callback
    if _in_callback or not _queue:
        return
    callback, argument = _queue.pop(0)
    _in_callback = True
    try:
        callback(argument)
    except Exception as error:
        sys.print_exception(error)
    finally:
        _in_callback = False
