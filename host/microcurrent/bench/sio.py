"""SIO with the divider computed when its result is read: MicroPython divides a hundred thousand times a second."""

from rp2040py.rp2040 import RP2040
from rp2040py.sio import (
    CPUID,
    DIV_CSR,
    DIV_QUOTIENT,
    DIV_REMAINDER,
    DIV_SDIVIDEND,
    DIV_SDIVISOR,
    DIV_UDIVIDEND,
    DIV_UDIVISOR,
    GPIO_IN,
    RPSIO,
)

_WORD = 0xFFFFFFFF
_READY, _DIRTY = 1, 2  # DIV_CSR, RP2040 data sheet 2.3.1.7


class PlainSio(RPSIO):
    """SIO whose divider does not add cycles that no time passes for, and that reads back the pins it drives."""

    def __init__(self, rp2040: RP2040) -> None:
        super().__init__(rp2040)
        self._signed = False
        self._pending = False  # operands were written since the results were computed

    def read_uint32(self, offset: int) -> int | float:
        """Register read; GPIO_IN shows the pad, so a driven pin shows what SIO drives it to."""
        if offset == CPUID:
            return 0
        if DIV_UDIVIDEND <= offset <= DIV_CSR:
            return self._read_divider(offset)
        if offset == GPIO_IN:
            driven = self.gpio_output_enable
            return self.rp2040.gpio_values & ~driven | self.gpio_value & driven
        return super().read_uint32(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write; operands start a division, results can be put back by who interrupted one."""
        if not DIV_UDIVIDEND <= offset <= DIV_REMAINDER:
            super().write_uint32(offset, value)
            return
        self.div_csr = _READY | _DIRTY
        if offset in (DIV_UDIVIDEND, DIV_SDIVIDEND):
            self.div_dividend = value & _WORD
        elif offset in (DIV_UDIVISOR, DIV_SDIVISOR):
            self.div_divisor = value & _WORD
        else:
            self._put_back(offset, value)
            return
        self._signed = offset in (DIV_SDIVIDEND, DIV_SDIVISOR)
        self._pending = True

    def reset(self) -> None:
        """Registers to their reset values."""
        super().reset()
        self._pending = False

    def _put_back(self, offset: int, value: int) -> None:
        self._settle()
        if offset == DIV_QUOTIENT:
            self.div_quotient = value
        else:
            self.div_remainder = value

    def _read_divider(self, offset: int) -> int:
        if offset == DIV_CSR:
            return self.div_csr
        self._settle()
        if offset == DIV_QUOTIENT:
            self.div_csr &= ~_DIRTY
            return int(self.div_quotient) & _WORD
        if offset == DIV_REMAINDER:
            return int(self.div_remainder) & _WORD
        return self.div_dividend if offset in (DIV_UDIVIDEND, DIV_SDIVIDEND) else self.div_divisor

    def _settle(self) -> None:
        """Compute what was asked for; division by zero gives what the data sheet says, 2.3.1.5."""
        if not self._pending:
            return
        self._pending = False
        dividend, divisor = self.div_dividend, self.div_divisor
        if self._signed:
            dividend, divisor = _signed(dividend), _signed(divisor)
        if not divisor:
            self.div_quotient, self.div_remainder = (1 if dividend < 0 else -1), dividend
            return
        quotient = abs(dividend) // abs(divisor)
        self.div_quotient = quotient if (dividend < 0) == (divisor < 0) else -quotient
        self.div_remainder = dividend - self.div_quotient * divisor


def _signed(word: int) -> int:
    return word - 0x100000000 if word & 0x80000000 else word
