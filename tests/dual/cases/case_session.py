"""Session: states, arming, lease, pauses, faults, against an engine whose readings the test dictates and its own clock.

What a real engine does is proven on the virtual Pico (tests/hil); here the timing corners are.
"""

from boards.rp2040_pico import board
from firmware.core import report, session, supervisor, waveplan
from firmware.shared import calibration, faults, limits, protocol
from tests.dual.session_bench import OPEN, PERIOD_US, STABLE, WAVE, Bench, refusal

# Arming ---------------------------------------------------------------------------------------------------------------


def test_arming_checks_and_starts_nothing():
    bench = Bench()
    terms = bench.arm()
    assert terms == {"session": 1, "amplitude_ua": 200, "limit_ua": 600, "binding": "profile", "lease_ms": 2000,
                     "duration_ms": 10000, "sample_us": 100, "phase_us": 50000, "gap_us": 0, "alternate_ms": 0,
                     "arm_ms": protocol.ARM_MS}  # fmt: skip
    assert bench.made.state == protocol.ARMED and bench.engine.asked == [] and bench.records == []
    assert bench.engine.state == protocol.ARMED


def test_arming_expires():
    bench = Bench()
    bench.arm()
    bench.tick(protocol.ARM_MS)
    assert bench.made.state == protocol.ARMED
    bench.tick(1)
    assert bench.made.state == protocol.READY and bench.told("expired")
    assert refusal(bench.made.start, 1, 0, 0, bench.now_ms) == (
        "state", "nothing is armed; arm a request first; the state is READY"
    )  # fmt: skip


def test_disarm_forgets_and_is_harmless_otherwise():
    bench = Bench()
    bench.made.disarm()
    assert bench.made.state == protocol.READY and not bench.events
    bench.arm()
    bench.made.disarm()
    assert bench.made.state == protocol.READY
    bench.to_active()
    bench.made.disarm()
    assert bench.made.state == protocol.ACTIVE


def test_start_needs_the_number_of_the_armed_session():
    bench = Bench()
    terms = bench.arm()
    for wrong in (None, 0, terms["session"] + 1, "1"):
        assert refusal(bench.made.start, wrong, 0, 0, 0)[0] == "state"
    assert bench.made.state == protocol.ARMED and bench.engine.asked == []


def test_what_changed_since_arming_is_asked_again():
    bench = Bench()
    bench.arm()
    assert refusal(bench.made.start, 1, 0, 1, 0)[0] == "state"  # the emergency stop opened
    bench.made.checks_passed = 0
    assert refusal(bench.made.start, 1, 0, 0, 0)[0] == "state"
    assert not bench.engine.asked


def test_refusals_carry_number_limit_and_rule():
    bench = Bench()
    code, text = refusal(bench.arm, amplitude_ua=601)
    assert code == "limit" and "amplitude_ua is 601; rule profile" in text and "permits 600" in text
    code, text = refusal(bench.arm, amplitude_ua=101, polarity="positive")
    assert code == "limit" and "amplitude_ua is 101" in text and "permits 100" in text
    code, text = refusal(bench.arm, duration_ms=1200001)
    assert code == "limit" and "duration_ms is 1200001" in text and "permits 1200000" in text
    assert refusal(bench.arm, amplitude_ua=0)[0] == "value"
    assert refusal(bench.arm, duty_permille=500, gap_us=49) == (
        "value", "gap_us is 49; this board's shortest is 100"
    )  # fmt: skip
    assert bench.made.state == protocol.READY and bench.made.number == 0


def test_a_state_or_fault_is_named_before_a_limit():
    bench = Bench()
    bench.made.raise_fault(faults.DAC_NO_ACK, 0, 0, 0)
    assert refusal(bench.arm, amplitude_ua=5000)[0] == "fault"


def test_a_hard_cap_beyond_the_limits_engine_is_refused_by_the_gate():
    bench = Bench()
    real, limits.refusal = limits.refusal, lambda *_: None
    permitted, limits.permitted = limits.permitted, lambda *_: (99999, "broken", "")
    try:
        assert refusal(bench.arm, amplitude_ua=1001) == ("limit", "the amplitude is outside the board's hard cap")
    finally:
        limits.refusal, limits.permitted = real, permitted


def test_second_arm_is_refused_while_one_is_on_its_way():
    bench = Bench()
    bench.arm()
    assert refusal(bench.arm)[0] == "state"
    bench = Bench()
    bench.to_active()
    assert refusal(bench.arm)[0] == "state"


# The course of a session ----------------------------------------------------------------------------------------------


def test_gate_closes_only_after_the_interrupt_has_run():
    bench = Bench()
    bench.begin()
    assert bench.engine.asked == [("arm", 200, 0)]
    bench.tick(300)  # a flash write lies between the request and the first look
    bench.tick(4)
    assert not bench.engine.gate_closed and bench.made.state == protocol.RAMP_UP
    bench.tick(1)
    assert bench.engine.gate_closed and bench.engine.values["sensing"] == 1


def test_the_session_is_written_down_before_the_gate_closes():
    bench = Bench()
    terms = bench.arm()
    bench.made.start(terms["session"], 1763720000, 0, 0)
    assert bench.records == [("session", {"session": 1, "amplitude_ua": 200, "frequency_mhz": 10000,
                                          "duration_ms": 10000, "utc_s": 1763720000})]  # fmt: skip


def test_a_full_flash_forbids_the_start():
    bench = Bench()
    terms = bench.arm()
    bench.full_flash = True
    try:
        bench.made.start(terms["session"], 0, 0, 0)
        raise AssertionError("it started")
    except OSError:
        pass
    assert bench.made.state == protocol.READY and bench.engine.asked == [] and bench.told("journal")
    assert refusal(bench.arm)[0] == "state"  # until a self-test


def test_a_flash_that_fills_up_at_the_end_is_told_and_forbids_the_next():
    bench = Bench()
    bench.to_active()
    bench.full_flash = True
    bench.made.stop(True, bench.now_ms)
    assert bench.made.state == protocol.READY and bench.told("journal") and bench.made.checks_passed == 0


def test_no_treatment_current_before_stable_contact():
    bench = Bench()
    bench.to_sensing()
    for good in (0, 1, STABLE - 1):
        bench.engine.values["good"] = good
        bench.tick()
        assert "ramp_up" not in bench.engine.asked
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert bench.engine.asked[-1] == "ramp_up" and bench.made.state == protocol.RAMP_UP
    bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE - 1
    bench.tick()
    assert bench.made.state == protocol.RAMP_UP


def test_a_gate_that_the_interrupt_has_opened_is_not_closed_again():
    """The interrupt trips after the snapshot of a pass was taken: the pass must not take the open gate for a start."""
    for reach in ("to_sensing", "to_ramp"):
        bench = Bench()
        getattr(bench, reach)()
        bench.engine.gate_closed = 0
        bench.tick()
        assert bench.engine.asked.count("run") == 1 and not bench.engine.gate_closed, reach
        bench.engine.values.update(trip=faults.ESTOP)
        bench.tick()
        assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.ESTOP


def test_after_a_pause_the_gate_closes_once_more():
    bench = Bench()
    bench.to_paused()
    bench.made.resume(0, bench.now_ms)
    bench.tick(0)
    bench.tick(5)
    assert bench.engine.asked.count("run") == 2 and bench.engine.gate_closed


def test_no_contact_in_time_is_a_fault():
    bench = Bench()
    bench.to_sensing(lease_ms=10000)
    bench.engine.values.update(late_voltage=1551, halves=1)
    for _ in range(supervisor.CONTACT_MS // 100 + 1):
        bench.made.renew(1, bench.now_ms)
        bench.tick(100)
    assert bench.made.fault[0] == faults.OPEN_ELECTRODE and not bench.engine.gate_closed


def change(bench, number=1, index=0, **changes):
    return bench.made.change(number, changes, OPEN, 0, index)


def test_a_running_session_takes_a_change():
    bench = Bench()
    bench.to_active()
    terms = change(bench, amplitude_ua=150, frequency_mhz=20000)
    assert (terms["session"], terms["amplitude_ua"], terms["sample_us"]) == (1, 150, PERIOD_US)
    assert terms["phase_us"] == 25000
    assert bench.engine.asked[-1][:2] == ("change", 0) and bench.engine.asked[-1][4] == 150
    assert (bench.first.amplitude_ua, bench.first.supervisor.amplitude_ua) == (150, 150)
    changed = [event["wave"] for event in bench.told("changed")]
    assert changed == [{"amplitude_ua": 150, "frequency_mhz": 20000}]
    assert bench.made.terms.wave["amplitude_ua"] == 150 and bench.made.terms.wave["duration_ms"] == 10000
    row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    assert row["commanded_ua"] == 150


def test_what_a_change_may_not_do():
    bench = Bench()
    assert refusal(change, bench, amplitude_ua=150) == ("state", "session 1 is not running; the state is READY")
    bench.to_active()
    assert refusal(change, bench, 2, amplitude_ua=150) == ("state", "session 2 is not running; the state is ACTIVE")
    for name in ("duration_ms", "ramp_ms", "polarity", "alternate_ms", "zone", "area_mm2", "sample_us"):
        assert refusal(change, bench, **{name: 1}) == ("value", name + " cannot change while a session runs")
    assert refusal(change, bench, amplitude_ua=0)[0] == "value"
    assert refusal(change, bench, amplitude_ua=601)[0] == "limit"
    assert refusal(change, bench, frequency_mhz=1000001)[0] == "value"
    assert bench.engine.asked[-1] == "ramp_up" and bench.first.amplitude_ua == 200
    assert refusal(bench.made.change, 1, {"amplitude_ua": 100}, OPEN, 1)[1].startswith("the emergency")
    bench.made.stop(False, bench.now_ms)
    assert refusal(change, bench, amplitude_ua=150)[0] == "state"


def test_a_change_of_form_keeps_the_table_of_the_same_shape():
    bench = Bench()
    bench.to_active(shape="sine")
    before = bench.made.terms.plan.table
    change(bench, frequency_mhz=20000)
    assert bench.made.terms.plan.table is before
    change(bench, shape="sawtooth")
    assert bench.made.terms.plan.table is not before


def test_a_sweep_moves_in_steps_while_current_flows():
    bench = Bench()
    bench.to_active(amplitude_ua=100, amplitude_end_ua=300, sweep_ms=1000)
    assert bench.made.terms.amplitude_ua == 300 and bench.made.sweeps  # the gate was asked for the largest
    seen = []
    for _ in range(40):
        bench.made.renew(1, bench.now_ms)
        bench.tick(25)
        seen.append(bench.first.amplitude_ua)
    assert len([step for step in bench.engine.asked if step[0] == "change"]) in (19, 20, 21)
    assert all(0 <= seen[k + 1] - seen[k] <= 10 for k in range(len(seen) - 1)) and seen[-1] - seen[0] > 150
    assert bench.first.supervisor.amplitude_ua == seen[-1]
    bench.made.stop(False, bench.now_ms)
    count = len(bench.engine.asked)
    bench.tick(200)
    assert not bench.made.sweeps and len(bench.engine.asked) == count


def swept(bench, ticks):
    for _ in range(ticks):
        bench.made.renew(1, bench.now_ms)
        bench.tick(25)
    return bench.first.amplitude_ua


def test_a_change_in_a_sweep_goes_on_from_where_it_stands():
    bench = Bench()
    bench.to_active(amplitude_ua=100, amplitude_end_ua=300, sweep_ms=1000, duty_permille=500)
    before_ua = swept(bench, 30)
    change(bench, duty_permille=400)
    asked = bench.engine.asked[-1]
    assert before_ua > 200 and 0 <= bench.first.amplitude_ua - before_ua <= 10
    assert asked[0] == "change" and asked[-1] == bench.first.amplitude_ua
    assert abs(asked[2] - bench.first.amplitude_ua * 32768 // 1000) <= 1


def test_a_sweep_resumes_where_it_paused():
    bench = Bench()
    bench.to_active(amplitude_ua=100, amplitude_end_ua=300, sweep_ms=1000)
    before_ua = swept(bench, 30)
    bench.made.pause(bench.now_ms)
    bench.engine.values.update(done=1, left=50000)
    bench.tick()
    bench.made.resume(0, bench.now_ms)
    assert before_ua > 200 and 0 <= bench.first.amplitude_ua - before_ua <= 10
    assert bench.engine.asked[-1][:2] == ("arm", bench.first.amplitude_ua)


def test_limits_hold_for_the_whole_of_a_sweep():
    bench = Bench()
    text = refusal(bench.arm, amplitude_ua=100, amplitude_end_ua=601, sweep_ms=1000)
    assert text[0] == "limit" and "amplitude_ua is 601" in text[1]
    # At 1 kHz a phase of 500 us is short: its charge binds where it does not at 10 Hz.
    assert refusal(bench.arm, frequency_end_mhz=1000001 - 1, sweep_ms=1000, sample_us=250)[0] == "value"


def test_short_pulses_take_the_boards_shortest_sample():
    bench = Bench()
    bench.engine.periods_us = board.PERIODS_US
    for width_us, sample_us, phase_us in (
        (50, 50, 50),
        (75, 50, 100),
        (124, 50, 100),
        (125, 62, 124),
        (1240, 62, 1240),
    ):
        terms = bench.arm(width_us=width_us)
        assert (terms["sample_us"], terms["phase_us"]) == (sample_us, phase_us), width_us
        bench.made.disarm()
    for changes in ({"width_us": 100, "rise_us": 50}, {"shape": "sine", "frequency_mhz": 900000}):
        assert bench.arm(**changes)["sample_us"] == 62
        bench.made.disarm()
    bench.engine.periods_us = board.PERIODS_US[:2]  # a bus that is slower than the board's constants expect
    assert bench.arm(width_us=100)["sample_us"] == 100


def to_active_fast(bench, **changes):
    """At full amplitude with shorter samples than STABLE counts."""
    bench.to_sensing(**changes)
    bench.engine.values["good"] = 3 * STABLE
    bench.tick(0)
    bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE
    bench.tick(0)
    assert bench.made.state == protocol.ACTIVE


def test_a_change_keeps_the_sample_period():
    bench = Bench()
    bench.engine.periods_us = board.PERIODS_US
    to_active_fast(bench, width_us=1000)
    assert bench.made.terms.sample_us == 62
    terms = change(bench, width_us=100)
    assert (terms["sample_us"], terms["phase_us"]) == (62, 124)
    pulses = Bench()
    pulses.engine.periods_us = board.PERIODS_US
    to_active_fast(pulses, width_us=50)
    for changes in ({"width_us": 125}, {"rise_us": 25}, {"shape": "sine", "width_us": 0}):
        text = "samples of 50 us cannot play that; stop the session and begin another"
        assert refusal(change, pulses, **changes) == ("value", text), changes
    assert change(pulses, width_us=100)["phase_us"] == 100


def test_what_was_armed_settles_as_it_was():
    bench = Bench()
    bench.made.settle()  # nothing is there yet, and nothing happens
    bench.arm(shape="sine")
    terms = bench.made.terms
    wave, table = terms.wave, terms.plan.table
    bench.made.settle()
    assert (terms.wave, list(terms.plan.table)) == (wave, list(table))
    assert terms.wave is not wave and terms.plan.table is not table


def test_a_table_is_played_only_when_it_is_the_one_that_was_uploaded():
    bench = Bench()
    assert refusal(bench.arm, shape="table", table_crc=5) == (
        "value", "table_crc is 5; the uploaded table's is 0; upload it again"
    )  # fmt: skip
    made = bench.made.points
    made.begin(256)
    for at in range(0, 256, 64):
        assert made.add(at, [16384, -16384] * 32) is None
    assert refusal(bench.arm, shape="table", table_crc=made.crc - 1)[0] == "value"
    bench.arm(shape="table", table_crc=made.crc)
    bench.made.settle()
    assert bench.made.terms.plan.table is made.table  # not a copy: it is large
    bench.made.disarm()
    bench.arm(shape="table", table_crc=made.crc, polarity="positive", amplitude_ua=50)
    assert list(bench.made.terms.plan.table) == [49152, 32768] * 128 + [49152]


def test_lift_off_goes_back_to_the_ramp_and_is_counted():
    bench = Bench()
    bench.to_active()
    for count in (1, 2):
        bench.engine.values.update(lift_offs=count, sensing=1, envelope=0, good=0)
        bench.tick()
        assert bench.made.state == protocol.RAMP_UP and bench.told("lift-off")[-1]["count"] == count
        bench.engine.values["good"] = STABLE
        bench.tick()
        assert bench.engine.asked[-1] == "ramp_up"
        bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE
        bench.tick()
        assert bench.made.state == protocol.ACTIVE
    row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    assert row["lift_offs"] == 2
    bench.made.stop(True, bench.now_ms)
    assert bench.written("end")[0]["lift_offs"] == 2


def test_lift_off_in_the_ramp_up_stays_there():
    bench = Bench()
    bench.to_ramp()
    bench.engine.values.update(lift_offs=1, sensing=1)
    bench.tick()
    assert bench.made.state == protocol.RAMP_UP and len(bench.told("lift-off")) == 1
    bench.tick()
    assert len(bench.told("lift-off")) == 1


def test_lift_off_in_the_ramp_down_ends_it():
    bench = Bench()
    bench.to_active()
    bench.made.stop(False, bench.now_ms)
    bench.engine.values.update(lift_offs=1, sensing=1)
    bench.tick()
    assert bench.made.state == protocol.READY and not bench.engine.gate_closed
    assert bench.told("end")[0]["reason"] == "stopped"


def test_end_by_time():
    bench = Bench()
    bench.to_active()
    bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE - 5
    bench.made.renew(1, bench.now_ms)
    bench.tick()
    assert bench.made.state == protocol.RAMP_DOWN
    bench.engine.values["done"] = 1
    bench.tick()
    assert bench.made.state == protocol.READY and bench.told("end")[0]["reason"] == "duration"
    assert refusal(bench.made.renew, 1, bench.now_ms)[0] == "state"
    assert bench.written("end")[0]["reason"] == "duration"


def test_a_session_that_ends_before_it_was_at_full_amplitude():
    bench = Bench()
    bench.to_ramp()
    bench.engine.values["done"] = 1
    bench.tick()
    assert bench.made.state == protocol.READY and bench.told("end")[0]["reason"] == "duration"


def test_stop_ramps_down_and_stop_now_does_not():
    bench = Bench()
    bench.to_active()
    bench.made.stop(False, bench.now_ms)
    assert bench.made.state == protocol.RAMP_DOWN and bench.engine.gate_closed
    asked, heard = len(bench.engine.asked), len(bench.events)
    bench.made.stop(False, bench.now_ms)
    assert (len(bench.engine.asked), len(bench.events)) == (asked, heard)
    bench.made.stop(True, bench.now_ms)
    assert bench.made.state == protocol.READY and not bench.engine.gate_closed
    assert bench.events[-1]["reason"] == "stopped"
    bench.made.stop(False, bench.now_ms)
    assert bench.made.state == protocol.READY


def test_stop_while_sensing_ends_at_once():
    for at_once in (False, True):
        bench = Bench()
        bench.to_sensing()
        bench.made.stop(at_once, bench.now_ms)
        assert bench.made.state == protocol.READY and not bench.engine.gate_closed
        assert "ramp_down" not in bench.engine.asked and bench.told("end")[0]["reason"] == "stopped"


def test_stop_before_the_gate_closed_ends_at_once():
    bench = Bench()
    bench.begin()
    bench.made.stop(False, 1)
    assert bench.made.state == protocol.READY and "ramp_down" not in bench.engine.asked


def test_stop_disarms():
    bench = Bench()
    bench.arm()
    bench.made.stop(False, 0)
    assert bench.made.state == protocol.READY and not bench.told("end")


# Pauses ---------------------------------------------------------------------------------------------------------------


def test_pause_ramps_down_and_resume_goes_on_with_what_is_left():
    bench = Bench()
    bench.to_active()
    bench.tick(1000)
    bench.made.renew(1, bench.now_ms)
    bench.made.pause(bench.now_ms)
    assert bench.made.state == protocol.RAMP_DOWN and bench.engine.asked[-1] == "ramp_down"
    bench.engine.values.update(done=1, left=50000)
    bench.tick()
    assert bench.made.state == protocol.PAUSED and not bench.engine.gate_closed and not bench.told("end")
    row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    flowed_ms = row["elapsed_ms"]
    assert 1000 <= flowed_ms <= 1040 and row["remaining_ms"] == 10000 - flowed_ms
    bench.made.renew(1, bench.now_ms)
    bench.tick(1500)
    bench.made.resume(0, bench.now_ms)
    assert bench.made.state == protocol.RAMP_UP and bench.engine.asked[-1] == ("arm", 200, 50000)
    assert (
        dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))["elapsed_ms"]
        == flowed_ms
    )
    assert bench.made.number == 1


def test_pause_needs_a_running_session_and_resume_a_paused_one():
    bench = Bench()
    assert refusal(bench.made.pause, 0) == ("state", "there is nothing to pause; the state is READY")
    assert refusal(bench.made.resume, 0, 0) == ("state", "nothing is paused; the state is READY")
    bench.to_paused()
    assert refusal(bench.made.resume, 1, 0)[0] == "state"  # emergency stop open
    bench.made.checks_passed = 0
    assert refusal(bench.made.resume, 0, 0)[0] == "state"


def test_pause_while_sensing_pauses_at_once():
    bench = Bench()
    bench.to_sensing()
    bench.made.pause(bench.now_ms)
    assert bench.made.state == protocol.PAUSED and "ramp_down" not in bench.engine.asked


def test_a_pause_at_the_very_end_does_not_begin_the_session_again():
    bench = Bench()
    bench.to_active()
    bench.made.pause(bench.now_ms)
    bench.engine.values.update(done=1, left=-40)
    bench.tick()
    bench.made.resume(0, bench.now_ms)
    assert bench.engine.asked[-1] == ("arm", 200, 1)


def test_lift_offs_add_up_over_a_pause():
    bench = Bench()
    bench.to_active()
    bench.engine.values.update(lift_offs=2, sensing=1)
    bench.tick()
    bench.made.pause(bench.now_ms)
    bench.made.resume(0, bench.now_ms)
    bench.tick(0)
    bench.tick(5)
    assert len(bench.told("lift-off")) == 1
    bench.engine.values.update(lift_offs=1, sensing=1)
    bench.tick()
    assert bench.told("lift-off")[-1]["count"] == 3


def test_stop_ends_a_pause():
    bench = Bench()
    bench.to_paused()
    bench.made.stop(False, bench.now_ms)
    assert bench.made.state == protocol.READY and bench.told("end")[0]["reason"] == "stopped"


def test_a_pause_without_host_or_without_end_ends():
    bench = Bench()
    bench.to_paused()
    bench.tick(2100)
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.LEASE_LOST
    bench = Bench()
    bench.to_paused()
    began = bench.now_ms
    while bench.made.state == protocol.PAUSED:
        bench.made.renew(1, bench.now_ms)
        bench.tick(1000)
    assert bench.made.state == protocol.READY and bench.told("end")[0]["reason"] == "pause"
    assert 0 <= bench.now_ms - began - protocol.PAUSE_MS <= 1000


def test_a_fault_in_a_pause_ends_the_session():
    bench = Bench()
    bench.to_paused()
    bench.estop = 1
    bench.tick()
    assert bench.made.state == protocol.FAULT and bench.told("end")[0]["reason"] == "estop"


def test_a_dac_that_vanishes_when_it_pauses_is_a_fault():
    bench = Bench()
    bench.to_active()
    bench.made.pause(bench.now_ms)
    bench.engine.broken = True
    bench.engine.values["done"] = 1
    bench.tick()
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.DAC_NO_ACK
    assert bench.told("end")[0]["reason"] == "fault"


# Lease ----------------------------------------------------------------------------------------------------------------


def test_lease_ramps_down_then_latches():
    bench = Bench()
    bench.to_active()
    bench.tick(1400)
    bench.made.renew(1, bench.now_ms)
    bench.tick(2000)
    assert bench.made.state == protocol.ACTIVE
    bench.tick(1)
    assert bench.made.state == protocol.RAMP_DOWN and bench.engine.asked[-1] == "ramp_down"
    bench.tick(1)
    assert bench.engine.asked.count("ramp_down") == 1
    bench.engine.values["done"] = 1
    bench.tick(2000)
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.LEASE_LOST
    assert bench.made.fault[4] == 1 and not bench.engine.gate_closed
    assert bench.told("end")[0]["reason"] == "lease"
    assert [kind for kind, _detail in bench.records] == ["session", "fault", "end"]


def test_lease_works_across_the_tick_wrap_and_after_days():
    for start_ms in (2**30 - 1000, 2**31 - 1000, 2**32 - 1000):
        bench = Bench()
        bench.now_ms = start_ms
        bench.to_active()
        renewed = bench.now_ms
        bench.made.renew(1, renewed)
        bench.tick(2000)
        assert bench.made.state == protocol.ACTIVE
        bench.tick(1)
        assert bench.made.state == protocol.RAMP_DOWN


def test_a_lost_lease_ends_a_pause_that_is_on_its_way():
    bench = Bench()
    bench.to_active()
    bench.made.pause(bench.now_ms)
    bench.tick(2100)
    bench.engine.values["done"] = 1
    bench.tick()
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.LEASE_LOST


# Faults ---------------------------------------------------------------------------------------------------------------


def test_first_fault_wins_and_stays():
    bench = Bench()
    bench.to_active()
    bench.engine.values.update(trip=faults.OVER_CURRENT, trip_reading=745)
    bench.tick()
    assert not bench.engine.gate_closed and bench.made.state == protocol.FAULT
    assert bench.made.fault[:3] == (faults.OVER_CURRENT, 400, 300)
    assert bench.made.latch.samples == "800800" * 64
    bench.made.raise_fault(faults.DAC_NO_ACK, 1, 2, 50)
    assert bench.made.fault[0] == faults.OVER_CURRENT
    assert refusal(bench.arm)[0] == "fault"
    assert len(bench.told("fault")) == 1
    assert bench.written("fault") == [{"code": 1, "reading": 400, "limit": 300, "session": 1, "state": "ACTIVE",
                                       "channel": 1, "samples": "800800" * 64}]  # fmt: skip


def test_clearing_within_a_self_test_makes_ready():
    bench = Bench()
    bench.made.raise_fault(faults.ESTOP, 1, 0, 40)
    assert bench.made.state == protocol.FAULT
    bench.made.begin_test()
    bench.made.clear()
    bench.made.end_test(True)
    assert bench.made.state == protocol.READY and bench.made.fault[0] == 0 and bench.made.latch.samples == ""
    assert bench.written("clear") == [{"code": faults.ESTOP}]
    bench.made.clear()
    assert len(bench.written("clear")) == 1
    assert bench.begin()["session"] == 1


def test_a_passed_self_test_alone_clears_nothing():
    bench = Bench()
    bench.made.raise_fault(faults.LEASE_LOST, 1, 0, 40)
    bench.made.begin_test()
    bench.made.end_test(True)
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.LEASE_LOST


def test_a_failed_self_test_forbids_output():
    bench = Bench()
    bench.made.begin_test()
    bench.made.raise_fault(faults.SELFTEST_FAILED, 1, 0, 40)
    bench.made.end_test(False)
    assert bench.made.state == protocol.FAULT and bench.made.checks_passed == 0
    bench = Bench()
    bench.made.begin_test()
    bench.made.end_test(False)
    assert bench.made.state == protocol.FAULT


def test_no_self_test_while_a_session_is_on_its_way():
    for prepare in ("arm", "to_active", "to_paused"):
        bench = Bench()
        getattr(bench, prepare)()
        assert refusal(bench.made.begin_test)[0] == "state"
        assert bench.made.checks_passed == 1
        assert bench.told("refused")[0]["to"] == "SELF_TEST"


def test_a_latched_fault_is_restored_after_a_loss_of_power():
    bench = Bench()
    made = session.Session(board, bench.engine, bench.events.append, bench.record)
    made.restore(faults.COMPARATOR, 960, 950, 7, "abc", 2)
    assert made.state == protocol.FAULT and made.fault == (faults.COMPARATOR, 960, 950, 0, 7, 2)
    assert made.latch.samples == "abc" and bench.records == []
    made.begin_test()
    made.end_test(True)
    assert made.state == protocol.FAULT


def test_estop_while_ready_or_armed_latches_once():
    for prepare in (None, "arm"):
        bench = Bench()
        if prepare:
            getattr(bench, prepare)()
        bench.estop = 1
        bench.tick()
        bench.tick()
        assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.ESTOP
        assert len(bench.told("fault")) == 1


def test_supply_is_watched_while_ready_and_usb_is_not():
    bench = Bench()
    bench.bare_usb = 1
    for _ in range(5):
        bench.tick()
    assert bench.made.state == protocol.READY
    bench.supply_mv = 5000
    for _ in range(supervisor.TEMPERATURE_LOOKS):
        bench.tick()
    assert bench.made.fault[:3] == (faults.SUPPLY, 5000, board.SUPPLY_MIN_MV)
    for _ in range(5):
        bench.tick()
    assert len(bench.told("fault")) == 1


def test_supervisor_faults_end_the_session():
    bench = Bench()
    bench.to_active()
    bench.bare_usb = 1
    bench.tick()
    assert bench.made.fault[0] == faults.MAINS_USB and not bench.engine.gate_closed
    assert bench.told("end")[0]["reason"] == "fault"


def test_a_dac_that_does_not_follow_forbids_the_start():
    for code in (faults.DAC_READBACK, faults.DAC_NO_ACK):
        bench = Bench()
        bench.engine.unfit = code
        err, text = refusal(bench.begin)
        assert err == "fault" and text.startswith(faults.meaning_of(code) + "; no current flows; ")
        assert bench.made.state == protocol.FAULT and bench.made.fault[0] == code and bench.made.checks_passed == 0
        assert len(bench.written("end")) == len(bench.written("session")) == 1


def test_a_sense_amplifier_without_zero_forbids_the_gate():
    bench = Bench()
    bench.engine.no_zero = faults.OUTPUT_ASTRAY
    bench.begin()
    bench.tick()
    bench.tick()
    assert bench.made.fault[0] == faults.OUTPUT_ASTRAY and not bench.engine.gate_closed


def test_dac_that_vanishes_at_the_end_is_a_fault():
    bench = Bench()
    bench.to_active()
    bench.engine.broken = True
    bench.made.stop(True, bench.now_ms)
    assert bench.made.state == protocol.FAULT and bench.made.fault[0] == faults.DAC_NO_ACK
    assert bench.made.checks_passed == 0 and bench.made.fault[4] == 1
    assert bench.written("fault")[0]["code"] == faults.DAC_NO_ACK


# Telemetry ------------------------------------------------------------------------------------------------------------


def test_telemetry_has_every_field_as_integer():
    bench = Bench()
    bench.to_active()
    row = report.row(bench.made, bench.made.channels[0], bench.now_ms)
    assert len(row) == len(protocol.TELEMETRY_FIELDS)
    assert all(isinstance(value, int) for value in row)
    named = dict(zip(protocol.TELEMETRY_FIELDS, row))
    assert named["commanded_ua"] == 200 and named["remaining_ms"] == 10000 - named["elapsed_ms"]
    assert named["supply_mv"] == 12000 and named["temperature_c"] == 27


def test_impedance_is_told_while_sensing_and_not_at_the_foot_of_a_ramp():
    bench = Bench()
    bench.to_sensing()
    bench.engine.values.update(halves=1, late_current=15, late_voltage=12, step_current=-30, step_voltage=-4)
    bench.tick()
    named = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    assert (named["impedance_ohm"], named["series_ohm"], named["sensing"]) == (9600, 1600, 1)
    assert named["contact"] == protocol.CONTACT_GOOD
    bench.engine.values.update(good=STABLE)
    bench.tick()
    bench.tick()
    named = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    assert (named["impedance_ohm"], named["sensing"]) == (-1, 0)


def test_a_row_before_contact_tells_of_no_treatment():
    """The engine senses from run() on; a row from before it, or of that look, must show no contact that is lost."""
    bench = Bench()
    bench.begin()
    for ms in (0, 5, 10):
        bench.tick(ms)
        row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
        assert (row["state"], row["sensing"], row["commanded_ua"]) == (protocol.RAMP_UP, 1, 0)
        assert bench.engine.gate_closed == (ms > 0)


def test_nothing_happens_while_ready():
    bench = Bench()
    bench.tick()
    bench.made.stop(False, 20)
    assert (bench.made.state, bench.engine.gate_closed, bench.events) == (protocol.READY, 0, [])
    row = report.row(bench.made, bench.made.channels[0], 30)
    assert row[0] == 30 and not any(row[3:9])


def test_telemetry_after_the_end_keeps_the_time_that_passed():
    bench = Bench()
    bench.to_active()
    bench.tick(400)
    before = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], bench.now_ms)))
    bench.made.stop(True, bench.now_ms)
    row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[0], 9000)))
    assert (row["elapsed_ms"], row["remaining_ms"], row["commanded_ua"]) == (before["elapsed_ms"], 0, 0)
    assert bench.written("end")[0]["elapsed_ms"] == before["elapsed_ms"]


def test_without_a_request_there_is_nothing_to_play():
    terms = session.Nothing()
    assert (terms.move(0, board), terms.plan.gain, terms.plan.total_samples) == (0, 0, 0)


# Felt -----------------------------------------------------------------------------------------------------------------


def test_felt_goes_back_to_sensing_level_and_on_with_less():
    bench = Bench()
    bench.to_active()
    bench.made.felt("button", bench.now_ms)
    lift, change = bench.engine.asked[-2:]
    assert lift == "lift" and change[:2] == ("change", 0) and change[4] == 160
    assert bench.made.state == protocol.RAMP_UP and bench.first.amplitude_ua == 160
    assert bench.first.supervisor.amplitude_ua == 160 and bench.made.terms.wave["amplitude_ua"] == 160
    assert bench.told("felt") == [
        {"ev": "felt", "session": 1, "step": 0, "by": "button", "from_ua": [200], "to_ua": [160]}
    ]  # fmt: skip
    assert not bench.told("lift-off") and bench.first.lift_offs == 0
    bench.tick()
    assert bench.made.state == protocol.RAMP_UP and bench.engine.asked[-1] == change
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert bench.engine.asked[-1] == "ramp_up"
    bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE
    bench.tick()
    assert bench.made.state == protocol.ACTIVE
    bench.engine.values.update(sensing=1, envelope=0, good=0, lift_offs=1)  # now a hand lifts it
    bench.tick()
    assert [event["count"] for event in bench.told("lift-off")] == [1]
    assert bench.written("session")[0]["amplitude_ua"] == 200


def test_felt_in_a_ramp_and_again():
    bench = Bench()
    bench.to_ramp()
    bench.made.felt("key", bench.now_ms)
    assert bench.first.amplitude_ua == 160 and bench.made.state == protocol.RAMP_UP
    assert refusal(bench.made.felt, "key", bench.now_ms) == (
        "state", "no treatment current flows; the state is RAMP_UP"
    )  # fmt: skip
    bench.engine.values.update(sensing=0)
    bench.made.felt("key", bench.now_ms)
    assert bench.first.amplitude_ua == 128


def test_felt_needs_a_current():
    for prepare, state in (
        (lambda bench: None, "READY"), (Bench.arm, "ARMED"), (Bench.begin, "RAMP_UP"), (Bench.to_sensing, "RAMP_UP"),
        (Bench.to_paused, "PAUSED"),
    ):  # fmt: skip
        bench = Bench()
        prepare(bench)
        if state == "RAMP_UP":
            bench.engine.values["sensing"] = 1
        assert refusal(bench.made.felt, "key", bench.now_ms) == (
            "state", "no treatment current flows; the state is %s" % state
        )  # fmt: skip
        assert "lift" not in bench.engine.asked and not bench.told("felt")
    bench = Bench()
    bench.to_active()
    bench.made.stop(False, bench.now_ms)
    assert refusal(bench.made.felt, "key", bench.now_ms)[1].endswith("RAMP_DOWN")
    bench = Bench()
    bench.to_active()
    bench.engine.values["sensing"] = 1  # lifted since the last look
    assert refusal(bench.made.felt, "key", bench.now_ms)[0] == "state"


def test_felt_hardly_above_sensing_level_ends():
    for amplitude_ua in (1, 9, 10):
        bench = Bench()
        bench.to_active(amplitude_ua=amplitude_ua)
        bench.made.felt("key", bench.now_ms)
        assert bench.made.state == protocol.RAMP_DOWN and bench.engine.asked[-1] == "ramp_down"
        assert bench.told("felt")[0]["to_ua"] == [0]
        bench.engine.values["done"] = 1
        bench.tick()
        assert bench.made.end == protocol.END_STOPPED
    bench = Bench()
    bench.to_active(amplitude_ua=11)
    bench.made.felt("key", bench.now_ms)
    assert bench.made.state == protocol.RAMP_UP and bench.told("felt")[0]["to_ua"] == [8]


def test_felt_in_a_sweep_lowers_what_is_played():
    """At 120 uA on the way from 300 down to 100: four fifths of that, not of the 300 with which it began."""
    bench = Bench()
    bench.to_active(amplitude_ua=300, amplitude_end_ua=100, sweep_ms=1000)
    while bench.first.amplitude_ua > 120:
        bench.tick(50)
    before_ua = bench.first.amplitude_ua
    bench.made.felt("key", bench.now_ms)
    event = bench.told("felt")[0]
    assert event["from_ua"] == [before_ua] and before_ua * 77 // 100 <= event["to_ua"][0] <= before_ua * 83 // 100
    assert bench.engine.asked[-1][4] == event["to_ua"][0]
    assert (bench.made.terms.wave["amplitude_ua"], bench.made.terms.wave["amplitude_end_ua"]) == (240, 80)
    bench.engine.values.update(sensing=0)
    for _ in range(60):
        bench.tick(50)
        assert bench.first.amplitude_ua <= 240


def test_felt_is_kept_over_a_pause():
    bench = Bench()
    bench.to_active()
    bench.made.felt("key", bench.now_ms)
    bench.made.pause(bench.now_ms)
    bench.tick()
    assert bench.made.state == protocol.PAUSED
    bench.made.resume(0, bench.now_ms)
    assert bench.engine.asked[-1][1] == 160 and bench.first.amplitude_ua == 160


def test_what_was_felt_at_the_very_end_ends_it():
    """The interrupt has begun the last ramp, or the electrode is lifted in it: nothing begins from zero again."""
    for left in (0, -1):
        bench = Bench()
        bench.to_active()
        bench.engine.values["left"] = left
        bench.made.felt("key", bench.now_ms)
        assert bench.made.state == protocol.READY and bench.made.end == protocol.END_DURATION
        assert not bench.engine.gate_closed and bench.told("felt")
        bench = Bench()
        bench.to_active()
        bench.engine.values.update(left=left, sensing=1, envelope=0, lift_offs=1)
        bench.tick()
        assert bench.made.state == protocol.READY and bench.made.end == protocol.END_DURATION
    bench = Bench()
    bench.to_active()
    bench.engine.values["left"] = 1
    bench.made.felt("key", bench.now_ms)
    assert bench.made.state == protocol.RAMP_UP


# What follows without contact -----------------------------------------------------------------------------------------


def seeking(seek):
    """A session at sensing level on open electrodes."""
    bench = Bench()
    terms = bench.made.arm(WAVE, 10000, OPEN, 0, 0, None, seek)
    bench.made.start(terms["session"], 0, 0, 0)
    bench.tick(0)
    bench.tick(5)
    bench.engine.values["late_voltage"] = 2000
    return bench


def sought(bench, ms):
    """Look for contact for so long, while the host renews."""
    for _ in range(ms // 500):
        bench.made.renew(1, bench.now_ms)
        bench.tick(500)


def test_a_step_without_contact_pauses_after_a_minute():
    bench = seeking(session.SEEK_PAUSE)
    sought(bench, session.SEEK_MS)
    assert bench.made.state == protocol.RAMP_UP
    bench.tick(1)
    assert bench.made.state == protocol.PAUSED and bench.made.lost_contact and not bench.engine.gate_closed
    assert bench.made.latch.code == faults.NONE and "ramp_up" not in bench.engine.asked
    bench.made.resume(0, bench.now_ms)
    assert not bench.made.lost_contact
    bench.tick(0)
    bench.tick(5)
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert bench.engine.asked[-1] == "ramp_up"


def test_contact_alone_never_leaves_sensing_level_and_ends():
    bench = seeking(session.SEEK_ONLY)
    sought(bench, 10000)
    assert bench.told("contact") == []
    bench.engine.values["good"] = STABLE
    for _ in range(3):
        bench.tick()
    assert len(bench.told("contact")) == 1  # once for each time that it is found
    bench.engine.values["good"] = 0
    bench.tick()
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert len(bench.told("contact")) == 2
    assert refusal(bench.made.felt, "key", bench.now_ms)[0] == "state"
    sought(bench, session.COACH_MS - 10000 - 500)
    assert bench.made.state == protocol.RAMP_UP
    bench.tick(500)
    bench.tick(500)
    assert bench.made.state == protocol.READY and bench.made.end == protocol.END_DURATION
    assert bench.made.latch.code == faults.NONE and not bench.made.lost_contact
    assert "ramp_up" not in bench.engine.asked


def test_a_session_of_its_own_without_contact_is_a_fault():
    bench = seeking(session.SEEK_FAULT)
    sought(bench, supervisor.CONTACT_MS)
    assert bench.made.state == protocol.RAMP_UP
    bench.tick(1)
    assert bench.made.latch.code == faults.OPEN_ELECTRODE


def test_a_pause_of_the_contact_coach_stays_at_sensing_level():
    bench = seeking(session.SEEK_ONLY)
    bench.made.pause(bench.now_ms)
    assert bench.made.state == protocol.PAUSED
    bench.made.resume(0, bench.now_ms)
    bench.tick(0)
    bench.tick(5)
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert len(bench.told("contact")) == 1 and "ramp_up" not in bench.engine.asked


def test_charge_before_the_session_counts():
    for more_uc, code in ((0, faults.NONE), (1, faults.CHARGE_LIMIT)):
        bench = Bench()
        bench.to_active()
        bench.made.charge_before_uc = limits.SESSION_CHARGE_UC + more_uc
        bench.tick()
        assert bench.made.latch.code == code


def test_a_calibration_reaches_the_engine_and_what_is_told():
    bench = Bench(channels=2)
    constants = dict(calibration.NOMINAL)
    constants["sense_gain_ppm"] = -40000
    scales = [calibration.Scale(board), calibration.Scale(board, constants)]
    bench.made.calibrate(scales)
    assert bench.engine.asked == [("calibrate", 2)]
    assert [each.meter.current_ua(372) for each in bench.made.channels] == [200, 208]
    assert [each.meter.charge_nc(3720) for each in bench.made.channels] == [2, 2]  # us: begin() has the sample's length
    for each in bench.made.channels:
        each.meter.begin(100)
    assert [each.meter.charge_nc(37200) for each in bench.made.channels] == [1998, 2081]
