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
        if name in ("gap_us", "duty_permille", "ramp_ms", "duration_ms"):
            continue  # bound to other fields too; below
        assert check(**{name: low})[1] is None, name
        assert check(**{name: high})[1] is None, name
        for value in (low - 1, high + 1):
            assert check(**{name: value})[1] == "%s is %d; it must be within %d..%d" % (name, value, low, high)


def test_the_ranges():
    assert waveform.FIELDS == (
        ("amplitude_ua", 1, 100000, None), ("frequency_mhz", 100, 1000000, None), ("duration_ms", 100, 3600000, None),
        ("ramp_ms", 100, 30000, 2000), ("duty_permille", 10, 1000, 1000), ("gap_us", 0, 1000000, 0),
        ("alternate_ms", 1000, 600000, 10000), ("area_mm2", 0, 20000, 0),
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
    assert check(shape="sine", gap_us=100)[1] == "gap_us is 100; only a square has an interphase gap"
    assert check(shape="sine", duty_permille=500)[1] == "duty_permille is 500; only a square has a duty"
    assert check(gap_us=1, frequency_mhz=500000)[1] == "phase and gap need 1001 us; half a period has 1000 us"
    assert check(gap_us=1)[1] == "phase and gap need 50001 us; half a period has 50000 us"
    assert check(duty_permille=500, gap_us=25000)[1] is None
    assert check(duty_permille=500, gap_us=25001)[1] is not None
    assert check(duration_ms=4000, ramp_ms=2000)[1] is None
    assert check(duration_ms=3999, ramp_ms=2000)[1] == "ramp_ms is 2000; two ramps must fit into duration_ms 3999"
