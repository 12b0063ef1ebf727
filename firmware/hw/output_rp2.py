"""One output of the RP2040's sample engine, and the interrupt that writes its samples and supervises what flows.

The interrupt is viper code without globals, calls or allocation. All state of an output is one array of 32-bit words;
the address of the first output's stands in a hardware register that MicroPython does not use (SIO interpolator 0,
BASE0), which costs one load where a global would cost a look-up; a second output's array follows by its address. Order
inside the interrupt: send the codes computed last time, supervise, account, compute the next codes. Output first keeps
the DAC's timing free of everything that follows.

A sample is a transaction of its own, START to STOP, where the sample period leaves time for that: the bus is free and
in step again with every sample. Shorter periods keep one transaction open, two bytes per sample.

Nothing here decides whether current may flow: that is core/gate.py, asked by core/session.py.
"""

from array import array

import machine
import micropython
import uctypes
from machine import ADC, Pin
from micropython import const

from ..core import waveplan
from ..shared import calibration, faults, limits, shapes, units

# Word indexes, the most used first: the interrupt reaches the first 32 with one instruction.
_DUE = const(0)
_SENSING = const(1)
_TICKS = const(2)
_PEAK_A = const(3)
_PHASE_SIGN = const(4)
_PHASE_COMMAND = const(5)
_STEP_DUE = const(6)
_I2C = const(7)
_NEXT = const(8)
_SENT = const(9)
_WINDOW = const(10)
_ZERO_SENSE = const(11)
_RUN = const(12)
_DEADMAN = const(13)
_ENVELOPE = const(14)
_NET = const(15)
_SAMPLES = const(16)
_LEFT = const(17)
_PERIOD = const(18)
_SUM_NET = const(19)
_BLOCKED = const(20)
_INSIDE = const(21)
_NET_SAMPLES = const(22)
_WRAPPED = const(23)
_WRAPPED_BEFORE = const(24)
_HISTORY_AT = const(25)
_BEGAN = const(26)
_SYSTICK = const(27)
_WAS = const(28)
_FOLLOWING = const(29)
_SPARSE = const(30)
_PHASE_SUM = const(31)
_SUM_ABS = const(32)
_ACTIVE = const(33)
_PEAK_C = const(34)
_LAST_I = const(35)
_LAST_V = const(36)
_ADC = const(37)
_TIMER = const(38)
_STOP_MASK = const(39)
_TRIP = const(40)
_ENVELOPE_STEP = const(41)
_GAIN = const(42)
_PHASE = const(43)
_K = const(44)
_PEAK_CURRENT = const(45)
_PEAK_VOLTAGE = const(46)
_WORST_LATE = const(47)
_SENSE_OF_CODE = const(48)
_FOLLOW = const(49)
_ASTRAY = const(50)
_USE_TABLE = const(51)
_PHASE_LIMIT = const(52)
_HISTORY = const(53)
_HISTORY_LEFT = const(54)
_AUX = const(55)
_LAST_BYTE = const(56)
_BLOCKED_MAX = const(57)
_TABLE_SHIFT = const(58)
_PAYS = const(59)
_OWED = const(60)
_RESTING = const(61)
_OTHER = const(62)
_MUXED = const(63)
_WORST_COST = const(64)
_VOLTAGE_SET = const(65)
_VOLTAGE_CLEAR = const(66)
_ADC_VOLTAGE = const(67)
_ADC_NEXT = const(68)
_TRIM = const(69)
_OPEN_RUN = const(70)
_OPEN_MAX = const(71)
_PEAK_V = const(72)
_PEAK_I = const(73)
_GAP_END = const(74)
_DEBT = const(75)
_N_THIS = const(76)
_PHASE_STEP = const(77)
_WIDTH = const(78)
_TABLE = const(79)
_SLOPE = const(80)
_TABLE_MASK = const(81)
_SECOND_STEP = const(82)
_MIRROR = const(83)
_PHASES = const(84)
_FULL_PHASES = const(85)
_HALVES = const(86)
_END_I = const(87)
_END_V = const(88)
_LAST_PHASE = const(89)
_FULL_SENSE = const(90)
_FULL_COMMAND = const(91)
_STEP_I = const(92)
_STEP_V = const(93)
_LATE_I = const(94)
_LATE_V = const(95)
_SKIP = const(96)
_NET_BEGUN = const(97)
_ALTERNATE_CYCLES = const(98)
_BURST_CYCLES = const(99)
_CHANGED = const(100)
_NET_SAMPLES_MIN = const(101)
_FRACTION = const(102)
_N_BASE = const(103)
_FRACTION_STEP = const(104)
_GATES = const(105)
_TRIP_READING = const(106)
_GOOD = const(107)
_MISSED = const(108)
_LATE = const(109)
_DONE = const(110)
_ALTERNATE_LEFT = const(111)
_DOWN_STEP = const(112)
_TRIPPED_MASK = const(113)
_SENSE_K = const(114)
_SENSE_STEP = const(115)
_LIFT_OFFS = const(116)
_NET_LIMIT = const(117)
_AUX_RESULT = const(118)
_WATCHED = const(119)
_SENSE_HALF = const(120)
_BURST_LEFT = const(121)
_REST = const(122)
_REST_SPAN = const(123)
_CHANCE = const(124)
_CHANGE_AT = const(125)
_SECOND = const(126)
_GATE_MASK = const(127)
_AUX_SET = const(128)
_AUX_CLEAR = const(129)
_GO = const(130)
_LOCKED = const(131)
_TRIM_OWED = const(132)
_LEDGER = const(133)
_LEDGER_SAMPLES = const(134)
_LEDGERS = const(135)
_BEFORE = const(136)
_SHIFT = const(137)
_LOW = const(138)
_HIGH = const(139)
_STEP = const(140)
_WATCH_LEFT = const(141)  # us from the second interrupt to the sample that followed it
_NEW = const(142)
_LENGTH = const(159)

# What a plan sets, in the order of _words_of(). A change is laid down from _NEW on in the same order.
_PLAN_WORDS = bytes((
    _GAIN, _USE_TABLE, _PHASE_STEP, _TABLE, _TABLE_SHIFT, _TABLE_MASK, _N_BASE, _FRACTION_STEP, _WIDTH, _GAP_END,
    _SLOPE, _PAYS, _BURST_CYCLES, _REST, _REST_SPAN, _ALTERNATE_CYCLES, _SECOND_STEP,
))  # fmt: skip

# core.meter.SNAPSHOT_FIELDS without the last one, the clock.
_SNAPSHOT = bytes((
    _TICKS, _SAMPLES, _MISSED, _LATE, _WORST_LATE, _SUM_NET, _SUM_ABS, _ACTIVE, _PEAK_CURRENT, _PEAK_VOLTAGE,
    _LAST_PHASE, _PHASES, _FULL_PHASES, _ENVELOPE, _TRIP, _TRIP_READING, _DONE, _LEFT, _INSIDE, _SENSING, _GOOD,
    _LIFT_OFFS, _HALVES, _STEP_I, _STEP_V, _LATE_I, _LATE_V, _WORST_COST,
))  # fmt: skip

# Registers: RP2040 data sheet 4.3.17 (I2C), 4.9.6 (ADC), 4.6.5 (timer), 2.3.1.7 (SIO); SysTick: ARMv6-M manual B3.3.
_I2C_BASE = (0x40044000, 0x40048000)
_ADC_BASE = const(0x4004C000)
_TIMER_BASE = const(0x40054000)
_SYSTICK_CVR = const(0xE000E018)
_I2C_CLR_INTR = const(0x40)
_IC_FS_SCL_HCNT = const(0x1C)
_IC_FS_SCL_LCNT = const(0x20)
_IC_FS_SPKLEN = const(0xA0)
_IC_DATA_CMD = const(0x10)
_IC_STATUS = const(0x70)
_IC_TXFLR = const(0x74)
_STATUS_ACTIVE = const(0x20)  # MST_ACTIVITY
_STOP = const(0x200)  # IC_DATA_CMD
ADC_RUN = 0xB  # EN | TS_EN | START_MANY; the channel from bit 12 on
ADC_CHANNEL_SHIFT = 12
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
NOT_WATCHED = 0x3FFFFFFF  # no time
_SPINS = const(4000)  # ours: longer than any sample period
_HISTORY_LENGTH = const(64)
_HISTORY_AFTER = const(8)  # ours: of the 64 samples kept with a fault, those after it
_ZERO_COUNTS_MAX = const(40)  # as in hw/checks.py: beyond it the sense amplifier is broken
_READINGS = const(16)  # ours: of which read_sense takes the mean
_FOLLOW_SENSING = const(22)  # ours: sense counts (12 uA) beyond the command while the output looks for contact
_IDLE = const(9)  # ours: sense counts, 4.8 uA, that a stage without calibration may show while none is asked for
_COMMANDED = const(12)  # ours: sense counts (6 uA) of a command large enough to tell whether current follows
_NO_CURRENT = const(3)  # ours: sense counts, 1.6 uA: noise and offset of the sense amplifier
_CONTACT = const(11)  # ours: sense counts (6 uA of the 8) that count as contact
_WAIT_US = const(3)  # ours: a busy USB delays an interrupt by 1.8 us
_ASTRAY_MAX = const(1)  # ours: samples in a row; one alone may be a late interrupt that measured the sample before


@micropython.viper
def tick(_timer):
    """One sample of every output that runs. Hard-ISR safe: allocates nothing."""
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    s[_INSIDE] = 1
    t = ptr32(s[_TIMER])
    now = t[10]  # TIMERAWL
    if s[_TICKS] == 0:
        s[_DUE] = now
    late = now - s[_DUE]
    # What makes an interrupt late takes less than this wait, nearly always: after it all of them are in step. It ends
    # whatever happens: "less than" is true for at most 6 us, and where the clock changes its sign, at once.
    if late < _WAIT_US:
        if late + _WAIT_US >= 0:
            now = s[_DUE] + _WAIT_US
            k = late  # two cycles: an interrupt on time leaves the loop in the middle of what its 14 cycles leave open
            while t[10] < now:
                pass
    s[_BEGAN] = ptr32(s[_SYSTICK])[0]
    while True:
        # Output. The transmit FIFO still holding bytes means the bus is late: the sample is dropped whole, never torn.
        i2c = ptr32(s[_I2C])
        code = s[_NEXT]
        x = code + s[_SHIFT]  # all codes here count from 2048; this unit's zero may be beside it
        s[_WAS] = s[_SENT]
        k = i2c[29]  # IC_TXFLR
        if s[_SPARSE]:
            if code == s[_SENT]:
                k = -1  # the bus takes single samples of this period, but not one after the other
        if k == 0:
            i2c[4] = x >> 8  # IC_DATA_CMD: power-down bits clear, upper four bits
            i2c[4] = (x & 0xFF) | s[_LAST_BYTE]  # lower eight bits; STOP, or the transaction stays open
            s[_SENT] = code
            s[_BLOCKED] = 0
        elif k > 0:
            s[_MISSED] += 1
            s[_BLOCKED] += 1
        # Timing of this interrupt against its grid.
        s[_DUE] += s[_PERIOD]
        if late > s[_WORST_LATE]:
            s[_WORST_LATE] = late
        if late + late > s[_PERIOD]:
            s[_LATE] += 1
        s[_TICKS] += 1
        if s[_FOLLOWING] == 0:
            break
        s = ptr32(s[_FOLLOWING])
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    while True:
        # Supervise. The ADC runs freely on the current sense; its newest result belongs to the sample sent last time.
        adc = ptr32(s[_ADC])
        sio = ptr32(-0x30000000)
        pins = sio[1]  # GPIO_IN; before anything opens the gate, for that clears the comparator's latch
        v = adc[1] & 0xFFF
        d = v + ((v + 511) >> 10) * s[_STEP] - s[_ZERO_SENSE]  # the ADC's steps: calibration.Scale.linear()
        a = d
        if a < 0:
            a = -a
        if a > s[_WINDOW]:
            sio[6] = s[_GATES]  # GPIO_OUT_CLR: no time to lose; why is told below
        # Next comes the output voltage, or instead of it one reading of supply or temperature.
        aux = s[_AUX]
        q = s[_ADC_VOLTAGE]
        if aux:
            q = aux
        if s[_MUXED]:
            k = s[_VOLTAGE_SET]
            p = s[_VOLTAGE_CLEAR]
            if aux:
                k = s[_AUX_SET]
                p = s[_AUX_CLEAR]
            sio[5] = k  # GPIO_OUT_SET: select lines of the multiplexer
            sio[6] = p
        adc[0] = q
        now = t[10]
        c = s[_WAS] - 2048
        # At the limit of the wire the DAC takes a code when its sample is over: what flows may show one sample late.
        b = c
        if s[_SPARSE]:
            if c == 0:
                c = s[_BEFORE]
        # The current may fall short of the command (compliance, lift-off); it must not exceed or oppose it.
        e = (c * s[_SENSE_OF_CODE]) >> 12
        x = d
        if e < 0:
            e = 0 - e
            x = 0 - x
        p = s[_FOLLOW]
        if s[_SENSING]:
            if e < _FOLLOW_SENSING:  # not what is left of a treatment that the other output's lift-off has ended
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
        if sign == 0:
            if a < _IDLE:
                p = 0
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
                s[_LEDGER] = net
                s[_LEDGER_SAMPLES] = count
                s[_LEDGERS] += 1
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
        if ptr32(s[_I2C])[13] & 0x40:  # IC_RAW_INTR_STAT: TX_ABRT
            trip = 2  # faults.DAC_NO_ACK
        q = pins & s[_STOP_MASK]
        if q:
            trip = 9  # faults.ESTOP
            if q & s[_TRIPPED_MASK]:
                trip = 27  # faults.COMPARATOR
        dead = s[_DEADMAN] - 1
        s[_DEADMAN] = dead
        if dead < 0:
            trip = 7  # faults.SUPERVISOR_LATE
        if trip:
            sio[6] = s[_GATES]  # both gates open here
            s[_RUN] = 0
            o = ptr32(s[_OTHER])  # itself where one output runs alone
            o[_RUN] = 0
            if s[_TRIP] == 0:
                s[_TRIP] = trip
                s[_TRIP_READING] = d
        # The last samples, for whoever has to understand a fault; they stand still a little after it.
        if s[_HISTORY_LEFT]:
            history = ptr32(s[_HISTORY])
            k = s[_HISTORY_AT]
            history[k] = ((b + 2048) << 12) | v
            s[_HISTORY_AT] = (k + 1) & 63
            if s[_TRIP]:
                s[_HISTORY_LEFT] -= 1
        # Contact: no current in spite of a command is a lift-off. The next sample is at sensing level already.
        if s[_RUN]:
            if e >= _COMMANDED:
                if s[_SENSING]:
                    if a >= _CONTACT:
                        s[_GOOD] += 1
                    elif b == s[_BEFORE]:  # a sample after a step may show what was before it
                        s[_GOOD] = 0
                else:
                    k = 0
                    if a <= _NO_CURRENT + (e >> 4):
                        k = s[_OPEN_RUN] + 1
                    s[_OPEN_RUN] = k
                    if k > s[_OPEN_MAX]:
                        s[_LIFT_OFFS] += 1
                        o = ptr32(s[_OTHER])
                        # Both outputs look for contact together, and begin together again.
                        s[_GO] = 0
                        o[_GO] = 0
                        s[_SENSING] = 1
                        s[_GOOD] = 0
                        s[_ENVELOPE] = 0
                        s[_SENSE_K] = 0
                        o[_SENSING] = 1
                        o[_GOOD] = 0
                        o[_ENVELOPE] = 0
                        o[_SENSE_K] = 0
        # Account for the sample that was on the output until now.
        s[_BEFORE] = b
        if sign != s[_PHASE_SIGN]:
            if s[_PHASE_SIGN]:
                s[_HALVES] += 1
                k = s[_SKIP]
                if s[_SENSING]:
                    k = 0
                if k == 0:  # what contact sensing was cut off at has had no time to charge the skin
                    s[_LATE_I] = s[_PEAK_I]
                    s[_LATE_V] = s[_PEAK_V]
                s[_END_I] = s[_LAST_I]
                s[_END_V] = s[_LAST_V]
                s[_PEAK_C] = 0
                s[_PEAK_A] = 0
                s[_STEP_DUE] = 1
                if s[_SENSING]:
                    s[_SKIP] = 1
                elif s[_SKIP]:
                    s[_SKIP] = 0  # the tail of contact sensing is no phase of the treatment
                else:
                    k = s[_PHASE_SUM]
                    q = s[_PHASE_COMMAND]
                    s[_LAST_PHASE] = k
                    s[_PHASES] += 1
                    if k < 0:
                        k = -k
                    if q < 0:
                        q = -q
                    if k * s[_FULL_SENSE] >= q * s[_FULL_COMMAND]:
                        s[_FULL_PHASES] += 1
            s[_PHASE_SIGN] = sign
            s[_PHASE_COMMAND] = 0
        s[_PHASE_SUM] = p
        s[_PHASE_COMMAND] += b
        s[_SUM_NET] += d
        if a > s[_PEAK_CURRENT]:
            s[_PEAK_CURRENT] = a
        # What was selected above: a conversion under way, and one of its own. Then the sense of what comes next.
        while t[10] - now < 5:
            pass
        v = adc[1] & 0xFFF
        now = t[10]
        adc[0] = s[_ADC_NEXT]
        if aux:
            s[_AUX_RESULT] = v
            s[_AUX] = 0
        else:
            v -= 2048
            s[_LAST_V] = v
            s[_LAST_I] = d
            if s[_STEP_DUE]:
                # From one phase to the next the skin's capacity keeps its voltage: this step is the series'.
                s[_STEP_I] = d - s[_END_I]
                s[_STEP_V] = v - s[_END_V]
            # The phase's impedance: the current of its largest command, at last, and the largest voltage since.
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
            if v > s[_PEAK_VOLTAGE]:
                s[_PEAK_VOLTAGE] = v
            if c:
                if s[_SENSING] == 0:
                    s[_SUM_ABS] += a
                    if b:
                        s[_ACTIVE] += 1
        s[_STEP_DUE] = 0
        # Compute the next code. A cycle's last sample is sent in the next interrupt and measured in the one after.
        s[_WRAPPED_BEFORE] = s[_WRAPPED]
        wrapped = 0
        code = 2048
        if s[_RUN]:
            s[_SAMPLES] += 1
            k = s[_SENSING]
            if k:
                if s[_GO]:
                    s[_GO] = 0
                    s[_SENSING] = 0
                    o = ptr32(s[_OTHER])
                    o[_SENSING] = 0
                    k = 0
            if k:
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
                    s[_ENVELOPE_STEP] = 0 - s[_DOWN_STEP]
                e = s[_ENVELOPE] + s[_ENVELOPE_STEP]
                if e >> 28:
                    if e < 0:
                        e = 0
                        s[_RUN] = 0
                        s[_DONE] = 4
                    else:
                        e = 0x10000000
                s[_ENVELOPE] = e
                u = 0
                k = s[_RESTING]
                if k:
                    s[_RESTING] = k - 1
                elif s[_USE_TABLE]:
                    ph = s[_PHASE]
                    table = ptr16(s[_TABLE])
                    k = (ph >> s[_TABLE_SHIFT]) & s[_TABLE_MASK]
                    u = table[k]
                    x = (table[k + 1] - u) * ((ph >> (s[_TABLE_SHIFT] - 8)) & 0xFF)
                    u += (x + 128 + (x >> 31)) >> 8  # halves away from zero: both half waves round alike
                    q = s[_SECOND_STEP]
                    if q:
                        p = s[_SECOND]
                        s[_SECOND] = p + q
                        k = (p >> s[_TABLE_SHIFT]) & s[_TABLE_MASK]
                        x = table[k]
                        q = (table[k + 1] - x) * ((p >> (s[_TABLE_SHIFT] - 8)) & 0xFF)
                        x += (q + 128 + (q >> 31)) >> 8
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
                    # What rounding left of the cycle before is paid back, a step at a time, by samples near the middle
                    # of two codes: they take the other one.
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
                k = s[_TRIM]
                if k:
                    # What the net ledger has shown is taken back, at most ten codes: smaller samples keep their sign.
                    q = code - 2048
                    if q < 0:
                        q = 0 - q
                    if q > 11:
                        k += s[_TRIM_OWED]
                        q = (k + 131072) >> 18
                        s[_TRIM_OWED] = k - (q << 18)
                        code += q
                if code < s[_LOW]:
                    code = s[_LOW]
                if code > s[_HIGH]:
                    code = s[_HIGH]
                if wrapped:
                    if s[_CHANGED]:
                        s[_CHANGED] = 0
                        x = s[_GAIN]
                        index = ptr8(s[_CHANGE_AT])
                        for k in range(17):
                            s[index[k]] = s[_NEW + k]
                        if x < 0:
                            s[_GAIN] = 0 - s[_GAIN]
                        if s[_LOCKED] == 0:
                            s[_PHASE] = 0
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
                    s[_NET_BEGUN] = 0  # cycles of a ramp do not balance: the net ledger begins with a full one
        elif s[_DONE] > 1:
            # The ramp has ended: the zero code is out for three samples before the gate opens.
            s[_DONE] -= 1
            if s[_DONE] == 1:
                sio[6] = s[_GATE_MASK]
        s[_NEXT] = code
        s[_WRAPPED] = wrapped
        if s[_FOLLOWING] == 0:
            break
        s = ptr32(s[_FOLLOWING])
        # The other output's current sense: a conversion under way, and one of its own.
        while t[10] - now < 5:
            pass
        now = t[10]
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    k = (s[_BEGAN] - ptr32(s[_SYSTICK])[0]) & 0xFFFFFF
    if k > s[_WORST_COST]:
        s[_WORST_COST] = k
    s[_INSIDE] = 0


@micropython.viper
def watch(_timer):
    """Second interrupt, every 5 ms: the first one must have come since. It does not trust main loop or sample timer."""
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    if s[_TICKS] == s[_WATCHED]:
        sio = ptr32(-0x30000000)
        sio[6] = s[_GATES]
        s[_RUN] = 0
        o = ptr32(s[_OTHER])
        o[_RUN] = 0
        if s[_TRIP] == 0:
            s[_TRIP] = 6  # faults.SAMPLE_INTERRUPT_STOPPED
            if s[_INSIDE]:
                s[_TRIP] = 28  # faults.SAMPLE_INTERRUPT_RAISED
    s[_WATCHED] = s[_TICKS]
    s[_WATCH_LEFT] = s[_DUE] - ptr32(s[_TIMER])[10]


@micropython.viper
def _wait_until(words, left_us: int):
    """Return when so many microseconds are left until the next sample, right behind a sample at the earliest."""
    s = ptr32(words)
    timer = ptr32(s[_TIMER])
    before = s[_TICKS]
    tries = 0
    while tries < _SPINS:
        if s[_TICKS] != before:
            break
        tries += 1
    while tries < _SPINS:
        if s[_DUE] - timer[10] <= left_us:
            break
        tries += 1


@micropython.viper
def _gather(source, indexes, target, count: int):
    """Copy the words at `indexes` of `source` into `target`, and the microsecond clock behind them."""
    words = ptr32(source)
    index = ptr8(indexes)
    into = ptr32(target)
    for at in range(count):
        into[at] = words[index[at]]
    into[count] = ptr32(words[_TIMER])[10] & 0x1FFFFFFF  # TIMERAWL, in meter.CLOCK_MASK


@micropython.viper
def _lift(words):
    """What the sample interrupt does itself when an electrode is lifted, for all outputs that run in it.

    It may come at any of these stores: sensing level first, so that it never computes another sample of a treatment.
    """
    first = ptr32(words)
    first[_GO] = 0
    s = first
    while True:
        s[_SENSING] = 1
        if s[_FOLLOWING] == 0:
            break
        s = ptr32(s[_FOLLOWING])
    s = first
    while True:
        s[_NEXT] = 2048
        s[_GOOD] = 0
        s[_ENVELOPE] = 0
        s[_SENSE_K] = 0
        if s[_FOLLOWING] == 0:
            break
        s = ptr32(s[_FOLLOWING])


class Output:
    """One DAC, its gate and its sense. `board`: what is common; `pins`: the board itself, or its SECOND.

    All waveform numbers come in as a core.waveplan.Plan. Main loop only.
    """

    def __init__(self, board, pins, dac, mux):
        self._board = board
        self._pins = pins
        self._mux = mux
        self.dac = dac
        self.gate = Pin(pins.GATE_PIN, Pin.OUT, value=0)
        Pin(pins.TRIPPED_PIN, Pin.IN)
        self._words = array("i", (0 for _ in range(_LENGTH)))
        self.address = uctypes.addressof(self._words)
        self._taken = array("i", (0 for _ in range(len(_SNAPSHOT) + 1)))
        self._history = array("i", (0 for _ in range(_HISTORY_LENGTH)))
        self._sense = ADC(Pin(pins.SENSE_PIN))
        self._voltage = ADC(Pin(board.VOLTAGE_PIN))
        self._plans = (waveplan.Plan(),)  # what the interrupt plays and takes up next: it knows only table addresses
        self._settled = None  # limits of a change, from when on nothing of what was before is measured any more
        self._changed_phases = self._ledgers = 0
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
    def sense_control(self):
        """What the ADC's control register takes to convert this output's current sense, again and again."""
        return ADC_RUN | self._pins.SENSE_PIN - 26 << ADC_CHANNEL_SHIFT

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
        words = self._words
        self._plans = (plan,)
        self._settled = None
        self._ledgers = 0
        for index in range(_LENGTH):
            words[index] = 0
        self._load_hardware(words)
        self._load_period(words, plan.period_us)
        self._load_limits(words)
        self._limit(self._limits_of(plan, amplitude_ua))
        words[_ENVELOPE_STEP] = words[_DOWN_STEP] = plan.ramp_step
        for index, value in zip(_PLAN_WORDS, self._words_of(plan)):
            words[index] = value
        words[_CHANGE_AT] = uctypes.addressof(_PLAN_WORDS)
        words[_MIRROR] = -plan.balanced
        words[_CHANCE] = _CHANCE_BEGIN
        words[_LOCKED] = plan.locked
        words[_LEFT] = left or max(1, plan.total_samples - plan.ramp_samples)
        words[_ALTERNATE_LEFT] = plan.alternate_cycles
        machine.mem32[self._bus_base + _I2C_CLR_INTR]
        if self._held and not self._send(self._board.ZERO_CODE, 0):
            return faults.BUS_HUNG
        return faults.NONE

    def _load_hardware(self, words):
        board, pins = self._board, self._pins
        words[_I2C] = self._bus_base
        words[_ADC] = _ADC_BASE
        words[_TIMER] = _TIMER_BASE
        words[_SYSTICK] = _signed(_SYSTICK_CVR)
        words[_GATE_MASK] = words[_GATES] = 1 << pins.GATE_PIN
        words[_TRIPPED_MASK] = 1 << pins.TRIPPED_PIN
        words[_STOP_MASK] = 1 << board.ESTOP_PIN | words[_TRIPPED_MASK]
        words[_NEXT] = words[_SENT] = board.ZERO_CODE
        words[_ZERO_SENSE] = units.ADC_STEPS // 2 + 2 * self.scale.step
        words[_STEP], words[_SHIFT] = self.scale.step, self.scale.shift
        words[_LOW], words[_HIGH] = max(0, -self.scale.shift), units.DAC_STEPS - 1 - max(0, self.scale.shift)
        words[_SENSE_STEP] = self.scale.gain(board.CONTACT_UA * (units.DAC_STEPS // 2) // board.FULL_SCALE_UA)
        words[_MUXED] = len(board.MUX_PINS)
        words[_VOLTAGE_SET], words[_VOLTAGE_CLEAR] = self._mux.masks(pins.VOLTAGE_INPUT)
        words[_ADC_VOLTAGE] = ADC_RUN | board.VOLTAGE_PIN - 26 << ADC_CHANNEL_SHIFT
        words[_ADC_NEXT] = self.sense_control
        words[_OTHER] = self.address
        words[_HISTORY] = uctypes.addressof(self._history)
        words[_HISTORY_LEFT] = _HISTORY_AFTER

    def _load_period(self, words, period_us):
        self._held = period_us < self.bus_us(_CLOSED_BITS)
        words[_LAST_BYTE] = 0 if self._held else _STOP
        words[_PERIOD] = period_us
        words[_SPARSE] = int(period_us < self.bus_us(HELD_BITS))
        words[_BLOCKED_MAX] = max(3, _BLOCKED_US // period_us - 1)
        words[_OPEN_MAX] = max(2, _OPEN_US // period_us - 1)
        words[_SENSE_HALF] = _SENSE_HALF_US // period_us
        words[_NET_SAMPLES_MIN] = 1000000 // period_us

    def _limits_of(self, plan, amplitude_ua):
        """(window, charge of a phase, net current): what the interrupt holds a plan's measured current against."""
        window = min(self._counts(amplitude_ua + self._board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        sensed = 2 * self._counts(self._board.CONTACT_UA) * _SENSE_HALF_US // plan.period_us
        phase = plan.phase_samples * self._counts(amplitude_ua) * 5 // 4 + 4 * self._words[_FOLLOW]
        phase = max(phase, sensed)  # a phase of contact sensing moves more than a short pulse
        return window, phase, self._counts(16 * limits.NET_DC_UA) if plan.balanced else _NO_NET_LIMIT

    def _limit(self, found):
        words = self._words
        words[_WINDOW], words[_PHASE_LIMIT], words[_NET_LIMIT] = found

    def _load_limits(self, words):
        board = self._board
        words[_SENSE_OF_CODE] = self.scale.sense_of_code
        words[_FOLLOW] = self._counts(board.FOLLOW_UA)
        # A phase is "full" at 90 % of its commanded charge: compared as counts * a >= codes * b, in small integers.
        words[_FULL_SENSE], words[_FULL_COMMAND] = self.scale.full_share

    def _counts(self, current_ua):
        return self.scale.counts_of_ua(current_ua)

    def _words_of(self, plan):
        """A plan's numbers in the order of _PLAN_WORDS, its amplitude in codes of this unit."""
        words = list(_words_of(plan))
        words[0] = self.scale.gain(words[0])
        return words

    def join(self, second):
        """Run in one interrupt with another output, this one first; a trip of one opens both gates."""
        gates = self._words[_GATE_MASK] | second._words[_GATE_MASK]
        for output, other in ((self, second), (second, self)):
            output._words[_OTHER] = other.address
            output._words[_GATES] = gates
            output._words[_ADC_NEXT] = other.sense_control
        self._words[_FOLLOWING] = second.address

    @property
    def ticks(self):
        """Sample interrupts since load()."""
        return self._words[_TICKS]

    @property
    def tripped(self):
        """The fault code on which the interrupt has opened the gates; faults.NONE."""
        return self._words[_TRIP]

    def watch_from_now(self):
        """The second interrupt, watch(), finds that sample interrupts came before it."""
        self._words[_WATCHED] = self._words[_TICKS] - 1
        self._words[_WATCH_LEFT] = NOT_WATCHED

    @property
    def watch_left_us(self):
        """From the last second interrupt to the sample after it, us; NOT_WATCHED before the first one."""
        return self._words[_WATCH_LEFT]

    def wait_until(self, left_us):
        """Until so much is left of the sample that runs; at most some milliseconds."""
        _wait_until(self._words, left_us)

    def feed(self, deadman_ms):
        """The main loop is alive: without another call for so long the interrupt opens the gates."""
        self._words[_DEADMAN] = deadman_ms * 1000 // self._words[_PERIOD]
        if self._settled:
            self._settle()
        if self._words[_LEDGERS] != self._ledgers:
            self._trim()

    def close(self):
        """Close the gate and let the interrupt play."""
        self.gate.value(1)
        self._words[_RUN] = 1

    def stop(self):
        """Gate open, and the interrupt plays the zero code."""
        self.gate.value(0)
        self._words[_RUN] = 0

    def take_zero(self):
        """What the sense amplifier showed since the start, with the gate open, is its zero. False when it is none."""
        words = self._words
        zero = units.rounded_div(words[_NET], max(1, words[_NET_SAMPLES]))
        if abs(zero) > _ZERO_COUNTS_MAX:
            return False
        words[_ZERO_SENSE] += zero
        words[_SENSING] = 1
        return True

    def lift(self):
        """Zero with the next sample, then sensing level; of the first output, for all that run in its interrupt."""
        _lift(self._words)

    def begin_treatment(self):
        """From zero, at the beginning of a cycle, or where `phase_begin` says. Only while at sensing level.

        A change that waits for the end of a cycle is taken up here: at sensing level there is none.
        """
        words, plan = self._words, self._plans[-1]
        if words[_CHANGED]:
            words[_CHANGED] = 0
            sign = -1 if words[_GAIN] < 0 else 1
            for index, value in zip(_PLAN_WORDS, words[_NEW:]):
                words[index] = value
            words[_GAIN] *= sign
        words[_ENVELOPE] = words[_FRACTION] = words[_OPEN_RUN] = words[_NET_BEGUN] = 0
        words[_RESTING] = words[_OWED] = words[_DEBT] = words[_SECOND] = 0
        words[_PHASE], words[_K] = _signed(plan.phase_begin), plan.sample_begin
        words[_BURST_LEFT] = words[_BURST_CYCLES]
        words[_N_THIS] = words[_N_BASE]
        words[_ENVELOPE_STEP] = words[_DOWN_STEP]

    def go(self):
        """All outputs that run leave the sensing level within the same interrupt. Of the first output only."""
        self._words[_GO] = 1

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the interrupt opens the gate at its end."""
        self._words[_ENVELOPE_STEP] = -self._words[_DOWN_STEP]

    def ask_aux(self, control, masks):
        """Have the interrupt take one other ADC reading. control: of the ADC; masks: Mux.masks()."""
        self._words[_AUX_SET], self._words[_AUX_CLEAR] = masks
        self._words[_AUX] = control

    def aux(self):
        """That reading, 0 before there is one; None while it is asked for."""
        return None if self._words[_AUX] else self._words[_AUX_RESULT]

    def change(self, plan, amplitude_ua):
        """Go on with another plan of the same polarity and sample period, from the end of the cycle under way on.

        Up to then the wider of both plans' limits hold. A change that was not taken up yet is replaced. Allocates.
        """
        words = self._words
        words[_CHANGED] = 0  # from here on the interrupt takes up nothing
        playing = words[_TABLE]
        self._plans = tuple(kept for kept in self._plans if _address(kept) == playing) + (plan,)
        for index, value in enumerate(self._words_of(plan)):
            words[_NEW + index] = value
        words[_NEW] = abs(words[_NEW])  # the interrupt keeps the sign that it plays
        self._settled = self._limits_of(plan, amplitude_ua)
        now = (words[_WINDOW], words[_PHASE_LIMIT], words[_NET_LIMIT])
        self._limit([max(pair) for pair in zip(self._settled, now)])
        self._changed_phases = words[_HALVES]
        words[_CHANGED] = 1

    def _trim(self):
        """Take back half of the net current that the last second of whole cycles has shown.

        What the ADC's own steps may pretend is left alone, and no more than half of the net limit is ever taken back:
        a sense amplifier that drifts must not drive a current that was not there.
        """
        words, board = self._words, self._board
        self._ledgers = words[_LEDGERS]
        if not words[_MIRROR]:  # of unipolar phases the net is the treatment itself
            return
        net = (words[_LEDGER] << 18) // words[_LEDGER_SAMPLES]
        if abs(net) <= self._counts(_TRIM_FROM_UA) << 18:
            return
        most = _TRIM_MAX_UA * (units.DAC_STEPS // 2 << 18) // board.FULL_SCALE_UA
        step = (net << 11) // words[_SENSE_OF_CODE]  # half of it, in codes
        words[_TRIM] = min(max(words[_TRIM] - step, -most), most)

    def _settle(self):
        """The limits of a change hold alone once two phases have been measured since it was taken up."""
        words = self._words
        if words[_CHANGED]:
            self._changed_phases = words[_HALVES]
        elif words[_HALVES] - self._changed_phases > 2:
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
        words, taken = self._words, self._taken
        _gather(words, _SNAPSHOT, taken, len(_SNAPSHOT))
        words[_PEAK_CURRENT] = 0
        words[_PEAK_VOLTAGE] = 0
        return taken

    def history(self):
        """The last 64 samples, oldest first, as hex: three digits of DAC code and three of ADC count each.

        No further ones are kept until the engine is armed again: the interrupt must not overtake the reader.
        """
        self._words[_HISTORY_LEFT] = 0
        at, kept = self._words[_HISTORY_AT], self._history
        return "".join("%06x" % kept[(at + index) % _HISTORY_LENGTH] for index in range(_HISTORY_LENGTH))

    def read_sense(self):
        """(current sense, output voltage) in ADC counts, mean of 16, only while not armed."""
        self._mux.select(self._pins.VOLTAGE_INPUT)
        current = sum(self._sense.read_u16() >> 4 for _ in range(_READINGS))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(_READINGS))
        return self.scale.linear(current // _READINGS), voltage // _READINGS


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


# The numbers that stand in tick(), where a name would cost a look-up.
assert (faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.OUTPUT_ASTRAY) == (1, 2, 4)
assert (faults.SUPERVISOR_LATE, faults.ESTOP, faults.BUS_HUNG) == (7, 9, 15)
assert (faults.SAMPLE_INTERRUPT_STOPPED, faults.SAMPLE_INTERRUPT_RAISED) == (6, 28)
assert (faults.DC_IMBALANCE, faults.CHARGE_LIMIT, faults.COMPARATOR) == (21, 22, 27)
assert len(_PLAN_WORDS) == 17 == _LENGTH - _NEW
assert waveplan.ENVELOPE_ONE == 0x10000000 and shapes.UNIT == 16384
