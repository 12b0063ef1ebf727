"""The limits engine over everything that can be asked and set: what it must never do."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from boards.rp2040_pico.board import HARD_CAP_UA
from firmware.shared import limits, rules, settings, waveform
from microcurrent.refusals import limit_sentence

# Exact means of |current| over whole cycles, for each shape at full duty; pi from below, so that 2/pi is from above.
MEANS = {
    waveform.SINE: Fraction(2) / Fraction(3_141_592, 1_000_000),
    waveform.SAWTOOTH: Fraction(1, 2),
    waveform.RAMPED: Fraction(7, 8),
}


@st.composite
def waves(draw: st.DrawFn) -> dict:
    shape = draw(st.sampled_from(waveform.SHAPES))
    duration_ms = draw(st.integers(200, 3_600_000))
    request = {
        "shape": shape,
        "polarity": draw(st.sampled_from(waveform.POLARITIES)),
        "zone": draw(st.sampled_from((*waveform.ZONES, waveform.NO_ZONE))),
        "amplitude_ua": draw(st.integers(1, 1100) | st.integers(1, 100_000)),
        "frequency_mhz": draw(st.integers(100, 1_000_000)),
        "duration_ms": duration_ms,
        "ramp_ms": 100,
        "duty_permille": draw(st.integers(10, 1000)) if shape == waveform.SQUARE else 1000,
        "area_mm2": draw(st.just(0) | st.integers(1, 20_000)),
    }
    wave, problem = waveform.check(request)
    assert wave is not None, problem
    return wave


SETTINGS = st.fixed_dictionaries({row[0]: st.integers(row[1], row[2]) for row in settings.FIELDS})


def permitted(wave: dict, held: dict) -> int:
    return limits.permitted(wave, held, HARD_CAP_UA)[0]


@given(waves(), SETTINGS)
def test_the_permitted_peak_is_the_lowest_of_the_table(wave: dict, held: dict) -> None:
    table = limits.table(wave, held, HARD_CAP_UA)
    capped = {name: limit_ua for name, limit_ua, _verdict, _source in table if limit_ua != limits.NO_CAP}
    limit_ua, name, source = limits.permitted(wave, held, HARD_CAP_UA)
    assert limit_ua == capped[name] == min(capped.values())
    assert (name, source) in {(row[0], row[3]) for row in table}
    assert 0 <= limit_ua <= min(HARD_CAP_UA, rules.PROFILE_UA[held["profile"]])


@given(waves(), SETTINGS)
def test_the_refusal_agrees_with_what_is_permitted(wave: dict, held: dict) -> None:
    refused = limits.refusal(wave, held, HARD_CAP_UA)
    fits = wave["amplitude_ua"] <= permitted(wave, held)
    in_time = wave["duration_ms"] <= limits.permitted_ms(wave, held)[0]
    assert (refused is None) == (fits and in_time)
    verdicts = [row[2] for row in limits.table(wave, held, HARD_CAP_UA)]
    if limits.REFUSED in verdicts:
        assert refused is not None
    if refused is not None:
        sentence = limit_sentence(refused)
        assert "; no current flows; " in sentence and "; ;" not in sentence and not sentence.endswith((";", "; ", "."))
        assert sentence.count("; ") == 3  # number and limit; state; remedy


@given(waves(), SETTINGS)
def test_the_printed_maximum_passes_its_own_check(wave: dict, held: dict) -> None:
    limit_ua = permitted(wave, held)
    held = held | {"session_max_ms": 3_600_000}
    wave = wave | {"duration_ms": min(wave["duration_ms"], limits.permitted_ms(wave, held)[0])}
    limit_ua = permitted(wave, held)
    if limit_ua:
        assert limits.refusal(wave | {"amplitude_ua": limit_ua}, held, HARD_CAP_UA) is None
    assert limits.refusal(wave | {"amplitude_ua": limit_ua + 1}, held, HARD_CAP_UA) is not None


@given(waves(), SETTINGS)
def test_a_permitted_session_stays_below_charge_and_density(wave: dict, held: dict) -> None:
    limit_ua = permitted(wave, held)
    mean = MEANS.get(wave["shape"], Fraction(wave["duty_permille"], 1000))
    halves = Fraction(1) if wave["polarity"] == waveform.BIPHASIC else Fraction(1, 2)
    moved_uc = limit_ua * mean * halves * wave["duration_ms"] / 1000
    assert moved_uc <= limits.SESSION_CHARGE_UC
    per_cm2 = 2000 if wave["polarity"] == waveform.BIPHASIC else 500
    declared_mm2 = held["area_mm2"] or rules.TIP_MM2
    assert limit_ua * 100 <= per_cm2 * min(declared_mm2, wave["area_mm2"] or declared_mm2)
    if held["threshold_ua"]:
        assert limit_ua * 100 <= held["threshold_ua"] * 80


@given(waves(), SETTINGS, SETTINGS)
def test_nothing_permits_more_unless_it_is_named(wave: dict, before: dict, after: dict) -> None:
    """A change that limits.raises() does not name never raises a peak or a time."""
    unnamed = before | {name: after[name] for name in after if name not in limits.raises(before, after)}
    assert permitted(wave, unnamed) <= permitted(wave, before)
    assert limits.permitted_ms(wave, unnamed)[0] <= limits.permitted_ms(wave, before)[0]
    assert limits.raises(before, before) == []


@given(waves(), SETTINGS, st.sampled_from([row[0] for row in settings.FIELDS]), st.data())
def test_each_raise_only_needs_one_direction(wave: dict, before: dict, name: str, data: st.DataObject) -> None:
    low, high = next(row[1:3] for row in settings.FIELDS if row[0] == name)
    after = before | {name: data.draw(st.integers(low, high))}
    assert not (limits.raises(before, after) and limits.raises(after, before))


@given(waves(), SETTINGS, st.sampled_from((*waveform.ZONES, waveform.NO_ZONE)), st.integers(0, 20_000))
def test_a_request_alone_cannot_permit_more(wave: dict, held: dict, zone: str, area_mm2: int) -> None:
    """Whatever zone and area it names, never more than when it names none."""
    none = permitted(wave | {"zone": waveform.NO_ZONE, "area_mm2": 0}, held)
    assert permitted(wave | {"zone": zone, "area_mm2": area_mm2}, held) <= none


@given(waves(), SETTINGS, st.integers(1, 20_000))
def test_more_area_never_lowers(wave: dict, held: dict, more_mm2: int) -> None:
    held = held | {"area_mm2": max(held["area_mm2"], 1)}
    larger = held | {"area_mm2": min(held["area_mm2"] + more_mm2, 20_000)}
    assert permitted(wave, larger) >= permitted(wave, held)


@given(waves(), SETTINGS)
def test_what_is_not_evaluated_never_permits_more_than_its_fallback(wave: dict, held: dict) -> None:
    undeclared = held | {"area_mm2": 0}
    row = next(row for row in limits.table(wave, undeclared, HARD_CAP_UA) if row[0] == "density")
    fallback_ua = 140 if wave["polarity"] == waveform.BIPHASIC else 35
    assert row[2] == limits.NOT_EVALUATED and row[1] <= fallback_ua
    assert permitted(wave, undeclared) <= fallback_ua
    for declared_mm2 in (7, 20_000):
        assert permitted(wave, undeclared) <= permitted(wave, held | {"area_mm2": declared_mm2})
