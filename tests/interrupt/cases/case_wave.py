"""Stages of wave.py: the next code, every branch, every number at its limit and one beyond, both signs."""

from firmware.core import waveplan
from firmware.hw.interrupt import wave, word
from firmware.shared import shapes
from tests.interrupt.world import Words, World, effect, placed

ONE = waveplan.ENVELOPE_ONE
CODE = 1 << 18  # of an amplitude in 1/2**18 codes


def output(**values: int) -> Words:
    """An output at full amplitude in a square of ten samples."""
    made = Words(
        **(
            {
                "run": 1, "envelope": ONE, "envelope_step": 1000, "down_step": 1000, "left": 1000, "gain": 16 * 300,
                "width": 5, "gap_end": 5, "n_this": 10, "n_base": 10, "mirror": -1, "low": 0, "high": 4095,
            }
            | values
        )
    )  # fmt: skip
    World([made])
    return made


def test_numbers_are_those_of_the_project():
    assert wave.HALF_CODE == CODE // 2 and wave.ONE_CODE == CODE and wave.NEAR_MIDDLE == 3 * CODE // 8
    assert wave.TRIM_FROM == 11 and wave.DONE_SAMPLES == 4 and wave.CHANCE_TAPS == 0xB400


def test_the_contact_check_lasts_until_the_main_loop_says_go():
    assert effect(wave.choose_level, output(sensing=1)) == (1, {})
    assert effect(wave.choose_level, output(sensing=0, go=1)) == (0, {})
    pair = [Words(sensing=1, go=1), Words(sensing=1, go=1)]
    World(pair)
    before = list(pair[1].kept)
    assert effect(wave.choose_level, pair[0]) == (0, {"go": 0, "sensing": 0})
    assert pair[1].differing(before) == {"sensing": 0}


def test_the_contact_check_is_a_square_of_two_half_waves():
    s = output(sense_half=3, sense_step=16, sense_k=4)
    codes = [wave.sensing_code(s) for _ in range(7)]
    assert codes == [2032, 2064, 2064, 2064, 2032, 2032, 2032] and s.sense_k == 5


def test_the_ramp_rises_to_one_and_stays():
    s = output(envelope=ONE - 1500, envelope_step=1000)
    assert effect(wave.envelope, s) == (ONE - 500, {"left": 999, "envelope": ONE - 500})
    assert effect(wave.envelope, s) == (ONE, {"left": 998, "envelope": ONE})
    assert effect(wave.envelope, s) == (ONE, {"left": 997})
    assert effect(wave.envelope, output(envelope=ONE - 1001, envelope_step=1000))[0] == ONE - 1


def test_at_the_end_of_its_time_the_ramp_falls():
    s = output(left=1)
    assert effect(wave.envelope, s) == (ONE - 1000, {"left": 0, "envelope_step": -1000, "envelope": ONE - 1000})
    assert effect(wave.envelope, s) == (ONE - 2000, {"left": -1, "envelope": ONE - 2000})


def test_below_zero_the_session_is_over():
    s = output(envelope=1000, envelope_step=-1000)
    assert effect(wave.envelope, s) == (0, {"left": 999, "envelope": 0})
    assert effect(wave.envelope, s) == (0, {"left": 998, "run": 0, "done": 4})


def test_a_rest_plays_nothing_and_counts_down():
    s = output(resting=2, k=3)
    assert effect(wave.unit, s) == ((0, 0), {"resting": 1})
    assert effect(wave.unit, s) == ((0, 0), {"resting": 0})
    assert effect(wave.unit, s) == ((shapes.UNIT, 0), {"k": 4})


def with_points(s: Words, *values: int) -> Words:
    """The output with a table of these values about OFFSET."""
    s.table_at = placed([shapes.OFFSET + value for value in values])
    return s


def curve(**values: int) -> Words:
    """An output that plays a table of four points and the fifth that closes it."""
    common = {"use_table": 1, "table_shift": 30, "table_mask": 3, "phase_step": 1 << 28}
    return with_points(output(**(common | values)), 0, 8000, 0, -8000, 0)


def test_a_table_is_read_on_the_line_between_two_points():
    quarter = 1 << 28
    s = curve()
    assert effect(wave.unit, s) == ((0, 0), {"phase": quarter})
    assert [wave.unit(s)[0] for _ in range(7)] == [2000, 4000, 6000, 8000, 6000, 4000, 2000]
    assert [wave.unit(s) for _ in range(8)] == [
        (0, 0), (-2000, 0), (-4000, 0), (-6000, 0), (-8000, 0), (-6000, 0), (-4000, 0), (-2000, 1),
    ]  # fmt: skip
    assert s.phase == 0


def test_halves_between_points_round_away_from_zero():
    for rise, value in ((1, 1), (-1, -1), (3, 2), (-3, -2)):
        s = with_points(curve(phase=1 << 29), 0, rise, 0, 0, 0)
        assert wave.unit(s)[0] == value, rise


def test_only_the_step_over_zero_ends_a_cycle():
    for phase, wrapped in ((-(1 << 28), 1), (-(1 << 28) - 1, 0), (0, 0), ((1 << 31) - 1, 0), (-1, 1)):
        assert wave.unit(curve(phase=phase))[1] == wrapped, phase


def test_a_second_frequency_is_added_at_half_of_both():
    s = curve(phase=1 << 30, second=1 << 29, second_step=1 << 27)
    assert effect(wave.unit, s) == (
        ((8000 + 4000) // 2, 0), {"phase": (1 << 30) + (1 << 28), "second": (1 << 29) + (1 << 27)},
    )  # fmt: skip
    s = curve(phase=-(1 << 30), second=1 << 29, second_step=1 << 27)
    assert wave.unit(s) == (-2000, 0)


def test_a_square_has_two_phases_of_equal_width():
    s = output(width=2, gap_end=5)
    assert [wave.square_unit(s)[0] // shapes.UNIT for _ in range(10)] == [1, 1, 0, 0, 0, -1, -1, 0, 0, 0]
    assert s.k == 0
    s = output(width=2, gap_end=5, mirror=0)
    assert [wave.square_unit(s)[0] // shapes.UNIT for _ in range(10)] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_a_squares_edges_rise_and_fall_by_its_slope():
    s = output(width=4, gap_end=5, slope=7000)
    edge = [7000, 14000, 14000, 7000, 0]
    assert [wave.square_unit(s)[0] for _ in range(10)] == edge + [-value for value in edge]
    s = output(width=5, gap_end=5, slope=8192)
    assert [wave.square_unit(s)[0] for _ in range(5)] == [8192, 16384, 16384, 16384, 8192]


def test_a_cycle_ends_with_its_last_sample_and_carries_its_fraction():
    s = output(k=9, fraction=3 << 28, fraction_step=1 << 29, n_base=10)
    assert effect(wave.square_unit, s) == ((-shapes.UNIT, 1), {"k": 0, "fraction": 1 << 28, "n_this": 11})
    s = output(k=9, fraction=1, fraction_step=1 << 29, n_this=11)
    assert effect(wave.square_unit, s) == ((-shapes.UNIT, 0), {"k": 10})
    assert effect(wave.square_unit, s) == ((0, 1), {"k": 0, "fraction": (1 << 29) + 1, "n_this": 10})


def test_codes_round_halves_away_from_zero():
    for value, code in ((0, 0), (CODE // 2 - 1, 0), (CODE // 2, 1), (CODE, 1), (CODE * 3 // 2, 2), (CODE * 300, 300)):
        assert wave.rounded_code(value) == 2048 + code
        assert wave.rounded_code(-value) == 2048 - code


def test_rounding_is_added_up_and_becomes_a_debt_with_the_cycle():
    s = output(owed=CODE // 4)
    assert effect(wave.pay, s, CODE // 4, 2048, 0) == (2048, {"owed": 0})
    assert effect(wave.pay, s, -CODE // 4, 2048, 1) == (2048, {"owed": CODE // 4})
    for owed, debt in ((CODE // 2, 1), (CODE // 2 - 1, 0), (-CODE // 2, 0), (-CODE // 2 - 1, -1), (3 * CODE, 3)):
        s = output(owed=owed, debt=9)
        wave.pay(s, 0, 2048, 1)
        assert s.debt == debt, owed


def test_a_debt_is_paid_by_samples_near_the_middle():
    """The code is above the value by `rest`: with a debt above zero one code less is sent from 3/8 of a code on."""
    for debt, rest, paid in (
        (2, 98305, -1),
        (2, 98304, 0),
        (-2, -98305, 1),
        (-2, -98304, 0),
        (0, 120000, 0),
        (0, -120000, 0),
    ):
        s = output(debt=debt)
        code, changed = effect(wave.pay, s, -rest, 2048, 0)
        assert code == 2048 + paid, (debt, rest)
        assert changed.get("debt", debt) == debt + paid and s.owed == rest + paid * CODE


def test_trimming_leaves_small_samples_alone_and_carries_what_is_left():
    for sign in (1, -1):
        assert effect(wave.trim, output(trim=CODE), 2048 + sign * 11) == (2048 + sign * 11, {})
        assert effect(wave.trim, output(trim=CODE), 2048 + sign * 12) == (2048 + sign * 12 + 1, {})
        s = output(trim=sign * CODE // 4, trim_owed=sign * CODE // 4)
        code, changed = effect(wave.trim, s, 2348)
        assert (code, changed) == ((2349, {"trim_owed": -CODE // 2}) if sign > 0 else (2348, {"trim_owed": -CODE // 2}))
        assert wave.trim(output(trim=sign * 10 * CODE), 2348) == 2348 + sign * 10


def test_no_code_leaves_the_units_range():
    s = output(low=30, high=4000)
    assert [wave.bounded(s, code) for code in (29, 30, 31, 3999, 4000, 4001)] == [30, 30, 31, 3999, 4000, 4000]


def change(**values: int) -> Words:
    """An output with a change that waits: every word of a plan gets another number."""
    s = output(changed=1, **values)
    s.change_at = placed(list(word.PLAN))
    for at, index in enumerate(word.PLAN):
        s[word.NEW + at] = 1000 + index
    return s


def test_a_change_sets_every_word_of_a_plan():
    s = change(k=3, phase=4, fraction=5, burst_left=7)
    wave.take_up(s)
    assert s.changed == 0 and [s[index] for index in word.PLAN] == [1000 + index for index in word.PLAN]
    assert (s.k, s.phase, s.fraction, s.n_this, s.burst_left) == (0, 0, 0, 1000 + word.N_BASE, 7)


def test_a_change_keeps_the_sign_that_is_played():
    for gain, sign in ((5, 1), (0, 1), (-5, -1)):
        s = change(gain=gain)
        wave.take_up(s)
        assert s.gain == sign * (1000 + word.GAIN)


def test_a_locked_channel_keeps_its_place_in_the_cycle():
    s = change(k=3, phase=4, fraction=5, n_this=6, locked=1)
    wave.take_up(s)
    assert (s.k, s.phase, s.fraction, s.n_this) == (3, 4, 5, 6)


def test_a_change_to_bursts_begins_with_a_whole_one():
    for left, wanted in ((1, 1), (0, 1000 + word.BURST_CYCLES), (-4, 1000 + word.BURST_CYCLES)):
        s = change(burst_left=left)
        wave.take_up(s)
        assert s.burst_left == wanted


def test_a_rest_follows_the_last_cycle_of_a_burst():
    s = output(burst_cycles=3, burst_left=2, rest=40)
    assert effect(wave.rest, s)[1] == {"burst_left": 1}
    assert effect(wave.rest, s)[1] == {"burst_left": 3, "resting": 40}


def test_a_random_rest_moves_the_generator():
    s = output(burst_cycles=1, burst_left=1, rest=40, rest_span=100, chance=0xACE1)
    assert effect(wave.rest, s)[1] == {"chance": 0xE270, "resting": 40 + (0x7138 * 100 >> 15)}
    assert effect(wave.rest, s)[1] == {"chance": 0x7138, "resting": 40 + (0x389C * 100 >> 15)}


def test_the_generator_returns_after_65535_rests():
    s, seen = output(burst_cycles=1, burst_left=1, rest_span=0xFFFF, chance=1), set()
    for _ in range(65535):
        wave.rest(s)
        seen.add(s.chance)
        assert 0 <= s.resting <= 0xFFFF
    assert len(seen) == 65535 and s.chance == 1


def test_between_two_cycles_the_change_comes_first_then_rests_then_the_sign():
    s = change(alternate_cycles=2, alternate_left=1, gain=-7, burst_left=1)
    s[word.NEW + word.PLAN.index(word.ALTERNATE_CYCLES)] = 5
    s[word.NEW + word.PLAN.index(word.BURST_CYCLES)] = 4
    wave.end_of_cycle(s)
    assert (s.alternate_left, s.gain, s.burst_left, s.resting) == (5, 1000 + word.GAIN, 4, 1000 + word.REST)
    assert effect(wave.end_of_cycle, output())[1] == {}


def test_the_sign_changes_after_so_many_cycles():
    s = output(alternate_cycles=3, alternate_left=2, gain=-7)
    assert effect(wave.end_of_cycle, s)[1] == {"alternate_left": 1}
    assert effect(wave.end_of_cycle, s)[1] == {"alternate_left": 3, "gain": 7}


def test_the_code_of_a_treatment_is_shape_times_amplitude_times_ramp():
    for sign in (1, -1):
        s = output(gain=sign * 16 * 300)
        assert [wave.treatment_code(s) for _ in range(6)] == [(2048 + sign * 300, 0)] * 5 + [(2048 - sign * 300, 0)]
        s = output(gain=sign * 16 * 300, envelope=ONE // 2, envelope_step=0, net_begun=1)
        assert wave.treatment_code(s) == (2048 + sign * 150, 0) and s.net_begun == 0


def test_the_net_ledger_goes_on_at_full_amplitude_only():
    s = output(net_begun=1)
    wave.treatment_code(s)
    assert s.net_begun == 1
    s = output(net_begun=1, envelope=ONE - 2, envelope_step=1)
    wave.treatment_code(s)
    assert s.net_begun == 0


def test_paying_trimming_and_bounds_apply_where_they_are_asked_for():
    assert wave.treatment_code(output(gain=16 * 300 + 6))[0] == 2348
    assert wave.treatment_code(output(gain=16 * 300 + 7, pays=1, debt=-1))[0] == 2349
    assert wave.treatment_code(output(gain=16 * 300 + 7, pays=0, debt=-1))[0] == 2348
    assert wave.treatment_code(output(trim=CODE))[0] == 2349
    assert wave.treatment_code(output(high=2300))[0] == 2300


def test_the_last_sample_of_a_cycle_takes_up_what_waits():
    s = change(k=9, gain=16 * 300)
    assert wave.treatment_code(s) == (1748, 1) and s.changed == 0
    s = change(k=8, gain=16 * 300)
    assert wave.treatment_code(s) == (1748, 0) and s.changed == 1


def test_after_the_ramp_zero_is_out_for_three_samples():
    s = output(run=0, done=4)
    assert [effect(wave.finish, s) for _ in range(3)] == [(0, {"done": 3}), (0, {"done": 2}), (1, {"done": 1})]


def test_the_next_code_and_what_is_remembered_of_the_cycle():
    s = output(wrapped=1, k=8)
    changed = {"wrapped_before": 1, "wrapped": 0, "samples": 1, "next": 1748, "k": 9, "left": 999}
    assert effect(wave.play, s)[1] == changed
    assert effect(wave.play, s)[1]["wrapped"] == 1 and s.wrapped_before == 0 and s.samples == 2


def test_a_stopped_output_plays_zero():
    s = output(next=2300, wrapped=1)
    assert effect(wave.stand_still, s)[1] == {"next": 2048, "wrapped": 0, "wrapped_before": 1}
    assert effect(wave.stand_still, s)[1] == {"wrapped_before": 0}


def test_the_contact_check_has_no_cycles_and_spends_no_time():
    s = output(sensing=1, sense_half=20, sense_step=16, sense_k=0, wrapped=1, k=9)
    changed = {"wrapped_before": 1, "wrapped": 0, "samples": 1, "next": 2064, "sense_k": 1}
    assert effect(wave.play, s)[1] == changed


def test_the_sample_with_go_is_the_first_of_the_treatment():
    s = output(sensing=1, go=1)
    wave.play(s)
    assert (s.next, s.sensing, s.go, s.left) == (2348, 0, 0, 999)


def test_numbers_that_a_bit_operation_would_not_tell():
    """What `|`, `^` or `>>` give for the small numbers of the cases above, they do not give for these."""
    for debt, rest, paid in ((3, 98305, -1), (1, 98305, -1), (-3, -98305, 1), (-4, -98305, 1), (-3, 0, 0)):
        s = output(debt=debt)
        assert wave.pay(s, -rest, 2048, 0) == 2048 + paid and s.debt == debt + paid
    assert wave.unit(curve(second=3 << 27, second_step=1 << 27, phase=1 << 30))[0] == (8000 + 3000) // 2
    s = curve(second=3 << 27, second_step=1 << 27)
    wave.unit(s)
    assert s.second == 1 << 29
    assert effect(wave.unit, output(resting=3))[1] == {"resting": 2}
    assert effect(wave.rest, output(burst_cycles=9, burst_left=5))[1] == {"burst_left": 4}
    assert effect(wave.end_of_cycle, output(alternate_cycles=9, alternate_left=5))[1] == {"alternate_left": 4}
    s = output(k=9, fraction=1 << 29, fraction_step=1 << 29, n_base=11)
    assert effect(wave.square_unit, s)[1] == {"k": 0, "fraction": 0, "n_this": 12}


def test_rounding_is_paid_at_any_code():
    for code in (2348, 1748, 2047, 4095, 0):
        for rest in (0, 100, -100, 98305):
            s = output(owed=7)
            assert wave.pay(s, ((code - 2048) << 18) - rest, code, 0) == code and s.owed == 7 + rest


def test_a_table_of_1024_points_is_read_between_unequal_points():
    s = with_points(curve(phase=(1 << 30) + (1 << 29)), 0, 8000, 4000, -8000, 0)
    assert wave.unit(s)[0] == 6000
    s = output(use_table=1, table_shift=22, table_mask=1023, phase=(5 << 22) + (255 << 14))
    with_points(s, *([0] * 5), 1000, 1256, *([0] * 1018))
    assert wave.unit(s)[0] == 1255


def test_time_that_is_over_ends_nothing_twice():
    assert effect(wave.envelope, output(left=0, envelope_step=500, envelope=0))[1] == {"left": -1, "envelope": 500}
    assert effect(wave.rest, output(burst_cycles=3, burst_left=0, rest=40))[1] == {"burst_left": -1}
    s = output(alternate_cycles=3, alternate_left=0, gain=7)
    assert effect(wave.end_of_cycle, s)[1] == {"alternate_left": -1}
    assert effect(wave.finish, output(done=1)) == (0, {"done": 0})


def test_the_smallest_step_below_zero_ends_the_ramp():
    s = output(envelope=999, envelope_step=-1000)
    assert effect(wave.envelope, s) == (0, {"left": 999, "envelope": 0, "run": 0, "done": 4})


def test_what_lies_beyond_its_cycle_begins_anew():
    assert effect(wave.sensing_code, output(sense_half=3, sense_step=16, sense_k=9)) == (2064, {"sense_k": 0})
    assert effect(wave.sensing_code, output(sense_half=200, sense_step=16, sense_k=399)) == (2064, {"sense_k": 0})
    assert wave.square_unit(output(k=12, n_this=10))[1] == 1
    assert wave.square_unit(output(k=299, n_this=300, width=150, gap_end=150))[1] == 1


def test_ten_codes_are_too_few_to_be_trimmed():
    for code in (2058, 2038):
        assert effect(wave.trim, output(trim=CODE), code) == (code, {})


def test_the_smallest_negative_amplitude_keeps_its_sign():
    s = change(gain=-1)
    wave.take_up(s)
    assert s.gain == -(1000 + word.GAIN)
