"""The button in a session: felt once per press, stop once per press that lasts, nothing from one held before."""

from firmware.core import touch


def pressed():
    """A button whose press has just counted, at 1012 ms."""
    made = touch.Touch()
    assert made.look(False, 988) == touch.NOTHING
    assert made.look(True, 1000) == touch.NOTHING
    assert made.look(True, 1012) == touch.FELT
    return made


def test_the_second_look_at_a_press_counts():
    pressed()
    made = touch.Touch()
    assert made.look(True, 0) == touch.NOTHING and made.look(True, 5) == touch.FELT


def test_one_look_alone_is_a_disturbance():
    made = touch.Touch()
    for now_ms in range(0, 200, 20):
        assert made.look(True, now_ms) == touch.NOTHING
        assert made.look(False, now_ms + 10) == touch.NOTHING


def test_a_press_counts_once():
    made = pressed()
    for now_ms in range(1024, 1000 + touch.STOP_MS, 12):
        assert made.look(True, now_ms) == touch.NOTHING
    assert made.look(False, 2999) == touch.NOTHING
    assert [made.look(True, now_ms) for now_ms in (3000, 3012, 3024)] == [touch.NOTHING, touch.FELT, touch.NOTHING]


def test_what_is_held_on_stops_once():
    made = pressed()
    assert touch.STOP_MS == 2000
    assert made.look(True, 1000 + touch.STOP_MS - 1) == touch.NOTHING
    assert made.look(True, 1000 + touch.STOP_MS) == touch.STOP
    for now_ms in range(3012, 9000, 100):
        assert made.look(True, now_ms) == touch.NOTHING
    assert made.look(False, 9000) == touch.NOTHING
    assert made.look(True, 9012) == touch.NOTHING and made.look(True, 9024) == touch.FELT


def test_a_pass_that_takes_long_is_a_press_first():
    made = touch.Touch()
    made.look(True, 0)
    assert made.look(True, 5000) == touch.FELT
    assert made.look(True, 5001) == touch.STOP


def test_what_was_held_before_says_nothing():
    made = touch.Touch()
    made.idle(True)
    for now_ms in range(0, 10000, 100):
        assert made.look(True, now_ms) == touch.NOTHING
    assert made.look(False, 10000) == touch.NOTHING
    assert made.look(True, 10012) == touch.NOTHING and made.look(True, 10024) == touch.FELT


def test_what_was_released_before_counts():
    made = touch.Touch()
    made.idle(True)
    made.idle(False)
    assert made.look(True, 0) == touch.NOTHING and made.look(True, 12) == touch.FELT


def test_a_press_of_one_session_is_none_of_the_next():
    made = pressed()
    made.idle(False)
    assert made.look(True, 1024) == touch.NOTHING and made.look(True, 1036) == touch.FELT


def test_the_verdicts_are_different():
    assert (touch.NOTHING, touch.FELT, touch.STOP) == (0, 1, 2)
