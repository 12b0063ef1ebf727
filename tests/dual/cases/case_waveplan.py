"""Plans: exact balance of every cycle, exact mean frequency, ramps that fit."""

from boards.rp2040_pico import board
from firmware.core import waveplan
from firmware.shared import shapes, waveform


def wave_of(**changes):
    request = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000}
    request.update(changes)
    wave, problem = waveform.check(request)
    assert problem is None, problem
    return wave


PERIOD_US = 100


def plan(**changes):
    wave = wave_of(**changes)
    period_us, problem = waveplan.choose(wave, (PERIOD_US,))
    assert (period_us, problem) == (PERIOD_US, None)
    return waveplan.plan(wave, PERIOD_US, board.FULL_SCALE_UA)


def problem(period_us=PERIOD_US, **changes):
    return waveplan.choose(wave_of(**changes), (period_us,))[1]


def chosen(**changes):
    return waveplan.choose(wave_of(**changes), (250, 100, 62))[0]


def played(**changes):
    return waveplan.played(wave_of(**changes), PERIOD_US)


def test_ten_hertz_square_fills_its_period():
    made = plan()
    assert (made.cycle_samples, made.cycle_fraction) == (1000, 0)
    assert (made.width, made.gap_end, made.slope) == (500, 500, 0)
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
            assert 1 <= made.width <= made.gap_end < made.gap_end + made.width <= made.cycle_samples


def test_mean_frequency_is_exact_over_many_cycles():
    for frequency_mhz in (8300, 12345, 333333):
        made = plan(frequency_mhz=frequency_mhz)
        carried = (made.cycle_samples << 30) + made.cycle_fraction  # samples per cycle in 1/2**30
        exact = (10000 * 1000 << 30) // frequency_mhz
        assert abs(carried - exact) <= 1
        assert abs(made.phase_step - (frequency_mhz << 32) // (10000 * 1000)) <= 1


def test_ramps_take_their_time():
    for ramp_ms in (100, 2000, 30000):
        made = plan(ramp_ms=ramp_ms, duration_ms=61000)
        samples = waveplan.ENVELOPE_ONE // made.ramp_step
        assert abs(samples - made.ramp_samples) <= made.ramp_samples // 200 + 1


def test_polarity():
    assert plan(polarity="negative", amplitude_ua=50).gain == -plan(polarity="positive", amplitude_ua=50).gain
    assert plan(polarity="positive", amplitude_ua=50).balanced == 0
    assert plan().balanced == 1
    assert plan(polarity="alternate", amplitude_ua=50, alternate_ms=2000).alternate_cycles == 20
    assert plan().alternate_cycles == 0


def test_tables_balance_and_stay_within_full_scale():
    assert list(shapes.table(waveform.SQUARE, False)) == [shapes.OFFSET] * 2
    for shape in (waveform.SINE, waveform.SAWTOOTH, waveform.RAMPED):
        values = shapes.table(shape, False)
        assert len(values) == 257 and values[0] == values[256] == shapes.OFFSET
        assert sum(values) == 257 * shapes.OFFSET
        assert max(values) == shapes.OFFSET + shapes.UNIT and min(values) == shapes.OFFSET - shapes.UNIT
        positive = shapes.table(shape, True)
        assert min(positive) == shapes.OFFSET and max(positive) == shapes.OFFSET + shapes.UNIT


def test_a_slow_board_refuses_what_its_samples_cannot_play():
    assert problem(2000, frequency_mhz=50000) is None
    assert problem(2000, frequency_mhz=50001) == "frequency_mhz is 50001; samples of 2000 us permit 50000"
    for shape in waveform.SHAPES:
        assert problem(2000, shape=shape, frequency_mhz=1000000)
        assert problem(100, shape=shape, frequency_mhz=1000000) is None


def test_every_frequency_that_is_permitted_has_two_equal_phases():
    for period_us in (2000, 1000, 250, 100, 62):
        highest_mhz = min(1000000, 100000000 // period_us)
        for frequency_mhz in (100, 333, 8300, highest_mhz - 7, highest_mhz):
            wave = wave_of(frequency_mhz=frequency_mhz)
            assert waveplan.choose(wave, (period_us,)) == (period_us, None)
            made = waveplan.plan(wave, period_us, board.FULL_SCALE_UA)
            assert 5 <= made.width <= made.gap_end and made.gap_end + made.width <= made.cycle_samples


def test_duty_and_gap_are_played_to_the_nearest_sample_or_refused():
    assert played() == (50000, 0, 0)
    assert played(duty_permille=500, gap_us=149) == (25000, 100, 0)
    assert played(duty_permille=500, gap_us=150) == (25000, 200, 0)
    assert problem(duty_permille=500, gap_us=50) is None
    assert problem(duty_permille=500, gap_us=49) == "gap_us is 49; this board's shortest is 100"
    assert played(frequency_mhz=1000000, duty_permille=700, gap_us=99) == (400, 100, 0)
    assert problem(frequency_mhz=1000000, duty_permille=100) is None
    assert problem(frequency_mhz=1000000, duty_permille=99) == "a phase of 49 us is shorter than half a sample, 50 us"
    made = plan(frequency_mhz=1000000, duty_permille=700, gap_us=99)
    assert (made.width, made.gap_end) == (4, 5)
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


def test_the_longest_period_that_plays_a_waveform_well_is_chosen():
    assert [chosen(frequency_mhz=mhz) for mhz in (100, 100000, 100001, 250000, 250001, 1000000)] == [
        250, 250, 100, 100, 62, 62,
    ]  # fmt: skip
    assert [chosen(shape="sine", frequency_mhz=mhz) for mhz in (50000, 50001, 125000, 125001, 1000000)] == [
        250, 100, 100, 62, 62,
    ]  # fmt: skip
    assert chosen(duty_permille=100, frequency_mhz=10000) == 250
    assert chosen(duty_permille=100, frequency_mhz=10300) == 100
    assert chosen(duty_permille=500, gap_us=5000) == 250
    assert chosen(duty_permille=500, gap_us=4874) == 100  # 19 samples of 250 us
    assert chosen(duty_permille=500, gap_us=100) == 62  # none is good: the shortest


def test_a_period_may_be_asked_for():
    assert chosen(sample_us=62) == 62 and chosen(sample_us=1000) == 1000
    assert problem(62, sample_us=61) == "sample_us is 61; this board's shortest is 62"
    assert problem(62, sample_us=2000, frequency_mhz=50001) == "frequency_mhz is 50001; samples of 2000 us permit 50000"


def test_every_frequency_is_exact_to_20_ppm_or_refused():
    lowest_mhz = -(-waveplan.STEP_MIN * 1000000000 // (45 << 32))
    assert problem(45, shape="sine", frequency_mhz=lowest_mhz) is None
    assert problem(45, shape="sine", frequency_mhz=lowest_mhz - 1) == (
        "frequency_mhz is %d; samples of 45 us play it exactly from %d on" % (lowest_mhz - 1, lowest_mhz)
    )
    for period_us in (250, 100, 62, 45):
        for frequency_mhz in (lowest_mhz, 131, 999, 8300, 123457, 999999, 1000000):
            made = waveplan.plan(wave_of(shape="sine", frequency_mhz=frequency_mhz), period_us, board.FULL_SCALE_UA)
            exact = (frequency_mhz * period_us << 32) // 1000
            assert abs(made.phase_step * 1000000 - exact) * 50000 <= exact, (period_us, frequency_mhz)
            assert abs(made.phase_step * 1000000 - exact) <= 500001
    assert waveplan.choose(wave_of(shape="sine", frequency_mhz=100), (250, 100, 62)) == (250, None)


def test_a_width_is_played_to_the_nearest_sample_or_refused():
    assert played(width_us=149) == (100, 0, 0) and played(width_us=150) == (200, 0, 0)
    assert problem(width_us=49) == "a phase of 49 us is shorter than half a sample, 50 us"
    assert problem(width_us=50) is None
    assert chosen(width_us=5000) == 250 and chosen(width_us=2000) == 100 and chosen(width_us=100) == 62


def test_edges_rise_in_equal_steps():
    for rise_us, slope in ((0, 0), (49, 0), (50, 8192), (100, 8192), (900, 1639)):
        assert plan(rise_us=rise_us).slope == slope


def test_bursts_are_whole_cycles():
    made = plan(burst_ms=249, rest_ms=40, rest_random_ms=30)
    assert (made.burst_cycles, made.rest_samples, made.rest_span) == (2, 400, 300)
    assert plan(burst_ms=1, rest_random_ms=4000).burst_cycles == 1
    assert plan(burst_ms=250, rest_ms=1).burst_cycles == 3
    assert (plan().burst_cycles, plan().rest_samples, plan().rest_span) == (0, 0, 0)
    wave = wave_of(burst_ms=10, rest_random_ms=4000, sample_us=45)
    assert waveplan.plan(wave, 45, board.FULL_SCALE_UA).rest_span == 0xFFFF  # the engine's product must fit 31 bits


def test_a_second_frequency_counts_for_period_and_longest_phase():
    made = plan(shape="sine", frequency_mhz=50000, second_mhz=40000)
    assert made.second_step == 17179869
    assert made.phase_samples == 251  # a cycle of 40 Hz
    assert plan(shape="sine").second_step == 0 and plan(shape="sine").phase_samples == 501
    assert chosen(shape="sine", frequency_mhz=20000, second_mhz=50001) == 100
    assert problem(shape="sine", frequency_mhz=20000, second_mhz=1000001 - 1) is None
    assert problem(2000, shape="sine", frequency_mhz=20000, second_mhz=50001) == (
        "frequency_mhz is 50001; samples of 2000 us permit 50000"
    )


def test_an_uploaded_table_is_taken_as_it_is():
    points = shapes.table("sine", False)
    made = waveplan.plan(wave_of(shape="table"), PERIOD_US, board.FULL_SCALE_UA, points, 10, 700)
    assert made.table is points and made.table_bits == 10 and made.phase_samples == 701
