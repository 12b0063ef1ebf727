"""What a lifted electrode, a current that does not average to zero and a bare USB cable lead to."""

from bisect import bisect_left

import pytest

from firmware.shared import faults
from microcurrent.errors import FaultError, RefusedError

from .conftest import CONTACT_MS, SENSING_CODES, Bench

MS = 1_000_000
RECONTACT_UA = 10.5  # 10 uA and 5 %
RAMP_MS = 100


def active(bench: Bench, **changes: object) -> None:
    """Start a long session and bring it to full amplitude."""
    bench.start(**({"duration_ms": 60_000, "ramp_ms": RAMP_MS, "amplitude_ua": 400} | changes))
    bench.pico.run_for_ms(CONTACT_MS + 2 * RAMP_MS)
    assert bench.request("status")["state"] == "ACTIVE"


@pytest.mark.parametrize("load", ["typical", "2k"])
@pytest.mark.parametrize("away_ms", [2, 60])
def test_no_shock_on_contact_again(bench: Bench, load: str, away_ms: float) -> None:
    """400 uA; the electrode is lifted and put back after so long, on skin and on a resistor that stores nothing."""
    bench.pico.set_load(load)
    active(bench)
    lifted_ns = bench.pico.now_ns
    bench.pico.set_load("open")
    bench.pico.run_for_ms(away_ms)
    touched_ns = bench.pico.now_ns
    bench.pico.set_load(load)
    bench.pico.run_for_ms(200)
    trace = bench.pico.trace
    codes = trace.dac_codes[bisect_left(trace.dac_ns, lifted_ns + 2 * MS) :]
    assert max(abs(code - 2048) for code in codes) <= SENSING_CODES
    assert 5.0 < bench.peak_ua(touched_ns, touched_ns + 50 * MS) <= RECONTACT_UA
    # Contact was stable for 300 ms: the ramp begins from zero, and the session goes on.
    bench.pico.run_for_ms(CONTACT_MS + RAMP_MS)
    status = bench.request("status")
    assert (status["state"], status["fault"], status["gate"]) == ("ACTIVE", faults.NONE, 1)
    assert status["telemetry"][bench.field("lift_offs")] == 1
    assert bench.peak_ua(bench.pico.now_ns - 100 * MS, bench.pico.now_ns) > 380


def test_bouncing_contact_never_gets_more_than_sensing(bench: Bench) -> None:
    """An electrode that touches for 40 ms in every 80: it is never stable, so the current stays at sensing level."""
    active(bench)
    bench.pico.set_load("open")
    bench.pico.run_for_ms(2)
    from_ns = bench.pico.now_ns
    for _ in range(15):
        bench.pico.set_load("typical")
        bench.pico.run_for_ms(40)
        bench.pico.set_load("open")
        bench.pico.run_for_ms(40)
    assert bench.peak_ua(from_ns, bench.pico.now_ns) <= RECONTACT_UA
    assert bench.pico.gate == 1 and bench.request("faults")["code"] == faults.NONE


@pytest.mark.parametrize(("offset_ua", "latched"), [(8.0, faults.NONE), (15.0, faults.DC_IMBALANCE)])
def test_a_mean_current_beyond_10_ua_ends_a_balanced_session(bench: Bench, offset_ua: float, latched: int) -> None:
    """An offset of the pump: far too small for the window around the set-point, and yet direct current."""
    active(bench)
    began_ns = bench.pico.now_ns
    bench.pico.fail(offset_ua=offset_ua)
    for _ in range(12):
        bench.pico.run_for_ms(200)
        bench.client.next_event(0.001)
        if bench.pico.gate:
            bench.request("lease", {"session": 1})
    assert bench.request("faults")["code"] == latched
    if latched:
        assert bench.gate_dropped_ns(began_ns) - began_ns <= 2300 * MS


def test_a_bare_usb_cable_forbids_and_ends_current(bench: Bench) -> None:
    """Nobody may be connected to the mains through it; declaring isolation needs the button on the device."""
    pin = bench.pico.board.VBUS_PIN
    active(bench)
    plugged_ns = bench.pico.now_ns
    bench.pico.drive_pin(pin, 1)
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(plugged_ns) - plugged_ns <= 50 * MS
    assert bench.request("faults")["code"] == faults.MAINS_USB
    with pytest.raises(FaultError, match="the USB cable still supplies the board"):
        bench.request("clear")
    bench.pico.drive_pin(pin, 0)
    assert bench.request("clear") == {"code": faults.NONE}
    bench.pico.drive_pin(pin, 1)
    with pytest.raises((FaultError, RefusedError)):
        bench.start()
    assert bench.pico.gate == 0


@pytest.mark.parametrize("stuck_ua", [-20.0, 20.0])
def test_a_current_beyond_sensing_ends_the_search_for_contact(bench: Bench, stuck_ua: float) -> None:
    """A DAC that sticks at a code within the treatment's tolerance: 20 uA are too much before contact is stable."""
    bench.start(duration_ms=60_000, ramp_ms=RAMP_MS)
    bench.pico.run_for_ms(150)
    assert bench.pico.gate == 1
    stuck_ns = bench.pico.now_ns
    bench.pico.fail(offset_ua=stuck_ua)
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(stuck_ns) - stuck_ns <= 10_300_000  # the half wave that opposes it begins within 10 ms
    assert bench.request("faults")["code"] == faults.OUTPUT_ASTRAY
