"""Stages that keep the books of what flowed: net charge, phases, voltages, and the last samples before a fault.

The names of arguments are those of supervision.py. Hard-ISR safe: integers only, nothing is allocated, nothing can
raise.
"""

from ...shared import faults
from .supervision import ZERO_CODE

IDLE = 9  # counts, 4.8 uA that a stage without calibration may show while none is asked for; project default
HISTORY_MASK = 63  # 64 samples are kept


def phase_charge(s, reading, size, command):
    """Charge of the phase under way with this sample, the sign of the command, and CHARGE_LIMIT when it is too much."""
    sign = (command >> 31) - ((0 - command) >> 31)  # -1, 0 or 1
    phase_sum = reading
    if sign == s.phase_sign:
        phase_sum = s.phase_sum + reading
    if sign == 0:
        if size < IDLE:
            phase_sum = 0
    charge = phase_sum
    if charge < 0:
        charge = 0 - charge
    trip = 0
    if charge > s.phase_limit:
        trip = faults.CHARGE_LIMIT
    return phase_sum, sign, trip


def net_charge(s, reading, trip):
    """The ledger of whole cycles at full amplitude, closed about once a second: too much net current is a fault."""
    net = s.net + reading
    count = s.net_samples + 1
    if s.wrapped_before:
        if s.net_begun == 0:
            s.net_begun = 1
            net = 0
            count = 0
        elif count >= s.net_samples_min:
            size_of_net = net
            if size_of_net < 0:
                size_of_net = 0 - size_of_net
            if size_of_net > (count * s.net_limit) >> 4:
                trip = faults.DC_IMBALANCE
            s.ledger = net
            s.ledger_samples = count
            s.ledgers += 1
            net = 0
            count = 0
    s.net = net
    s.net_samples = count
    return trip


def history(s, steps, count):
    """Keep the last samples for whoever has to understand a fault; they stand still a little after it."""
    kept = ptr32(s.history)
    at = s.history_at
    kept[at] = ((steps + ZERO_CODE) << 12) | count
    s.history_at = (at + 1) & HISTORY_MASK
    if s.trip:
        s.history_left -= 1


def account(s, reading, size, steps, sign, phase_sum):
    """Account for the sample that was on the output until now."""
    s.before = steps
    if sign != s.phase_sign:
        close_phase(s, sign)
    s.phase_sum = phase_sum
    s.phase_command += steps
    s.sum_net += reading
    if size > s.peak_current:
        s.peak_current = size


def close_phase(s, sign):
    """The command has changed its sign: a phase is over, another one begins."""
    if s.phase_sign:
        s.halves += 1
        skip = s.skip
        if s.sensing:
            skip = 0
        if skip == 0:  # what the contact check was cut off at has had no time to charge the skin
            s.late_i = s.peak_i
            s.late_v = s.peak_v
        s.end_i = s.last_i
        s.end_v = s.last_v
        s.peak_c = 0
        s.peak_a = 0
        s.step_due = 1
        if s.sensing:
            s.skip = 1
        elif s.skip:
            s.skip = 0  # the tail of the contact check is no phase of the treatment
        else:
            count_phase(s)
    s.phase_sign = sign
    s.phase_command = 0


def count_phase(s):
    """A phase of the treatment: did it reach 90 % of the charge it was asked for?"""
    charge = s.phase_sum
    asked = s.phase_command
    s.last_phase = charge
    s.phases += 1
    if charge < 0:
        charge = 0 - charge
    if asked < 0:
        asked = 0 - asked
    if charge * s.full_sense >= asked * s.full_command:
        s.full_phases += 1


def voltage(s, reading, size, steps, command, volts):
    """What impedance is made of. volts: the output voltage, or what the main loop asked for instead, as ADC count."""
    if s.aux_now:
        s.aux_now = 0
        s.aux_result = volts
        s.step_due = 0
    else:
        level = volts - 2048
        s.last_v = level
        s.last_i = reading
        if s.step_due:
            s.step_due = 0
            # From one phase to the next the skin's capacity keeps its voltage: this step is the series resistance's.
            s.step_i = reading - s.end_i
            s.step_v = level - s.end_v
        peak_of_phase(s, reading, command, level)
        if command:
            if s.sensing == 0:
                s.sum_abs += size
                if steps:
                    s.active += 1


def peak_of_phase(s, reading, command, level):
    """The phase's impedance: the current of its largest command, at last, and the largest voltage since."""
    asked = command
    if asked < 0:
        asked = 0 - asked
    height = level
    if height < 0:
        height = 0 - height
    if asked >= s.peak_c:
        s.peak_c = asked
        s.peak_i = reading
        s.peak_a = 0
    if height >= s.peak_a:
        s.peak_a = height
        s.peak_v = level
    if height > s.peak_voltage:
        s.peak_voltage = height
