"""Session: states, lease, faults, against an engine whose readings the test dictates and a clock that the test moves.

What a real engine does is proven on the virtual Pico (tests/hil); here the timing corners are.
"""

from boards.rp2040_pico import board
from firmware.core import meter, session, waveplan
from firmware.shared import faults, protocol, settings

WAVE = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000}


class Engine:
    """Stands where hw/engine_*.py stands: reports the snapshot it was told, remembers what it was asked."""

    def __init__(self):
        self.values = {}
        self.gate_closed = 0
        self.asked = []
        self.broken = False
        self.unfit = 0

    def open_gate(self):
        self.gate_closed = 0

    def arm(self, _plan, window_ua):
        self.asked.append(("arm", window_ua))
        self.values = {}
        return self.unfit

    def run(self):
        self.gate_closed = 1

    def ramp_down(self):
        self.asked.append("ramp_down")

    def disarm(self):
        self.gate_closed = 0
        if self.broken:
            raise OSError(5)

    def feed(self):
        self.values["ticks"] = self.values.get("ticks", 0) + 50

    def snapshot(self):
        return tuple(self.values.get(name, 0) for name in meter.SNAPSHOT_FIELDS)


def fresh():
    events = []
    engine = Engine()
    made = session.Session(board, engine, events.append)
    made.checks_passed = 1
    return made, engine, events


def begin(made, now_ms=0, lease_ms=2000, **changes):
    request = dict(WAVE)
    request.update(changes)
    return made.start(request, lease_ms, settings.defaults(), 0, now_ms)


def run_to_active(made, engine, now_ms=0):
    begin(made, now_ms)
    for step in range(3):
        made.tick(0, now_ms + 5 * step + 5)
    assert engine.gate_closed
    engine.values["envelope"] = waveplan.ENVELOPE_ONE
    made.tick(0, now_ms + 20)
    assert made.state == protocol.ACTIVE


def refusal(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except session.Refused as error:
        return error.args
    return None


def test_gate_closes_only_after_the_interrupt_has_run():
    made, engine, _events = fresh()
    begin(made)
    assert not engine.gate_closed and made.state == protocol.RAMP_UP
    made.tick(0, 1)
    assert not engine.gate_closed
    made.tick(0, 5)
    assert engine.gate_closed


def test_terms_name_the_binding_rule():
    made, engine, _events = fresh()
    terms = begin(made)
    assert terms == {"session": 1, "amplitude_ua": 200, "limit_ua": 600, "binding": "user-max", "lease_ms": 2000,
                     "duration_ms": 10000, "phase_us": 50000, "gap_us": 0, "alternate_ms": 0}  # fmt: skip
    assert engine.asked[0] == ("arm", 200 + board.TRIP_UA)


def test_refusals_carry_number_and_limit():
    made, _engine, _events = fresh()
    code, text = refusal(begin, made, amplitude_ua=601)
    assert (code, text) == ("limit", "amplitude_ua is 601; rule user-max (setting amplitude_max_ua) permits 600")
    code, text = refusal(begin, made, amplitude_ua=101, polarity="positive")
    assert (code, text) == ("limit", "amplitude_ua is 101; rule unipolar (polarity positive) permits 100")
    code, text = refusal(begin, made, duration_ms=1200001)
    assert (code, text) == ("limit", "duration_ms is 1200001; rule session_max_ms permits 1200000")
    assert refusal(begin, made, amplitude_ua=0)[0] == "value"
    made.checks_passed = 0
    assert refusal(begin, made)[0] == "state"


def test_second_start_is_refused_while_one_runs():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    assert refusal(begin, made)[0] == "state"


def test_lease_ramps_down_then_latches():
    made, engine, events = fresh()
    run_to_active(made, engine)
    made.renew(1, 1500)
    made.tick(0, 3500)
    assert made.state == protocol.ACTIVE
    made.tick(0, 3501)
    assert made.state == protocol.RAMP_DOWN and engine.asked[-1] == "ramp_down"
    engine.values["done"] = 1
    made.tick(0, 5500)
    assert made.state == protocol.FAULT and made.fault[0] == faults.LEASE_LOST and not engine.gate_closed
    assert made.fault[4] == 1  # the session that lost it
    assert [event["reason"] for event in events if event["ev"] == "end"] == ["lease"]


def test_lease_works_across_the_tick_wrap_and_after_days():
    for start_ms in (2**30 - 1000, 2**31 - 1000, 2**32 - 1000):
        made, engine, _events = fresh()
        run_to_active(made, engine, start_ms)
        made.tick(0, start_ms + 1999)
        assert made.state == protocol.ACTIVE
        made.tick(0, start_ms + 2001)
        assert made.state == protocol.RAMP_DOWN


def test_first_fault_wins_and_stays():
    made, engine, events = fresh()
    run_to_active(made, engine)
    engine.values["trip"] = faults.OVER_CURRENT
    engine.values["trip_reading"] = 745
    made.tick(0, 40)
    assert not engine.gate_closed and made.state == protocol.FAULT
    assert made.fault[:3] == (faults.OVER_CURRENT, 400, 350)
    made.raise_fault(faults.DAC_NO_ACK, 1, 2, 50)
    assert made.fault[0] == faults.OVER_CURRENT
    assert refusal(begin, made)[0] == "fault"
    assert len([event for event in events if event["ev"] == "fault"]) == 1
    made.clear(0)
    assert made.state == protocol.OFF and begin(made)["session"] == 2


def test_estop_fault_is_not_cleared_while_open():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    made.raise_fault(faults.ESTOP, 1, 0, 40)
    assert made.end == protocol.END_ESTOP
    assert refusal(made.clear, 1)[0] == "fault"
    made.clear(0)
    assert made.state == protocol.OFF


def test_silent_interrupt_is_noticed():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    engine.feed = lambda: None  # the tick counter stands still from here on
    made.tick(0, 40)
    assert made.state == protocol.ACTIVE
    made.tick(0, 41)
    assert made.fault[0] == faults.SAMPLE_INTERRUPT_STOPPED and made.fault[1] == 21


def test_late_interrupt_is_noticed():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    engine.values["worst_late_us"] = 100
    made.tick(0, 25)
    assert made.state == protocol.ACTIVE
    engine.values["worst_late_us"] = 101
    made.tick(0, 30)
    assert made.fault[:3] == (faults.SAMPLE_INTERRUPT_LATE, 101, 100)


def test_stop_ramps_down_and_stop_now_does_not():
    made, engine, events = fresh()
    run_to_active(made, engine)
    made.stop(False, 30)
    assert made.state == protocol.RAMP_DOWN and engine.gate_closed
    made.stop(True, 40)
    assert made.state == protocol.OFF and not engine.gate_closed
    assert events[-1]["reason"] == "stopped"
    made.stop(False, 50)
    assert made.state == protocol.OFF


def test_stop_before_the_gate_closed_ends_at_once():
    made, engine, events = fresh()
    begin(made)
    made.stop(False, 1)
    assert made.state == protocol.OFF and "ramp_down" not in engine.asked and events[-1]["reason"] == "stopped"


def test_end_by_time():
    made, engine, events = fresh()
    run_to_active(made, engine)
    engine.values["envelope"] = waveplan.ENVELOPE_ONE - 5
    made.renew(1, 1000)
    made.tick(0, 1000)
    assert made.state == protocol.RAMP_DOWN
    engine.values["done"] = 1
    made.tick(0, 1500)
    assert made.state == protocol.OFF and events[-1]["reason"] == "duration"
    assert refusal(made.renew, 1, 1600)[0] == "state"


def test_a_dac_that_does_not_follow_forbids_the_start():
    for code in (faults.DAC_STUCK, faults.DAC_NO_ACK):
        made, engine, _events = fresh()
        engine.unfit = code
        err, text = refusal(begin, made)
        assert err == "fault" and text.startswith(faults.meaning_of(code) + "; no current flows; ")
        assert made.state == protocol.FAULT and made.fault[0] == code and made.number == 0
        assert refusal(made.clear, 0)[0] == "fault"
        made.checks_passed = 1  # as the boot checks set it once they have passed
        made.clear(0)
        engine.unfit = 0
        assert made.state == protocol.OFF and begin(made)["session"] == 1


def test_what_the_samples_cannot_play_is_refused():
    made, _engine, _events = fresh()
    err, text = refusal(begin, made, duty_permille=500, gap_us=49)
    assert (err, text) == ("value", "gap_us is 49; this board's shortest is 100")
    terms = begin(made, duty_permille=500, gap_us=149)
    assert (terms["phase_us"], terms["gap_us"]) == (25000, 100)


def test_dac_that_vanishes_at_the_end_is_a_fault():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    engine.broken = True
    made.stop(True, 30)
    assert made.state == protocol.FAULT and made.fault[0] == faults.DAC_NO_ACK and made.checks_passed == 0
    assert made.fault[4] == 1
    assert refusal(made.clear, 0)[0] == "fault"


def test_estop_while_off_latches_once():
    made, _engine, _events = fresh()
    made.tick(1, 10)
    assert made.state == protocol.FAULT and made.fault[0] == faults.ESTOP


def test_telemetry_has_every_field_as_integer():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    row = made.telemetry(100)
    assert len(row) == len(protocol.TELEMETRY_FIELDS)
    assert all(isinstance(value, int) for value in row)
    named = dict(zip(protocol.TELEMETRY_FIELDS, row))
    assert named["commanded_ua"] == 200 and named["elapsed_ms"] == 100 and named["remaining_ms"] == 9900


def test_nothing_happens_while_off():
    made, engine, events = fresh()
    made.tick(0, 10)
    made.stop(False, 20)
    assert (made.state, engine.gate_closed, events) == (protocol.OFF, 0, [])
    row = made.telemetry(30)
    assert row[0] == 30 and not any(row[1:9])


def test_a_second_stop_does_not_restart_the_ramp():
    made, engine, events = fresh()
    run_to_active(made, engine)
    made.stop(False, 30)
    asked, heard = len(engine.asked), len(events)
    made.stop(False, 40)
    assert (made.state, len(engine.asked), len(events)) == (protocol.RAMP_DOWN, asked, heard)


def test_telemetry_after_the_end_keeps_the_time_that_passed():
    made, engine, _events = fresh()
    run_to_active(made, engine)
    made.stop(True, 400)
    row = dict(zip(protocol.TELEMETRY_FIELDS, made.telemetry(9000)))
    assert (row["elapsed_ms"], row["remaining_ms"], row["commanded_ua"]) == (400, 0, 0)
