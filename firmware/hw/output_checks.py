"""Self-test of the output stage: current flows into the internal dummy load and nowhere else.

engine.inject() refuses anything but the dummy, and the dummy must have proven itself at 8 uA and 50 uA before more is
asked for. Each check returns (name, passed, reading, sentence). Main loop only, engine disarmed.
"""

import time

from machine import Pin
from micropython import const

from ..shared import units
from .outputs import pins_of

_OPEN_TOLERANCE_UA = const(5)  # ours: with the gate open nothing may flow; 5 uA is 9 ADC counts of noise and code steps
_PROBE_CODES = (0, 1365, 2730, 4095)  # corners and both halves of the code range
_RELAY_MS = const(5)  # ours: longer than a small signal relay needs, 3 ms
_SETTLE_MS = const(1)  # the DAC needs 6 us, the sense amplifier less than 100 us
_LATER_MS = const(5)  # ours: skin charges within some ms and passes the dummy's resistance on the way; a resistor stays
_GENTLE_UA = const(50)  # ours: half of the smallest limit; it shows whether the dummy is really selected
_FOLLOW_UA = (-400, -100, 100, 400)
_FOLLOW_TOLERANCE_UA = const(36)  # ours: offset, gain and noise of an uncalibrated stage, as board.FOLLOW_UA says
_LIMIT_MIN_UA = const(660)  # ours: below it the limiter would cut the largest session, 600 uA and 10 %


class Dummy:
    """An output on its internal dummy load, for the checks below; `with` puts everything back."""

    def __init__(self, engine, channel, board):
        self._engine = engine
        self._channel = channel
        self._board = board
        self._half = Pin(board.TRIP_TEST_PIN, Pin.OUT, value=0)
        self._tripped = Pin(pins_of(board)[channel].TRIPPED_PIN, Pin.IN)
        self._zero = 0
        self.scale = engine.scale(channel)

    def __enter__(self):
        self._engine.select_dummy(1)
        time.sleep_ms(_RELAY_MS)
        self._zero = self._engine.read_sense(self._channel)[0]
        return self

    def __exit__(self, *_error):
        self._engine.open_gate()
        self._half.value(0)
        self._engine.disarm()  # the DAC to zero, then back to the electrodes; without the DAC the dummy stays selected
        time.sleep_ms(_RELAY_MS)

    def measured(self, current_ua):
        """(uA, mV, tripped) while `current_ua` is asked for, as long as the gate stays closed afterwards."""
        self.drive(self.scale.code_of_ua(current_ua))
        return self.present()

    def drive(self, code):
        """Drive the dummy load with a DAC code, and wait until it has settled."""
        self._engine.inject(self._channel, code)
        time.sleep_ms(_SETTLE_MS)

    def present(self):
        """(uA, mV, tripped) now."""
        board = self._board
        current, voltage = self._engine.read_sense(self._channel)
        current_ua = self.scale.ua_of_counts(current - self._zero)
        counts = voltage - units.ADC_STEPS // 2
        voltage_mv = units.rounded_div(counts * board.ADC_REFERENCE_MV * board.VOLTAGE_DIVIDER, units.ADC_STEPS)
        return current_ua, voltage_mv, self._tripped.value()

    def open_gate(self):
        """Open the gate and let what flowed die away."""
        self._engine.open_gate()
        time.sleep_ms(_SETTLE_MS)

    def halve_threshold(self, on):
        """The comparator's threshold at a half (1) or whole (0)."""
        self._half.value(on)
        time.sleep_ms(_SETTLE_MS)


def dummy_selected(dummy, board):
    """The output is on the dummy load, not on the electrodes: told by its resistance, first at a harmless current."""
    low_ua, _mv, _tripped = dummy.measured(board.CONTACT_UA)
    if abs(low_ua - board.CONTACT_UA) > _OPEN_TOLERANCE_UA:
        return "dummy-load", False, low_ua, "%d uA at %d uA asked for" % (low_ua, board.CONTACT_UA)
    current_ua, voltage_mv, _tripped = dummy.measured(_GENTLE_UA)
    ohm = voltage_mv * 1000 // max(1, current_ua)
    time.sleep_ms(_LATER_MS)
    current_ua, voltage_mv, _tripped = dummy.present()
    later_ohm = voltage_mv * 1000 // max(1, current_ua)
    if abs(later_ohm - board.DUMMY_OHM) > abs(ohm - board.DUMMY_OHM):
        ohm = later_ohm
    passed = abs(ohm - board.DUMMY_OHM) <= board.DUMMY_OHM // 5  # 50 uA are 36 counts of voltage: 5 %, and parts 5 %
    return "dummy-load", passed, ohm, "%d ohm, wanted %d" % (ohm, board.DUMMY_OHM)


def gate_opens(dummy):
    """Injected current vanishes when the gate opens."""
    closed_ua, _mv, _tripped = dummy.measured(_FOLLOW_UA[2])
    dummy.open_gate()
    leak_ua, _mv, _tripped = dummy.present()
    passed = abs(leak_ua) <= _OPEN_TOLERANCE_UA and closed_ua >= _FOLLOW_UA[2] // 2
    return "gate-opens", passed, leak_ua, "%d uA, and %d uA through the open gate" % (closed_ua, leak_ua)


def sense_follows(dummy):
    """The measured current is the commanded one, in both directions."""
    worst = 0
    for wanted_ua in _FOLLOW_UA:
        error_ua = dummy.measured(wanted_ua)[0] - wanted_ua
        worst = error_ua if abs(error_ua) > abs(worst) else worst
    return "sense-follows", abs(worst) <= _FOLLOW_TOLERANCE_UA, worst, "worst error %d uA" % worst


def limiter_holds(dummy, board):
    """Full scale is cut by the passive limiter in both directions: neither of its diodes is shorted."""
    found = []
    for wanted_ua in (board.FULL_SCALE_UA, -board.FULL_SCALE_UA):
        current_ua, _mv, tripped = dummy.measured(wanted_ua)
        dummy.open_gate()
        if tripped:
            text = "the comparator tripped at %d uA asked for: a diode is shorted" % wanted_ua
            return "limiter-holds", False, wanted_ua, text
        found.append(abs(current_ua))
    highest_ua = dummy.scale.at_most_ua(max(found))  # no calibration makes this limit wider
    passed = min(found) >= _LIMIT_MIN_UA and highest_ua <= board.LIMITER_MAX_UA
    return (
        "limiter-holds",
        passed,
        max(found),
        "%d and %d uA of %d asked for"
        % (
            found[0],
            found[1],
            board.FULL_SCALE_UA,
        ),
    )


def comparator_trips(dummy, board):
    """At half its threshold each comparator lets a smaller current pass and opens the gate for a larger one."""
    half_ua = board.COMPARATOR_UA // 2
    dummy.halve_threshold(1)
    try:
        result = _trips(dummy, half_ua)
        return result if not result[1] else _trips(dummy, -half_ua)  # two comparators, one for each direction
    finally:
        dummy.open_gate()
        dummy.halve_threshold(0)


def _trips(dummy, half_ua):
    below = dummy.measured(half_ua * 3 // 4)[2]
    current_ua, _mv, above = dummy.measured(half_ua * 5 // 4)
    dummy.open_gate()  # which clears the latch
    latched = dummy.present()[2]
    passed = not below and above and abs(current_ua) <= _OPEN_TOLERANCE_UA and not latched
    return "comparator-trips", bool(passed), current_ua, "%s: below %d, above %d, %d uA after it, latch %d" % (
        "positive" if half_ua > 0 else "negative", below, above, current_ua, latched,
    )  # fmt: skip


def dac_range(dac, board):
    """What is written is what the DAC holds, over its whole range; the gate is open and the dummy selected."""
    passed = dac.follows(_PROBE_CODES + (board.ZERO_CODE,))
    return "dac-range", passed, int(passed), "it holds %s" % ("what is written" if passed else "something else")


def gate_only(engine, channel, board):
    """The dummy and the gate: list of results."""
    return _in_dummy(
        engine, channel, board, lambda dummy: (lambda: dummy_selected(dummy, board), lambda: gate_opens(dummy))
    )


def all_of(engine, channel, dac, board):
    """Everything that needs current: list of results."""
    return _in_dummy(
        engine,
        channel,
        board,
        lambda dummy: (
            lambda: dummy_selected(dummy, board),
            lambda: gate_opens(dummy),
            lambda: dac_range(dac, board),
            lambda: sense_follows(dummy),
            lambda: limiter_holds(dummy, board),
            lambda: comparator_trips(dummy, board),
        ),
    )


def _in_dummy(engine, channel, board, checks_of):
    """Run checks in order on the dummy load. Stops at the first failure: the next ones build on it."""
    results = []
    try:
        with Dummy(engine, channel, board) as dummy:
            for check in checks_of(dummy):
                results.append(check())
                if not results[-1][1]:
                    break
                dummy.open_gate()
    except OSError:
        results.append(("output", False, -1, "no acknowledge while injecting"))
    return results
