# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The emulator's inner loop and the SIO divider, compiled: the same events at the same instants, in less time.

Built by build_core.sh against rp2040py's own declarations. chip.py and sio.py say the same in Python and stand in where
this was not built; tests/bench/test_fast_core.py compares the two event by event.
"""

from rp2040py.native._cortex_m0_core cimport CortexM0Core
from rp2040py.native._pio cimport RPPIO
from rp2040py.native._rp2040 cimport RP2040
from rp2040py.native._simulation_clock cimport ClockAlarm, SimulationClock

cdef double CYCLE_NS = 8.0  # 125 MHz
cdef unsigned int READY = 1, DIRTY = 2  # DIV_CSR, RP2040 data sheet 2.3.1.7


cdef class Stop:
    """Ends run() after the instruction that set it."""

    cdef public bint now


def run(RP2040 mcu, Stop stop):
    """Execute until `stop.now`. Time advances after every instruction; a sleeping core jumps to the next alarm."""
    cdef CortexM0Core core = mcu.core
    cdef SimulationClock clock = mcu.clock
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
        if offset == 0x78:  # DIV_CSR
            return self.csr
        self.settle()
        if offset == 0x70:  # DIV_QUOTIENT
            self.csr &= ~DIRTY
            return self.quotient
        if offset == 0x74:  # DIV_REMAINDER
            return self.remainder
        return self.dividend if offset in (0x60, 0x68) else self.divisor

    def write_uint32(self, unsigned int offset, long long value):
        """Register write; operands start a division, results can be put back by who interrupted one."""
        if offset < 0x60 or offset > 0x74:
            self.plain.write_uint32(offset, value)
            return
        self.csr = READY | DIRTY
        if offset >= 0x70:
            self.settle()
            if offset == 0x70:
                self.quotient = <unsigned int> value
            else:
                self.remainder = <unsigned int> value
            return
        if offset in (0x60, 0x68):  # DIV_UDIVIDEND, DIV_SDIVIDEND
            self.dividend = <unsigned int> value
        else:
            self.divisor = <unsigned int> value
        self.is_signed = offset >= 0x68
        self.pending = True

    cdef void settle(self):
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
