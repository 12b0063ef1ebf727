"""Stages that compute the next DAC code: contact check, ramp, shape, rounding, and what happens at the end of a cycle.

Codes count from 2048, fractions of a code in 1/2**18. Hard-ISR safe: integers only, nothing is allocated, nothing can
raise.
"""

from ...core import waveplan
from ...shared import shapes
from . import word
from .supervision import ZERO_CODE

HALF_CODE = 131072  # 1/2**18 codes
ONE_CODE = 262144
NEAR_MIDDLE = 98304  # 3/8 code: a sample so near to the middle of two codes may take the other one
TRIM_FROM = 11  # codes: ten are taken back at most, so smaller samples keep their sign
DONE_SAMPLES = 4  # the zero code is out for three samples before the gate opens
CHANCE_TAPS = 0xB400  # of a 16-bit Galois register: 65535 different rests before they repeat


def choose_level(s):
    """1 while the contact check is played; the main loop's go ends it, for both outputs within one interrupt."""
    checking = s.sensing
    if checking:
        if s.go:
            s.go = 0
            s.sensing = 0
            other = ptr32(s.other)
            other.sensing = 0
            checking = 0
    return checking


def sensing_code(s):
    """The next code of the contact check: a square of 100 Hz."""
    at = s.sense_k + 1
    half = s.sense_half
    if at >= half + half:
        at = 0
    s.sense_k = at
    code = ZERO_CODE + s.sense_step
    if at >= half:
        code = ZERO_CODE - s.sense_step
    return code


def envelope(s):
    """The ramp factor of this sample. At the end of the time it begins to fall; at zero the session is over."""
    left = s.left - 1
    s.left = left
    if left == 0:
        s.envelope_step = 0 - s.down_step
    factor = s.envelope + s.envelope_step
    if factor >> 28:
        if factor < 0:
            factor = 0
            s.run = 0
            s.done = DONE_SAMPLES
        else:
            factor = waveplan.ENVELOPE_ONE
    s.envelope = factor
    return factor


def unit(s):
    """The shape at this sample, -UNIT to UNIT, and 1 when it is the last one of its cycle."""
    value = 0
    wrapped = 0
    resting = s.resting
    if resting:
        s.resting = resting - 1
    elif s.use_table:
        value, wrapped = table_unit(s)
    else:
        value, wrapped = square_unit(s)
    return value, wrapped


def table_unit(s):
    """From a table, on the line between two points; a second frequency is added at the same amplitude."""
    phase = s.phase
    value = between(s, phase)
    step = s.second_step
    if step:
        second = s.second
        s.second = second + step
        value_2 = between(s, second)
        value = (value + value_2) >> 1
    value -= shapes.OFFSET
    next_phase = phase + s.phase_step
    s.phase = next_phase
    wrapped = 0
    if phase < 0:
        if next_phase >= 0:
            wrapped = 1
    return value, wrapped


def between(s, phase):
    """A table's value at a phase; OFFSET stands for zero. Halves round away from zero: both half waves alike."""
    table = ptr16(s.table_at)
    shift = s.table_shift
    at = (phase >> shift) & s.table_mask
    value = table[at]
    rise = (table[at + 1] - value) * ((phase >> (shift - 8)) & 0xFF)
    value += (rise + 128 + (rise >> 31)) >> 8
    return value


def square_unit(s):
    """A rectangular phase, the gap, the second phase, then nothing; edges rise and fall by SLOPE."""
    k = s.k
    into = k
    if k >= s.gap_end:
        into = k - s.gap_end
    value = 0
    left = s.width - into
    if left > 0:
        value = shapes.UNIT
        slope = s.slope
        if slope:
            edge = left * slope
            if edge < value:
                value = edge
            edge = (into + 1) * slope
            if edge < value:
                value = edge
        if into != k:
            value = value * s.mirror
    k += 1
    wrapped = 0
    if k >= s.n_this:
        k = 0
        fraction = s.fraction + s.fraction_step
        s.fraction = fraction & 0x3FFFFFFF
        s.n_this = s.n_base + (fraction >> 30)
        wrapped = 1
    s.k = k
    return value, wrapped


def rounded_code(value):
    """The code nearest to an amplitude in 1/2**18 codes; halves away from zero."""
    if value < 0:
        code = ZERO_CODE - ((HALF_CODE - value) >> 18)
    else:
        code = ZERO_CODE + ((value + HALF_CODE) >> 18)
    return code


def pay(s, value, code, wrapped):
    """What rounding left of the cycle before is paid back, one code at a time, by samples near the middle of two."""
    rest = ((code - ZERO_CODE) << 18) - value
    debt = s.debt
    if debt > 0:
        if rest > NEAR_MIDDLE:
            code -= 1
            rest -= ONE_CODE
            s.debt = debt - 1
    elif debt < 0:
        if rest + NEAR_MIDDLE < 0:
            code += 1
            rest += ONE_CODE
            s.debt = debt + 1
    owed = rest + s.owed
    s.owed = owed
    if wrapped:
        s.debt = (owed + HALF_CODE) >> 18
    return code


def trim(s, code):
    """What the net ledger has shown is taken back, at most ten codes."""
    height = code - ZERO_CODE
    if height < 0:
        height = 0 - height
    if height > TRIM_FROM:
        owed = s.trim + s.trim_owed
        codes = (owed + HALF_CODE) >> 18
        s.trim_owed = owed - (codes << 18)
        code += codes
    return code


def bounded(s, code):
    """No code outside what this unit's zero leaves of the DAC's range."""
    if code < s.low:
        code = s.low
    if code > s.high:
        code = s.high
    return code


def take_up(s):
    """A change begins with a cycle; it keeps the sign that is played."""
    s.changed = 0
    gain = s.gain
    index = ptr8(s.change_at)
    for k in range(word.PLAN_LENGTH):
        s[index[k]] = s[word.NEW + k]
    if gain < 0:
        s.gain = 0 - s.gain
    if s.locked == 0:
        s.phase = 0
        s.k = 0
        s.fraction = 0
        s.n_this = s.n_base
    if s.burst_left < 1:
        s.burst_left = s.burst_cycles


def rest(s):
    """A burst may end with this cycle: then nothing is played for a while, by the generator of random rests."""
    burst_left = s.burst_left - 1
    if burst_left == 0:
        burst_left = s.burst_cycles
        samples = s.rest
        if s.rest_span:
            chance = s.chance
            low_bit = chance & 1
            chance = chance >> 1
            if low_bit:
                chance ^= CHANCE_TAPS
            s.chance = chance
            samples += ((chance >> 1) * s.rest_span) >> 15
        s.resting = samples
    s.burst_left = burst_left


def end_of_cycle(s):
    """Changes, rests and the other polarity begin between two cycles."""
    if s.changed:
        take_up(s)
    if s.burst_cycles:
        rest(s)
    if s.alternate_cycles:
        alternate_left = s.alternate_left - 1
        if alternate_left == 0:
            alternate_left = s.alternate_cycles
            s.gain = 0 - s.gain
        s.alternate_left = alternate_left


def treatment_code(s):
    """The next code of the treatment, and 1 when it ends a cycle."""
    factor = envelope(s)
    value, wrapped = unit(s)
    value = value * ((s.gain * (factor >> 16)) >> 12)
    code = rounded_code(value)
    if s.pays:
        code = pay(s, value, code, wrapped)
    if s.trim:
        code = trim(s, code)
    code = bounded(s, code)
    if wrapped:
        end_of_cycle(s)
    if factor != waveplan.ENVELOPE_ONE:
        s.net_begun = 0  # cycles of a ramp do not balance: the net ledger begins with a full one
    return code, wrapped


def finish(s):
    """The ramp has ended: 1 when the zero code has been out for three samples and the gate may open."""
    open_now = 0
    done = s.done - 1
    s.done = done
    if done == 1:
        open_now = 1
    return open_now


def play(s):
    """Compute the next code. A cycle's last sample is sent in the next interrupt and measured in the one after."""
    s.wrapped_before = s.wrapped
    s.samples += 1
    checking = choose_level(s)
    if checking:
        code = sensing_code(s)
        wrapped = 0
    else:
        code, wrapped = treatment_code(s)
    s.next = code
    s.wrapped = wrapped


def stand_still(s):
    """The next code is zero."""
    s.wrapped_before = s.wrapped
    s.wrapped = 0
    s.next = ZERO_CODE
