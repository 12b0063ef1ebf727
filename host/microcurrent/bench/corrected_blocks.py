"""Blocks of the emulated chip with their behaviour mended. Why each exists is told in corrections.py."""

from types import SimpleNamespace

from rp2040py.gpio_pin import GPIOPin
from rp2040py.peripherals.io import GPIO_CTRL_LAST, RPIO
from rp2040py.peripherals.pio import RPPIO
from rp2040py.peripherals.reset import RESET, RESET_ADC, RESET_I2C0, RESET_I2C1, RPReset
from rp2040py.peripherals.timer import ALARM0, ALARM_REGS, TIMERAWH, TIMERAWL, RPTimer
from rp2040py.rp2040 import RP2040

from .compiled import fast_core

GPIO_COUNT = 30
_PIO_FUNCTIONS = (6, 7)  # GPIOn_CTRL.FUNCSEL
_LEVEL_EVENTS = 0b0011  # IRQ status bits: level low, level high; the edge bits are above them


class ExactTimer(RPTimer):
    """Alarms fire when the microsecond counter reaches their value, not up to 1 us before."""

    def __init__(self, rp2040: RP2040) -> None:
        self.epoch = fast_core.Epoch() if fast_core else SimpleNamespace(ns=0.0)
        super().__init__(rp2040, "TIMER_BASE")

    def reset(self) -> None:
        """Registers to their reset values; the compiled loop, which reads the count too, is told."""
        super().reset()
        self.epoch.ns = self._epoch_nanos

    def read_uint32(self, offset: int) -> int:
        """Register read; the counter, which programs poll, comes first."""
        if offset not in (TIMERAWH, TIMERAWL):
            return super().read_uint32(offset)
        now_us = int(self.clock.nanos - self._epoch_nanos) // 1000
        return now_us & 0xFFFFFFFF if offset == TIMERAWL else now_us >> 32

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write; arming counts from the start of the current microsecond."""
        if offset not in ALARM_REGS:
            super().write_uint32(offset, value)
            return
        alarm = self.alarms[(offset - ALARM0) // 4]
        alarm.armed = True
        alarm.target_micros = value
        now_us, into_ns = divmod(self.clock.nanos - self._epoch_nanos, 1000)
        wait_us = (value - int(now_us)) & 0xFFFFFFFF
        alarm.clock_alarm.schedule(wait_us * 1000 - into_ns if wait_us else 0)


class QuietPin(GPIOPin):
    """A pin that raises an edge interrupt only when its level changes."""

    def _apply_input_value(self, value: bool) -> None:
        edges = self.irq_status & ~_LEVEL_EVENTS
        was_high = bool(self.irq_status & 2)
        super()._apply_input_value(value)
        if was_high == bool(self.irq_status & 2) and self.irq_status & ~_LEVEL_EVENTS != edges:
            self.irq_status = edges | self.irq_status & _LEVEL_EVENTS
            self.rp2040.update_io_interrupt()


class BlockResets(RPReset):
    """RESETS that puts I2C and ADC into their reset state when a program asks for it."""

    def __init__(self, rp2040: RP2040) -> None:
        super().__init__(rp2040, "RESETS_BASE")

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write; a rising bit of RESET resets its block."""
        if offset == RESET:
            rising = value & ~self.read_uint32(RESET)
            mcu = self.rp2040
            for bit, block in ((RESET_I2C0, mcu.i2c[0]), (RESET_I2C1, mcu.i2c[1]), (RESET_ADC, mcu.adc)):
                if rising & bit:
                    block.reset()
        super().write_uint32(offset, value)


class SleepingPio:
    """Both PIO blocks, out of the execution loop until a program touches one of them."""

    def __init__(self, mcu: RP2040) -> None:
        self._mcu = mcu
        self.blocks = list(mcu.pio)
        self.sleep()

    def sleep(self) -> None:
        """Nothing runs in them."""
        self._mcu.pio.clear()

    def wake(self) -> None:
        """They step with the CPU, as the stock ones always do."""
        self._mcu.pio[:] = self.blocks


class PioDoor:
    """The bus side of one PIO block: any write wakes both."""

    def __init__(self, block: RPPIO, sleeping: SleepingPio) -> None:
        self._block = block
        self._sleeping = sleeping
        self.read_uint32 = block.read_uint32

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write."""
        self._sleeping.wake()
        self._block.write_uint32(offset, value)

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        """Register write through one of the aliases."""
        self._sleeping.wake()
        self._block.write_uint32_atomic(offset, value, atomic_type)

    def reset(self) -> None:
        """Registers to their reset values."""
        self._block.reset()


class WakingIo(RPIO):
    """IO_BANK0 that wakes the PIO blocks when a pin is given to one."""

    def __init__(self, rp2040: RP2040, sleeping: SleepingPio) -> None:
        super().__init__(rp2040, "IO_BANK0_BASE")
        self._sleeping = sleeping

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write."""
        if offset <= GPIO_CTRL_LAST and offset & 4 and value & 0x1F in _PIO_FUNCTIONS:
            self._sleeping.wake()
        super().write_uint32(offset, value)
