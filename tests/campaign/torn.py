"""What a power cut in the middle of an erase or a program leaves in the flash."""

from dataclasses import dataclass
from random import Random

from rp2040py.peripherals.ssi import CMD_BLOCK_ERASE, CMD_PAGE_PROGRAM, CMD_SECTOR_ERASE

from microcurrent.bench.flash_chip import BUSY_NS, TimedFlash
from microcurrent.bench.pico import VirtualPico

SPANS = {CMD_SECTOR_ERASE: 4096, CMD_PAGE_PROGRAM: 256, CMD_BLOCK_ERASE: 65536}


@dataclass(frozen=True)
class Operation:
    """One erase or program: when, for how long, where, and what stood there before."""

    start_ns: float
    takes_ns: float
    address: int
    before: bytes


class FlashWatch:
    """Notes every erase and program of a board's flash from now on."""

    def __init__(self, pico: VirtualPico) -> None:
        self._pico = pico
        self.operations: list[Operation] = []
        flash = pico.mcu.ssi
        assert isinstance(flash, TimedFlash)
        apply = flash._apply_command

        def noted() -> None:
            command = flash._tx_buffer[0] if flash._tx_buffer else 0
            changes = flash.changes
            span = SPANS.get(command, 0)
            address = int.from_bytes(bytes(flash._tx_buffer[1:4]), "big") & -span if span else 0
            before = bytes(pico.mcu.flash[address : address + span])
            apply()
            if flash.changes > changes:
                self.operations.append(Operation(pico.mcu.clock.nanos, BUSY_NS[command], address, before))

        flash._apply_command = noted

    def tear(self, t_ns: float, random: Random) -> bool:
        """Leave the operation under way half done: each bit that changes has done so with the share of time gone by."""
        if not self.operations:
            return False
        last = self.operations[-1]
        share = (t_ns - last.start_ns) / last.takes_ns
        if share >= 1:
            return False
        flash = self._pico.mcu.flash
        for index, old in enumerate(last.before):
            new = flash[last.address + index]
            if old != new:
                done = sum(1 << bit for bit in range(8) if random.random() < share)
                flash[last.address + index] = old & ~done | new & done
        return True
