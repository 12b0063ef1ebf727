"""An interrupt that raises or falls silent ends the session; the hard cap holds at the top of the range."""

from bisect import bisect_left
from collections.abc import Callable

from firmware.shared import faults
from tests.support import library_files

from .conftest import Bench

MS = 1_000_000
RAISES = """
import gc
gc.threshold(50000)  # as boot.py does
import firmware.hw.engine_rp2 as engine_rp2

good, calls = engine_rp2.tick, [0]

def bad(timer):
    calls[0] += 1
    if calls[0] > 6000:
        1 // 0
    good(timer)

engine_rp2.tick = bad
from firmware import app
app.main([], ("none", "uploaded", None))
"""


def test_a_timer_block_that_dies_is_caught_by_the_watchdog(bench: Bench) -> None:
    """Without TIMER_IRQ_3 neither samples nor the main loop's sleeps end: nothing is left but the watchdog."""
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(600)
    silent_ns = bench.pico.now_ns
    bench.pico.mcu.core.enabled_interrupts &= ~(1 << 3)
    bench.pico.run_for_ms(520)
    assert bench.gate_dropped_ns(silent_ns) - silent_ns < 501 * MS
    bench.client.reconnect()
    assert bench.request("faults")["code"] == faults.WATCHDOG_RESET


def test_an_exception_in_the_interrupt_stops_the_output(
    boot: Callable[..., Bench], firmware_files: dict[str, bytes]
) -> None:
    """MicroPython turns a hard timer that raised into a dead one, silently; the DAC keeps its last code."""
    bench = boot(files=library_files(firmware_files) | {"/inject.py": RAISES.encode()})
    bench.pico.open_port()
    bench.pico.run_for_ms(100)
    bench.pico.serial_write(b"import inject\r\n")
    bench.pico.run_for_ms(1800)
    bench.pico.serial_read()
    bench.client.hello()
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(900)
    closed_ns, _level = next(edge for edge in bench.gate_edges_of_sessions() if edge[1])
    dropped_ns = bench.gate_dropped_ns(closed_ns)
    # The self-test has had 300 calls per run; the supervisor notices 4 ms of silence within a pass.
    assert dropped_ns - bench.pico.trace.dac_ns[bisect_left(bench.pico.trace.dac_ns, dropped_ns) - 1] < 20 * MS
    assert bench.request("faults")["code"] == faults.SAMPLE_INTERRUPT_STOPPED
    assert bench.peak_ua(dropped_ns + 1000, bench.pico.now_ns) == 0


def test_nothing_above_the_profile_can_be_played(bench: Bench) -> None:
    """600 uA, the most there is, into 2 kohm: delivered, and below every protection."""
    bench.pico.set_load("2k")
    ran = bench.run(amplitude_ua=600)
    assert ran.terms["limit_ua"] == 600 and ran.reason == "duration"
    closed_ns = bench.gate_edges_of_sessions()[-2][0]
    assert 590 < bench.peak_ua(closed_ns, bench.pico.now_ns) < 620
