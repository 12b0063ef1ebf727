"""Settings: ranges, slots, damage at every byte."""

from firmware.shared import framing, limits, settings, waveform


def refused(data):
    try:
        settings.decode_slot(data)
    except settings.SlotError as error:
        return error.args[0]
    return None


def test_slot_round_trip():
    values = settings.defaults()
    values["threshold_ua"] = 321
    assert settings.decode_slot(settings.encode_slot(9, values)) == (9, values)


def test_truncation_at_every_byte_is_refused():
    data = settings.encode_slot(1, settings.defaults())
    for length in range(len(data) - 1):  # the last byte is the newline
        assert refused(data[:length]), length


def test_newer_schema_and_nonsense_are_refused():
    for schema in (99, 3, 0, -1, True, "2", None):
        found = refused(framing.encode({"schema": schema, "serial": 1, "values": {}}))
        assert found == "settings schema %s is not the 2 of this firmware" % schema
    assert refused(framing.encode({"serial": 1, "values": {}})) == "settings schema -1 is not the 2 of this firmware"
    for serial in (-1, "1", None, True):
        found = refused(framing.encode({"schema": 2, "serial": serial, "values": {}}))
        assert found == "settings slot invalid: serial %s" % serial
    assert refused(framing.encode({"schema": 2, "values": {}})) == "settings slot invalid: serial -1"
    for schema in (1, 2):
        for values in (5, None, [], "x"):
            found = refused(framing.encode({"schema": schema, "serial": 1, "values": values}))
            assert found == "settings slot invalid: settings must be an object of names and numbers"
    assert refused(b"x") == "settings slot damaged: no checksum at the start of the line"
    assert settings.decode_slot(framing.encode({"schema": 2, "serial": 0}))[0] == 0


def test_missing_settings_get_defaults():
    serial, values = settings.decode_slot(framing.encode({"schema": 2, "serial": 4, "values": {"lease_ms": 700}}))
    assert serial == 4 and values["lease_ms"] == 700 and values["telemetry_hz"] == 10


OLD = {"amplitude_max_ua": 600, "session_max_ms": 60000, "lease_ms": 700, "telemetry_hz": 5, "area_mm2": 1000}


def from_schema_1(**changes):
    values = dict(OLD)
    values.update(changes)
    return framing.encode({"schema": 1, "serial": 4, "values": values})


def test_an_older_slot_never_permits_more():
    """The area was confirmed by nobody, so it is dropped; a chosen ceiling stays as a threshold."""
    expected = settings.defaults()
    expected.update({"session_max_ms": 60000, "lease_ms": 700, "telemetry_hz": 5})
    assert settings.decode_slot(from_schema_1()) == (4, expected)
    for ceiling_ua in (1, 50, 599, 601, 1000):
        kept = settings.decode_slot(from_schema_1(amplitude_max_ua=ceiling_ua))[1]
        assert kept["threshold_ua"] == ceiling_ua and kept["area_mm2"] == 0
        request = {"amplitude_ua": 1, "frequency_mhz": 10000, "duration_ms": 10000}
        assert limits.permitted(waveform.check(request)[0], kept, 1000)[0] <= ceiling_ua
    assert settings.decode_slot(framing.encode({"schema": 1, "serial": 4, "values": {}})) == (4, settings.defaults())
    for value in (-1, 1001):
        found = refused(from_schema_1(amplitude_max_ua=value))
        assert found == "settings slot invalid: threshold_ua is %d; it must be within 0..1000" % value
    for value in (None, "600", [], 1.5):
        found = refused(from_schema_1(amplitude_max_ua=value))
        assert found == "settings slot invalid: threshold_ua must be a whole number 0..1000"
    assert "colour is not a setting" in refused(from_schema_1(colour=1))
    assert "amplitude_max_ua is not a setting" in refused(
        framing.encode({"schema": 2, "serial": 4, "values": {"amplitude_max_ua": 400}})
    )


def test_what_a_board_begins_with():
    assert settings.defaults() == {
        "profile": 0, "zone": 1, "area_mm2": 0, "threshold_ua": 0, "session_max_ms": 1200000, "lease_ms": 2000,
        "telemetry_hz": 10, "usb_isolated": 0, "host_may_leave": 0, "buzzer": 1,
    }  # fmt: skip
    assert [row[:4] for row in settings.FIELDS] == [
        ("profile", 0, 1, 0), ("zone", 0, 2, 1), ("area_mm2", 0, 20000, 0), ("threshold_ua", 0, 1000, 0),
        ("session_max_ms", 1000, 3600000, 1200000), ("lease_ms", 500, 10000, 2000), ("telemetry_hz", 0, 50, 10),
        ("usb_isolated", 0, 1, 0), ("host_may_leave", 0, 1, 0), ("buzzer", 0, 1, 1),
    ]  # fmt: skip
    assert settings.SCHEMA_VERSION == 2
    assert settings.defaults() is not settings.defaults()


def test_zones_that_refuse_current_cannot_be_set():
    for zone in ("body", "face", "eyes"):
        assert settings.check({"zone": waveform.ZONES.index(zone)}) is None
    for zone in ("chest", "head"):
        assert settings.check({"zone": waveform.ZONES.index(zone)}) is not None


def test_every_boundary_of_every_setting():
    for name, low, high, default, meaning in settings.FIELDS:
        assert meaning and low <= default <= high
        assert settings.check({name: low}) is None and settings.check({name: high}) is None
        for value in (low - 1, high + 1):
            assert settings.check({name: value}) == "%s is %d; it must be within %d..%d" % (name, value, low, high)
        for value in (None, True, 1.0, "1"):
            assert settings.check({name: value}) == "%s must be a whole number %d..%d" % (name, low, high)
    known = (
        "profile, zone, area_mm2, threshold_ua, session_max_ms, lease_ms, telemetry_hz, usb_isolated, host_may_leave,"
        " buzzer"
    )
    assert settings.check({"nonsense": 1}) == "nonsense is not a setting; there are: %s" % known
    assert settings.check([]) == "settings must be an object of names and numbers"
