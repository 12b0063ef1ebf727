"""The flash chip behind the RP2040, with the time it takes: erasing and programming make it BUSY."""

from rp2040py.peripherals.ssi import (
    CMD_BLOCK_ERASE,
    CMD_PAGE_PROGRAM,
    CMD_READ_STATUS_1,
    CMD_SECTOR_ERASE,
    RPSSI,
)
from rp2040py.rp2040 import RP2040

FLASH_BYTES = 2 * 1024 * 1024  # W25Q16JV on the Pico
# W25Q16JV data sheet, AC characteristics: typical times (worst case 400 ms, 3 ms, 2000 ms).
BUSY_NS = {CMD_SECTOR_ERASE: 45_000_000, CMD_PAGE_PROGRAM: 700_000, CMD_BLOCK_ERASE: 150_000_000}
_STATUS_BUSY = 1
_READ_UNIQUE_ID = 0x4B  # W25Q16JV data sheet, instruction set: the opcode, four dummy bytes, eight bytes of id
_ID_FROM = 5
UNIQUE_ID = bytes.fromhex("e6605eed00000001")  # ours; the stock chip answers ff, as no chip at all would


class TimedFlash(RPSSI):
    """RPSSI whose erase and program commands take time. `changes` counts them: storage knows when to save."""

    def __init__(self, rp2040: RP2040) -> None:
        super().__init__(rp2040, "SSI")
        self._clock = rp2040.clock
        self._busy_until_ns = 0.0
        self.changes = 0

    def _apply_command(self) -> None:
        command = self._tx_buffer[0] if self._tx_buffer else 0
        takes_ns = BUSY_NS.get(command, 0) if self._write_enabled else 0
        super()._apply_command()
        if takes_ns:
            self._busy_until_ns = self._clock.nanos + takes_ns
            self.changes += 1

    def _shift_byte(self, byte_out: int) -> int:
        answer = super()._shift_byte(byte_out)
        if self._tx_buffer[0] == _READ_UNIQUE_ID and len(self._tx_buffer) > _ID_FROM:
            return UNIQUE_ID[(len(self._tx_buffer) - 1 - _ID_FROM) % len(UNIQUE_ID)]
        if self._tx_buffer[0] != CMD_READ_STATUS_1 or len(self._tx_buffer) < 2:
            return answer
        remaining_ns = self._busy_until_ns - self._clock.nanos
        if remaining_ns <= 0:
            return answer
        # The boot ROM polls this for milliseconds with interrupts off. Its rounds are alike, so time jumps over them,
        # to the next thing that happens or the end: same instants, without running millions of instructions.
        if self._clock.has_scheduled_alarm:
            remaining_ns = min(remaining_ns, self._clock.nanos_to_next_alarm)
        self._clock.tick(remaining_ns)
        return answer | _STATUS_BUSY
