"""The analog multiplexer before one ADC input of a board with two outputs; on other boards nothing is switched."""

from machine import Pin


class Mux:
    """pins: GPIOs of the select lines, the lower bit first; () without a multiplexer. Main loop only."""

    def __init__(self, pins):
        self._lines = [Pin(number, Pin.OUT, value=0) for number in pins]
        self._numbers = pins

    def select(self, number):
        """Connect an input."""
        for bit, line in enumerate(self._lines):
            line.value(number >> bit & 1)

    def masks(self, number):
        """(GPIOs to set, GPIOs to clear) for the interrupt, which selects an input by two register writes."""
        high = low = 0
        for bit, gpio in enumerate(self._numbers):
            if number >> bit & 1:
                high |= 1 << gpio
            else:
                low |= 1 << gpio
        return high, low
