"""The ESP32's engine with real soft timers, on the emulated RP2040: it keeps the rate that its board declares."""

import json

from boards.esp32_devkit import board
from firmware.shared import faults, protocol

from .proxy import PAGE, RESULTS, proxy, rendered, session

DECLARED_US = board.PERIODS_US[-1]


def test_the_declared_rate_is_kept_under_load() -> None:
    """Telemetry at its highest rate, a status every 50 ms, a change every 200: a third of the period is left over."""
    made = proxy()
    assert made.request("hello")["sample_us"] == DECLARED_US
    found = session(made, DECLARED_US, 5_000, telemetry_hz=protocol.TELEMETRY_RATE_MAX_HZ, load=True)
    assert (found["ended"], made.request("faults")["code"]) == ("duration", faults.NONE)
    assert found["samples"] > 100 and 0 < found["worst_late_ms"] * 1000 < DECLARED_US * 2 / 3
    assert found["longest_callback_ms"] * 1000 < DECLARED_US / 4


def test_the_page_shows_what_was_measured() -> None:
    """And the rate follows from it: the latest sample of the declared period, and half as much again."""
    found = json.loads(RESULTS.read_text())
    assert rendered(PAGE.read_text(), found) == PAGE.read_text()
    declared = [row for row in found["sessions"] if row["period_ms"] * 1000 == DECLARED_US]
    assert len(declared) == 3 and all(row["ended"] == "duration" for row in declared)
    assert 1.5 * max(row["worst_late_ms"] for row in declared) * 1000 <= DECLARED_US
