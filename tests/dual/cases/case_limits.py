"""Limits: every rule around its boundary, the lowest binds and is named, the printed maximum passes its own check."""

from boards.rp2040_pico import board
from firmware.core import waveplan
from firmware.shared import limits, rules, settings, shapes, waveform

CAP_UA = board.HARD_CAP_UA
BODY, FACE, EYES = 0, 1, 2
OPEN = {"profile": 1, "zone": BODY, "area_mm2": 20000, "session_max_ms": 3600000}  # all that settings can permit


def wave(**changes):
    request = {"amplitude_ua": 1, "frequency_mhz": 10000, "duration_ms": 10000}
    request.update(changes)
    checked, problem = waveform.check(request)
    assert problem is None, problem
    return checked


def setup(base, **changes):
    values = settings.defaults()
    values.update(base)
    values.update(changes)
    assert settings.check(values) is None
    return values


def refusal(kept, **changes):
    return limits.refusal(wave(**changes), kept, CAP_UA)


def allowed(amplitude_ua, request, kept):
    """The rules once more, as inequalities without any rounding."""
    unipolar = request["polarity"] != "biphasic"
    area_mm2 = min(request["area_mm2"] or 20000, kept["area_mm2"] or 7)
    zone_ua = (1000, 300, 100, 0, 0)[max(kept["zone"], ("", "body", "face", "eyes").index(request["zone"]) - 1)]
    share = {"sine": 640, "sawtooth": 500, "ramped": 875}.get(request["shape"]) or min(
        1000, request["duty_permille"] + 100
    )
    return (
        amplitude_ua <= CAP_UA
        and amplitude_ua <= (400, 600)[kept["profile"]]
        and amplitude_ua <= zone_ua
        and amplitude_ua * 100 <= (500 if unipolar else 2000) * area_mm2
        and (not unipolar or amplitude_ua <= 100)
        and amplitude_ua * request["duration_ms"] * share <= 720000000000 * (2 if unipolar else 1)
        and (not kept["threshold_ua"] or amplitude_ua * 100 <= kept["threshold_ua"] * 80)
        and (not request["threshold_ua"] or amplitude_ua * 100 <= request["threshold_ua"] * 80)
    )


def around(kept, **changes):
    """The permitted peak of a request, after one below, itself and one more were tried."""
    request = wave(**changes)
    limit_ua = limits.permitted(request, kept, CAP_UA)[0]
    capped = [row[1] for row in limits.table(request, kept, CAP_UA) if row[1] != limits.NO_CAP]
    assert limit_ua == min(capped)
    assert allowed(limit_ua, request, kept) and not allowed(limit_ua + 1, request, kept), (limit_ua, request, kept)
    for amplitude_ua in (limit_ua - 1, limit_ua, limit_ua + 1):
        if amplitude_ua > 0:
            request["amplitude_ua"] = amplitude_ua
            refused = limits.refusal(request, kept, CAP_UA)
            assert (refused is None) == (amplitude_ua <= limit_ua), refused
    return limit_ua


def test_each_rule_binds_when_it_is_lowest():
    for expected, cap_ua, kept, request in (
        ((140, "density"), 1000, {}, {}),
        ((35, "density"), 1000, {}, {"polarity": "positive"}),
        ((250, "hard-cap"), 250, OPEN, {}),
        ((600, "profile"), 1000, OPEN, {}),
        ((400, "profile"), 1000, {"zone": BODY, "area_mm2": 1000}, {}),
        ((300, "zone"), 1000, {"area_mm2": 1000}, {}),
        ((100, "zone"), 1000, {"area_mm2": 1000, "zone": EYES}, {}),
        ((100, "zone"), 1000, {"area_mm2": 1000}, {"zone": "eyes"}),
        ((0, "zone"), 1000, OPEN, {"zone": "chest"}),
        ((0, "zone"), 1000, OPEN, {"zone": "head"}),
        ((100, "polarity"), 1000, OPEN, {"polarity": "negative"}),
        ((200, "session-charge"), 1000, OPEN, {"duration_ms": 3600000}),
        ((80, "personal"), 1000, {"threshold_ua": 100}, {}),
        ((80, "personal"), 1000, {}, {"threshold_ua": 100}),
        ((80, "personal"), 1000, {"threshold_ua": 100}, {"threshold_ua": 101}),
        ((80, "personal"), 1000, {"threshold_ua": 101}, {"threshold_ua": 100}),
        ((300, "hard-cap"), 300, {"area_mm2": 1000}, {}),  # of two that are equal, the first one
        ((400, "hard-cap"), 400, {"area_mm2": 1000, "zone": BODY}, {}),
        ((100, "zone"), 1000, {"area_mm2": 1000, "zone": EYES}, {"polarity": "alternate"}),
    ):
        found = limits.permitted(wave(**request), setup(kept), cap_ua)
        assert found[:2] == expected, (found, kept, request)


def test_boundaries_over_zones_profiles_and_thresholds():
    for profile in (0, 1):
        for zone in (BODY, FACE, EYES):
            for threshold_ua in (0, 1, 2, 126, 501):
                kept = setup(OPEN, profile=profile, zone=zone, threshold_ua=threshold_ua)
                for asked in ("", "eyes"):
                    around(kept, zone=asked)


def test_the_lower_of_two_thresholds_counts():
    for named, stored, counts in (
        (0, 0, 0), (100, 0, 100), (0, 100, 100), (100, 100, 100), (99, 100, 99), (100, 99, 99), (1, 1000, 1),
        (1000, 1, 1), (1000, 1000, 1000),
    ):  # fmt: skip
        kept = setup(OPEN, threshold_ua=stored)
        assert rules.threshold_ua(wave(threshold_ua=named), kept) == counts
        row = next(row for row in rules.rows(wave(threshold_ua=named), kept, CAP_UA) if row[0] == "personal")
        if counts:
            source = "80 %% of the threshold %d uA: ours" % counts
            assert row == ("personal", counts * 80 // 100, "holds", source)
            around(kept, threshold_ua=named)
        else:
            assert row[1:3] == (-1, "not evaluated")


def test_whose_current_does_not_reverse():
    for polarity in waveform.POLARITIES:
        assert limits.is_unipolar(wave(polarity=polarity)) == (polarity != waveform.BIPHASIC)
    assert limits.UNIPOLAR_MAX_MS == rules.UNIPOLAR_MAX_MS


def test_boundaries_of_the_current_density():
    for polarity in waveform.POLARITIES:
        before_ua = 0
        for area_mm2 in (1, 2, 5, 6, 7, 8, 13, 19, 20, 21, 29, 30, 31, 99, 20000):
            limit_ua = around(setup(OPEN, area_mm2=area_mm2), polarity=polarity)
            assert limit_ua >= before_ua  # more area never lowers
            before_ua = limit_ua


def test_a_request_alone_cannot_raise():
    for polarity, fallback_ua in (("biphasic", 140), ("alternate", 35)):
        for area_mm2 in (1, 6, 7, 8, 1000, 20000):
            limit_ua = around(setup(OPEN, area_mm2=0), polarity=polarity, area_mm2=area_mm2)
            assert limit_ua == min(fallback_ua, fallback_ua * area_mm2 // 7)
            declared_ua = around(setup(OPEN, area_mm2=20), polarity=polarity, area_mm2=area_mm2)
            assert declared_ua == min(fallback_ua * 20 // 7, fallback_ua * area_mm2 // 7)
    for kept, asked, counts in (
        (FACE, "body", "face"), (FACE, "", "face"), (FACE, "face", "face"), (FACE, "eyes", "eyes"),
        (BODY, "face", "face"), (BODY, "", "body"), (EYES, "body", "eyes"), (BODY, "head", "head"),
        (EYES, "chest", "chest"),
    ):  # fmt: skip
        assert rules.zone(wave(zone=asked), setup(OPEN, zone=kept)) == counts


def test_boundaries_of_the_session_charge():
    for shape in waveform.SHAPES:
        for duration_ms in (1199999, 1200000, 1200001, 1234567, 2400000, 3599999, 3600000):
            around(setup(OPEN), shape=shape, duration_ms=duration_ms)
        for duration_ms in (1199999, 1200000):
            around(setup(OPEN), shape=shape, polarity="negative", duration_ms=duration_ms)
    for duty_permille in (10, 233, 500, 899, 900, 901, 1000):
        around(setup(OPEN), duration_ms=3600000, duty_permille=duty_permille)
    for shape, share in (("sine", 640), ("sawtooth", 500), ("ramped", 875), ("square", 1000)):
        assert rules.share_permille(wave(shape=shape)) == share
    assert rules.share_permille(wave(duty_permille=10, polarity="positive")) == 55
    assert rules.share_permille(wave(duty_permille=11, polarity="positive")) == 56
    assert rules.share_permille(wave(duty_permille=899)) == 999
    assert rules.share_permille(wave(duty_permille=901)) == 1000
    assert rules.share_permille(wave(width_us=50)) == 101  # of 50 ms, rounded up
    assert rules.share_permille(wave(width_us=5000)) == 200
    assert rules.share_permille(wave(width_us=5001)) == 201
    # 2.000002 permille of the period, rounded up.
    assert rules.share_permille(wave(width_us=9901, frequency_mhz=101)) == 103
    assert rules.phase_us(wave(width_us=50)) == 50 and rules.phase_charge_ua(wave(width_us=50)) == 19999


def test_no_shape_moves_more_than_its_share():
    for shape in (waveform.SINE, waveform.SAWTOOTH, waveform.RAMPED):
        for polarity in (waveform.BIPHASIC, waveform.POSITIVE):
            values = shapes.table(shape, polarity != waveform.BIPHASIC)
            moved = sum(abs(value - shapes.OFFSET) for value in values) * 1000
            full = shapes.UNIT * (len(values) - 1)
            share = rules.share_permille(wave(shape=shape, polarity=polarity))
            assert moved <= share * full and moved >= (share - 5) * full, shape


def test_no_square_moves_more_than_its_share():
    """A phase is played in whole samples, so it may be longer than it was asked for."""
    for period_us in (2000, 100):
        for frequency_mhz in (100, 8300, 33333, 49999, 50000):
            scaled_mhz = frequency_mhz * (2000 // period_us)
            half_us = 500000000 // scaled_mhz
            for permille in (10, 100, 299, 300, 301, 500, 700, 999, 1000):
                for shape in ({"duty_permille": permille}, {"width_us": min(1000000, half_us * permille // 1000)}):
                    request = wave(frequency_mhz=scaled_mhz, **shape)
                    played_us = waveplan.played(request, period_us)[0]
                    assert played_us * 2 * scaled_mhz <= rules.share_permille(request) * 1000000, request


def test_session_time():
    for polarity, max_ms, longest_ms in (
        ("biphasic", 3600000, 3600000), ("biphasic", 1000, 1000), ("alternate", 3600000, 1200000),
        ("positive", 1200000, 1200000), ("negative", 1200001, 1200000), ("negative", 1199999, 1199999),
    ):  # fmt: skip
        kept = setup(OPEN, session_max_ms=max_ms)
        assert limits.permitted_ms(wave(polarity=polarity), kept) == (longest_ms, "session-time")
        for duration_ms in (longest_ms - 1, longest_ms, longest_ms + 1):
            if duration_ms <= 3600000:
                request = wave(polarity=polarity, duration_ms=duration_ms, ramp_ms=100)
                verdict = limits.table(request, kept, CAP_UA)[7][2]
                refused = limits.refusal(request, kept, CAP_UA)
                assert (refused is None) == (verdict == limits.OK) == (duration_ms <= longest_ms)
                assert refused is None or verdict == limits.REFUSED
    kept = setup({}, session_max_ms=1500000)
    assert refusal(kept, duration_ms=1500001) == (
        "duration_ms is 1500001; rule session-time (setting session_max_ms) permits 1500000"
    )
    assert refusal(kept, duration_ms=1200001, polarity="positive") == (
        "duration_ms is 1200001; rule session-time (positive: ours, net charge grows with time) permits 1200000"
    )


def test_phase_charge():
    """1 uC in up to 1 ms; the length is rounded up."""
    for frequency_mhz, duty_permille, length_us, limit_ua in (
        (500000, 1000, 1000, 999), (499999, 1000, 1001, -1), (500001, 1000, 1000, 999), (500501, 1000, 999, 1001),
        (501002, 1000, 999, 1001), (501003, 1000, 998, 1002), (1000000, 1000, 500, 1999), (250000, 500, 1000, 999),
        (249999, 500, 1001, -1), (1000000, 10, 5, 199999), (100, 1000, 5000000, -1),
    ):  # fmt: skip
        request = wave(frequency_mhz=frequency_mhz, duty_permille=duty_permille)
        assert rules.phase_us(request) == length_us, request
        assert rules.phase_charge_ua(request) == limit_ua, request
        assert limits.table(request, setup(OPEN), CAP_UA)[10][1] == limit_ua
        if limit_ua > 0:
            assert limit_ua * length_us < 1000000 <= (limit_ua + 1) * length_us
    sentence = "rule phase-charge (TENS level, from 1 uC in up to 1 ms: ours, what skin first feels) permits 999, rule"
    assert refusal(setup(OPEN), amplitude_ua=1000, frequency_mhz=500000) == (
        "amplitude_ua is 1000; %s profile 600" % sentence
    )
    assert refusal(setup(OPEN), amplitude_ua=999, frequency_mhz=500000) == (
        "amplitude_ua is 999; rule profile (professional: ours, top of practice, excerpts) permits 600"
    )


def test_levels_of_stimulation():
    for amplitude_ua, level in (
        (1000, None),
        (1001, "TENS level, 1 to 80 mA: a practitioner's page, excerpt"),
        (9999, "TENS level, 1 to 80 mA: a practitioner's page, excerpt"),
        (10000, "EMS level, from 10 mA: ours, IEC 60601-2-10 201.7.9.2.101 f, excerpt"),
        (100000, "EMS level, from 10 mA: ours, IEC 60601-2-10 201.7.9.2.101 f, excerpt"),
    ):
        expected = "rule level (%s) permits 1000, rule zone 300" % level
        if level is None:
            expected = "rule zone (face: ours, practice has 200 and home devices 400, excerpts) permits 300"
        found = refusal(setup({}, area_mm2=1000), amplitude_ua=amplitude_ua)
        assert found == "amplitude_ua is %d; %s" % (amplitude_ua, expected)


def test_refused_zones():
    for kept in (setup({}), setup(OPEN)):
        for zone, reason in (
            ("chest", "current across the chest can reach the heart"),
            ("head", "current through the head reaches the brain"),
        ):
            source = "%s: IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt" % zone
            assert refusal(kept, zone=zone) == "zone is %s; rule zone (%s) permits 0: %s" % (zone, source, reason)
            row = limits.table(wave(zone=zone), kept, CAP_UA)[2]
            assert row == ("zone", 0, limits.REFUSED, source)
            assert limits.permitted(wave(zone=zone), kept, CAP_UA) == (0, "zone", source)


# Every source that a request by default, or one of the opposite kind, meets.
TABLE_BY_DEFAULT = [
    ("hard-cap", 1000, "holds", "constant of the board: ours, TENS begins there"),
    ("profile", 400, "holds", "home: ours, top of cleared home devices, excerpt"),
    ("zone", 300, "holds", "face: ours, practice has 200 and home devices 400, excerpts"),
    (
        "density",
        140,
        "not evaluated",
        "2 mA/cm2 on 7 mm2, at most a 3 mm tip as none is declared: IEC 60601-2-10, 201.7.9.2.101 g, excerpt",
    ),
    ("polarity", -1, "holds", "biphasic: no net charge by construction"),
    ("net-dc", -1, "supervised", "mean of 10 uA over 1 s: ours, scale of IEC 60601-1 (unverified)"),
    ("session-charge", 72000, "holds", "720 mC: ours, 600 uA for 20 min"),
    ("session-time", -1, "holds", "setting session_max_ms"),
    ("personal", -1, "not evaluated", "no threshold is stored: the other rules decide"),
    ("level", 1000, "holds", "TENS level, 1 to 80 mA: a practitioner's page, excerpt"),
    ("phase-charge", -1, "not evaluated", "phase above 1 ms: current, density and session rules decide"),
]
TABLE_OF_ANOTHER = [
    ("hard-cap", 1000, "holds", "constant of the board: ours, TENS begins there"),
    ("profile", 600, "holds", "professional: ours, top of practice, excerpts"),
    ("zone", -1, "holds", "body: ours, the profile decides"),
    ("density", 50, "refused", "0.5 mA/cm2 on 10 mm2: customary in iontophoresis, excerpt"),
    ("polarity", 100, "holds", "negative: ours, net charge moves ions"),
    ("net-dc", -1, "holds", "negative is no balanced mode: rule polarity decides"),
    ("session-charge", 1199, "holds", "720 mC: ours, 600 uA for 20 min"),
    ("session-time", -1, "refused", "negative: ours, net charge grows with time"),
    ("personal", 57, "refused", "80 % of the threshold 72 uA: ours"),
    ("level", 1000, "holds", "TENS level, 1 to 80 mA: a practitioner's page, excerpt"),
    ("phase-charge", 1999, "holds", "TENS level, from 1 uC in up to 1 ms: ours, what skin first feels"),
]


def test_the_table():
    assert limits.table(wave(), setup({}), CAP_UA) == TABLE_BY_DEFAULT
    kept = setup(OPEN, area_mm2=10, threshold_ua=72)
    request = wave(amplitude_ua=58, polarity="negative", frequency_mhz=1000000, duration_ms=1200001)
    assert limits.table(request, kept, CAP_UA) == TABLE_OF_ANOTHER
    request["amplitude_ua"] = 57
    assert [row[2] for row in limits.table(request, kept, CAP_UA)][3:9:5] == ["refused", "holds"]
    request["amplitude_ua"] = 50
    assert [row[2] for row in limits.table(request, kept, CAP_UA)][3:9:5] == ["binds", "holds"]
    request["amplitude_ua"] = 601
    assert [row[:3] for row in limits.table(request, kept, CAP_UA)][:2] == [
        ("hard-cap", 1000, "holds"),
        ("profile", 600, "refused"),
    ]
    found = limits.table(wave(zone="eyes"), setup(OPEN), CAP_UA)[2:4]
    assert found == [
        ("zone", 100, "binds", "eyes: ours, a third of the face, outside the orbital rim"),
        ("density", 400000, "holds", "2 mA/cm2 on 20000 mm2: IEC 60601-2-10, 201.7.9.2.101 g, excerpt"),
    ]
    assert limits.table(wave(polarity="positive"), setup(OPEN), CAP_UA)[3][1] == 100000
    found = limits.table(wave(polarity="alternate", area_mm2=3), setup({}), CAP_UA)[3]
    assert found[1:] == (
        15, "not evaluated", "0.5 mA/cm2 on 3 mm2, at most a 3 mm tip as none is declared: customary in iontophoresis,"
        " excerpt",
    )  # fmt: skip


def test_names_for_others():
    assert (limits.OK, limits.BINDS, limits.NOT_EVALUATED) == ("holds", "binds", "not evaluated")
    assert (limits.REFUSED, limits.SUPERVISED, limits.NO_CAP) == ("refused", "supervised", -1)
    assert (limits.NET_DC_UA, limits.SESSION_CHARGE_UC) == (10, 720000)
    assert rules.PROFILES == ("home", "professional")
    assert not any(";" in row[3] for row in TABLE_BY_DEFAULT + TABLE_OF_ANOTHER)


def test_what_raises_needs_the_button():
    for name, value, other, raised in (
        ("profile", 0, 1, True),
        ("zone", FACE, BODY, True),
        ("zone", EYES, FACE, True),
        ("zone", EYES, BODY, True),
        ("area_mm2", 0, 8, True),
        ("area_mm2", 6, 0, True),  # the tip that counts then is larger
        ("area_mm2", 100, 101, True),
        ("threshold_ua", 100, 101, True),
        ("threshold_ua", 1000, 0, True),
        ("session_max_ms", 1200000, 1200001, True),
        ("usb_isolated", 0, 1, True),
        ("host_may_leave", 0, 1, True),
        ("area_mm2", 0, 7, False),
        ("area_mm2", 7, 0, False),
        ("lease_ms", 2000, 2001, False),
        ("telemetry_hz", 10, 11, False),
        ("buzzer", 0, 1, False),
    ):
        before = setup({}, **{name: value})
        assert limits.raises(before, {name: other}) == ([name] if raised else []), (name, value, other)
        after = setup({}, **{name: other})
        assert limits.raises(after, {name: value}) == [], (name, other, value)
        assert limits.raises(before, before) == []
    before = setup({}, zone=EYES, threshold_ua=50, session_max_ms=1000)
    assert limits.raises(before, settings.defaults()) == ["zone", "threshold_ua", "session_max_ms"]
    assert limits.raises(settings.defaults(), setup(OPEN, usb_isolated=1)) == [
        "profile", "zone", "area_mm2", "session_max_ms", "usb_isolated"]  # fmt: skip
    assert limits.raises(settings.defaults(), {}) == []


def test_every_limit_is_a_whole_number():
    for kept in (setup({}), setup(OPEN), setup(OPEN, threshold_ua=333), setup({}, area_mm2=13)):
        for polarity in waveform.POLARITIES:
            for row in rules.rows(wave(polarity=polarity), kept, CAP_UA):
                assert isinstance(row[1], int), row


def test_words_are_compared_by_their_letters():
    square, biphasic = "".join(("squ", "are")), "".join(("bi", "phasic"))  # as JSON brings them: other objects
    request = wave(shape=square, polarity=biphasic, duty_permille=300)
    assert not rules.is_unipolar(request)
    assert rules.share_permille(request) == 400


def test_a_rule_without_its_input_says_so_even_when_its_fallback_is_exceeded():
    rows = {row[0]: row for row in limits.table(wave(amplitude_ua=141), setup({}), CAP_UA)}
    assert rows["density"][1:3] == (140, limits.NOT_EVALUATED)
    assert refusal(setup({}), amplitude_ua=141).startswith("amplitude_ua is 141; rule density ")
