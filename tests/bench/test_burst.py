"""The burst executes every instruction as rp2040py does: registers, flags, memory, time, from random states."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from rp2040py.rp2040 import RP2040

from microcurrent.bench import corrections
from microcurrent.bench.compiled import fast_core

RAM, FLASH, SIO, TIMER = 0x20000000, 0x10000000, 0xD0000000, 0x40054000
CODE, DATA = RAM + 0x1000, RAM + 0x8000
RAM_END = RAM + 264 * 1024
VALUES = (0, 1, 2, 31, 32, 33, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFF9)
PLACES = (DATA, DATA + 1, DATA + 2, FLASH + 64, FLASH + 66, 64, SIO, SIO + 0x60, SIO + 0x70, TIMER + 0x24, RAM_END - 4)
FLAGS = ("n", "z", "c", "v", "pm", "interrupts_updated")
SP, PC = 13, 15
WIDE = 0b11110
BARRIERS = ((0xF3BF, 0x8F40), (0xF3BF, 0x8F50), (0xF3BF, 0x8F60))
WIDE_FORMS = (*BARRIERS, (0xF3EF, 0x8310), (0xF381, 0x8810), (0xF3EF, 0x8308))
ROUNDS = 300  # random states of every kind of instruction


class Quiet:
    """What rp2040py says of an odd opcode is of no interest."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_said: None


class Board:
    """A chip of which single instructions are executed, in RAM."""

    def __init__(self) -> None:
        self.mcu = mcu = RP2040()
        quiet: Any = Quiet()
        mcu.logger = quiet
        corrections.sio_divides_and_reads_as_silicon(mcu)
        corrections.alarms_are_exact(mcu)
        random = Random(1)
        mcu.sram[:] = random.randbytes(len(mcu.sram))
        mcu.flash[:4096] = random.randbytes(4096)
        mcu.load_bootrom([random.getrandbits(32) for _ in range(4096)])
        mcu.clock.tick(5e12)  # past the first overflow of the timer's lower word

    def begin(self, opcodes: tuple[int, int], registers: list[int], flags: list[bool], handles: bool) -> None:
        """The state before the instruction."""
        code = b"".join(opcode.to_bytes(2, "little") for opcode in opcodes)
        self.mcu.sram[CODE - RAM : CODE - RAM + len(code)] = code
        core: Any = self.mcu.core
        for index, value in enumerate(registers):
            core.registers[index] = value
        for name, flag in zip(FLAGS, flags, strict=True):
            setattr(core, name, flag)
        core.current_mode = int(handles)
        core.waiting = False

    def state(self) -> list[Any]:
        """The state now."""
        core = self.mcu.core
        divider = [int(self.mcu.sio.read_uint32(offset)) for offset in (0x78, 0x74, 0x60, 0x64)]
        flags = [bool(getattr(core, name)) for name in FLAGS]
        return [list(core.registers), flags, core.cycles, divider, bytes(self.mcu.sram)]


def state_of(random: Random) -> tuple[list[int], list[bool], bool]:
    """Registers, flags, and whether an exception is handled."""
    registers = [random.choice((*VALUES, *PLACES, *PLACES, random.getrandbits(32))) for _ in range(16)]
    registers[SP] = random.choice((DATA, RAM_END - 8, random.choice(PLACES) & ~3))
    registers[PC] = CODE + random.randrange(2)
    return registers, [random.random() < 0.5 for _ in FLAGS[:-1]] + [False], random.random() < 0.5


def opcodes(random: Random, shift: int, value: int) -> tuple[int, int]:
    """One instruction of a kind, with what follows it."""
    if value == WIDE and random.random() < 0.5:
        return random.choice(WIDE_FORMS)
    return value << shift | random.getrandbits(shift), random.choice((random.getrandbits(16), 0xF800))


def alike(burst: Board, whole: Board, random: Random, code: tuple[int, int]) -> int:
    """Cycles that the burst took for it, after a comparison; 0: it left the board alone."""
    state = state_of(random)
    for board in (burst, whole):
        board.begin(code, *state)
    before = burst.state()
    cycles = fast_core.single(burst.mcu)
    if cycles == 0:
        assert burst.state() == before, [hex(each) for each in code]
        return 0
    assert whole.mcu.core.execute_instruction() == cycles, [hex(each) for each in code]
    for ours, theirs in zip(burst.state(), whole.state(), strict=True):
        assert ours == theirs, [hex(each) for each in (*code, *state[0])]
    return int(cycles)


@pytest.fixture(scope="module")
def boards() -> tuple[Board, Board]:
    return Board(), Board()


def test_every_kind_of_instruction_does_what_rp2040py_does(boards: tuple[Board, Board]) -> None:
    random = Random(1)
    executed: Counter[int] = Counter()
    for kind, shift, value in fast_core.PATTERNS:
        for _ in range(ROUNDS if shift else 20):
            executed[kind] += bool(alike(*boards, random, opcodes(random, shift, value)))
    assert all(executed[kind] >= 10 for kind, _shift, _value in fast_core.PATTERNS), executed


def test_what_is_no_instruction_of_a_burst_is_left_alone(boards: tuple[Board, Board]) -> None:
    random = Random(2)
    cycles = [alike(*boards, random, (random.getrandbits(16), random.getrandbits(16))) for _ in range(5000)]
    assert 0 < cycles.count(0) < 4000
