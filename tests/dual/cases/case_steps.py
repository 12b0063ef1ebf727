"""The schema of programmes: every boundary, wrong types, unknown names; and the sites."""

from firmware.shared import programme, rules, sites, waveform

WAVE = {"amplitude_ua": 100, "frequency_mhz": 10000, "duration_ms": 5000}
SHARED = {"frequency_mhz": 10000, "duration_ms": 5000}
STEP = {"site": "cheek", "side": "left", "wave": WAVE}
INFO = {"name": "trial", "hash": "00ff", "steps": 2, "duration_ms": 5000}


def changed(base, **changes):
    made = dict(base)
    made.update(changes)
    return made


def step_problem(**changes):
    return programme.check_step(changed(STEP, **changes))[1]


def info_problem(**changes):
    return programme.check_info(changed(INFO, **changes))[1]


def test_the_bounds():
    assert (programme.MAX_STEPS, programme.MOVE_MS_MAX, programme.HOLD_MS_MIN) == (48, 60000, 1000)
    assert programme.STEP_FIELDS == (
        ("share_permille", 0, 1000, 0), ("share2_permille", 0, 1000, 0), ("hold_ms", 0, 600000, 0),
        ("move_ms", 0, 60000, 3000),
    )  # fmt: skip
    assert programme.INFO_FIELDS == (
        ("steps", 1, 48, None), ("profile", 0, len(rules.PROFILES) - 1, 0), ("duration_ms", 100, 3600000, None),
        ("unipolar_ms", 0, 3600000, 0),
    )  # fmt: skip
    assert programme.COMMON == ("duration_ms", "ramp_ms")


def test_defaults_are_filled_in():
    found, problem = programme.check_step(STEP)
    assert problem is None
    assert (found["move_ms"], found["hold_ms"], found["share_permille"], found["share2_permille"]) == (3000, 0, 0, 0)
    assert found["wave"]["zone"] == "face" and found["wave"]["amplitude_ua"] == 100 and "wave2" not in found
    assert programme.check_info(INFO) == (changed(INFO, profile=0, unipolar_ms=0), None)
    assert "zone" not in WAVE and len(STEP) == 3  # what came in stays as it was


def test_every_boundary_of_an_info():
    for name, low, high, _default in programme.INFO_FIELDS:
        assert info_problem(**{name: low}) is None and info_problem(**{name: high}) is None
        for value in (low - 1, high + 1):
            assert info_problem(**{name: value}) == "%s is %d; it must be within %d..%d" % (name, value, low, high)
        for value in (True, 1.0, "1", [], {}):
            found = info_problem(**{name: value})
            assert found == "%s is %s; it must be a whole number %d..%d" % (name, waveform.shown(value), low, high)


def test_texts_of_an_info():
    for name, longest in (("name", 32), ("hash", 16)):
        assert info_problem(**{name: "x" * longest}) is None and info_problem(**{name: " ~"}) is None
        for value in ("", "x" * (longest + 1), None, 3, [], "a\x1f", "a\x7f", "\u00e9", "\n"):
            found = info_problem(**{name: value})
            assert found == "%s is %s; it must be a text of 1..%d plain characters" % (
                name, waveform.shown(value), longest
            )  # fmt: skip


def test_missing_and_unknown_fields_of_an_info():
    for value in (None, [], "x", 3, True):
        assert programme.check_info(value) == (None, "info must be an object")
    assert programme.check_info({"name": "a", "hash": "b", "duration_ms": 500})[1].startswith("steps is None")
    assert info_problem(steps=None).startswith("steps is None; it must be a whole number 1..48")
    assert info_problem(author="x") == "'author' is not a field of it"


def test_every_boundary_of_a_step():
    for name, low, high, _default in programme.STEP_FIELDS:
        if name.startswith("share"):
            continue  # bound to the waves; below
        assert step_problem(**{name: low}) is None and step_problem(**{name: high}) is None
        for value in (low - 1, high + 1):
            assert step_problem(**{name: value}) == "%s is %d; it must be within %d..%d" % (name, value, low, high)
        for value in (None, True, 1.0, "1", [], {}):
            found = step_problem(**{name: value})
            assert found == "%s is %s; it must be a whole number %d..%d" % (name, waveform.shown(value), low, high)
    assert step_problem(hold_ms=1) == "hold_ms is 1; it must be at least 1000"
    assert step_problem(hold_ms=999) == "hold_ms is 999; it must be at least 1000"
    assert step_problem(hold_ms=1000) is None


def test_shares():
    for share in (1, 1000):
        found, problem = programme.check_step(changed(STEP, wave=SHARED, share_permille=share))
        assert problem is None and found["wave"]["amplitude_ua"] == 1 and found["share_permille"] == share
    assert step_problem(wave=SHARED).startswith("wave: amplitude_ua is None")
    for share in (-1, 1001):
        assert step_problem(share_permille=share) == "share_permille is %d; it must be within 0..1000" % share
    assert step_problem(share_permille=1) == "wave has amplitude_ua and share_permille too; give one of them"
    sweep = changed(SHARED, amplitude_end_ua=50, sweep_ms=500)
    found = step_problem(wave=sweep, share_permille=1)
    assert found == "wave has amplitude_end_ua and share_permille too; give one of them"
    two = {"frequency_mhz": 20000}
    assert step_problem(wave2=two, share2_permille=1) is None
    assert step_problem(wave2=two).startswith("wave2: amplitude_ua is None")
    assert step_problem(wave2=changed(two, amplitude_ua=5), share2_permille=1).startswith("wave2 has amplitude_ua and")
    for share in (-1, 1001):
        assert step_problem(wave2=two, share2_permille=share).startswith("share2_permille is %d" % share)


def test_places():
    for site in sites.SITES:
        for side in sites.SIDES:
            found, problem = programme.check_step(changed(STEP, site=site, side=side))
            assert problem is None and found["wave"]["zone"] == sites.zone_of(site)
    for name, known in (("site", sites.SITES), ("side", sites.SIDES)):
        for value in ("neck", "", None, 3, True, [], {}):
            found = step_problem(**{name: value})
            assert found == "%s is %s; it must be one of: %s" % (name, waveform.shown(value), ", ".join(known))


def test_what_is_no_step():
    for value in (None, [], "x", 3, True):
        assert programme.check_step(value) == (None, "a step must be an object")
    assert step_problem(cue="x") == "'cue' is not a field of it"
    for name in ("wave", "wave2"):
        for value in (None, [], "x", 3):
            assert step_problem(**{name: value}) == "%s must be an object with a waveform's fields" % name
    assert step_problem(wave=changed(WAVE, colour=1)) == "wave: 'colour' is not a waveform field"
    assert step_problem(wave=changed(WAVE, shape="table")) == "wave is a table; a programme has none"


def test_what_a_wave_must_not_say():
    for name, value in (("zone", "body"), ("sample_us", 100), ("table_crc", 0)):
        assert step_problem(wave=changed(WAVE, **{name: value})) == "wave has %s; the site and the board decide it" % (
            name
        )
        found = step_problem(wave2=changed({"amplitude_ua": 5, "frequency_mhz": 100}, **{name: value}))
        assert found == "wave2 has %s; the site and the board decide it" % name
    for name in programme.COMMON:
        found = step_problem(wave2={"amplitude_ua": 5, "frequency_mhz": 10000, name: 500})
        assert found == "%s is the same for both channels; wave2 has none" % name


def test_a_second_channel_has_the_time_of_the_first():
    wave2 = {"amplitude_ua": 5, "frequency_mhz": 10000, "phase_deg": 90}
    found, problem = programme.check_step(changed(STEP, wave2=wave2, wave=changed(WAVE, ramp_ms=700)))
    assert problem is None
    assert [found["wave2"][name] for name in ("duration_ms", "ramp_ms", "zone", "phase_deg")] == [5000, 700, "face", 90]


def test_what_only_a_second_channel_has():
    assert step_problem(share2_permille=7) == "share2_permille is 7; without wave2 there is no second channel"
    assert step_problem(wave=changed(WAVE, phase_deg=0)) == "phase_deg is 0; only a second channel has it"
    assert step_problem(wave=changed(WAVE, phase_deg=-1)) is None


def test_what_a_step_is_granted():
    wave = {"amplitude_ua": 200}
    assert programme.granted(wave, 0, 1000, 300) == 200 and programme.granted(wave, 0, 800, 300) == 160
    assert programme.granted(wave, 0, 1000, 100) == 200  # the session refuses it
    assert programme.granted(wave, 500, 1000, 301) == 150 and programme.granted(wave, 500, 800, 300) == 120
    assert programme.granted(wave, 1000, 1000, 300) == 300
    assert programme.granted(wave, 1, 1000, 300) == 1 and programme.granted(wave, 1000, 1000, 0) == 1
    assert programme.granted(wave, 0, 1, 300) == 1


def test_sites_and_their_zones():
    assert len(set(sites.SITES)) == len(sites.SITES) == 22 and sites.SIDES == ("left", "right", "middle")
    zones = [sites.zone_of(site) for site in sites.SITES]
    assert [zones.count(zone) for zone in ("face", "eyes", "body")] == [7, 3, 12]
    assert sites.zone_of("brow") == "eyes" and sites.zone_of("ear") == "face" and sites.zone_of("wrist") == "body"
    for unknown in ("neck", "temple", "chest", "", None, 3):
        assert sites.zone_of(unknown) == "" and sites.is_face(unknown) is False
    assert [sites.is_face(site) for site in ("brow", "jaw", "foot")] == [True, True, False]
    assert all(zone in waveform.ZONES for zone in zones)
