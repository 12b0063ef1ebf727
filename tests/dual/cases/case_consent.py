"""Consent by the device's button: held long enough, in time, and not stuck."""

from firmware.core import consent
from firmware.shared import protocol

CHANGES = {"profile": 1}


def asked(now_ms=1000):
    made = consent.Consent()
    made.ask(CHANGES, ("profile",), now_ms)
    return made


def test_nothing_waits_at_first():
    made = consent.Consent()
    assert made.look(True, 0) == consent.NOTHING
    assert made.look(True, 10**9) == consent.NOTHING
    assert made.take() == (None, ())


def test_held_for_a_second_after_a_release():
    made = asked()
    assert made.look(False, 1500) == consent.NOTHING
    assert made.look(True, 1501) == consent.NOTHING
    assert made.look(True, 1500 + protocol.HOLD_MS - 1) == consent.NOTHING
    assert made.look(True, 1500 + protocol.HOLD_MS) == consent.GIVEN
    assert made.take() == (CHANGES, ("profile",))
    assert made.look(True, 3000) == consent.NOTHING


def test_a_stuck_button_consents_to_nothing():
    made = asked()
    for now_ms in range(1000, 1000 + protocol.CONFIRM_MS + 1, 500):
        assert made.look(True, now_ms) == consent.NOTHING
    assert made.look(True, 1001 + protocol.CONFIRM_MS) == consent.EXPIRED


def test_a_short_press_starts_anew():
    made = asked()
    made.look(False, 1100)
    made.look(True, 1900)
    assert made.look(False, 2000) == consent.NOTHING
    assert made.look(True, 2999) == consent.NOTHING
    assert made.look(True, 3000) == consent.GIVEN


def test_it_expires():
    made = asked()
    assert made.look(False, 1000 + protocol.CONFIRM_MS) == consent.NOTHING
    assert made.look(False, 1001 + protocol.CONFIRM_MS) == consent.EXPIRED
    assert made.take() == (CHANGES, ("profile",))


def test_a_newer_request_takes_the_place_of_the_older():
    made = asked()
    made.look(False, 1100)
    made.ask({"area_mm2": 2000}, ("area_mm2",), 5000)
    assert made.look(True, 5000 + protocol.HOLD_MS) == consent.NOTHING  # not released since
    made.look(False, 6500)
    assert made.look(True, 6500 + protocol.HOLD_MS) == consent.GIVEN
    assert made.take()[0] == {"area_mm2": 2000}


def test_the_three_answers():
    assert (consent.NOTHING, consent.GIVEN, consent.EXPIRED) == (0, 1, 2)


def test_held_for_longer_than_asked_is_consent_too():
    made = asked(10)
    made.look(False, 1100)
    assert made.look(True, 1100 + protocol.HOLD_MS - 1) == consent.NOTHING
    assert made.look(True, 1101 + protocol.HOLD_MS) == consent.GIVEN
    assert made.look(True, 1100 + 9 * protocol.HOLD_MS) == consent.GIVEN


def test_the_hold_is_measured_from_the_last_release_however_large_the_clock():
    for start_ms in (2**30 - 500, 2**32 - 500):
        made = asked(start_ms)
        made.look(False, start_ms + 1)
        assert made.look(True, start_ms + protocol.HOLD_MS) == consent.NOTHING
        assert made.look(True, start_ms + 1 + protocol.HOLD_MS) == consent.GIVEN
