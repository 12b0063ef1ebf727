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
    FCS_DREQ_EN,
    FCS_EN,
    FIFO_REG,
    RESULT,
    RPADC,
)
from rp2040py.peripherals.dma import INCR_WRITE, DREQChannel, RPDMAChannel
from rp2040py.rp2040 import RP2040

CONVERSION_NS = 2000  # RP2040 data sheet 4.9.2: 96 clocks of 48 MHz
STEPS = 4096
WIDE_CODES = (512, 1536, 2560, 3584)  # RP2040-E11
WIDE_LSB = 9.9  # a DNL of +8.9 LSB, measured by M. Omori, pico-adc.markomo.me
TEMPERATURE_CHANNEL = 4
CHANNELS = 5
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
    is that of the instant it ends. In round robin with its FIFO emptied by a DMA channel the results are stored when
    somebody looks at the channel's registers: only those that the channel's ring still holds are calculated. With FIFO,
    interrupt or round robin in use in another way it converts one by one instead.
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
        self._stream: Stream | None = None

    def reset(self) -> None:
        """Registers to their reset values; a conversion in progress is lost."""
        super().reset()
        self._started_ns = self._done_ns = -1.0
        self._stream = None

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
        self.store()
        self._catch_up()
        if offset != CS:
            super().write_uint32(offset, value)
            if self._started_ns >= 0 and self._one_by_one():
                self._started_ns = -1.0
                self.start_adc_read()
            return
        start_one = value & CS_START_ONE
        self.cs = value & CS_WRITE_MASK & ~CS_START_ONE
        self._stream = self._new_stream() if value & CS_START_MANY and not self.busy else None
        if self._stream:
            return
        if not value & CS_EN:
            self._started_ns = -1.0
        elif (start_one or value & CS_START_MANY) and self._started_ns < 0 and not self.busy:
            self._start()

    def _new_stream(self) -> "Stream | None":
        """What runs from now on if a DMA channel stores what a round of conversions gives."""
        if not self.fcs & FCS_EN or not self.fcs & FCS_DREQ_EN or not self.cs & CS_EN:
            return None
        mask = self.cs >> CS_RROBIN_SHIFT & CS_RROBIN_MASK
        first = self._active_channel
        order = [channel % CHANNELS for channel in range(first, first + CHANNELS) if mask >> channel % CHANNELS & 1]
        fed = [
            channel for channel in self.rp2040.dma.channels if channel.active and channel.treq == DREQChannel.DREQ_ADC
        ]
        period_ns = max(CONVERSION_NS, self.divider * 1000 / 48)
        return Stream(order, fed[0], self._clock.nanos, period_ns) if order and len(fed) == 1 else None

    def store(self, channel: RPDMAChannel | None = None) -> None:
        """Let the DMA channel store what has been converted by now. channel: only if it is this one."""
        stream = self._stream
        if stream and channel in (None, stream.channel):
            for input_number, t_ns, address in stream.new(self._clock.nanos):
                self.rp2040.write_uint16(address, code_of(self.analog(input_number, t_ns)))

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
        self.store()
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


class Stream:
    """A round of conversions without end, stored by a DMA channel in a ring.

    order: inputs of a round; channel: of DMA; started_ns: of the first conversion; period_ns: from one to the next.
    """

    def __init__(self, order: list[int], channel: RPDMAChannel, started_ns: float, period_ns: float) -> None:
        self.channel = channel
        self._order = order
        self._started_ns = started_ns
        self._period_ns = period_ns
        self._stored = 0
        self._begin = channel._write_addr
        self._count = channel._trans_count

    def new(self, now_ns: float) -> list[tuple[int, float, int]]:
        """(input, end of its conversion in ns, address) of results that came since the last call and still stand."""
        ended = int((now_ns - self._started_ns - CONVERSION_NS) // self._period_ns) + 1
        ended = min(max(ended, 0), self._count)
        kept = range(max(self._stored, ended - self._places), ended)
        found = [(self._order[n % len(self._order)], self._end_ns(n), self._address(n)) for n in kept]
        self._stored = ended
        self.channel._write_addr = self._address(ended)
        self.channel._trans_count = self._count - ended
        return found

    @property
    def _places(self) -> int:
        return (self.channel._ring_mask + 1) // 2 if self.channel._ring_mask else 1 << 31

    def _end_ns(self, number: int) -> float:
        return self._started_ns + number * self._period_ns + CONVERSION_NS

    def _address(self, number: int) -> int:
        if not self.channel._ctrl & INCR_WRITE:
            return self._begin
        mask = self.channel._ring_mask or -1
        return self._begin & ~mask | self._begin + 2 * number & mask


class StreamedChannel(RPDMAChannel):
    """A DMA channel whose registers show what the ADC has given it by now."""

    def read_uint32(self, offset: int) -> int:
        """Register read."""
        self._adc_stores()
        return super().read_uint32(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write."""
        self._adc_stores()
        super().write_uint32(offset, value)

    def _adc_stores(self) -> None:
        adc = getattr(self.rp2040, "adc", None)  # none yet while the chip is made
        if isinstance(adc, LazyAdc):
            adc.store(self)


def _ground(channel: int, t_ns: float) -> float:
    """Inputs tied to ground; the temperature sensor in a room."""
    return sensor_lsb(ROOM_C) if channel == TEMPERATURE_CHANNEL else 0.0
