"""The analog multiplexer before one ADC input of a board with two outputs; on other boards nothing is switched."""

from machine import Pin


class Mux:
    """pins: GPIOs of the select lines, the lower bit first; () without a multiplexer. Main loop only."""

    def __init__(self, pins):
        self._pins = [Pin(number, Pin.OUT, value=0) for number in pins]
        self._numbers = pins
        self.all_lines = 0
        for number in pins:
            self.all_lines |= 1 << number

    def select(self, number):
        """Connect an input."""
        for bit, pin in enumerate(self._pins):
            pin.value(number >> bit & 1)

    def lines(self, number):
        """The GPIOs, as bits, that are high while an input is connected: what the interrupt writes."""
        high = 0
        for bit, gpio in enumerate(self._numbers):
            high |= (number >> bit & 1) << gpio
        return high
