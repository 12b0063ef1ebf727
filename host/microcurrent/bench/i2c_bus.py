"""An I2C bus at bit-time resolution: the emulated controller's transfers, answered by devices and written down.

START and STOP take one bit time, address and data bytes nine, the answer counts at the end of the ninth.
"""

from collections.abc import Callable
from typing import Protocol

from rp2040py.clock.clock import IClock
from rp2040py.peripherals.i2c import I2CMode

from .i2c_controller import BusController
from .trace import ADDRESS, READ, RESTART, START, STOP, WRITE, BusLog


class Device(Protocol):
    """What hangs on the bus. Answers come at once; the bus takes care of time."""

    def start(self, address: int, read: bool) -> bool:
        """Address byte; True acknowledges. Address 0 is the general call."""
        ...

    def write(self, byte: int) -> bool:
        """A byte from the controller; True acknowledges."""
        ...

    def read(self) -> int:
        """The next byte for the controller."""
        ...

    def stop(self) -> None:
        """STOP condition."""
        ...


class I2cBus:
    """Connects `controller` to `devices`. While `hold_sda` is set no START can happen: the bus is stuck."""

    def __init__(self, controller: BusController, clock: IClock, log: BusLog) -> None:
        self.controller = controller
        self._clock = clock
        self._log = log
        self._alarm = clock.create_alarm(self._elapsed)
        self._then: Callable[[], None] = _nothing
        self._value = 0
        self._acknowledged: Device | None = None
        self._hold_sda = False
        self.on_hold: Callable[[], None] = _nothing
        self.devices: list[Device] = []
        controller.on_start = self._on_start
        controller.on_connect = self._on_connect
        controller.on_write_byte = self._on_write
        controller.on_read_byte = self._on_read
        controller.on_stop = self._on_stop
        controller.on_released = self._forget
        controller.is_stalled = self._is_stalled

    @property
    def hold_sda(self) -> bool:
        """Whether a device holds SDA low, as one does whose read was cut off by a reset."""
        return self._hold_sda

    @hold_sda.setter
    def hold_sda(self, held: bool) -> None:
        was, self._hold_sda = self._hold_sda, held
        self.on_hold()
        if was and not held and self.controller.waiting_for_start:
            self._begin(START)

    def select(self, address: int, read: bool) -> bool:
        """Address all devices; the first that acknowledges takes part. Bit-banged transfers come here too."""
        self._acknowledged = None
        for device in self.devices:
            if device.start(address, read) and self._acknowledged is None:
                self._acknowledged = device
        return self._acknowledged is not None

    def put(self, byte: int) -> bool:
        """A data byte to the addressed device; returns its acknowledge."""
        return self._acknowledged is not None and self._acknowledged.write(byte)

    def get(self) -> int:
        """A data byte from the addressed device; an undriven bus reads 0xFF."""
        return 0xFF if self._acknowledged is None else self._acknowledged.read()

    def finish(self) -> None:
        """STOP condition on the wires."""
        self._acknowledged = None
        for device in self.devices:
            device.stop()

    def _on_start(self, repeated: bool) -> None:
        if not self._hold_sda:
            self._begin(RESTART if repeated else START)

    def _begin(self, kind: int) -> None:
        self._value = kind
        self._after(1, self._started)

    def _started(self) -> None:
        self._log.add(self._clock.nanos, self._value, 0, True)
        self.controller.complete_start()

    def _on_connect(self, address: int, mode: I2CMode) -> None:
        self._value = address << 1 | mode
        self._after(9, self._connected)

    def _connected(self) -> None:
        value = self._value
        acknowledge = self.select(value >> 1, bool(value & 1))
        self._log.add(self._clock.nanos, ADDRESS, value, acknowledge)
        self.controller.complete_connect(acknowledge)

    def _on_write(self, byte: int) -> None:
        self._value = byte
        if self._hold_sda and byte:  # the first bit that is 1 reads 0
            self._after(9 - byte.bit_length(), self._lost)
        else:
            self._after(9, self._written)

    def _lost(self) -> None:
        """The controller drives a 1 and finds a 0: it lets the bus go, as to another one that was faster."""
        self.finish()
        self.controller.arbitration_lost()

    def _written(self) -> None:
        byte = self._value
        acknowledge = self.put(byte)
        self._log.add(self._clock.nanos, WRITE, byte, acknowledge)
        self.controller.complete_write(acknowledge)

    def _on_read(self, more: bool) -> None:
        self._value = more
        self._after(9, self._read)

    def _read(self) -> None:
        more = bool(self._value)
        byte = self.get()
        self._log.add(self._clock.nanos, READ, byte, more)
        self.controller.complete_read(byte)

    def _on_stop(self) -> None:
        self._after(1, self._stopped)

    def _stopped(self) -> None:
        self._log.add(self._clock.nanos, STOP, 0, True)
        self.finish()
        self.controller.complete_stop()

    def _after(self, bits: int, then: Callable[[], None]) -> None:
        bit_ns = self.controller.bit_ns
        if bit_ns != self._log.bit_ns:
            self._log.set_bit_ns(bit_ns)
        self._then = then
        self._alarm.schedule(bits * bit_ns)

    def _elapsed(self) -> None:
        self._then()

    def _is_stalled(self) -> bool:
        return self._hold_sda and self.controller.waiting_for_start

    def _forget(self) -> None:
        self._alarm.cancel()
        if self._acknowledged is not None:
            self.finish()


def _nothing() -> None:
    """Nothing is under way, nobody listens."""
