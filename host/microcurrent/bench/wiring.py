"""How the parts of the virtual Pico are wired to the chip: serial port, I2C bus with a DAC, latch of an output."""

from collections.abc import Callable
from math import inf
from typing import Any

from rp2040py.clock.clock import IClock
from rp2040py.rp2040 import RP2040

from .i2c_bus import I2cBus
from .i2c_controller import BusController
from .i2c_wires import I2cWires
from .mcp4725 import Mcp4725
from .stage import Stage
from .trace import Trace
from .usb_host import PacedUsb, UsbHost


def connect_usb(mcu: RP2040, on_received: Callable[[], None]) -> UsbHost:
    """A computer on the USB port; `on_received` is called when bytes arrive from the board."""
    controller = mcu.usb_ctrl
    assert isinstance(controller, PacedUsb)
    host = UsbHost(controller)
    host.on_received = on_received
    return host


def connect_bus(mcu: RP2040, wiring: Any, dac: Mcp4725, trace: Trace) -> I2cBus:
    """The I2C bus of an output with its DAC on it, reachable by the controller and by bit-banging."""
    controller = mcu.i2c[wiring.I2C_ID]
    assert isinstance(controller, BusController)
    bus = I2cBus(controller, mcu.clock, trace.bus)
    bus.devices.append(dac)

    def wire_edge(number: int, level: int) -> None:
        trace.wires.append((trace.now_ns(), number, level))

    I2cWires(mcu, wiring.SDA_PIN, wiring.SCL_PIN, bus, wire_edge)
    return bus


def connect_latch(clock: IClock, stage: Stage, drive: Callable[[int], None]) -> None:
    """The over-current latch: sets at its instant whatever the chip is doing, and drives TRIPPED_PIN by `drive`."""
    alarm = clock.create_alarm(lambda: stage.advance(stage.latch.due_ns))

    def expect(due_ns: float) -> None:
        if due_ns < inf:
            alarm.schedule(due_ns - clock.nanos)
        else:
            alarm.cancel()

    stage.latch.on_due = expect
    stage.on_tripped = lambda tripped: drive(int(tripped))
    drive(0)
