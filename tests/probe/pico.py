"""The probe's Pico, emulated: the chip of the virtual Pico without DAC and output stage."""

from collections.abc import Callable
from pathlib import Path

from rp2040py.gpio_pin import GPIOPinState

from microcurrent.bench import files
from microcurrent.bench.adc import STEPS, LazyAdc
from microcurrent.bench.chip import Chip
from microcurrent.bench.wiring import connect_usb

from . import exact_pio

NS_PER_MS = 1_000_000
REFERENCE_MV = 3300
Millivolts = Callable[[float], float]  # at an instant in ns


class ProbePico:
    """A Pico with `contents` in its filesystem. inputs: {ADC channel: mV at an instant}, of which it may ask the past.

    on_line: called with (GPIO, 1 while it is not pulled low) at each edge of the pins of `lines`, which are pulled up
    outside. Times are emulated ns since power-on.
    """

    def __init__(
        self,
        image: Path,
        contents: dict[str, bytes],
        inputs: dict[int, Millivolts],
        lines: tuple[int, ...],
        on_line: Callable[[int, int], None],
    ) -> None:
        self._chip = Chip(image)
        self.mcu = self._chip.mcu
        files.install_files(self.mcu.flash, contents)
        self.usb = connect_usb(self.mcu, self._wake)
        self.on_reset: list[Callable[[str], None]] = []
        self._watched = False
        adc = self.mcu.adc
        assert isinstance(adc, LazyAdc)
        adc.analog = lambda channel, t_ns: inputs[channel](t_ns) * STEPS / REFERENCE_MV if channel in inputs else 0.0
        self._pio = exact_pio.of(self.mcu)
        self._on_line = on_line
        self._lows: dict[int, bool] = {}
        for number in lines:
            self.drive(number, 1)
            self._lows[number] = False
            self.mcu.gpio[number].add_listener(lambda state, before, number=number: self._line(number))

    @property
    def now_ns(self) -> int:
        """Emulated time since power-on."""
        return int(self.mcu.clock.nanos)

    def run_until(self, t_ns: float) -> None:
        """Run to an exact instant."""
        while not self._chip.advance(t_ns):
            pass

    def drive(self, number: int, level: int) -> None:
        """The level from outside at a GPIO."""
        self._pio.catch_up()
        self.mcu.gpio[number].set_input_value(bool(level))

    def open_port(self) -> None:
        """Open the serial port."""
        self.usb.set_open(True)

    def close_port(self) -> None:
        """Close it."""
        self.usb.set_open(False)

    def serial_write(self, data: bytes) -> None:
        """Queue bytes for the board."""
        self.usb.send(data)

    def serial_read(self) -> bytes:
        """Everything the board has sent since the last call."""
        return self.usb.take()

    def _line(self, number: int) -> None:
        """An open-drain pin pulls low, or lets go: then the pull-up outside decides."""
        low = self.mcu.gpio[number].value == GPIOPinState.LOW
        if low == self._lows[number]:
            return
        self._lows[number] = low
        self.drive(number, int(not low))
        self._on_line(number, int(not low))

    def _wake(self) -> None:
        """Bytes have arrived: whoever runs it looks between two turns."""
