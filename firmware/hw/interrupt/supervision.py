"""Stages that decide whether the output may go on: what flows is compared with what was asked for.

A stage works on `s`, the words of one output (word.py), takes readings as arguments and returns what later stages need.
`reading` is the current in counts of the ADC from its zero, `size` its magnitude, `steps` the DAC code sent last from
its zero, `command` the code that the current should follow, `expected` its magnitude in counts.
Hard-ISR safe: integers only, nothing is allocated, nothing can raise.
"""

from ...shared import faults

ZERO_CODE = 2048  # all codes in the words count from the middle; SHIFT is added where a code is sent
FOLLOW_SENSING = 22  # counts, 12 uA beyond the command during the contact check; project default: noise and offsets
COMMANDED = 12  # counts, 6 uA: a command large enough to tell whether current follows; project default
NO_CURRENT = 3  # counts, 1.6 uA: noise and offset of the sense amplifier; project default
CONTACT = 11  # counts, 6 uA of the 8 that count as contact; project default
ASTRAY_MAX = 1  # samples in a row; project default: one alone may be a late interrupt that measured the sample before


def command_of(s):
    """What was on the output until now, and what its current should follow, in codes from zero.

    At the limit of the wire the DAC takes a code only when its sample is over: the current may show it one sample late.
    """
    steps = s.was - ZERO_CODE
    command = steps
    if s.sparse:
        if steps == 0:
            command = s.before
    return steps, command


def follow(s, reading, command):
    """Count the samples in which the current exceeds or opposes its command; it may fall short of it."""
    expected = (command * s.sense_of_code) >> 12
    along = reading
    if expected < 0:
        expected = 0 - expected
        along = 0 - along
    allowed = s.follow
    if s.sensing:
        if expected < FOLLOW_SENSING:  # not the rest of a treatment that the other output's lost contact has ended
            allowed = FOLLOW_SENSING
    astray = 0
    if along - expected > allowed:
        astray = s.astray + 1
    if along + allowed < 0:
        astray = s.astray + 1
    s.astray = astray
    return expected, astray


def judge(s, size, astray, pins, aborted, trip):
    """The fault that opens the gates, 0: none. Of several the last one tested here counts.

    pins: the levels of all pins; aborted: not 0 when the DAC did not acknowledge; trip: what the ledgers found.
    """
    if astray > ASTRAY_MAX:
        trip = faults.OUTPUT_ASTRAY
    if size > s.window:
        trip = faults.OVER_CURRENT
    if s.blocked > s.blocked_max:
        trip = faults.BUS_HUNG
    if aborted:
        trip = faults.DAC_NO_ACK
    high = pins & s.stop_mask
    if high:
        trip = faults.ESTOP
        if high & s.tripped_mask:
            trip = faults.COMPARATOR
    deadman = s.deadman - 1
    s.deadman = deadman
    if deadman < 0:
        trip = faults.SUPERVISOR_LATE
    return trip


def record_trip(s, trip, reading):
    """The first fault stays."""
    if s.trip == 0:
        s.trip = trip
        s.trip_reading = reading


def contact(s, size, steps, expected):
    """Look for the skin during the contact check; notice a lost contact, no current in spite of a command, later."""
    if expected >= COMMANDED:
        if s.sensing:
            if size >= CONTACT:
                s.good += 1
            elif steps == s.before:  # a sample after a step may show what was before it
                s.good = 0
        else:
            open_run = 0
            if size <= NO_CURRENT + (expected >> 4):
                open_run = s.open_run + 1
            s.open_run = open_run
            if open_run > s.open_max:
                s.lift_offs += 1
                seek_contact(s)


def seek_contact(s):
    """Both outputs return to the contact check at once, and begin together again."""
    other = ptr32(s.other)
    s.go = 0
    other.go = 0
    s.sensing = 1
    s.good = 0
    s.envelope = 0
    s.sense_k = 0
    other.sensing = 1
    other.good = 0
    other.envelope = 0
    other.sense_k = 0
