# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The emulator's inner loop and the SIO divider, compiled: the same events at the same instants, in less time.

Built by build_core.sh against rp2040py's own declarations. chip.py and sio.py say the same in Python and stand in where
this was not built; tests/bench/test_fast_core.py compares the two, instruction by instruction and event by event.

Instructions that touch nothing but registers, flags, memory and the divider run here, in plain C, up to the next alarm.
Every other one (peripherals, exceptions, sleep, what would go wrong) is left to rp2040py, one at a time: it also says
how many cycles each takes and what an odd operand does, and the burst follows it to the letter.
"""

import sys

from libc.math cimport INFINITY
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from rp2040py.native._cortex_m0_core cimport CortexM0Core
from rp2040py.native._pio cimport RPPIO
from rp2040py.native._rp2040 cimport RP2040
from rp2040py.native._simulation_clock cimport ClockAlarm, SimulationClock

if sys.byteorder != "little":
    raise ImportError("the burst reads the chip's memory as words of this machine")

cdef double CYCLE_NS = 8.0  # 125 MHz
cdef unsigned int READY = 1, DIRTY = 2  # DIV_CSR, RP2040 data sheet 2.3.1.7

cdef enum:
    FLASH = 0x10000000  # RP2040 data sheet 2.2
    RAM = 0x20000000
    SIO = 0xD0000000
    DIVIDER = 0xD0000060  # DIV_UDIVIDEND
    DIVIDER_END = 0xD000007C
    TIMERAWH = 0x40054024
    TIMERAWL = 0x40054028
    PRIMASK = 16  # SYSm, ARMv6-M B5.2.2
    SP = 13
    LR = 14
    PC = 15
    EXC_RETURN = 0xF  # in the upper bits of an address that ends an exception, ARMv6-M B1.5.8

# Instructions of a burst, ARMv6-M A5.2, in the order of the three functions that execute them. OTHER: all that is left.
cdef enum Kind:
    OTHER
    LSLS, LSRS, ASRS, ADDS, SUBS, ADDS_3, SUBS_3, MOVS, CMP_8, ADDS_8, SUBS_8
    ANDS, EORS, LSLS_R, LSRS_R, ASRS_R, ADCS, SBCS, RORS, TST, NEGS, CMP, CMN, ORRS, MULS, BICS, MVNS
    SXTH, SXTB, UXTH, UXTB, REV, REV16, REVSH, ADD_SP, ADD_SP_7, SUB_SP_7, CPSID, NOP
    STR, STRH, STRB, LDRSB, LDR, LDRH, LDRB, LDRSH, STR_5, LDR_5, STRB_5, LDRB_5, STRH_5, LDRH_5
    STR_SP, LDR_SP, LDR_PC, PUSH, POP, STM, LDM
    ADD_HI, CMP_HI, MOV_HI, BX, BLX, ADR, B_IF, B, WIDE

# (kind, how many bits stand to the right of those that tell it, their value)
PATTERNS = (
    (LSLS, 11, 0b00000), (LSRS, 11, 0b00001), (ASRS, 11, 0b00010),
    (ADDS, 9, 0b0001100), (SUBS, 9, 0b0001101), (ADDS_3, 9, 0b0001110), (SUBS_3, 9, 0b0001111),
    (MOVS, 11, 0b00100), (CMP_8, 11, 0b00101), (ADDS_8, 11, 0b00110), (SUBS_8, 11, 0b00111),
    (ANDS, 6, 0b0100000000), (EORS, 6, 0b0100000001), (LSLS_R, 6, 0b0100000010), (LSRS_R, 6, 0b0100000011),
    (ASRS_R, 6, 0b0100000100), (ADCS, 6, 0b0100000101), (SBCS, 6, 0b0100000110), (RORS, 6, 0b0100000111),
    (TST, 6, 0b0100001000), (NEGS, 6, 0b0100001001), (CMP, 6, 0b0100001010), (CMN, 6, 0b0100001011),
    (ORRS, 6, 0b0100001100), (MULS, 6, 0b0100001101), (BICS, 6, 0b0100001110), (MVNS, 6, 0b0100001111),
    (SXTH, 6, 0b1011001000), (SXTB, 6, 0b1011001001), (UXTH, 6, 0b1011001010), (UXTB, 6, 0b1011001011),
    (REV, 6, 0b1011101000), (REV16, 6, 0b1011101001), (REVSH, 6, 0b1011101011),
    (ADD_SP, 11, 0b10101), (ADD_SP_7, 7, 0b101100000), (SUB_SP_7, 7, 0b101100001),
    (CPSID, 0, 0xB672), (NOP, 0, 0xBF00),
    (STR, 9, 0b0101000), (STRH, 9, 0b0101001), (STRB, 9, 0b0101010), (LDRSB, 9, 0b0101011),
    (LDR, 9, 0b0101100), (LDRH, 9, 0b0101101), (LDRB, 9, 0b0101110), (LDRSH, 9, 0b0101111),
    (STR_5, 11, 0b01100), (LDR_5, 11, 0b01101), (STRB_5, 11, 0b01110), (LDRB_5, 11, 0b01111),
    (STRH_5, 11, 0b10000), (LDRH_5, 11, 0b10001), (STR_SP, 11, 0b10010), (LDR_SP, 11, 0b10011),
    (LDR_PC, 11, 0b01001), (PUSH, 9, 0b1011010), (POP, 9, 0b1011110), (STM, 11, 0b11000), (LDM, 11, 0b11001),
    (ADD_HI, 8, 0b01000100), (CMP_HI, 8, 0b01000101), (MOV_HI, 8, 0b01000110),
    (BX, 7, 0b010001110), (BLX, 7, 0b010001111), (ADR, 11, 0b10100),
    (B_IF, 12, 0b1101), (B, 11, 0b11100), (WIDE, 11, 0b11110),
)

cdef uint8_t KINDS[0x10000]


cdef void _tell_kinds():
    cdef unsigned int opcode
    for opcode in range(0x10000):
        KINDS[opcode] = OTHER
        for kind, shift, value in PATTERNS:
            if opcode >> shift == value:
                KINDS[opcode] = kind
    for opcode in range(0xDE00, 0xE000):  # UDF and SVC look like branches
        KINDS[opcode] = OTHER
    for opcode in range(0x4700, 0x4800):
        if opcode & 7:  # neither BX nor BLX
            KINDS[opcode] = OTHER


_tell_kinds()


cdef struct Cpu:
    uint32_t *r  # r[15] is not kept during a burst
    uint32_t pc  # of the next instruction; its lowest bit is whatever rp2040py has left there
    bint n, z, c, v
    bint masked  # PRIMASK
    bint unmasks  # the last instruction wrote PRIMASK
    bint handles  # an exception
    double ns  # the present instant
    double timer_from_ns  # when the timer was reset
    uint8_t *ram
    uint8_t *flash
    uint8_t *rom
    uint32_t ram_bytes, flash_bytes, rom_bytes


cdef inline uint32_t result(Cpu *cpu, uint32_t value) noexcept nogil:
    cpu.n = value >> 31
    cpu.z = value == 0
    return value


cdef inline uint32_t add(Cpu *cpu, int64_t left, int64_t right) noexcept nogil:
    cdef int64_t total = left + right
    cdef uint32_t value = <uint32_t> total
    cpu.c = total != value
    cpu.v = <int32_t> value != <int64_t> <int32_t> left + <int32_t> right
    return result(cpu, value)


cdef inline uint32_t subtract(Cpu *cpu, int64_t left, int64_t right) noexcept nogil:
    cdef uint32_t value = <uint32_t> (left - right)
    cpu.c = left >= right
    cpu.v = ((<uint32_t> left ^ <uint32_t> right) & (<uint32_t> left ^ value)) >> 31
    return result(cpu, value)


cdef inline bint holds(Cpu *cpu, uint32_t condition) noexcept nogil:
    """ARMv6-M A6.3."""
    cdef uint32_t which = condition >> 1
    cdef bint yes
    if which == 0:
        yes = cpu.z
    elif which == 1:
        yes = cpu.c
    elif which == 2:
        yes = cpu.n
    elif which == 3:
        yes = cpu.v
    elif which == 4:
        yes = cpu.c and not cpu.z
    elif which == 5:
        yes = cpu.n == cpu.v
    else:
        yes = cpu.n == cpu.v and not cpu.z
    return yes ^ (condition & 1)


cdef inline uint8_t *readable(Cpu *cpu, uint32_t address, uint32_t size) noexcept nogil:
    """The memory of `size` aligned bytes from `address` on, or NULL where there is none."""
    if address - RAM < cpu.ram_bytes and address - RAM + size <= cpu.ram_bytes:
        return cpu.ram + (address - RAM)
    if address - FLASH < cpu.flash_bytes and address - FLASH + size <= cpu.flash_bytes:
        return cpu.flash + (address - FLASH)
    if address < cpu.rom_bytes and address + size <= cpu.rom_bytes:
        return cpu.rom + address
    return NULL


cdef inline uint8_t *writable(Cpu *cpu, uint32_t address, uint32_t size) noexcept nogil:
    if address - RAM < cpu.ram_bytes and address - RAM + size <= cpu.ram_bytes:
        return cpu.ram + (address - RAM)
    return NULL


cdef inline void calculate(Cpu *cpu, int kind, uint32_t op) noexcept nogil:
    """Registers and flags only; one cycle each."""
    cdef uint32_t *r = cpu.r
    cdef uint32_t d = op & 7, amount = (op >> 6) & 31, big = (op >> 8) & 7, immediate = op & 255
    cdef uint32_t value = r[(op >> 3) & 7], other = r[(op >> 6) & 7], old = r[d], count = value & 255
    if kind == LSLS:
        if amount:
            cpu.c = (value >> (32 - amount)) & 1
        r[d] = result(cpu, value << amount)
    elif kind == LSRS:
        cpu.c = (value >> ((amount - 1) & 31)) & 1
        r[d] = result(cpu, value >> amount if amount else 0)
    elif kind == ASRS:
        cpu.c = (value >> ((amount - 1) & 31)) & 1
        r[d] = result(cpu, <uint32_t> (<int32_t> value >> (amount if amount else 31)))
    elif kind == ADDS:
        r[d] = add(cpu, value, other)
    elif kind == SUBS:
        r[d] = subtract(cpu, value, other)
    elif kind == ADDS_3:
        r[d] = add(cpu, value, (op >> 6) & 7)
    elif kind == SUBS_3:
        r[d] = subtract(cpu, value, (op >> 6) & 7)
    elif kind == MOVS:
        r[big] = result(cpu, immediate)
    elif kind == CMP_8:
        subtract(cpu, r[big], immediate)
    elif kind == ADDS_8:
        r[big] = add(cpu, r[big], immediate)
    elif kind == SUBS_8:
        r[big] = subtract(cpu, r[big], immediate)
    elif kind == ANDS:
        r[d] = result(cpu, old & value)
    elif kind == EORS:
        r[d] = result(cpu, old ^ value)
    elif kind == LSLS_R:
        if count:
            cpu.c = (old >> ((32 - count) & 31)) & 1
        r[d] = result(cpu, old << count if count < 32 else 0)
    elif kind == LSRS_R:
        cpu.c = (old >> ((count - 1) & 31)) & (count <= 32)
        r[d] = result(cpu, old >> count if count < 32 else 0)
    elif kind == ASRS_R:
        count = count if count < 32 else 32
        cpu.c = (old >> ((count - 1) & 31)) & 1
        r[d] = result(cpu, <uint32_t> (<int32_t> old >> (count if count < 32 else 31)))
    elif kind == ADCS:
        r[d] = add(cpu, value, <int64_t> old + cpu.c)
    elif kind == SBCS:
        r[d] = subtract(cpu, old, <int64_t> value + 1 - cpu.c)
    elif kind == RORS:
        count &= 31
        r[d] = result(cpu, old >> count | old << (32 - count) if count else old)
        cpu.c = cpu.n
    elif kind == TST:
        result(cpu, old & value)
    elif kind == NEGS:
        r[d] = subtract(cpu, 0, value)
    elif kind == CMP:
        subtract(cpu, old, value)
    elif kind == CMN:
        add(cpu, old, value)
    elif kind == ORRS:
        r[d] = result(cpu, old | value)
    elif kind == MULS:
        r[d] = result(cpu, old * value)
    elif kind == BICS:
        r[d] = result(cpu, old & ~value)
    elif kind == MVNS:
        r[d] = result(cpu, ~value)
    elif kind == SXTH:
        r[d] = <uint32_t> <int32_t> <int16_t> value
    elif kind == SXTB:
        r[d] = <uint32_t> <int32_t> <int8_t> value
    elif kind == UXTH:
        r[d] = value & 0xFFFF
    elif kind == UXTB:
        r[d] = value & 0xFF
    elif kind == REV:
        r[d] = value << 24 | (value & 0xFF00) << 8 | (value >> 8 & 0xFF00) | value >> 24
    elif kind == REV16:
        r[d] = (value & 0x00FF00FF) << 8 | (value >> 8 & 0x00FF00FF)
    elif kind == REVSH:
        r[d] = <uint32_t> <int32_t> <int16_t> ((value & 0xFF) << 8 | (value >> 8 & 0xFF))
    elif kind == ADD_SP:
        r[big] = r[SP] + (immediate << 2)
    elif kind == ADD_SP_7:
        r[SP] = (r[SP] + ((op & 127) << 2)) & ~<uint32_t> 3
    elif kind == SUB_SP_7:
        r[SP] = (r[SP] - ((op & 127) << 2)) & ~<uint32_t> 3
    elif kind == CPSID:
        cpu.masked = True


cdef int load_register(Cpu *cpu, Sio sio, uint32_t address, uint32_t *value) noexcept nogil:
    """Cycles, with what one of the registers reads that programs poll most; 0: it is another."""
    if address == SIO:  # CPUID: core 0
        value[0] = 0
        return 1
    if address - DIVIDER < DIVIDER_END - DIVIDER:
        value[0] = sio.answer(address - SIO)
        return 1
    if address != TIMERAWL and address != TIMERAWH:
        return 0
    cdef uint64_t now_us = <uint64_t> (cpu.ns - cpu.timer_from_ns) // 1000
    value[0] = <uint32_t> now_us if address == TIMERAWL else <uint32_t> (now_us >> 32)
    return 4


cdef inline int load(Cpu *cpu, Sio sio, uint32_t address, uint32_t size, uint32_t *value) noexcept nogil:
    """Cycles, with the zero-extended value; 0: not in memory."""
    cdef uint8_t *at
    if address & (size - 1):
        return 0
    at = readable(cpu, address, size)
    if at == NULL:
        return load_register(cpu, sio, address, value) if size == 4 else 0
    if size == 4:
        value[0] = (<uint32_t *> at)[0]
    elif size == 2:
        value[0] = (<uint16_t *> at)[0]
    else:
        value[0] = at[0]
    return 2


cdef inline int store(Cpu *cpu, Sio sio, uint32_t address, uint32_t size, uint32_t value) noexcept nogil:
    """Cycles; 0: not in memory that a program may write without further effects."""
    cdef uint8_t *at
    if address & (size - 1):
        return 0
    at = writable(cpu, address, size)
    if at == NULL:
        if size != 4 or address - DIVIDER >= DIVIDER_END - 4 - DIVIDER:
            return 0
        sio.take(address - SIO, value)
        return 1
    if size == 4:
        (<uint32_t *> at)[0] = value
    elif size == 2:
        (<uint16_t *> at)[0] = <uint16_t> value
    else:
        at[0] = <uint8_t> value
    return 2


cdef inline int move_one(Cpu *cpu, Sio sio, int kind, uint32_t op) noexcept nogil:
    """A load or a store of one value: cycles, or 0 where it is no plain memory."""
    cdef uint32_t *r = cpu.r
    cdef uint32_t d = op & 7, big = (op >> 8) & 7, base = r[(op >> 3) & 7], fifth = (op >> 6) & 31, value = 0
    cdef uint32_t indexed = base + r[(op >> 6) & 7]
    cdef int cycles = 0
    if kind == STR:
        return store(cpu, sio, indexed, 4, r[d])
    elif kind == STRH:
        return store(cpu, sio, indexed, 2, r[d])
    elif kind == STRB:
        return store(cpu, sio, indexed, 1, r[d])
    elif kind == STR_5:
        return store(cpu, sio, base + (fifth << 2), 4, r[d])
    elif kind == STRH_5:
        return store(cpu, sio, base + (fifth << 1), 2, r[d])
    elif kind == STRB_5:
        return store(cpu, sio, base + fifth, 1, r[d])
    elif kind == STR_SP:
        return store(cpu, sio, r[SP] + ((op & 255) << 2), 4, r[big])
    elif kind == LDR:
        cycles = load(cpu, sio, indexed, 4, &value)
    elif kind == LDRH:
        cycles = load(cpu, sio, indexed, 2, &value)
    elif kind == LDRB:
        cycles = load(cpu, sio, indexed, 1, &value)
    elif kind == LDRSH:
        cycles = load(cpu, sio, indexed, 2, &value)
        value = <uint32_t> <int32_t> <int16_t> value
    elif kind == LDRSB:
        cycles = load(cpu, sio, indexed, 1, &value)
        value = <uint32_t> <int32_t> <int8_t> value
    elif kind == LDR_5:
        cycles = load(cpu, sio, base + (fifth << 2), 4, &value)
    elif kind == LDRH_5:
        cycles = load(cpu, sio, base + (fifth << 1), 2, &value)
    elif kind == LDRB_5:
        cycles = load(cpu, sio, base + fifth, 1, &value)
    elif kind == LDR_SP:
        d = big
        cycles = load(cpu, sio, r[SP] + ((op & 255) << 2), 4, &value)
    elif kind == LDR_PC:
        d = big
        cycles = load(cpu, sio, ((cpu.pc + 2) & ~<uint32_t> 3) + ((op & 255) << 2), 4, &value)
    if cycles:
        r[d] = value
    return cycles


cdef inline int move_many(Cpu *cpu, int kind, uint32_t op) noexcept nogil:
    """PUSH, POP, STM, LDM: cycles, or 0 where it is no plain memory, or the end of an exception."""
    cdef uint32_t *r = cpu.r
    cdef uint32_t listed = op & 255, base = (op >> 8) & 7, count = 0, address, i
    cdef bint extra = (op >> 8) & 1  # LR or PC
    cdef uint32_t *at
    for i in range(8):
        count += listed >> i & 1
    if kind == PUSH:
        address = r[SP] - 4 * (count + extra)
    elif kind == POP:
        address = r[SP]
    else:
        address = r[base]
        extra = False
    if address & 3 or not count + extra:
        return 0
    if kind == PUSH or kind == STM:
        at = <uint32_t *> writable(cpu, address, 4 * (count + extra))
    else:
        at = <uint32_t *> readable(cpu, address, 4 * (count + extra))
    if at == NULL or kind == POP and extra and cpu.handles and at[count] >> 28 == EXC_RETURN:
        return 0
    for i in range(8):
        if listed >> i & 1:
            if kind == PUSH or kind == STM:
                at[0] = r[i]
            else:
                r[i] = at[0]
            at += 1
    if kind == PUSH:
        if extra:
            at[0] = r[LR]
        r[SP] = address
        return 1 + count
    if kind == POP:
        r[SP] = address + 4 * (count + extra)
        if extra:
            cpu.pc = at[0] & ~<uint32_t> 1
        return 1 + count + 2 * extra
    if not listed >> base & 1:
        r[base] = address + 4 * count
    return 1 + count


cdef inline int wide(Cpu *cpu, uint32_t op) noexcept nogil:
    """BL, the barriers, MRS and MSR of PRIMASK; the others of 32 bits are left to rp2040py."""
    cdef uint8_t *at = readable(cpu, cpu.pc & ~<uint32_t> 1, 2)
    cdef uint32_t op2, s, j1, j2, distance
    if at == NULL:
        return 0
    op2 = (<uint16_t *> at)[0]
    if op2 >> 14 == 3 and op2 >> 12 & 1:
        s, j1, j2 = op >> 10 & 1, op2 >> 13 & 1, op2 >> 11 & 1
        cpu.r[LR] = (cpu.pc + 2) | 1
        distance = (1 ^ s ^ j1) << 23 | (1 ^ s ^ j2) << 22 | (op & 0x3FF) << 12 | (op2 & 0x7FF) << 1
        cpu.pc += 2 + distance - (s << 24)
        return 3
    if op == 0xF3BF and (op2 & 0xFFF0 == 0x8F40 or op2 & 0xFFF0 == 0x8F50 or op2 & 0xFFF0 == 0x8F60):  # DSB, DMB, ISB
        cpu.pc += 2
        return 3
    if op == 0xF3EF and op2 & 0xF0FF == 0x8000 | PRIMASK and op2 >> 8 & 15 != PC:
        cpu.r[op2 >> 8 & 15] = cpu.masked
        cpu.pc += 2
        return 3
    if op & 0xFFF0 == 0xF380 and op2 == 0x8800 | PRIMASK and op & 15 != PC:
        cpu.masked = cpu.r[op & 15] & 1
        cpu.unmasks = True
        cpu.pc += 2
        return 3
    return 0


cdef inline int branch(Cpu *cpu, int kind, uint32_t op) noexcept nogil:
    """What uses or changes the program counter, or the upper registers: cycles, or 0."""
    cdef uint32_t *r = cpu.r
    cdef uint32_t m = (op >> 3) & 15, d = (op >> 4 & 8) | (op & 7)
    cdef uint32_t value = cpu.pc + 2 if m == PC else r[m]
    if kind == B_IF:
        if not holds(cpu, op >> 8 & 15):
            return 1
        cpu.pc += 2 + 2 * <int32_t> <int8_t> op
    elif kind == B:
        cpu.pc += 2 + (<int32_t> (op << 21) >> 20)
    elif kind == WIDE:
        return wide(cpu, op)
    elif kind == BX:
        if m == PC or cpu.handles and value >> 28 == EXC_RETURN:
            return 0
        cpu.pc = value & ~<uint32_t> 1
    elif kind == BLX:
        if m >= LR:
            return 0
        r[LR] = cpu.pc | 1
        cpu.pc = value & ~<uint32_t> 1
    elif kind == ADR:
        r[op >> 8 & 7] = (cpu.pc - 2 & ~<uint32_t> 3) + 4 + ((op & 255) << 2)
        return 1
    elif kind == CMP_HI:
        if m == PC or d == PC:
            return 0
        subtract(cpu, r[d], value)
        return 1
    else:
        if kind == ADD_HI:
            value += cpu.pc + 2 if d == PC else r[d]
        if d != PC:
            r[d] = value & ~<uint32_t> 3 if d == SP else value
            return 1
        cpu.pc = value & ~<uint32_t> 1
    return 2


cdef int burst(CortexM0Core core, RP2040 mcu, Sio sio, Epoch epoch, double until_ns) except -1:
    """Execute until an instruction ends at or after `until_ns`: the result is its cycles, which the clock lacks yet.

    0: the next instruction is none of a burst. Nothing of Python runs in here, so nothing else changes meanwhile.
    """
    cdef SimulationClock clock = mcu.clock
    cdef Cpu cpu
    cdef double then_ns
    cdef uint64_t spent = 0
    cdef uint32_t op, pc
    cdef uint8_t *at
    cdef int kind, cycles, due = 0
    cpu.r = &core.registers[0]
    cpu.pc = cpu.r[PC]
    cpu.n, cpu.z, cpu.c, cpu.v = core.n, core.z, core.c, core.v
    cpu.handles = core.current_mode == 1
    cpu.masked, cpu.unmasks = core.pm, False
    cpu.ns, cpu.timer_from_ns = clock._nanos_counter, epoch.ns
    cpu.ram, cpu.flash, cpu.rom = &mcu._sram[0], &mcu._flash[0], <uint8_t *> &mcu._bootrom[0]
    cpu.ram_bytes, cpu.flash_bytes, cpu.rom_bytes = mcu.ram_byte_size, mcu.flash_byte_size, mcu.bootrom_byte_size
    while True:
        pc = cpu.pc
        at = readable(&cpu, pc & ~<uint32_t> 1, 2)
        if at == NULL:
            break
        op = (<uint16_t *> at)[0]
        kind = KINDS[op]
        cpu.pc = pc + 2
        if kind <= NOP:
            if kind == OTHER:
                cpu.pc = pc
                break
            calculate(&cpu, kind, op)
            cycles = 1
        elif kind < PUSH:
            cycles = move_one(&cpu, sio, kind, op)
        elif kind <= LDM:
            cycles = move_many(&cpu, kind, op)
        else:
            cycles = branch(&cpu, kind, op)
        if cycles == 0:
            cpu.pc = pc
            break
        spent += cycles
        then_ns = cpu.ns + cycles * CYCLE_NS
        if then_ns >= until_ns:
            due = cycles
            break
        cpu.ns = then_ns
        if cpu.unmasks:
            break
    cpu.r[PC] = cpu.pc
    core.n, core.z, core.c, core.v = cpu.n, cpu.z, cpu.c, cpu.v
    core.pm = cpu.masked
    core.interrupts_updated = cpu.unmasks
    core.cycles += spent
    clock._nanos_counter = cpu.ns
    return due


cdef inline bint nothing_pends(CortexM0Core core) noexcept:
    """Whether a look for interrupts can only find none."""
    cdef bint system = core.pending_nmi or core.pending_svcall or core.pending_pend_sv or core.pending_systick
    return not system and core.pending_interrupts & core.enabled_interrupts == 0


cdef class Epoch:
    """When the timer was reset; ExactTimer sets it."""

    cdef public double ns


cdef class Stop:
    """Ends run() after the instruction that set it."""

    cdef public bint now


def run(RP2040 mcu, Stop stop):
    """Execute until `stop.now`. Time advances after every instruction; a sleeping core jumps to the next alarm."""
    cdef CortexM0Core core = mcu.core
    cdef SimulationClock clock = mcu.clock
    cdef Sio sio = mcu.sio
    cdef Epoch epoch = mcu.timer.epoch
    cdef list pios = mcu.pio  # corrections.py keeps it empty until the firmware uses one
    cdef RPPIO pio
    cdef ClockAlarm alarm
    cdef double nanos
    cdef long long cycles
    while not stop.now:
        alarm = clock._next_alarm
        if core.waiting:
            nanos = alarm.nanos - clock._nanos_counter if alarm is not None else 0.0
            clock.tick(nanos)
            cycles = <long long> (nanos / CYCLE_NS) or 1
        else:
            if core.interrupts_updated and nothing_pends(core):
                core.interrupts_updated = False
            if not (core.interrupts_updated or pios):
                cycles = burst(core, mcu, sio, epoch, alarm.nanos if alarm is not None else INFINITY)
                if cycles:
                    clock.tick(cycles * CYCLE_NS)
                    continue
            cycles = core.execute_instruction()
            nanos = clock._nanos_counter + cycles * CYCLE_NS
            alarm = clock._next_alarm
            if alarm is not None and alarm.nanos <= nanos:
                clock.tick(cycles * CYCLE_NS)
            else:
                clock._nanos_counter = nanos
        if pios:
            for pio in pios:
                if not pio.stopped:
                    pio.advance(cycles)


def single(RP2040 mcu):
    """One instruction as a burst executes it, for tests: its cycles, or 0 where it is left to rp2040py."""
    return burst(mcu.core, mcu, mcu.sio, mcu.timer.epoch, 0.0)


cdef class Sio:
    """bench/sio.py's PlainSio with the divider's registers in C; everything else is that object's."""

    cdef object plain
    cdef unsigned int dividend, divisor, quotient, remainder, csr
    cdef bint is_signed, pending

    def __init__(self, plain):
        self.plain = plain
        self.divisor = 1

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def __setattr__(self, name, value):
        setattr(self.plain, name, value)

    def reset(self):
        """Registers to their reset values."""
        self.plain.reset()
        self.dividend = self.quotient = self.remainder = self.csr = 0
        self.divisor = 1
        self.pending = False

    def read_uint32(self, unsigned int offset):
        """Register read."""
        if offset == 0:  # CPUID
            return 0
        if offset < 0x60 or offset > 0x78:
            return self.plain.read_uint32(offset)
        return self.answer(offset)

    def write_uint32(self, unsigned int offset, long long value):
        """Register write."""
        if offset < 0x60 or offset > 0x74:
            self.plain.write_uint32(offset, value)
        else:
            self.take(offset, <unsigned int> value)

    cdef unsigned int answer(self, unsigned int offset) noexcept nogil:
        """What a register of the divider reads."""
        if offset == 0x78:  # DIV_CSR
            return self.csr
        self.settle()
        if offset == 0x70:  # DIV_QUOTIENT
            self.csr &= ~DIRTY
            return self.quotient
        if offset == 0x74:  # DIV_REMAINDER
            return self.remainder
        return self.dividend if offset == 0x60 or offset == 0x68 else self.divisor

    cdef void take(self, unsigned int offset, unsigned int value) noexcept nogil:
        """A write to the divider: operands start a division, results can be put back by who interrupted one."""
        self.csr = READY | DIRTY
        if offset >= 0x70:
            self.settle()
            if offset == 0x70:
                self.quotient = value
            else:
                self.remainder = value
            return
        if offset == 0x60 or offset == 0x68:  # DIV_UDIVIDEND, DIV_SDIVIDEND
            self.dividend = value
        else:
            self.divisor = value
        self.is_signed = offset >= 0x68
        self.pending = True

    cdef void settle(self) noexcept nogil:
        cdef long long dividend = self.dividend, divisor = self.divisor, quotient
        if not self.pending:
            return
        self.pending = False
        if self.is_signed:
            dividend, divisor = <int> self.dividend, <int> self.divisor
        if not divisor:
            self.quotient = 1 if dividend < 0 else 0xFFFFFFFF
            self.remainder = <unsigned int> dividend
            return
        quotient = dividend // divisor  # C division: towards zero
        self.quotient = <unsigned int> quotient
        self.remainder = <unsigned int> (dividend - quotient * divisor)
