"""An interrupt that raises or falls silent ends the session; the hard cap holds at the top of the range."""

from collections.abc import Callable

from firmware.shared import faults
from tests.support import library_files

from .conftest import Bench

MS = 1_000_000
RAISES = """
import firmware.hw.engine_rp2 as engine_rp2

good, calls = engine_rp2._tick, [0]

def bad(timer):
    calls[0] += 1
    if calls[0] > 3000:
        1 // 0
    good(timer)

engine_rp2._tick = bad
from firmware import app
app.main()
"""


def test_a_timer_block_that_dies_is_caught_by_the_watchdog(bench: Bench) -> None:
    """Without TIMER_IRQ_3 neither samples nor the main loop's sleeps end: nothing is left but the watchdog."""
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(300)
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
    bench.pico.run_for_ms(700)
    bench.pico.serial_read()
    bench.client.hello()
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(600)
    closed_ns, _level = next(edge for edge in bench.gate_edges if edge[1])
    dropped_ns = bench.gate_dropped_ns(closed_ns)
    # The 3000th call is 300 ms after arming; the supervisor notices 20 ms of silence within a pass.
    assert 290 * MS < dropped_ns - closed_ns < 345 * MS
    assert bench.request("faults")["code"] == faults.SAMPLE_INTERRUPT_STOPPED
    assert bench.peak_ua(dropped_ns + 1000, bench.pico.now_ns) == 0


def test_the_hard_cap_is_the_top_and_the_limiter_holds_below_it(bench: Bench) -> None:
    bench.pico.set_load("2k")
    bench.request("config", {"set": {"amplitude_max_ua": 1000}})
    ran = bench.run(amplitude_ua=1000)
    assert ran.terms["limit_ua"] == 1000 and ran.terms["binding"] == "hard-cap"
    codes = list(bench.pico.trace.dac_codes)
    assert max(codes) == 4095 and min(codes[5:]) == 0
    start_ns = next(t_ns for t_ns, level in bench.gate_edges if level)
    assert 800 < bench.peak_ua(start_ns, bench.pico.now_ns) < 1000  # the passive limiter's 820 uA
    assert ran.reason == "duration"
