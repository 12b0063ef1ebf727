"""The pins of the virtual Pico: levels driven from outside, and an edge log of the ones that matter."""

import types
from collections.abc import Callable, Iterable
from typing import Any

from rp2040py.gpio_pin import GPIOPinState
from rp2040py.rp2040 import RP2040

_HIGH, _LOW, _PULL_UP = GPIOPinState.HIGH, GPIOPinState.LOW, GPIOPinState.INPUT_PULL_UP


def probed_pins(board: types.ModuleType, wiring: Any) -> dict[int, str]:
    """{GPIO: name} of the pins whose edges are recorded. wiring: `board`, or its SECOND for the second output."""
    return {
        wiring.GATE_PIN: "gate",
        board.ESTOP_PIN: "estop",
        board.LED_PIN: "led",
        board.DUMMY_PIN: "dummy",
        board.TRIP_TEST_PIN: "trip_test",
        wiring.TRIPPED_PIN: "tripped",
        board.BUTTON_PIN: "button",
        board.BUZZER_PIN: "buzzer",
        board.CUE_LED_PIN: "cue_led",
    }


class Pins:
    """Pins of `mcu`. on_edge: called with (GPIO, level) for every pin in `probed`, and at each of their edges.

    pulled_down: GPIOs with an external resistor stronger than any internal pull-up.
    """

    def __init__(
        self, mcu: RP2040, probed: Iterable[int], pulled_down: set[int], on_edge: Callable[[int, int], None]
    ) -> None:
        self._gpio = mcu.gpio
        self._pulled_down = pulled_down
        self._on_edge = on_edge
        self._driven: dict[int, int] = {}
        self._levels: dict[int, int] = {}
        for number in probed:
            self._probe(number)

    def level(self, number: int) -> int:
        """Level at a GPIO: what the chip drives, else what is connected from outside, else the stronger pull."""
        state = self._gpio[number].value
        if state in (_HIGH, _LOW):
            return int(state)
        if number in self._driven:
            return self._driven[number]
        return int(state is _PULL_UP and number not in self._pulled_down)

    def drive(self, number: int, level: int) -> None:
        """Connect a GPIO to a level from outside."""
        if self._driven.get(number) == level:
            return
        self._driven[number] = level
        self._gpio[number].set_input_value(bool(level))
        self._note(number)

    def release(self, number: int) -> None:
        """Disconnect what drives a GPIO from outside."""
        if self._driven.pop(number, None) is not None:
            self._gpio[number].release_input()
            self._note(number)

    def _probe(self, number: int) -> None:
        self._levels[number] = self.level(number)
        self._on_edge(number, self._levels[number])
        self._gpio[number].add_listener(lambda state, before: self._note(number))

    def _note(self, number: int) -> None:
        level = self.level(number)
        if self._levels.get(number, level) != level:
            self._levels[number] = level
            self._on_edge(number, level)
