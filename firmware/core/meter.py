"""Turns the engine's running counters into what was delivered: per telemetry interval and per session.

The interrupt only adds up ADC counts; sums wrap at 32 bits and are differenced here. Main loop only.
"""

from ..shared import units

# What an engine's snapshot() returns, in this order; sums are in ADC counts and wrap at 32 bits.
SNAPSHOT_FIELDS = (
    "ticks",  # interrupts since arming
    "samples",  # samples of the running session
    "missed",
    "late",
    "worst_late_us",
    "sum_net",  # sense counts, signed
    "sum_abs",  # |sense counts| of samples with a commanded current
    "active",  # number of such samples
    "peak_current",  # largest |sense counts| since the last snapshot
    "peak_voltage",
    "last_phase",  # sense counts summed over the last whole phase
    "phases",
    "full_phases",
    "envelope",  # ramp factor, waveplan.ENVELOPE_ONE = 1.0
    "trip",  # fault code latched by the interrupt
    "trip_reading",  # sense counts at that moment
    "done",  # 1 when the ramp down has ended and the interrupt has opened the gate
    "left",  # samples before the ramp down begins
    "inside",  # 1 while the interrupt runs: seen from the main loop, it ended in its middle
    "sensing",  # 1 while the output looks for contact
    "good",  # samples in a row that showed contact while sensing
    "lift_offs",  # contact losses since arming
    "halves",  # phases finished, those of contact sensing included
    "step_current",  # sense counts and voltage counts, signed: first sample after the last phase less its last one
    "step_voltage",
    "late_current",  # of the last phase: at its largest command, the last of several; the largest voltage from there on
    "late_voltage",
    "worst_cycles",  # CPU cycles of the longest interrupt since arming, without MicroPython's way there and back
    "clock_us",  # microseconds at the instant of the snapshot; wrap at CLOCK_MASK
)
TICKS, SAMPLES, MISSED, LATE, WORST_LATE_US, SUM_NET, SUM_ABS, ACTIVE = range(8)
PEAK_CURRENT, PEAK_VOLTAGE, LAST_PHASE, PHASES, FULL_PHASES, ENVELOPE, TRIP, TRIP_READING, DONE = range(8, 17)
LEFT, INSIDE, SENSING, GOOD, LIFT_OFFS, HALVES, STEP_CURRENT, STEP_VOLTAGE, LATE_CURRENT, LATE_VOLTAGE = range(17, 27)
WORST_CYCLES, CLOCK_US = 27, 28
CLOCK_MASK = 0x1FFFFFFF  # 9 minutes; numbers below 2**30 take no memory on the device
_STEP_COUNTS_MIN = 16  # ours: 9 uA; less than that and a count of noise is 6 %
OPEN_OHM = 99999999  # what is told when no current flows at all
_IDLE = (0,) * len(SNAPSHOT_FIELDS)


class Meter:
    """Running account of one session. board: a boards/*/board module, for the scale factors."""

    def __init__(self, board):
        self._board = board
        self.sense_uv_per_ua = board.SENSE_UV_PER_UA  # of this unit, once it is calibrated
        self.begin(1)

    def begin(self, sample_us):
        """Forget everything: a session starts. sample_us: between two samples."""
        board = self._board
        self._sample_us = sample_us
        self._counts_per_uc = units.ADC_STEPS * self.sense_uv_per_ua * 1000 // (board.ADC_REFERENCE_MV * sample_us)
        self.latest = _IDLE
        self._net = self._absolute = 0
        self._before = [0] * len(SNAPSHOT_FIELDS)  # counters of the session's parts before a pause
        self._forget_sums()
        self._begin_interval()

    def go_on(self):
        """The engine starts anew after a pause: its counters begin at zero, the session's do not."""
        for index in (SAMPLES, MISSED, LATE, PHASES, FULL_PHASES):
            self._before[index] += self.latest[index]
        self.latest = _IDLE
        self._forget_sums()

    def count(self, index):
        """A counter over the whole session. index: SAMPLES, MISSED, LATE, PHASES or FULL_PHASES."""
        return self._before[index] + self.latest[index]

    def _forget_sums(self):
        self._net_seen = self._absolute_seen = self._active_seen = 0

    def _begin_interval(self):
        self._sum_abs = self._active = 0
        self._peak_current = self._peak_voltage = 0

    def add(self, snapshot):
        """Take in one engine snapshot; call at least every 50 s (sums wrap). It may be the same object every time."""
        self.latest = snapshot
        self._net += _difference(snapshot[SUM_NET], self._net_seen)
        sum_abs = _difference(snapshot[SUM_ABS], self._absolute_seen)
        self._absolute += sum_abs
        self._sum_abs += sum_abs
        self._active += _difference(snapshot[ACTIVE], self._active_seen)
        self._net_seen, self._absolute_seen = snapshot[SUM_NET], snapshot[SUM_ABS]
        self._active_seen = snapshot[ACTIVE]
        self._peak_current = max(self._peak_current, snapshot[PEAK_CURRENT])
        self._peak_voltage = max(self._peak_voltage, snapshot[PEAK_VOLTAGE])

    def charge_nc(self, count_samples):
        """Charge of a sum of sense counts over samples, in nC."""
        board = self._board
        return units.rounded_div(
            count_samples * board.ADC_REFERENCE_MV * self._sample_us, units.ADC_STEPS * self.sense_uv_per_ua
        )

    def current_ua(self, counts, samples=1):
        """Mean current of a sum of sense counts over `samples`, in uA; 0 for no samples."""
        if not samples:
            return 0
        board = self._board
        return units.rounded_div(
            counts * board.ADC_REFERENCE_MV * 1000, units.ADC_STEPS * self.sense_uv_per_ua * samples
        )

    def take_interval(self):
        """(delivered_ua, peak_ua, electrode_mv, headroom_mv) since the last call."""
        board = self._board
        scale_mv = board.ADC_REFERENCE_MV * board.VOLTAGE_DIVIDER
        delivered_ua = self.current_ua(self._sum_abs, self._active)
        peak_ua = self.current_ua(self._peak_current)
        electrode_mv = units.rounded_div(self._peak_voltage * scale_mv, units.ADC_STEPS)
        headroom_mv = board.COMPLIANCE_MV - electrode_mv - peak_ua * board.SERIES_OHM // 1000
        self._begin_interval()
        return delivered_ua, peak_ua, electrode_mv, headroom_mv

    def impedance_ohm(self):
        """(largest of the last phase, at its step to the next): all of the skin, and what is not its capacity.

        OPEN_OHM without measurable current; -1 before any phase has ended, and for a step too small to divide by.
        """
        latest = self.latest
        if not latest[HALVES]:
            return -1, -1
        late = self._ratio_ohm(latest[LATE_VOLTAGE], latest[LATE_CURRENT])
        if abs(latest[STEP_CURRENT]) < _STEP_COUNTS_MIN:
            return late, -1
        return late, self._ratio_ohm(latest[STEP_VOLTAGE], latest[STEP_CURRENT])

    def _ratio_ohm(self, voltage, current):
        if not current:
            return OPEN_OHM
        return units.rounded_div(abs(voltage) * self._board.VOLTAGE_DIVIDER * self.sense_uv_per_ua, abs(current))

    @property
    def net_nc(self):
        """Delivered net charge of the session, signed."""
        return self.charge_nc(self._net)

    @property
    def total_nc(self):
        """Delivered charge of the session, both polarities added."""
        return self.charge_nc(self._absolute)

    @property
    def total_uc(self):
        """The same in uC, for every look: allocates nothing, and errs to the high side, by less than 0.1 % (RP2040) or
        1.2 % (samples of 40 ms).
        """
        return self._absolute // self._counts_per_uc

    @property
    def phase_nc(self):
        """Delivered charge of the last whole phase, without sign."""
        return abs(self.charge_nc(self.latest[LAST_PHASE]))


def _difference(now, before):
    """now - before of counters that wrap at 32 bits, as a signed number."""
    delta = now - before
    if -0x3FFFFFFF < delta < 0x3FFFFFFF:
        return delta  # almost always; beyond it, and below, numbers are objects that take memory on the device
    delta &= 0xFFFFFFFF
    return delta - 0x100000000 if delta & 0x80000000 else delta
