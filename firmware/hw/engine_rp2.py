"""The sample engine of the RP2040: a hard timer interrupt that writes one DAC sample and supervises the output.

One viper function without globals, calls or allocation. All its state is one array of 32-bit words; the array's
address stands in a hardware register that MicroPython does not use (SIO interpolator 0, BASE0), which costs one load
where a global would cost a look-up. Order inside the interrupt: send the code computed last time, supervise, account,
compute the next code. Output first keeps the DAC's timing free of everything that follows.

Nothing here decides whether current may flow: that is core/gate.py, asked by core/session.py.
"""

from array import array

import machine
import micropython
import uctypes
from machine import ADC, Pin, Timer
from micropython import const

from ..core import waveplan
from ..shared import faults, limits, units

# Word indexes. The first 32 are the ones the interrupt reaches with one instruction: the most used stand there.
_I2C = const(0)
_ADC = const(1)
_TIMER = const(2)
_GATE_MASK = const(3)
_STOP_MASK = const(4)
NEXT = const(5)
SENT = const(6)
_WINDOW = const(7)
_ZERO_SENSE = const(8)
RUN = const(9)
TRIP = const(10)
TRIP_READING = const(11)
DEADMAN = const(12)
ENVELOPE = const(13)
ENVELOPE_STEP = const(14)
_GAIN = const(15)
SENSING = const(16)
_PHASE = const(17)
_PHASE_STEP = const(18)
_NET = const(19)
_K = const(20)
_N_THIS = const(21)
_POSITIVE_END = const(22)
_GAP_END = const(23)
_OPEN_RUN = const(24)
GOOD = const(25)
SAMPLES = const(26)
_LEFT = const(27)
_DUE = const(28)
_PERIOD = const(29)
_PHASE_SIGN = const(30)
_PHASE_SUM = const(31)
_PHASE_COMMAND = const(32)
SUM_NET = const(33)
SUM_ABS = const(34)
ACTIVE = const(35)
PEAK_CURRENT = const(36)
PEAK_VOLTAGE = const(37)
LAST_PHASE = const(38)
PHASES = const(39)
FULL_PHASES = const(40)
_FULL_SENSE = const(41)
_FULL_COMMAND = const(42)
MISSED = const(43)
LATE = const(44)
WORST_LATE = const(45)
TICKS = const(46)
DONE = const(47)
_N_BASE = const(48)
_FRACTION = const(49)
_FRACTION_STEP = const(50)
_ALTERNATE_LEFT = const(51)
_ALTERNATE_CYCLES = const(52)
_DOWN_STEP = const(53)
_BLOCKED = const(54)
_SENSE_OF_CODE = const(55)
_FOLLOW = const(56)
_ASTRAY = const(57)
_USE_TABLE = const(58)
_TABLE = const(59)
_NEGATIVE_END = const(60)
_NEGATIVE_UNIT = const(61)
_TRIPPED_MASK = const(62)
INSIDE = const(63)
_SENSE_K = const(64)
_SENSE_STEP = const(65)
LIFT_OFFS = const(66)
_PHASE_LIMIT = const(67)
_NET_SAMPLES = const(68)
_NET_LIMIT = const(69)
_WRAPPED = const(70)
_WRAPPED_BEFORE = const(71)
_HISTORY = const(72)
_HISTORY_AT = const(73)
_HISTORY_LEFT = const(74)
HALVES = const(75)
STEP_I = const(76)
STEP_V = const(77)
LATE_I = const(78)
LATE_V = const(79)
_LAST_I = const(80)
_LAST_V = const(81)
_AUX = const(82)
_AUX_RESULT = const(83)
_NET_BEGUN = const(84)
_NET_SAMPLES_MIN = const(85)
_SKIP = const(86)
_STEP_DUE = const(87)
_WATCHED = const(88)
_LENGTH = const(89)

# core.meter.SNAPSHOT_FIELDS without the last one, the clock.
_SNAPSHOT = bytes((
    TICKS, SAMPLES, MISSED, LATE, WORST_LATE, SUM_NET, SUM_ABS, ACTIVE, PEAK_CURRENT, PEAK_VOLTAGE,
    LAST_PHASE, PHASES, FULL_PHASES, ENVELOPE, TRIP, TRIP_READING, DONE, _LEFT, INSIDE, SENSING, GOOD, LIFT_OFFS,
    HALVES, STEP_I, STEP_V, LATE_I, LATE_V,
))  # fmt: skip

# Registers: RP2040 data sheet 4.3.17 (I2C), 4.9.6 (ADC), 4.6.5 (timer), 2.3.1.7 (SIO).
_I2C_BASE = (0x40044000, 0x40048000)
_ADC_BASE = 0x4004C000
_TIMER_BASE = 0x40054000
_INTERP0_BASE0 = 0xD0000088
_SCRATCH1 = 0x40058010  # of the watchdog, data sheet 4.7.6
_I2C_CLR_INTR = 0x40
_ADC_CS = 0x00
_ADC_RUN = const(0xB)  # EN | TS_EN | START_MANY, channel 0
_ADC_RUN_VOLTAGE = const(0x100B)  # the same on channel 1
_ADC_REST = 0x3  # EN | TS_EN: single conversions, as machine.ADC does them
_DEADMAN_MS = 100  # ours: main loop silence after which the interrupt opens the gate
_WATCH_MS = 5  # ours: a sample interrupt that stops is off after 10 ms at most
_WATCH_TRIES = 1000  # ours: several sample periods
_BLOCKED_MAX = const(3)  # ours: samples in a row that the bus did not take; one or two are counted skips
_OPEN_MAX = const(4)  # ours: five samples in a row without current are a lift-off, 0.5 ms at 10 kS/s
_FOLLOW_SENSING = const(22)  # ours: sense counts (12 uA) beyond the command while the output looks for contact
_COMMANDED = const(12)  # ours: sense counts (6 uA) of a command large enough to tell whether current follows
_NO_CURRENT = const(3)  # ours: sense counts, 1.6 uA: noise and offset of the sense amplifier
_CONTACT = const(11)  # ours: sense counts (6 uA of the 8) that count as contact
_SENSE_HALF = const(50)  # ours: samples per half wave of contact sensing, 100 Hz at 10 kS/s
_SENSE_CYCLE = const(100)
_HISTORY_LENGTH = 64
_HISTORY_AFTER = 8  # ours: of the 64 samples kept with a fault, those after it
_ZERO_COUNTS_MAX = 40  # as in hw/checks.py: beyond it the sense amplifier is broken
_ASTRAY_MAX = const(1)  # ours: samples in a row; one alone may be a late interrupt that measured the sample before


@micropython.viper
def _tick(_timer):
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    i2c = ptr32(s[_I2C])
    code = s[NEXT]
    was = s[SENT]
    s[INSIDE] = 1
    # Output. The transmit FIFO still holding bytes means the bus is late: the sample is dropped whole, never torn.
    if i2c[29] == 0:  # IC_TXFLR
        i2c[4] = code >> 8  # IC_DATA_CMD: power-down bits clear, upper four bits
        i2c[4] = (code & 0xFF) | 0x200  # lower eight bits, STOP
        s[SENT] = code
        s[_BLOCKED] = 0
    else:
        s[MISSED] += 1
        s[_BLOCKED] += 1
    # Supervise. The ADC runs freely on the current sense; its newest result belongs to the sample sent last time.
    adc = ptr32(s[_ADC])
    d = (adc[1] & 0xFFF) - s[_ZERO_SENSE]
    a = d
    if a < 0:
        a = -a
    c = was - 2048
    # The current may fall short of the command (compliance, lift-off); it must not exceed or oppose it.
    e = (c * s[_SENSE_OF_CODE]) >> 12
    x = d
    if e < 0:
        e = 0 - e
        x = 0 - x
    p = s[_FOLLOW]
    if s[SENSING]:
        p = _FOLLOW_SENSING
    astray = 0
    if x - e > p:
        astray = s[_ASTRAY] + 1
    if x + p < 0:
        astray = s[_ASTRAY] + 1
    s[_ASTRAY] = astray
    trip = 0
    # Charge ledger: the phase that runs, and the net of whole cycles at full amplitude.
    sign = 0
    if c > 0:
        sign = 1
    if c < 0:
        sign = -1
    p = d
    if sign == s[_PHASE_SIGN]:
        p = s[_PHASE_SUM] + d
    q = p
    if q < 0:
        q = -q
    if q > s[_PHASE_LIMIT]:
        trip = 22  # faults.CHARGE_LIMIT
    net = s[_NET] + d
    count = s[_NET_SAMPLES] + 1
    if s[_WRAPPED_BEFORE]:
        if s[_NET_BEGUN] == 0:
            s[_NET_BEGUN] = 1
            net = 0
            count = 0
        elif count >= s[_NET_SAMPLES_MIN]:
            q = net
            if q < 0:
                q = -q
            if q > (count * s[_NET_LIMIT]) >> 4:
                trip = 21  # faults.DC_IMBALANCE
            net = 0
            count = 0
    s[_NET] = net
    s[_NET_SAMPLES] = count
    if astray > _ASTRAY_MAX:
        trip = 4  # faults.OUTPUT_ASTRAY
    if a > s[_WINDOW]:
        trip = 1  # faults.OVER_CURRENT
    if s[_BLOCKED] > _BLOCKED_MAX:
        trip = 15  # faults.BUS_HUNG
    if i2c[13] & 0x40:  # IC_RAW_INTR_STAT: TX_ABRT
        trip = 2  # faults.DAC_NO_ACK
    sio = ptr32(-0x30000000)
    q = sio[1] & s[_STOP_MASK]  # GPIO_IN
    if q:
        trip = 9  # faults.ESTOP
        if q & s[_TRIPPED_MASK]:
            trip = 27  # faults.COMPARATOR
    dead = s[DEADMAN] - 1
    s[DEADMAN] = dead
    if dead < 0:
        trip = 7  # faults.SUPERVISOR_LATE
    if trip:
        sio[6] = s[_GATE_MASK]  # GPIO_OUT_CLR: the gate opens here
        s[RUN] = 0
        if s[TRIP] == 0:
            s[TRIP] = trip
            s[TRIP_READING] = d
    # The other channel is read at the end, at least 4 us from here: a conversion under way, and one of its own.
    # With RUN = 0 the way there is shorter than that, so supply and temperature wait for RUN.
    adc[0] = _ADC_RUN_VOLTAGE
    aux = 0
    if s[RUN]:
        aux = s[_AUX]
        if aux:
            adc[0] = aux
    # The last samples, for whoever has to understand a fault; they stand still a little after it.
    if s[_HISTORY_LEFT]:
        history = ptr32(s[_HISTORY])
        k = s[_HISTORY_AT]
        history[k] = (was << 12) | (d + s[_ZERO_SENSE])
        s[_HISTORY_AT] = (k + 1) & 63
        if s[TRIP]:
            s[_HISTORY_LEFT] -= 1
    # Contact: no current in spite of a command is a lift-off. The next sample is at sensing level already.
    if s[RUN]:
        if e >= _COMMANDED:
            if s[SENSING]:
                s[GOOD] += 1
                if a < _CONTACT:
                    s[GOOD] = 0
            else:
                k = 0
                if a <= _NO_CURRENT + (e >> 4):
                    k = s[_OPEN_RUN] + 1
                s[_OPEN_RUN] = k
                if k > _OPEN_MAX:
                    s[SENSING] = 1
                    s[GOOD] = 0
                    s[LIFT_OFFS] += 1
                    s[ENVELOPE] = 0
                    s[_SENSE_K] = 0
    # Account for the sample that was on the output until now.
    if sign != s[_PHASE_SIGN]:
        if s[_PHASE_SIGN]:
            s[HALVES] += 1
            s[LATE_I] = s[_LAST_I]
            s[LATE_V] = s[_LAST_V]
            s[_STEP_DUE] = 1
            if s[SENSING]:
                s[_SKIP] = 1
            elif s[_SKIP]:
                s[_SKIP] = 0  # the tail of contact sensing is no phase of the treatment
            else:
                k = s[_PHASE_SUM]
                q = s[_PHASE_COMMAND]
                s[LAST_PHASE] = k
                s[PHASES] += 1
                if k < 0:
                    k = -k
                if q < 0:
                    q = -q
                if k * s[_FULL_SENSE] >= q * s[_FULL_COMMAND]:
                    s[FULL_PHASES] += 1
        s[_PHASE_SIGN] = sign
        s[_PHASE_COMMAND] = 0
    s[_PHASE_SUM] = p
    s[_PHASE_COMMAND] += c
    s[SUM_NET] += d
    if a > s[PEAK_CURRENT]:
        s[PEAK_CURRENT] = a
    # Timing of this interrupt against its grid.
    now = ptr32(s[_TIMER])[10]  # TIMERAWL
    if s[TICKS] == 0:
        s[_DUE] = now
    late = now - s[_DUE]
    s[_DUE] += s[_PERIOD]
    if late > s[WORST_LATE]:
        s[WORST_LATE] = late
    if late + late > s[_PERIOD]:
        s[LATE] += 1
    s[TICKS] += 1
    # Compute the next code. A cycle's last sample is sent in the next interrupt and measured in the one after.
    s[_WRAPPED_BEFORE] = s[_WRAPPED]
    wrapped = 0
    code = 2048
    if s[RUN]:
        s[SAMPLES] += 1
        if s[SENSING]:
            k = s[_SENSE_K] + 1
            if k >= _SENSE_CYCLE:
                k = 0
            s[_SENSE_K] = k
            code = 2048 + s[_SENSE_STEP]
            if k >= _SENSE_HALF:
                code = 2048 - s[_SENSE_STEP]
        else:
            left = s[_LEFT] - 1
            s[_LEFT] = left
            if left == 0:
                s[ENVELOPE_STEP] = 0 - s[_DOWN_STEP]
            e = s[ENVELOPE] + s[ENVELOPE_STEP]
            if e >> 28:
                if e < 0:
                    e = 0
                    s[RUN] = 0
                    s[DONE] = 4
                else:
                    e = 0x10000000
            s[ENVELOPE] = e
            if s[_USE_TABLE]:
                ph = s[_PHASE]
                u = ptr16(s[_TABLE])[(ph >> 24) & 0xFF]
                if u > 32767:
                    u -= 65536
                nx = ph + s[_PHASE_STEP]
                s[_PHASE] = nx
                if ph < 0:
                    if nx >= 0:
                        wrapped = 1
            else:
                k = s[_K]
                u = 0
                if k < s[_POSITIVE_END]:
                    u = 2048
                elif k >= s[_GAP_END]:
                    if k < s[_NEGATIVE_END]:
                        u = s[_NEGATIVE_UNIT]
                k += 1
                if k >= s[_N_THIS]:
                    k = 0
                    f = s[_FRACTION] + s[_FRACTION_STEP]
                    s[_FRACTION] = f & 0x3FFFFFFF
                    s[_N_THIS] = s[_N_BASE] + (f >> 30)
                    wrapped = 1
                s[_K] = k
            m = u * ((s[_GAIN] * (e >> 16)) >> 12)
            if m < 0:
                code = 2048 - ((16384 - m) >> 15)
            else:
                code = 2048 + ((m + 16384) >> 15)
            if code < 0:
                code = 0
            if code > 4095:
                code = 4095
            if wrapped:
                if s[_ALTERNATE_CYCLES]:
                    s[_ALTERNATE_LEFT] -= 1
                    if s[_ALTERNATE_LEFT] == 0:
                        s[_ALTERNATE_LEFT] = s[_ALTERNATE_CYCLES]
                        s[_GAIN] = 0 - s[_GAIN]
            if e != 0x10000000:
                s[_NET_BEGUN] = 0  # cycles of a ramp do not balance: the net ledger begins with the first full one
    elif s[DONE] > 1:
        # The ramp has ended: the zero code is out for three samples before the gate opens.
        s[DONE] -= 1
        if s[DONE] == 1:
            sio[6] = s[_GATE_MASK]
    s[NEXT] = code
    s[_WRAPPED] = wrapped
    # The output voltage was converted meanwhile; back to the current sense.
    v = adc[1] & 0xFFF
    adc[0] = _ADC_RUN
    if aux:
        s[_AUX_RESULT] = v
        s[_AUX] = 0
    else:
        v -= 2048
        s[_LAST_V] = v
        s[_LAST_I] = d
        if s[_STEP_DUE]:
            # From one phase to the next the skin's capacity keeps its voltage: this step is the series resistance's.
            s[STEP_I] = d - s[LATE_I]
            s[STEP_V] = v - s[LATE_V]
        if v < 0:
            v = -v
        if v > s[PEAK_VOLTAGE]:
            s[PEAK_VOLTAGE] = v
        if c:
            if s[SENSING] == 0:
                s[SUM_ABS] += a
                s[ACTIVE] += 1
    s[_STEP_DUE] = 0
    s[INSIDE] = 0


@micropython.viper
def _watch(_timer):
    """Second interrupt, every 5 ms: the first one must have come since. It does not trust main loop or sample timer."""
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    if s[TICKS] == s[_WATCHED]:
        sio = ptr32(-0x30000000)
        sio[6] = s[_GATE_MASK]
        s[RUN] = 0
        if s[TRIP] == 0:
            s[TRIP] = 6  # faults.SAMPLE_INTERRUPT_STOPPED
            if s[INSIDE]:
                s[TRIP] = 28  # faults.SAMPLE_INTERRUPT_RAISED
    s[_WATCHED] = s[TICKS]


@micropython.viper
def _gather(source, indexes, target, count: int):
    words = ptr32(source)
    index = ptr8(indexes)
    into = ptr32(target)
    for at in range(count):
        into[at] = words[index[at]]
    into[count] = ptr32(words[_TIMER])[10] & 0x1FFFFFFF  # TIMERAWL, in meter.CLOCK_MASK


class Engine:
    """Owns the sample timer, the ADC and the gate pin. Main loop only; `_tick` alone is interrupt code.

    board: a boards/*/board module; dac: hw.dac.Dac. All waveform numbers come in as a core.waveplan.Plan.
    """

    def __init__(self, board, dac):
        self._board = board
        self._dac = dac
        self._gate = Pin(board.GATE_PIN, Pin.OUT, value=0)
        self._dummy = Pin(board.DUMMY_PIN, Pin.OUT, value=0)
        Pin(board.TRIPPED_PIN, Pin.IN)
        self._state = array("i", (0 for _ in range(_LENGTH)))
        self._taken = array("i", (0 for _ in range(len(_SNAPSHOT) + 1)))
        self._history = array("i", (0 for _ in range(_HISTORY_LENGTH)))
        self._sense = ADC(Pin(board.SENSE_PIN))
        self._voltage = ADC(Pin(board.VOLTAGE_PIN))
        self._supply = ADC(Pin(board.SUPPLY_PIN))
        self._temperature = ADC(board.TEMPERATURE_CHANNEL)
        self._aux_is_supply = False
        self._supply_mv = self._temperature_c = 0
        self._timer = Timer(-1)
        self._watch_timer = Timer(-1)
        self._plan = None
        self.armed = False
        machine.mem32[_INTERP0_BASE0] = uctypes.addressof(self._state)

    @property
    def gate_closed(self):
        """1 while the output gate conducts."""
        return self._gate.value()

    def open_gate(self):
        """Off, first half: no current can flow from here on. Callable in any state."""
        self._gate.value(0)

    def arm(self, plan, amplitude_ua, left=0):
        """Start the interrupt with the zero code and the gate open. left: samples before the ramp down, 0 = all.

        Returns faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back, or the
        interrupt does not start. Allocates.
        """
        try:
            self.disarm()
            if not self._dac.follows((self._board.ZERO_CODE + 1, self._board.ZERO_CODE)):
                return faults.DAC_READBACK
        except OSError:
            return faults.DAC_NO_ACK
        self._load(plan, amplitude_ua, left)
        machine.mem32[_I2C_BASE[self._board.I2C_ID] + _I2C_CLR_INTR]
        machine.mem32[_ADC_BASE + _ADC_CS] = _ADC_RUN
        self.feed()
        self._timer.init(mode=Timer.PERIODIC, freq=self._board.SAMPLE_HZ, hard=True, callback=_tick)
        self._start_watch()
        self.armed = True
        return faults.NONE

    def _start_watch(self):
        """Between two sample interrupts, so that neither delays the other: both run from the same microsecond clock."""
        state = self._state
        before, tries = state[TICKS], 0
        while state[TICKS] == before and tries < _WATCH_TRIES:
            tries += 1
        state[_WATCHED] = state[TICKS] - 1
        self._watch_timer.init(mode=Timer.PERIODIC, period=_WATCH_MS, hard=True, callback=_watch)

    def _load(self, plan, amplitude_ua, left):
        state = self._state
        self._plan = plan  # keeps the table alive: the interrupt knows only its address
        for index in range(_LENGTH):
            state[index] = 0
        self._load_hardware(state)
        self._load_limits(state, plan, amplitude_ua)
        state[ENVELOPE_STEP] = state[_DOWN_STEP] = plan.ramp_step
        state[_GAIN] = plan.gain
        state[_USE_TABLE] = plan.use_table
        state[_PHASE_STEP] = _signed(plan.phase_step)
        state[_TABLE] = uctypes.addressof(plan.table)
        state[_N_THIS] = state[_N_BASE] = plan.cycle_samples
        state[_FRACTION_STEP] = plan.cycle_fraction
        state[_POSITIVE_END] = plan.positive_end
        state[_GAP_END] = plan.gap_end
        state[_NEGATIVE_END] = plan.negative_end
        state[_NEGATIVE_UNIT] = plan.negative_unit
        state[_LEFT] = left or max(1, plan.total_samples - plan.ramp_samples)
        state[_ALTERNATE_LEFT] = state[_ALTERNATE_CYCLES] = plan.alternate_cycles

    def _load_hardware(self, state):
        board = self._board
        state[_I2C] = _I2C_BASE[board.I2C_ID]
        state[_ADC] = _ADC_BASE
        state[_TIMER] = _TIMER_BASE
        state[_GATE_MASK] = 1 << board.GATE_PIN
        state[_TRIPPED_MASK] = 1 << board.TRIPPED_PIN
        state[_STOP_MASK] = 1 << board.ESTOP_PIN | state[_TRIPPED_MASK]
        state[NEXT] = state[SENT] = board.ZERO_CODE
        state[_ZERO_SENSE] = units.ADC_STEPS // 2
        state[_PERIOD] = 1000000 // board.SAMPLE_HZ
        state[_SENSE_STEP] = board.CONTACT_UA * (units.DAC_STEPS // 2) // board.FULL_SCALE_UA
        state[_HISTORY] = uctypes.addressof(self._history)
        state[_HISTORY_LEFT] = _HISTORY_AFTER

    def _load_limits(self, state, plan, amplitude_ua):
        board = self._board
        state[_WINDOW] = min(self._counts(amplitude_ua + board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        full_counts = self._counts(board.FULL_SCALE_UA)
        state[_SENSE_OF_CODE] = (full_counts << 12) // (units.DAC_STEPS // 2)
        state[_FOLLOW] = self._counts(board.FOLLOW_UA)
        # A phase is "full" at 90 % of its commanded charge: compared as counts * a >= codes * b, in small integers.
        # The factors stay small: five seconds of full scale times eleven is still below 2**31.
        state[_FULL_SENSE] = (
            board.ADC_REFERENCE_MV * 5000 // (board.SENSE_UV_PER_UA * board.FULL_SCALE_UA // 1000) // 1000
        )
        state[_FULL_COMMAND] = 9
        state[_PHASE_LIMIT] = plan.phase_samples * self._counts(amplitude_ua) * 5 // 4 + 4 * state[_FOLLOW]
        state[_NET_SAMPLES_MIN] = board.SAMPLE_HZ
        state[_NET_LIMIT] = self._counts(16 * limits.NET_DC_UA) if plan.balanced else 0x3FFF

    def _counts(self, current_ua):
        return units.counts_of_ua(current_ua, self._board.ADC_REFERENCE_MV, self._board.SENSE_UV_PER_UA)

    def run(self):
        """Close the gate at contact-sensing level. Only core/session.py calls this, after core/gate.py permitted it.

        What the sense amplifier showed meanwhile, with the gate open, is its zero. Returns faults.NONE, OUTPUT_ASTRAY
        when that is no zero, or what the interrupt has tripped on; then the gate stays open.
        """
        state = self._state
        samples = max(1, state[_NET_SAMPLES])
        zero = units.rounded_div(state[_NET], samples)
        if abs(zero) > _ZERO_COUNTS_MAX:
            return faults.OUTPUT_ASTRAY
        state[_ZERO_SENSE] += zero
        state[SENSING] = 1
        if not state[TRIP]:
            self._gate.value(1)
            state[RUN] = 1
        if state[TRIP]:  # before, or in between: the interrupt must find nothing closed behind it
            self._gate.value(0)
            state[RUN] = 0
        return state[TRIP]

    def note_state(self, state):
        """Leave the session's state where it survives a reset: the next boot, and a bench, read it there."""
        machine.mem32[_SCRATCH1] = state

    def ramp_up(self):
        """Contact is stable: from zero to the full amplitude, at the beginning of a cycle."""
        state = self._state
        state[ENVELOPE] = state[_PHASE] = state[_K] = state[_FRACTION] = state[_OPEN_RUN] = state[_NET_BEGUN] = 0
        state[_N_THIS] = state[_N_BASE]
        state[ENVELOPE_STEP] = state[_DOWN_STEP]
        state[SENSING] = 0  # last: up to here the interrupt plays the sensing level

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the interrupt opens the gate at its end."""
        self._state[ENVELOPE_STEP] = -self._state[_DOWN_STEP]

    def disarm(self):
        """Gate open, interrupt off, DAC at the zero code. Raises OSError when the DAC does not answer."""
        self._gate.value(0)
        self._timer.deinit()
        self._watch_timer.deinit()
        machine.mem32[_ADC_BASE + _ADC_CS] = _ADC_REST
        self.armed = False
        self._dac.write(self._board.ZERO_CODE)
        self._dummy.value(0)  # last: while the DAC is not at zero, a stuck gate must not reach the electrodes

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the interrupt opens the gate."""
        self._state[DEADMAN] = self._board.SAMPLE_HZ * _DEADMAN_MS // 1000

    def snapshot(self):
        """The counters in the order of core.meter.SNAPSHOT_FIELDS, taken at one instant; peaks start anew.

        Always the same array, filled anew: nothing is allocated.
        """
        state, taken = self._state, self._taken
        _gather(state, _SNAPSHOT, taken, len(_SNAPSHOT))
        state[PEAK_CURRENT] = 0
        state[PEAK_VOLTAGE] = 0
        return taken

    def history(self):
        """The last 64 samples, oldest first, as hex: three digits of DAC code and three of ADC count each.

        No further ones are kept until the engine is armed again: the interrupt must not overtake the reader.
        """
        self._state[_HISTORY_LEFT] = 0
        at, kept = self._state[_HISTORY_AT], self._history
        return "".join("%06x" % kept[(at + index) % _HISTORY_LENGTH] for index in range(_HISTORY_LENGTH))

    # What is proven with the gate closed, into the internal dummy load only -----------------------------------------

    def select_dummy(self, on):
        """Put the output on the dummy load (1) or on the electrodes (0); the gate opens first. Not while armed."""
        self._gate.value(0)
        self._dummy.value(on)

    def inject(self, code):
        """Drive the dummy load with a DAC code. Raises RuntimeError unless it is selected, OSError without the DAC."""
        if not self._dummy.value() or self.armed:
            raise RuntimeError("injection is for the dummy load only")
        self._dac.write(code)
        self._gate.value(1)

    # Readings of the main loop --------------------------------------------------------------------------------------

    def read_sense(self):
        """(current sense, output voltage) in ADC counts, mean of 16, only while not armed."""
        current = sum(self._sense.read_u16() >> 4 for _ in range(16))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(16))
        return current // 16, voltage // 16

    def housekeeping(self):
        """(supply_mv, temperature_c): the newest readings; each call takes another one, in the interrupt if it runs."""
        state = self._state
        if not self.armed:
            self._take_supply(self._supply.read_u16() >> 4)
            self._take_temperature(self._temperature.read_u16() >> 4)
        elif not state[_AUX]:
            if state[_AUX_RESULT]:
                (self._take_supply if self._aux_is_supply else self._take_temperature)(state[_AUX_RESULT])
            self._aux_is_supply = not self._aux_is_supply
            channel = self._board.SUPPLY_PIN - 26 if self._aux_is_supply else self._board.TEMPERATURE_CHANNEL
            state[_AUX] = _ADC_RUN | channel << 12
        return self._supply_mv, self._temperature_c

    def _take_supply(self, counts):
        board = self._board
        self._supply_mv = units.rounded_div(counts * board.ADC_REFERENCE_MV * board.SUPPLY_DIVIDER, units.ADC_STEPS)

    def _take_temperature(self, counts):
        """RP2040 data sheet 4.9.5: 27 degrees at 706 mV, 1.721 mV less per degree."""
        above_mv = units.rounded_div(counts * self._board.ADC_REFERENCE_MV, units.ADC_STEPS) - 706
        self._temperature_c = 27 - units.rounded_div(above_mv * 1000, 1721)


def _signed(value):
    """A 32-bit pattern as the signed number array('i') stores."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


# The numbers that stand in _tick, where a name would cost a look-up.
assert (faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.OUTPUT_ASTRAY) == (1, 2, 4)
assert (faults.SUPERVISOR_LATE, faults.ESTOP, faults.BUS_HUNG) == (7, 9, 15)
assert (faults.SAMPLE_INTERRUPT_STOPPED, faults.SAMPLE_INTERRUPT_RAISED) == (6, 28)
assert (faults.DC_IMBALANCE, faults.CHARGE_LIMIT, faults.COMPARATOR) == (21, 22, 27)
assert waveplan.ENVELOPE_ONE == 0x10000000 and waveplan.UNIT == 2048
