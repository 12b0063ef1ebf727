"""The RP2040's ADC converts its four inputs in turn, and DMA keeps the newest result of each in memory.

So the sample interrupt reads a word instead of waiting for a conversion. A round is as long as a sample period holds
whole numbers of it, and ends at the instant at which a sample is sent: then the current was converted last. Main loop
only. Registers: RP2040 data sheet 4.9.6 (ADC), 2.5.7 (DMA).
"""

import machine
import rp2
import uctypes
from micropython import const

_CS = const(0x4004C000)
_FCS = const(0x4004C008)
_FIFO = const(0x4004C00C)
_DIV = const(0x4004C010)
# CS: EN | TS_EN | START_MANY; from bit 12 on the first channel, from bit 16 on the channels of a round.
_FREE_RUNNING = const(0xB)
_SINGLE = const(0x3)  # CS: EN | TS_EN, as machine.ADC converts
_FIFO_TO_DMA = const(0x01000009)  # FCS: EN | DREQ_EN, a request for every result
_LEVEL_MASK = const(0xF0000)  # FCS: results in the FIFO
_DMA = const(0x50000000)
_DMA_CHANNEL = const(0x40)  # from one channel's registers to the next one's
_WRITE_ADDR = const(0x04)
_TRANS_COUNT = const(0x08)
_CTRL = const(0x10)  # without trigger
_ABORT = const(0x50000444)
_DREQ_ADC = const(36)
_FOR_EVER = const(0xFFFFFFFF)  # results, at 2 us each: 2.4 hours
_CLOCKS_PER_US = const(48)
_CLOCKS_MIN = const(96)  # of a conversion, data sheet 4.9.2
_ROUND = const(4)  # results of 16 bits


class RoundRobin:
    """All four inputs of a board. senses: GPIOs of its current senses, ascending; temperature: the sensor's channel."""

    def __init__(self, senses, temperature):
        channels = [0, 1, 2, temperature]
        begin = channels.index(senses[-1] - 26) + 1
        self._order = channels[begin:] + channels[:begin]  # the senses come last
        self._memory = bytearray(4 * _ROUND)
        self._ring = (uctypes.addressof(self._memory) + 2 * _ROUND - 1) & -2 * _ROUND
        self._dma = rp2.DMA()
        self.registers = _DMA + _DMA_CHANNEL * self._dma.channel
        # Kept: no small integers, so adding them up would allocate.
        self._count_at, self._write_at = self.registers + _TRANS_COUNT, self.registers + _WRITE_ADDR
        self._left = 0
        self.control = _FREE_RUNNING | self._order[0] << 12
        for channel in channels:
            self.control |= 1 << 16 + channel

    def slot(self, channel):
        """Where the newest result of a channel stands in the round."""
        return self._order.index(channel)

    def prepare(self, period_us):
        """Everything but the start, which writing `control` to CS makes. Call end() before."""
        clocks = _CLOCKS_PER_US * period_us
        rounds = clocks // (_ROUND * _CLOCKS_MIN)
        while clocks % (_ROUND * rounds):
            rounds -= 1
        machine.mem32[_DIV] = (clocks // (_ROUND * rounds) - 1) << 8
        machine.mem32[_FCS] = _FIFO_TO_DMA
        control = self._dma.pack_ctrl(
            size=1, inc_read=False, inc_write=True, ring_sel=True, ring_size=3, treq_sel=_DREQ_ADC
        )
        self._dma.config(read=_FIFO, write=self._ring, count=_FOR_EVER, ctrl=control, trigger=True)
        self._left = 0

    def end(self):
        """Single conversions again, as machine.ADC makes them."""
        machine.mem32[_CS] = _SINGLE
        machine.mem32[self.registers + _CTRL] = 0
        machine.mem32[_ABORT] = 1 << self._dma.channel
        machine.mem32[_FCS] = 0
        machine.mem32[_DIV] = 0
        while machine.mem32[_FCS] & _LEVEL_MASK:
            machine.mem32[_FIFO]

    def latest(self, channel):
        """The newest result of a channel, in counts."""
        machine.mem32[self._write_at]
        return machine.mem16[self._ring + 2 * self.slot(channel)]

    def runs(self):
        """False when no result has come since the last call: the interrupt reads the past. Allocates nothing.

        The lower half of the count returns after 131 ms at the earliest; the interrupt stops without a call for 100 ms.
        """
        left = machine.mem16[self._count_at]
        came = left != self._left
        self._left = left
        return came
