"""ADC readings at a steady rate, kept until they are asked for."""

import time
from array import array

from machine import ADC, Pin
from micropython import const

MOST = const(4000)
FASTEST_US = const(40)  # ours: a round of the loop below takes half of it


class Samples:
    """Readings of one input after another. pins: of the ADC."""

    def __init__(self, pins):
        self._inputs = [ADC(Pin(pin)) for pin in pins]
        self._kept = array("H", bytes(2 * MOST))
        self.count = 0

    def capture(self, index, count, every_us):
        """Take `count` readings of an input, one every `every_us`; (microseconds it took, latest one in us)."""
        latest_us = _fill(self._inputs[index], self._kept, count, every_us)
        self.count = count
        return latest_us

    def mean(self, index, count):
        """Sum of `count` readings in counts of 12 bits."""
        read = self._inputs[index].read_u16
        total = 0
        for _ in range(count):
            total += read() >> 4
        return total

    def text(self, first, count):
        """Kept readings as hex, three digits each."""
        return "".join(["%03x" % self._kept[index] for index in range(first, min(first + count, self.count))])


@micropython.native
def _fill(source, kept, count, every_us):
    read = source.read_u16
    ticks, diff, add = time.ticks_us, time.ticks_diff, time.ticks_add
    due_us = ticks()
    latest_us = 0
    for index in range(count):
        now_us = ticks()
        while diff(due_us, now_us) > 0:
            now_us = ticks()
        late_us = diff(now_us, due_us)
        if late_us > latest_us:
            latest_us = late_us
        kept[index] = read() >> 4
        due_us = add(due_us, every_us)
    return latest_us
