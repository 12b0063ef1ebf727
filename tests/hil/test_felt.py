"""Somebody feels the current: sensing level at once, then a ramp to four fifths, whatever the waveform is doing."""

from bisect import bisect_left
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware.shared import faults
from microcurrent.bench.output import Output
from microcurrent.errors import RefusedError

from .conftest import CONTACT_MS, SENSING_CODES, Bench

MS = 1_000_000
PERIOD_NS = 100_000
AT_ONCE_NS = 75 * MS  # ours: a pass of the main loop, a row and one collection of garbage (38 ms); a hand takes longer
LOWERED = 328  # DAC codes of 160 uA, rounded

Codes = NDArray[np.int64]


def began(bench: Bench, settle_ms: int = 900, wave2: dict | None = None, **wave: object) -> dict:
    """A session whose current flows: its terms. settle_ms: from the first contact on."""
    bench.request("config", {"set": {"lease_ms": 10_000}})
    asked = {"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 60_000, "ramp_ms": 200, "sample_us": 100}
    terms = bench.request("arm", {"wave": asked | wave} | ({"wave2": wave2} if wave2 else {}))
    bench.request("start", {"session": terms["session"]})
    bench.pico.run_for_ms(CONTACT_MS + settle_ms)
    return terms


def since(output: Output, from_ns: float) -> tuple[list[int], Codes]:
    """(instants, DAC codes less the middle) of all updates since an instant."""
    trace = output.trace
    first = bisect_left(trace.dac_ns, from_ns)
    return list(trace.dac_ns[first:]), np.array(trace.dac_codes[first:], dtype=np.int64) - 2048


def lifted_ns(output: Output, from_ns: float) -> int:
    """When contact sensing began: the update to zero, or none, that comes before the first one to sensing level."""
    times_ns, codes = since(output, from_ns)
    index = next(index for index, code in enumerate(codes) if code == SENSING_CODES)
    return times_ns[index - 1] if index and codes[index - 1] == 0 else times_ns[index]


def felt(bench: Bench) -> tuple[int, list[int]]:
    """Say so: (when contact sensing began, the new amplitudes). It began at once."""
    asked_ns = bench.pico.now_ns
    to_ua = bench.request("felt", {"by": "key"})["amplitude_ua"]
    bench.pico.run_for_ms(20)
    at_ns = lifted_ns(bench.pico.outputs[0], asked_ns)
    assert at_ns - asked_ns < AT_ONCE_NS
    return at_ns, to_ua


def sent(bench: Bench, from_ns: float, run_ms: int) -> Codes:
    """What the first output plays from an instant on, the board running on for so long."""
    bench.pico.run_for_ms(run_ms)
    return since(bench.pico.outputs[0], from_ns)[1]


def state(bench: Bench) -> str:
    assert bench.request("faults")["code"] == faults.NONE
    return bench.request("status")["state"]


@pytest.mark.parametrize("frequency_mhz", [500, 100_000])
def test_sensing_level_at_once_and_never_more_than_four_fifths_again(bench: Bench, frequency_mhz: int) -> None:
    began(bench, frequency_mhz=frequency_mhz)
    at_ns, to_ua = felt(bench)
    assert to_ua == [160]
    codes = sent(bench, at_ns, 1500)
    assert abs(codes[: CONTACT_MS // 10]).max() <= SENSING_CODES
    assert abs(codes).max() == LOWERED and state(bench) == "ACTIVE"
    from_ns = bench.pico.now_ns - 200 * MS
    assert bench.peak_ua(from_ns, bench.pico.now_ns) < 160 * 1.05
    _row = bench.request("status")["telemetry"]
    assert _row[bench.field("commanded_ua")] == 160 and _row[bench.field("lift_offs")] == 0


def test_at_a_tenth_of_a_hertz_nothing_of_the_cycle_that_was_under_way_comes_back(bench: Bench) -> None:
    """The cycle would have ended after 10 s, long after the ramp: what was to change then has changed already."""
    terms = began(bench, settle_ms=400, frequency_mhz=100)
    at_ns, to_ua = felt(bench)
    codes = sent(bench, at_ns, 1000)
    assert to_ua == [160] and abs(codes).max() == LOWERED
    bench.request("lease", {"session": terms["session"]})
    assert abs(sent(bench, at_ns, 9000)).max() == LOWERED and state(bench) == "ACTIVE"


def test_in_the_ramp_up(bench: Bench) -> None:
    began(bench, settle_ms=500, ramp_ms=2000)
    assert state(bench) == "RAMP_UP"
    at_ns, to_ua = felt(bench)
    codes = sent(bench, at_ns, 1200)
    assert to_ua == [160] and 100 < abs(codes).max() < LOWERED and state(bench) == "RAMP_UP"
    assert abs(sent(bench, at_ns, 1500)).max() == LOWERED and state(bench) == "ACTIVE"


def test_again_and_again_down_to_its_end(bench: Bench) -> None:
    began(bench, amplitude_ua=20, frequency_mhz=100_000)
    found = []
    while state(bench) == "ACTIVE":
        found.append(bench.request("felt")["amplitude_ua"][0])
        bench.pico.run_for_ms(900)
    assert found == [16, 12, 9, 9] and state(bench) == "READY"  # 9 uA are hardly above the 8 of contact sensing
    assert bench.request("status")["end"] == "stopped"


@pytest.mark.parametrize("rest_ms", [500])
def test_in_a_rest_the_next_burst_is_lowered_from_its_first_sample_on(bench: Bench, rest_ms: int) -> None:
    """Nothing flows that the interrupt could miss: it must not wait for the burst to begin."""
    began(bench, settle_ms=200, burst_ms=200, rest_ms=rest_ms, frequency_mhz=20_000, ramp_ms=100)
    while since(bench.pico.outputs[0], bench.pico.now_ns - 50 * MS)[1].any():
        bench.pico.run_for_ms(10)
    at_ns, _to_ua = felt(bench)
    codes = sent(bench, at_ns, rest_ms + 1200)
    assert abs(codes).max() == LOWERED and state(bench) == "ACTIVE"


def test_between_two_slow_pulses_the_next_one_is_lowered(bench: Bench) -> None:
    began(bench, settle_ms=300, frequency_mhz=500, width_us=5000, ramp_ms=100)
    while since(bench.pico.outputs[0], bench.pico.now_ns - 300 * MS)[1].any():
        bench.pico.run_for_ms(10)
    at_ns, _to_ua = felt(bench)
    assert abs(sent(bench, at_ns, 2600)).max() == LOWERED


@pytest.mark.parametrize("after_ms", [900, 1500])
def test_with_alternating_polarity(bench: Bench, after_ms: int) -> None:
    began(bench, settle_ms=after_ms, amplitude_ua=100, polarity="alternate", alternate_ms=1000, duty_permille=500)
    at_ns, to_ua = felt(bench)
    codes = sent(bench, at_ns, 3000)
    assert to_ua == [80] and abs(codes).max() == round(80 * 2.048) and state(bench) == "ACTIVE"
    assert {-164, 164} <= set(codes)


def test_in_a_sweep_what_is_played_is_lowered(bench: Bench) -> None:
    began(bench, settle_ms=2200, amplitude_ua=300, amplitude_end_ua=100, sweep_ms=3000, frequency_mhz=100_000)
    bench.client.next_event(0.2)
    at_ns, to_ua = felt(bench)
    event = told(bench, "felt")[0]
    assert event["to_ua"] == to_ua and 77 <= 100 * to_ua[0] // event["from_ua"][0] <= 83
    assert to_ua[0] < 200  # of what flowed, not of the 300 with which it began
    assert abs(sent(bench, at_ns, 900)).max() <= round(event["from_ua"][0] * 0.83 * 2.048) + 1
    assert abs(sent(bench, at_ns, 2500)).max() <= round(240 * 2.048) and state(bench) == "ACTIVE"


def test_a_change_that_waits_for_its_cycle_is_lowered_too(bench: Bench) -> None:
    terms = began(bench, settle_ms=500, frequency_mhz=500)
    bench.request("change", {"session": terms["session"], "wave": {"amplitude_ua": 150}})
    at_ns, to_ua = felt(bench)
    assert to_ua == [120]
    assert abs(sent(bench, at_ns, 3500)).max() == round(120 * 2.048) and state(bench) == "ACTIVE"


def test_a_lifted_electrode_afterwards_counts_as_one(bench: Bench) -> None:
    began(bench)
    felt(bench)
    bench.pico.run_for_ms(1000)
    bench.pico.set_load("open")
    bench.pico.run_for_ms(100)
    bench.pico.set_load("typical")
    at_ns = bench.pico.now_ns
    assert abs(sent(bench, at_ns, 1000)).max() == LOWERED and state(bench) == "ACTIVE"
    assert [event["count"] for event in told(bench, "lift-off")] == [1]


@pytest.mark.parametrize("amplitude_ua", [10, 11])
def test_near_sensing_level_it_ends(bench: Bench, amplitude_ua: int) -> None:
    began(bench, amplitude_ua=amplitude_ua)
    bench.request("felt")
    bench.pico.run_for_ms(400)
    ended = bench.request("status")
    assert (ended["state"] == "READY" and ended["end"] == "stopped") == (amplitude_ua == 10)


def test_in_the_last_ramp_there_is_nothing_to_lower(bench: Bench) -> None:
    """Within the pass in which the interrupt has begun it, too: the session ends, and not by its supervisor."""
    for early_ms in (0, 12):
        began(bench, settle_ms=0, duration_ms=2000, ramp_ms=500)
        while state(bench) == "ACTIVE" or state(bench) == "RAMP_UP":
            rows = bench.request("status")["telemetry"]
            if rows[bench.field("remaining_ms")] < 540 + early_ms:
                break
            bench.pico.run_for_ms(5)
        bench.pico.run_for_ms(35)
        try:
            bench.request("felt")
        except RefusedError as error:
            assert "no treatment current flows" in str(error)
        bench.pico.run_for_ms(1500)
        if state(bench) != "READY":  # it was earlier than the last ramp: lowered, and to its end
            bench.pico.run_for_ms(1500)
        assert state(bench) == "READY"


WAVE2 = {"amplitude_ua": 100, "frequency_mhz": 40_000, "shape": "sine"}


@pytest.mark.parametrize("frequency_mhz", [500, 20_000])
def test_two_channels_go_to_sensing_level_together_and_come_back_lowered(dual: Bench, frequency_mhz: int) -> None:
    began(dual, wave2=WAVE2, frequency_mhz=frequency_mhz)
    asked_ns = dual.pico.now_ns
    at_ns, to_ua = felt(dual)
    assert to_ua == [160, 80]
    both_ns = [lifted_ns(output, asked_ns) for output in dual.pico.outputs]
    assert abs(both_ns[1] - both_ns[0]) < PERIOD_NS // 2  # within the same interrupt
    dual.pico.run_for_ms(2600)
    for output, lowered in zip(dual.pico.outputs, (LOWERED, round(80 * 2.048)), strict=True):
        times_ns, codes = since(output, at_ns + PERIOD_NS)
        assert abs(codes).max() in (lowered, lowered - 1)  # a sine's peak may lie between two samples
        first = next(t_ns for t_ns, code in zip(times_ns, codes, strict=True) if abs(code) > SENSING_CODES)
        assert first - at_ns > 290 * MS
    assert state(dual) == "ACTIVE" and not told(dual, "lift-off")


def test_locked_channels_stay_locked(dual: Bench) -> None:
    wave2 = {"amplitude_ua": 200, "frequency_mhz": 20_000, "phase_deg": 90}
    began(dual, wave2=wave2, frequency_mhz=20_000)
    felt(dual)
    dual.pico.run_for_ms(1200)
    found = []
    for output in dual.pico.outputs:
        times_ns, codes = since(output, dual.pico.now_ns - 200 * MS)
        rises = [t_ns for t_ns, (a, b) in zip(times_ns[1:], pairwise(codes), strict=True) if a < 0 < b]
        found.append(rises[0])
    assert (found[0] - found[1]) % (50 * MS) / (50 * MS) * 360 == pytest.approx(90, abs=1.5)


# The button -----------------------------------------------------------------------------------------------------------


def told(bench: Bench, kind: str) -> list[dict]:
    """The events of a kind that have arrived."""
    found = []
    while (event := bench.client.next_event(0.02)) is not None:
        found.append(event)
    return [event for event in found if event["ev"] == kind]


def test_a_press_lowers_and_a_press_that_lasts_stops(bench: Bench) -> None:
    began(bench)
    bench.pico.button.press(1900)
    bench.pico.run_for_ms(2000)
    assert state(bench) == "ACTIVE" and [event["by"] for event in told(bench, "felt")] == ["button"]
    pressed_ns = bench.pico.now_ns
    bench.pico.button.press(3000)
    bench.pico.run_for_ms(2600)
    assert state(bench) == "READY" and bench.request("status")["end"] == "stopped"
    assert 2000 * MS <= bench.gate_dropped_ns(pressed_ns) - pressed_ns < 2400 * MS  # with the ramp down
    assert len(told(bench, "felt")) == 1  # when the press began


def test_a_button_that_was_held_before_says_nothing(bench: Bench) -> None:
    bench.pico.button.press(5000)
    bench.pico.run_for_ms(100)
    began(bench, settle_ms=2500)
    assert state(bench) == "ACTIVE" and not told(bench, "felt")
    bench.pico.run_for_ms(3000)
    bench.pico.button.press(100)
    bench.pico.run_for_ms(200)
    assert len(told(bench, "felt")) == 1


def test_a_cap_is_not_raised_by_a_press_that_means_something_else(bench: Bench) -> None:
    """Asked for before the session: the same button says "I feel it" now."""
    asked = {"set": {"usb_isolated": 1}}
    with pytest.raises(Exception, match="would raise a cap"):
        bench.request("config", asked)
    began(bench)
    bench.pico.button.press(1500)
    bench.pico.run_for_ms(1600)
    assert [event["what"] for event in told(bench, "expired")] == ["confirmation"]
    assert bench.request("config")["set"]["usb_isolated"] == 0
