"""A session from start to end: what was asked for is what is delivered and reported."""

from itertools import pairwise
from statistics import median

import pytest

from firmware.shared import protocol, waveform
from microcurrent.errors import BadValueError

from .conftest import Bench, Device


@pytest.mark.rung("stage")
def test_a_square_is_delivered_measured_and_ended_by_time(device: Device) -> None:
    ran = device.run(duration_ms=2000)
    assert ran.terms["limit_ua"] == 600 and ran.terms["binding"] == "profile"
    assert ran.states[-5:] == ["ARMED", "RAMP_UP", "ACTIVE", "RAMP_DOWN", "READY"] and ran.reason == "duration"
    assert all(196 <= value <= 208 for value in ran.plateau("delivered_ua"))
    assert all(value == 200 for value in ran.plateau("commanded_ua"))
    assert 1990 <= ran.last["elapsed_ms"] <= 2100 and ran.last["remaining_ms"] == 0
    assert (ran.last["missed"], ran.last["late"], ran.last["fault"]) == (0, 0, 0)
    assert ran.last["phases"] == ran.last["full_phases"] == 40
    assert abs(ran.last["net_charge_nc"]) < 5000  # of about 350 uC that flowed


def test_telemetry_agrees_with_the_exact_truth(bench: Bench) -> None:
    ran = bench.run(duration_ms=2000)
    start_ns, end_ns = (t_ns for t_ns, _level in bench.gate_edges_of_sessions()[-2:])
    true_nc = bench.pico.trace.charge_nc(start_ns, end_ns)
    # Two ADC counts of zero error over two seconds are 2 uC; code steps add as much.
    assert abs(ran.last["net_charge_nc"] - true_nc) < 4000
    _t, _commanded, delivered_ua, electrode_mv = bench.pico.trace.current(start_ns, end_ns, 10_000)
    assert max(ran.plateau("peak_ua")) == pytest.approx(abs(delivered_ua).max(), abs=4)
    assert max(ran.plateau("electrode_mv")) == pytest.approx(abs(electrode_mv).max(), abs=20)
    # Typical skin, 100 kohm cm2 and 500 ohm cm2 under 10 cm2: 10.05 kohm at a phase's end, its beginning in between.
    assert all(9800 <= value <= 10_200 for value in ran.plateau("impedance_ohm"))
    assert all(40 <= value <= 200 for value in ran.plateau("series_ohm"))  # 50 ohm, a phase's first 30 us, two counts


@pytest.mark.parametrize("shape", waveform.SHAPES[:-1])
def test_every_shape_balances(bench: Bench, shape: str) -> None:
    ran = bench.run(shape=shape, frequency_mhz=50_000)
    assert ran.reason == "duration" and ran.last["missed"] == 0
    codes = bench.treated()
    # 200 uA are 410 steps; a table may be read one entry beside its peak.
    assert {max(codes), -min(codes)} <= ({410} if shape == "square" else {409, 410})
    mean = sum(codes) / len(codes)
    assert abs(mean) < 0.5  # of one DAC step, ramps included


def test_every_cycle_of_a_square_carries_no_net_charge(bench: Bench) -> None:
    """At 8.3 Hz, which does not divide the sample rate, each plateau cycle has as many positive as negative samples."""
    bench.run(frequency_mhz=8300, duration_ms=2000)
    codes = bench.treated()
    first = next(index for index, code in enumerate(codes) if code == 410)
    plateau = codes[first : len(codes) - codes[::-1].index(-410)]
    runs = [(value, len(list(group))) for value, group in groups(plateau)]
    whole = [(value, count) for value, count in runs[2:-2] if value]
    assert len(whole) > 10 and {count for _value, count in whole} == {602}


def groups(values: list[int]) -> list[tuple[int, list[int]]]:
    from itertools import groupby

    return [(key, list(group)) for key, group in groupby(values)]


@pytest.mark.parametrize(("polarity", "sign"), [("positive", 1), ("negative", -1)])
def test_unipolar_modes_keep_their_sign(bench: Bench, polarity: str, sign: int) -> None:
    ran = bench.run(polarity=polarity, amplitude_ua=80)
    codes = [code * sign for code in bench.treated()]
    assert min(codes) >= 0 and max(codes) == 164
    assert ran.last["net_charge_nc"] * sign > 20_000  # half of 80 uA over 0.8 s


def test_alternating_polarity_reverses_in_time(bench: Bench) -> None:
    bench.run(polarity="alternate", amplitude_ua=80, alternate_ms=1000, duration_ms=4000)
    closed_ns, opened_ns = (t_ns for t_ns, _level in bench.gate_edges_of_sessions()[-2:])
    assert opened_ns - closed_ns == pytest.approx(4_310_000_000, abs=20_000_000)
    start_ns = opened_ns - 4 * 10**9
    edges = [start_ns + second * 10**9 for second in range(5)]
    charges = [bench.pico.trace.charge_nc(*interval) for interval in pairwise(edges)]
    assert [charge_nc > 0 for charge_nc in charges] == [True, False, True, False]


@pytest.mark.rung("stage")
@pytest.mark.parametrize("frequency_mhz", [100, 1_000_000])
def test_slowest_and_fastest_frequency(device: Device, frequency_mhz: int) -> None:
    ran = device.run(frequency_mhz=frequency_mhz, duration_ms=12_000 if frequency_mhz == 100 else 1000)
    assert ran.reason == "duration" and ran.last["missed"] == 0
    # At 0.1 Hz: two whole phases of 5 s and the one that the end of the session cut short.
    assert ran.last["phases"] == (3 if frequency_mhz == 100 else 2000)


@pytest.mark.rung("stage")
@pytest.mark.parametrize(("shape", "frequency_mhz"), [("sine", 100_000), ("sawtooth", 33_300), ("ramped", 50_000)])
def test_the_device_measures_what_it_was_told_to_play(device: Device, shape: str, frequency_mhz: int) -> None:
    ran = device.run(shape=shape, frequency_mhz=frequency_mhz, duration_ms=1500)
    assert ran.reason == "duration" and (ran.last["missed"], ran.last["fault"]) == (0, 0)
    peaks = ran.plateau("peak_ua")
    # A row that is made up for comes soon after the one before, and may miss the peak of a slow cycle.
    assert 190 <= median(peaks) <= max(peaks) <= 212, peaks
    assert ran.last["full_phases"] >= ran.last["phases"] * 9 // 10


@pytest.mark.rung("stage")
@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_the_device_measures_the_sign_of_unipolar_charge(device: Device, polarity: str) -> None:
    ran = device.run(polarity=polarity, amplitude_ua=80)
    assert (ran.last["net_charge_nc"] > 20_000) == (polarity == "positive")
    assert (ran.last["net_charge_nc"] < -20_000) == (polarity == "negative")


@pytest.mark.rung("stage")
def test_values_that_samples_cannot_play_are_refused_or_named(device: Device) -> None:
    with pytest.raises(BadValueError, match="gap is 49us; this board's shortest is"):
        device.start(duty_permille=500, gap_us=49)
    terms = device.start(duty_permille=500, gap_us=10_049)
    device.request("stop", {"now": True})
    assert (terms["phase_us"], terms["gap_us"], terms["alternate_ms"]) == (25_000, 10_000, 0)


def test_gap_and_duty(bench: Bench) -> None:
    bench.run(duty_permille=400, gap_us=10_000, duration_ms=2000)
    codes = bench.treated()
    first = next(index for index, code in enumerate(codes) if code == 410)
    runs = [(value, len(group)) for value, group in groups(codes[first:]) if len(group) > 20]
    at = next(index for index, run in enumerate(runs) if run == (410, 200))
    assert runs[at : at + 4] == [(410, 200), (0, 100), (-410, 200), (0, 500)]


def test_the_smallest_amplitude_moves_the_dac_by_two_steps(bench: Bench) -> None:
    bench.run(amplitude_ua=1)
    assert (max(bench.treated()), min(bench.treated())) == (2, -2)


def test_saturation_is_reported_not_hidden(bench: Bench) -> None:
    bench.pico.set_load("dry")
    ran = bench.run(amplitude_ua=300, frequency_mhz=2000, duration_ms=3000, ramp_ms=300)
    assert ran.reason == "duration"  # a longer one ends by compliance-lost
    # 10 V over 100 kohm and 3.2 kohm: 97 uA at most
    assert max(ran.plateau("delivered_ua")) < 150
    assert ran.last["full_phases"] == 0 < ran.last["phases"]
    assert min(ran.plateau("headroom_mv")) < 500 and ran.plateau("contact")[-1] == protocol.CONTACT_DRY


def test_ramp_reaches_its_end_and_never_steps(bench: Bench) -> None:
    bench.run(duration_ms=1000, ramp_ms=300)
    codes = [abs(code) for code in bench.treated()]
    start = next(index for index, code in enumerate(codes) if code)
    rising = codes[start : start + 2800]
    assert all(b - a <= 1 for a, b in pairwise(rising))
    assert rising[-1] > 370
    falling = [code for code in codes[-2700:] if code]
    assert falling[0] > 300 and falling[-1] <= 2
