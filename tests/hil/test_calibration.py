"""Calibration on the board: what is stored changes what the DAC is told and what telemetry says, within its bounds."""

import types
from typing import Any

import numpy as np
import pytest

from boards.rp2040_pico import board
from firmware.shared import calibration, calibration_slot, protocol
from microcurrent.bench.control_commands import COMMANDS
from microcurrent.bench.skin import Load
from microcurrent.calibrate.procedure import INTERNAL, Procedure
from microcurrent.errors import FaultError, MicrocurrentError, RefusedError

from .conftest import Bench

NONE = dict(calibration.NOMINAL)
SLOW = {"amplitude_ua": 500, "frequency_mhz": 5000, "duration_ms": 1200, "ramp_ms": 100}


def made(channels: int = 1, **constants: int) -> dict[str, Any]:
    found: dict[str, Any] = {"day": 20000, "temperature_c": 23, "reference": "meter"}
    found["channels"] = [NONE | constants for _ in range(channels)]
    return found | {"id": calibration_slot.id_of(found)}


def delivered_ua(bench: Bench, **changes: int) -> tuple[float, float, list[int]]:
    """(positive, negative) current in the middle of the phases of a slow session, and what telemetry said."""
    bench.pico.set_load(Load("10k", 10000.0))
    begun_ns = bench.pico.now_ns
    wave: dict[str, Any] = SLOW | changes
    ran = bench.run(**wave)
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
    assert bench.client.hello()["calibration"] is None


class FastMeter:
    """The bench's own meter, for phases so short that a test need not wait."""

    name = "virtual bench meter"
    live = True
    phase_ms = 100

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def read_ua(self, asked_ua: int) -> float:
        return COMMANDS["meter"](self._bench.pico, {"ms": 20})["ua"]

    def close(self) -> None:
        pass


# Worst cases of boards/CALIBRATION.md at once; the stage has 1.003 and 0.5 uA of its own. A reference of 3.3 V that is
# high makes the output's gain high and the sense's low.
CORNERS = {
    "output high": {"gain": 1.043, "offset_ua": 16.0, "sense_gain": 0.997, "sense_offset_mv": 9.0},
    "output low": {"gain": 0.958, "offset_ua": -16.0, "sense_gain": 1.0035, "sense_offset_mv": -9.0},
    "sense high": {"gain": 1.002, "offset_ua": -16.0, "sense_gain": 1.0375, "sense_offset_mv": 9.0},
}


@pytest.mark.parametrize("corner", CORNERS)
def test_a_unit_at_the_corner_of_its_tolerances_is_calibrated(bench: Bench, corner: str) -> None:
    """Uncalibrated it does not pass its self-test; calibrated it does, and delivers within 2 uA and 1 %."""
    bench.pico.fail(**CORNERS[corner])
    bench.pico.set_load(Load("10k", 10000.0))
    failed = [test[0] for test in bench.request("selftest")["tests"] if not test[1]]
    assert failed == ["dummy-load"]
    bench.client.hello()
    procedure = Procedure(bench.client, board, lambda _text: None)
    (channel,) = procedure.internal()
    procedure.store([channel], INTERNAL)
    procedure.external(channel, FastMeter(bench), 10000)
    stored = procedure.store([channel], "meter")
    procedure.verify(channel, FastMeter(bench), 10000)
    found = channel.constants
    assert found["offset_na"] / 1000 == pytest.approx(CORNERS[corner]["offset_ua"] + 0.5, abs=0.3)
    assert found["gain_ppm"] / 1e6 + 1 == pytest.approx(1.003 * CORNERS[corner]["gain"], abs=0.002)
    shows = CORNERS[corner]["sense_gain"] * 4092 / 4056.4
    assert found["sense_gain_ppm"] / 1e6 + 1 == pytest.approx(shows, abs=0.004)
    assert all(test[1] for test in bench.request("selftest")["tests"])
    bench.pico.reset("power")
    bench.pico.open_port()
    assert bench.client.hello()["calibration"] == [stored["id"], stored["day"]]
    assert bench.request("calibration") == {"calibration": stored, "problem": None}


def test_a_damaged_calibration_is_told_and_not_used(bench: Bench) -> None:
    """The older slot would be sound; it may be of parts that have been replaced since."""
    for gain_ppm in (5000, 6000):
        bench.request("calibration", {"set": made(gain_ppm=gain_ppm)})
    files = bench.pico.read_files()
    newest = "/calibration_b"
    assert b'"gain_ppm": 6000' in files[newest]
    bench.pico.install_files({newest: files[newest].replace(b"6000", b"9000")})
    bench.pico.reset("power")
    bench.pico.open_port()
    identity = bench.client.hello()
    assert identity["calibration"] is None and protocol.STATE_NAMES[identity["state"]] == "READY"
    answer = bench.request("calibration")
    assert answer == {"calibration": None, "problem": f"{newest}: calibration damaged: checksum mismatch"}
    assert ["calibration", answer["problem"]] in [[row[1], answer["problem"]] for row in bench.request("log")["events"]]
    assert bench.request("calibration", {"set": made(gain_ppm=5000)})["problem"] is None


def test_constants_that_do_not_fit_the_unit_fail_the_self_test(bench: Bench) -> None:
    """A calibration of another unit is within all bounds; the dummy load shows that it is not this one's."""
    bench.request("calibration", {"set": made(offset_na=15000)})
    latched = bench.request("faults")
    assert latched["name"] == "selftest-failed" and bench.client.hello()["calibration"][1] == 20000
    with pytest.raises(FaultError):
        bench.start()
    bench.request("calibration", {"erase": True})
    bench.request("clear")
    assert all(test[1] for test in bench.request("selftest")["tests"])


def test_nothing_is_measured_on_electrodes(bench: Bench) -> None:
    """DUMMY_PIN is cut: what 50 uA make there is no dummy load, and no more flows."""
    bench.pico.stage.select = types.MethodType(lambda _stage, _t_ns, _dummy: None, bench.pico.stage)
    bench.pico.set_load(Load("10k", 10000.0))
    begun_ns = bench.pico.now_ns
    with pytest.raises(MicrocurrentError, match=r"the dummy load measures \d+ ohm, wanted 4700; the output is off"):
        bench.request("measure", {"codes": [3482]})
    assert bench.peak_ua(begun_ns, bench.pico.now_ns) < 53
    assert bench.request("status")["state"] == "READY"


def test_while_a_session_runs_nothing_is_calibrated(bench: Bench) -> None:
    bench.start(duration_ms=5000)
    bench.pico.run_for_ms(600)
    for command, args in (("measure", {"codes": [2048]}), ("calibration", {"set": made()})):
        with pytest.raises(RefusedError, match="not possible in state"):
            bench.request(command, args)
    assert bench.request("stop", {"now": True})["state"] in ("READY", "RAMP_DOWN")
