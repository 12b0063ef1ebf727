"""The RP2040's ADC, converting only when somebody looks, with the code steps of erratum RP2040-E11."""

from bisect import bisect_right
from collections.abc import Callable

from rp2040py.peripherals.adc import (
    CS,
    CS_AINSEL_MASK,
    CS_AINSEL_SHIFT,
    CS_EN,
    CS_READY,
    CS_RROBIN_MASK,
    CS_RROBIN_SHIFT,
    CS_START_MANY,
    CS_START_ONE,
    CS_WRITE_MASK,
    DIV,
    FCS,
    FCS_EN,
    FIFO_REG,
    RESULT,
    RPADC,
)
from rp2040py.rp2040 import RP2040

CONVERSION_NS = 2000  # RP2040 data sheet 4.9.2: 96 clocks of 48 MHz
STEPS = 4096
WIDE_CODES = (512, 1536, 2560, 3584)  # RP2040-E11
WIDE_LSB = 9.9  # a DNL of +8.9 LSB, measured by M. Omori, pico-adc.markomo.me
TEMPERATURE_CHANNEL = 4
ROOM_C = 27.0
_SENSOR_V, _SENSOR_V_PER_C, _REFERENCE_V = 0.706, 0.001721, 3.3  # T = 27 - (V - 0.706) / 0.001721, data sheet 4.9.5


def edges_of(wide_lsb: float) -> list[float]:
    """Lower edge of every code but the first, in ideal LSB: four wide codes, the others narrowed, ends unchanged."""
    narrow = (STEPS - wide_lsb * len(WIDE_CODES)) / (STEPS - len(WIDE_CODES))
    edges, wide_below = [], 0
    for code in range(STEPS - 1):
        wide_below += code in WIDE_CODES
        edges.append(round(narrow * (code + 1 - wide_below) + wide_lsb * wide_below, 9))
    return edges


_EDGES = edges_of(WIDE_LSB)


def code_of(ideal_lsb: float, edges: list[float] = _EDGES) -> int:
    """ADC code of an input in units of 1/4096 of the reference. edges: of this ADC, see edges_of()."""
    return bisect_right(edges, ideal_lsb)


def sensor_lsb(temperature_c: float) -> float:
    """What the chip's temperature sensor puts on its channel, in ideal LSB of the 3.3 V reference."""
    return (_SENSOR_V - (temperature_c - ROOM_C) * _SENSOR_V_PER_C) / _REFERENCE_V * STEPS


class LazyAdc(RPADC):
    """RPADC whose conversions cost nothing until RESULT is read.

    analog: (channel, instant in ns) to ideal LSB. A conversion in progress keeps the channel it began with; its value
    is that of the instant it ends. With FIFO, interrupt or round robin in use it converts one by one instead.
    """

    def __init__(self, rp2040: RP2040) -> None:
        super().__init__(rp2040, "ADC")
        self.analog: Callable[[int, float], float] = _ground
        self.on_adc_read = self._convert_now
        self._clock = rp2040.clock
        self._started_ns = -1.0  # start of the conversion in progress, -1: none
        self._channel = 0
        self._done_ns = -1.0  # end of the last one finished whose value nobody asked for, -1: value is in `result`
        self._done_channel = 0

    def reset(self) -> None:
        """Registers to their reset values; a conversion in progress is lost."""
        super().reset()
        self._started_ns = self._done_ns = -1.0

    def read_uint32(self, offset: int) -> int:
        """Register read."""
        if offset == RESULT:
            self._catch_up()
            return self._latest()
        if offset == CS and not self._one_by_one():
            self._catch_up()
            return self.cs | (CS_READY if self._started_ns < 0 else 0)
        value = super().read_uint32(offset)
        if offset == FIFO_REG:
            self.check_interrupts()  # the interrupt is a level: it falls with the FIFO
        return value

    @property
    def _active_channel(self) -> int:
        return self.cs >> CS_AINSEL_SHIFT & CS_AINSEL_MASK

    @_active_channel.setter
    def _active_channel(self, channel: int) -> None:
        self.cs = self.cs & ~(CS_AINSEL_MASK << CS_AINSEL_SHIFT) | (channel & CS_AINSEL_MASK) << CS_AINSEL_SHIFT

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write; START_ONE clears itself."""
        if offset not in (CS, FCS, DIV):
            super().write_uint32(offset, value)
            return
        self._catch_up()
        if offset != CS:
            super().write_uint32(offset, value)
            if self._started_ns >= 0 and self._one_by_one():
                self._started_ns = -1.0
                self.start_adc_read()
            return
        start_one = value & CS_START_ONE
        self.cs = value & CS_WRITE_MASK & ~CS_START_ONE
        if not value & CS_EN:
            self._started_ns = -1.0
        elif (start_one or value & CS_START_MANY) and self._started_ns < 0 and not self.busy:
            self._start()

    def _start(self) -> None:
        if self._one_by_one():
            self.start_adc_read()
            return
        self._started_ns = self._clock.nanos
        self._channel = self._active_channel

    def _one_by_one(self) -> bool:
        return bool(self.busy or self.fcs & FCS_EN or self.cs & CS_RROBIN_MASK << CS_RROBIN_SHIFT)

    def settle(self, channel: int) -> None:
        """Give a conversion of `channel` that has ended its value, before what is connected to the input changes."""
        self._catch_up()
        if self._done_ns >= 0 and self._done_channel == channel:
            self._latest()

    def _catch_up(self) -> None:
        """Finish what has ended by now; a free-running ADC is in the middle of another conversion afterwards."""
        started, now = self._started_ns, self._clock.nanos
        if started < 0 or now < started + CONVERSION_NS:
            return
        self._done_ns, self._done_channel = started + CONVERSION_NS, self._channel
        if not self.cs & CS_START_MANY:
            self._started_ns = -1.0
            return
        period = max(CONVERSION_NS, self.divider * 1000 / 48)
        selected = self._active_channel
        since = now - started
        ended = int((since - CONVERSION_NS) // period)  # conversions that ended after the first
        if ended:
            self._done_ns, self._done_channel = started + ended * period + CONVERSION_NS, selected
        self._channel = selected
        self._started_ns = started + (ended + 1) * period

    def _latest(self) -> int:
        if self._done_ns >= 0:
            self.result = code_of(self.analog(self._done_channel, self._done_ns))
            self._done_ns = -1.0
        return self.result

    def _convert_now(self, channel: int) -> None:
        self.current_channel = channel
        self.sample_alarm.schedule(CONVERSION_NS)

    def _on_sample_alarm(self) -> None:
        self.complete_adc_read(code_of(self.analog(self.current_channel, self._clock.nanos)), False)


def _ground(channel: int, t_ns: float) -> float:
    """Inputs tied to ground; the temperature sensor in a room."""
    return sensor_lsb(ROOM_C) if channel == TEMPERATURE_CHANNEL else 0.0
