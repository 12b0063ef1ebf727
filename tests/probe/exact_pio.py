"""A PIO block of the emulated RP2040 that keeps exact time.

rp2040py gives a state machine at most one instruction per instruction of the CPU, and writes off what it owes while the
CPU sleeps: right for programs that are fed through FIFOs, wrong for one that counts. This block runs by itself instead,
and only when somebody could tell: before its registers are used, and before a pin changes. Rounds of a loop that only
counts down are taken many at a time.
"""

from typing import Any

from rp2040py.peripherals.pio import RPPIO
from rp2040py.rp2040 import RP2040

CYCLE_NS = 8  # 125 MHz
ONE = 256  # rp2040py counts cycles in 1/256
_ROUND = 2  # instructions of a loop that counts: look at a pin, count
_PIO0 = 0x50200  # its page of addresses
_WORTH = 8 * ONE * _ROUND  # less than this is run instruction by instruction


class ExactPio:
    """The bus side of `block`. In mcu.peripherals in place of it; the CPU's loop must not run the block as well."""

    def __init__(self, mcu: RP2040, block: RPPIO) -> None:
        self._clock = mcu.clock
        self._block: Any = block

    def catch_up(self) -> None:
        """Run the block up to the present. Pins must have been constant since the last call."""
        block: Any = self._block
        target = int(self._clock.nanos / CYCLE_NS) * ONE
        while True:
            self._skip(target)
            due = max(block.next_due_fp, block.cycle_fp + ONE)
            cycles = -(-(due - block.cycle_fp) // ONE)
            if block.cycle_fp + cycles * ONE > target:
                break
            block.advance(cycles)
        block.advance((target - block.cycle_fp) // ONE)

    def _skip(self, target: int) -> None:
        """Let every machine that is inside a loop that only counts make most of its rounds at once."""
        for machine in self._block.machines:
            if not machine.enabled or machine.waiting or target - machine.next_due_fp < _WORTH * machine.div_fp // ONE:
                continue
            before = _state(machine)
            for _ in range(_ROUND):
                machine.step()
            if _state(machine) == (*before[:1], before[1] - 1, *before[2:]):
                rounds = (target - machine.next_due_fp) // (_ROUND * machine.div_fp) - 1
                rounds = max(min(rounds, machine.y - 1), 0)
                machine.y -= rounds
                machine.next_due_fp += rounds * _ROUND * machine.div_fp
        self._block.recompute_due()

    def read_uint32(self, offset: int) -> int:
        """Register read."""
        self.catch_up()
        return self._block.read_uint32(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        """Register write."""
        self.catch_up()
        self._block.write_uint32(offset, value)

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        """Register write through one of the aliases."""
        self.catch_up()
        self._block.write_uint32_atomic(offset, value, atomic_type)

    def reset(self) -> None:
        """Registers to their reset values."""
        self._block.reset()


def _state(machine: Any) -> tuple[int, ...]:
    """All that a round of a loop may leave changed but the count: program counter, y, and the rest."""
    fifo = machine.rx_fifo
    return (
        machine.pc, machine.y, machine.x, machine.input_shift_reg, machine.output_shift_reg, fifo.item_count,
        int(machine.waiting),
    )  # fmt: skip


def of(mcu: RP2040) -> ExactPio:
    """Exact PIO0 for a chip that has been corrected (corrections.idle_pio_costs_nothing)."""
    door: Any = mcu.peripherals[_PIO0]
    exact = ExactPio(mcu, door._block)
    door._sleeping.blocks = []  # what would wake them in the CPU's loop finds none
    mcu.peripherals[_PIO0] = exact
    return exact
