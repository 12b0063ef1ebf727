"""SDA and SCL as wires: what a bit-banging program sees of the bus, and how nine clocks free a stuck one.

MicroPython bit-bangs zero-length writes (bus scans, probes) and recovery; the controller's own transfers do not pass
here, they go to i2c_bus.I2cBus directly.
"""

from collections.abc import Callable

from rp2040py.gpio_pin import GPIOPinState
from rp2040py.rp2040 import RP2040

from .i2c_bus import I2cBus

RECOVERY_CLOCKS = 9  # UM10204 (I2C specification) 3.1.16


class I2cWires:
    """Connects the GPIOs `sda_pin` and `scl_pin`, pulled up, to the devices of `bus`.

    on_edge: called with (GPIO, level) whenever a wire changes.
    """

    def __init__(
        self, mcu: RP2040, sda_pin: int, scl_pin: int, bus: I2cBus, on_edge: Callable[[int, int], None]
    ) -> None:
        self._pins = {sda_pin: mcu.gpio[sda_pin], scl_pin: mcu.gpio[scl_pin]}
        self._sda_pin, self._scl_pin = sda_pin, scl_pin
        self._bus = bus
        self._on_edge = on_edge
        self._levels = {sda_pin: 1, scl_pin: 1}
        self._driven = {sda_pin: 1, scl_pin: 1}  # by the chip
        self._device_sda = 1
        self._active = False  # between START and STOP
        self._sending = False  # whether the device sends the present byte
        self._bits = 0
        self._byte = 0
        self._is_address = False
        self._acknowledged = False
        self._clocks_while_held = 0
        bus.on_hold = self._update_sda
        for number, pin in self._pins.items():
            pin.set_input_value(True)
            pin.add_listener(self._listener(number))

    def _listener(self, number: int) -> Callable[[GPIOPinState, GPIOPinState], None]:
        def changed(state: GPIOPinState, before: GPIOPinState) -> None:
            self._driven[number] = int(state is not GPIOPinState.LOW)
            if number == self._sda_pin:
                self._update_sda()
            else:
                self._set_level(number, self._driven[number])

        return changed

    def _update_sda(self) -> None:
        held = 0 if self._bus.hold_sda else 1
        self._set_level(self._sda_pin, self._driven[self._sda_pin] & self._device_sda & held)

    def _set_level(self, number: int, level: int) -> None:
        if level == self._levels[number]:
            return
        self._levels[number] = level
        self._pins[number].set_input_value(bool(level))
        self._on_edge(number, level)
        if number == self._sda_pin:
            self._sda_moved(level)
        elif level:
            self._clock_rose()
        else:
            self._clock_fell()

    def _sda_moved(self, level: int) -> None:
        if not self._levels[self._scl_pin] or self._driven[self._sda_pin] != level:
            return
        if not level:
            self._active, self._is_address, self._sending = True, True, False
            self._bits = self._byte = 0
        elif self._active:
            self._active = False
            self._bus.finish()

    def _clock_rose(self) -> None:
        if not self._active:
            return
        sda = self._levels[self._sda_pin]
        if self._sending:
            self._acknowledged = not sda  # in the ninth bit, by the chip: it wants another byte
        elif self._bits < 8:
            self._byte = self._byte << 1 & 0xFF | sda
        self._bits += 1

    def _clock_fell(self) -> None:
        if self._bus.hold_sda:
            self._count_recovery()
        if not self._active:
            return
        if self._bits == 8 and not self._sending:
            self._acknowledged = self._received()
            self._device_sends(0 if self._acknowledged else 1)
        elif self._bits == 9:
            self._next_byte()
        elif self._sending and self._bits < 8:
            self._device_sends(self._byte >> 7 - self._bits & 1)
        else:
            self._device_sends(1)

    def _received(self) -> bool:
        if self._is_address:
            return self._bus.select(self._byte >> 1, bool(self._byte & 1))
        return self._bus.put(self._byte)

    def _next_byte(self) -> None:
        was_address, self._is_address = self._is_address, False
        self._sending = self._acknowledged and (self._sending or (was_address and bool(self._byte & 1)))
        self._bits = 0
        if self._sending:
            self._byte = self._bus.get()
            self._device_sends(self._byte >> 7)
        else:
            self._byte = 0
            self._device_sends(1)

    def _device_sends(self, level: int) -> None:
        self._device_sda = level
        self._update_sda()

    def _count_recovery(self) -> None:
        self._clocks_while_held += 1
        if self._clocks_while_held >= RECOVERY_CLOCKS:
            self._clocks_while_held = 0
            self._bus.hold_sda = False
