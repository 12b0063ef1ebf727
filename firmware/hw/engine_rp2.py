"""The sample engine of the RP2040: a hard timer interrupt that writes one DAC sample and supervises the output.

Each sample is a transaction of its own, START to STOP, where the sample period leaves time for that: the bus is free
and in step again with every sample. Shorter periods keep one transaction open, two bytes per sample.

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
from ..shared import faults, limits, shapes, units

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
_WIDTH = const(22)
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
_SLOPE = const(60)
_MIRROR = const(61)
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
_LAST_BYTE = const(89)
_BLOCKED_MAX = const(90)
_OPEN_MAX = const(91)
_SENSE_HALF = const(92)
_TABLE_SHIFT = const(93)
_TABLE_MASK = const(94)
_PAYS = const(95)
_OWED = const(96)
_DEBT = const(97)
_BURST_CYCLES = const(98)
_BURST_LEFT = const(99)
_REST = const(100)
_REST_SPAN = const(101)
_RESTING = const(102)
_CHANCE = const(103)
_CHANGED = const(104)
_CHANGE_AT = const(105)
_NEW = const(106)
_SECOND_STEP = const(123)
_SECOND = const(124)
_PEAK_C = const(125)
_PEAK_I = const(126)
_PEAK_V = const(127)
_END_I = const(128)
_END_V = const(129)
_PEAK_A = const(130)
_LENGTH = const(131)

# What a plan sets, in the order of _words_of(). A change is laid down from _NEW on in the same order.
_PLAN_WORDS = bytes((
    _GAIN, _USE_TABLE, _PHASE_STEP, _TABLE, _TABLE_SHIFT, _TABLE_MASK, _N_BASE, _FRACTION_STEP, _WIDTH, _GAP_END,
    _SLOPE, _PAYS, _BURST_CYCLES, _REST, _REST_SPAN, _ALTERNATE_CYCLES, _SECOND_STEP,
))  # fmt: skip

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
_IC_FS_SCL_HCNT, _IC_FS_SCL_LCNT, _IC_FS_SPKLEN, _IC_DATA_CMD = 0x1C, 0x20, 0xA0, 0x10
_IC_STATUS, _IC_TXFLR = 0x70, 0x74
_STATUS_ACTIVE = 0x20  # MST_ACTIVITY
_STOP = 0x200  # IC_DATA_CMD
_ADC_CS = 0x00
_ADC_RUN = const(0xB)  # EN | TS_EN | START_MANY, channel 0
_ADC_RUN_VOLTAGE = const(0x100B)  # the same on channel 1
_ADC_REST = 0x3  # EN | TS_EN: single conversions, as machine.ADC does them
# Bits of one sample on the bus: two bytes of a transaction that stays open; with START, address and STOP.
_HELD_BITS = 18
_CLOSED_BITS = 29
_SCL_EXTRA_CYCLES = 8  # of every SCL period, beside the counts: RP2040 data sheet 4.3.14.1
# Quarters: 25 % for slow edges and a fast clock. Ours: traces of real buses show up to 7 % with pull-ups of 2.2 k.
_MARGIN = 5
_CLOSE_TRIES = 200  # ours: longer than what is left of a transaction
_DEADMAN_MS = 100  # ours: main loop silence after which the interrupt opens the gate
_WATCH_MS = 5  # ours: a sample interrupt that stops is off after 10 ms at most
_WATCH_TRIES = 1000  # ours: several sample periods
_BLOCKED_US = 400  # ours: so long, and four samples, the bus has taken none; fewer are counted skips
_OPEN_US = 500  # ours: so long without current is a lift-off, three samples at least
_FOLLOW_SENSING = const(22)  # ours: sense counts (12 uA) beyond the command while the output looks for contact
_COMMANDED = const(12)  # ours: sense counts (6 uA) of a command large enough to tell whether current follows
_NO_CURRENT = const(3)  # ours: sense counts, 1.6 uA: noise and offset of the sense amplifier
_CONTACT = const(11)  # ours: sense counts (6 uA of the 8) that count as contact
_SENSE_HALF_US = 5000  # ours: half wave of contact sensing, 100 Hz
_CHANCE_BEGIN = 0xACE1  # any number but 0: the same sequence of rests in every session
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
        i2c[4] = (code & 0xFF) | s[_LAST_BYTE]  # lower eight bits; STOP, or the transaction stays open
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
    if s[_BLOCKED] > s[_BLOCKED_MAX]:
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
                if k > s[_OPEN_MAX]:
                    s[SENSING] = 1
                    s[GOOD] = 0
                    s[LIFT_OFFS] += 1
                    s[ENVELOPE] = 0
                    s[_SENSE_K] = 0
    # Account for the sample that was on the output until now.
    if sign != s[_PHASE_SIGN]:
        if s[_PHASE_SIGN]:
            s[HALVES] += 1
            s[LATE_I] = s[_PEAK_I]
            s[LATE_V] = s[_PEAK_V]
            s[_END_I] = s[_LAST_I]
            s[_END_V] = s[_LAST_V]
            s[_PEAK_C] = 0
            s[_PEAK_A] = 0
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
            q = s[_SENSE_HALF]
            if k >= q + q:
                k = 0
            s[_SENSE_K] = k
            code = 2048 + s[_SENSE_STEP]
            if k >= q:
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
            u = 0
            k = s[_RESTING]
            if k:
                s[_RESTING] = k - 1
            elif s[_USE_TABLE]:
                ph = s[_PHASE]
                table = ptr16(s[_TABLE])
                k = (ph >> s[_TABLE_SHIFT]) & s[_TABLE_MASK]
                u = table[k]
                u += ((table[k + 1] - u) * ((ph >> (s[_TABLE_SHIFT] - 8)) & 0xFF) + 128) >> 8
                q = s[_SECOND_STEP]
                if q:
                    p = s[_SECOND]
                    s[_SECOND] = p + q
                    k = (p >> s[_TABLE_SHIFT]) & s[_TABLE_MASK]
                    x = table[k]
                    x += (((table[k + 1] - x) * ((p >> (s[_TABLE_SHIFT] - 8)) & 0xFF)) + 128) >> 8
                    u = (u + x) >> 1
                u -= 32768
                nx = ph + s[_PHASE_STEP]
                s[_PHASE] = nx
                if ph < 0:
                    if nx >= 0:
                        wrapped = 1
            else:
                k = s[_K]
                p = k
                if k >= s[_GAP_END]:
                    p = k - s[_GAP_END]
                q = s[_WIDTH]
                if p < q:
                    u = 16384
                    x = s[_SLOPE]
                    if x:
                        q = (q - p) * x
                        if q < u:
                            u = q
                        q = (p + 1) * x
                        if q < u:
                            u = q
                    if p != k:
                        u = u * s[_MIRROR]
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
                code = 2048 - ((131072 - m) >> 18)
            else:
                code = 2048 + ((m + 131072) >> 18)
            if s[_PAYS]:
                # What rounding left of the cycle before is paid back, a step at a time, by samples near the middle of
                # two codes: they take the other one.
                k = ((code - 2048) << 18) - m
                q = s[_DEBT]
                if q > 0:
                    if k > 98304:
                        code -= 1
                        k -= 262144
                        s[_DEBT] = q - 1
                elif q < 0:
                    if k + 98304 < 0:
                        code += 1
                        k += 262144
                        s[_DEBT] = q + 1
                k += s[_OWED]
                s[_OWED] = k
                if wrapped:
                    s[_DEBT] = (k + 131072) >> 18
            if code < 0:
                code = 0
            if code > 4095:
                code = 4095
            if wrapped:
                if s[_CHANGED]:
                    s[_CHANGED] = 0
                    s[_PHASE] = 0
                    x = s[_GAIN]
                    index = ptr8(s[_CHANGE_AT])
                    for k in range(17):
                        s[index[k]] = s[_NEW + k]
                    if x < 0:
                        s[_GAIN] = 0 - s[_GAIN]
                    s[_K] = 0
                    s[_FRACTION] = 0
                    s[_N_THIS] = s[_N_BASE]
                    if s[_BURST_LEFT] < 1:
                        s[_BURST_LEFT] = s[_BURST_CYCLES]
                if s[_BURST_CYCLES]:
                    s[_BURST_LEFT] -= 1
                    if s[_BURST_LEFT] == 0:
                        s[_BURST_LEFT] = s[_BURST_CYCLES]
                        k = s[_REST]
                        if s[_REST_SPAN]:
                            # 16-bit Galois register: 65535 different rests before they repeat
                            x = s[_CHANCE]
                            q = x & 1
                            x = x >> 1
                            if q:
                                x ^= 0xB400
                            s[_CHANCE] = x
                            k += ((x >> 1) * s[_REST_SPAN]) >> 15
                        s[_RESTING] = k
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
            s[STEP_I] = d - s[_END_I]
            s[STEP_V] = v - s[_END_V]
        # The phase's impedance: the current of its largest command, at last, and the largest voltage from there on.
        k = c
        if k < 0:
            k = 0 - k
        x = v
        if v < 0:
            v = -v
        if k >= s[_PEAK_C]:
            s[_PEAK_C] = k
            s[_PEAK_I] = d
            s[_PEAK_A] = 0
        if v >= s[_PEAK_A]:
            s[_PEAK_A] = v
            s[_PEAK_V] = x
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
        self._plans = ()  # what the interrupt plays, and what it takes up next: it knows only their tables' addresses
        self._settled = None  # limits of a change, from when on nothing of what was before is measured any more
        self._changed_phases = 0
        self._held = False  # whether the interrupt keeps one bus transaction open for all its samples
        self.armed = False
        machine.mem32[_INTERP0_BASE0] = uctypes.addressof(self._state)

    @property
    def periods_us(self):
        """The sample periods of the board, longest first, that its bus keeps up with."""
        shortest_us = self._bus_us(_HELD_BITS)
        return tuple(period_us for period_us in self._board.PERIODS_US if period_us >= shortest_us)

    def _bus_us(self, bits):
        """Time to give to `bits` on the bus at the SCL rate its registers ask for, with a margin for slow edges."""
        base = _I2C_BASE[self._board.I2C_ID]
        high, low, filtered = (machine.mem32[base + at] for at in (_IC_FS_SCL_HCNT, _IC_FS_SCL_LCNT, _IC_FS_SPKLEN))
        cycles = high + low + filtered + _SCL_EXTRA_CYCLES
        return -(-bits * cycles * 1000000 * _MARGIN // (4 * machine.freq()))

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
        if self._held and not self._send(self._board.ZERO_CODE, 0):
            return faults.BUS_HUNG
        machine.mem32[_ADC_BASE + _ADC_CS] = _ADC_RUN
        self.feed()
        self._timer.init(mode=Timer.PERIODIC, freq=1000000 // plan.period_us, hard=True, callback=_tick)
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

    def _send(self, code, last):
        """Send a code outside the interrupt, with `last` as flags of its last byte; False where the bus does not."""
        base = _I2C_BASE[self._board.I2C_ID]
        machine.mem32[base + _IC_DATA_CMD] = code >> 8
        machine.mem32[base + _IC_DATA_CMD] = code & 0xFF | last
        for _ in range(_CLOSE_TRIES):
            if not machine.mem32[base + _IC_TXFLR] and (
                not last or not machine.mem32[base + _IC_STATUS] & _STATUS_ACTIVE
            ):
                return True
        return False

    def _load(self, plan, amplitude_ua, left):
        state = self._state
        self._plans = (plan,)
        self._settled = None
        for index in range(_LENGTH):
            state[index] = 0
        self._load_hardware(state)
        self._load_period(state, plan.period_us)
        self._load_limits(state)
        self._limit(self._limits_of(plan, amplitude_ua))
        state[ENVELOPE_STEP] = state[_DOWN_STEP] = plan.ramp_step
        for index, value in zip(_PLAN_WORDS, _words_of(plan)):
            state[index] = value
        state[_CHANGE_AT] = uctypes.addressof(_PLAN_WORDS)
        state[_N_THIS] = plan.cycle_samples
        state[_MIRROR] = -plan.balanced
        state[_BURST_LEFT] = plan.burst_cycles
        state[_CHANCE] = _CHANCE_BEGIN
        state[_LEFT] = left or max(1, plan.total_samples - plan.ramp_samples)
        state[_ALTERNATE_LEFT] = plan.alternate_cycles

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
        state[_SENSE_STEP] = board.CONTACT_UA * (units.DAC_STEPS // 2) // board.FULL_SCALE_UA
        state[_HISTORY] = uctypes.addressof(self._history)
        state[_HISTORY_LEFT] = _HISTORY_AFTER

    def _load_period(self, state, period_us):
        self._held = period_us < self._bus_us(_CLOSED_BITS)
        state[_LAST_BYTE] = 0 if self._held else _STOP
        state[_PERIOD] = period_us
        state[_BLOCKED_MAX] = max(3, _BLOCKED_US // period_us - 1)
        state[_OPEN_MAX] = max(2, _OPEN_US // period_us - 1)
        state[_SENSE_HALF] = _SENSE_HALF_US // period_us
        state[_NET_SAMPLES_MIN] = 1000000 // period_us

    def _limits_of(self, plan, amplitude_ua):
        """(window, charge of a phase, net current): what the interrupt holds a plan's measured current against."""
        window = min(self._counts(amplitude_ua + self._board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        sensed = 2 * self._counts(self._board.CONTACT_UA) * _SENSE_HALF_US // plan.period_us
        phase = plan.phase_samples * self._counts(amplitude_ua) * 5 // 4 + 4 * self._state[_FOLLOW]
        phase = max(phase, sensed)  # a phase of contact sensing moves more than a short pulse
        return window, phase, self._counts(16 * limits.NET_DC_UA) if plan.balanced else 0x3FFF

    def _limit(self, found):
        state = self._state
        state[_WINDOW], state[_PHASE_LIMIT], state[_NET_LIMIT] = found

    def _load_limits(self, state):
        board = self._board
        full_counts = self._counts(board.FULL_SCALE_UA)
        state[_SENSE_OF_CODE] = (full_counts << 12) // (units.DAC_STEPS // 2)
        state[_FOLLOW] = self._counts(board.FOLLOW_UA)
        # A phase is "full" at 90 % of its commanded charge: compared as counts * a >= codes * b, in small integers.
        # The factors stay small: five seconds of full scale times eleven is still below 2**31.
        state[_FULL_SENSE] = (
            board.ADC_REFERENCE_MV * 5000 // (board.SENSE_UV_PER_UA * board.FULL_SCALE_UA // 1000) // 1000
        )
        state[_FULL_COMMAND] = 9

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
        state[_RESTING] = state[_OWED] = state[_DEBT] = state[_SECOND] = 0
        state[_BURST_LEFT] = state[_BURST_CYCLES]
        state[_N_THIS] = state[_N_BASE]
        state[ENVELOPE_STEP] = state[_DOWN_STEP]
        state[SENSING] = 0  # last: up to here the interrupt plays the sensing level

    def change(self, plan, amplitude_ua):
        """Go on with another plan of the same polarity and sample period, from the end of the cycle under way on.

        Up to then the wider of both plans' limits hold. A change that was not taken up yet is replaced. Allocates.
        """
        state = self._state
        state[_CHANGED] = 0  # from here on the interrupt takes up nothing
        playing = state[_TABLE]
        self._plans = tuple(kept for kept in self._plans if _address(kept) == playing) + (plan,)
        for index, value in enumerate(_words_of(plan)):
            state[_NEW + index] = value
        state[_NEW] = abs(plan.gain)  # the interrupt keeps the sign that it plays
        self._settled = self._limits_of(plan, amplitude_ua)
        now = (state[_WINDOW], state[_PHASE_LIMIT], state[_NET_LIMIT])
        self._limit([max(pair) for pair in zip(self._settled, now)])
        state[_CHANGED] = 1

    def _settle(self):
        """The limits of a change hold alone once two phases have been measured since it was taken up."""
        state = self._state
        if state[_CHANGED]:
            self._changed_phases = state[HALVES]
        elif state[HALVES] - self._changed_phases > 2:
            self._limit(self._settled)
            self._settled = None

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
        self._close_bus()
        self._dac.write(self._board.ZERO_CODE)
        self._dummy.value(0)  # last: while the DAC is not at zero, a stuck gate must not reach the electrodes

    def _close_bus(self):
        """End a transaction that the interrupt kept open. Where the bus does not, the next transfer tells."""
        if self._held:
            self._held = False
            self._send(self._board.ZERO_CODE, _STOP)

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the interrupt opens the gate."""
        self._state[DEADMAN] = _DEADMAN_MS * 1000 // self._state[_PERIOD]
        if self._settled:
            self._settle()

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


def _words_of(plan):
    """A plan's numbers in the order of _PLAN_WORDS."""
    return (
        plan.gain, plan.use_table, _signed(plan.phase_step), _address(plan), 32 - plan.table_bits,
        (1 << plan.table_bits) - 1, plan.cycle_samples, plan.cycle_fraction, plan.width, plan.gap_end, plan.slope,
        plan.use_table & plan.balanced, plan.burst_cycles, plan.rest_samples, plan.rest_span, plan.alternate_cycles,
        _signed(plan.second_step),
    )  # fmt: skip


def _address(plan):
    return uctypes.addressof(plan.table)


def _signed(value):
    """A 32-bit pattern as the signed number array('i') stores."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


# The numbers that stand in _tick, where a name would cost a look-up.
assert (faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.OUTPUT_ASTRAY) == (1, 2, 4)
assert (faults.SUPERVISOR_LATE, faults.ESTOP, faults.BUS_HUNG) == (7, 9, 15)
assert (faults.SAMPLE_INTERRUPT_STOPPED, faults.SAMPLE_INTERRUPT_RAISED) == (6, 28)
assert (faults.DC_IMBALANCE, faults.CHARGE_LIMIT, faults.COMPARATOR) == (21, 22, 27)
assert len(_PLAN_WORDS) == 17 == _SECOND_STEP - _NEW
assert waveplan.ENVELOPE_ONE == 0x10000000 and shapes.UNIT == 16384
