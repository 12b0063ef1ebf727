"""Plans: exact balance of every cycle, exact mean frequency, ramps that fit."""

from boards.rp2040_pico import board
from firmware.core import waveplan
from firmware.shared import waveform


def plan(**changes):
    request = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000}
    request.update(changes)
    wave, problem = waveform.check(request)
    assert problem is None, problem
    return waveplan.plan(wave, board.SAMPLE_HZ, board.FULL_SCALE_UA)


def test_ten_hertz_square_fills_its_period():
    made = plan()
    assert (made.cycle_samples, made.cycle_fraction) == (1000, 0)
    assert (made.positive_end, made.gap_end, made.negative_end) == (500, 500, 1000)
    assert made.gain == 6554  # 200 uA * 2048 codes / 1000 uA * 16, rounded
    assert (made.total_samples, made.ramp_samples) == (100000, 20000)


def test_both_phases_have_the_same_length_at_every_frequency():
    for frequency_mhz in (100, 333, 8300, 10000, 12345, 99999, 333333, 700000, 1000000):
        for duty_permille, gap_us in ((1000, 0), (500, 0), (10, 0), (500, 100)):
            if gap_us > 500000000 // frequency_mhz * (1000 - duty_permille) // 1000:
                continue
            made = plan(frequency_mhz=frequency_mhz, duty_permille=duty_permille, gap_us=gap_us)
            width = made.positive_end
            assert width >= 1 and made.negative_end - made.gap_end == width
            assert made.positive_end <= made.gap_end < made.negative_end <= made.cycle_samples


def test_mean_frequency_is_exact_over_many_cycles():
    for frequency_mhz in (8300, 12345, 333333):
        made = plan(frequency_mhz=frequency_mhz)
        carried = (made.cycle_samples << 30) + made.cycle_fraction  # samples per cycle in 1/2**30
        exact = (board.SAMPLE_HZ * 1000 << 30) // frequency_mhz
        assert abs(carried - exact) <= 1
        assert abs(made.phase_step - (frequency_mhz << 32) // (board.SAMPLE_HZ * 1000)) <= 1


def test_ramps_take_their_time():
    for ramp_ms in (100, 2000, 30000):
        made = plan(ramp_ms=ramp_ms, duration_ms=61000)
        samples = waveplan.ENVELOPE_ONE // made.ramp_step
        assert abs(samples - made.ramp_samples) <= made.ramp_samples // 200 + 1


def test_polarity():
    assert plan(polarity="negative", amplitude_ua=50).gain == -plan(polarity="positive", amplitude_ua=50).gain
    assert plan(polarity="positive", amplitude_ua=50).negative_unit == 0
    assert plan().negative_unit == -waveplan.UNIT
    assert plan(polarity="alternate", amplitude_ua=50, alternate_ms=2000).alternate_cycles == 20
    assert plan().alternate_cycles == 0


def test_tables_balance_and_stay_within_full_scale():
    for shape in waveform.SHAPES:
        values = waveplan.table(shape, False)
        assert len(values) == 256 and sum(values) == 0 and values[0] == 0
        assert max(values) == waveplan.UNIT and min(values) == -waveplan.UNIT
        positive = waveplan.table(shape, True)
        assert min(positive) == 0 and max(positive) == waveplan.UNIT
