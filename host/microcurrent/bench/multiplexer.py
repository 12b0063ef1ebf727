"""The analog multiplexer before one input of the ADC, as boards with MUX_PINS have it."""

from collections.abc import Callable


class Multiplexer:
    """Which of its inputs is connected: the number that the levels of its select lines make, the lower bit first.

    pins: GPIOs of the select lines; what nobody drives reads low, as the pull-downs of a reset chip make it.
    before_change: called before another input is connected. It switches at once: settling is not modelled.
    """

    def __init__(self, pins: tuple[int, ...], before_change: Callable[[], None]) -> None:
        self.pins = pins
        self.selected = 0
        self._before_change = before_change

    def pin_edge(self, number: int, level: int) -> None:
        """A select line moved."""
        bit = 1 << self.pins.index(number)
        selected = self.selected & ~bit | bit * level
        if selected != self.selected:
            self._before_change()
            self.selected = selected
