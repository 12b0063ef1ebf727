"""Stages of accounts.py: what is added up, both directions of the current, every limit and one beyond."""

from firmware.hw.interrupt import accounts
from firmware.shared import faults
from tests.interrupt.world import Words, World, effect, pointer


def output(**values: int) -> Words:
    """An output in its treatment."""
    made = Words(**({"phase_limit": 5000, "net_samples_min": 4, "net_limit": 32} | values))
    World([made])
    return made


def test_numbers_are_those_of_the_project():
    assert accounts.IDLE == 9 and accounts.HISTORY_MASK == 63


def test_a_phase_goes_on_while_the_command_keeps_its_sign():
    for sign in (1, -1):
        s = output(phase_sign=sign, phase_sum=sign * 1000)
        assert effect(accounts.phase_charge, s, sign * 300, 300, sign * 310) == ((sign * 1300, sign, 0), {})


def test_another_sign_begins_another_phase():
    for sign in (1, -1):
        for before in (0, -sign):
            s = output(phase_sign=before, phase_sum=-sign * 4000)
            assert accounts.phase_charge(s, sign * 300, 300, sign * 1) == (sign * 300, sign, 0)


def test_a_rest_adds_up_what_flows_in_it_beyond_the_noise():
    for sign in (1, -1):
        s = output(phase_sign=0, phase_sum=sign * 1000)
        assert accounts.phase_charge(s, sign * 9, 9, 0) == (sign * 1009, 0, 0)
        assert accounts.phase_charge(s, sign * 8, 8, 0) == (0, 0, 0)


def test_noise_during_a_command_is_charge():
    s = output(phase_sign=1, phase_sum=1000)
    assert accounts.phase_charge(s, 3, 3, 1) == (1003, 1, 0)
    assert accounts.phase_charge(output(phase_sign=-1, phase_sum=-1000), -3, 3, -1) == (-1003, -1, 0)


def test_a_phase_may_hold_its_limit_of_charge_in_either_direction():
    for sign in (1, -1):
        for charge, trip in ((5000, 0), (5001, faults.CHARGE_LIMIT)):
            s = output(phase_sign=sign, phase_sum=sign * (charge - 300))
            assert accounts.phase_charge(s, sign * 300, 300, sign * 300) == (sign * charge, sign, trip)
            s = output(phase_sign=0, phase_sum=sign * (charge - 300))
            assert accounts.phase_charge(s, sign * 300, 300, 0)[2] == trip
        assert accounts.phase_charge(output(phase_limit=0), sign, 1, sign)[2] == faults.CHARGE_LIMIT


def test_within_a_cycle_the_net_charge_adds_up():
    for sign in (1, -1):
        s = output(net=sign * 100, net_samples=8, net_begun=1)
        assert effect(accounts.net_charge, s, sign * 7, 5) == (5, {"net": sign * 107, "net_samples": 9})


def test_the_ledger_begins_with_the_first_whole_cycle():
    s = output(net=100, net_samples=8, wrapped_before=1, ledgers=2)
    assert effect(accounts.net_charge, s, 7, 0) == (0, {"net": 0, "net_samples": 0, "net_begun": 1})


def test_a_cycle_that_ends_too_early_closes_nothing():
    s = output(net=100, net_samples=2, wrapped_before=1, net_begun=1)
    assert effect(accounts.net_charge, s, 7, 0) == (0, {"net": 107, "net_samples": 3})


def test_a_second_of_whole_cycles_closes_the_ledger():
    for sign in (1, -1):
        s = output(net=sign * 3, net_samples=3, wrapped_before=1, net_begun=1, ledgers=2)
        assert effect(accounts.net_charge, s, sign * 2, 0) == (
            0, {"net": 0, "net_samples": 0, "ledger": sign * 5, "ledger_samples": 4, "ledgers": 3},
        )  # fmt: skip


def test_the_mean_of_a_ledger_may_be_its_limit_in_either_direction():
    """32/16 counts in each of ten samples."""
    for sign in (1, -1):
        for net, trip in ((20, 0), (21, faults.DC_IMBALANCE)):
            s = output(net=sign * (net - 1), net_samples=9, wrapped_before=1, net_begun=1)
            assert accounts.net_charge(s, sign, 0) == trip
            s = output(net=sign * (net - 1), net_samples=9, wrapped_before=1, net_begun=1)
            assert accounts.net_charge(s, sign, faults.CHARGE_LIMIT) == (trip or faults.CHARGE_LIMIT)
        s = output(net_limit=0, net_samples=9, wrapped_before=1, net_begun=1)
        assert accounts.net_charge(s, sign, 0) == faults.DC_IMBALANCE


def test_the_last_samples_are_kept_with_code_and_count():
    for steps, code in ((0, 2048), (300, 2348), (-300, 1748), (2047, 4095), (-2048, 0)):
        s = output(history_at=7, history_left=8)
        assert effect(accounts.history, s, steps, 0xABC)[1] == {"history_at": 8}
        kept = pointer(s.history)
        assert kept[7] == code << 12 | 0xABC and kept.count(0) == 63 + (kept[7] == 0)


def test_the_history_begins_anew_after_64_and_stands_still_after_a_trip():
    s = output(history_at=63, history_left=8, trip=1)
    assert effect(accounts.history, s, 1, 1)[1] == {"history_at": 0, "history_left": 7}


def test_a_sample_is_accounted_for():
    for sign in (1, -1):
        s = output(phase_sign=sign, phase_command=sign * 50, sum_net=sign * 70, peak_current=299, phase_sum=1)
        assert effect(accounts.account, s, sign * 300, 300, sign * 310, sign, sign * 900)[1] == {
            "before": sign * 310, "phase_sum": sign * 900, "phase_command": sign * 360, "sum_net": sign * 370,
            "peak_current": 300,
        }  # fmt: skip


def test_the_peak_stays_until_a_larger_one():
    s = output(phase_sign=1, peak_current=300)
    assert "peak_current" not in effect(accounts.account, s, 300, 300, 310, 1, 900)[1]
    assert "peak_current" not in effect(accounts.account, s, 299, 299, 310, 1, 900)[1]
    assert effect(accounts.account, s, -301, 301, 310, 1, 900)[1]["peak_current"] == 301


def test_a_new_sign_closes_the_phase_before_the_sample_counts():
    for sign in (1, -1):
        s = output(phase_sign=sign, phase_sum=900, phase_command=1000, full_sense=1, full_command=1)
        accounts.account(s, -sign * 300, 300, -sign * 310, -sign, -sign * 300)
        assert (s.last_phase, s.phases, s.phase_sign) == (900, 1, -sign)
        assert (s.phase_sum, s.phase_command) == (-sign * 300, -sign * 310)


CLOSING = {
    "halves": 4, "peak_i": 11, "peak_v": 12, "last_i": 13, "last_v": 14, "peak_c": 15, "peak_a": 16, "late_i": 1,
    "late_v": 2, "end_i": 3, "end_v": 4, "phase_sum": 17, "phase_command": 18, "phases": 5, "full_phases": 6,
    "full_sense": 1, "full_command": 1, "last_phase": 8,
}  # fmt: skip
CLOSED = {"halves": 5, "end_i": 13, "end_v": 14, "peak_c": 0, "peak_a": 0, "step_due": 1, "phase_command": 0}
LATE = {"late_i": 11, "late_v": 12}


def test_the_end_of_a_phase_of_the_treatment():
    for sign in (1, -1):
        s = output(phase_sign=sign, **CLOSING)
        counted = {"last_phase": 17, "phases": 6}
        assert effect(accounts.close_phase, s, -sign)[1] == CLOSED | LATE | counted | {"phase_sign": -sign}


def test_the_end_of_a_rest_closes_no_phase():
    s = output(phase_sign=0, **CLOSING)
    assert effect(accounts.close_phase, s, -1)[1] == {"phase_sign": -1, "phase_command": 0}


def test_a_phase_of_the_contact_check_is_none_of_the_treatment():
    s = output(phase_sign=1, sensing=1, **CLOSING)
    assert effect(accounts.close_phase, s, -1)[1] == CLOSED | LATE | {"phase_sign": -1, "skip": 1}
    assert effect(accounts.close_phase, s, 1)[1]["halves"] == 6 and s.skip == 1 and s.phases == 5


def test_what_the_contact_check_was_cut_off_at_counts_for_nothing():
    s = output(phase_sign=1, skip=1, **CLOSING)
    assert effect(accounts.close_phase, s, -1)[1] == CLOSED | {"phase_sign": -1, "skip": 0}


def test_a_phase_within_the_contact_check_keeps_its_readings_though_it_began_in_one():
    s = output(phase_sign=1, skip=1, sensing=1, **CLOSING)
    assert effect(accounts.close_phase, s, -1)[1] == CLOSED | LATE | {"phase_sign": -1}


def test_a_phase_is_full_at_its_share_in_either_direction():
    for sign in (1, -1):
        for charge, full in ((901, 1), (900, 1), (899, 0)):
            s = output(phase_sum=sign * charge, phase_command=sign * 1000, full_sense=10, full_command=9, phases=3)
            changed = effect(accounts.count_phase, s)[1]
            assert changed == {"last_phase": sign * charge, "phases": 4} | ({"full_phases": 1} if full else {})
    for charge, asked, full in ((-1, -1, 1), (0, -1, 0), (999, -1000, 0), (-999, 1000, 0), (1000, -1000, 1)):
        s = output(phase_sum=charge, phase_command=asked, full_sense=1, full_command=1)
        accounts.count_phase(s)
        assert s.full_phases == full, (charge, asked)
    assert effect(accounts.count_phase, output(phase_sum=-9, phase_command=10, full_sense=1, full_command=1))[1] == {
        "last_phase": -9, "phases": 1,
    }  # fmt: skip


def test_what_the_main_loop_asked_for_is_no_voltage():
    s = output(aux_now=1, step_due=1, last_v=5)
    assert effect(accounts.voltage, s, 300, 300, 310, 310, 3456)[1] == {"aux_now": 0, "aux_result": 3456, "step_due": 0}


def test_a_voltage_counts_from_its_middle():
    for volts, level in ((2048, 0), (2500, 452), (1600, -448)):
        s = output(peak_c=1000, peak_a=3000, peak_voltage=3000, last_v=1)
        changed = effect(accounts.voltage, s, 300, 300, 0, 0, volts)[1]
        assert changed == {"last_v": level, "last_i": 300}


def test_the_step_from_one_phase_to_the_next_is_told_once():
    for sign in (1, -1):
        s = output(step_due=1, end_i=-sign * 290, end_v=-sign * 400, peak_c=9999, peak_a=9999, peak_voltage=9999)
        changed = effect(accounts.voltage, s, sign * 300, 300, 0, 0, 2048 + sign * 100)[1]
        assert (changed["step_i"], changed["step_v"], changed["step_due"]) == (sign * 590, sign * 500, 0)
        assert "step_i" not in effect(accounts.voltage, s, sign * 7, 7, 0, 0, 2048)[1]


def test_charge_is_added_up_while_something_is_commanded_at_treatment_level():
    quiet = {"peak_c": 9999, "peak_a": 9999, "peak_voltage": 9999, "last_i": 300, "sum_abs": 40, "active": 5}
    for sign in (1, -1):
        s = output(**quiet)
        assert effect(accounts.voltage, s, 300, 300, sign * 310, sign * 310, 2048)[1] == {"sum_abs": 340, "active": 6}
        s = output(**quiet)
        assert effect(accounts.voltage, s, 300, 300, 0, sign * 310, 2048)[1] == {"sum_abs": 340}
    assert effect(accounts.voltage, output(**quiet), 300, 300, 0, 0, 2048)[1] == {}
    assert effect(accounts.voltage, output(sensing=1, **quiet), 300, 300, 310, 310, 2048)[1] == {}


def test_the_impedance_takes_the_largest_command_at_last_and_the_largest_voltage_since():
    for sign in (1, -1):
        s = output(peak_c=300, peak_a=500, peak_i=1, peak_v=2)
        changed = effect(accounts.peak_of_phase, s, sign * 280, sign * 300, sign * 400)[1]
        assert changed == {"peak_i": sign * 280, "peak_a": 400, "peak_v": sign * 400, "peak_voltage": 400}
        assert effect(accounts.peak_of_phase, s, sign * 281, sign * 299, sign * 400)[1] == {}
        assert effect(accounts.peak_of_phase, s, sign * 281, sign * 299, -sign * 400)[1] == {"peak_v": -sign * 400}
        changed = effect(accounts.peak_of_phase, s, sign * 281, sign * 299, sign * 401)[1]
        assert changed == {"peak_a": 401, "peak_v": sign * 401, "peak_voltage": 401}
        changed = effect(accounts.peak_of_phase, s, sign * 285, sign * 301, sign * 399)[1]
        assert changed == {"peak_c": 301, "peak_i": sign * 285, "peak_a": 399, "peak_v": sign * 399}


def test_the_smallest_command_and_voltage_have_a_size_in_either_direction():
    for sign in (1, -1):
        s = output(peak_c=1, peak_a=9)
        assert effect(accounts.peak_of_phase, s, 7, sign, 0)[1] == {"peak_i": 7, "peak_a": 0}
        s = output(peak_c=9)
        assert effect(accounts.peak_of_phase, s, 7, 0, sign)[1] == {"peak_a": 1, "peak_v": sign, "peak_voltage": 1}
