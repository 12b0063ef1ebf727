"""Limits: the lowest rule binds, is named, and the printed maximum passes its own check."""

from boards.rp2040_pico import board
from firmware.core import gate
from firmware.shared import limits, waveform


def wave(**changes):
    request = {"amplitude_ua": 1, "frequency_mhz": 10000, "duration_ms": 10000}
    request.update(changes)
    checked, problem = waveform.check(request)
    assert problem is None, problem
    return checked


def permit(amplitude_ua, limit_ua, fault=0, estop=0, checks_passed=1, is_off=1):
    return gate.permit(amplitude_ua, limit_ua, board.HARD_CAP_UA, fault, estop, checks_passed, is_off)


def test_each_rule_binds_when_it_is_lowest():
    cases = (
        (wave(), 1000, 1000, "hard-cap"),
        (wave(), 600, 600, "user-max"),
        (wave(area_mm2=20), 1000, 400, "density"),
        (wave(polarity="positive"), 600, 100, "unipolar"),
        (wave(polarity="alternate", area_mm2=15), 600, 75, "density"),
    )
    for request, user_max_ua, expected_ua, name in cases:
        assert limits.permitted(request, board.HARD_CAP_UA, user_max_ua)[:2] == (expected_ua, name)


def test_printed_maximum_passes_and_one_more_does_not():
    for area_mm2 in (10, 15, 23, 51, 99, 1000):
        for polarity in waveform.POLARITIES:
            limit_ua = limits.permitted(wave(area_mm2=area_mm2, polarity=polarity), board.HARD_CAP_UA, 600)[0]
            assert permit(limit_ua, limit_ua) == gate.PERMITTED
            assert permit(limit_ua + 1, limit_ua) != gate.PERMITTED


def test_unipolar_sessions_are_shorter():
    assert limits.permitted_ms(wave(), 3600000) == (3600000, "session_max_ms")
    assert limits.permitted_ms(wave(polarity="alternate"), 3600000) == (1200000, "unipolar")
    assert limits.permitted_ms(wave(polarity="positive"), 1200000) == (1200000, "session_max_ms")
    assert limits.permitted_ms(wave(polarity="negative"), 1200001) == (1200000, "unipolar")


def test_gate_refuses_around_every_boundary():
    assert permit(0, 600) == gate.REFUSED_AMPLITUDE
    assert permit(1, 600) == gate.PERMITTED
    assert permit(600, 600) == gate.PERMITTED
    assert permit(601, 600) == gate.REFUSED_LIMIT
    assert permit(1000, 2000) == gate.PERMITTED
    assert permit(1001, 2000) == gate.REFUSED_AMPLITUDE
    assert permit(-1, 600) == gate.REFUSED_AMPLITUDE


def test_gate_denies_by_default():
    assert permit(10, 600, fault=1) == gate.REFUSED_FAULT
    assert permit(10, 600, estop=1) == gate.REFUSED_ESTOP
    for unsure in (0, 2, None, -1):
        assert permit(10, 600, checks_passed=unsure) == gate.REFUSED_CHECKS
        assert permit(10, 600, is_off=unsure) == gate.REFUSED_STATE
