"""The RP2040's I2C controller, corrected where the emulated one answers a broken bus differently from silicon."""

from collections.abc import Callable

from rp2040py.irq import IRQ
from rp2040py.peripherals.i2c import (
    IC_DATA_CMD,
    IC_ENABLE,
    IC_FS_SCL_LCNT,
    IC_FS_SPKLEN,
    IC_SS_SCL_HCNT,
    IC_TXFLR,
    R_TX_ABRT,
    R_TX_EMPTY,
    RPI2C,
    I2CState,
)
from rp2040py.rp2040 import RP2040

CYCLE_NS = 8  # clk_peri 125 MHz: the emulated chip has no PLL model, and MicroPython 1.26 runs at 125 MHz
_ENABLE_BIT = 1


class BusController(RPI2C):
    """I2C0 or I2C1 whose bus is elsewhere (i2c_bus.I2cBus): it only adds what the bus needs to know.

    on_released: called when a reset or IC_ENABLE = 0 ends a transfer that waits for the bus.
    """

    def __init__(self, rp2040: RP2040, index: int) -> None:
        super().__init__(rp2040, f"I2C{index}", IRQ.I2C0 if index == 0 else IRQ.I2C1)
        self.on_released: Callable[[], None] = _nothing
        self.is_stalled: Callable[[], bool] = lambda: False
        self.silicon_scl = False
        self.bit_ns = 0
        self._measure_bit()

    @property
    def waiting_for_start(self) -> bool:
        """A START was asked for and has not happened."""
        return self._state == I2CState.START

    def read_uint32(self, offset: int) -> int:
        """Register read; the level that the sample interrupt asks for 10000 times a second comes first."""
        if offset == IC_TXFLR:
            return self._tx_fifo.item_count
        return super().read_uint32(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write. After an abort the FIFO stays flushed; disabling ends a transfer that waits for the bus."""
        if offset == IC_DATA_CMD and self.int_raw & R_TX_ABRT:
            return
        if offset == IC_ENABLE and not value & _ENABLE_BIT and self.is_stalled():
            self._release()
        if offset == IC_FS_SPKLEN:
            self._spikelen = value & 0xFF  # stock refuses odd ones
        else:
            super().write_uint32(offset, value)
        if offset < IC_DATA_CMD or IC_SS_SCL_HCNT <= offset <= IC_FS_SCL_LCNT or offset == IC_FS_SPKLEN:
            self._measure_bit()

    def reset(self) -> None:
        """Registers to their reset values; the bus forgets the transfer."""
        super().reset()
        self._measure_bit()
        self.on_released()

    def _measure_bit(self) -> None:
        """Keep one SCL period in `bit_ns`; `silicon_scl` adds what the DesignWare block adds to its counts.

        (hcnt + spklen + 7) + (lcnt + 1) clocks, from memory of the DesignWare manual; public scope traces agree.
        """
        cycles = self.scl_high_period + self.scl_low_period
        if self.silicon_scl:
            cycles += self._spikelen + 8
        self.bit_ns = cycles * CYCLE_NS

    def complete_write(self, ack: bool) -> None:
        """The addressed device answered a byte."""
        self._byte_ended()
        super().complete_write(ack)

    def complete_read(self, value: int) -> None:
        """The addressed device sent a byte."""
        self._byte_ended()
        super().complete_read(value)

    def _byte_ended(self) -> None:
        if self._tx_fifo.item_count <= self.tx_threshold:
            super()._set_interrupts(R_TX_EMPTY)

    def _set_interrupts(self, mask: int) -> None:
        # The stock controller raises it when a byte leaves the FIFO; _byte_ended does when its last bit is out.
        if mask != R_TX_EMPTY:
            super()._set_interrupts(mask)

    def _abort(self, reason: int) -> None:
        super()._abort(reason)
        super()._set_interrupts(R_TX_EMPTY)

    def _release(self) -> None:
        self._state = I2CState.IDLE
        self._busy = False
        self._stop = False
        self._pending_restart = False
        self.on_released()


def _nothing() -> None:
    """No bus connected yet."""
