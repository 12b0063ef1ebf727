"""MCP4725, register-accurate, without any emulator: commands in, code and power-down bits out.

Data sheet: Microchip DS22039. Time comes from a function, so the part keeps running through an MCU reset.
"""

import math
from collections.abc import Callable

FULL_CODE = 4095
STEPS = 4096
EEPROM_WRITE_NS = 25_000_000  # DS22039, section 1: typical 25 ms, at most 50 ms
EEPROM_WRITE_MAX_NS = 50_000_000
SETTLING_NS = 6_000  # DS22039, section 1: 6 us typical from 400h to C00h, to 0.5 LSB
# One pole that is 0.5 LSB from the end of that half-scale step (2048 LSB) after the 6 us. The real part slews at
# 0.55 V/us first, so in the middle of a large step it lags this model; both are settled at the same instant.
SETTLING_TAU_NS = SETTLING_NS / math.log(2048 / 0.5)

_RESET = 0x06  # DS22039, section 7.3.1
_WAKE_UP = 0x09  # DS22039, section 7.3.2
_FAST, _WRITE_DAC, _WRITE_BOTH = 0, 2, 3  # DS22039, table 6-2: C2..C0, the fast mode needs C2 and C1 only


class Mcp4725:
    """One part at 7-bit `address`, powered on from its EEPROM (`eeprom_code`, `eeprom_power_down`).

    now_ns: tells the time. on_output: called with (code, power_down) after every write of the register. Faults:
    `absent` answers nothing, `stuck` acknowledges everything and keeps its output. `eeprom_write_ns`: 25 ms typical.
    """

    def __init__(
        self, now_ns: Callable[[], int], address: int = 0x60, eeprom_code: int = 0, eeprom_power_down: int = 0
    ) -> None:
        self._now_ns = now_ns
        self.address = address
        self.eeprom_code = eeprom_code
        self.eeprom_power_down = eeprom_power_down
        self.code = eeprom_code
        self.power_down = eeprom_power_down
        self.eeprom_write_ns = EEPROM_WRITE_NS
        self.absent = False
        self.stuck = False
        self.ignored_writes = 0
        self.eeprom_writes = 0
        self.on_output: Callable[[int, int], None] = _nothing
        self._busy_until_ns = 0
        self._command = bytearray()
        self._general_call = False
        self._answer = b""

    @property
    def busy(self) -> bool:
        """Whether an EEPROM write is in progress: write commands are ignored, reads say so."""
        return self._now_ns() < self._busy_until_ns

    def power_on(self) -> None:
        """Load the register from the EEPROM, as at power-on and after a general-call reset."""
        self._set(self.eeprom_code, self.eeprom_power_down)

    def start(self, address: int, read: bool) -> bool:
        """Address byte after a (repeated) START. Returns the acknowledge."""
        self._command.clear()
        if self.absent:
            return False
        self._general_call = address == 0 and not read
        if address != self.address:
            return self._general_call
        if read:
            self._answer = self._registers()
        return True

    def write(self, byte: int) -> bool:
        """One data byte; it takes effect at its acknowledge. Returns the acknowledge."""
        if self.absent:
            return False
        if self._general_call:
            self._call(byte)
            return True
        command = self._command
        command.append(byte)
        if command[0] >> 6 == _FAST:
            if len(command) == 2:
                self._write(((command[0] & 0x0F) << 8) | byte, command[0] >> 4 & 3, False)
                command.clear()  # the next pair follows without another address byte
        elif len(command) == 3:
            kind = command[0] >> 5
            if kind in (_WRITE_DAC, _WRITE_BOTH):
                self._write(command[1] << 4 | byte >> 4, command[0] >> 1 & 3, kind == _WRITE_BOTH)
            command.clear()
        return True

    def read(self) -> int:
        """The next byte of the read-back: status, register, EEPROM (DS22039, figure 6-3); 0xFF after the fifth."""
        if not self._answer:
            return 0xFF
        byte, self._answer = self._answer[0], self._answer[1:]
        return byte

    def stop(self) -> None:
        """STOP condition: an unfinished command is forgotten."""
        self._command.clear()
        self._general_call = False

    def _registers(self) -> bytes:
        ready = 0 if self.busy else 0x80
        # Bit 6 is POR: 1 while powered. PD1 and PD0 stand in bits 2 and 1.
        return bytes(
            (
                ready | 0x40 | self.power_down << 1,
                self.code >> 4,
                (self.code & 0x0F) << 4,
                self.eeprom_power_down << 5 | self.eeprom_code >> 8,
                self.eeprom_code & 0xFF,
            )
        )

    def _call(self, byte: int) -> None:
        if byte == _RESET:
            self.power_on()
        elif byte == _WAKE_UP:
            self._set(self.code, 0)

    def _write(self, code: int, power_down: int, eeprom: bool) -> None:
        if self.busy:
            self.ignored_writes += 1
            return
        if self.stuck:
            return
        if eeprom:
            self.eeprom_code, self.eeprom_power_down = code, power_down
            self.eeprom_writes += 1
            self._busy_until_ns = self._now_ns() + self.eeprom_write_ns
        self._set(code, power_down)

    def _set(self, code: int, power_down: int) -> None:
        if self.stuck:
            return
        self.code, self.power_down = code, power_down
        self.on_output(code, power_down)


def _nothing(code: int, power_down: int) -> None:
    """Nobody listens."""
