"""The maintenance request: a REPL without output and without watchdog, so that an upload cannot be cut off."""

from .conftest import Bench

MS = 1_000_000


def test_maintenance_ends_a_session_and_leaves_a_quiet_repl(bench: Bench) -> None:
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(600)
    asked_ns = bench.pico.now_ns
    bench.request("maintenance")
    assert bench.pico.gate == 0
    assert bench.gate_dropped_ns(asked_ns) - asked_ns < 60 * MS  # a pass in which garbage is collected
    bench.pico.run_for_ms(2300)
    assert len(bench.pico.trace.resets) == 1
    bench.pico.serial_read()
    bench.pico.serial_write(b"\r\n")
    bench.pico.run_for_ms(50)
    assert bench.pico.serial_read().endswith(b">>> ")
    bench.pico.run_for_ms(2000)
    assert len(bench.pico.trace.resets) == 1, "no watchdog in maintenance"


def test_the_next_reset_serves_again(bench: Bench) -> None:
    bench.request("maintenance")
    bench.pico.run_for_ms(300)
    bench.pico.reset("run")
    assert bench.client.reconnect()["firmware"]
    assert bench.request("status")["state"] == "READY"


def test_reset_request_restarts_the_firmware(bench: Bench) -> None:
    bench.request("reset")
    bench.pico.run_for_ms(1200)
    bench.client.reconnect()
    assert bench.request("status")["reset"] == "software"
