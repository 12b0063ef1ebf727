"""Plans: exact balance of every cycle, exact mean frequency, ramps that fit."""

from boards.rp2040_pico import board
from firmware.core import waveplan
from firmware.shared import waveform


def wave_of(**changes):
    request = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000}
    request.update(changes)
    wave, problem = waveform.check(request)
    assert problem is None, problem
    return wave


def plan(**changes):
    wave = wave_of(**changes)
    problem = waveplan.problem(wave, board.SAMPLE_HZ)
    assert problem is None, problem
    return waveplan.plan(wave, board.SAMPLE_HZ, board.FULL_SCALE_UA)


def problem(sample_hz=board.SAMPLE_HZ, **changes):
    return waveplan.problem(wave_of(**changes), sample_hz)


def played(**changes):
    return waveplan.played(wave_of(**changes), board.SAMPLE_HZ)


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
            if problem(frequency_mhz=frequency_mhz, duty_permille=duty_permille, gap_us=gap_us):
                assert duty_permille == 10 and frequency_mhz > 99000  # a phase below half a sample
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


def test_a_slow_board_refuses_what_its_samples_cannot_play():
    assert problem(500, frequency_mhz=50000) is None
    assert problem(500, frequency_mhz=50001) == "frequency_mhz is 50001; this board's 500 samples a second permit 50000"
    for shape in waveform.SHAPES:
        assert problem(500, shape=shape, frequency_mhz=1000000)
        assert problem(10000, shape=shape, frequency_mhz=1000000) is None


def test_every_frequency_that_is_permitted_has_two_equal_phases():
    for sample_hz in (500, 1000, 10000):
        for frequency_mhz in (100, 333, 8300, sample_hz * 100 - 7, sample_hz * 100):
            wave = wave_of(frequency_mhz=frequency_mhz)
            assert waveplan.problem(wave, sample_hz) is None
            made = waveplan.plan(wave, sample_hz, board.FULL_SCALE_UA)
            assert made.positive_end >= 5 and made.negative_end - made.gap_end == made.positive_end
            assert made.positive_end <= made.gap_end and made.negative_end <= made.cycle_samples


def test_duty_and_gap_are_played_to_the_nearest_sample_or_refused():
    assert played() == (50000, 0, 0)
    assert played(duty_permille=500, gap_us=149) == (25000, 100, 0)
    assert played(duty_permille=500, gap_us=150) == (25000, 200, 0)
    assert problem(duty_permille=500, gap_us=50) is None
    assert problem(duty_permille=500, gap_us=49) == "gap_us is 49; this board's shortest is 100"
    assert played(frequency_mhz=1000000, duty_permille=700, gap_us=99) == (400, 100, 0)
    assert problem(frequency_mhz=1000000, duty_permille=100) is None
    assert (
        problem(frequency_mhz=1000000, duty_permille=99)
        == "a phase of 99 permille of a half period is shorter than half a sample, 50 us"
    )
    made = plan(frequency_mhz=1000000, duty_permille=700, gap_us=99)
    assert (made.positive_end, made.gap_end, made.negative_end) == (4, 5, 9)
    assert played(shape="sine") == (0, 0, 0)


def test_alternating_is_played_in_whole_cycles():
    def slow(alternate_ms, frequency_mhz):
        return {
            "polarity": "alternate", "amplitude_ua": 50, "duration_ms": 100000,
            "alternate_ms": alternate_ms, "frequency_mhz": frequency_mhz,
        }  # fmt: skip

    assert played(**slow(2000, 10000)) == (50000, 0, 2000)
    assert played(**slow(10000, 150))[2] == 13333  # 1.5 cycles become 2
    assert plan(**slow(10000, 150)).alternate_cycles == 2
    assert problem(**slow(10000, 100)) is None
    assert problem(**slow(9999, 100)) == "alternate_ms is 9999; one cycle lasts 10000"
