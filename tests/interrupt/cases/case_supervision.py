"""Stages of supervision.py: every number at its limit and one beyond, both directions of the current."""

from firmware.hw.interrupt import supervision
from firmware.shared import faults
from tests.interrupt.world import Words, World, effect

FOLLOW = 113


def output(**values: int) -> Words:
    """An output without a reason to stop, in its treatment."""
    healthy = {"window": 700, "follow": FOLLOW, "sense_of_code": 4096, "blocked_max": 3, "deadman": 1000, "open_max": 2}
    made = Words(**(healthy | values))
    World([made])
    return made


def test_numbers_are_those_of_the_project():
    """Counts of 0.54 uA: changing one of these changes what a treatment may do."""
    assert supervision.ZERO_CODE == 2048 and supervision.FOLLOW_SENSING == 22 and supervision.COMMANDED == 12
    assert supervision.NO_CURRENT == 3 and supervision.CONTACT == 11 and supervision.ASTRAY_MAX == 1


def test_what_was_sent_counts_from_the_middle():
    for code, steps in ((2048, 0), (2049, 1), (2047, -1), (2348, 300), (1748, -300), (0, -2048), (4095, 2047)):
        assert effect(supervision.command_of, output(was=code, before=77)) == ((steps, steps), {})


def test_on_the_sparse_wire_a_zero_still_shows_the_sample_before():
    for before in (300, -300):
        assert supervision.command_of(output(was=2048, before=before, sparse=1)) == (0, before)
        assert supervision.command_of(output(was=2149, before=before, sparse=1)) == (101, 101)
        assert supervision.command_of(output(was=1947, before=before, sparse=1)) == (-101, -101)
        assert supervision.command_of(output(was=2048, before=before, sparse=0)) == (0, 0)


def test_the_expected_current_is_the_command_in_counts_without_its_sign():
    for command, wanted in ((0, 0), (300, 292), (-300, 293), (1, 0), (-1, 1), (2047, 1999), (-2048, 2000)):
        assert supervision.follow(output(sense_of_code=4000), wanted if command >= 0 else -wanted, command)[0] == wanted


def test_the_current_may_exceed_its_command_by_the_tolerance_and_no_more():
    for sign in (1, -1):
        for excess, astray in ((0, 0), (FOLLOW, 0), (FOLLOW + 1, 6)):
            s = output(astray=5)
            assert effect(supervision.follow, s, sign * (300 + excess), sign * 300)[0] == (300, astray)
            assert s.astray == astray


def test_the_current_may_fall_short_but_oppose_its_command_only_within_the_tolerance():
    for sign in (1, -1):
        for opposing, astray in ((-200, 0), (0, 0), (FOLLOW, 0), (FOLLOW + 1, 6)):
            assert supervision.follow(output(astray=5), -sign * opposing, sign * 300) == (300, astray)


def test_without_a_command_neither_direction_may_exceed_the_tolerance():
    for reading, astray in ((FOLLOW, 0), (-FOLLOW, 0), (FOLLOW + 1, 1), (-FOLLOW - 1, 1)):
        assert supervision.follow(output(), reading, 0) == (0, astray)


def test_during_the_contact_check_less_excess_is_tolerated():
    for sign in (1, -1):
        for excess, astray in ((22, 0), (23, 1)):
            assert supervision.follow(output(sensing=1), sign * (16 + excess), sign * 16) == (16, astray)
        for opposing, astray in ((22, 0), (23, 1)):
            assert supervision.follow(output(sensing=1), -sign * opposing, sign * 16) == (16, astray)


def test_what_a_treatment_leaves_behind_keeps_its_tolerance_during_the_contact_check():
    for sign in (1, -1):
        assert supervision.follow(output(sensing=1), sign * (22 + FOLLOW), sign * 22) == (22, 0)
        assert supervision.follow(output(sensing=1), sign * (300 + FOLLOW), sign * 300) == (300, 0)
        assert supervision.follow(output(sensing=1), sign * (21 + FOLLOW), sign * 21) == (21, 1)


def judged(s: Words, size: int = 0, astray: int = 0, pins: int = 0, aborted: int = 0, trip: int = 0) -> int:
    """What judge() makes of an output with one thing wrong."""
    return supervision.judge(s, size, astray, pins, aborted, trip)


def test_a_healthy_output_is_judged_so_and_its_dead_man_counts_down():
    s = output(stop_mask=0b110, tripped_mask=0b100)
    assert effect(supervision.judge, s, 700, 1, 0b1001, 0, 0) == (0, {"deadman": 999})


def test_each_reason_stops_one_beyond_its_limit():
    assert judged(output(), astray=1) == 0 and judged(output(), astray=2) == faults.OUTPUT_ASTRAY
    assert judged(output(), size=700) == 0 and judged(output(), size=701) == faults.OVER_CURRENT
    assert judged(output(blocked=3)) == 0 and judged(output(blocked=4)) == faults.BUS_HUNG
    assert judged(output(), aborted=0x40) == faults.DAC_NO_ACK
    assert judged(output(deadman=1)) == 0 and judged(output(deadman=0)) == faults.SUPERVISOR_LATE
    assert judged(output(), trip=faults.CHARGE_LIMIT) == faults.CHARGE_LIMIT


def test_pins_stop_where_their_bit_is_high():
    for pins, trip in ((0b0001, 0), (0b0010, faults.ESTOP), (0b0100, faults.COMPARATOR), (0b0110, faults.COMPARATOR)):
        assert judged(output(stop_mask=0b0110, tripped_mask=0b0100), pins=pins) == trip


def test_of_several_reasons_the_later_one_counts():
    masks = {"stop_mask": 0b11, "tripped_mask": 0b10}
    assert judged(output(**masks), trip=21, astray=2) == faults.OUTPUT_ASTRAY
    assert judged(output(**masks), astray=2, size=701) == faults.OVER_CURRENT
    assert judged(output(**masks, blocked=4), size=701) == faults.BUS_HUNG
    assert judged(output(**masks, blocked=4), aborted=1) == faults.DAC_NO_ACK
    assert judged(output(**masks), aborted=1, pins=0b01) == faults.ESTOP
    assert judged(output(**masks), aborted=1, pins=0b11) == faults.COMPARATOR
    assert judged(output(**masks, deadman=0), pins=0b11) == faults.SUPERVISOR_LATE


def test_the_first_fault_stays_with_its_reading():
    for reading in (455, -455):
        s = output()
        assert effect(supervision.record_trip, s, 4, reading)[1] == {"trip": 4, "trip_reading": reading}
        assert effect(supervision.record_trip, s, 1, 9)[1] == {}


def test_contact_is_current_at_the_sensing_level():
    for size, good in ((300, 6), (12, 6), (11, 6), (10, 0)):
        for steps in (16, -16, 300):
            s = output(sensing=1, good=5, before=steps)
            effect(supervision.contact, s, size, steps, 15)
            assert s.good == good


def test_a_sample_after_a_step_neither_counts_nor_begins_anew():
    for steps in (16, -16):
        s = output(sensing=1, good=5, before=-steps)
        assert effect(supervision.contact, s, 10, steps, 15)[1] == {}


def test_a_command_too_small_to_tell_changes_nothing():
    for sensing in (0, 1):
        s = output(sensing=sensing, good=5, open_run=1, before=10)
        assert effect(supervision.contact, s, 0, 10, 11)[1] == {}
        assert effect(supervision.contact, s, 0, 10, 12)[1] != {}


def test_no_current_is_three_counts_and_a_sixteenth_of_what_is_expected():
    for expected, largest in ((12, 3), (16, 4), (320, 23)):
        s = output(open_run=1)
        assert effect(supervision.contact, s, largest, 300, expected)[1] == {"open_run": 2}
        assert effect(supervision.contact, s, largest + 1, 300, expected)[1] == {"open_run": 0}


def test_more_samples_without_current_than_permitted_are_a_lost_contact():
    s = output(open_run=1, go=1, good=9, envelope=1 << 28, sense_k=7, lift_offs=3)
    assert effect(supervision.contact, s, 0, 300, 300)[1] == {"open_run": 2}
    changed = effect(supervision.contact, s, 0, 300, 300)[1]
    assert changed == {
        "open_run": 3, "lift_offs": 4, "go": 0, "sensing": 1, "good": 0, "envelope": 0, "sense_k": 0,
    }  # fmt: skip


def test_a_lost_contact_of_one_output_sends_both_to_the_contact_check():
    busy = {"go": 1, "good": 9, "envelope": 1 << 28, "sense_k": 7, "open_max": 2, "open_run": 2}
    for lost in (0, 1):
        pair = [Words(**busy), Words(**busy)]
        World(pair)
        before = list(pair[1 - lost].kept)
        supervision.contact(pair[lost], 0, 300, 300)
        assert pair[1 - lost].differing(before) == {"go": 0, "sensing": 1, "good": 0, "envelope": 0, "sense_k": 0}
        assert pair[lost].sensing == 1 and pair[lost].go == pair[lost].envelope == pair[lost].sense_k == 0
        assert pair[lost].good == 0
        assert pair[lost].lift_offs == 1 and pair[1 - lost].lift_offs == 0
