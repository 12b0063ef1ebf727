"""Plays a plan on the ESP32: the next DAC code of the waveform, with ramp, bursts and change of plan.

Integers only. What the RP2040 does in its interrupt (output_rp2.py) is done here in the same order and with the same
rounding.
"""

from micropython import const

from ..core import waveplan
from ..shared import shapes, units

_CHANCE_BEGIN = const(0xACE1)  # any number but 0: the same sequence of rests in every session
_TRIM_MIN_CODES = const(11)  # smaller samples keep their sign: ten codes are taken back at most


class Player:
    """zero_code: of the DAC; scale: this unit's shared.calibration.Scale. Everything else comes from the plan.

    Called by the sample callback alone, once armed.
    """

    def __init__(self, zero_code, scale):
        self._zero_code = zero_code
        self.begin(waveplan.Plan(), scale, 0)

    def begin(self, plan, scale, left):
        """A session begins. scale: this unit's shared.calibration.Scale; left: samples before the ramp down."""
        self._plan, self._next_plan = waveplan.Plan(), waveplan.Plan()  # the session's own one changes while it plays
        self._plan.take(plan)
        self.changes = False  # True while a change of plan waits for the end of a cycle
        self._scale = scale
        self._gain = scale.gain(plan.gain)
        self._lowest, self._highest = max(0, -scale.shift), units.DAC_STEPS - 1 - max(0, scale.shift)
        self._alternate_left = plan.alternate_cycles
        self._chance = _CHANCE_BEGIN
        self.left = left
        self.halves_at_change = 0
        self.trim = 0  # in 1/2**18 codes: what the net ledger wants taken back
        self._trim_owed = 0
        self.from_zero()

    def from_zero(self):
        """Contact is stable: from zero, at the beginning of a cycle; a change that waits is taken up."""
        if self.changes:
            self._take_up(0)
        plan = self._plan
        self.envelope = self._fraction = self._resting = self._second = 0
        self.wrapped = False
        self._phase, self._k = plan.phase_begin, plan.sample_begin
        self._burst_left = plan.burst_cycles
        self._cycle = plan.cycle_samples
        self._step = plan.ramp_step

    def change(self, plan):
        """Go on with another plan from the end of the cycle under way on."""
        self.changes = False  # from here on nothing is taken up
        self._next_plan.take(plan)
        self.changes = True

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands."""
        self._step = -self._plan.ramp_step

    def next(self, halves):
        """The next code, or -1 when the ramp down has ended. halves: phases finished so far, for a change of plan."""
        self.wrapped = False
        self.left -= 1
        if self.left == 0:
            self.ramp_down()
        self.envelope = min(max(self.envelope + self._step, 0), waveplan.ENVELOPE_ONE)
        if self.envelope == 0 and self._step < 0:
            return -1
        # The gain first: at the end of a cycle alternation turns it, for the next sample.
        gain = (self._gain * (self.envelope >> 16)) >> 12
        code = units.rounded_div(self._unit(halves) * gain, shapes.UNIT << waveplan.GAIN_SHIFT)
        if self.trim and abs(code) > _TRIM_MIN_CODES:
            code += self._trimmed()
        return min(max(self._zero_code + code, self._lowest), self._highest)

    def _trimmed(self):
        owed = self._trim_owed + self.trim
        codes = (owed + 131072) >> 18
        self._trim_owed = owed - (codes << 18)
        return codes

    def _unit(self, halves):
        """Value of the shape at this sample, -UNIT..UNIT; advances the cycle."""
        if self._resting:
            self._resting -= 1
            return 0
        plan = self._plan
        return self._table_unit(plan, halves) if plan.use_table else self._square_unit(plan, halves)

    def _table_unit(self, plan, halves):
        value = _between(plan, self._phase)
        if plan.second_step:
            value = (value + _between(plan, self._second)) >> 1
            self._second = (self._second + plan.second_step) & 0xFFFFFFFF
        self._phase += plan.phase_step
        if self._phase >> 32:
            self._phase &= 0xFFFFFFFF
            self._wrap(halves)
        return value - shapes.OFFSET

    def _square_unit(self, plan, halves):
        k, self._k = self._k, self._k + 1
        if self._k >= self._cycle:
            self._k = 0
            self._fraction += plan.cycle_fraction
            self._cycle = plan.cycle_samples + (self._fraction >> 30)
            self._fraction &= 0x3FFFFFFF
            self._wrap(halves)
        into = k - plan.gap_end if k >= plan.gap_end else k
        if into >= plan.width:
            return 0
        unit = shapes.UNIT
        if plan.slope:
            unit = min(unit, (into + 1) * plan.slope, (plan.width - into) * plan.slope)
        return unit if into == k else -unit * plan.balanced

    def _wrap(self, halves):
        """The end of a cycle."""
        self.wrapped = True
        if self.changes:
            self._take_up(halves)
        plan = self._plan
        if plan.burst_cycles:
            self._burst_left -= 1
            if self._burst_left <= 0:
                self._rest(plan)
        if plan.alternate_cycles:
            self._alternate_left -= 1
            if self._alternate_left <= 0:
                self._alternate_left = plan.alternate_cycles
                self._gain = -self._gain

    def _rest(self, plan):
        self._burst_left = plan.burst_cycles
        self._chance = (self._chance >> 1) ^ (0xB400 if self._chance & 1 else 0)
        self._resting = plan.rest_samples + ((self._chance >> 1) * plan.rest_span >> 15)

    def _take_up(self, halves):
        """Play the plan that waited from here on, with the sign that is played."""
        plan = self._next_plan
        self._plan, self._next_plan = plan, self._plan
        self.changes = False
        gain = abs(self._scale.gain(plan.gain))
        self._gain = -gain if self._gain < 0 else gain
        self._cycle = plan.cycle_samples
        self._k = self._phase = self._fraction = 0
        self.halves_at_change = halves


def _between(plan, phase):
    """A table's value at a phase, on the line between two points; OFFSET stands for zero."""
    place = phase >> (24 - plan.table_bits)
    at, part = place >> 8, place & 0xFF
    value = plan.table[at]
    slope = (plan.table[at + 1] - value) * part
    return value + ((slope + 128 + (slope >> 31)) >> 8)
