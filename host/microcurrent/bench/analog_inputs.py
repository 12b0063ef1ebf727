"""What the ADC of the virtual Pico sees: its inputs, one of them through a multiplexer on boards that have one."""

import types
from collections.abc import Callable

from rp2040py.rp2040 import RP2040

from .adc import STEPS, TEMPERATURE_CHANNEL, LazyAdc, sensor_lsb
from .multiplexer import Multiplexer
from .output import Output

ADC_PIN = 26  # GPIO of ADC channel 0
Millivolts = Callable[[float], float]  # at an instant in ns


def connect_adc(
    mcu: RP2040,
    board: types.ModuleType,
    outputs: list[Output],
    supply_mv: Callable[[], float],
    temperature_c: Callable[[], float],
) -> Multiplexer:
    """Sense amplifiers, voltage dividers, divided supply and temperature sensor on the ADC; other inputs grounded.

    The result is the multiplexer through which VOLTAGE_PIN reads, without select lines where the board has none.
    """
    adc = mcu.adc
    assert isinstance(adc, LazyAdc)
    per_mv = STEPS / outputs[0].stage.parameters.reference_mv
    voltage = board.VOLTAGE_PIN - ADC_PIN
    mux = Multiplexer(board.MUX_PINS, lambda: adc.settle(voltage))

    def rail_mv(t_ns: float) -> float:
        return supply_mv() / board.SUPPLY_DIVIDER

    inputs: dict[int, Millivolts] = {board.SUPPLY_PIN - ADC_PIN: rail_mv}
    inputs[voltage] = outputs[0].stage.divider_mv
    if mux.pins:
        inputs[voltage] = _through(mux, board, outputs, rail_mv)
    for output in outputs:
        inputs[output.wiring.SENSE_PIN - ADC_PIN] = output.stage.sense_mv

    def analog(channel: int, t_ns: float) -> float:
        connected = inputs.get(channel)
        if connected:
            return connected(t_ns) * per_mv
        return sensor_lsb(temperature_c()) if channel == TEMPERATURE_CHANNEL else 0.0

    adc.analog = analog
    return mux


def _through(mux: Multiplexer, board: types.ModuleType, outputs: list[Output], rail_mv: Millivolts) -> Millivolts:
    inputs: dict[int, Millivolts] = {output.wiring.VOLTAGE_INPUT: output.stage.divider_mv for output in outputs}
    inputs[board.SUPPLY_INPUT] = rail_mv

    def selected_mv(t_ns: float) -> float:
        connected = inputs.get(mux.selected)
        return connected(t_ns) if connected else 0.0

    return selected_mv
