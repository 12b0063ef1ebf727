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
from ..shared import faults, units

# Word indexes. The first 32 are the ones the interrupt reaches with one instruction.
_I2C = const(0)
_ADC = const(1)
_TIMER = const(2)
_GATE_MASK = const(3)
_ESTOP_MASK = const(4)
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
_USE_TABLE = const(16)
_PHASE = const(17)
_PHASE_STEP = const(18)
_TABLE = const(19)
_K = const(20)
_N_THIS = const(21)
_POSITIVE_END = const(22)
_GAP_END = const(23)
_NEGATIVE_END = const(24)
_NEGATIVE_UNIT = const(25)
SAMPLES = const(26)
_LEFT = const(27)
_DUE = const(28)
_PERIOD = const(29)
_PHASE_SIGN = const(30)
_PHASE_SUM = const(31)
_PHASE_COMMAND = const(32)
SUM_NET = const(33)
SUM_ABS = const(34)
SUM_VOLTAGE = const(35)
ACTIVE = const(36)
PEAK_CURRENT = const(37)
PEAK_VOLTAGE = const(38)
LAST_PHASE = const(39)
PHASES = const(40)
FULL_PHASES = const(41)
_FULL_SENSE = const(42)
_FULL_COMMAND = const(43)
MISSED = const(44)
LATE = const(45)
WORST_LATE = const(46)
TICKS = const(47)
DONE = const(48)
_N_BASE = const(49)
_FRACTION = const(50)
_FRACTION_STEP = const(51)
_ALTERNATE_LEFT = const(52)
_ALTERNATE_CYCLES = const(53)
_DOWN_STEP = const(54)
_BLOCKED = const(55)
_SENSE_OF_CODE = const(56)
_FOLLOW = const(57)
_ASTRAY = const(58)
_LENGTH = const(59)

_SNAPSHOT = (
    TICKS, SAMPLES, MISSED, LATE, WORST_LATE, SUM_NET, SUM_ABS, SUM_VOLTAGE, ACTIVE, PEAK_CURRENT, PEAK_VOLTAGE,
    LAST_PHASE, PHASES, FULL_PHASES, ENVELOPE, TRIP, TRIP_READING, DONE,
)  # fmt: skip

# Registers: RP2040 data sheet 4.3.17 (I2C), 4.9.6 (ADC), 4.6.5 (timer), 2.3.1.7 (SIO).
_I2C_BASE = (0x40044000, 0x40048000)
_ADC_BASE = 0x4004C000
_TIMER_BASE = 0x40054000
_INTERP0_BASE0 = 0xD0000088
_I2C_CLR_INTR = 0x40
_ADC_CS = 0x00
_ADC_RUN = const(0x9)  # EN | START_MANY, channel 0
_ADC_RUN_VOLTAGE = const(0x1009)  # the same on channel 1
_DEADMAN_MS = 100  # ours: main loop silence after which the interrupt opens the gate
_BLOCKED_MAX = const(3)  # ours: samples in a row that the bus did not take; one or two are counted skips
_ASTRAY_MAX = const(1)  # ours: samples in a row; one alone may be a late interrupt that measured the sample before


@micropython.viper
def _tick(_timer):
    s = ptr32(ptr32(-0x2FFFFF78)[0])
    i2c = ptr32(s[_I2C])
    code = s[NEXT]
    was = s[SENT]
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
    adc[0] = _ADC_RUN_VOLTAGE
    sio = ptr32(-0x30000000)
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
    astray = 0
    if x - e > s[_FOLLOW]:
        astray = s[_ASTRAY] + 1
    if x + s[_FOLLOW] < 0:
        astray = s[_ASTRAY] + 1
    s[_ASTRAY] = astray
    trip = 0
    if astray > _ASTRAY_MAX:
        trip = 4  # faults.DAC_STUCK
    if a > s[_WINDOW]:
        trip = 1  # faults.OVER_CURRENT
    if s[_BLOCKED] > _BLOCKED_MAX:
        trip = 15  # faults.BUS_HUNG
    if i2c[13] & 0x40:  # IC_RAW_INTR_STAT: TX_ABRT
        trip = 2  # faults.DAC_NO_ACK
    if sio[1] & s[_ESTOP_MASK]:  # GPIO_IN
        trip = 9  # faults.ESTOP
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
    # Account for the sample that was on the output until now.
    sign = 0
    if c > 0:
        sign = 1
    if c < 0:
        sign = -1
    if sign != s[_PHASE_SIGN]:
        if s[_PHASE_SIGN]:
            p = s[_PHASE_SUM]
            q = s[_PHASE_COMMAND]
            s[LAST_PHASE] = p
            s[PHASES] += 1
            if p < 0:
                p = -p
            if q < 0:
                q = -q
            if p * s[_FULL_SENSE] >= q * s[_FULL_COMMAND]:
                s[FULL_PHASES] += 1
        s[_PHASE_SIGN] = sign
        s[_PHASE_SUM] = 0
        s[_PHASE_COMMAND] = 0
    s[_PHASE_SUM] += d
    s[_PHASE_COMMAND] += c
    s[SUM_NET] += d
    if a > s[PEAK_CURRENT]:
        s[PEAK_CURRENT] = a
    if c:
        s[SUM_ABS] += a
        s[ACTIVE] += 1
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
    # Compute the next code.
    code = 2048
    if s[RUN]:
        s[SAMPLES] += 1
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
        wrapped = 0
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
    elif s[DONE] > 1:
        # The ramp has ended: the zero code is out for three samples before the gate opens.
        s[DONE] -= 1
        if s[DONE] == 1:
            sio[6] = s[_GATE_MASK]
    s[NEXT] = code
    # The electrode voltage was converted meanwhile (4 us at most after the switch); back to the current sense.
    v = (adc[1] & 0xFFF) - 2048
    adc[0] = _ADC_RUN
    if v < 0:
        v = -v
    if v > s[PEAK_VOLTAGE]:
        s[PEAK_VOLTAGE] = v
    if c:
        s[SUM_VOLTAGE] += v


@micropython.viper
def _copy(source, target, count: int):
    words = ptr32(source)
    copy = ptr32(target)
    for index in range(count):
        copy[index] = words[index]


class Engine:
    """Owns the sample timer, the ADC while it runs, and the gate pin. Main loop only; `_tick` alone is interrupt code.

    board: a boards/*/board module; dac: hw.dac.Dac. All waveform numbers come in as a core.waveplan.Plan.
    """

    def __init__(self, board, dac):
        self._board = board
        self._dac = dac
        self._gate = Pin(board.GATE_PIN, Pin.OUT, value=0)
        self._state = array("i", (0 for _ in range(_LENGTH)))
        self._copy = array("i", (0 for _ in range(_LENGTH)))
        self._sense = ADC(Pin(board.SENSE_PIN))
        self._voltage = ADC(Pin(board.VOLTAGE_PIN))
        self._timer = Timer(-1)
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

    def arm(self, plan, window_ua):
        """Start the interrupt with the zero code and the gate open. window_ua: |current| that trips at once.

        Returns faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back, or the
        interrupt does not start. Allocates.
        """
        try:
            self.disarm()
            if not self._dac.follows((self._board.ZERO_CODE + 1, self._board.ZERO_CODE)):
                return faults.DAC_STUCK
        except OSError:
            return faults.DAC_NO_ACK
        self._load(plan, window_ua)
        machine.mem32[_I2C_BASE[self._board.I2C_ID] + _I2C_CLR_INTR]
        machine.mem32[_ADC_BASE + _ADC_CS] = _ADC_RUN
        self.feed()
        self._timer.init(mode=Timer.PERIODIC, freq=self._board.SAMPLE_HZ, hard=True, callback=_tick)
        self.armed = True
        return faults.NONE

    def _load(self, plan, window_ua):
        board, state = self._board, self._state
        self._plan = plan  # keeps the table alive: the interrupt knows only its address
        for index in range(_LENGTH):
            state[index] = 0
        state[_I2C] = _I2C_BASE[board.I2C_ID]
        state[_ADC] = _ADC_BASE
        state[_TIMER] = _TIMER_BASE
        state[_GATE_MASK] = 1 << board.GATE_PIN
        state[_ESTOP_MASK] = 1 << board.ESTOP_PIN
        state[NEXT] = state[SENT] = board.ZERO_CODE
        state[_WINDOW] = min(
            units.counts_of_ua(window_ua, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA), units.ADC_STEPS // 2 - 48
        )
        state[_ZERO_SENSE] = units.ADC_STEPS // 2
        full_counts = units.counts_of_ua(board.FULL_SCALE_UA, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
        state[_SENSE_OF_CODE] = (full_counts << 12) // (units.DAC_STEPS // 2)
        state[_FOLLOW] = units.counts_of_ua(board.FOLLOW_UA, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
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
        state[_LEFT] = max(1, plan.total_samples - plan.ramp_samples)
        state[_PERIOD] = 1000000 // board.SAMPLE_HZ
        state[_ALTERNATE_LEFT] = state[_ALTERNATE_CYCLES] = plan.alternate_cycles
        # A phase is "full" at 90 % of its commanded charge: compared as counts * a >= codes * b, in small integers.
        # The factors stay small: five seconds of full scale times eleven is still below 2**31.
        state[_FULL_SENSE] = (
            board.ADC_REFERENCE_MV * 5000 // (board.SENSE_UV_PER_UA * board.FULL_SCALE_UA // 1000) // 1000
        )
        state[_FULL_COMMAND] = 9

    def run(self):
        """Close the gate and let the ramp begin. Only core/session.py calls this, after core/gate.py permitted it."""
        self._gate.value(1)
        self._state[RUN] = 1

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the interrupt opens the gate at its end."""
        self._state[ENVELOPE_STEP] = -self._state[_DOWN_STEP]

    def disarm(self):
        """Gate open, interrupt off, DAC at the zero code. Raises OSError when the DAC does not answer."""
        self._gate.value(0)
        self._timer.deinit()
        machine.mem32[_ADC_BASE + _ADC_CS] = 1
        self.armed = False
        self._dac.write(self._board.ZERO_CODE)

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the interrupt opens the gate."""
        self._state[DEADMAN] = self._board.SAMPLE_HZ * _DEADMAN_MS // 1000

    def snapshot(self):
        """The counters as a tuple of core.meter.SNAPSHOT_FIELDS, taken at one instant; peaks start anew."""
        copy, state = self._copy, self._state
        _copy(state, copy, _LENGTH)
        state[PEAK_CURRENT] = 0
        state[PEAK_VOLTAGE] = 0
        return tuple(copy[index] for index in _SNAPSHOT)

    def read_sense(self):
        """(current sense, electrode voltage) in ADC counts, mean of 16, only while not armed."""
        current = sum(self._sense.read_u16() >> 4 for _ in range(16))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(16))
        return current // 16, voltage // 16


def _signed(value):
    """A 32-bit pattern as the signed number array('i') stores."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


# The numbers that stand in _tick, where a name would cost a look-up.
assert (faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.DAC_STUCK) == (1, 2, 4)
assert (faults.SUPERVISOR_LATE, faults.ESTOP, faults.BUS_HUNG) == (7, 9, 15)
assert waveplan.ENVELOPE_ONE == 0x10000000 and waveplan.UNIT == 2048
