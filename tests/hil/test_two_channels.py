"""Two outputs in one session: each plays and is watched as if it were alone, and a fault on one stops both."""

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from boards.rp2040_pico_dual import board as dual_board
from firmware.shared import faults, protocol
from microcurrent.bench.output import Output
from microcurrent.client import telemetry_values
from microcurrent.errors import BadValueError, FaultError, RefusedError

from .conftest import SQUARE, Bench
from .test_engine import sinad_db

MS = 1_000_000
US = 1_000
PERIOD_NS = 100_000
FULL = 410  # DAC codes of 200 uA
WAVE2 = {"amplitude_ua": 100, "frequency_mhz": 40_000, "shape": "sine"}
Boot = Callable[..., Bench]
Codes = NDArray[np.int64]


def begin(bench: Bench, wave2: dict | None = None, **changes: object) -> dict:
    """A session of two channels, armed and started: its terms."""
    wave = SQUARE | {"duration_ms": 60_000, "ramp_ms": 100} | changes
    terms = bench.request("arm", {"wave": wave, "wave2": wave2 or WAVE2, "lease_ms": 10_000})
    bench.request("start", {"session": terms["session"]})
    return terms


def playing(bench: Bench, wave2: dict | None = None, **changes: object) -> dict:
    """The same at full amplitude."""
    terms = begin(bench, wave2, **changes)
    while bench.request("status")["state"] != "ACTIVE":
        bench.pico.run_for_ms(50)
        assert bench.request("faults")["code"] == faults.NONE
    bench.pico.run_for_ms(150)
    return terms


def outputs(bench: Bench) -> tuple[Output, Output]:
    first, second = bench.pico.outputs
    return first, second


def codes(output: Output, from_ns: int) -> Codes:
    """DAC codes less the zero code since an instant."""
    trace = output.trace
    return np.array(trace.dac_codes[bisect_left(trace.dac_ns, from_ns) :], dtype=np.int64) - 2048


def off_grid_ns(output: Output, from_ns: int) -> Codes:
    """How far each update since an instant is from the grid of the sample period."""
    trace = output.trace
    times = np.array(trace.dac_ns[bisect_left(trace.dac_ns, from_ns) :])
    off = times - PERIOD_NS * np.arange(len(times))
    return off - int(np.median(off))


def rows(bench: Bench) -> list[dict[str, int]]:
    """The newest telemetry of both channels."""
    status = bench.request("status")
    return [telemetry_values(status[key]) for key in ("telemetry", "telemetry2")]


def dropped_ns(output: Output, after_ns: int) -> int:
    """When the gate of an output opened."""
    edges = output.trace.pin_edges(output.wiring.GATE_PIN)
    return next(t_ns for t_ns, level in edges if t_ns >= after_ns and not level)


def test_each_plays_its_own_waveform_at_ten_thousand_samples_a_second(dual: Bench) -> None:
    terms = playing(dual, {"amplitude_ua": 100, "frequency_mhz": 37_300, "shape": "sine"}, frequency_mhz=12_500)
    assert terms["sample_us"] == terms["terms2"]["sample_us"] == 100
    from_ns = dual.pico.now_ns
    dual.pico.run_for_ms(2000)
    first, second = (codes(output, from_ns) for output in outputs(dual))
    assert len(first) == len(second) == 20_000
    assert set(first) == {FULL, -FULL} and abs(int(first[:19_200].sum())) <= FULL * 800
    rises = np.flatnonzero((first[:-1] < 0) & (first[1:] > 0))
    assert set(np.diff(rises)) == {800}
    times_s = np.arange(len(second)) / 1e4
    ideal = np.round(204.8 * np.sin(2 * np.pi * 37.3 * times_s))
    assert sinad_db(times_s, second.astype(float), 37.3) > sinad_db(times_s, ideal, 37.3) - 1
    for output in outputs(dual):
        assert np.abs(off_grid_ns(output, from_ns)).max() <= 4 * US and np.std(off_grid_ns(output, from_ns)) <= 100
    for row in rows(dual):
        assert (row["missed"], row["late"], row["fault"], row["bus_errors"]) == (0, 0, 0, 0)
        assert 3000 < row["worst_cycles"] < 6000 and row["samples"] > 20_000


def test_memory_stays_in_one_piece_over_sessions(dual: Bench) -> None:
    """What a session leaves behind for long must not stand in the middle of what the next one needs."""
    for turn in range(4):
        terms = begin(dual, shape=("sine", "square", "sawtooth")[turn % 3], duration_ms=900)
        dual.idle_ms(600)
        dual.request("change", {"session": terms["session"], "wave": {"amplitude_ua": 150}})
        dual.until("READY")
        dual.request("log")
        told = {name: reading for name, passed, reading, _text in dual.request("selftest")["tests"] if passed}
        assert told["memory"] == 4096, turn
    assert dual.request("faults")["code"] == 0


def test_delivered_current_is_that_of_each_load_alone(dual: Bench) -> None:
    dual.pico.outputs[1].set_load("dry")
    playing(dual, {"amplitude_ua": 60, "frequency_mhz": 10_000})
    from_ns = dual.pico.now_ns
    dual.pico.run_for_ms(1000)
    row, row2 = rows(dual)
    for output, told, asked_ua in zip(outputs(dual), (row, row2), (200, 60), strict=True):
        _t, _commanded, delivered, _mv = output.trace.current(from_ns, dual.pico.now_ns, 10_000)
        assert abs(float(np.abs(delivered).mean()) - told["delivered_ua"]) <= 3
        assert abs(told["delivered_ua"] - asked_ua) <= 5
    assert row2["impedance_ohm"] > 3 * row["impedance_ohm"]


@pytest.mark.parametrize(("shape", "phase_deg"), [("square", 0), ("square", 90), ("sine", 180)])
def test_locked_channels_keep_their_phase_through_changes_and_lift_offs(
    dual: Bench, shape: str, phase_deg: int
) -> None:
    wave2 = {"amplitude_ua": 200, "frequency_mhz": 12_340, "shape": shape, "phase_deg": phase_deg}
    terms = playing(dual, wave2, frequency_mhz=12_340, shape=shape)
    assert lag_deg(dual, 12.34) == pytest.approx(phase_deg, abs=0.7)  # a sample is 0.44 degrees
    dual.request("change", {"session": terms["session"], "wave": {"amplitude_ua": 150}})
    dual.request("change", {"session": terms["session"], "wave2": {"amplitude_ua": 120}})
    dual.pico.run_for_ms(300)
    assert lag_deg(dual, 12.34) == pytest.approx(phase_deg, abs=0.7)  # a sample is 0.44 degrees
    dual.pico.outputs[1].set_load("open")
    dual.pico.run_for_ms(200)
    dual.pico.outputs[1].set_load("typical")
    dual.pico.run_for_ms(900)
    assert dual.request("status")["state"] == "ACTIVE"
    assert lag_deg(dual, 12.34) == pytest.approx(phase_deg, abs=0.7)  # a sample is 0.44 degrees


def lag_deg(bench: Bench, frequency_hz: float) -> float:
    """By how much the second channel's fundamental is ahead of the first one's, 0..360, from a second of codes."""
    from_ns = bench.pico.now_ns
    bench.pico.run_for_ms(1000)
    phases = []
    for output in outputs(bench):
        found = codes(output, from_ns)
        found = found[: round(round(0.95 * frequency_hz) / frequency_hz * 1e4)]
        phases.append(np.angle(np.sum(found * np.exp(-2j * np.pi * frequency_hz * np.arange(len(found)) / 1e4))))
    return float(np.degrees(phases[1] - phases[0]) % 360 + 0.5) % 360 - 0.5


def test_a_lift_off_of_one_brings_both_back_to_contact_sensing(dual: Bench) -> None:
    playing(dual)
    lifted_ns = dual.pico.now_ns
    dual.pico.outputs[1].set_load("open")
    dual.pico.run_for_ms(100)
    assert max(abs(codes(dual.pico.outputs[0], lifted_ns + 60 * MS))) == 16
    row, row2 = rows(dual)
    assert (row["lift_offs"], row2["lift_offs"]) == (0, 1) and row["sensing"] == row2["sensing"] == 1
    dual.pico.outputs[1].set_load("typical")
    dual.pico.run_for_ms(700)
    assert dual.request("status")["state"] == "ACTIVE"


STAGE_FAULTS = (
    ({"pump_rail": "up"}, (faults.OVER_CURRENT,)),
    ({"sense_stuck_mv": 3300.0}, (faults.OVER_CURRENT, faults.COMPARATOR)),  # the latch may be seen first
)


@pytest.mark.parametrize(("broken", "found"), STAGE_FAULTS)
@pytest.mark.parametrize("index", [0, 1])
def test_a_fault_on_one_opens_both_gates_at_once(dual: Bench, index: int, broken: dict, found: tuple[int, ...]) -> None:
    playing(dual)
    fault_ns = dual.pico.now_ns
    dual.pico.outputs[index].fail(**broken)
    dual.pico.run_for_ms(60)
    for output in outputs(dual):
        assert dropped_ns(output, fault_ns) - fault_ns <= 105 * US
    latched = dual.request("faults")
    assert latched["code"] in found and latched["channel"] == index + 1 and latched["samples"]
    for output in outputs(dual):
        assert output.dac.code == 2048


@pytest.mark.parametrize("index", [0, 1])
def test_a_dac_that_falls_silent_stops_both(dual: Bench, index: int) -> None:
    playing(dual)
    gone_ns = dual.pico.now_ns
    dual.pico.outputs[index].dac.absent = True
    dual.pico.run_for_ms(60)
    for output in outputs(dual):
        assert dropped_ns(output, gone_ns) - gone_ns <= 250 * US
    latched = dual.request("faults")
    assert (latched["name"], latched["channel"]) == ("dac-no-ack", index + 1)


def test_both_gates_open_with_the_emergency_stop_and_at_the_end(dual: Bench) -> None:
    playing(dual)
    dual.pico.drive_pin(dual_board.ESTOP_PIN, 1)
    pressed_ns = dual.pico.now_ns
    dual.pico.run_for_ms(60)
    for output in outputs(dual):
        assert dropped_ns(output, pressed_ns) - pressed_ns <= 105 * US
    dual.pico.drive_pin(dual_board.ESTOP_PIN, 0)
    assert dual.request("clear") == {"code": 0}
    begun_ns = dual.pico.now_ns
    begin(dual, duration_ms=1000)
    dual.pico.run_for_ms(2500)
    status = dual.request("status")
    assert (status["state"], status["end"], status["gate"]) == ("READY", "duration", 0)
    ends = [dropped_ns(output, output.trace.pin_edges(output.wiring.GATE_PIN)[-2][0]) for output in outputs(dual)]
    assert ends[0] > begun_ns and abs(ends[0] - ends[1]) < 50 * US


def test_a_main_loop_that_stops_opens_both(dual: Bench) -> None:
    playing(dual)
    dual.pico.mcu.core.enabled_interrupts &= ~0b1001  # TIMER_IRQ_0 and 3: neither samples nor the loop's sleeps go on
    stopped_ns = dual.pico.now_ns
    dual.pico.run_for_ms(520)
    for output in outputs(dual):
        assert dropped_ns(output, stopped_ns) - stopped_ns < 501 * MS


def test_a_change_of_one_leaves_the_other_as_it_is(dual: Bench) -> None:
    terms = playing(dual)
    from_ns = dual.pico.now_ns
    dual.request("change", {"session": terms["session"], "wave2": {"amplitude_ua": 50, "frequency_mhz": 80_000}})
    dual.pico.run_for_ms(300)
    assert set(codes(dual.pico.outputs[0], from_ns)) == {FULL, -FULL}
    assert max(abs(codes(dual.pico.outputs[1], from_ns + 150 * MS))) in (102, 103)
    assert rows(dual)[1]["commanded_ua"] == 50


def test_one_channel_alone_leaves_the_second_output_untouched(dual: Bench) -> None:
    dual.start(duration_ms=60_000, ramp_ms=100)
    from_ns = dual.pico.now_ns
    dual.pico.run_for_ms(900)
    second = dual.pico.outputs[1]
    assert dual.pico.gate == 1 and second.gate == 0
    assert set(codes(second, from_ns)) <= {0} and dual.request("status")["telemetry2"] is None


def test_lost_telemetry_of_both_is_fetched_from_the_ring(dual: Bench) -> None:
    playing(dual)
    dual.pico.run_for_ms(500)
    held = dual.request("replay", {})
    found = dual.request("replay", {"from_seq": held["newest"], "count": 1})["rows"]
    assert found[0][0] == held["newest"] and len(found[0][1]) == len(found[0][2]) == len(protocol.TELEMETRY_FIELDS)


def test_the_board_with_one_output_says_so(bench: Bench) -> None:
    assert bench.client.identity["channels"] == 1
    with pytest.raises((BadValueError, RefusedError), match="one channel"):
        bench.request("arm", {"wave": SQUARE, "wave2": WAVE2})


@pytest.mark.parametrize("broken", [{"sense_stuck_mv": 0.0}, {"gate_stuck": True}, {"comparator_dead": True}])
def test_a_second_output_that_is_broken_fails_the_self_test(boot: Boot, broken: dict) -> None:
    bench = boot(board=dual_board, dac_eeprom2=(2048, 0))
    bench.pico.outputs[1].fail(**broken)
    bench.client.hello()
    assert bench.request("faults")["channel"] == 2
    assert next(test[0] for test in bench.request("selftest")["tests"] if not test[1]).endswith("-2")


def test_a_second_dac_that_is_absent_is_named(dual: Bench) -> None:
    dual.pico.outputs[1].dac.absent = True
    with pytest.raises(FaultError):
        begin(dual)
    latched = dual.request("faults")
    assert (latched["name"], latched["channel"]) == ("dac-no-ack", 2)


@pytest.mark.parametrize("index", [0, 1])
def test_a_dac_that_is_silent_at_the_end_leaves_the_other_one_at_zero(dual: Bench, index: int) -> None:
    """The main loop ends the session, not the interrupt: both are to be put back by it."""
    playing(dual, {"amplitude_ua": 200, "frequency_mhz": 100}, frequency_mhz=100)
    dual.pico.supply_mv = 9000
    supply_ns = dual.pico.now_ns
    dual.pico.run_for_ms(20)  # two more readings of three make it a fault
    dual.pico.outputs[index].dac.absent = True
    dual.pico.run_for_ms(300)
    for output in outputs(dual):
        assert dropped_ns(output, supply_ns)
    assert dual.pico.outputs[1 - index].dac.code == 2048


@pytest.mark.parametrize("index", [0, 1])
def test_a_lift_off_of_one_is_no_fault_of_the_other_at_full_amplitude(dual: Bench, index: int) -> None:
    """What is left of the other one's treatment is judged as such, with all that an uncalibrated stage is off by."""
    dual.pico.outputs[1 - index].fail(gain=1.05)
    playing(dual, {"amplitude_ua": 400, "frequency_mhz": 20_000}, amplitude_ua=400, frequency_mhz=20_000)
    dual.pico.outputs[index].set_load("open")
    dual.pico.run_for_ms(200)
    assert dual.request("faults")["name"] == "none" and rows(dual)[index]["lift_offs"] == 1
