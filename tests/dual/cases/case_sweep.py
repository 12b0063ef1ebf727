"""Sweeps: where amplitude and frequency stand, and between which waveforms they move."""

from firmware.core import sweep
from firmware.shared import waveform


def wave_of(**changes):
    request = {"amplitude_ua": 100, "frequency_mhz": 10000, "duration_ms": 60000}
    request.update(changes)
    wave, problem = waveform.check(request)
    assert problem is None, problem
    return wave


def at(wave, elapsed_ms):
    now = dict(wave)
    sweep.move(wave, elapsed_ms, now)
    return now


def test_there_and_back_again():
    wave = wave_of(amplitude_end_ua=300, frequency_end_mhz=2000, sweep_ms=1000)
    for elapsed_ms, amplitude_ua, frequency_mhz in (
        (0, 100, 10000), (1, 100, 9992), (250, 150, 8000), (1000, 300, 2000), (1250, 250, 4000), (2000, 100, 10000),
        (2500, 200, 6000),
    ):  # fmt: skip
        now = at(wave, elapsed_ms)
        assert (now["amplitude_ua"], now["frequency_mhz"]) == (amplitude_ua, frequency_mhz), elapsed_ms
    assert wave["amplitude_ua"] == 100  # what was asked for stays


def test_an_envelope_holds_at_both_ends():
    wave = wave_of(amplitude_end_ua=300, sweep_ms=1000, hold_ms=500)
    for elapsed_ms, amplitude_ua in (
        (0, 100), (500, 200), (1000, 300), (1499, 300), (1500, 300), (2000, 200), (2500, 100), (2999, 100), (3000, 100),
        (3500, 200), (4200, 300),
    ):  # fmt: skip
        assert at(wave, elapsed_ms)["amplitude_ua"] == amplitude_ua, elapsed_ms


def test_what_has_no_end_stays():
    wave = wave_of(amplitude_end_ua=50, sweep_ms=500)
    assert at(wave, 500) == dict(wave, amplitude_ua=50)


def test_limits_are_asked_for_the_largest_amplitude_at_both_frequencies():
    assert sweep.extremes(wave_of()) == (wave_of(),)
    wave = wave_of(amplitude_end_ua=300, frequency_end_mhz=2000, sweep_ms=1000)
    found = sweep.extremes(wave)
    assert [(each["amplitude_ua"], each["frequency_mhz"]) for each in found] == [(300, 10000), (300, 2000)]
    found = sweep.extremes(wave_of(amplitude_end_ua=50, sweep_ms=1000))
    assert [(each["amplitude_ua"], each["frequency_mhz"]) for each in found] == [(100, 10000), (100, 10000)]
