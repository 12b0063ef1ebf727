"""The gate function by itself: what it permits, each refusal, and the order in which they are told."""

from firmware.core import gate
from firmware.shared import protocol

FINE = {
    "amplitude_ua": 300,
    "limit_ua": 400,
    "hard_cap_ua": 1000,
    "fault": 0,
    "estop": 0,
    "checks_passed": 1,
    "state": protocol.READY,
    "state_needed": protocol.READY,
}


def verdict(**changes):
    asked = dict(FINE)
    asked.update(changes)
    return gate.permit(
        asked["amplitude_ua"], asked["limit_ua"], asked["hard_cap_ua"], asked["fault"], asked["estop"],
        asked["checks_passed"], asked["state"], asked["state_needed"],
    )  # fmt: skip


def test_the_verdicts_are_different_and_only_one_permits():
    verdicts = (
        gate.PERMITTED, gate.REFUSED_FAULT, gate.REFUSED_ESTOP, gate.REFUSED_CHECKS, gate.REFUSED_STATE,
        gate.REFUSED_AMPLITUDE, gate.REFUSED_LIMIT,
    )  # fmt: skip
    assert verdicts == (0, 1, 2, 3, 4, 5, 6)


def test_everything_fine_is_permitted():
    assert verdict() == gate.PERMITTED


def test_only_no_fault_at_all_will_do():
    for fault in (1, 29, 255, -1):
        assert verdict(fault=fault) == gate.REFUSED_FAULT


def test_only_a_closed_emergency_stop_will_do():
    for estop in (1, 2, -1):
        assert verdict(estop=estop) == gate.REFUSED_ESTOP


def test_only_a_passed_self_test_will_do():
    for checks_passed in (0, 2, -1, None):
        assert verdict(checks_passed=checks_passed) == gate.REFUSED_CHECKS


def test_only_the_needed_state_will_do():
    for needed in range(len(protocol.STATE_NAMES)):
        for state in range(-1, len(protocol.STATE_NAMES) + 1):
            expected = gate.PERMITTED if state == needed else gate.REFUSED_STATE
            assert verdict(state=state, state_needed=needed) == expected, (state, needed)


def test_the_amplitude_at_its_limit_and_one_beyond():
    for limit_ua in (1, 2, 100, 400, 999, 1000):
        assert verdict(amplitude_ua=limit_ua, limit_ua=limit_ua) == gate.PERMITTED
        assert verdict(amplitude_ua=limit_ua - 1, limit_ua=limit_ua) == (
            gate.PERMITTED if limit_ua > 1 else gate.REFUSED_AMPLITUDE
        )
    for limit_ua in (0, 1, 2, 100, 400, 999):
        assert verdict(amplitude_ua=limit_ua + 1, limit_ua=limit_ua) == gate.REFUSED_LIMIT


def test_the_hard_cap_holds_whatever_the_limits_say():
    for limit_ua in (1000, 1001, 99999):
        assert verdict(amplitude_ua=1000, limit_ua=limit_ua) == gate.PERMITTED
        assert verdict(amplitude_ua=1001, limit_ua=limit_ua) == gate.REFUSED_AMPLITUDE
    for amplitude_ua in (0, -1, -1000):
        assert verdict(amplitude_ua=amplitude_ua) == gate.REFUSED_AMPLITUDE


def test_the_first_reason_is_told():
    wrong = (
        ("fault", 1, gate.REFUSED_FAULT),
        ("estop", 1, gate.REFUSED_ESTOP),
        ("checks_passed", 0, gate.REFUSED_CHECKS),
        ("state", protocol.OFF, gate.REFUSED_STATE),
        ("amplitude_ua", 1001, gate.REFUSED_AMPLITUDE),
    )
    for first, (_name, _value, expected) in enumerate(wrong):
        assert verdict(limit_ua=0, **{name: value for name, value, _code in wrong[first:]}) == expected
