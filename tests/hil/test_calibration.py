"""Calibration on the board: what is stored changes what the DAC is told and what telemetry says, within its bounds."""

from typing import Any

import numpy as np
import pytest

from firmware.shared import calibration, calibration_slot, protocol
from microcurrent.bench.skin import Load

from .conftest import Bench

NONE = dict(calibration.NOMINAL)
SLOW = {"amplitude_ua": 500, "frequency_mhz": 2000, "duration_ms": 3000, "ramp_ms": 100}


def made(channels: int = 1, **constants: int) -> dict[str, Any]:
    found: dict[str, Any] = {"day": 20000, "temperature_c": 23, "reference": "meter"}
    found["channels"] = [NONE | constants for _ in range(channels)]
    return found | {"id": calibration_slot.id_of(found)}


def delivered_ua(bench: Bench, **changes: int) -> tuple[float, float, list[int]]:
    """(positive, negative) current in the middle of the phases of a slow session, and what telemetry said."""
    bench.pico.set_load(Load("10k", 10000.0))
    begun_ns = bench.pico.now_ns
    ran = bench.run(**(SLOW | changes))  # pyright: ignore[reportArgumentType]
    _t, commanded, delivered, _mv = bench.pico.trace.current(begun_ns, bench.pico.now_ns, 100_000)
    top = np.abs(commanded) > 0.9 * np.abs(commanded).max()
    return (
        float(np.median(delivered[top & (commanded > 0)])),
        float(np.median(delivered[top & (commanded < 0)])),
        ran.plateau("delivered_ua"),
    )


def test_constants_change_the_codes_and_what_is_told(bench: Bench) -> None:
    """A unit with 1.003 and 0.5 uA, made worse: constants that say so bring both back."""
    bench.pico.fail(gain=1.02, offset_ua=1.3, sense_gain=0.98)
    raw = delivered_ua(bench)
    assert raw[0] > 512 and raw[1] < -508
    gain = 1.003 * 1.02
    told = made(
        offset_na=1800,
        gain_ppm=round((gain - 1) * 1e6),
        sense_gain_ppm=round((0.98 * 4092 / 4056.4 - 1) * 1e6),
        step=2278,
    )
    answer = bench.request("calibration", {"set": told})
    assert answer == {"calibration": told, "problem": None}
    assert bench.client.hello()["calibration"] == [told["id"], 20000]
    positive, negative, shown = delivered_ua(bench)
    assert positive == pytest.approx(500, abs=1) and negative == pytest.approx(-500, abs=1)
    assert all(abs(value - 500) <= 2 for value in shown), shown
    bench.request("calibration", {"erase": True})
    assert delivered_ua(bench)[0] == pytest.approx(raw[0], abs=0.3)
    assert "calibration" in protocol.COMMANDS
