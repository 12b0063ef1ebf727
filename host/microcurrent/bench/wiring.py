"""How the parts of the virtual Pico are wired to the chip: serial port, I2C bus with the DAC, ADC inputs, latch."""

import types
from collections.abc import Callable
from math import inf

from rp2040py.clock.clock import IClock
from rp2040py.rp2040 import RP2040

from .adc import STEPS, TEMPERATURE_CHANNEL, LazyAdc, sensor_lsb
from .i2c_bus import I2cBus
from .i2c_controller import BusController
from .i2c_wires import I2cWires
from .mcp4725 import Mcp4725
from .stage import Stage
from .trace import Trace
from .usb_host import PacedUsb, UsbHost

ADC_PIN = 26  # GPIO of ADC channel 0


def connect_usb(mcu: RP2040, on_received: Callable[[], None]) -> UsbHost:
    """A computer on the USB port; `on_received` is called when bytes arrive from the board."""
    controller = mcu.usb_ctrl
    assert isinstance(controller, PacedUsb)
    host = UsbHost(controller)
    host.on_received = on_received
    return host


def connect_bus(mcu: RP2040, board: types.ModuleType, dac: Mcp4725, trace: Trace) -> I2cBus:
    """The I2C bus of `board` with the DAC on it, reachable by the controller and by bit-banging."""
    controller = mcu.i2c[board.I2C_ID]
    assert isinstance(controller, BusController)
    bus = I2cBus(controller, mcu.clock, trace.bus)
    bus.devices.append(dac)

    def wire_edge(number: int, level: int) -> None:
        trace.wires.append((trace.now_ns(), number, level))

    I2cWires(mcu, board.SDA_PIN, board.SCL_PIN, bus, wire_edge)
    return bus


def connect_adc(
    mcu: RP2040,
    board: types.ModuleType,
    stage: Stage,
    supply_mv: Callable[[], float],
    temperature_c: Callable[[], float],
) -> None:
    """Sense amplifier, voltage divider, divided supply and temperature sensor on the ADC; its other input grounded."""
    adc = mcu.adc
    assert isinstance(adc, LazyAdc)
    per_mv = STEPS / stage.parameters.reference_mv
    sense, voltage, supply = (pin - ADC_PIN for pin in (board.SENSE_PIN, board.VOLTAGE_PIN, board.SUPPLY_PIN))

    def analog(channel: int, t_ns: float) -> float:
        if channel == sense:
            return stage.sense_mv(t_ns) * per_mv
        if channel == voltage:
            return stage.divider_mv(t_ns) * per_mv
        if channel == supply:
            return supply_mv() / board.SUPPLY_DIVIDER * per_mv
        return sensor_lsb(temperature_c()) if channel == TEMPERATURE_CHANNEL else 0.0

    adc.analog = analog


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
