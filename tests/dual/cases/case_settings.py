"""Settings: ranges, slots, damage at every byte."""

from firmware.shared import framing, settings


def refused(data):
    try:
        settings.decode_slot(data)
    except settings.SlotError as error:
        return error.args[0]
    return None


def test_slot_round_trip():
    values = settings.defaults()
    values["amplitude_max_ua"] = 321
    assert settings.decode_slot(settings.encode_slot(9, values)) == (9, values)


def test_truncation_at_every_byte_is_refused():
    data = settings.encode_slot(1, settings.defaults())
    for length in range(len(data) - 1):  # the last byte is the newline
        assert refused(data[:length]), length


def test_newer_schema_and_nonsense_are_refused():
    assert "settings schema 99 is not the 1 of this firmware" in refused(
        framing.encode({"schema": 99, "serial": 1, "values": {}})
    )
    assert "serial" in refused(framing.encode({"schema": 1, "serial": -1, "values": {}}))
    assert "object of names" in refused(framing.encode({"schema": 1, "serial": 1, "values": 5}))
    assert refused(framing.encode({"serial": 1, "values": {}}))


def test_missing_settings_get_defaults():
    serial, values = settings.decode_slot(framing.encode({"schema": 1, "serial": 4, "values": {"lease_ms": 700}}))
    assert serial == 4 and values["lease_ms"] == 700 and values["telemetry_hz"] == 10


def test_every_boundary_of_every_setting():
    for name, low, high, default, meaning in settings.FIELDS:
        assert meaning and low <= default <= high
        assert settings.check({name: low}) is None and settings.check({name: high}) is None
        for value in (low - 1, high + 1):
            assert settings.check({name: value}) == "%s is %d; it must be within %d..%d" % (name, value, low, high)
        for value in (None, True, 1.0, "1"):
            assert settings.check({name: value}) == "%s must be a whole number %d..%d" % (name, low, high)
    assert settings.check({"nonsense": 1}).startswith("nonsense is not a setting")
    assert settings.check([]) == "settings must be an object of names and numbers"
