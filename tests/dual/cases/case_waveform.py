"""Waveform requests: every field's boundary, wrong types, unknown names."""

from firmware.shared import waveform

GOOD = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 60000}


def check(**changes):
    request = dict(GOOD)
    request.update(changes)
    return waveform.check(request)


def test_defaults_are_filled_in():
    wave, problem = waveform.check(GOOD)
    assert problem is None
    assert wave["shape"] == "square" and wave["polarity"] == "biphasic" and wave["ramp_ms"] == 2000
    assert wave["zone"] == "" and wave["area_mm2"] == 0


def test_every_choice():
    for name, choices in (("shape", waveform.SHAPES), ("polarity", waveform.POLARITIES), ("zone", waveform.ZONES)):
        for choice in choices:
            assert check(**{name: choice})[0][name] == choice
        for value in ("none", 3, None, True, [], choices):
            found = check(**{name: value})[1]
            assert found == "%s is %s; it must be one of: %s" % (name, waveform.shown(value), ", ".join(choices))
    assert check(shape="")[1] is not None and check(polarity="")[1] is not None
    assert check(zone="")[1] is None
    assert waveform.ZONES == ("body", "face", "eyes", "chest", "head")  # from least to most strict
    assert waveform.SHAPES[0] == "square" and waveform.POLARITIES[0] == "biphasic"


def test_a_current_beyond_any_limit_is_left_to_the_limits():
    assert check(amplitude_ua=100000)[1] is None
    assert check(amplitude_ua=100001)[1] == "amplitude_ua is 100001; it must be within 1..100000"


def test_every_boundary_of_every_field():
    for name, low, high, _default in waveform.FIELDS:
        if name not in ("amplitude_ua", "frequency_mhz", "alternate_ms", "sample_us", "area_mm2"):
            continue  # bound to other fields too; below
        assert check(**{name: low})[1] is None, name
        assert check(**{name: high})[1] is None, name
        for value in (low - 1, high + 1):
            assert check(**{name: value})[1] == "%s is %d; it must be within %d..%d" % (name, value, low, high)


def test_the_ranges():
    assert waveform.FIELDS == (
        ("amplitude_ua", 1, 100000, None), ("frequency_mhz", 100, 1000000, None), ("duration_ms", 100, 3600000, None),
        ("ramp_ms", 100, 30000, 2000), ("duty_permille", 10, 1000, 1000), ("width_us", 0, 1000000, 0),
        ("rise_us", 0, 500000, 0), ("gap_us", 0, 1000000, 0), ("second_mhz", 0, 1000000, 0),
        ("table_crc", 0, 0xFFFFFFFF, 0), ("burst_ms", 0, 60000, 0), ("rest_ms", 0, 10000, 0),
        ("rest_random_ms", 0, 4000, 0), ("amplitude_end_ua", 0, 100000, 0), ("frequency_end_mhz", 0, 1000000, 0),
        ("sweep_ms", 0, 3600000, 0), ("hold_ms", 0, 600000, 0),
        ("alternate_ms", 1000, 600000, 10000), ("sample_us", 0, 100000, 0), ("phase_deg", -1, 359, -1),
        ("area_mm2", 0, 20000, 0), ("threshold_ua", 0, 1000, 0),
    )  # fmt: skip


def test_values_in_error_texts_are_short():
    assert waveform.shown("x" * 38) == "'" + "x" * 38 + "'"
    assert waveform.shown("x" * 39) == "'" + "x" * 36 + "..."
    assert waveform.shown(5) == "5"


def test_wrong_types_are_refused():
    for value in (None, True, 1.5, "200", [], {}):
        assert "must be a whole number" in check(amplitude_ua=value)[1]


def test_missing_and_unknown_fields_are_refused():
    assert waveform.check({})[1].startswith("amplitude_ua is None")
    assert check(amplitud_ua=5)[1] == "'amplitud_ua' is not a waveform field"


def test_fields_that_contradict_each_other():
    assert check(shape="sine", gap_us=100)[1] == "gap_us is 100; only a square has it"
    assert check(shape="sine", duty_permille=500)[1] == "duty_permille is 500; only a square has it"
    assert check(shape="sine", width_us=500)[1] == "width_us is 500; only a square has it"
    assert check(shape="ramped", rise_us=5)[1] == "rise_us is 5; only a square has it"
    assert check(gap_us=1, frequency_mhz=500000)[1] == "phase and gap need 1001 us; half a period has 1000 us"
    assert check(gap_us=1)[1] == "phase and gap need 50001 us; half a period has 50000 us"
    assert check(duty_permille=500, gap_us=25000)[1] is None
    assert check(duty_permille=500, gap_us=25001)[1] is not None
    assert check(width_us=49000, gap_us=1000)[1] is None
    assert check(width_us=49000, gap_us=1001)[1] == "phase and gap need 50001 us; half a period has 50000 us"
    assert check(width_us=1, duty_permille=999)[1] == "width_us is 1 and duty_permille 999; give one of them"
    assert check(width_us=100, rise_us=50)[1] is None
    assert check(width_us=100, rise_us=51)[1] == "rise_us is 51; rise and fall must fit into a phase of 100 us"
    assert check(rise_us=25000)[1] is None and check(rise_us=25001)[1] is not None
    assert check(duration_ms=4000, ramp_ms=2000)[1] is None
    assert check(duration_ms=3999, ramp_ms=2000)[1] == "ramp_ms is 2000; two ramps must fit into duration_ms 3999"


def test_bursts_need_rests_and_rests_bursts():
    assert check(burst_ms=1)[1] == "burst_ms is 1 and no rest is given; give rest_ms or rest_random_ms"
    assert check(rest_ms=5)[1] == "rest_ms is 5, rest_random_ms 0; rests need burst_ms"
    assert check(rest_random_ms=7)[1] == "rest_ms is 0, rest_random_ms 7; rests need burst_ms"
    for name, high in (("burst_ms", 60000), ("rest_ms", 10000), ("rest_random_ms", 4000)):
        good = {"burst_ms": 100, "rest_ms": 1}
        assert check(**dict(good, **{name: high}))[1] is None
        assert check(**dict(good, **{name: high + 1}))[1] == "%s is %d; it must be within 0..%d" % (
            name,
            high + 1,
            high,
        )


def test_the_length_of_a_phase():
    for changes, expected_us in (({}, 50000), ({"duty_permille": 333}, 16650), ({"width_us": 77}, 77)):
        assert waveform.phase_us(check(**changes)[0]) == expected_us


def test_a_sweep_needs_an_end_and_a_time():
    for changes in ({"sweep_ms": 500}, {"amplitude_end_ua": 300}, {"frequency_end_mhz": 20000}):
        assert check(**changes)[1].endswith("a sweep needs a time and an end")
    assert check(hold_ms=5)[1] == "hold_ms is 5; only a sweep has it"
    assert check(hold_ms=5, sweep_ms=200, amplitude_end_ua=300)[1] is None
    assert check(sweep_ms=199, amplitude_end_ua=300)[1] == "sweep_ms is 199; it must be at least 200"
    assert check(sweep_ms=200, amplitude_end_ua=300)[1] is None
    assert check(sweep_ms=200, frequency_end_mhz=99)[1] == "frequency_end_mhz is 99; it must be at least 100"
    assert check(sweep_ms=200, frequency_end_mhz=100)[1] is None
    assert check(sweep_ms=3600001, amplitude_end_ua=300)[1] == "sweep_ms is 3600001; it must be within 0..3600000"


def test_a_second_frequency_needs_a_curve_and_20_hz():
    assert check(second_mhz=30000)[1] == "second_mhz is 30000; a square has no second frequency"
    both = "frequency_mhz is %d, second_mhz %d; the lowest for a sum is 20 Hz"
    assert check(shape="sine", second_mhz=30000)[1] == both % (10000, 30000)
    assert check(shape="sine", frequency_mhz=20000, second_mhz=19999)[1] == both % (20000, 19999)
    assert check(shape="sine", frequency_mhz=20000, second_mhz=20000)[1] is None


def test_only_a_table_has_a_crc():
    assert check(table_crc=1)[1] == "table_crc is 1; only a table has it"
    assert check(shape="table", table_crc=0xFFFFFFFF)[1] is None
