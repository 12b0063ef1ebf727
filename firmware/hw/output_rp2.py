"""One output of the RP2040's sample engine: its words, and what the main loop does with them.

The interrupt that plays and supervises the samples is in interrupt/; every number of it is a word of interrupt/word.py.
Nothing here decides whether current may flow: that is core/gate.py, asked by core/session.py.
"""

from array import array

import machine
import uctypes
from machine import ADC, Pin
from micropython import const

from ..core import meter, waveplan
from ..shared import calibration, faults, limits, units
from .interrupt import word
from .interrupt.rp2 import gather, lift

_PLAN_WORDS = bytes(word.PLAN)
_SNAPSHOT = bytes(word.SNAPSHOT)
# Registers: RP2040 data sheet 4.3.17 (I2C), 4.6.5 (timer).
_I2C_BASE = (0x40044000, 0x40048000)
_TIMER_BASE = const(0x40054000)
_SYSTICK_CVR = const(0xE000E018)  # ARMv6-M manual B3.3
_NVIC_ISPR = const(0xE000E200)  # B3.4
_I2C_CLR_INTR = const(0x40)
_IC_FS_SCL_HCNT = const(0x1C)
_IC_FS_SCL_LCNT = const(0x20)
_IC_FS_SPKLEN = const(0xA0)
_IC_DATA_CMD = const(0x10)
_IC_STATUS = const(0x70)
_IC_TXFLR = const(0x74)
_STATUS_ACTIVE = const(0x20)  # MST_ACTIVITY
_STOP = const(0x200)  # IC_DATA_CMD
# Bits of one sample on the bus: two bytes of a transaction that stays open; with START, address and STOP.
HELD_BITS = 18
_CLOSED_BITS = const(29)
_SCL_EXTRA_CYCLES = const(8)  # of every SCL period, beside the counts: RP2040 data sheet 4.3.14.1
# Quarters: 25 % for slow edges and a fast clock. Ours: traces of real buses show up to 7 % with pull-ups of 2.2 k.
_MARGIN = const(5)
_CLOSE_TRIES = const(200)  # ours: longer than what is left of a transaction
_BLOCKED_US = const(400)  # ours: so long, and four samples, the bus has taken none; fewer are counted skips
_OPEN_US = const(500)  # ours: so long without current is a lift-off, three samples at least
_SENSE_HALF_US = const(5000)  # ours: half wave of contact sensing, 100 Hz
_CHANCE_BEGIN = const(0xACE1)  # any number but 0: the same sequence of rests in every session
_TRIM_FROM_UA = const(2)  # ours: wide codes of the ADC (RP2040-E11) may show up to 4.8 uA in one of two phases
_TRIM_MAX_UA = const(5)  # ours: half of limits.NET_DC_UA
_NO_NET_LIMIT = const(0x0FFF)  # 1/16 counts: above what unipolar phases may be; times 500000 samples below 2**31
_HISTORY_LENGTH = const(64)
_HISTORY_AFTER = const(8)  # ours: of the 64 samples kept with a fault, those after it
_ZERO_COUNTS_MAX = const(40)  # as in hw/checks.py: beyond it the sense amplifier is broken
_READINGS = const(16)  # ours: of which read_sense takes the mean


class Output:
    """One DAC, its gate and its sense. `board`: what is common; `pins`: the board itself, or its SECOND.

    All waveform numbers come in as a core.waveplan.Plan. Main loop only.
    """

    def __init__(self, board, pins, dac, mux, adc):
        self._board = board
        self._pins = pins
        self._mux = mux
        self._adc = adc
        self.dac = dac
        self.gate = Pin(pins.GATE_PIN, Pin.OUT, value=0)
        Pin(pins.TRIPPED_PIN, Pin.IN)
        self.words = array("i", (0 for _ in range(word.LENGTH)))
        self.address = uctypes.addressof(self.words)
        self._taken = array("i", (0 for _ in range(len(_SNAPSHOT) + 1)))
        self._history = array("i", (0 for _ in range(_HISTORY_LENGTH)))
        self._sense = ADC(Pin(pins.SENSE_PIN))
        self._voltage = ADC(Pin(board.VOLTAGE_PIN))
        self._plan = waveplan.Plan()  # what was asked for last
        self._table = None  # what is played until that is taken up: the interrupt knows only the table's address
        self._settled = None  # limits of a change, from when on nothing of what was before is measured any more
        self._changed_phases = self._ledgers = 0
        self._counted = self.words  # those of the output that counts the interrupts: the first one that runs
        self._held = False  # whether the interrupt keeps one bus transaction open for all its samples
        self.scale = calibration.Scale(board)  # replaced by a calibration's while nothing runs

    def bus_us(self, bits):
        """Time to give to `bits` on the bus at the SCL rate its registers ask for, with a margin for slow edges."""
        base = self._bus_base
        high, low, filtered = (machine.mem32[base + at] for at in (_IC_FS_SCL_HCNT, _IC_FS_SCL_LCNT, _IC_FS_SPKLEN))
        cycles = high + low + filtered + _SCL_EXTRA_CYCLES
        return -(-bits * cycles * 1000000 * _MARGIN // (4 * machine.freq()))

    @property
    def _bus_base(self):
        return _I2C_BASE[self._pins.I2C_ID]

    @property
    def voltage_lines(self):
        """Select lines of the multiplexer that are high for this output's voltage."""
        return self._mux.lines(self._pins.VOLTAGE_INPUT)

    def prove_dac(self):
        """faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back.

        Raises OSError when it does not answer.
        """
        zero_code = self._board.ZERO_CODE
        return faults.NONE if self.dac.follows((zero_code + 1, zero_code)) else faults.DAC_READBACK

    def load(self, plan, amplitude_ua, left):
        """Everything the interrupt needs to begin: the zero code, the gate open. left: samples before the ramp down,
        0 = all. Returns faults.NONE or BUS_HUNG. Allocates.
        """
        words = self.words
        self._plan, self._table = plan, None
        self._settled = None
        self._ledgers = 0
        self._counted = words
        for index in range(word.LENGTH):
            words[index] = 0
        self._load_hardware(words)
        self._load_period(words, plan.period_us)
        self._load_limits(words)
        self._limit(self._limits_of(plan, amplitude_ua))
        words[word.ENVELOPE_STEP] = words[word.DOWN_STEP] = plan.ramp_step
        self._lay_down(plan)
        self._take_up()
        words[word.CHANGE_AT] = uctypes.addressof(_PLAN_WORDS)
        words[word.MIRROR] = -plan.balanced
        words[word.CHANCE] = _CHANCE_BEGIN
        words[word.LOCKED] = plan.locked
        words[word.LEFT] = left or max(1, plan.total_samples - plan.ramp_samples)
        words[word.ALTERNATE_LEFT] = plan.alternate_cycles
        machine.mem32[self._bus_base + _I2C_CLR_INTR]
        if self._held and not self._send(self._board.ZERO_CODE, 0):
            return faults.BUS_HUNG
        return faults.NONE

    def _load_hardware(self, words):
        board, pins = self._board, self._pins
        words[word.I2C] = self._bus_base
        words[word.TIMER] = _TIMER_BASE
        words[word.SYSTICK], words[word.PENDING] = _signed(_SYSTICK_CVR), _signed(_NVIC_ISPR)
        words[word.DMA] = self._adc.registers
        words[word.SENSE_SLOT] = self._adc.slot(pins.SENSE_PIN - 26)
        words[word.VOLTAGE_SLOT] = self._adc.slot(board.VOLTAGE_PIN - 26)
        words[word.GATE_MASK] = words[word.GATES] = 1 << pins.GATE_PIN
        words[word.TRIPPED_MASK] = 1 << pins.TRIPPED_PIN
        words[word.STOP_MASK] = 1 << board.ESTOP_PIN | words[word.TRIPPED_MASK]
        words[word.NEXT] = words[word.SENT] = words[word.WAS] = board.ZERO_CODE
        words[word.WATCHED] = -1
        words[word.ZERO_SENSE] = units.ADC_STEPS // 2 + 2 * self.scale.step
        words[word.STEP], words[word.SHIFT] = self.scale.step, self.scale.shift
        words[word.LOW], words[word.HIGH] = max(0, -self.scale.shift), units.DAC_STEPS - 1 - max(0, self.scale.shift)
        words[word.SENSE_STEP] = self.scale.gain(board.CONTACT_UA * (units.DAC_STEPS // 2) // board.FULL_SCALE_UA)
        words[word.MUXED] = len(board.MUX_PINS)
        words[word.MUX_MASK] = self._mux.all_lines
        words[word.NEXT_INPUT] = self.voltage_lines
        words[word.OTHER] = self.address
        words[word.HISTORY] = uctypes.addressof(self._history)
        words[word.HISTORY_LEFT] = _HISTORY_AFTER

    def _load_period(self, words, period_us):
        self._held = period_us < self.bus_us(_CLOSED_BITS)
        words[word.LAST_BYTE] = 0 if self._held else _STOP
        words[word.PERIOD] = period_us
        words[word.SPARSE] = int(period_us < self.bus_us(HELD_BITS))
        words[word.BLOCKED_MAX] = max(3, _BLOCKED_US // period_us - 1)
        words[word.OPEN_MAX] = max(2, _OPEN_US // period_us - 1)
        words[word.SENSE_HALF] = _SENSE_HALF_US // period_us
        words[word.NET_SAMPLES_MIN] = 1000000 // period_us

    def _limits_of(self, plan, amplitude_ua):
        """(window, charge of a phase, net current): what the interrupt holds a plan's measured current against."""
        window = min(self._counts(amplitude_ua + self._board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        sensed = 2 * self._counts(self._board.CONTACT_UA) * _SENSE_HALF_US // plan.period_us
        phase = plan.phase_samples * self._counts(amplitude_ua) * 5 // 4 + 4 * self.words[word.FOLLOW]
        phase = max(phase, sensed)  # a phase of contact sensing moves more than a short pulse
        return window, phase, self._counts(16 * limits.NET_DC_UA) if plan.balanced else _NO_NET_LIMIT

    def _limit(self, found):
        words = self.words
        words[word.WINDOW], words[word.PHASE_LIMIT], words[word.NET_LIMIT] = found

    def _load_limits(self, words):
        board = self._board
        words[word.SENSE_OF_CODE] = self.scale.sense_of_code
        words[word.FOLLOW] = self._counts(board.FOLLOW_UA)
        # A phase is "full" at 90 % of its commanded charge: compared as counts * a >= codes * b, in small integers.
        words[word.FULL_SENSE], words[word.FULL_COMMAND] = self.scale.full_share

    def _counts(self, current_ua):
        return self.scale.counts_of_ua(current_ua)

    def _lay_down(self, plan):
        """Write a plan's numbers where a change waits, in the order of _PLAN_WORDS; its amplitude in this unit's codes.

        Nothing of it stays in memory: a sweep does this while a session runs.
        """
        words, at = self.words, word.NEW
        words[at] = self.scale.gain(plan.gain)
        words[at + 1], words[at + 2] = plan.use_table, _signed(plan.phase_step)
        words[at + 3] = _address(plan)
        words[at + 4], words[at + 5] = 32 - plan.table_bits, (1 << plan.table_bits) - 1
        words[at + 6], words[at + 7] = plan.cycle_samples, plan.cycle_fraction
        words[at + 8], words[at + 9], words[at + 10] = plan.width, plan.gap_end, plan.slope
        words[at + 11] = plan.use_table & plan.balanced
        words[at + 12], words[at + 13], words[at + 14] = plan.burst_cycles, plan.rest_samples, plan.rest_span
        words[at + 15], words[at + 16] = plan.alternate_cycles, _signed(plan.second_step)

    def _take_up(self):
        """What was laid down is played from here on. The interrupt does the same at the end of a cycle."""
        words = self.words
        for at in range(word.PLAN_LENGTH):
            words[_PLAN_WORDS[at]] = words[word.NEW + at]

    def join(self, second):
        """Run in one interrupt with another output, this one first; a trip of one opens both gates."""
        second._counted = self.words
        gates = self.words[word.GATE_MASK] | second.words[word.GATE_MASK]
        for output, other in ((self, second), (second, self)):
            output.words[word.OTHER] = other.address
            output.words[word.GATES] = gates
            output.words[word.NEXT_INPUT] = other.voltage_lines
        self.words[word.FOLLOWING] = second.address

    @property
    def tripped(self):
        """The fault code on which the interrupt has opened the gates; faults.NONE."""
        return self.words[word.TRIP]

    def feed(self, deadman_ms):
        """The main loop is alive: without another call for so long the interrupt opens the gates."""
        self.words[word.DEADMAN] = deadman_ms * 1000 // self.words[word.PERIOD]
        if self._settled:
            self._settle()
        if self.words[word.LEDGERS] != self._ledgers:
            self._trim()

    def trip(self, code):
        """The main loop has found a fault that the interrupt cannot see: gate open, zero code; a first fault stays."""
        self.stop()
        if not self.words[word.TRIP]:
            self.words[word.TRIP] = code

    def close(self):
        """Close the gate and let the interrupt play."""
        self.gate.value(1)
        self.words[word.RUN] = 1

    def stop(self):
        """Gate open, and the interrupt plays the zero code."""
        self.gate.value(0)
        self.words[word.RUN] = 0

    def take_zero(self):
        """What the sense amplifier showed since the start, with the gate open, is its zero. False when it is none."""
        words = self.words
        zero = units.rounded_div(words[word.NET], max(1, words[word.NET_SAMPLES]))
        if abs(zero) > _ZERO_COUNTS_MAX:
            return False
        words[word.ZERO_SENSE] += zero
        words[word.SENSING] = 1
        return True

    def lift(self):
        """Zero with the next sample, then sensing level; of the first output, for all that run in its interrupt."""
        lift(self.words)

    def begin_treatment(self):
        """From zero, at the beginning of a cycle, or where `phase_begin` says. Only while at sensing level.

        A change that waits for the end of a cycle is taken up here: at sensing level there is none.
        """
        words, plan = self.words, self._plan
        if words[word.CHANGED]:
            words[word.CHANGED] = 0
            sign = -1 if words[word.GAIN] < 0 else 1
            self._take_up()
            words[word.GAIN] *= sign
        words[word.ENVELOPE] = words[word.FRACTION] = words[word.OPEN_RUN] = words[word.NET_BEGUN] = 0
        words[word.RESTING] = words[word.OWED] = words[word.DEBT] = words[word.SECOND] = 0
        words[word.PHASE], words[word.K] = _signed(plan.phase_begin), plan.sample_begin
        words[word.BURST_LEFT] = words[word.BURST_CYCLES]
        words[word.N_THIS] = words[word.N_BASE]
        words[word.ENVELOPE_STEP] = words[word.DOWN_STEP]

    def go(self):
        """All outputs that run leave the sensing level within the same interrupt. Of the first output only."""
        self.words[word.GO] = 1

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the interrupt opens the gate at its end."""
        self.words[word.ENVELOPE_STEP] = -self.words[word.DOWN_STEP]

    def ask_aux(self, lines):
        """Have the interrupt connect another input of the multiplexer once, instead of the voltage that comes next.

        lines: those that are high. Of the last output that runs; the first one's aux() has the result.
        """
        self.words[word.AUX] = lines

    def aux(self):
        """The newest of those readings, in counts; 0 before there is one."""
        return self.words[word.AUX_RESULT]

    def change(self, plan, amplitude_ua):
        """Go on with another plan of the same polarity and sample period, from the end of the cycle under way on.

        Up to then the wider of both plans' limits hold. A change that was not taken up yet is replaced. What it makes
        and what stays of it are a few words, for a sweep does this while a session runs.
        """
        words = self.words
        words[word.CHANGED] = 0  # from here on the interrupt takes up nothing
        if words[word.TABLE_AT] == _address(self._plan):
            self._table = self._plan.table
        self._plan = plan
        self._lay_down(plan)
        words[word.NEW] = abs(words[word.NEW])  # the interrupt keeps the sign that it plays
        window, phase, net = self._settled = self._limits_of(plan, amplitude_ua)
        words[word.WINDOW] = max(window, words[word.WINDOW])
        words[word.PHASE_LIMIT] = max(phase, words[word.PHASE_LIMIT])
        words[word.NET_LIMIT] = max(net, words[word.NET_LIMIT])
        self._changed_phases = words[word.HALVES]
        words[word.CHANGED] = 1

    def _trim(self):
        """Take back half of the net current that the last second of whole cycles has shown.

        What the ADC's own steps may pretend is left alone, and no more than half of the net limit is ever taken back:
        a sense amplifier that drifts must not drive a current that was not there.
        """
        words, board = self.words, self._board
        self._ledgers = words[word.LEDGERS]
        if not words[word.MIRROR]:  # of unipolar phases the net is the treatment itself
            return
        net = (words[word.LEDGER] << 18) // words[word.LEDGER_SAMPLES]
        if abs(net) <= self._counts(_TRIM_FROM_UA) << 18:
            return
        most = _TRIM_MAX_UA * (units.DAC_STEPS // 2 << 18) // board.FULL_SCALE_UA
        step = (net << 11) // words[word.SENSE_OF_CODE]  # half of it, in codes
        words[word.TRIM] = min(max(words[word.TRIM] - step, -most), most)

    def _settle(self):
        """The limits of a change hold alone once two phases have been measured since it was taken up."""
        words = self.words
        if words[word.CHANGED]:
            self._changed_phases = words[word.HALVES]
        elif words[word.HALVES] - self._changed_phases > 2:
            self._limit(self._settled)
            self._settled = None

    def close_bus(self):
        """End a transaction that the interrupt kept open. Where the bus does not, the next transfer tells."""
        if self._held:
            self._held = False
            self._send(self._board.ZERO_CODE, _STOP)

    def _send(self, code, last):
        """Send a code outside the interrupt, with `last` as flags of its last byte; False where the bus does not."""
        base = self._bus_base
        machine.mem32[base + _IC_DATA_CMD] = code >> 8
        machine.mem32[base + _IC_DATA_CMD] = code & 0xFF | last
        for _ in range(_CLOSE_TRIES):
            if not machine.mem32[base + _IC_TXFLR] and (
                not last or not machine.mem32[base + _IC_STATUS] & _STATUS_ACTIVE
            ):
                return True
        return False

    def snapshot(self):
        """The counters in the order of core.meter.SNAPSHOT_FIELDS, taken at one instant; peaks start anew.

        Always the same array, filled anew: nothing is allocated.
        """
        words, taken = self.words, self._taken
        gather(words, _SNAPSHOT, taken, len(_SNAPSHOT))
        for index in (meter.TICKS, meter.LATE, meter.WORST_LATE_US):
            taken[index] = self._counted[_SNAPSHOT[index]]
        words[word.PEAK_CURRENT] = 0
        words[word.PEAK_VOLTAGE] = 0
        return taken

    def history(self):
        """The last 64 samples, oldest first, as hex: three digits of DAC code and three of ADC count each.

        No further ones are kept until the engine is armed again: the interrupt must not overtake the reader.
        """
        self.words[word.HISTORY_LEFT] = 0
        at, kept = self.words[word.HISTORY_AT], self._history
        return "".join("%06x" % kept[(at + index) % _HISTORY_LENGTH] for index in range(_HISTORY_LENGTH))

    def read_sense(self):
        """(current sense, output voltage) in ADC counts, mean of 16, only while not armed."""
        self._mux.select(self._pins.VOLTAGE_INPUT)
        current = sum(self._sense.read_u16() >> 4 for _ in range(_READINGS))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(_READINGS))
        return self.scale.linear(current // _READINGS), voltage // _READINGS


def _address(plan):
    return uctypes.addressof(plan.table)


def _signed(value):
    """A 32-bit pattern as the signed number array('i') stores."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value
