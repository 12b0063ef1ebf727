"""An interrupt that falls silent or ends in its middle ends the session; the hard cap holds at the top of the range."""

from firmware.shared import faults
from tests.campaign.ram import end_samples_early

from .conftest import Bench

MS = 1_000_000
SAMPLES, ALARMS = 1 << 0, 1 << 3  # TIMER_IRQ_0: the sample interrupt's own line; TIMER_IRQ_3: every other alarm


def treated(bench: Bench, **wave: object) -> int:
    """A session in its treatment; the instant."""
    bench.start(duration_ms=60_000, ramp_ms=100, **wave)
    bench.pico.run_for_ms(600)
    return int(bench.pico.now_ns)


def test_a_timer_block_that_dies_is_caught_by_the_watchdog(bench: Bench) -> None:
    """Without its lines neither samples nor the main loop's sleeps end: nothing is left but the watchdog."""
    silent_ns = treated(bench)
    bench.pico.mcu.core.enabled_interrupts &= ~(SAMPLES | ALARMS)
    bench.pico.run_for_ms(520)
    assert bench.gate_dropped_ns(silent_ns) - silent_ns < 501 * MS
    bench.client.reconnect()
    assert bench.request("faults")["code"] == faults.WATCHDOG_RESET


def test_the_sample_line_alone_is_watched_by_the_second_interrupt(bench: Bench) -> None:
    silent_ns = treated(bench)
    bench.pico.mcu.core.enabled_interrupts &= ~SAMPLES
    bench.pico.run_for_ms(50)
    assert bench.gate_dropped_ns(silent_ns) - silent_ns < 10.2 * MS
    assert bench.request("faults")["code"] == faults.SAMPLE_INTERRUPT_STOPPED


def test_without_the_alarm_line_samples_and_main_loop_go_on_supervised(bench: Bench) -> None:
    """The second interrupt is dead, no sleep ends by its alarm; each sample wakes the main loop, which supervises."""
    treated(bench)
    bench.pico.mcu.core.enabled_interrupts &= ~ALARMS
    bench.pico.run_for_ms(300)
    assert bench.pico.gate == 1 and bench.request("status")["state"] == "ACTIVE"
    struck_ns = bench.pico.now_ns
    bench.pico.release_pin(bench.pico.board.ESTOP_PIN)
    bench.pico.run_for_ms(20)
    assert bench.gate_dropped_ns(struck_ns) - struck_ns < 0.255 * MS
    assert bench.request("faults")["code"] == faults.ESTOP


def test_an_interrupt_that_ends_in_its_middle_stops_the_output(bench: Bench) -> None:
    """It comes on time and sends, but nothing behind that runs: only its flag of being inside tells."""
    struck_ns = treated(bench)
    while bench.pico.mcu.core.ipsr:
        bench.pico.run_for_ms(0.001)
    end_samples_early(bench.pico)
    bench.pico.run_for_ms(50)
    assert bench.gate_dropped_ns(struck_ns) - struck_ns < 10.2 * MS
    assert bench.request("faults")["code"] == faults.SAMPLE_INTERRUPT_RAISED
    assert bench.peak_ua(bench.gate_dropped_ns(struck_ns) + 1000, bench.pico.now_ns) == 0


def test_a_converter_that_stops_ends_the_session(bench: Bench) -> None:
    """What the interrupt reads stands still, and fits its phase of a second: the main loop's next pass notices."""
    struck_ns = treated(bench, frequency_mhz=500)
    bench.pico.mcu.write_uint32(0x4004C000, 0x3)  # ADC CS: without START_MANY
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(struck_ns) - struck_ns < 50 * MS
    assert bench.request("faults")["code"] == faults.SENSE_STUCK


def test_nothing_above_the_profile_can_be_played(bench: Bench) -> None:
    """600 uA, the most there is, into 2 kohm: delivered, and below every protection."""
    bench.pico.set_load("2k")
    ran = bench.run(amplitude_ua=600)
    assert ran.terms["limit_ua"] == 600 and ran.reason == "duration"
    closed_ns = bench.gate_edges_of_sessions()[-2][0]
    assert 590 < bench.peak_ua(closed_ns, bench.pico.now_ns) < 620
