"""`time` in emulated time; numbers wrap as on the chip, where small integers have 31 bits."""

import world

_PERIOD = 1 << 30  # MICROPY_PY_TIME_TICKS_PERIOD of a 32-bit port


def ticks_us():
    world.spend(world.CLOCK_US)
    return world.now_us % _PERIOD


def ticks_ms():
    world.spend(world.CLOCK_US)
    return world.now_us // 1000 % _PERIOD


def ticks_cpu():
    return world.now_us * 160 % _PERIOD


def ticks_diff(end, start):
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def sleep_ms(ms):
    world.sleep(ms * 1000)


def sleep_us(us):
    world.spend(us)


def sleep(seconds):
    world.sleep(int(seconds * 1000000))
