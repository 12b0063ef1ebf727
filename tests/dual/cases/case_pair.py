"""Two channels of one session: what they share, what each has of its own, and that a fault on one stops both."""

from boards.rp2040_pico import board
from firmware.core import meter, pair, report, waveplan
from firmware.shared import faults, protocol
from tests.dual.session_bench import OPEN, STABLE, WAVE, Bench, refusal

SECOND = {"amplitude_ua": 100, "frequency_mhz": 40000, "shape": "sine"}


def arm(bench, second=None, **changes):
    return bench.made.arm(dict(WAVE, **changes), 2000, OPEN, 0, bench.now_ms, dict(second or SECOND))


def to_sensing(bench, second=None, **changes):
    terms = arm(bench, second, **changes)
    bench.made.start(terms["session"], 0, 0, bench.now_ms)
    bench.tick(0)
    bench.tick(5)
    assert bench.engine.gate_closed and bench.made.state == protocol.RAMP_UP
    return terms


def to_active(bench, second=None, **changes):
    terms = to_sensing(bench, second, **changes)
    bench.engine.values["good"] = STABLE
    bench.tick()
    assert bench.engine.asked[-1] == "ramp_up"
    bench.engine.values["envelope"] = waveplan.ENVELOPE_ONE
    bench.tick()
    assert bench.made.state == protocol.ACTIVE
    return terms


def test_a_second_channel_has_terms_of_its_own():
    bench = Bench(2)
    terms = arm(bench, frequency_mhz=1000)
    assert (terms["amplitude_ua"], terms["terms2"]["amplitude_ua"]) == (200, 100)
    assert terms["sample_us"] == terms["terms2"]["sample_us"] == 100
    assert [each.terms.wave["duration_ms"] for each in bench.made.used] == [10000, 10000]
    assert [each.terms.plan.locked for each in bench.made.used] == [0, 0]
    bench.made.disarm()
    assert "terms2" not in bench.arm() and len(bench.made.used) == 1
    assert bench.made.channels[1].terms.wave == {}


def test_the_faster_channel_chooses_the_sample_period():
    bench = Bench(2)
    bench.engine.periods_us = (1000, 250, 100, 62)
    slow = {"amplitude_ua": 50, "frequency_mhz": 1000}
    assert arm(bench, slow, frequency_mhz=1000)["sample_us"] == 1000
    bench.made.disarm()
    for first, second in ((1000, 40000), (40000, 1000)):
        terms = arm(bench, dict(slow, frequency_mhz=second), frequency_mhz=first)
        assert terms["sample_us"] == terms["terms2"]["sample_us"] == 250
        assert {each.terms.plan.period_us for each in bench.made.used} == {250}
        bench.made.disarm()
    # Where one has asked for its own sample period, the other one takes it.
    assert arm(bench, slow, frequency_mhz=1000, sample_us=100)["terms2"]["sample_us"] == 100
    bench.made.disarm()
    # The interrupt has time for two outputs every 100 us, and for no pulse of one shorter sample.
    assert refusal(arm, bench, slow, sample_us=62) == ("value", "sample_us is 62; this board's shortest is 100")
    assert arm(bench, slow, width_us=100)["sample_us"] == 100


def test_what_a_second_request_must_not_have():
    bench = Bench(2)
    for name in ("duration_ms", "ramp_ms", "sample_us"):
        text = refusal(arm, bench, dict(SECOND, **{name: 250}))
        assert text == ("value", name + " is the same for both channels; the second has none")
    assert refusal(arm, bench, phase_deg=0) == ("value", "phase_deg is 0; only a second channel has it")
    assert refusal(arm, bench, phase_deg=[1])[1] == "phase_deg is [1]; only a second channel has it"
    assert refusal(arm, bench, dict(SECOND, amplitude_ua=0)) == (
        "value", "channel 2: amplitude_ua is 0; it must be within 1..100000"
    )  # fmt: skip
    kind, text = refusal(arm, bench, dict(SECOND, amplitude_ua=601))
    assert kind == "limit" and text.startswith("channel 2: amplitude_ua is 601")
    assert refusal(arm, bench, amplitude_ua=601)[1].startswith("amplitude_ua is 601")
    assert bench.made.state == protocol.READY
    one = Bench()
    assert refusal(arm, one) == ("value", "this board has one channel; wave2 is for a board with two outputs")


def test_both_together_stay_below_the_hard_cap():
    bench = Bench(2)
    most_ua = board.HARD_CAP_UA - 500
    assert arm(bench, dict(SECOND, amplitude_ua=most_ua), amplitude_ua=500)["session"] == 1
    bench.made.disarm()
    text = "amplitude_ua is 500 and %d; both channels together may not exceed the board's hard cap of 1000"
    found = refusal(arm, bench, dict(SECOND, amplitude_ua=most_ua + 1), amplitude_ua=500)
    assert found == ("limit", text % (most_ua + 1))
    to_active(bench, dict(SECOND, amplitude_ua=most_ua), amplitude_ua=400)
    found = refusal(bench.made.change, 2, {"amplitude_ua": 501}, OPEN, 0)
    assert found == ("limit", text.replace("500", "501") % most_ua)
    assert bench.made.change(2, {"amplitude_ua": 500}, OPEN, 0)["amplitude_ua"] == 500
    # A sweep counts with its largest amplitude.
    swept = Bench(2)
    second = dict(SECOND, amplitude_end_ua=501, sweep_ms=1000)
    assert refusal(arm, swept, second, amplitude_ua=500) == ("limit", text % 501)


def test_locked_channels_share_their_cycle():
    bench = Bench(2)
    locked = {"amplitude_ua": 100, "frequency_mhz": 10000, "phase_deg": 90}
    arm(bench, locked)
    plans = [each.terms.plan for each in bench.made.used]
    assert [plan.locked for plan in plans] == [1, 1] and pair.locked([each.terms for each in bench.made.used])
    assert (plans[0].phase_begin, plans[0].sample_begin) == (0, 0)
    assert (plans[1].phase_begin, plans[1].sample_begin) == (1 << 30, 250)
    bench.made.disarm()
    assert refusal(arm, bench, dict(locked, frequency_mhz=20000)) == (
        "value", "frequency_mhz is 10000 and 20000; channels that are locked have the same"
    )  # fmt: skip
    bursts = {"burst_ms": 1000, "rest_ms": 500}
    for found in (refusal(arm, bench, dict(locked, **bursts)), refusal(arm, bench, locked, **bursts)):
        assert found == ("value", "burst_ms is 1000; a channel that is locked has none")
    swept = dict(locked, frequency_end_mhz=10000, sweep_ms=1000)
    assert refusal(arm, bench, swept)[1] == "frequency_end_mhz is 10000; a channel that is locked has none"
    to_active(bench, dict(locked, phase_deg=0))
    for index in (0, 1):
        for name in ("frequency_mhz", "shape", "phase_deg"):
            found = refusal(bench.made.change, 2, {name: 1}, OPEN, 0, index)
            assert found == ("value", name + " cannot change while a session runs")
    assert bench.made.change(2, {"amplitude_ua": 120}, OPEN, 0, 1)["terms2"]["amplitude_ua"] == 120
    assert [each.terms.plan.locked for each in bench.made.used] == [1, 1]


def test_free_channels_change_one_by_one():
    bench = Bench(2)
    to_active(bench)
    terms = bench.made.change(1, {"amplitude_ua": 60, "frequency_mhz": 20000}, OPEN, 0, 1)
    assert (terms["amplitude_ua"], terms["terms2"]["amplitude_ua"]) == (200, 60)
    assert bench.engine.asked[-1][:2] == ("change", 1) and bench.engine.asked[-1][4] == 60
    assert [each.amplitude_ua for each in bench.made.used] == [200, 60]
    assert [each.supervisor.amplitude_ua for each in bench.made.used] == [200, 60]
    assert bench.told("changed")[0]["channel"] == 2
    assert refusal(bench.made.change, 1, {"phase_deg": 5}, OPEN, 0, 1)[1] == (
        "phase_deg cannot change while a session runs"
    )
    kind, text = refusal(bench.made.change, 1, {"amplitude_ua": 601}, OPEN, 0, 1)
    assert kind == "limit" and text.startswith("channel 2: ")
    single = Bench()
    single.to_active()
    assert refusal(single.made.change, 1, {"amplitude_ua": 60}, OPEN, 0, 1) == (
        "value", "this session has one channel; there is no second one to change"
    )  # fmt: skip


def test_both_ramps_wait_for_both_contacts():
    bench = Bench(2)
    to_sensing(bench)
    bench.engine.values.update(good=STABLE)
    bench.engine.values2.update(good=STABLE - 1, halves=1, late_current=15, late_voltage=24)
    bench.tick()
    assert bench.engine.asked[-1] == "run"
    bench.engine.values2["good"] = STABLE
    bench.tick()
    assert bench.engine.asked[-1] == "ramp_up"
    found = [(event["channel"], event["impedance_ohm"]) for event in bench.told("contact")]
    assert found == [(1, -1), (2, 19200)]


def test_a_lift_off_of_either_is_told_with_its_channel():
    bench = Bench(2)
    to_active(bench)
    bench.engine.values.update(sensing=1, envelope=0, good=0)
    bench.engine.values2.update(lift_offs=1)
    bench.tick()
    assert bench.made.state == protocol.RAMP_UP
    assert [(event["channel"], event["count"]) for event in bench.told("lift-off")] == [(2, 1)]
    bench.engine.values.update(lift_offs=1)
    bench.tick()
    assert [each.lift_offs for each in bench.made.used] == [1, 1]
    bench.made.stop(True, bench.now_ms)
    written = bench.written("end")[0]
    assert (written["lift_offs"], written["lift_offs2"]) == (1, 1)


def test_a_trip_of_the_second_stops_both_and_is_its_own():
    bench = Bench(2)
    to_active(bench)
    bench.engine.values2.update(trip=faults.OVER_CURRENT, trip_reading=745)
    bench.tick()
    assert not bench.engine.gate_closed and bench.made.state == protocol.FAULT
    assert bench.made.fault == (faults.OVER_CURRENT, 400, 200, bench.now_ms, 1, 2)  # 100 uA and the board's 100
    assert bench.made.latch.samples == "900900" * 64
    event = bench.told("fault")[0]
    assert (event["channel"], event["limit"]) == (2, 200)
    assert bench.written("fault")[0]["channel"] == 2
    ended = bench.told("end")[0]
    assert len(ended["t"]) == len(ended["t2"]) == len(protocol.TELEMETRY_FIELDS)


def test_a_trip_counts_before_what_the_supervisor_sees_on_the_other_channel():
    bench = Bench(2)
    to_active(bench)
    bench.engine.values2.update(trip=faults.DAC_NO_ACK)
    bench.engine.values["worst_late_us"] = 5000
    bench.tick()
    assert bench.made.fault[0] == faults.DAC_NO_ACK and bench.made.fault[5] == 2


def test_of_two_trips_the_first_channels_stays():
    bench = Bench(2)
    to_active(bench)
    bench.engine.values["trip"] = faults.ESTOP  # the second's values are the first's but where they differ
    bench.tick()
    assert bench.made.fault[0] == faults.ESTOP and bench.made.fault[5] == 1
    assert len(bench.told("fault")) == len(bench.told("end")) == 1


def test_the_supervisor_watches_both():
    bench = Bench(2)
    to_active(bench)
    bench.engine.values2.update(sum_abs=0)
    bench.made.used[1].supervisor._duration_ms = -9999  # stands for whatever it finds on the second alone
    bench.tick()
    assert bench.made.fault[0] == faults.OVER_TIME and bench.made.fault[5] == 2


def test_an_open_electrode_is_that_of_the_channel_without_contact():
    for good, channel in ((0, 1), (STABLE, 2)):
        bench = Bench(2)
        to_sensing(bench)
        bench.engine.values.update(good=good, late_voltage=2000, halves=1)
        bench.engine.values2.update(good=0)
        for _ in range(11):
            bench.made.renew(1, bench.now_ms)
            bench.tick(1000)
        assert bench.made.fault[0] == faults.OPEN_ELECTRODE and bench.made.fault[5] == channel
    bench = Bench(2)
    to_sensing(bench)
    bench.engine.values.update(good=STABLE)
    bench.made.used[0].supervisor._sought_ms = 20000  # contact in the very look in which time is over
    bench.tick()
    assert bench.made.fault[0] == faults.OPEN_ELECTRODE and bench.made.fault[5] == 1


def test_a_dac_that_does_not_follow_keeps_both_open():
    bench = Bench(2)
    terms = arm(bench)
    bench.engine.unfit = faults.DAC_READBACK
    bench.engine.broken_channel = 1
    assert refusal(bench.made.start, terms["session"], 0, 0, bench.now_ms)[0] == "fault"
    assert bench.engine.asked == [("arm", 200, 100, 0)] and not bench.engine.gate_closed
    assert bench.made.fault[5] == 2


def test_an_output_that_has_no_zero_is_named():
    bench = Bench(2)
    terms = arm(bench)
    bench.made.start(terms["session"], 0, 0, bench.now_ms)
    bench.engine.no_zero, bench.engine.broken_channel = faults.OUTPUT_ASTRAY, 1
    bench.tick(0)
    bench.tick(5)
    assert bench.made.fault[0] == faults.OUTPUT_ASTRAY and bench.made.fault[5] == 2


def test_the_journal_has_both():
    bench = Bench(2)
    to_active(bench)
    first = bench.written("session")[0]
    assert (first["amplitude_ua"], first["amplitude2_ua"], first["frequency2_mhz"]) == (200, 100, 40000)
    bench.engine.values.update(sum_abs=1000000, sum_net=500000)
    bench.engine.values2.update(sum_abs=2000000, sum_net=-250000)
    bench.tick()
    bench.made.stop(True, bench.now_ms)
    last = bench.written("end")[0]
    counts = (last["total_uc"], last["total2_uc"], last["net_uc"], last["net2_uc"])
    assert counts == (53, 107, 26, -14)


def test_sweeps_move_their_own_channel():
    bench = Bench(2)
    to_active(bench, dict(SECOND, amplitude_end_ua=300, sweep_ms=1000))
    assert bench.made.sweeps
    for _ in range(8):
        bench.tick(25)
    changed = [step for step in bench.engine.asked if step[0] == "change"]
    assert changed and {step[1] for step in changed} == {1}
    assert bench.made.used[0].amplitude_ua == 200 and bench.made.used[1].amplitude_ua > 100


def test_a_pause_keeps_both():
    bench = Bench(2)
    to_active(bench)
    bench.made.pause(bench.now_ms)
    bench.engine.values.update(done=1, left=50000, samples=1000)
    bench.engine.values2.update(samples=900)
    bench.tick()
    assert bench.made.state == protocol.PAUSED
    bench.made.resume(0, bench.now_ms)
    assert bench.engine.asked[-1] == ("arm", 200, 100, 50000)
    assert [each.meter.count(meter.SAMPLES) for each in bench.made.used] == [1000, 900]


def test_a_channel_without_terms_plays_and_tells_nothing():
    bench = Bench(2)
    assert bench.made.channels[1].terms.told(1) == {} and not bench.made.sweeps
    bench.made.channels[1].terms.lower(800)
    bench.engine.bus_errors = 3
    to_active(bench)
    row = dict(zip(protocol.TELEMETRY_FIELDS, report.row(bench.made, bench.made.channels[1], bench.now_ms)))
    assert row["bus_errors"] == 3 and bench.made.ticks == bench.engine.values["ticks"]


def test_felt_lowers_both():
    bench = Bench(2)
    to_active(bench)
    bench.made.felt("button", bench.now_ms)
    assert bench.engine.asked[-3] == "lift"  # of all outputs, before anything else
    assert [(each[0], each[1], each[4]) for each in bench.engine.asked[-2:]] == [("change", 0, 160), ("change", 1, 80)]
    event = bench.told("felt")[0]
    assert (event["from_ua"], event["to_ua"]) == ([200, 100], [160, 80])
    assert [each.amplitude_ua for each in bench.made.used] == [160, 80]
    assert not bench.told("lift-off") and bench.made.state == protocol.RAMP_UP


def test_felt_keeps_a_small_channel_above_nothing():
    bench = Bench(2)
    to_active(bench, dict(SECOND, amplitude_ua=1))
    bench.made.felt("button", bench.now_ms)
    assert bench.told("felt")[0]["to_ua"] == [160, 1]


def test_felt_keeps_locked_channels_locked():
    bench = Bench(2)
    to_active(bench, {"amplitude_ua": 100, "frequency_mhz": 10000, "phase_deg": 90})
    assert [each.terms.plan.locked for each in bench.made.used] == [1, 1]
    bench.made.felt("button", bench.now_ms)
    assert [each.terms.plan.locked for each in bench.made.used] == [1, 1]
